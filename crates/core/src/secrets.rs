//! Secrets in commands and output: where they are, and the text with a mask in their place.
//!
//! A mask keeps a prefix that is public by its kind, then `****`, then a fingerprint where one may be
//! shown: `AKIA****[3f9a1c07]`. [`Fingerprint`] says what it gives away.
//!
//! The rules are a table ([`rules`]). Most lines hold no keyword of any rule and cost one pass of an
//! automaton over their bytes; a line that holds one is searched by the rules of that keyword, each in
//! time linear in the line. Nothing is decoded and nothing is remembered between texts.
//!
//! What is not found:
//!
//! - a secret that a line break divides (a private key and a command continued by `\` are found);
//! - a secret in another encoding, compressed, or with foreign characters between its own;
//! - a password without any mark beside it, as an answer to a prompt ([`asks_for_secret`] knows those);
//! - a secret whose beginning was cut off before it came here. Therefore mask a text before it is cut
//!   into lines and matches, not after.
//!
//! A value that holds `****` counts as masked already, here or by the program that wrote it.

mod armor;
mod fingerprint;
mod guard;
mod masked;
pub mod rules;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::bytes::{Regex, RegexBuilder};

pub use fingerprint::Fingerprint;
pub use masked::Masked;
use rules::{Rule, Strength};

/// No compiled rule may be larger.
const MAX_RULE_BYTES: usize = 1 << 20;

/// How often a text is looked at again for what became a secret by the masks beside it.
const MAX_PASSES: usize = 4;

/// The set of rules that a line asks for is one number.
type RuleSet = u128;

/// Finds and masks secrets; cheap to make, the rules are compiled once for the process, each at first use.
#[derive(Clone, Default)]
pub struct Secrets {
    key: Option<[u8; 32]>,
}

/// A secret in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it stands; the borders are borders of characters.
    pub range: Range<usize>,
    /// The [`rules::Rule::id`] that names its kind.
    pub rule: &'static str,
    /// What it has in common with the same secret elsewhere, where that may be shown.
    pub fingerprint: Option<Fingerprint>,
    /// Bytes at its start that are public.
    kept: usize,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets").field("keyed", &self.key.is_some()).finish()
    }
}

impl Secrets {
    /// Passwords that a person may have chosen get no fingerprint.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Passwords, too, get a fingerprint, by a key that only the readers of this index hold.
    #[must_use]
    pub fn with_key(key: [u8; 32]) -> Self {
        Self { key: Some(key) }
    }

    /// The secrets of a text in ascending order; none overlaps another.
    #[must_use]
    pub fn find(&self, text: &str) -> Vec<Found> {
        let mut found = self.find_once(text);
        // A mask is a border that a pattern may have missed before, as where two tokens stand side by side.
        for _ in 0..MAX_PASSES {
            if found.is_empty() {
                break;
            }
            let masked = Masked::new(text, &found);
            let more = self.find_once(&masked.text);
            let before = found.len();
            found.extend(more.into_iter().filter_map(|secret| {
                let range = masked.origin(&secret.range)?;
                Some(Found { range, ..secret })
            }));
            if found.len() == before {
                break;
            }
            found.sort_unstable_by_key(|secret| secret.range.start);
        }
        found
    }

    fn find_once(&self, text: &str) -> Vec<Found> {
        let mut candidates = ENGINE.candidates(text);
        candidates.sort_unstable_by_key(|candidate| (candidate.range.start, candidate.rule));
        let mut found = Vec::new();
        let mut rest = candidates.as_slice();
        while let Some(first) = rest.first() {
            let mut range = first.range.clone();
            let overlapping = rest
                .iter()
                .take_while(|next| {
                    let overlaps = next.range.start < range.end;
                    if overlaps {
                        range.end = range.end.max(next.range.end);
                    }
                    overlaps
                })
                .count();
            let (group, after) = rest.split_at(overlapping);
            found.push(self.found(text, range, group));
            rest = after;
        }
        found
    }

