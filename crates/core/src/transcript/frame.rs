//! The frame that `script` writes around a recording: a header line, a footer line, and what they tell.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;

use super::prompt;
use super::windows::{self, Windows};

/// Longest header or footer line.
const MAX_FRAME_LINE_BYTES: usize = 2 * 1024;

/// What a file may begin with to say that it is UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What `script` of macOS adds below its header and above its footer, and the echo with which its recording may begin:
/// it sends ^D to the terminal when its own input ends.
const COMMAND: &[u8] = b"Command: ";
const EXIT_STATUS: &[u8] = b"Command exit status: ";
const END_OF_INPUT: &[u8] = b"^D\x08\x08";

/// The first words of a header in some of the languages that `script` speaks.
const STARTED: [&str; 9] = [
    "Script started",
    "Skript gestartet",
    "Script démarré",
    "Script iniciado",
    "Skrypt uruchomiony",
    "脚本启动于",
    "スクリプト開始",
    "スクリプトを開始",
    "Скрипт запущен",
];

/// What a frame tells, and where the recording lies in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Frame {
    /// The first byte of the recording.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
    /// A header was found.
    pub header: bool,
    /// A footer was found.
    pub footer: bool,
    /// The time of the header, if it has an offset from UTC.
    pub time: Option<Timestamp>,
    /// The managed node that the recorded command names.
    pub target: Option<String>,
    /// The width of the terminal that the recording was started on.
    pub columns: Option<usize>,
    /// It was made on Windows.
    pub windows: Windows,
}

/// Finds the frame around a recording. Without one, everything is recording.
///
/// The words of a header are in the language of the machine and its time in the form of the locale. What tells it from
/// a look-alike is the place, and that it ends in a bare line feed while the lines of a terminal end in a carriage
/// return too.
pub(crate) fn frame(bytes: &[u8]) -> Frame {
    let start = if bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    if let Some(frame) = windows::frame(bytes, start) {
        return frame;
    }
    let mut frame = Frame { start, end: bytes.len(), ..Frame::default() };
    let Some(header) = line_at(bytes, start) else { return frame };
    let text = prompt::text_of(&bytes[start..header]);
    let Some(time) = frame_time(&text).filter(|_| !text.ends_with('\r')) else { return frame };
    let footer = footer(bytes, header + 1, &text);
    if !(is_header(&text) || footer.is_some() || ends_like_terminal(bytes, header + 1)) {
        return frame;
    }
    frame.header = true;
    frame.start = header + 1;
    frame.target = target_in(&text);
    frame.columns = attribute(&text, "COLUMNS=\"").and_then(|columns| columns.parse().ok());
    if let Some(end) = line_at(bytes, frame.start)
        && bytes[frame.start..end].starts_with(COMMAND)
        && bytes[end - 1] != b'\r'
    {
        frame.target = target_in(&prompt::text_of(&bytes[frame.start..end]));
        frame.start = end + 1;
    }
    if bytes[frame.start..].starts_with(END_OF_INPUT) {
        frame.start += END_OF_INPUT.len();
    }
    // On a terminal `script` writes its header first; for a replay start and end are the same moment.
    let live = text.contains("TTY=\"");
    frame.time = time.timestamp().filter(|_| !live);
    if let Some((end, footer)) = footer {
        frame.footer = true;
        frame.end = end.max(frame.start);
        if live {
            frame.time = footer.timestamp();
        }
    }
    frame
}

/// The managed node in a path of the agent.
pub(crate) fn target_in(text: &str) -> Option<String> {
    let at = text.find("/session/orchestration/").or_else(|| text.find("\\session\\orchestration\\"))?;
    let before = &text[..at];
    let name = before.rsplit(['/', '\\']).next()?;
    let legal = |character: char| character.is_ascii_alphanumeric() || "-_:.".contains(character);
    (!name.is_empty() && name.len() <= 256 && name.chars().all(legal)).then(|| name.to_owned())
}

/// The offset of the newline that ends the line at `start`, unless the line is too long for a frame.
fn line_at(bytes: &[u8], start: usize) -> Option<usize> {
    let window = &bytes[start..bytes.len().min(start + MAX_FRAME_LINE_BYTES)];
    memchr::memchr(b'\n', window).map(|at| start + at)
}

/// Whether a line begins a recording, in whatever language.
pub(crate) fn is_header(text: &str) -> bool {
    STARTED.iter().any(|start| text.starts_with(start)) || text.contains("[<") || text.contains("COMMAND=\"")
}

