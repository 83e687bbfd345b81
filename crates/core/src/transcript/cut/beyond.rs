//! What zsh shows in place of the lines of a text that stand beyond the window.

/// In the first row, which is blank otherwise, if lines above are not shown; in the last one, if lines below are not (`zrefresh`
/// of zle_refresh.c).
const ABOVE: &str = ">....";
const BELOW: &str = "<....";

/// Takes such marks out of the text of a marked edit; whether there were any. The lines themselves are in no transcript.
pub(super) fn take_marks(typed: &mut String) -> bool {
    let is_mark = |row: &str, mark: &str| row.trim() == mark && row.len() > mark.len();
    let above = typed.split_once('\n').filter(|(first, _)| is_mark(first, ABOVE));
    let above = above.map(|(_, rest)| rest.to_owned());
    let found = above.is_some();
    if let Some(rest) = above {
        *typed = rest;
    }
    let below = typed.rsplit_once('\n').filter(|(_, last)| is_mark(last, BELOW)).map(|(rest, _)| rest.len());
    if let Some(end) = below {
        typed.truncate(end);
    }
    found || below.is_some()
}

#[cfg(test)]
mod tests {
    use super::take_marks;

    #[test]
    fn marks_are_rows_of_their_own() {
        for (shown, typed, found) in [
            (">....      \nfi\ndone", "fi\ndone", true),
            ("for x in a\ndo\n <....  ", "for x in a\ndo", true),
            (">.... x\nfi", ">.... x\nfi", false),
            ("cat >....", "cat >....", false),
            // Somebody may write to such a file.
            (">....\nfi", ">....\nfi", false),
        ] {
            let mut text = shown.to_owned();
            assert_eq!((take_marks(&mut text), text.as_str()), (found, typed));
        }
    }
}
