//! Questions made by chance, the same on every run.

use shelltrail_index::query::Case;

use crate::corpus::{ACCOUNTS, CONTEXTS, REGIONS};
use crate::scan::Scan;

/// A question: its text for the parser, and the same for the scan.
#[derive(Clone, Debug)]
pub struct Question {
    pub text: String,
    pub ask: Ask,
    pub word: bool,
    pub fold: bool,
    pub case: Case,
}

#[derive(Clone, Debug)]
pub enum Ask {
    Text(Text),
    And(Vec<Ask>),
    Or(Vec<Ask>),
    Not(Box<Ask>),
    Field(&'static str, String),
    Number(&'static str, u64, u64),
    After(i64),
    Before(i64),
}

#[derive(Clone, Debug)]
pub struct Text {
    pub within: &'static str,
    pub pattern: String,
    pub is_regex: bool,
    /// Whether an upper-case letter of a regular expression stands for itself.
    pub upper: bool,
}

impl Ask {
    pub fn each_text(&self, see: &mut dyn FnMut(&Text)) {
        match self {
            Self::Text(text) => see(text),
            Self::And(asks) | Self::Or(asks) => asks.iter().for_each(|ask| ask.each_text(see)),
            Self::Not(ask) => ask.each_text(see),
            _ => {}
        }
    }

    /// As it is typed.
    fn written(&self) -> String {
        let list = |asks: &[Self], joint: &str| {
            let parts: Vec<String> = asks.iter().map(Self::written).collect();
            format!("({})", parts.join(joint))
        };
        match self {
            Self::Text(Text { within, pattern, is_regex, .. }) => {
                let value = match is_regex {
                    true => format!("/{pattern}/"),
                    false => format!("\"{}\"", pattern.replace('\\', "\\\\").replace('"', "\\\"")),
                };
                if *within == "any" { value } else { format!("{within}:{value}") }
            }
            Self::And(asks) => list(asks, " AND "),
            Self::Or(asks) => list(asks, " OR "),
            Self::Not(ask) => format!("NOT {}", ask.written()),
            Self::Field(field, value) => format!("{field}:\"{value}\""),
            Self::Number(field, min, max) if *max == u64::MAX => format!("{field}:>={min}"),
            Self::Number(field, min, max) => format!("{field}:{min}..{max}"),
            Self::After(at) => format!("after:{}", jiff::Timestamp::from_millisecond(*at).unwrap()),
            Self::Before(at) => format!("before:{}", jiff::Timestamp::from_millisecond(*at).unwrap()),
        }
    }
}

/// A generator of numbers (splitmix64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    pub fn question(&mut self, scan: &Scan<'_>) -> Question {
        let ask = match self.below(10) {
            0..5 => Ask::Text(self.text(scan)),
            _ => self.tree(scan, 3),
        };
        let simple = matches!(&ask, Ask::Text(text) if text.within == "any" && !text.is_regex);
        let mut text = ask.written();
        if let (true, Ask::Text(Text { pattern, .. })) = (simple, &ask) {
            // Half of the literals are typed as they are, if nothing in them is an operator.
            let plain = pattern.chars().all(|c| c.is_alphanumeric() || " .-_$|&;<>".contains(c));
            let words = ["AND", "OR", "NOT"];
            if plain
                && !pattern.trim().is_empty()
                && !pattern.split(' ').any(|word| words.contains(&word))
                && self.one_in(2)
            {
                text.clone_from(pattern);
            }
        }
        let (word, fold) = (self.one_in(6), self.one_in(6));
        Question {
            text,
            ask,
            word,
            fold,
            case: self.of(&[Case::Smart, Case::Smart, Case::Smart, Case::Ignore, Case::Exact]),
        }
    }

    fn tree(&mut self, scan: &Scan<'_>, depth: usize) -> Ask {
        match self.below(if depth == 0 { 5 } else { 10 }) {
            0..3 => Ask::Text(self.text(scan)),
            3 | 4 => self.fact(scan),
            5 => Ask::Not(Box::new(self.tree(scan, depth - 1))),
            6 | 7 => Ask::Or((0..2 + self.below(2)).map(|_| self.tree(scan, depth - 1)).collect()),
            _ => Ask::And((0..2 + self.below(2)).map(|_| self.tree(scan, depth - 1)).collect()),
        }
    }

