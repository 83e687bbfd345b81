//! Finds where an edit ends that a shell marked: by bracketed-paste mode, or by shell integration (OSC 133, OSC 633).

use super::colour::Colours;
use super::page::Close;
use super::replay::MAX_EDIT_BYTES;
use super::run::text_len;
use super::strip::EditStrip;
use super::token::{Token, token_at};

/// Bytes at the start of an edit that tell its prompt.
const HEAD_BYTES: usize = 8;

/// How far away from a line the mark is looked for that says where the output of some command begins, and how much may stand
/// between a line and the next mark.
const MAX_MARK_DISTANCE: usize = 8 * 1024;
const MAX_TOKENS_TO_MARK: usize = 16;

/// What opens an edit.
const REOPENED: &[u8] = b"\x1b[?2004h";

/// The prompt of a program that goes on in the line.
const SQLITE: &[u8] = b"sqlite> ";

/// What opens it again behind the text of that line.
const REOPENED_IN_LINE: &[u8] = b"\r\x1b[?2004h\x1b[C";

/// What closes one.
pub(crate) const CLOSED: &[u8] = b"\x1b[?2004l";

/// How the editor of node begins to paint a line.
const PAINTED_LINE: &[u8] = b"\x1b[1G\x1b[0J";

/// Where an edit ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EditSpan {
    /// One past its last byte.
    pub end: usize,
    /// Where what follows starts.
    pub next: usize,
    /// Why it ended.
    pub close: Close,
    /// The last thing in it was a newline.
    pub newline: bool,
    /// The keypad was left in application mode.
    pub application_keys: bool,
    /// Text was printed that could not be read.
    pub concealed: bool,
}

/// What is known of the keypad when an edit begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keypad {
    /// It is in application mode.
    pub application: bool,
    /// This line editor switched that on, and switches it off where a line is submitted.
    pub is_given_back: bool,
}

/// Finds the end of the edit that starts at `start`. `integration` says that shell integration opened it; `colours` are
/// those in force, and are kept up to date. `strip` is given what stands in the edit.
pub(crate) fn edit_span(
    source: &[u8],
    start: usize,
    integration: bool,
    keypad: Keypad,
    colours: &mut Colours,
    mut strip: Option<&mut EditStrip<'_>>,
) -> EditSpan {
    let mut at = start;
    let mut newline = false;
    let mut printed = false;
    let mut fenced = !integration;
    let mut prompt_ended = false;
    let mut application_keys = keypad.application;
    let mut concealed = false;
    loop {
        // Line editors go back one column at a time.
        if source.get(at) == Some(&0x08) && at - start < MAX_EDIT_BYTES {
            let backspaces = backspaces(&source[at..]).min(MAX_EDIT_BYTES - (at - start));
            at += backspaces;
            if let Some(strip) = &mut strip {
                strip.backspace(backspaces);
            }
        }
        let Some((token, next)) = token_at(source, at) else { break };
        let span = |end: usize, next: usize, close: Close| EditSpan {
            end,
            next,
            close,
            newline,
            application_keys,
            concealed,
        };
        if next - start > MAX_EDIT_BYTES {
            return span(at, at, Close::TooLong);
        }
        match token {
            Token::Csi(csi) if csi.command == b'm' && csi.marker == 0 => colours.apply(csi.params),
            Token::Csi(csi) if csi.marker == b'?' => {
                match (csi.private_mode(b"2004"), csi.alternate_screen()) {
                    // zsh lets a text editor have the terminal, and goes on in the same line. So does sqlite3 behind C-c.
                    (Some(false), _)
                        if !newline
                            && !integration
                            && (source[next..].starts_with(REOPENED)
                                || (source[next..].starts_with(REOPENED_IN_LINE)
                                    && source[start..].starts_with(SQLITE))) => {}
                    (Some(false), _) => {
                        // bash starts and ends an edit at once, behind a line that no newline ended: behind one that was
                        // submitted, it is the program's that finds no more input. zsh does not give the keypad back.
                        let interrupted = (!newline
                            && source[next..].starts_with(b"\r\x1b[?2004h\x1b[?2004l"))
                            || (keypad.is_given_back && application_keys);
                        return span(at, next, if interrupted { Close::Interrupt } else { Close::Fence });
                    }
                    (Some(true), _) if newline && printed => return span(at, at, Close::Reopened),
                    (Some(true), _) => fenced = true,
                    (_, Some(true)) => return span(at, at, Close::FullScreen),
                    _ => application_keys = csi.private_mode(b"1").unwrap_or(application_keys),
                }
            }
            Token::Osc([b'1' | b'6', b'3', b'3', b';', mark, ..]) => match mark {
                b'B' => prompt_ended = true,
                // The prompt may say so itself, each time that it is painted.
                b'D' if fenced
                    && !integration
                    && !newline
                    && is_prompt_start(&source[next..])
                    && (printed || closes_first(&source[next..])) => {}
                b'C' => return span(at, next, Close::Fence),
                b'D' => {
                    let broken = newline && source[start..at].trim_ascii_end().ends_with(b"^C");
                    return span(at, next, if broken { Close::Interrupt } else { Close::Fence });
                }
                b'A' if newline && printed => return span(at, at, Close::Reopened),
                _ => {}
            },
            Token::Control(b'\n') => {
                newline = true;
                if !fenced && prompt_ended {
                    if let Some(strip) = strip {
                        strip.feed(token, source, next);
                    }
                    let broken =
                        source[start..at].trim_ascii_end().ends_with(b"^C") && runs_nothing(source, next);
                    let close = match () {
                        () if broken => Close::Interrupt,
                        () if lists(source, next) => Close::Reopened,
                        () => Close::Fence,
                    };
                    return EditSpan { end: next, next, close, newline, application_keys, concealed };
                }
            }
            Token::Text(text) => {
                newline = false;
                printed = true;
                concealed |= colours.hide() && is_visible(text);
            }
            _ => {}
        }
        if let Some(strip) = &mut strip {
            strip.feed(token, source, next);
        }
        at = next;
    }
    // Whatever a program prints may open an edit that nobody closes; the lines behind it are its output.
    if let Some(end) = foreign_line(&source[start..at]).filter(|_| !integration).map(|end| start + end) {
        if let Some(strip) = strip {
            strip.fail();
        }
        return EditSpan {
            end,
            next: end,
            close: Close::Reopened,
            newline: true,
            application_keys,
            concealed,
        };
    }
    EditSpan { end: at, next: at, close: Close::End, newline, application_keys, concealed }
}

