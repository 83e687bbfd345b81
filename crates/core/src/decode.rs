//! From fetched bytes to a session: open the envelope, inflate, parse, place.

use jiff::Timestamp;

use crate::envelope::{DataKey, Envelope, EnvelopeError};
use crate::ids::TranscriptId;
use crate::inflate::{self, InflateError};
use crate::layout::KeyLayout;
use crate::object::{Fetched, ObjectRef};
use crate::session::{Defect, Session, TimeSource};
use crate::transcript::{self, ParseLimits};

/// A transcript in the clear: decrypted, inflated, not yet parsed.
#[derive(Clone, Debug)]
pub struct Transcript {
    /// The identity under which it is stored.
    pub id: TranscriptId,
    /// The object it was read from.
    pub object: ObjectRef,
    /// `Last-Modified` of that object.
    pub last_modified: Option<Timestamp>,
    /// The clear bytes; every span counts in these.
    pub bytes: Vec<u8>,
    /// Oddities met while inflating.
    pub defects: Vec<Defect>,
}

/// An object that cannot be turned into a transcript. It is never indexed as it is.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The client-side envelope cannot be opened.
    #[error("open the client-side envelope")]
    Envelope(#[from] EnvelopeError),
    /// The compressed body cannot be inflated.
    #[error("inflate the object")]
    Inflate(#[from] InflateError),
}

impl DecodeError {
    /// A short stable word for failure lists.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Envelope(error) => error.reason(),
            Self::Inflate(error) => error.reason(),
        }
    }
}

/// Decrypts (if there is an envelope) and inflates (if the content is gzip).
///
/// `max_bytes` bounds the clear transcript.
///
/// # Errors
/// The envelope or the compression is damaged, refused by policy, or larger than the limit.
pub fn open(
    fetched: Fetched,
    envelope: Option<(Envelope, DataKey)>,
    max_bytes: u64,
) -> Result<Transcript, DecodeError> {
    let Fetched { object, id, metadata: _, last_modified, body } = fetched;
    let clear = match envelope {
        Some((envelope, key)) => envelope.open(&key, body)?,
        None => body,
    };
    let (bytes, defects) = inflate::inflate(clear, max_bytes)?;
    Ok(Transcript { id, object, last_modified, bytes, defects })
}

/// Parses a transcript and places it by its key. Any bytes give a session.
#[must_use]
pub fn session(transcript: &Transcript, layout: &KeyLayout, limits: &ParseLimits) -> Session {
    let placement = layout.locate(&transcript.object.key);
    let parsed = transcript::parse(&transcript.bytes, limits);
    let (ended_at, time_source) = match (parsed.ended_at, transcript.last_modified) {
        (Some(header), _) => (Some(header), Some(TimeSource::TranscriptHeader)),
        (None, Some(modified)) => (Some(modified), Some(TimeSource::ObjectLastModified)),
        (None, None) => (None, None),
    };
    let mut defects = transcript.defects.clone();
    defects.extend(parsed.defects);
    Session {
        id: transcript.id,
        object: transcript.object.clone(),
        account: placement.account,
        region: placement.region,
        session: placement.session,
        principal: placement.principal,
        target: parsed.target,
        ended_at,
        time_source,
        bytes: transcript.bytes.len() as u64,
        records: parsed.records,
        defects,
    }
}
