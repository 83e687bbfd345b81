//! Facts about a record or its session, other than its texts, and how their values are written.

use std::fmt;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use shelltrail_core::session::Origin;
use shelltrail_core::{Confidence, Flag, SessionKind, Status};

use crate::query::{Field, Glob, QueryError};

/// The values of `origin:`.
pub(crate) const ORIGINS: &[&str] = &["user", "profile", "agent"];
const TIME_HINT: &str = "2026-11-20, 2026-11-20T21:02:14Z, or an age such as 30m, 36h, 2d, 1w";
const NUMBER_HINT: &str = "N, N..M, >N, >=N, <N or <=N";

/// What may be so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// An identifier matches; one that is unknown matches nothing.
    Identifier(Identifier, Glob),
    /// What the object holds.
    Kind(SessionKind),
    /// What became of the line.
    Status(Status),
    /// What a plain look at the terminal would not have told.
    Flag(Flag),
    /// How sure the cut is: one of these.
    Confidence(Vec<Confidence>),
    /// Who typed the line.
    Origin(Origin),
    /// Position in the session.
    Record(Numbers),
    /// Size of the transcript.
    Bytes(Numbers),
    /// How many records the session has.
    Records(Numbers),
    /// When the session ended. Unknown if that is unknown.
    Ended(Times),
}

/// A name that stands for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)] // the fields are those of a session and its records
pub enum Identifier {
    Account,
    Region,
    Principal,
    Target,
    Session,
    Program,
    Context,
}

/// All numbers from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Numbers {
    pub min: u64,
    pub max: u64,
}

impl Numbers {
    /// Whether a number is among them.
    #[must_use]
    pub fn contain(self, number: u64) -> bool {
        (self.min..=self.max).contains(&number)
    }

    fn parse(value: &str) -> Result<Self, QueryError> {
        let error =
            |message: &str| QueryError::new(message, 0..value.len()).hint(format!("write {NUMBER_HINT}"));
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            digits
                .then(|| text.parse::<u64>())
                .ok_or_else(|| error("this is not a number"))?
                .map_err(|_| error("the number is too large"))
        };
        let none = || error("no number is in this range");
        let numbers = if let Some(text) = value.strip_prefix(">=") {
            Self { min: number(text)?, max: u64::MAX }
        } else if let Some(text) = value.strip_prefix("<=") {
            Self { min: 0, max: number(text)? }
        } else if let Some(text) = value.strip_prefix('>') {
            Self { min: number(text)?.checked_add(1).ok_or_else(none)?, max: u64::MAX }
        } else if let Some(text) = value.strip_prefix('<') {
            Self { min: 0, max: number(text)?.checked_sub(1).ok_or_else(none)? }
        } else if let Some((min, max)) = value.split_once("..") {
            Self { min: number(min)?, max: number(max)? }
        } else {
            Self { min: number(value)?, max: number(value)? }
        };
        if numbers.min > numbers.max { Err(none()) } else { Ok(numbers) }
    }
}

/// Points in time from one on and before another, in milliseconds since 1970 as the index keeps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// This time or later.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

impl Times {
    /// A range, open where a border is missing.
    #[must_use]
    pub fn new(from: Option<Timestamp>, until: Option<Timestamp>) -> Self {
        Self { from, until }
    }

    /// Whether a time is in the range.
    #[must_use]
    pub fn contain(self, millis: i64) -> bool {
        self.from.is_none_or(|from| millis >= from.as_millisecond())
            && self.until.is_none_or(|until| millis < until.as_millisecond())
    }

    /// Whether no time is in both.
    #[must_use]
    pub fn excludes(self, other: Self) -> bool {
        let from = self.from.max(other.from);
        let until = [self.until, other.until].into_iter().flatten().min();
        matches!((from, until), (Some(from), Some(until)) if from >= until)
    }
}

