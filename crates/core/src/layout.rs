//! Where a transcript belongs, read from its object key alone.
//!
//! Session Manager writes `<prefix>/<session ID>.log` and lets the administrator choose the prefix, so
//! account and region are where that administrator put them. Templates say where; without a matching
//! one a default rule looks for directories that have the right form. Any key gives a placement. It is
//! a claim of whoever wrote the object, never a proof.

use crate::ids::AccountId;

/// How keys are laid out: templates in order, then the default rule.
///
/// A template names the directories of a key from its start, separated by `/`:
///
/// | segment | matches |
/// | --- | --- |
/// | `{account}` | a directory of exactly 12 digits |
/// | `{region}` | a directory that looks like an AWS region |
/// | `*` | any one directory, and says that it means nothing |
/// | other text | a directory of exactly this name |
/// | `{session}`, `{session}.log` | the file name; only at the end |
///
/// A template without `{session}` is a prefix: more directories may follow. The first template that
/// matches wins. What it does not name is looked for by the default rule in the directories that
/// follow it, so `ssm/{account}` finds the region of `ssm/111122223333/eu-west-1/NAME.log`.
///
/// The default rule: the account is the first directory of exactly 12 digits and the region the first
/// that looks like one. The file name is never searched for either: it holds the name of a user, who
/// may be called anything.
#[derive(Clone, Debug, Default)]
pub struct KeyLayout {
    templates: Vec<Template>,
}

/// What a key says about its transcript.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// The account that the key claims; `None` if it names none.
    pub account: Option<AccountId>,
    /// The AWS region that the key names.
    pub region: Option<String>,
    /// The session ID: the file name without `.log`, `.log.gz`, `.gz` or `.txt`.
    pub session: String,
    /// Who started the session, if the session ID has the form that AWS gives it.
    pub principal: Option<String>,
}

/// A key template that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// The template names no segment, or one without a name.
    #[error("read key template {template:?}, which has an empty segment")]
    EmptySegment {
        /// The template as it was given.
        template: String,
    },
    /// Braces or `*` that are no placeholder, or are only a part of a segment.
    #[error("read key template {template:?}, whose segment {segment:?} is neither plain nor a placeholder")]
    UnknownPlaceholder {
        /// The template as it was given.
        template: String,
        /// The segment that is not understood.
        segment: String,
    },
    /// `{session}` stands elsewhere than at the start of the last segment.
    #[error("read key template {template:?}, where {{session}} does not start the last segment")]
    SessionNotLast {
        /// The template as it was given.
        template: String,
    },
    /// `{account}` or `{region}` stands twice.
    #[error("read key template {template:?}, which names {placeholder} twice")]
    Repeated {
        /// The template as it was given.
        template: String,
        /// The placeholder.
        placeholder: &'static str,
    },
}

#[derive(Clone, Debug)]
struct Template {
    directories: Vec<Segment>,
    /// The text after `{session}`; `None` if the template is only a prefix.
    file_suffix: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Account,
    Region,
    Any,
    Literal(String),
}

/// What agents and pipelines append to a session ID, the longest first.
const FILE_SUFFIXES: [&str; 4] = [".log.gz", ".log", ".gz", ".txt"];

/// CloudWatch Logs writes an object of this name to try the permissions of an export bucket.
const WRITE_TEST: &str = "aws-logs-write-test";

impl KeyLayout {
    /// Reads templates; see [`KeyLayout`] for their form.
    ///
    /// # Errors
    /// The first template that cannot be used.
    pub fn new(templates: &[String]) -> Result<Self, LayoutError> {
        let templates = templates.iter().map(|text| Template::parse(text)).collect::<Result<_, _>>()?;
        Ok(Self { templates })
    }

    /// Places a key. Any key has a placement.
    #[must_use]
    pub fn locate(&self, key: &str) -> Placement {
        let (directories, name) = match key.rsplit_once('/') {
            Some((directories, name)) => (directories.split('/').collect(), name),
            None => (Vec::new(), key),
        };
        let mut placement = self
            .templates
            .iter()
            .find_map(|template| template.locate(&directories, name))
            .unwrap_or_else(|| Placement::default().completed(&directories, session_id(name)));
        placement.principal = principal(&placement.session).map(str::to_owned);
        placement
    }
}

/// Tells whether an object is by its name no transcript: an instruction file of the S3 Encryption
/// Client, a folder as consoles make them, or the write test of CloudWatch Logs.
#[must_use]
pub fn is_companion(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or(key);
    name.is_empty() || name == WRITE_TEST || name.ends_with(".instruction")
}

