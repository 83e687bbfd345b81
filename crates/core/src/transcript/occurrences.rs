//! How often each prompt stands where one can stand.

use foldhash::{HashMap, HashSet};

use super::edit::{Parts, Prompts};
use super::prompt::{self, Proof};
use crate::terminal::page::{MarkKind, Page};

/// Most bytes of a line that are looked at.
const MAX_START_BYTES: usize = 256;

/// Most possible prompts of one line that are counted.
const MAX_PROMPTS: usize = 2;

/// Most shapes of longer prompts that are counted.
const MAX_LONGER: usize = 1_000;

/// Least lines with a longer prompt.
const MIN_LONGER: usize = 4;

/// Least share, in percent, of the lines with the shorter one.
const LONGER_PERCENT: usize = 80;

/// By key, how often each prompt stands at the start of a marked line or edit, and the mark where it does so last.
pub(crate) type Seen = HashMap<String, (usize, usize)>;

/// The shapes of prompts that have a sign before their last one, in lines without marks.
pub(crate) type Longer = HashSet<String>;

/// Looks at the starts of all marks. The parts of the edits are needed for that, and again when they are cut.
pub(crate) fn occurrences<'a>(page: &'a Page, prompts: &Prompts<'a>) -> (Seen, Vec<Parts>, Longer) {
    let mut seen = Seen::default();
    let mut longer: HashMap<String, (String, usize)> = HashMap::default();
    let edits = page.marks.iter().filter(|mark| matches!(mark.kind, MarkKind::Edit(_))).count();
    let mut all_parts = Vec::with_capacity(edits);
    // Mostly the same prompt stands there as before: it is counted when another one comes.
    let mut run = (String::new(), 0, 0);
    // The only prompt of the last line that had the looks of one.
    let mut known = String::new();
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
                note(prompt::last_line(&parts.prompt));
                all_parts.push(parts);
            }
            MarkKind::Line(line) => {
                let bytes = &page.text[mark.text..line.end.min(mark.text + MAX_START_BYTES)];
                if prompt::ends_like(bytes, &known) {
                    note(&known);
                    continue;
                }
                let text = prompt::text_of(bytes);
                let ends = prompt::ends(&text);
                // A word that ends like a prompt is mostly output, and nothing that comes again.
                if let [end] = ends[..]
                    && let Some(start) = prompt::known_start(&text, &ends)
                    && prompt::proof(&text[..end]) > Proof::Word
                {
                    known.clear();
                    known.push_str(start);
                }
                for (at, &end) in ends.iter().enumerate().take(MAX_PROMPTS) {
                    let proof = prompt::proof(&text[..end]);
                    // Text that proves nothing is a prompt at most where it starts the line.
                    let glyph = || !text.is_ascii() && prompt::proof_of_first(&text[..end]) > Proof::None;
                    if proof > Proof::None || glyph() {
                        note(&text[..end]);
                    }
                    // A prompt that proves more than a word ends where it does.
                    if at == 0
                        && proof == Proof::Word
                        && longer.len() < MAX_LONGER
                        && let Some(&second) = ends.get(1)
                    {
                        let count = longer.entry(prompt::shape(&text[..second]));
                        count.or_insert_with(|| (text[..end].to_owned(), 0)).1 += 1;
                    }
                }
            }
        }
    }
    count(run);
    longer.retain(|_, (first, count)| {
        let all = seen.get(&*prompts.key(first)).map_or(0, |seen| seen.0);
        *count >= MIN_LONGER && *count * 100 >= all * LONGER_PERCENT
    });
    (seen, all_parts, longer.into_keys().collect())
}
