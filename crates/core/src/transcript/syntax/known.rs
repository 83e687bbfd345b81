//! The names of programs that people run.

use std::sync::LazyLock;

use foldhash::HashSet;

use crate::transcript::openings::SHELLS;

/// Programs that bring a prompt of their own, besides shells.
const NESTING: [&str; 50] = [
    "su",
    "sudo",
    "doas",
    "ssh",
    "mosh",
    "telnet",
    "cmd",
    "docker",
    "podman",
    "nerdctl",
    "crictl",
    "ctr",
    "kubectl",
    "oc",
    "lxc",
    "incus",
    "chroot",
    "nsenter",
    "unshare",
    "machinectl",
    "runuser",
    "setpriv",
    "script",
    "screen",
    "tmux",
    "login",
    "newgrp",
    "sg",
    "exec",
    "source",
    ".",
    "env",
    "python",
    "ipython",
    "node",
    "irb",
    "psql",
    "mysql",
    "mariadb",
    "sqlite3",
    "mongo",
    "mongosh",
    "redis-cli",
    "ftp",
    "sftp",
    "gdb",
    "pdb",
    "lldb",
    "busybox",
    "conda",
];

/// Programs that people run, and words of the grammar; a line that starts with none of them is more likely output.
const COMMON: &str = "
    7z add-apt-repository adduser alias amazon-linux-extras amazon-ssm-agent ansible ansible-playbook
    ansible-vault apachectl apk apt apt-cache apt-get apt-mark aptitude argocd aria2c arp arping atq auditctl
    aureport ausearch awk aws aws-vault az b2sum base32 base64 basename bazel bc bg blkid blockdev bpftool
    bpftrace bq brctl brew btrfs buildah busctl bzcat bzip2 cal capsh cargo case cat cd cdk celery certbot chage
    chattr chcon chef-client chgrp chkconfig chmod chown chpasswd chronyc chrt chsh cksum clang clear
    clickhouse-client cloud-init cloudflared cmake cmp compgen composer consul coredumpctl cp cpio createdb
    crontab cryptsetup curl cut date dc dd declare deluser deno df diff dig dirname dirs disown django-admin
    dmesg dmidecode dnf docker-compose doctl dos2unix dotnet doveadm dpkg dpkg-query dscl dstat du dumpe2fs
    e2fsck ec2-metadata echo egrep eksctl emacs equery eselect etcdctl ethtool eval exit export exportfs
    fail2ban-client faillock fallocate false fdisk ffmpeg fg fgrep file find findmnt firewall-cmd flatpak flyctl
    for fping free fsck fuser fzf g++ gcc gcloud gem getcap getenforce getent getfacl getsebool gh git glab go
    gpasswd gpg gradle grep groupadd groupdel groupmod groups growpart gsutil gunicorn gunzip gzip hcloud hdfs
    hdparm head helm heroku hexdump hg history host hostname hostnamectl htop hwclock iconv id if ifconfig iftop
    insmod invoke-rc.d ionice iostat iotop ip ipcrm ipcs iptables istioctl iwconfig java javac jcmd jmap jobs
    journalctl jps jq jstack k3s k9s keytool kill killall kinit klist kubeadm kubectx kubens kustomize last
    lastb lastlog launchctl ldapsearch ldconfig ldd less linkerd linode-cli ln localectl logger loginctl logout
    logrotate losetup ls lsattr lsblk lscpu lshw lsmod lsns lsof lspci lsusb ltrace lua lvcreate lvdisplay
    lvextend lvreduce lvs lz4 mailx make man md5sum mdadm microk8s minikube mkdir mkfs mkfs.ext4 mkfs.xfs mkswap
    mktemp modprobe mongodump more mount mpstat mtr mv mvn mysqladmin mysqldump nano nc ncat ncdu neofetch
    netstat networkctl nft ngrok nixos-rebuild nmap nmcli node nohup npm nproc npx nslookup ntpdate ntpq numactl
    nvidia-smi nvm objdump od openssl openvpn opkg packer pacman parted partprobe passwd pbcopy perl pg_ctl
    pg_dump pg_isready pg_restore pgrep php pidof pidstat ping pip pip3 pipenv pipx pkill pm2 pmap pnpm poetry
    popd postqueue postsuper printenv printf prlimit ps pstree pulumi pushd pvcreate pvdisplay pvecm pvresize
    pvs pwd pyenv python2 python3 qemu-img rabbitmqctl rails rake rc-service rc-update rclone read readelf
    readlink realpath reboot renice repoquery resize2fs resolvectl restorecon rg rm rmdir rmmod rpm rpm2cpio
    rsync ruby rustc rustup s3cmd salt-call sar sbatch scp sdiff sed semanage seq service sestatus set setcap
    setenforce setfacl setsebool sfdisk sgdisk sha1sum sha224sum sha256sum sha512sum shasum shopt showmount shuf
    shutdown skaffold skopeo slabtop sleep smartctl smbclient snap socat sort squeue ss ssh-add ssh-copy-id
    ssh-keygen ssh-keyscan sssctl stat strace stty supervisorctl svn sw_vers swapoff swapon sysctl systemctl
    systemd-analyze systemd-cgls systemd-resolve systemd-run tac tail tailscale talosctl tar taskset tcpdump tee
    telnet terraform terragrunt test timedatectl tmutil top touch tput tr tracepath traceroute trap true tshark
    tty tune2fs type typeset udevadm ufw ulimit umask umount unalias uname uniq unrar unset until unzip
    update-alternatives update-rc.d updatedb uptime useradd userdel usermod uuencode uuidgen uv uwsgi vagrant
    vboxmanage velero vgcreate vgdisplay vgextend vgs vi vim vimdiff vipw virsh virtualenv visudo vmstat w wait
    watch wc wg wg-quick wget whereis which while who whoami whois xargs xbps-install xfs_growfs xfs_repair
    xmllint xxd xz xzcat yarn yq yum yumdownloader zcat zfs zgrep zip zless zpool zstd zypper
";

/// All of these, to be looked up.
pub(super) static KNOWN: LazyLock<HashSet<&str>> =
    LazyLock::new(|| COMMON.split_ascii_whitespace().chain(NESTING).chain(SHELLS).collect());

/// Those that bring a prompt, to be looked up.
pub(super) static NEST: LazyLock<HashSet<&str>> =
    LazyLock::new(|| NESTING.into_iter().chain(SHELLS).collect());
