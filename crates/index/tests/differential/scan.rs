//! The slow way: every text of every record, one after the other.

use std::cmp::Reverse;
use std::sync::LazyLock;

use shelltrail_core::{AccountId, CommandRecord, Session};
use shelltrail_index::query::Case;

use crate::random::{Ask, Question, Text};

/// A record, its session, and the forms of its texts.
struct Entry<'a> {
    session: &'a Session,
    record: &'a CommandRecord,
    texts: Vec<Form>,
}

/// A text in the forms that options ask for.
struct Form {
    /// `command`, `sent`, `expanded`, `output`, `wiped`, `prompt`, `decoded`.
    name: &'static str,
    plain: String,
    lower: String,
    folded: String,
    folded_lower: String,
}

pub struct Scan<'a> {
    /// In the order of results.
    entries: Vec<Entry<'a>>,
}

/// Letters of the corpus that look like ASCII letters, and what cannot be seen.
const LOOK_ALIKES: [(char, &str); 12] = [
    ('с', "c"),
    ('е', "e"),
    ('о', "o"),
    ('а', "a"),
    ('р', "p"),
    ('σ', "o"),
    ('Κ', "K"),
    ('\u{212a}', "K"),
    ('ſ', "f"),
    ('\u{200b}', ""),
    ('\u{202e}', ""),
    ('\u{feff}', ""),
];

fn lower(text: &str) -> String {
    text.chars()
        .map(|c| {
            let mut lower = c.to_lowercase();
            if lower.len() == 1 { lower.next().unwrap() } else { c }
        })
        .collect()
}

fn fold(text: &str) -> String {
    let mut folded = String::new();
    for c in text.chars() {
        match LOOK_ALIKES.iter().find(|(other, _)| *other == c) {
            Some((_, ascii)) => folded += ascii,
            None => folded.push(c),
        }
    }
    folded
}

impl<'a> Scan<'a> {
    pub fn new(sessions: &'a [Session]) -> Self {
        let mut sessions: Vec<&Session> = sessions.iter().collect();
        sessions.sort_by_key(|session| {
            let at = session.ended_at.map(|at| at.as_millisecond());
            (at.is_none(), Reverse(at), session.id.to_string())
        });
        let entries = sessions.into_iter().flat_map(|session| {
            session.records.iter().map(move |record| {
                let decoded = record.command.as_deref().and_then(shelltrail_core::encoded::decoded);
                let texts = [
                    ("command", record.command.as_ref()),
                    ("sent", record.command_as_sent.as_ref()),
                    ("expanded", record.expanded.as_ref()),
                    ("output", Some(&record.output)),
                    ("wiped", record.output_as_sent.as_ref()),
                    ("prompt", record.prompt.as_ref()),
                    ("decoded", decoded.as_ref()),
                ];
                let form = |(name, text): (&'static str, Option<&String>)| {
                    let (plain, folded) = (text?.clone(), fold(text?));
                    Some(Form { name, lower: lower(&plain), folded_lower: lower(&folded), plain, folded })
                };
                Entry { session, record, texts: texts.into_iter().filter_map(form).collect() }
            })
        });
        Self { entries: entries.collect() }
    }

    pub fn records(&self) -> u64 {
        self.entries.len() as u64
    }

    /// A text of some record.
    pub fn text(&self, number: usize) -> &str {
        let entry = &self.entries[number % self.entries.len()];
        &entry.texts[number / 7 % entry.texts.len()].plain
    }

    pub fn session(&self, number: usize) -> &Session {
        self.entries[number % self.entries.len()].session
    }

    pub fn record(&self, number: usize) -> &CommandRecord {
        self.entries[number % self.entries.len()].record
    }

    /// The records that are an answer.
    pub fn find(&self, question: &Question) -> Vec<(String, u32)> {
        let matcher = Matcher::new(question);
        let hits = self.entries.iter().filter(|entry| matcher.truth(&question.ask, entry) != Some(false));
        hits.map(|entry| (entry.session.id.to_string(), entry.record.seq)).collect()
    }
}

struct Matcher<'q> {
    question: &'q Question,
    regexes: Vec<(String, regex::Regex)>,
}

impl<'q> Matcher<'q> {
    fn new(question: &'q Question) -> Self {
        let mut regexes = Vec::new();
        question.ask.each_text(&mut |text| {
            if text.is_regex {
                let pattern = match question.word {
                    true => format!("\\b{{start-half}}(?:{})\\b{{end-half}}", text.pattern),
                    false => text.pattern.clone(),
                };
                let regex = regex::RegexBuilder::new(&pattern)
                    .multi_line(true)
                    .case_insensitive(match question.case {
                        Case::Smart => !text.upper,
                        Case::Ignore => true,
                        Case::Exact => false,
                    })
                    .build();
                regexes.push((text.pattern.clone(), regex.unwrap()));
            }
        });
        Self { question, regexes }
    }

