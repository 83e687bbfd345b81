//! How often each prompt stands where one can stand.

use std::collections::HashMap;

use super::edit::{Parts, Prompts};
use super::prompt::{self, Proof};
use crate::terminal::page::{MarkKind, Page};

/// Most bytes of a line that are looked at.
const MAX_START_BYTES: usize = 256;

/// Most possible prompts of one line that are counted.
const MAX_PROMPTS: usize = 2;

/// By key, how often each prompt stands at the start of a marked line or edit, and the mark where it does so last.
pub(crate) type Seen = HashMap<String, (usize, usize)>;

/// Looks at the starts of all marks. The parts of the edits are needed for that, and again when they are cut.
pub(crate) fn occurrences(page: &Page, prompts: &Prompts<'_>) -> (Seen, Vec<Parts>) {
    let mut seen = Seen::new();
    let mut all_parts = Vec::new();
    // Mostly the same prompt stands there as before: it is counted when another one comes.
    let mut run = (String::new(), 0, 0);
    let mut count = |(prompt, times, last): (String, usize, usize)| {
        if times > 0 {
            let entry = seen.entry(prompts.key(&prompt).into_owned()).or_default();
            *entry = (entry.0 + times, last);
        }
    };
    for (index, mark) in page.marks.iter().enumerate() {
        let mut note = |prompt: &str| {
            if prompt != run.0 {
                count(std::mem::replace(&mut run, (prompt.to_owned(), 0, 0)));
            }
            run.1 += 1;
            run.2 = index;
        };
        match &mark.kind {
            MarkKind::Edit(edit) => {
                let parts = prompts.split(edit);
                note(parts.prompt.lines().last().unwrap_or_default());
                all_parts.push(parts);
            }
            MarkKind::Line(line) => {
                let bytes = &page.text[mark.text..line.end.min(mark.text + MAX_START_BYTES)];
                let text = prompt::text_of(bytes);
                for &end in prompt::ends(&text).iter().take(MAX_PROMPTS) {
                    // Text that proves nothing is a prompt at most where it starts the line.
                    if prompt::proof(&text[..end]) > Proof::None {
                        note(&text[..end]);
                    }
                }
            }
        }
    }
    count(run);
    (seen, all_parts)
}
