//! What a text must hold for a pattern to match: necessary, never sufficient; the text decides.

use regex_syntax::hir::{Class, Hir, HirKind};

use crate::fold::{fold, fold_char};
use crate::literal::{Condition, conditions};
use crate::tokens::is_word;

/// Conditions on the terms of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// None is known.
    Nothing,
    /// All of these hold.
    Terms(Vec<Condition>),
    /// The record has a text with a character beyond ASCII.
    NonAscii,
    /// All of these.
    All(Vec<Need>),
    /// One of these.
    Either(Vec<Need>),
}

/// Characters of a class that are looked at one by one; a larger class ends a literal.
const MAX_CLASS_CHARS: u64 = 8;

impl Need {
    /// Conditions on terms.
    pub(crate) fn terms(conditions: Vec<Condition>) -> Self {
        if conditions.is_empty() { Self::Nothing } else { Self::Terms(conditions) }
    }

    /// This, or a character beyond ASCII.
    pub(crate) fn or_non_ascii(self) -> Self {
        Self::either(vec![self, Self::NonAscii])
    }

    /// What a regular expression needs: the literals that stand in every match of it.
    pub(crate) fn of_regex(hir: &Hir) -> Self {
        let mut needs = Needs::default();
        needs.add(hir);
        needs.finish()
    }

    fn all(mut needs: Vec<Self>) -> Self {
        needs.retain(|need| *need != Self::Nothing);
        needs.dedup();
        match needs.len() {
            0 => Self::Nothing,
            1 => needs.remove(0),
            _ => Self::All(needs),
        }
    }

    fn either(mut needs: Vec<Self>) -> Self {
        if needs.contains(&Self::Nothing) {
            return Self::Nothing;
        }
        if needs.len() == 1 { needs.remove(0) } else { Self::Either(needs) }
    }
}

/// What was found on the way through an expression, from left to right.
#[derive(Default)]
struct Needs {
    all: Vec<Need>,
    /// Folded text that stands in every match, up to here.
    literal: String,
    /// Characters one of which may stand in place of one of the literal.
    others: Vec<char>,
}

impl Needs {
    fn add(&mut self, hir: &Hir) {
        match hir.kind() {
            // They match between characters, so what is around them stands side by side.
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
                Ok(text) => self.literal.push_str(&fold(text)),
                Err(_) => self.end_literal(),
            },
            HirKind::Class(class) => self.add_class(class),
            HirKind::Capture(capture) => self.add(&capture.sub),
            HirKind::Concat(parts) => parts.iter().for_each(|part| self.add(part)),
            HirKind::Alternation(parts) => {
                self.end_literal();
                self.all.push(Need::either(parts.iter().map(Need::of_regex).collect()));
            }
            HirKind::Repetition(repetition) => {
                let sub = &repetition.sub;
                if repetition.min == 0 {
                    return self.end_literal();
                }
                self.add(sub);
                if repetition.max != Some(1) {
                    self.end_literal();
                    // The last round stands in front of what follows. Only what is flat is looked at twice: doubling at
                    // every level would never end.
                    if is_flat(sub) {
                        self.add(sub);
                    }
                }
            }
        }
    }

    /// A class whose characters are all one letter continues the literal.
    fn add_class(&mut self, class: &Class) {
        let mut folded: Vec<char> = Vec::new();
        for c in chars(class).unwrap_or_default() {
            let c = fold_char(c);
            if !folded.contains(&c) {
                folded.push(c);
            }
        }
        folded.sort_unstable();
        // A letter may have another form that folds to itself, as s has ſ. It must be one that can be looked for.
        match folded.split_first() {
            Some((first, others)) if others.iter().all(|c| !c.is_ascii() && is_word(*c)) => {
                self.literal.push(*first);
                self.others.extend(others);
            }
            _ => self.end_literal(),
        }
    }

    fn end_literal(&mut self) {
        let literal = std::mem::take(&mut self.literal);
        let others = std::mem::take(&mut self.others);
        let mut ways = vec![Need::terms(conditions(&literal))];
        for other in others {
            let way = Need::Terms(vec![Condition::Infix(other.to_string())]);
            if !ways.contains(&way) {
                ways.push(way);
            }
        }
        self.all.push(Need::either(ways));
    }

    fn finish(mut self) -> Need {
        self.end_literal();
        Need::all(self.all)
    }
}

/// Whether it is a text, perhaps in any case.
fn is_flat(hir: &Hir) -> bool {
    let is_piece = |hir: &Hir| matches!(hir.kind(), HirKind::Literal(_) | HirKind::Class(_));
    match hir.kind() {
        HirKind::Concat(parts) => parts.iter().all(is_piece),
        _ => is_piece(hir),
    }
}

/// The characters of a small class.
fn chars(class: &Class) -> Option<Vec<char>> {
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(class) => class.ranges().iter().map(|range| (range.start(), range.end())).collect(),
        Class::Bytes(class) => {
            class.ranges().iter().map(|range| (char::from(range.start()), char::from(range.end()))).collect()
        }
    };
    let size: u64 =
        ranges.iter().map(|&(start, end)| u64::from(u32::from(end)) - u64::from(u32::from(start)) + 1).sum();
    if size > MAX_CLASS_CHARS
        || matches!(class, Class::Bytes(_)) && ranges.iter().any(|range| !range.1.is_ascii())
    {
        return None;
    }
    Some(ranges.into_iter().flat_map(|(start, end)| start..=end).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::query::{Pattern, PatternOptions};

    fn infix(text: &str) -> Need {
        Need::Terms(vec![Condition::Infix(text.to_owned())])
    }

    #[test]
    fn regular_expressions_need_their_literals() {
        let need = |source: &str| {
            let options = PatternOptions { regex: true, ..PatternOptions::default() };
            Pattern::new(source, &options).unwrap().need().clone()
        };
        let terms = |conditions: &[Condition]| Need::Terms(conditions.to_vec());
        for (source, expected) in [
            ("curl", infix("curl")),
            ("CURL", infix("curl")),
            ("[ck]url", infix("url")),
            (".*", Need::Nothing),
            ("a|.", Need::Nothing),
            ("(curl|w.et)", Need::Either(vec![infix("curl"), Need::All(vec![infix("w"), infix("et")])])),
            ("cur(l)?x", Need::All(vec![infix("cur"), infix("x")])),
            ("(?:ab){2}c", Need::All(vec![infix("ab"), infix("abc")])),
            ("^curl\\b", infix("curl")),
            (
                "a\\.b c",
                terms(&[
                    Condition::Suffix("a".into()),
                    Condition::Exact("b".into()),
                    Condition::Prefix("c".into()),
                ]),
            ),
            // An s may be a long one, which folds to itself.
            ("us", Need::Either(vec![infix("us"), infix("ſ")])),
            // The Kelvin sign folds to k.
            ("(?i)ok", infix("ok")),
            ("[0-9]{3}:4444", terms(&[Condition::Prefix("4444".into())])),
        ] {
            assert_eq!(need(source), expected, "{source}");
        }
    }

    #[test]
    fn what_is_folded_may_be_beyond_ascii() {
        let options = PatternOptions { fold: true, ..PatternOptions::default() };
        let need = Pattern::new("сurl", &options).unwrap().need().clone();
        assert_eq!(need, Need::Either(vec![infix("curl"), Need::NonAscii]));
    }
}
