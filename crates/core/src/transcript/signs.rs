//! Where a prompt of no known form may end.

use super::prompt;
use super::syntax::looks_like_command;
use crate::terminal::block::{Block, bits, set_bits};
use crate::terminal::screen::Logical;

/// How far from the start of a line a prompt without a known form may end.
const MAX_SIGN_BYTES: usize = 128;

/// Where the prompt of an edit may end that has no known form.
pub(super) fn sign_ends(line: &Logical) -> impl Iterator<Item = usize> {
    signs(&line.text, line.styled.unwrap_or(0))
}

/// The same, and behind a colon that stands alone: it may be a command, unless it comes back with nearly every edit.
pub(super) fn sign_ends_with_colon(line: &Logical) -> impl Iterator<Item = usize> {
    sign_ends(line).chain(colon_end(&line.text).filter(|&end| end >= line.styled.unwrap_or(0)))
}

/// Where a prompt ends whose last sign is a colon that stands alone.
pub(crate) fn colon_end(line: &str) -> Option<usize> {
    let near = &line.as_bytes()[..line.len().min(MAX_SIGN_BYTES)];
    memchr::memmem::find(near, b" : ").map(|at| at + 3)
}

/// Where a prompt may end that has no known form, not before `from`: behind a sign and its blank, or behind the sign of a
/// shell.
pub(crate) fn signs(line: &str, from: usize) -> impl Iterator<Item = usize> {
    let near = &line[..line.floor_char_boundary(MAX_SIGN_BYTES)];
    sign_places(near).filter_map(move |at| sign_end(near, at)).filter(move |&end| end >= from)
}

/// Where the prompt ends whose last sign has its last byte at `at`.
fn sign_end(near: &str, at: usize) -> Option<usize> {
    let end = at + 1;
    let bytes = near.as_bytes();
    let blank = bytes.get(end) == Some(&b' ');
    let common = match bytes[at] {
        b'$' | b'#' | b'%' | b'>' => false,
        b'|' => at == 0 || (bytes[at - 1] == b' ' && !is_bar(&near[..at])),
        // Commands that are a sign.
        b'.' | b':' | b'!' | b'[' | b'(' | b'{' if at == 0 || bytes[at - 1] == b' ' => true,
        byte @ ..0x80 => byte.is_ascii_alphanumeric() || b" \"'`\\;&<-=/".contains(&byte),
        0x80.. => near.get(..end).and_then(|text| text.chars().next_back()).is_none_or(char::is_alphanumeric),
    };
    (!common).then_some(end + usize::from(blank))
}

/// Whether a bar behind this text stands between the fields of a prompt, of which the first is a user and a host or the home
/// directory: `user@host | ~ | `. It does not behind a command, nor between the columns of a table.
fn is_bar(before: &str) -> bool {
    let Some(before) = before.strip_suffix(' ').filter(|before| !before.ends_with(' ')) else { return false };
    let mut fields = before.split(" | ");
    let first = fields.next().unwrap_or_default();
    let told = first.starts_with('~') || prompt::user_and_host(first).is_some_and(|who| who == first);
    told && !first.contains(' ') && fields.all(|field| !field.contains(' ') && !looks_like_command(field))
}

/// Where bytes stand that may be the last of such a sign, with something behind it: one of a shell, or one before a blank
/// that is no letter or digit.
fn sign_places(line: &str) -> impl Iterator<Item = usize> + use<> {
    let kinds = |block: Block| {
        [block.is(b' '), prompt::ascii_endings(block), block.is_alphanumeric(), block.is_foreign()]
    };
    let [blanks, endings, alphanumeric, foreign] = bits(line.as_bytes(), kinds);
    let last = line.len().saturating_sub(1);
    let signs = if foreign == 0 { 0 } else { foreign_places(line, last) };
    set_bits(signs | (endings & !(1 << last)) | ((blanks >> 1) & !alphanumeric))
}

/// Where the signs end that prompts beyond ASCII end with, before `end`.
fn foreign_places(line: &str, end: usize) -> u128 {
    let signs = line.char_indices().filter(|&(_, sign)| prompt::is_foreign_ending(sign));
    let last = signs.map(|(at, sign)| at + sign.len_utf8() - 1);
    last.filter(|&last| last < end).fold(0, |places, last| places | 1 << last)
}

/// The masks have a bit for each byte.
const _: () = assert!(MAX_SIGN_BYTES <= u128::BITS as usize);