    /// The text with every secret masked; masking it again changes nothing.
    #[must_use]
    pub fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.masked(text).text
    }

    /// The masked text, and the given places of the original in it.
    #[must_use]
    pub fn mask_ranges<'t>(
        &self,
        text: &'t str,
        ranges: &[Range<usize>],
    ) -> (Cow<'t, str>, Vec<Range<usize>>) {
        let masked = self.masked(text);
        let ranges = ranges.iter().map(|range| masked.place(range.clone())).collect();
        (masked.text, ranges)
    }

    /// The masked text with the means to place ranges of the original in it.
    #[must_use]
    pub fn masked<'t>(&self, text: &'t str) -> Masked<'t> {
        Masked::new(text, &self.find(text))
    }

    /// The mask of a text that is a secret as a whole, as what was typed where [`asks_for_secret`] holds.
    #[must_use]
    pub fn mask_whole(&self, secret: &str) -> String {
        mask_of("", Fingerprint::of(secret, Strength::Chosen, self.key.as_ref()))
    }

    fn found(&self, text: &str, range: Range<usize>, group: &[Candidate]) -> Found {
        let exact = group.iter().filter(|candidate| candidate.range == range).min_by_key(|exact| exact.rule);
        let longest = group.iter().max_by_key(|candidate| candidate.range.len());
        let rule = ENGINE.rules[exact.or(longest).expect("a group holds its first candidate").rule];
        let secret = &text[range.clone()];
        let strength = if exact.is_some() { rule.strength } else { Strength::Unknown };
        let key = self.key.as_ref();
        let fingerprint = if rule.pattern.is_empty() {
            Fingerprint::of(&armor::key_of(secret), strength, key)
        } else {
            Fingerprint::of(secret, strength, key)
        };
        let kept = if rule.keeps_keyword {
            let prefixes = rule.keywords.iter().filter(|keyword| secret.starts_with(**keyword));
            prefixes.map(|keyword| keyword.len()).max().unwrap_or(0)
        } else {
            0
        };
        Found { range, rule: rule.id, fingerprint, kept }
    }
}

impl Found {
    /// The mask that stands for this secret of `text`.
    #[must_use]
    pub fn mask(&self, text: &str) -> String {
        let mut mask = String::new();
        self.write_mask(text, &mut mask);
        mask
    }

    fn write_mask(&self, text: &str, out: &mut String) {
        let start = self.range.start;
        out.push_str(&mask_of(&text[start..start + self.kept], self.fingerprint));
    }
}

/// True if a prompt asks for a password or the like: what is typed after it is a secret as a whole.
#[must_use]
pub fn asks_for_secret(prompt: &str) -> bool {
    const ASKED: [&str; 8] =
        ["password", "passphrase", "passcode", "secret", "access key", "token", "verification code", "pin"];
    let line = prompt.trim_end();
    let line = line.rsplit('\n').next().unwrap_or(line).to_ascii_lowercase();
    let Some(question) = line.strip_suffix([':', '?']) else { return false };
    ASKED.iter().any(|word| {
        question.match_indices(word).any(|(at, _)| {
            let is_border = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
            is_border(question[..at].chars().next_back())
                && is_border(question[at + word.len()..].chars().next())
        })
    })
}

fn mask_of(kept: &str, fingerprint: Option<Fingerprint>) -> String {
    match fingerprint {
        Some(fingerprint) => format!("{kept}{}[{fingerprint}]", guard::MASKED),
        None => format!("{kept}{}", guard::MASKED),
    }
}

static ENGINE: LazyLock<Engine> = LazyLock::new(Engine::new);

/// The rules, and what finds the lines that they look at.
struct Engine {
    rules: Vec<&'static Rule>,
    patterns: Vec<OnceLock<Regex>>,
    keywords: AhoCorasick,
    /// For every keyword the rules that have it.
    wanted: Vec<RuleSet>,
}

