//! What keys and frames tell about an object.

/// How far from the ends of an object a frame is looked for.
const MAX_FRAME_BYTES: usize = 4 * 1024;

/// Whether a key is one of Run Command: `…/<command ID>/<managed node>/<plugin>/…/stdout`.
pub(super) fn is_command_output(key: &str) -> bool {
    ends_in_stream(key) && node_of_command(key).is_some()
}

/// The managed node in a key of Run Command: the directory after a UUID.
pub(super) fn node_of_command(key: &str) -> Option<&str> {
    let mut segments = key.split('/');
    segments.find(|segment| is_uuid(segment))?;
    segments.next().filter(|segment| segment.starts_with("i-") || segment.starts_with("mi-"))
}

/// Whether a key is one under which the agent stores what it has to say: `…/Standard_Stream/stderr`.
pub(super) fn is_agent_output(key: &str) -> bool {
    ends_in_stream(key)
}

/// The log stream in the key of an export: the directory of a numbered file.
pub(super) fn export_stream(key: &str) -> Option<&str> {
    let (directories, name) = key.rsplit_once('/')?;
    let number = name.strip_suffix(".gz").unwrap_or(name);
    let numbered = number.len() >= 6 && number.bytes().all(|byte| byte.is_ascii_digit());
    let stream = directories.rsplit('/').next()?;
    (numbered && !stream.is_empty()).then_some(stream)
}

/// Whether a typescript is of a command that had no terminal: the header names the agent's plugin for those, or the
/// agent has appended the exit code.
///
/// Whoever can print could print that line too. It is believed only where no line has the ends that a terminal
/// gives, and believing it hides nothing: all text stays, as output.
pub(super) fn runs_without_terminal(content: &[u8]) -> bool {
    let head = &content[..content.len().min(MAX_FRAME_BYTES)];
    let header = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
    if memchr::memmem::find(header, b"/NonInteractiveCommands/ipcTempFile.log\" <").is_some()
        && !header.ends_with(b"\r")
    {
        return true;
    }
    // Releases that write the date in words leave the line ends of terminals alone, which then prove nothing.
    let dated = header
        .split(|&byte| byte == b' ')
        .any(|word| matches!(word, [b'2', _, _, _, b'-', _, _, b'-', _, _]) && !header.ends_with(b"\r"));
    // Nearly all have one, which shows in their first lines.
    dated && !has_terminal(content) && ends_in_exit_code(content)
}

fn has_terminal(content: &[u8]) -> bool {
    memchr::memmem::find(content, b"\r\r\n").is_some()
        || memchr::memmem::find(content, b"\x1b[?2004h").is_some()
}

/// `EXIT_CODE: <n>`, right before the footer or the end.
fn ends_in_exit_code(content: &[u8]) -> bool {
    const NAME: &[u8] = b"EXIT_CODE: ";
    let tail = &content[content.len().saturating_sub(MAX_FRAME_BYTES)..];
    let Some(at) = memchr::memmem::rfind(tail, NAME) else { return false };
    let rest = &tail[at + NAME.len()..];
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'-').count();
    let after = &rest[digits..];
    // One line may follow, the footer.
    digits > 0 && after.trim_ascii_end().split(|&byte| byte == b'\n').count() <= 2
}

fn ends_in_stream(key: &str) -> bool {
    let key = key.strip_suffix(".gz").unwrap_or(key);
    matches!(key.rsplit_once('/'), Some((_, "stdout" | "stderr")))
}

fn is_uuid(segment: &str) -> bool {
    let lengths = segment.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && segment.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}