impl EditSpan {
    /// Whether what it spans, from `start` on, is the lines of a shell without marks.
    pub(crate) fn is_stray(&self, source: &[u8], start: usize) -> bool {
        is_stray(&source[start..self.end])
    }
}

/// Whether shell integration says that a prompt starts.
fn is_prompt_start(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x1b]133;A") || bytes.starts_with(b"\x1b]633;A")
}

/// Whether the editor closes its edit before shell integration says that something runs, or has run.
fn closes_first(bytes: &[u8]) -> bool {
    let near = &bytes[..bytes.len().min(MAX_EDIT_BYTES)];
    let near = &near[..memchr::memmem::find(near, CLOSED).unwrap_or(0)];
    let mut marks = memchr::memmem::find_iter(near, b"33;").map(|at| &near[at..]);
    !marks.any(|mark| mark.starts_with(b"33;C")) && !near.is_empty()
}

/// Whether shell integration that tells where the output of a command begins goes on at `at` without it: to the end of the
/// command, or to the next prompt, with nothing printed between.
fn runs_nothing(source: &[u8], at: usize) -> bool {
    let near = &source[at.saturating_sub(MAX_MARK_DISTANCE)..source.len().min(at + MAX_MARK_DISTANCE)];
    let marks: [&[u8]; 2] = [b"\x1b]133;C", b"\x1b]633;C"];
    if marks.iter().all(|mark| memchr::memmem::find(near, mark).is_none()) {
        return false;
    }
    let mut at = at;
    for _ in 0..MAX_TOKENS_TO_MARK {
        match token_at(source, at) {
            Some((Token::Osc([b'1' | b'6', b'3', b'3', b';', mark, ..]), _)) => {
                return matches!(mark, b'D' | b'A');
            }
            Some((Token::Csi(_) | Token::Osc(_) | Token::Control(b'\r'), next)) => at = next,
            _ => return false,
        }
    }
    false
}

