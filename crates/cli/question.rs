//! From flags and a query to one tree. What the user typed in one place cannot change what another place says.

use std::fmt;
use std::io::Read;

use anyhow::{Context, bail};
use jiff::Timestamp;
use shelltrail_core::secrets::Secrets;
use shelltrail_index::query::limits::MAX_QUERY_BYTES;
use shelltrail_index::query::{Case, Field, Options, Within, no_field_in, parse};
use shelltrail_index::{Query, QueryError};

use crate::args::{FilterArgs, Place, QueryArgs};

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// The tree of everything.
    pub query: Query,
    /// The query as it was typed.
    pub text: Option<String>,
    /// The flags, as they go into the audit file.
    pub scope: Vec<String>,
    /// What a reader should know of how it was understood: the times, and a text that looks like a field.
    pub notes: Vec<String>,
}

/// A query or the value of a flag that cannot be understood, with its text, so that the place can be shown.
#[derive(Debug)]
pub struct Mistake {
    /// The flag, unless it is the query.
    pub flag: Option<&'static str>,
    /// What was typed.
    pub text: String,
    /// What is wrong with it, and where.
    pub error: QueryError,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.flag {
            Some(flag) => write!(f, "--{flag}: {}", self.error),
            None => write!(f, "{}", self.error),
        }
    }
}

impl std::error::Error for Mistake {}

impl Question {
    /// Reads everything that was typed.
    ///
    /// # Errors
    /// A part of it cannot be understood, or excludes everything.
    pub fn new(query: Option<&str>, how: &QueryArgs, filter: &FilterArgs) -> anyhow::Result<Self> {
        let options = options(how);
        let text = match (&how.query_file, query) {
            (Some(path), _) => Some(read(path)?),
            (None, query) => query.map(str::to_owned),
        };
        let mut tree = self::filter(filter, &options)?;
        let mut notes: Vec<String> = times(filter).into_iter().collect();
        if let Some(text) = &text {
            if text.trim().is_empty() {
                bail!("the query is empty; leave it out to ask for everything that passes the filters");
            }
            let mistake = |error| Mistake { flag: None, text: text.to_owned(), error };
            let parsed = parse(text, &options).map_err(mistake)?;
            // What is told is the place in the query, so the flags stand first.
            tree.clone().and(parsed.clone()).check_ranges().map_err(mistake)?;
            notes_on(&parsed, text, &options, &mut notes);
            notes.extend(pasted(text));
            tree = parsed.and(tree);
        }
        let scope = scope(how, filter);
        // What is asked may hold a secret, and the audit file is read by others.
        let secrets = Secrets::new();
        let mask = |text: &str| secrets.mask(text).into_owned();
        Ok(Self {
            query: tree,
            text: text.as_deref().map(mask),
            scope: scope.iter().map(|flag| mask(flag)).collect(),
            notes: notes.iter().map(|note| mask(note)).collect(),
        })
    }

    /// As [`Question::new`]; something must narrow the answer.
    ///
    /// # Errors
    /// Nothing does.
    pub fn narrowed(query: Option<&str>, how: &QueryArgs, filter: &FilterArgs) -> anyhow::Result<Self> {
        let question = Self::new(query, how, filter)?;
        if matches!(question.query, Query::All) {
            bail!("nothing is asked for: name a text to find, a query, or a filter (see --help)");
        }
        Ok(question)
    }
}

fn read(path: &std::path::Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let most = MAX_QUERY_BYTES as u64 + 1;
    let result = if path.as_os_str() == "-" {
        std::io::stdin().lock().take(most).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(most).read_to_string(&mut text))
    };
    result.with_context(|| format!("read the query from {}", path.display()))?;
    // The line end that editors and `echo` add is no part of it, nor the mark that editors of Windows put in front.
    let query = text.strip_suffix('\n').map_or(&*text, |text| text.strip_suffix('\r').unwrap_or(text));
    Ok(query.strip_prefix('\u{feff}').unwrap_or(query).to_owned())
}

