//! What a transcript looks like after rendering: text, and marks where commands may stand.

use std::ops::Range;

use super::block::{Block, Kind};
use super::replay::Replay;
use super::screen::Logical;
use super::sent::Lost;
use super::strip::Stripped;
use crate::session::Flag;

/// Rendered output, and where in it prompts may be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    /// Lines of output, each but the last ended by `\n`. It is UTF-8 where the transcript is.
    pub text: Vec<u8>,
    /// Places of interest, in order.
    pub marks: Vec<Mark>,
    /// Parts of the source that a plain look at the final screen would not tell of, as they were met.
    pub hidden: Vec<Hidden>,
    /// Places where text was sent that [`Page::text`] and the edits do not hold, in order.
    pub sent: Vec<Sent>,
    /// Screens of text editors that were given a command line by a shell, in order.
    pub line_files: Vec<LineFile>,
    /// What full-screen programs painted, in [`Page::text`], in order.
    pub painted: Vec<Range<usize>>,
    /// How many lines that were copied plainly end with no, one, two, three returns before their newline.
    pub newlines: [usize; 4],
    /// Not all that was sent is kept.
    pub sent_cut: bool,
    /// A control sequence was beyond its limit.
    pub sequence_too_long: bool,
    /// An edited line was beyond its limit.
    pub line_too_long: bool,
    /// Columns that the cursor skipped are shown by fewer blanks than they are.
    pub blanks_cut: bool,
    /// More lines had the shape of a prompt than are marked; the others are output.
    pub too_many_marks: bool,
    /// An edited or overprinted line held bytes that are not UTF-8; its text shows U+FFFD for them.
    pub invalid_utf8: bool,
}

/// A part of the source that is not shown, or not shown any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hidden {
    /// Where in the source.
    pub source: Range<usize>,
    /// What happened to it.
    pub flag: Flag,
}

/// Text that was sent to the terminal and lost there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Where its line starts in the source.
    pub source: usize,
    /// Where its line starts in [`Page::text`]; for an edit, where the edit stands.
    pub text: usize,
    /// It was lost in an edit.
    pub edit: bool,
    /// What the line showed before text of it was lost, one state a line.
    pub states: String,
    /// How it was lost.
    pub flags: Vec<Flag>,
}

/// The screen of a text editor that was started by a shell to edit a command line: it shows the name of the shell's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LineFile {
    /// What it painted, in [`Page::text`].
    pub text: Range<usize>,
    /// Where it ends in the source.
    pub source: usize,
    /// What the name begins with.
    pub name: &'static str,
}

/// What a reader of pages looks for in lines of output.
pub(crate) trait Heads {
    /// Bytes that make one look at their line.
    fn suspects(block: Block) -> Kind;

    /// Whether a line without such a byte that starts with this one has to be looked at.
    fn is_start(byte: u8) -> bool;

    /// Whether a line has the shape of a prompt. `suspect` is true if it has a suspect byte, and may be true if not; it is
    /// coloured up to `styled`, as far as that is known.
    fn is_head(line: &[u8], suspect: bool, styled: usize) -> bool;
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
    /// What was sent last before that is the sign of an interrupt, wherever the cursor stood.
    pub interrupted: bool,
    /// How many returns stand before its newline.
    pub returns: usize,
    /// A bound was met while it was replayed.
    pub cut: bool,
    /// Its start was not shown; it was taken from an earlier line.
    pub recalled: bool,
    /// Where the prompt ends, counted from the start of the line, if the shell asked for the cursor there.
    pub prompt_end: Option<usize>,
    /// Up to where the line was coloured before anything was edited, counted from its start.
    pub styled: usize,
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
    /// What was printed last in it is the sign of an interrupt, wherever the cursor stood.
    pub interrupted: bool,
    /// The prompt was painted before the edit was opened; otherwise it follows the mark.
    pub painted: bool,
    /// A prompt at the right edge.
    pub aside: String,
    /// How many returns stand before the newline that ended it.
    pub returns: usize,
    /// Something stands between that newline and the mark: an editor that does not leave newlines to the terminal, and sends up to
    /// one return more.
    pub raw: bool,
    /// How many of its newlines have more returns before them than the last one, from the first on: readline prints those of
    /// its prompt and of a text of several lines so, and ends a line as the terminal does.
    pub above: usize,
    /// The line on which the cursor was left.
    pub cursor_line: usize,
    /// The marks are those of shell integration.
    pub integration: bool,
    /// A bound was met.
    pub cut: bool,
    /// The cursor's path did not fit any width.
    pub doubtful: bool,
    /// Some of its rows are below the last one of the window.
    pub below_window: bool,
    /// It holds bytes that are not UTF-8.
    pub invalid_utf8: bool,
    /// What was lost while it was edited.
    pub lost: Option<Lost>,
    /// The screen was wiped while it was edited.
    pub wiped: bool,
}

impl Edit {
    /// What a row of bytes shows.
    pub(crate) fn of_strip(strip: Stripped) -> Self {
        let mut lines = Vec::with_capacity(2);
        lines.push(Logical { text: strip.text, styled: strip.styled, ..Logical::default() });
        if strip.newline {
            lines.push(Logical::default());
        }
        Self { cursor_line: usize::from(strip.newline), lines, lost: strip.lost, ..Self::default() }
    }

    /// What a screen shows.
    pub(crate) fn of_replay(replay: Replay) -> Self {
        let Replay { mut screen, guessed, below_window, .. } = replay;
        let mut aside = screen.set_aside();
        if aside.is_empty() {
            aside = std::mem::take(&mut screen.elsewhere);
        }
        let lines = screen.lines();
        let lost =
            if screen.lost_nothing() { None } else { screen.lost(&shown(&lines, &screen.cleared), true) };
        Self {
            aside,
            lines,
            lost,
            wiped: screen.wiped,
            cursor_line: screen.line_of_cursor(),
            cut: screen.overflow,
            invalid_utf8: screen.invalid_utf8,
            doubtful: guessed,
            below_window,
            cleared: screen.cleared,
            ..Self::default()
        }
    }
}

/// All text of an edit.
fn shown(lines: &[Logical], cleared: &[String]) -> Vec<u8> {
    let texts = lines.iter().map(|line| &line.text).chain(cleared);
    texts.flat_map(|text| text.bytes().chain([b'\n'])).collect()
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
