//! What a transcript looks like after rendering: text, and marks where commands may stand.

use super::replay::Replay;
use super::screen::Logical;
use super::strip::Strip;

/// Rendered output, and where in it prompts may be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    /// Lines of output, each but the last ended by `\n`. It is UTF-8 where the transcript is.
    pub text: Vec<u8>,
    /// Places of interest, in order.
    pub marks: Vec<Mark>,
    /// A control sequence was beyond its limit.
    pub sequence_too_long: bool,
    /// An edited line was beyond its limit.
    pub line_too_long: bool,
    /// An edited or overprinted line held bytes that are not UTF-8; its text shows U+FFFD for them.
    pub invalid_utf8: bool,
}

/// What a reader of pages looks for in lines of output.
pub(crate) trait Heads {
    /// Whether a line with this byte has to be looked at. It is asked about every byte of output.
    fn is_suspect(byte: u8) -> bool;

    /// Whether a line has the shape of a prompt. `suspect` is true if it has a suspect byte, and may be true if not.
    fn is_head(line: &[u8], suspect: bool) -> bool;
}

/// A place where a command may stand.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    /// Where in [`Page::text`].
    pub text: usize,
    /// Where in the source.
    pub source: usize,
    /// What was found.
    pub kind: MarkKind,
}

/// What a mark stands for.
#[derive(Clone, Debug)]
pub(crate) enum MarkKind {
    /// A line of output that has the shape of a prompt.
    Line(LineMark),
    /// A text that the shell itself marked as edited; it is not part of [`Page::text`].
    Edit(Box<Edit>),
}

/// A line of output.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LineMark {
    /// The end of the line in [`Page::text`], without its newline.
    pub end: usize,
    /// A bell rang on it, as line editors do when a completion is ambiguous.
    pub bell: bool,
    /// It ended with a newline, so it may have been submitted.
    pub newline: bool,
    /// A bound was met while it was replayed.
    pub cut: bool,
    /// Where the prompt ends, counted from the start of the line, if the shell asked for the cursor there.
    pub prompt_end: Option<usize>,
}

/// A text between the marks of a line editor.
#[derive(Clone, Debug, Default)]
pub(crate) struct Edit {
    /// The lines as they were left.
    pub lines: Vec<Logical>,
    /// Lines that a clear took away.
    pub cleared: Vec<String>,
    /// Why the edit ended.
    pub close: Close,
    /// The last line was ended by a newline before the edit was closed.
    pub newline: bool,
    /// The prompt was painted before the edit was opened; otherwise it follows the mark.
    pub painted: bool,
    /// A prompt at the right edge.
    pub aside: String,
    /// The line on which the cursor was left.
    pub cursor_line: usize,
    /// The marks are those of shell integration.
    pub integration: bool,
    /// A bound was met.
    pub cut: bool,
    /// The cursor's path did not fit any width.
    pub doubtful: bool,
    /// It holds bytes that are not UTF-8.
    pub invalid_utf8: bool,
}

impl Edit {
    /// What a row of bytes shows.
    pub(crate) fn of_strip(strip: Strip) -> Self {
        let mut lines = vec![Logical { text: strip.text, prompt_end: None }];
        if strip.newline {
            lines.push(Logical::default());
        }
        Self { cursor_line: usize::from(strip.newline), lines, ..Self::default() }
    }

    /// What a screen shows.
    pub(crate) fn of_replay(replay: Replay) -> Self {
        let Replay { screen, penalty, .. } = replay;
        Self {
            lines: screen.lines(),
            cursor_line: screen.line_of_cursor(),
            cut: screen.overflow,
            invalid_utf8: screen.invalid_utf8,
            doubtful: penalty > 0,
            cleared: screen.cleared,
            ..Self::default()
        }
    }
}

/// Why an edit ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Close {
    /// The line editor said so.
    #[default]
    Fence,
    /// The line editor said so, and started and ended another edit at once: its sign of an interrupt.
    Interrupt,
    /// The next edit began.
    Reopened,
    /// A full-screen program began.
    FullScreen,
    /// It was too long.
    TooLong,
    /// The transcript ended.
    End,
}
