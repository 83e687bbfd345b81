//! Where a prompt ends in a line that is coloured.

use super::{MAX_PROMPT_BYTES, is_foreign_ending};
use crate::transcript::syntax;

/// Where the prompt at `start..end` of a line that no shell marked ends really, if it is coloured further, up to `styled`:
/// neither the kernel nor readline colours what is typed, so the last colour is the prompt's. Themes put their sign first
/// and the directory behind it. Shells that colour the command as well colour something that is one.
pub(crate) fn coloured_end(line: &str, start: usize, end: usize, styled: usize) -> Option<usize> {
    if styled <= end || start > 0 || !line.is_char_boundary(styled) || styled > MAX_PROMPT_BYTES {
        return None;
    }
    let field = line[end..styled].trim();
    if field.is_empty() || syntax::looks_like_command(field) {
        return None;
    }
    let rest = &line[styled..];
    let blank = rest.starts_with(' ') || line[..styled].ends_with(' ');
    let path = field.starts_with(['~', '/']);
    // A line that is coloured to its end may be a command that is.
    let ends = if rest.trim().is_empty() { path } else { blank };
    let end = styled + (rest.len() - rest.trim_start_matches(' ').len());
    ends.then(|| end + plain_sign_len(&line[..end], &line[end..]))
}

/// How long the sign is, with its blank, that stands without colour behind the coloured rest of a prompt: no command begins
/// with one. That of root could be a comment.
pub(crate) fn plain_sign_len(prompt: &str, behind: &str) -> usize {
    let Some((sign, typed)) = behind.split_once(' ') else { return 0 };
    let mut signs = sign.chars();
    let is_sign = match (signs.next(), signs.next()) {
        (Some('$' | '%' | '>'), None) => true,
        (Some('#'), None) => prompt.contains("root"),
        (Some(sign), None) => is_foreign_ending(sign),
        _ => false,
    };
    let more = typed.len() - typed.trim_start_matches(' ').len();
    if is_sign { sign.len() + 1 + more } else { 0 }
}
