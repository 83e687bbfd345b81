//! Prompts whose last line is empty: the command stands alone in the line below them, and nothing in that line tells it.
//!
//! What tells is the line above. Readline sends a return before each newline of its prompt, so that such a line ends in one
//! return more than the lines of commands and output; and it comes again and again, with commands below it.

use foldhash::HashMap;

use super::prompt;
use super::syntax;
use crate::terminal::block::{Block, Kind};
use crate::terminal::page::{Heads, LineMark, Mark, MarkKind, Page};
use crate::terminal::token::{Token, token_at};

/// Most lines with more returns that are looked at.
const MAX_LINES: usize = 1_000;

/// Most bytes of a line that are looked at.
const MAX_LINE_BYTES: usize = 256;

/// Most returns before a newline.
const MAX_RETURNS: usize = 3;

/// Least commands below such lines.
const MIN_COMMANDS: usize = 3;

/// Least share, in percent, of such lines with commands below.
const MIN_PERCENT: usize = 50;

/// The line above commands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Above {
    /// Its words, by their key.
    key: String,
    /// How many returns stand before its newline.
    returns: usize,
}

/// All lines.
pub(crate) struct AllHeads;

impl Heads for AllHeads {
    fn suspects(block: Block) -> Kind {
        block.is_within(0, u8::MAX)
    }

    fn is_start(_: u8) -> bool {
        true
    }

    fn is_head(line: &[u8], _: bool, _: usize) -> bool {
        !line.is_empty()
    }
}

impl Above {
    /// Whether a mark is such a line.
    pub(super) fn is(&self, page: &Page, mark: &Mark) -> bool {
        let MarkKind::Line(LineMark { end, newline: true, returns, .. }) = mark.kind else { return false };
        returns == self.returns
            && end - mark.text <= MAX_LINE_BYTES
            && key(&prompt::text_of(&page.text[mark.text..end])) == self.key
    }
}

/// Looks for the line above commands that nothing else tells, if it shows more of them than half of the `known` ones.
///
/// `newlines` are those of the page.
pub(crate) fn discover(source: &[u8], newlines: &[usize; 4], known: usize) -> Option<Above> {
    let returns = usual_returns(newlines)? + 1;
    let newline = &b"\r\r\r\r\n"[MAX_RETURNS + 1 - returns..];
    let mut found: HashMap<String, (usize, usize)> = HashMap::default();
    for at in memchr::memmem::find_iter(source, newline).take(MAX_LINES) {
        if at > 0 && source[at - 1] == b'\r' {
            continue;
        }
        let near = at.saturating_sub(MAX_LINE_BYTES);
        let Some(start) = memchr::memrchr(b'\n', &source[near..at])
            .map_or((near == 0).then_some(0), |at| Some(near + at + 1))
        else {
            continue;
        };
        let below = at + newline.len();
        let rest = &source[below..source.len().min(below + MAX_LINE_BYTES)];
        let Some(end) = memchr::memchr(b'\n', rest) else { continue };
        let (Some(above), Some(typed)) = (shown(&source[start..at]), shown(&rest[..end])) else { continue };
        // What is printed with such newlines goes on with them.
        let printed = rest[..end].iter().rev().take_while(|&&byte| byte == b'\r').count() + 1 != returns;
        if above.trim().is_empty() || typed.is_empty() || printed || syntax::looks_like_command(&above) {
            continue;
        }
        let counts = found.entry(key(&above)).or_default();
        counts.0 += 1;
        counts.1 += usize::from(syntax::looks_like_command(&typed));
    }
    let likely = |(_, (all, commands)): &(String, (usize, usize))| {
        *commands >= MIN_COMMANDS && *commands * 2 > known && *commands * 100 >= *all * MIN_PERCENT
    };
    let best = found
        .into_iter()
        .filter(likely)
        .max_by(|(one, (some, _)), (other, (others, _))| some.cmp(others).then_with(|| other.cmp(one)));
    best.map(|(key, _)| Above { key, returns })
}

/// What stays the same when a line above commands comes back. It has no sign at its end.
fn key(above: &str) -> String {
    prompt::key(&format!("{}$", above.trim_end()))
}

/// How many returns stand before most newlines, if some have one more.
fn usual_returns(newlines: &[usize; 4]) -> Option<usize> {
    let most = newlines.iter().copied().max()?;
    let usual = newlines.iter().position(|&count| count == most).filter(|&returns| returns > 0)?;
    newlines.get(usual + 1).filter(|&&more| more >= MIN_COMMANDS).map(|_| usual)
}

/// The text of a line as it was typed first, without colours and titles; none if it is not UTF-8.
fn shown(line: &[u8]) -> Option<String> {
    let (mut text, mut at) = (Vec::new(), 0);
    while let Some((token, next)) = token_at(line, at) {
        match token {
            Token::Text(more) => text.extend_from_slice(more),
            Token::Control(0x08) | Token::Escape(_) => break,
            _ => {}
        }
        at = next;
    }
    String::from_utf8(text).ok()
}