/// A match that may overlap others.
struct Candidate {
    range: Range<usize>,
    rule: usize,
}

impl Engine {
    fn new() -> Self {
        let rules: Vec<_> = rules::all().collect();
        assert!(rules.len() <= RuleSet::BITS as usize, "a rule set holds every rule");
        let mut keywords: Vec<String> = Vec::new();
        let mut wanted: Vec<RuleSet> = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            for keyword in rule.keywords {
                let keyword = keyword.to_ascii_lowercase();
                let at = keywords.iter().position(|known| *known == keyword).unwrap_or_else(|| {
                    keywords.push(keyword);
                    wanted.push(0);
                    wanted.len() - 1
                });
                wanted[at] |= 1 << index;
            }
        }
        let keywords = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(&keywords)
            .expect("the table of keywords is small");
        let patterns = rules.iter().map(|_| OnceLock::new()).collect();
        Self { rules, patterns, keywords, wanted }
    }

    fn candidates(&self, text: &str) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        let mut line = 0..0;
        let mut rules: RuleSet = 0;
        for keyword in self.keywords.find_overlapping_iter(text) {
            if keyword.start() >= line.end {
                self.search(text, line.clone(), rules, &mut candidates);
                line = line_around(text, line.end, keyword.start());
                rules = 0;
            }
            rules |= self.wanted[keyword.pattern().as_usize()];
        }
        self.search(text, line, rules, &mut candidates);
        let armor = self.rules.iter().position(|rule| rule.pattern.is_empty());
        if let Some(rule) = armor {
            candidates.extend(armor::bodies(text).into_iter().map(|range| Candidate { range, rule }));
        }
        candidates
    }

    fn search(&self, text: &str, line: Range<usize>, mut rules: RuleSet, candidates: &mut Vec<Candidate>) {
        let (start, line) = (line.start, &text[line]);
        while rules != 0 {
            let rule = rules.trailing_zeros() as usize;
            rules &= rules - 1;
            if self.rules[rule].pattern.is_empty() {
                continue;
            }
            for captures in self.pattern(rule).captures_iter(line.as_bytes()) {
                let mut groups = captures.iter().flatten();
                let whole = groups.next().expect("the first group is the whole match");
                let context = line.floor_char_boundary(whole.start());
                for group in groups {
                    let group = line.floor_char_boundary(group.start())..line.ceil_char_boundary(group.end());
                    let secret = guard::secret_in(self.rules[rule], line, context, group);
                    candidates.extend(
                        secret.filter(|secret| !secret.is_empty()).map(|secret| Candidate {
                            range: start + secret.start..start + secret.end,
                            rule,
                        }),
                    );
                }
            }
        }
    }

    fn pattern(&self, rule: usize) -> &Regex {
        self.patterns[rule].get_or_init(|| {
            RegexBuilder::new(&rules::written_out(self.rules[rule].pattern))
                .unicode(false)
                .size_limit(MAX_RULE_BYTES)
                .build()
                .expect("the tests compile every rule")
        })
    }
}

/// The line that holds a place, with those that a backslash at the end joins to it; `from` is a border.
fn line_around(text: &str, from: usize, at: usize) -> Range<usize> {
    let bytes = text.as_bytes();
    let start = memchr::memrchr_iter(b'\n', &bytes[from..at])
        .map(|newline| from + newline)
        .find(|newline| !joins_next(&bytes[..*newline]))
        .map_or(from, |newline| newline + 1);
    let mut end = at;
    while let Some(newline) = memchr::memchr(b'\n', &bytes[end..]) {
        end += newline + 1;
        if !joins_next(&bytes[..end - 1]) {
            return start..end;
        }
    }
    start..bytes.len()
}

fn joins_next(line: &[u8]) -> bool {
    line.strip_suffix(b"\r").unwrap_or(line).ends_with(b"\\")
}