fn options(how: &QueryArgs) -> Options {
    let case = match (how.ignore_case, how.case_sensitive) {
        (true, _) => Case::Ignore,
        (_, true) => Case::Exact,
        _ => Case::Smart,
    };
    let within = match how.place {
        Place::Cmd => Within::Command,
        Place::Out => Within::Output,
        Place::Any => Within::Any,
        Place::Raw => Within::Raw,
    };
    Options {
        regex: how.regex,
        fixed: how.fixed,
        case,
        word: how.word,
        fold: how.fold,
        within,
        ..Options::at(Timestamp::now())
    }
}

fn filter(args: &FilterArgs, options: &Options) -> anyhow::Result<Query> {
    if let (Some(since), Some(until)) = (args.since, args.until)
        && since >= until
    {
        bail!("--since {since} is not before --until {until}: no session can match");
    }
    let confidence: Vec<String> = args.confidence.iter().map(|level| format!(">={level}")).collect();
    let fields: [(&'static str, Field, &[String]); 11] = [
        ("account", Field::Account, &args.account),
        ("region", Field::Region, &args.region),
        ("principal", Field::Principal, &args.principal),
        ("target", Field::Target, &args.target),
        ("session", Field::Session, &args.session),
        ("kind", Field::Kind, &args.kind),
        ("program", Field::Program, &args.program),
        ("status", Field::Status, &args.status),
        ("flag", Field::Flag, &args.flag),
        ("origin", Field::Origin, &args.origin),
        ("confidence", Field::Confidence, &confidence),
    ];
    let mut query = Query::All;
    for (flag, field, values) in fields {
        if values.is_empty() {
            continue;
        }
        let any: Result<Vec<Query>, Mistake> = values
            .iter()
            .map(|value| {
                let mistake = |error| Mistake { flag: Some(flag), text: value.clone(), error };
                Query::field(field, value, options).map_err(mistake)
            })
            .collect();
        query = query.and(Query::any_of(any?));
    }
    if args.since.is_some() || args.until.is_some() {
        query = query.and(Query::ended(args.since, args.until));
    }
    Ok(query)
}

/// A date or an age is echoed as the time that it stands for.
fn times(filter: &FilterArgs) -> Option<String> {
    let from = filter.since.map(|time| format!("at {time} or later"));
    let until = filter.until.map(|time| format!("before {time}"));
    let parts: Vec<String> = from.into_iter().chain(until).collect();
    (!parts.is_empty()).then(|| format!("sessions that ended {}", parts.join(" and ")))
}

/// How the times of a query were understood, and whether a text in it looks like a field.
fn notes_on(query: &Query, text: &str, options: &Options, notes: &mut Vec<String>) {
    match query {
        Query::And(queries) | Query::Or(queries) => {
            queries.iter().for_each(|query| notes_on(query, text, options, notes));
        }
        Query::Not(query) => notes_on(query, text, options, notes),
        Query::Is(leaf) if query.asks_for_times() => {
            if let Some(written) = leaf.span.clone().and_then(|span| text.get(span)) {
                notes.push(format!("{written} is {}", leaf.fact));
            }
        }
        Query::Text(leaf) if leaf.pattern.source() == text && !options.regex && !options.fixed => {
            if text.trim() != text {
                notes.push("the text is looked for with the blanks at its ends".to_owned());
            }
            if let Some(no_field) = no_field_in(text) {
                let meant = no_field.meant.map(|meant| format!("; did you mean {}:?", meant.name()));
                let name = no_field.name;
                let meant = meant.unwrap_or_default();
                notes.push(format!("{name}: is no field, so the whole is looked for as a text{meant}"));
            }
        }
        Query::All | Query::Is(_) | Query::Text(_) => {}
    }
}

/// Programs for documents and chats put these in the place of what stands in a shell, or between its letters.
const PASTED: [std::ops::RangeInclusive<char>; 8] = [
    '\u{a0}'..='\u{a0}',     // no-break space
    '\u{ad}'..='\u{ad}',     // soft hyphen
    '\u{2000}'..='\u{200f}', // spaces of other widths, and of none
    '\u{2010}'..='\u{2015}', // hyphens and dashes
    '\u{2018}'..='\u{201f}', // quotes
    '\u{202f}'..='\u{202f}', // narrow no-break space
    '\u{2060}'..='\u{2060}', // word joiner
    '\u{feff}'..='\u{feff}', // byte order mark
];

/// Points out characters that are hardly typed and easily pasted: a text with one of them is found nowhere, and that looks
/// like an answer.
fn pasted(text: &str) -> Option<String> {
    let mut found: Vec<String> = text
        .chars()
        .filter(|c| PASTED.iter().any(|range| range.contains(c)))
        .map(|c| format!("U+{:04X}", u32::from(c)))
        .collect();
    found.sort_unstable();
    found.dedup();
    let what = "which a shell hardly has and which are looked for as they are: pasted from a document?";
    (!found.is_empty()).then(|| format!("the query has characters in it ({}) {what}", found.join(", ")))
}

/// The flags as they could be typed again.
fn scope(how: &QueryArgs, filter: &FilterArgs) -> Vec<String> {
    let lists = [
        ("account", &filter.account),
        ("region", &filter.region),
        ("principal", &filter.principal),
        ("target", &filter.target),
        ("session", &filter.session),
        ("kind", &filter.kind),
        ("program", &filter.program),
        ("status", &filter.status),
        ("flag", &filter.flag),
        ("origin", &filter.origin),
    ];
    let mut scope = Vec::new();
    for (name, values) in lists {
        scope.extend(values.iter().map(|value| format!("--{name}={value}")));
    }
    scope.extend(filter.confidence.iter().map(|level| format!("--confidence={level}")));
    scope.extend(filter.since.map(|time| format!("--since={time}")));
    scope.extend(filter.until.map(|time| format!("--until={time}")));
    if how.place != Place::Any {
        scope.push(format!("--in={}", format!("{:?}", how.place).to_lowercase()));
    }
    let switches = [
        ("--regex", how.regex),
        ("--fixed", how.fixed),
        ("--ignore-case", how.ignore_case),
        ("--case-sensitive", how.case_sensitive),
        ("--word", how.word),
        ("--fold", how.fold),
    ];
    scope.extend(switches.into_iter().filter(|(_, set)| *set).map(|(name, _)| name.to_owned()));
    scope
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn values_of_flags_stay_values() {
        let filter =
            FilterArgs { principal: vec!["x) OR account:* OR (".to_owned()], ..FilterArgs::default() };
        let how = QueryArgs { fixed: true, ..QueryArgs::default() };
        let question = Question::new(Some("a"), &how, &filter).unwrap();
        assert!(matches!(&question.query, Query::And(parts) if parts.len() == 2), "{:?}", question.query);
        assert_eq!(question.scope, ["--principal=x) OR account:* OR (", "--fixed"]);
    }

    #[test]
    fn how_a_query_was_understood_is_told() {
        let notes = |text: &str| {
            let (how, filter) = (QueryArgs::default(), FilterArgs::default());
            Question::new(Some(text), &how, &filter).unwrap().notes
        };
        assert_eq!(
            notes("x AND (NOT after:2024-01-01 OR b)"),
            ["after:2024-01-01 is ended:2024-01-01T00:00:00Z.."]
        );
        assert_eq!(
            notes("user:jdoe"),
            ["user: is no field, so the whole is looked for as a text; did you mean principal:?"]
        );
        assert_eq!(notes("foo:bar"), ["foo: is no field, so the whole is looked for as a text"]);
        assert_eq!(notes("\"user:jdoe\""), Vec::<String>::new());
        assert_eq!(notes("chown root:root /"), Vec::<String>::new());
    }

    #[test]
    fn what_makes_no_sense_is_an_error() {
        let ask = |filter: FilterArgs| Question::narrowed(None, &QueryArgs::default(), &filter);
        assert!(ask(FilterArgs::default()).is_err(), "nothing is asked for");
        let bad = FilterArgs { account: vec!["12345".to_owned()], ..FilterArgs::default() };
        let error = ask(bad).unwrap_err();
        assert_eq!(error.downcast_ref::<Mistake>().unwrap().flag, Some("account"));
        let prefix = FilterArgs { account: vec!["12345*".to_owned()], ..FilterArgs::default() };
        assert!(ask(prefix).is_ok());
    }
}