    fn text(&mut self, scan: &Scan<'_>) -> Text {
        let within = self.of(&["any", "any", "any", "cmd", "out", "raw", "prompt"]);
        let (pattern, is_regex) = match self.below(10) {
            0..7 => (self.piece(scan), false),
            7 => (self.piece_of(scan, &['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '.', ':']), false),
            _ => (self.regex(scan), true),
        };
        let meanings = ["\\S+@\\S+", "\\p{Lu}\\p{Ll}+", "\\W{5}"];
        let upper = !meanings.contains(&pattern.as_str()) && pattern.chars().any(char::is_uppercase);
        Text { within, pattern, is_regex, upper }
    }

    /// A piece of a text, cut anywhere; now and then in another case.
    fn piece(&mut self, scan: &Scan<'_>) -> String {
        loop {
            let text = scan.text(self.next() as usize >> 1);
            if text.is_empty() {
                continue;
            }
            let from = text.floor_char_boundary(self.below(text.len()));
            let len = match self.below(8) {
                0 => 1,
                1 => 1 + self.below(3),
                2..6 => 1 + self.below(20),
                6 => 1 + self.below(80),
                _ => 1 + self.below(300),
            };
            let piece = &text[from..text.ceil_char_boundary((from + len).min(text.len()))];
            // What folding leaves nothing of is refused.
            if piece.chars().all(|c| !c.is_ascii()) && piece.chars().count() < 2 {
                continue;
            }
            return match self.below(12) {
                0 => piece.to_lowercase(),
                1 => piece.to_uppercase(),
                2 => format!("{piece}{}", self.of(&["x", "0", "-", "é", "Q"])),
                _ => piece.to_owned(),
            };
        }
    }

    /// A piece of these characters alone.
    fn piece_of(&mut self, scan: &Scan<'_>, chars: &[char]) -> String {
        loop {
            let piece = self.piece(scan);
            let kept: String =
                piece.chars().skip_while(|c| !chars.contains(c)).take_while(|c| chars.contains(c)).collect();
            if !kept.is_empty() {
                return kept;
            }
        }
    }

    fn regex(&mut self, scan: &Scan<'_>) -> String {
        let escaped = |random: &mut Self| {
            let piece: String = random.piece(scan).chars().take(12).collect();
            regex::escape(&piece).replace('/', "\\/").replace('\n', "\\n").replace('\t', "\\t")
        };
        let (a, b) = (escaped(self), escaped(self));
        match self.below(14) {
            0 => a,
            1 => format!("{a}|{b}"),
            2 => format!("^{a}"),
            3 => format!("{a}$"),
            4 => format!("(?:{a})+{}", self.of(&["", "\\s", "."])),
            5 => format!("{a}.*"),
            6 => format!("(?i){a}"),
            7 => format!("[a-c]{a}"),
            8 => format!("(?:{a}|{b})(?:x|{a})?"),
            9 => self
                .of(&[
                    "\\d{4,}",
                    "[0-9]+\\.[0-9]+",
                    "\\bid\\b",
                    "s.do",
                    "\\S+@\\S+",
                    "e{2}",
                    "k[iu]",
                    "(?i)kill",
                    "a|b|c",
                ])
                .to_owned(),
            10 => self
                .of(&[
                    "sudo (su|id|-i)",
                    "systemctl st",
                    "(?i)KERNEL",
                    "password|passwd",
                    "kernel pass",
                    "(?-i)SUDO",
                    "\\p{Lu}\\p{Ll}+",
                    "ä|ß",
                    "^$",
                    "uid=\\d+\\(",
                    "x*",
                    "\\W{5}",
                    "[ſs]udo",
                    "(?:ab?)+",
                    "\\bs\\w+o\\b",
                ])
                .to_owned(),
            11 => format!("{}\\w*{}", a, self.of(&["e", "1", " "])),
            12 => format!("(?:{a}){{1,2}}"),
            _ => format!("\\b{a}"),
        }
    }

    fn fact(&mut self, scan: &Scan<'_>) -> Ask {
        let number = self.next() as usize >> 1;
        let (session, record) = (scan.session(number), scan.record(number));
        let cut = |random: &mut Self, value: &str| match random.below(4) {
            0 => value.to_owned(),
            1 => format!("{}*", &value[..value.floor_char_boundary(value.len() / 2)]),
            2 => format!("*{}", &value[value.ceil_char_boundary(value.len() / 2)..]),
            _ => value.to_lowercase(),
        };
        let clean = |value: String| value.replace(['"', '\\'], "*");
        match self.below(16) {
            0 | 1 => {
                let account = ACCOUNTS[self.below(4)];
                Ask::Field(
                    "account",
                    if self.one_in(3) { format!("{}*", &account[..4]) } else { account.to_owned() },
                )
            }
            2 => Ask::Field("region", cut(self, REGIONS[number % 3])),
            3 => Ask::Field("principal", clean(cut(self, session.principal.as_deref().unwrap_or("nobody")))),
            4 => Ask::Field("target", cut(self, session.target.as_deref().unwrap_or("i-0"))),
            5 => Ask::Field("session", clean(cut(self, &session.session))),
            6 | 7 => {
                let program = record.programs.first().map_or("none", String::as_str);
                let star = if program.matches('*').count() + program.matches('"').count() > 4 {
                    "ls"
                } else {
                    program
                };
                Ask::Field("program", clean(cut(self, star)))
            }
            8 => Ask::Field("context", cut(self, CONTEXTS[number % 4])),
            9 => Ask::Field("kind", self.of(&["transcript", "agent_error", "command_output"]).to_owned()),
            10 => Ask::Field(
                "status",
                self.of(&["executed", "aborted", "eof", "program_input", "echo_only"]).to_owned(),
            ),
            11 => Ask::Field("flag", self.of(&["erased", "overwritten", "mixed_script", "blind"]).to_owned()),
            12 => {
                Ask::Field("confidence", self.of(&["low", "high", ">=medium", ">=low", "medium"]).to_owned())
            }
            13 => Ask::Field("origin", self.of(&["user", "agent", "profile"]).to_owned()),
            14 => {
                let min = self.below(9) as u64;
                let max = if self.one_in(2) { u64::MAX } else { min + self.below(9) as u64 };
                Ask::Number(self.of(&["record", "records"]), min, max)
            }
            _ => {
                let at = 1_763_600_000_000 + self.below(10) as i64 * 86_400_000 - self.below(2) as i64;
                if self.one_in(3) {
                    Ask::Number("bytes", self.below(2000) as u64, u64::MAX)
                } else if self.one_in(2) {
                    Ask::After(at)
                } else {
                    Ask::Before(at)
                }
            }
        }
    }
}
