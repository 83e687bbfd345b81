//! Passwords in the arguments of programs.

use super::{OURS, Rule, Strength, VALUE};

/// A row for one program.
macro_rules! commands {
    ($($id:literal, $what:literal, [$($keyword:literal),+], $pattern:literal,
        finds [$($finds:literal),+] leaves [$($leaves:literal),*];)+) => {
        &[$(Rule {
            id: $id,
            what: $what,
            source: OURS,
            keywords: &[$($keyword),+],
            pattern: $pattern,
            strength: Strength::Chosen,
            finds: &[$($finds),+],
            leaves: &[$($leaves),*],
            ..VALUE
        }),+]
    };
}

pub(super) const RULES: &[Rule] = commands![
    "mysql-password", "password of mysql and its tools", ["mysql", "mariadb"],
    r"{command}(?:mysql|mariadb)[\w-]*\s(?:{args}\s)?-p{word}",
    finds ["mysql -u root -p⟦S3cr3t!⟧ shop", "mysql -p⟦S3cr3t!⟧", "mysqldump -h db -uapp -p'⟦it is; secret⟧' --all-databases > x.sql",
        "mysql -e \"select 1; select 2\" -p⟦x⟧", "sudo /usr/bin/mysqladmin -p\"⟦a b⟧\" status"]
    leaves ["mysql -u root -p", "mysql -u root -p shop", "mysql -p$MYSQL_PASSWORD", "mysql -P3306 -h db-p1", "mysql --protocol=tcp",
        "ls /var/lib/mysql; mkdir -p/tmp/x", "mysql -p\"$(cat /run/secrets/db)\"", "mysql -p${PW}"];

    "sshpass", "password of sshpass", ["sshpass"],
    r"{command}sshpass\s(?:{args}\s)?-p\s*{word}",
    finds ["sshpass -p ⟦hunter2⟧ ssh root@10.0.0.1", "sshpass -v -p'⟦h u⟧' scp a b:"] leaves ["sshpass -e ssh a@b", "sshpass -f /root/pw ssh a@b", "sshpass -p \"$PW\" ssh a@b"];

    "curl-user", "user and password of curl", ["curl", "wget", "http"],
    r"{command}(?:curl|http|https|xh|lwp-request)(?:\.exe)?\s(?:{args}\s)?(?:-[a-zA-Z#]*[uU]|--user|--proxy-user|-a|--auth)[\s=]*(?:'[^':]*:([^']+)'|\x22[^\x22:]*:((?:\\.|[^\x22\\])+)\x22|[^\s'\x22:;&|/]*:{word})",
    finds ["curl -u admin:⟦S3cr3t⟧ https://x/", "curl -su 'admin:⟦p w⟧' https://x/", "curl --user=\"admin:⟦p|w⟧\" https://x/",
        "curl -sS \\\n  -u admin:⟦S3cr3t⟧ \\\n  https://x/", "http -a bob:⟦pw⟧ https://x/", "curl https://x/ --proxy-user p:⟦q⟧"]
    leaves ["curl -u admin https://x:8080/", "curl -u \"$USER:$PASS\" https://x/", "curl -u admin: https://x/", "curl -u ${U}:${P} https://x/"];

    "password-option", "password given as an option", ["pass", "pwd", "passphrase"],
    r"(?i)(?:^|[\s'\x22(])(?:--?|/)(?:[a-z0-9]+[-_.])*(?:[a-z]*password|passwd|passphrase|passw|pwd|pass(?:in|out)?)(?:=|:|\s+=?\s*)(?:pass:)?{word}",
    finds ["createuser --password ⟦S3cr3t⟧ x", "aws rds create-db-instance --master-user-password=⟦S3cr3t99⟧ --engine mysql",
        "wget --http-password='⟦p w⟧' https://x/", "openssl rsa -in k -passin pass:⟦abc⟧ -out o", "New-User -Password ⟦Hunter2!⟧",
        "cmdkey /add:srv /user:bob /pass:⟦Hunter2⟧", "gpg --batch --passphrase ⟦abcd⟧ -d x"]
    leaves ["docker login --password-stdin", "echo $TOKEN | docker login -u me --password-stdin", "tool --password \"$PW\"", "tool --password",
        "tool --password --verbose", "openssl rsa -passin file:/root/pw", "openssl rsa -passin env:PW", "tool --password-file /root/pw",
        "gpg --passphrase-fd 0", "tool --password=<redacted>", "tool --password ****", "tool --no-password -h x", "tool --password=${PW:-}"];

    "token-option", "token or key given as an option", ["token", "secret", "key"],
    r"(?i)(?:^|[\s'\x22(])--?(?:(?:[a-z0-9]+[-_.])*(?:client|app|webhook|shared|consumer)[-_]?secret|(?:[a-z0-9]+[-_.])*(?:api|access|auth|secret|account|encryption|storage|master|shared)[-_]?key|secret-access-key|(?:(?:access|auth|authn|api|bearer|bot|join|registration|runner|github|gitlab|gh|git|vault|consul|nomad|refresh|id|personal|session|oauth2?|user|admin|root|service|account|k8s|kube|security|discovery|bootstrap|deploy|upload|npm|pypi|slack|agent)[-_.])*token)(?:=|\s+){word}",
    finds ["vault login --token ⟦s.abcdef⟧", "kubeadm join 10.0.0.1:6443 --token ⟦abcdef.0123456789abcdef⟧ --discovery-token-ca-cert-hash sha256:00",
        "tool --api-key=⟦0123456789abcdef⟧", "az login --client-secret ⟦hello-there⟧", "./config.sh --url https://x --token ⟦ABCDEF⟧"]
    leaves ["aws s3api list-objects --next-token abcdefghij", "aws ec2 x --client-request-token 0123", "aws iam delete-access-key --access-key-id AKIAIOSFODNN7EXAMPLE",
        "tool --token-file /x", "tool --token $TOKEN", "docker build --secret id=npm,src=.npmrc .", "aws ec2 create-key-pair --key-name prod",
        "ssh -i key.pem --key x", "aws kms encrypt --key-id alias/x"];

    "redis-password", "password of redis-cli", ["redis-cli"],
    r"{command}redis-cli\s(?:{args}\s)?(?:-a|--pass)\s+{word}",
    finds ["redis-cli -h cache -a ⟦hunter2⟧ info"] leaves ["redis-cli -h cache info", "redis-cli -a $PW"];

    "program-password", "password of a program whose -p, -P, -w or -W is one", ["docker", "podman", "az ", "mongo", "zip", "ldap", "ipmitool", "sqlcmd", "bcp", "influx", "argocd", "oc ", "helm", "twine", "skopeo", "buildah", "nerdctl"],
    r"{command}(?:(?:docker|podman|az|oc|helm|skopeo|buildah|nerdctl)\s(?:{args}\s)?login\s(?:{args}\s)?-p|(?:mongo|mongosh|mongodump|mongorestore|mongoexport|mongoimport)\s(?:{args}\s)?-p|(?:un)?zip\s(?:{args}\s)?-P|ldap(?:search|modify|add|delete|whoami|passwd|compare)\s(?:{args}\s)?-(?:w|s)|(?:ipmitool|sqlcmd|bcp)\s(?:{args}\s)?-P|twine\s(?:{args}\s)?-p)\s+{word}",
    finds ["docker login -u me -p ⟦hunter2⟧ registry.example.com", "mongosh -u root -p ⟦hunter2⟧", "zip -P ⟦abc⟧ x.zip a", "ldapsearch -x -D cn=admin -w ⟦adm1n⟧ -b dc=x", "sqlcmd -S . -U sa -P ⟦Passw0rd!⟧"]
    leaves ["docker run -p 80:80 nginx", "docker compose -p prod up", "zip -r x.zip dir", "ldapsearch -x -W -b dc=x", "unzip -p x.zip a", "docker login -u me -p $PW"];

    "archive-password", "password of 7-Zip or RAR", ["7z", "rar"],
    r"{command}(?:7z[ar]?|rar|unrar)\s(?:{args}\s)?-h?p{word}",
    finds ["7z a -p⟦hunter2⟧ x.7z dir", "rar a -hp⟦hunter2⟧ x.rar dir"] leaves ["7z x x.7z", "7z a -p x.7z"];

    "chpasswd", "password given to chpasswd", ["chpasswd"],
    r"(?:echo|printf|<<<)\s+(?:-\w+\s+)?(?:'[^':]+:([^'|]+)'|\x22[^\x22:]+:((?:\\.|[^\x22\\])+)\x22|[^\s'\x22:|]+:{word})\s*\|\s*(?:sudo\s+)?(?:/usr/sbin/)?chpasswd",
    finds ["echo 'root:⟦hunter2⟧' | chpasswd", "echo \"bob:⟦h!⟧\" | sudo chpasswd", "echo bob:⟦h⟧|chpasswd"] leaves ["chpasswd < /root/list", "echo \"bob:$PW\" | chpasswd"];

    "piped-password", "password piped into a program that asks for one", ["sudo", "passwd", "password-stdin", "cryptsetup", "kinit", "su "],
    r"(?:echo|printf)\s+(?:-\w+\s+)?{word}\s*\|\s*(?:[^\s|;&]+\s+)??(?:sudo\s+(?:-\w+\s+)*-\w*S\b|(?:\S*/)?passwd\s{args}--stdin|{args}--password-stdin|cryptsetup\s|kinit\s|su\s)",
    finds ["echo ⟦hunter2⟧ | sudo -S ls", "echo '⟦h 2⟧' | passwd --stdin bob", "echo ⟦tok⟧ | docker login -u me --password-stdin"]
    leaves ["echo $PW | sudo -S ls", "echo hello | sudo tee /etc/motd", "aws ecr get-login-password | docker login --password-stdin -u AWS x"];

    "windows-account", "password of an account on Windows", ["net ", "net1 ", "convertto-securestring", "wmic", "psexec"],
    r"(?i)(?:{command}net1?(?:\.exe)?\s+user\s+(?:\x22[^\x22]+\x22|[^\s/]+)\s+([^\s/*\x22][^\s]*)|{command}net1?(?:\.exe)?\s+use\s{args}/user:\S+\s+([^\s/*]\S*)|ConvertTo-SecureString\s+(?:-String\s+)?(?:-AsPlainText\s+)?(?:-Force\s+)?(?:-String\s+)?{word}|{command}(?:wmic|psexec(?:64)?)(?:\.exe)?\s{args}(?:-p\s+|/password:){word})",
    finds ["net user bob ⟦Hunter2!⟧ /add", "ConvertTo-SecureString \"⟦Hunter2!⟧\" -AsPlainText -Force", "net use Z: \\\\srv\\c$ /user:corp\\bob ⟦Hunter2!⟧", "psexec \\\\srv -u bob -p ⟦Hunter2⟧ cmd"]
    leaves ["net user bob", "net user bob /delete", "net user bob * /add", "ConvertTo-SecureString $pw -AsPlainText -Force", "net use Z: \\\\srv\\share"];

    "smb-credentials", "user and password of an SMB tool", ["smbclient", "rpcclient", "mount", "impacket", "secretsdump", "wmiexec", "smbexec", "crackmapexec", "netexec", "nxc "],
    r"{command}(?:(?:smbclient|rpcclient|smbmap|winexe)\s(?:{args}\s)?-U\s*(?:'[^'%]*%([^']+)'|\x22[^\x22%]*%([^\x22]+)\x22|[^\s%'\x22]*%{word})|(?:impacket-)?(?:secretsdump|wmiexec|smbexec|psexec|atexec|dcomexec|GetUserSPNs)(?:\.py)?\s(?:{args}\s)?['\x22]?[^\s:'\x22@]+:([^@\s'\x22]+)@|(?:crackmapexec|netexec|nxc|cme)\s{args}\s-p\s+{word})",
    finds ["smbclient //srv/c -U bob%⟦hunter2⟧", "secretsdump.py corp/bob:⟦hunter2⟧@10.0.0.1", "nxc smb 10.0.0.0/24 -u bob -p ⟦hunter2⟧"]
    leaves ["smbclient //srv/c -U bob", "mount /dev/xvdf /mnt"];

    "ssh-keygen-passphrase", "passphrase of ssh-keygen", ["ssh-keygen"],
    r"{command}ssh-keygen\s(?:{args}\s)?-[NP]\s*{word}", finds ["ssh-keygen -t ed25519 -N '⟦abc def⟧' -f k"] leaves ["ssh-keygen -t ed25519 -N '' -f k", "ssh-keygen -N \"\" -f k"];

    "htpasswd", "password of htpasswd", ["htpasswd"],
    r"{command}htpasswd\s+-\w*b\w*\s+(?:-\w+\s+)*(?:\S+\s+)??[^\s-]\S*\s+{word}\s*(?:$|[;&|>\n])",
    finds ["htpasswd -cb /etc/nginx/users bob ⟦hunter2⟧", "htpasswd -nb bob ⟦hunter2⟧"] leaves ["htpasswd -c /etc/nginx/users bob"];

    "vault-login", "token given to vault", ["vault login"],
    r"{command}vault\s+login\s+(?:-[\w-]+\s+)*([^\s=-][^\s=]{7,})\s*$", finds ["vault login ⟦s.abcdefgh12345⟧"] leaves ["vault login -method=aws", "vault login $TOKEN"];
];