/// Reads a point in time: absolute (`2026-11-20`, the start of that day; `2026-11-20T21:02`, with or without seconds;
/// with `Z` or an offset, else UTC) or an age (`90s`, `30m`, `36h`, `2d`, `1w`).
///
/// # Errors
/// It is none.
pub fn time(text: &str, now: Timestamp) -> Result<Timestamp, QueryError> {
    let error = |message: &str| QueryError::new(message, 0..text.len()).hint(format!("write {TIME_HINT}"));
    if let Some(age) = age(text) {
        return now.checked_sub(age).map_err(|_| error("that is too long ago"));
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    // A date without an offset may have the name of a zone behind it, which would be read and left out.
    if text.contains('[') {
        return Err(error("this is not a time"));
    }
    let civil = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(|date| date.at(0, 0, 0, 0)));
    let zoned = civil.and_then(|civil| civil.to_zoned(TimeZone::UTC));
    zoned.map(|zoned| zoned.timestamp()).map_err(|_| error("this is not a time"))
}

fn age(text: &str) -> Option<SignedDuration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    if !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(SignedDuration::from_secs(number.parse::<i64>().ok()?.checked_mul(seconds)?))
}

impl Fact {
    /// The value of a field that is not one of texts.
    ///
    /// # Errors
    /// The value makes no sense for the field. Spans count in the value.
    pub fn parse(field: Field, value: &str, now: Timestamp) -> Result<Self, QueryError> {
        let whole = 0..value.len();
        if value.is_empty() {
            return Err(QueryError::new(format!("`{}:` has no value", field.name()), whole));
        }
        let identifier = |name| Ok(Self::Identifier(name, Glob::parse(value)?));
        match field {
            Field::Cmd | Field::Out | Field::Any | Field::Raw | Field::Prompt => {
                Err(QueryError::new(format!("`{}:` asks for a text", field.name()), whole))
            }
            Field::Account => account(value),
            Field::Region => identifier(Identifier::Region),
            Field::Principal => identifier(Identifier::Principal),
            Field::Target => identifier(Identifier::Target),
            Field::Session => identifier(Identifier::Session),
            Field::Program => identifier(Identifier::Program),
            Field::Context => identifier(Identifier::Context),
            Field::Kind => listed(field, value).map(|at| Self::Kind(KINDS[at])),
            Field::Status => listed(field, value).map(|at| Self::Status(STATUSES[at])),
            Field::Flag => listed(field, value).map(|at| Self::Flag(FLAGS[at])),
            Field::Origin => listed(field, value).map(|at| Self::Origin(ORIGIN_VALUES[at])),
            Field::Confidence => confidence(value),
            Field::Record => Numbers::parse(value).map(Self::Record),
            Field::Bytes => Numbers::parse(value).map(Self::Bytes),
            Field::Records => Numbers::parse(value).map(Self::Records),
            Field::After => Ok(Self::Ended(Times::new(Some(time(value, now)?), None))),
            Field::Before => Ok(Self::Ended(Times::new(None, Some(time(value, now)?)))),
            Field::Ended => ended(value, now),
        }
    }

    /// Whether both are ranges of the same, and nothing is in both.
    pub(crate) fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Ended(one), Self::Ended(other)) => one.excludes(*other),
            (Self::Record(one), Self::Record(other))
            | (Self::Bytes(one), Self::Bytes(other))
            | (Self::Records(one), Self::Records(other)) => one.min.max(other.min) > one.max.min(other.max),
            _ => false,
        }
    }

    /// Whether it is the same for all records of a session.
    #[must_use]
    pub fn is_about_sessions(&self) -> bool {
        match self {
            Self::Identifier(name, _) => !matches!(name, Identifier::Program | Identifier::Context),
            Self::Kind(_) | Self::Bytes(_) | Self::Records(_) | Self::Ended(_) => true,
            Self::Status(_) | Self::Flag(_) | Self::Confidence(_) | Self::Origin(_) | Self::Record(_) => {
                false
            }
        }
    }
}

pub(crate) const KINDS: [SessionKind; 3] =
    [SessionKind::Transcript, SessionKind::AgentError, SessionKind::CommandOutput];
pub(crate) const STATUSES: [Status; 6] = [
    Status::Executed,
    Status::Aborted,
    Status::Eof,
    Status::Unsubmitted,
    Status::EchoOnly,
    Status::ProgramInput,
];
pub(crate) const FLAGS: [Flag; 6] =
    [Flag::Erased, Flag::Overwritten, Flag::Concealed, Flag::AlternateScreen, Flag::Blind, Flag::MixedScript];
