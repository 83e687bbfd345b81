//! The prompts of PowerShell and cmd.exe.

/// Most bytes of a line in which the prompt may stand.
const MAX_PROMPT_BYTES: usize = 300;

/// Programs that bring a prompt of Windows, without `.exe`.
const SHELLS: [&str; 9] =
    ["cmd", "powershell", "pwsh", "enter-pssession", "etsn", "winrs", "psexec", "psexec64", "wsl"];

/// What cmd.exe asks for the rest of a line with.
pub(crate) const MORE: &str = "More? ";

/// Where the prompt of cmd.exe ends that a line starts with: a drive, a path and `>`, with the command right behind it.
pub(crate) fn cmd_end(line: &[u8]) -> Option<usize> {
    let [drive, b':', b'\\', ..] = line else { return None };
    if !drive.is_ascii_alphabetic() {
        return None;
    }
    let window = &line[..line.len().min(MAX_PROMPT_BYTES)];
    let end = memchr::memchr(b'>', window)?;
    let legal = |byte: &u8| *byte >= b' ' && !b":<\"/|?*".contains(byte);
    let path = window[3..end].iter().all(legal) && (end == 3 || window[end - 1] != b' ');
    path.then_some(end + 1)
}

/// Whether a prompt without its ending is one of PowerShell, in a debugger or on another computer too.
pub(crate) fn is_powershell(body: &str) -> bool {
    body.starts_with("PS ")
        || body.strip_prefix('[').and_then(|rest| rest.split_once("]: PS ")).is_some_and(|(name, _)| {
            !name.is_empty()
                && !name.contains(|character: char| character.is_whitespace() || "[]".contains(character))
        })
}

/// Whether a prompt without its ending is one of cmd.exe.
pub(crate) fn is_cmd(body: &str) -> bool {
    let bytes = body.as_bytes();
    bytes.get(1..3) == Some(b":\\") && cmd_end(&[bytes, b">"].concat()) == Some(bytes.len() + 1)
}

/// What stays the same when the prompt comes back, whatever the folder.
pub(crate) fn key(body: &str) -> Option<&'static str> {
    if is_powershell(body) {
        Some("PS>")
    } else if is_cmd(body) {
        Some("cmd>")
    } else {
        None
    }
}

/// Whether a line starts with a prompt of Windows, or with what asks for the rest of a command.
pub(crate) fn starts_line(line: &[u8]) -> bool {
    let line = &line[..line.len().min(MAX_PROMPT_BYTES)];
    let powershell = match line.first() {
        Some(b'P') => line.starts_with(b"PS "),
        Some(b'[') => memchr::memmem::find(line, b"]: PS ").is_some(),
        Some(b'>') => return line.starts_with(b">> "),
        _ => false,
    };
    (powershell && memchr::memchr(b'>', line).is_some()) || cmd_end(line).is_some()
}

/// Whether a command may lead to a prompt of Windows.
pub(crate) fn brought_by(command: &str) -> bool {
    command.split([' ', '\t', '\n', ';', '|', '&', '(', ')', '"', '\'']).any(|word| {
        let name = word.rsplit(['\\', '/']).next().unwrap_or(word);
        let name = name
            .get(..name.len().saturating_sub(4))
            .filter(|_| {
                name.get(name.len().saturating_sub(4)..).is_some_and(|end| end.eq_ignore_ascii_case(".exe"))
            })
            .unwrap_or(name);
        SHELLS.iter().any(|shell| shell.eq_ignore_ascii_case(name))
    })
}

#[cfg(test)]
mod tests {
    use super::{brought_by, cmd_end, is_cmd, key, starts_line};

    #[test]
    fn prompts_of_cmd_end_at_the_first_bracket() {
        for (line, end) in [
            ("C:\\Windows\\system32>dir > x", Some(20)),
            ("C:\\>", Some(4)),
            ("d:\\a b\\c>x", Some(9)),
            ("C:\\ >x", None),
            ("C:\\a:b>", None),
            ("C:\\a\"b>", None),
            ("C:/a>", None),
            ("1:\\a>", None),
            ("C:\\a", None),
            ("", None),
        ] {
            assert_eq!(cmd_end(line.as_bytes()), end, "{line}");
        }
    }

    #[test]
    fn prompts_of_a_shell_have_one_key() {
        for (body, expected) in [
            ("PS C:\\x", Some("PS>")),
            ("[DBG]: PS C:\\x>", Some("PS>")),
            ("[srv-1.example]: PS C:\\Users\\a", Some("PS>")),
            ("C:\\x y", Some("cmd>")),
            ("[a b]: PS C:\\", None),
            ("x@y:/tmp", None),
        ] {
            assert_eq!(key(body), expected, "{body}");
        }
        assert!(!is_cmd("C:"));
    }

    #[test]
    fn lines_of_commands() {
        for line in ["PS C:\\> x", ">> x", "C:\\>x", "[DBG]: PS C:\\>> x"] {
            assert!(starts_line(line.as_bytes()), "{line}");
        }
        for line in ["PS C:", ">>x", "x> y", "[x] y>", ""] {
            assert!(!starts_line(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn commands_that_bring_a_prompt() {
        for command in
            ["cmd", "CMD.EXE /k x", "C:\\Windows\\System32\\cmd.exe", "Enter-PSSession srv", "& 'pwsh'"]
        {
            assert!(brought_by(command), "{command}");
        }
        for command in ["cmdkey", "dir", "exe", "é.exe", ""] {
            assert!(!brought_by(command), "{command}");
        }
    }
}