impl Template {
    fn parse(text: &str) -> Result<Self, LayoutError> {
        let template = || text.to_owned();
        let mut segments: Vec<&str> = text.trim_matches('/').split('/').collect();
        if segments.iter().any(|segment| segment.is_empty()) {
            return Err(LayoutError::EmptySegment { template: template() });
        }
        let file_suffix = segments.last().and_then(|last| last.strip_prefix("{session}"));
        if let Some(suffix) = file_suffix {
            let segment = segments.pop().unwrap_or_default();
            if suffix.contains(['{', '}', '*']) {
                return Err(LayoutError::UnknownPlaceholder {
                    template: template(),
                    segment: segment.to_owned(),
                });
            }
        }
        let mut directories = Vec::with_capacity(segments.len());
        for segment in segments {
            let parsed = match segment {
                "{account}" => Segment::Account,
                "{region}" => Segment::Region,
                "*" => Segment::Any,
                early if early.contains("{session}") => {
                    return Err(LayoutError::SessionNotLast { template: template() });
                }
                odd if odd.contains(['{', '}', '*']) => {
                    return Err(LayoutError::UnknownPlaceholder {
                        template: template(),
                        segment: odd.to_owned(),
                    });
                }
                plain => Segment::Literal(plain.to_owned()),
            };
            let placeholder = match parsed {
                Segment::Account => Some("{account}"),
                Segment::Region => Some("{region}"),
                Segment::Any | Segment::Literal(_) => None,
            };
            if let Some(placeholder) = placeholder.filter(|_| directories.contains(&parsed)) {
                return Err(LayoutError::Repeated { template: template(), placeholder });
            }
            directories.push(parsed);
        }
        Ok(Self { directories, file_suffix: file_suffix.map(str::to_owned) })
    }

    /// Places a key if this template matches it.
    fn locate(&self, directories: &[&str], name: &str) -> Option<Placement> {
        let (named, rest) = directories.split_at_checked(self.directories.len())?;
        let session = match self.file_suffix.as_deref() {
            Some(_) if !rest.is_empty() => return None,
            None | Some("") => session_id(name),
            Some(suffix) => name.strip_suffix(suffix).filter(|id| !id.is_empty())?,
        };
        let mut placement = Placement::default();
        for (segment, directory) in self.directories.iter().zip(named) {
            match segment {
                Segment::Account => placement.account = Some(directory.parse().ok()?),
                Segment::Region if is_region(directory) => placement.region = Some((*directory).to_owned()),
                Segment::Any => {}
                Segment::Literal(text) if text == directory => {}
                Segment::Region | Segment::Literal(_) => return None,
            }
        }
        Some(placement.completed(rest, session))
    }
}

impl Placement {
    /// Fills in by the default rule what is not known yet.
    fn completed(mut self, directories: &[&str], session: &str) -> Self {
        if self.account.is_none() {
            self.account = directories.iter().find_map(|directory| directory.parse().ok());
        }
        if self.region.is_none() {
            let region = directories.iter().find(|directory| is_region(directory));
            self.region = region.map(|&region| region.to_owned());
        }
        self.session = session.to_owned();
        self
    }
}

/// A file name without its suffix; the whole name if nothing would be left.
fn session_id(name: &str) -> &str {
    FILE_SUFFIXES
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))
        .filter(|id| !id.is_empty())
        .unwrap_or(name)
}

/// The part before the last hyphen, if what follows is a suffix as Session Manager makes them:
/// formerly 17 hexadecimal digits, today 26 letters and digits, always lower-case.
pub(crate) fn principal(session: &str) -> Option<&str> {
    let (principal, suffix) = session.rsplit_once('-')?;
    let known = match suffix.len() {
        17 => suffix.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
        26 => suffix.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'z')),
        _ => false,
    };
    (known && !principal.is_empty()).then_some(principal)
}

/// Two letters, one or more words, one or two digits: `eu-west-1`, `us-gov-west-1`, `us-iso-east-1`.
/// A list of regions would be out of date the day AWS opens one.
pub(crate) fn is_region(segment: &str) -> bool {
    let letters = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let Some((front, number)) = segment.rsplit_once('-') else { return false };
    let Some((partition, words)) = front.split_once('-') else { return false };
    matches!(number.len(), 1 | 2)
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && partition.len() == 2
        && letters(partition)
        && words.split('-').all(letters)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
