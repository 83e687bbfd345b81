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
    7z aa-status ab acme.sh add-apt-repository adduser airflow alias amazon-linux-extras amazon-ssm-agent amtool
    ansible ansible-playbook ansible-vault apachectl apk apt apt-cache apt-get apt-mark aptitude argocd aria2c
    arp arping atop atq auditctl aureport ausearch autossh avahi-browse awk aws aws-vault axel az b2sum base32
    base64 basename bazel bc bg blkdiscard blkid blockdev bluetoothctl bmon bpftool bpftrace bq brctl brew btop
    btrfs buildah bundle bunzip2 busctl bwm-ng bzcat bzip2 caddy cal capsh cargo case cat cc cd cdk celery
    certbot cfdisk cfssl chage chattr chcon chef-client chgrp chkconfig chkrootkit chmod chown chpasswd chronyc
    chrt chsh cksum clamscan clang clear clickhouse clickhouse-client cloc cloud-init cloudflared cmake cmp
    cockroach compgen composer conntrack consul containerd coredumpctl cp cpio cpupower cqlsh createdb
    createuser crontab cryptsetup cscli curl cut date dbus-send dc dd debootstrap debugfs declare delgroup
    deluser deno df dhclient dhcpcd dialog diff dig direnv dirname dirs disown django-admin dmesg dmidecode
    dmsetup dnf dnsmasq docker-compose dockerd doctl dos2unix dotnet doveadm dpkg dpkg-query dpkg-reconfigure
    dropdb dropuser dscl dstat du duf dumpe2fs e2fsck ebtables ec2-metadata echo efibootmgr egrep eksctl emacs
    emerge equery eselect etcdctl ethtool eval exiftool exit export exportfs expr eza fail2ban-client faillock
    faillog fallocate false fc-list fd fdfind fdisk ffmpeg ffprobe fg fgrep file find findmnt firewall-cmd
    firewalld flatpak fluent-bit flyctl for fping free fsck fsfreeze fuser fusermount fzf g++ gawk gcc gcloud
    gdisk gem getcap getenforce getent getfacl getfattr getsebool gh git gitleaks glab glances gluster go gofmt
    gpasswd gpg gpg2 gpgconf gradle grep groupadd groupdel groupmod groups growpart grpcurl grub-install
    grub-mkconfig grub2-install grub2-mkconfig gsutil gunicorn gunzip gzip haproxy hashcat hcloud hdfs hdparm
    head helm heroku hexdump hexedit hg history host hostname hostnamectl hping3 htdigest htop htpasswd httpd
    hwclock hydra hyperfine icinga2 iconv id if ifconfig ifdown iftop ifup inotifywait insmod invoke-rc.d inxi
    ionice iostat iotop ip ipcalc ipcrm ipcs iperf iperf3 ipmitool ipset iptables ipvsadm iscsiadm istioctl iw
    iwconfig java javac jcmd jmap jobs john journalctl jps jq jstack jstat k3s k6 k9s kcat kexec keyctl keytool
    kill killall kinit klist knife kubeadm kubectx kubens kustomize last lastb lastlog launchctl ldapsearch
    ldconfig ldd less linkerd linode-cli ln locale locale-gen localectl locate logger loginctl logout logrotate
    logsave losetup lpstat ls lsattr lsb_release lsblk lscpu lshw lsinitramfs lsipc lslocks lslogins lsmod lsns
    lsof lspci lsscsi lsusb ltrace lua lvcreate lvdisplay lvextend lvreduce lvs lynx lz4 lzma mailq mailx make
    man md5sum mdadm microk8s minikube mkcert mkdir mkfifo mkfs mkfs.ext4 mkfs.xfs mkisofs mknod mkpasswd mkswap
    mktemp modinfo modprobe mokutil mongodump monit more mosquitto_pub mosquitto_sub mount mountpoint mpstat
    msfvenom mtr multitail mutt mv mvn mycli mysqladmin mysqlcheck mysqldump mysqlshow named-checkconf nano nc
    ncat ncdu ndctl needrestart neofetch netcat netplan netstat networkctl newaliases nfsstat nft nginx ngrok
    nixos-rebuild nload nmap nmcli nmtui node nohup nomad npm nproc npx nslookup nstat nsupdate ntpdate ntpdc
    ntpq numactl nvidia-smi nvm nvme nvtop oathtool objcopy objdump od openssl openvpn opkg oscap osqueryi
    ovs-vsctl packer pacman pandoc parted partprobe passwd pastebinit patchelf pbcopy pbzip2 pcs pct pdsh perl
    pfctl pg_basebackup pg_controldata pg_ctl pg_dump pg_dumpall pg_isready pg_lsclusters pg_restore pgbench
    pgcli pgrep php pidof pidstat pigz ping pip pip3 pipenv pipx pkg pkill pm2 pmap pmset pnpm poetry popd
    postcat postconf postmap postqueue postsuper powertop pppd printenv printf prlimit promtool proxychains
    proxychains4 ps pssh pstree pulumi pushd pvcreate pvdisplay pvecm pvesh pvesm pvresize pvs pwck pwd pwdx
    pwgen pwsh pyenv pylint pytest python2 python3 qemu-img qm quotacheck rabbitmq-diagnostics rabbitmq-plugins
    rabbitmqctl rails rake raspi-config rc-service rc-update rclone read readelf readlink realpath reboot
    redis-benchmark redis-server renice repoquery repquota resize2fs resolvectl restic restorecon rg rkhunter
    rlwrap rm rmdir rmmod rndc rpcinfo rpm rpm2cpio rpmbuild rrdtool rsync rsyslogd ruby runc runlevel rustc
    rustup s3cmd salt salt-call salt-key sar sbatch scp sdiff searchsploit sed semanage sendmail seq service
    sestatus set setcap setenforce setfacl setsebool setsid setterm sfdisk sgdisk sha1sum sha224sum sha256sum
    sha384sum sha512sum shasum shellcheck shopt showmount shuf shutdown siege skaffold skopeo slabtop sleep
    smartctl smbclient smbstatus smem snap snmpget snmpwalk socat sops sort sosreport spark-submit sqlcmd sqlmap
    squeue squid ss ssh-add ssh-copy-id ssh-keygen ssh-keyscan sshfs sshpass sslscan sssctl stat stern strace
    stty subscription-manager sudoedit supervisorctl supervisord svn svnadmin sw_vers swaks swapoff swapon
    sysbench sysctl sysdig systemctl systemd-analyze systemd-cat systemd-cgls systemd-cgtop systemd-delta
    systemd-escape systemd-inhibit systemd-nspawn systemd-resolve systemd-run systemd-tmpfiles tac tail
    tailscale talosctl tar taskset tcpdump tcpflow tcptraceroute tee telinit telnet terraform terragrunt test
    tftp tig timedatectl tmpwatch tmutil top touch tox tput tr tracepath traceroute trap trivy true tshark tty
    tune2fs type typeset tzselect udevadm ufw ulimit umask umount unalias uname uniq unlz4 unpigz unrar unset
    unsquashfs until unxz unzip unzstd update-alternatives update-ca-certificates update-ca-trust update-grub
    update-initramfs update-rc.d updatedb uptime upx useradd userdel usermod uuencode uuidgen uv uvicorn uwsgi
    vagrant vault vboxmanage velero vgcfgbackup vgchange vgcreate vgdisplay vgextend vgs vi vigr vim vimdiff
    vipw virsh virtualenv visudo vmstat vmtouch vnstat vtysh w w3m wait watch wc wg wg-quick wget whatis whereis
    which while whiptail who whoami whois wipefs wpa_cli wpscan xargs xauth xbps-install xfs_growfs xfs_info
    xfs_repair xmllint xmlstarlet xorriso xxd xz xzcat yara yarn yay yq yum yumdownloader zabbix_get zcat zdb
    zdiff zdump zfs zgrep zip zipinfo zless zpool zramctl zstd zstdcat zstdgrep zsync zypper
";

/// All of these, to be looked up.
pub(super) static KNOWN: LazyLock<HashSet<&str>> =
    LazyLock::new(|| COMMON.split_ascii_whitespace().chain(NESTING).chain(SHELLS).collect());

/// Those that bring a prompt, to be looked up.
pub(super) static NEST: LazyLock<HashSet<&str>> =
    LazyLock::new(|| NESTING.into_iter().chain(SHELLS).collect());