    /// Whether it is so; `None` if that is unknown.
    fn truth(&self, ask: &Ask, entry: &Entry<'_>) -> Option<bool> {
        match ask {
            Ask::Text(text) => Some(self.is_in(text, entry)),
            Ask::Not(ask) => self.truth(ask, entry).map(|truth| !truth),
            Ask::And(asks) => {
                let truths: Vec<_> = asks.iter().map(|ask| self.truth(ask, entry)).collect();
                match truths.contains(&Some(false)) {
                    true => Some(false),
                    false => truths.into_iter().collect::<Option<Vec<_>>>().map(|_| true),
                }
            }
            Ask::Or(asks) => {
                let truths: Vec<_> = asks.iter().map(|ask| self.truth(ask, entry)).collect();
                match truths.contains(&Some(true)) {
                    true => Some(true),
                    false => truths.into_iter().collect::<Option<Vec<_>>>().map(|_| false),
                }
            }
            Ask::After(millis) => entry.session.ended_at.map(|at| at.as_millisecond() >= *millis),
            Ask::Before(millis) => entry.session.ended_at.map(|at| at.as_millisecond() < *millis),
            Ask::Field(field, value) => Some(field_is(field, value, entry)),
            Ask::Number(field, min, max) => {
                let number = match *field {
                    "record" => u64::from(entry.record.seq),
                    "bytes" => entry.session.bytes,
                    _ => entry.session.records.len() as u64,
                };
                Some(*min <= number && number <= *max)
            }
        }
    }

    fn is_in(&self, text: &Text, entry: &Entry<'_>) -> bool {
        let sent = entry.record.command_as_sent.is_some();
        let covers = |name: &str| match text.within {
            "cmd" => matches!(name, "command" | "sent" | "expanded" | "decoded"),
            "out" => matches!(name, "output" | "wiped"),
            "any" => name != "prompt",
            "raw" => matches!(name, "output" | "wiped") || name == if sent { "sent" } else { "command" },
            _ => name == "prompt",
        };
        entry.texts.iter().filter(|form| covers(form.name)).any(|form| self.matches(text, form))
    }

    fn matches(&self, text: &Text, form: &Form) -> bool {
        let fold_it = self.question.fold;
        if text.is_regex {
            let regex = &self.regexes.iter().find(|(pattern, _)| *pattern == text.pattern).unwrap().1;
            return regex.is_match(if fold_it { &form.folded } else { &form.plain });
        }
        let needle = if fold_it { fold(&text.pattern) } else { text.pattern.clone() };
        let ignore = match self.question.case {
            Case::Smart => !needle.chars().any(char::is_uppercase),
            Case::Ignore => true,
            Case::Exact => false,
        };
        let haystack = match (fold_it, ignore) {
            (false, false) => &form.plain,
            (false, true) => &form.lower,
            (true, false) => &form.folded,
            (true, true) => &form.folded_lower,
        };
        let needle = if ignore { lower(&needle) } else { needle };
        if !self.question.word {
            return haystack.contains(&needle);
        }
        static WORD: LazyLock<regex::Regex> = LazyLock::new(|| regex::Regex::new(r"^\w$").unwrap());
        if !haystack.contains(&needle) {
            return false;
        }
        let is_word = |c: Option<char>| c.is_some_and(|c| WORD.is_match(c.encode_utf8(&mut [0; 4])));
        haystack.char_indices().any(|(at, _)| {
            haystack[at..].starts_with(&needle)
                && !is_word(haystack[..at].chars().next_back())
                && !is_word(haystack[at + needle.len()..].chars().next())
        })
    }
}

fn field_is(field: &str, value: &str, entry: &Entry<'_>) -> bool {
    let Entry { session, record, .. } = entry;
    let name = |value: &dyn erased::Named| value.named();
    let like = |known: Option<&str>| known.is_some_and(|known| wild(value, known));
    match field {
        "account" => like(session.account.as_ref().map(AccountId::as_str)),
        "region" => like(session.region.as_deref()),
        "principal" => like(session.principal.as_deref()),
        "target" => like(session.target.as_deref()),
        "session" => like(Some(&session.session)),
        "program" => record.programs.iter().any(|known| wild(value, known)),
        "context" => record.context.iter().any(|known| wild(value, known)),
        "kind" => name(&session.kind) == value,
        "status" => record.status.is_some_and(|status| name(&status) == value),
        "flag" => record.flags.iter().any(|flag| name(flag) == value),
        "origin" => name(&record.origin) == value,
        "confidence" => match value.strip_prefix(">=") {
            Some("high") => name(&record.confidence) == "high",
            Some("medium") => name(&record.confidence) != "low",
            Some(_) => true,
            None => name(&record.confidence) == value,
        },
        _ => panic!("{field}"),
    }
}

/// Stars by trying every length.
fn wild(pattern: &str, value: &str) -> bool {
    let value = if pattern.chars().any(char::is_uppercase) { value.to_owned() } else { lower(value) };
    wild_bytes(pattern.as_bytes(), value.as_bytes())
}

fn wild_bytes(pattern: &[u8], value: &[u8]) -> bool {
    match pattern.split_first() {
        None => value.is_empty(),
        Some((b'*', rest)) => (0..=value.len()).any(|skip| wild_bytes(rest, &value[skip..])),
        Some((byte, rest)) => value.first() == Some(byte) && wild_bytes(rest, &value[1..]),
    }
}

/// The names that the JSON gives to values.
mod erased {
    pub trait Named {
        fn named(&self) -> String;
    }

    impl<T: serde::Serialize> Named for T {
        fn named(&self) -> String {
            serde_json::to_value(self).unwrap().as_str().unwrap().to_owned()
        }
    }
}
