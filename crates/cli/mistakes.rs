//! What went wrong, and what to do next.

use std::io::Write;

use shelltrail_core::sanitize::printable;
use shelltrail_index::RootError;
use unicode_width::UnicodeWidthStr;

use crate::question::Mistake;
use crate::words::command_line;

/// Most characters that are shown in front of a wrong part, and behind it.
const MAX_BEFORE: usize = 30;

/// Tells an error with its causes on one line, and the next step on another.
pub fn tell(out: &mut impl Write, error: &anyhow::Error) {
    let message = error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    // There is nobody left to tell if this fails.
    let _ = writeln!(out, "shelltrail: error: {}", printable(&message));
    let mistake = error.chain().find_map(|cause| cause.downcast_ref::<Mistake>());
    if let Some(mistake) = mistake {
        point(out, mistake);
    }
    let hint = hint(error).or_else(|| mistake.and_then(|mistake| mistake.error.hint.clone()));
    if let Some(hint) = hint {
        let _ = writeln!(out, "shelltrail: hint: {}", printable(&hint));
    }
}

/// Shows the text with a line under the wrong part of it.
fn point(out: &mut impl Write, mistake: &Mistake) {
    let text = &mistake.text;
    let start = text.floor_char_boundary(mistake.error.span.start);
    let end = text.ceil_char_boundary(mistake.error.span.end.min(text.len()).max(start));
    let from = text[..start].char_indices().rev().nth(MAX_BEFORE).map_or(0, |(at, _)| at);
    let to = text[end..].char_indices().nth(MAX_BEFORE).map_or(text.len(), |(at, _)| end + at);
    let before = printable(&text[from..start]);
    let marked: String = text[start..end].chars().take(2 * MAX_BEFORE).collect();
    let marked = printable(&marked);
    let _ = writeln!(out, "  {before}{marked}{}", printable(&text[end..to]));
    let _ = writeln!(out, "  {:1$}{2}", "", before.width(), "^".repeat(marked.width().max(1)));
}

fn hint(error: &anyhow::Error) -> Option<String> {
    let root = error.chain().find_map(|cause| cause.downcast_ref::<RootError>())?;
    let backfill = |path: &str| command_line(["shelltrail", "backfill", "SOURCE", "--index", path]);
    Some(match root {
        RootError::NoIndex(path) if path.is_dir() => format!(
            "the directory is there and holds no index; name the one that holds shelltrail.json, or begin one: {}",
            backfill(&path.to_string_lossy())
        ),
        RootError::NoIndex(path) => format!(
            "there is no such directory; begin an index (SOURCE is a folder or s3://BUCKET/PREFIX): {}",
            backfill(&path.to_string_lossy())
        ),
        RootError::OtherSchema { path, .. } => {
            let new = format!("{}.new", path.to_string_lossy());
            format!("the bucket holds everything an index is made of: {}", backfill(&new))
        }
        RootError::Locked(path) => format!(
            "any number of processes may search at the same time: {}",
            command_line(["shelltrail", "status", "--index", &path.to_string_lossy()])
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use shelltrail_index::QueryError;

    use super::*;

    #[test]
    fn the_place_of_a_mistake_is_pointed_at() {
        let told = |text: &str, span: std::ops::Range<usize>| {
            let error = QueryError { message: "no".to_owned(), span, hint: Some("yes".to_owned()) };
            let error = anyhow::Error::from(Mistake { flag: None, text: text.to_owned(), error });
            let mut out = Vec::new();
            tell(&mut out, &error);
            String::from_utf8(out).unwrap_or_default()
        };
        assert_eq!(
            told("a acount:1", 2..8),
            "shelltrail: error: no\n  a acount:1\n    ^^^^^^\nshelltrail: hint: yes\n"
        );
        assert!(told("漢\x1b x", 5..6).contains("\n  漢^[ x\n       ^\n"));
        let long = told(&"x".repeat(10_000), 5_000..9_000);
        assert!(long.len() < 500 && long.contains("^^^"), "{long}");
        assert!(told("abc", 3..3).contains("\n     ^\n"));
    }
}