/// Whether the line at `start` ends as those of a terminal do.
fn ends_like_terminal(bytes: &[u8], start: usize) -> bool {
    memchr::memchr(b'\n', &bytes[start..]).is_some_and(|end| bytes[start..start + end].ends_with(b"\r"))
}

/// Where the footer starts, with the newline before it, and its time. In all languages it begins as the header does;
/// a last line of output with a time in it rarely will.
fn footer(bytes: &[u8], start: usize, header: &str) -> Option<(usize, FrameTime)> {
    let (mut end, line) = last_line(bytes, start, bytes.len())?;
    let text = prompt::text_of(line);
    let alike = text.chars().next() == header.chars().next() || text.contains("[COMMAND_EXIT_CODE=");
    let time = frame_time(&text).filter(|_| alike)?;
    if let Some((before, line)) = last_line(bytes, start, end)
        && line.starts_with(EXIT_STATUS)
    {
        end = before;
    }
    // One newline separates the footer from the recording.
    if end > start && bytes[end - 1] == b'\n' {
        end -= 1;
    }
    Some((end, time))
}

/// The last line before `end` and its place, if it ends in a bare newline and is short enough for a frame.
fn last_line(bytes: &[u8], start: usize, end: usize) -> Option<(usize, &[u8])> {
    let text = bytes.get(start..end)?.strip_suffix(b"\n")?;
    let window = &text[text.len().saturating_sub(MAX_FRAME_LINE_BYTES)..];
    let line = match memchr::memrchr(b'\n', window) {
        Some(at) => &window[at + 1..],
        None if window.len() < MAX_FRAME_LINE_BYTES => window,
        None => return None,
    };
    (!line.is_empty() && !line.ends_with(b"\r")).then_some((end - 1 - line.len(), line))
}

fn attribute<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let from = text.find(name)? + name.len();
    text[from..].split('"').next()
}

/// A time as `script` prints it, with its offset if it has one.
struct FrameTime {
    time: DateTime,
    offset: Option<Offset>,
}

impl FrameTime {
    fn timestamp(&self) -> Option<Timestamp> {
        self.offset?.to_timestamp(self.time).ok()
    }
}

/// The time in a header or footer line: ISO with or without offset, or the locale's form, of which only a year and four
/// shorter numbers are asked for: the day and the clock.
fn frame_time(line: &str) -> Option<FrameTime> {
    iso_time(line).or_else(|| {
        let numbers = || {
            line.split(|character: char| !character.is_numeric())
                .map(|digits| digits.chars().count())
                .filter(|&length| length > 0)
        };
        let year = numbers().any(|length| length == 4);
        let others = numbers().filter(|&length| length <= 2).count();
        (year && others >= 4).then_some(FrameTime { time: DateTime::default(), offset: None })
    })
}

fn iso_time(line: &str) -> Option<FrameTime> {
    let mut words = line.split(' ').peekable();
    while let Some(word) = words.next() {
        let Some(date) = parse_date(word) else { continue };
        let clock = words.peek()?;
        let time = parse_clock(clock.get(..8)?)?;
        let offset = parse_offset(clock.get(8..)?);
        return Some(FrameTime { time: DateTime::from_parts(date, time), offset });
    }
    None
}

fn parse_date(word: &str) -> Option<Date> {
    // Nearly all words are settled by this.
    if word.as_bytes().get(4) != Some(&b'-') {
        return None;
    }
    let mut fields = word.splitn(3, '-');
    let (year, month, day) = (fields.next()?, fields.next()?, fields.next()?);
    if year.len() != 4 {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

fn parse_clock(word: &str) -> Option<Time> {
    let mut fields = word.splitn(3, ':');
    let (hour, minute, second) = (fields.next()?, fields.next()?, fields.next()?);
    Time::new(hour.parse().ok()?, minute.parse().ok()?, second.parse().ok()?, 0).ok()
}

/// `+HHMM` or `+HH:MM`.
fn parse_offset(text: &str) -> Option<Offset> {
    let text = text.split(['[', ' ']).next()?;
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = text[1..].chars().filter(|character| *character != ':').collect();
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let hours: i32 = digits[..2].parse().ok()?;
    let minutes: i32 = digits[2..].parse().ok()?;
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

#[cfg(test)]
mod tests;