pub(crate) const CONFIDENCES: [Confidence; 3] = [Confidence::Low, Confidence::Medium, Confidence::High];
pub(crate) const ORIGIN_VALUES: [Origin; 3] = [Origin::User, Origin::Profile, Origin::Agent];

/// The name of a value as the query language, the index and the JSON write it.
pub(crate) fn name_of<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

fn listed(field: Field, value: &str) -> Result<usize, QueryError> {
    let wanted = value.replace('-', "_");
    field.values().iter().position(|known| *known == wanted).ok_or_else(|| {
        QueryError::new(format!("`{}:` has no value like this", field.name()), 0..value.len())
            .hint(format!("one of {}", field.values().join(", ")))
    })
}

fn confidence(value: &str) -> Result<Fact, QueryError> {
    let operator = [">=", "<=", ">", "<"].into_iter().find(|operator| value.starts_with(operator));
    let skip = operator.map_or(0, str::len);
    let at = listed(Field::Confidence, &value[skip..]).map_err(|error| error.moved(skip))?;
    let accepts = |other: usize| match operator {
        Some(">=") => other >= at,
        Some("<=") => other <= at,
        Some(">") => other > at,
        Some("<") => other < at,
        _ => other == at,
    };
    let values: Vec<Confidence> =
        (0..CONFIDENCES.len()).filter(|&at| accepts(at)).map(|at| CONFIDENCES[at]).collect();
    if values.is_empty() {
        return Err(QueryError::new("no confidence is in this range", 0..value.len()));
    }
    Ok(Fact::Confidence(values))
}

fn account(value: &str) -> Result<Fact, QueryError> {
    let error = |message: &str| {
        QueryError::new(message, 0..value.len()).hint("write 12 digits, or digits with * for the others")
    };
    if value.bytes().any(|b| !b.is_ascii_digit() && b != b'*') {
        return Err(error("an account ID has digits only"));
    }
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    match (value.contains('*'), digits) {
        (false, 12) | (true, 0..=12) => Ok(Fact::Identifier(Identifier::Account, Glob::parse(value)?)),
        _ => Err(error("an account ID has 12 digits")),
    }
}

fn ended(value: &str, now: Timestamp) -> Result<Fact, QueryError> {
    let Some((from, until)) = value.split_once("..") else {
        return Err(QueryError::new("`ended:` asks for a range", 0..value.len())
            .hint("write ended:A..B; A or B may be left out"));
    };
    let border = |text: &str, at: usize| match text {
        "" => Ok(None),
        text => time(text, now).map(Some).map_err(|error| error.moved(at)),
    };
    let times = Times::new(border(from, 0)?, border(until, from.len() + 2)?);
    if times == Times::new(None, None) {
        return Err(QueryError::new("the range has no border", 0..value.len()));
    }
    if times.excludes(times) {
        return Err(QueryError::new("the range ends before it begins: no session can match", 0..value.len()));
    }
    Ok(Fact::Ended(times))
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Account => "account",
            Self::Region => "region",
            Self::Principal => "principal",
            Self::Target => "target",
            Self::Session => "session",
            Self::Program => "program",
            Self::Context => "context",
        })
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min, self.max) {
            (min, max) if min == max => write!(f, "{min}"),
            (min, u64::MAX) => write!(f, ">={min}"),
            (0, max) => write!(f, "<={max}"),
            (min, max) => write!(f, "{min}..{max}"),
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identifier(name, glob) => write!(f, "{name}:{glob}"),
            Self::Kind(kind) => write!(f, "kind:{}", name_of(kind)),
            Self::Status(status) => write!(f, "status:{}", name_of(status)),
            Self::Flag(flag) => write!(f, "flag:{}", name_of(flag)),
            Self::Confidence(values) => {
                let names: Vec<String> = values.iter().map(name_of).collect();
                write!(f, "confidence:{}", names.join("|"))
            }
            Self::Origin(origin) => write!(f, "origin:{}", name_of(origin)),
            Self::Record(numbers) => write!(f, "record:{numbers}"),
            Self::Bytes(numbers) => write!(f, "bytes:{numbers}"),
            Self::Records(numbers) => write!(f, "records:{numbers}"),
            Self::Ended(Times { from, until }) => {
                let border = |time: &Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
                write!(f, "ended:{}..{}", border(from), border(until))
            }
        }
    }
}
