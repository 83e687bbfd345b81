//! What a secret looks like: a table, one row per kind, each with texts it must find and texts it must
//! leave alone. `SOURCES.md` beside it says where the formats are known from.
//!
//! Patterns are in the syntax of the `regex` crate over bytes, without Unicode classes, and match within
//! one line (with the lines that a backslash at its end joins to it). A token begins wherever its prefix
//! stands, without a border before it: what is in front may itself be a secret that a mask will replace. Every capturing group that takes
//! part in a match holds a secret. Parts that many patterns share are written as names:
//!
//! | name | stands for |
//! | --- | --- |
//! | `{command}` | what may stand before the name of a program |
//! | `{args}` | the arguments up to a flag, within one command of a pipeline |
//! | `{word}` | one word of a shell, quoted or not, captured |
//! | `{value}` | a value of JSON, YAML, an INI file or an assignment, captured without its quotes |

mod aws;
mod commands;
mod tokens;
mod values;

/// One kind of secret.
#[derive(Debug)]
pub struct Rule {
    /// A stable name, as printed and as named in a configuration.
    pub id: &'static str,
    /// What it finds, for a person.
    pub what: &'static str,
    /// Where the format is known from, and who wrote the pattern.
    pub source: &'static str,
    /// The pattern is tried only in lines that hold one of these, in whatever case.
    pub keywords: &'static [&'static str],
    /// The pattern; its capturing groups are the secret.
    pub pattern: &'static str,
    /// What a match must not be.
    pub guard: Guard,
    /// Whether a machine made the secret.
    pub strength: Strength,
    /// Whether the keyword at the secret's start is public and stays readable in the mask.
    pub keeps_keyword: bool,
    /// Digests, as of commits and files, stand in the same places and are left alone.
    pub rejects_digests: bool,
    /// Words, in lower case, that turn a match into something else if they stand right before it.
    pub not_after: &'static [&'static str],
    /// Texts with their secrets between `⟦` and `⟧`; `{36}` stands for 36 made-up letters and digits,
    /// `{x40}` for hexadecimal digits, `{U16}` for capitals.
    pub finds: &'static [&'static str],
    /// Texts in which no rule finds anything.
    pub leaves: &'static [&'static str],
}

/// What is never a secret although the pattern matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// A format of its own: only blanked and documentation values are left alone.
    Token,
    /// A value in a place made for a secret: also variables, substitutions and options.
    Value,
    /// A value beside a name that suggests a password: also what programs and prose put there.
    Assigned,
    /// As `Assigned`, where names are less telling: also numbers and short words.
    Suggested,
}

/// Whether a fingerprint without a key may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// Random and long: nobody finds it by trying.
    Random,
    /// Often chosen by a person: a fingerprint would let anyone try guesses.
    Chosen,
    /// Told from the value.
    Unknown,
}

/// A rule for tokens with a public prefix; rows change what differs.
const TOKEN: Rule = Rule {
    id: "",
    what: "",
    source: "",
    keywords: &[],
    pattern: "",
    guard: Guard::Token,
    strength: Strength::Random,
    keeps_keyword: true,
    rejects_digests: false,
    not_after: &[],
    finds: &[],
    leaves: &[],
};

/// A rule for values told by their place only.
const VALUE: Rule =
    Rule { source: OURS, guard: Guard::Value, strength: Strength::Unknown, keeps_keyword: false, ..TOKEN };

const OURS: &str = "pattern ours, from the manual of the program or format";

/// Every rule; of two that find the same text, the first names it.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    [aws::RULES, tokens::RULES, tokens::HASHES, commands::RULES, values::RULES].into_iter().flatten()
}

const NAMED_PARTS: [(&str, &str); 4] = [
    ("{command}", r"(?:^|[\s;&|(/'\x22`\\])"),
    ("{args}", r"(?:'[^']*'|\x22[^\x22]*\x22|[^|;&'\x22])*?"),
    ("{word}", r"((?:\\.|'[^']*'|\x22(?:\\.|[^\x22\\])*\x22|[^\s'\x22\\;&|<>()])+|['\x22][^\s'\x22]+)"),
    (
        "{value}",
        r"(?:\\+\x22([^\x22\\]+)\\+\x22|\x22((?:\\.|[^\x22\\])+)\x22|'([^']+)'|((?:\\[^\s'\x22]|[^\s'\x22\\;&|<>()`])+)|['\x22]([^\s'\x22]+))",
    ),
];

/// The pattern with the parts that have names written out.
pub(super) fn written_out(pattern: &str) -> String {
    NAMED_PARTS.iter().fold(pattern.to_owned(), |text, (name, part)| text.replace(name, part))
}