/// Whether a list of completions stands at `at`: shell integration that tells where the output of a command begins comes to the
/// next prompt without that, and without the end of a command.
fn lists(source: &[u8], at: usize) -> bool {
    let near = &source[at..source.len().min(at + MAX_MARK_DISTANCE)];
    let mut marks = memchr::memmem::find_iter(near, b"33;")
        .filter(|&mark| mark >= 3 && near[mark - 3..mark - 1] == *b"\x1b]");
    let next = marks.find(|&mark| matches!(near.get(mark + 3), Some(b'A' | b'C' | b'D' | b'E')));
    let asks = next.is_some_and(|mark| near[mark + 3] == b'A' && near[..mark].contains(&b'\n'));
    let before = &source[at.saturating_sub(MAX_MARK_DISTANCE)..at];
    let runs: [&[u8]; 2] = [b"\x1b]133;C", b"\x1b]633;C"];
    asks && runs.iter().any(|mark| memchr::memmem::find(before, mark).is_some())
}

/// How many backspaces stand at the start.
pub(crate) fn backspaces(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|&&byte| byte == 0x08).count()
}

/// Whether some text tells anything: a blank in any colour does not.
pub(crate) fn is_visible(text: &[u8]) -> bool {
    text.iter().any(|&byte| byte.is_ascii_alphanumeric() || byte >= 0x80)
}

/// Whether the prompt of an edit comes back in it with another command: then no line editor opened it, and the shell has no
/// marks. Below a list of completions the line stands again as it was left above.
fn is_stray(edit: &[u8]) -> bool {
    // A program may mark its whole session, in which its editor paints each line from its start on (mongosh).
    if edit.starts_with(PAINTED_LINE) {
        return memchr::memmem::find_iter(edit, PAINTED_LINE).any(|at| edit[..at].ends_with(b"\n"));
    }
    let first = &edit[..text_len(edit)];
    let prompt = &first[..memchr::memchr(b' ', first).unwrap_or(0)];
    // Nearly all edits are one line.
    if prompt.is_empty() || !comes_again(&edit[prompt.len()..], prompt) {
        return false;
    }
    // What the last such line shows, and this one.
    let (mut last, mut row) = (None::<Vec<u8>>, Vec::new());
    for line in edit.split_inclusive(|&byte| byte == b'\n').filter(|line| line.starts_with(prompt)) {
        if !show(line, &mut row) {
            return false;
        }
        let again = |last: &Vec<u8>| line[..text_len(line)].starts_with(last.trim_ascii_end());
        if !last.as_ref().is_none_or(again) {
            return true;
        }
        row = last.replace(row).unwrap_or_default();
    }
    false
}

/// Whether a line behind the first one starts with `start`.
fn comes_again(edit: &[u8], start: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', edit).any(|at| edit[at + 1..].starts_with(start))
}

/// Writes what a line shows that was typed and corrected from its end; `false` if more was done to it.
fn show(line: &[u8], row: &mut Vec<u8>) -> bool {
    row.clear();
    let (mut column, mut at) = (0_usize, 0);
    while let Some((token, next)) = token_at(line, at) {
        match token {
            Token::Text(text) => {
                row.truncate(column);
                row.extend_from_slice(text);
                column = row.len();
            }
            Token::Control(0x08) if column > 0 => column -= 1,
            Token::Csi(csi) if csi.command == b'K' && csi.params.is_empty() => row.truncate(column),
            Token::Control(0x07 | b'\n') => {}
            Token::Control(b'\r') if line[next..].iter().all(|byte| matches!(byte, b'\r' | b'\n')) => {}
            _ => return false,
        }
        at = next;
    }
    true
}

/// Where the first line of an edit ends that no line editor ended, unless the edit shows its start again, as it does below
/// a list of completions.
fn foreign_line(edit: &[u8]) -> Option<usize> {
    let mut ends = memchr::memchr_iter(b'\n', edit).map(|at| at + 1);
    let foreign =
        |&end: &usize| edit[..end].ends_with(b"\r\n") && edit.get(end).is_some_and(|&byte| byte >= b' ');
    let first = ends.find(foreign)?;
    let head = &edit[..edit.len().min(HEAD_BYTES)];
    let again = memchr::memmem::find(&edit[first..], head).is_some();
    (!again).then_some(first)
}
