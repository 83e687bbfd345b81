//! From fetched bytes to sessions: open the envelope, inflate, tell what it is, parse, place.

use jiff::Timestamp;

use crate::carrier::{self, Carrier, Origin};
use crate::envelope::{DataKey, Envelope, EnvelopeError};
use crate::ids::TranscriptId;
use crate::inflate::{self, InflateError, InflateLimits, Inflated};
use crate::layout::KeyLayout;
use crate::object::{Fetched, ObjectRef};
use crate::session::{Defect, Session, SessionKind, TimeSource};
use crate::text_encoding;
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
    /// The clear bytes, as UTF-8 if they were UTF-16; every span counts in these.
    pub bytes: Vec<u8>,
    /// What they are.
    pub carrier: Carrier,
    /// Oddities met while inflating.
    pub defects: Vec<Defect>,
    /// Compressed bytes that were set aside while inflating.
    pub unread_bytes: u64,
}

/// An object that cannot be turned into a transcript. It is never indexed as it is.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The client-side envelope cannot be opened.
    #[error("open the client-side envelope")]
    Envelope(#[from] EnvelopeError),
    /// The object is a message of the AWS Encryption SDK, which is not read here.
    #[error("open the object, which is a message of the AWS Encryption SDK")]
    EncryptionSdkMessage,
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
            Self::EncryptionSdkMessage => "encryption-sdk-message",
            Self::Inflate(error) => error.reason(),
        }
    }
}

/// Decrypts (if there is an envelope) and inflates (if the content is gzip or Zstandard).
///
/// `limits` bound the clear transcript; a number of bytes has the default ratio. A stream that is cut or damaged
/// keeps what could be read, and the transcript says so in its defects.
///
/// # Errors
/// The envelope or the compression is damaged, refused by policy, or larger than the limit.
pub fn open(
    fetched: Fetched,
    envelope: Option<(Envelope, DataKey)>,
    limits: impl Into<InflateLimits>,
) -> Result<Transcript, DecodeError> {
    let Fetched { object, id, metadata: _, last_modified, body } = fetched;
    let clear = match envelope {
        Some((envelope, key)) => envelope.open(&key, body)?,
        None => body,
    };
    let Inflated { mut bytes, mut defects, unread_bytes } = inflate::inflate(clear, limits.into())?;
    if let Some(text) = text_encoding::from_utf16(&bytes) {
        bytes = text;
        defects.push(Defect::Utf16);
    }
    if is_encryption_sdk_message(&bytes) {
        return Err(DecodeError::EncryptionSdkMessage);
    }
    let carrier = Carrier::of(&bytes, &object.key);
    Ok(Transcript { id, object, last_modified, bytes, carrier, defects, unread_bytes })
}

/// Tells ciphertext that announces itself by its first bytes (AWS Encryption SDK message format reference:
/// version, type or algorithm suite), as it is or in base64. No metadata names it.
fn is_encryption_sdk_message(bytes: &[u8]) -> bool {
    const BINARY: [&[u8]; 5] =
        [b"\x02\x05\x78", b"\x02\x04\x78", b"\x01\x80\x03\x78", b"\x01\x80\x01\x78", b"\x01\x80\x00\x78"];
    const BASE64: [&[u8]; 5] = [b"AgV4", b"AgR4", b"AYAD", b"AYAB", b"AYAA"];
    /// The shortest header of a message in base64; a line of a transcript is not that long and unbroken.
    const SHORTEST: usize = 100;
    let in_base64 = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
    BINARY.iter().any(|magic| bytes.starts_with(magic))
        || (BASE64.iter().any(|magic| bytes.starts_with(magic))
            && bytes.get(..SHORTEST).is_some_and(|head| head.iter().all(in_base64)))
}

/// Parses an object and places what it holds: by what it tells of itself, else by its key.
///
/// Any bytes give at least one session. The first has the identity of the object; if there are more, theirs follow
/// from it and from their names. All of them must be stored together: the first stands for all when somebody asks
/// whether the object is stored.
#[must_use]
pub fn sessions(transcript: &Transcript, layout: &KeyLayout, limits: &ParseLimits) -> Vec<Session> {
    let origin = Origin::new(transcript, layout);
    let (kind, parsed) = match transcript.carrier {
        Carrier::Events | Carrier::Export => {
            return carrier::sessions(transcript.carrier, &transcript.bytes, &origin, limits);
        }
        Carrier::Transcript => (SessionKind::Transcript, transcript::parse(&transcript.bytes, limits)),
        Carrier::Output => (SessionKind::Transcript, transcript::parse_output(&transcript.bytes, limits)),
        Carrier::AgentError => (SessionKind::AgentError, transcript::parse_output(&transcript.bytes, limits)),
        Carrier::CommandOutput => {
            (SessionKind::CommandOutput, transcript::parse_output(&transcript.bytes, limits))
        }
    };
    let mut session = origin.session(kind);
    (session.ended_at, session.time_source) = match (parsed.ended_at, transcript.last_modified) {
        (Some(header), _) => (Some(header), Some(TimeSource::TranscriptHeader)),
        (None, Some(modified)) => (Some(modified), Some(TimeSource::ObjectLastModified)),
        (None, None) => (None, None),
    };
    session.target = parsed.target.or(session.target);
    session.records = parsed.records;
    session.defects.extend(parsed.defects);
    vec![session]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn fetched(key: &str, body: &[u8]) -> Fetched {
        Fetched {
            object: ObjectRef { key: key.to_owned(), ..ObjectRef::default() },
            id: TranscriptId::of_file(key, body),
            metadata: std::collections::BTreeMap::new(),
            last_modified: Some("2026-11-20T21:10:00Z".parse().unwrap()),
            body: body.to_vec(),
        }
    }

    #[test]
    fn the_key_places_and_the_header_dates_a_session() {
        let body = b"Script started on 2026-11-20 22:02:14+01:00 [<not executed on terminal>]\n$ id\r\r\nuid=0\r\r\n\n";
        let key = "session/111122223333/eu-west-1/alice-05ba181f37a0fb8d2.log";
        let transcript = open(fetched(key, body), None, 1 << 20).unwrap();
        let session = sessions(&transcript, &KeyLayout::default(), &ParseLimits::default()).remove(0);
        assert_eq!(session.account.unwrap().as_str(), "111122223333");
        assert_eq!(
            (session.region.as_deref(), session.principal.as_deref()),
            (Some("eu-west-1"), Some("alice"))
        );
        assert_eq!(session.ended_at.unwrap().to_string(), "2026-11-20T21:02:14Z");
        assert_eq!(session.time_source, Some(TimeSource::TranscriptHeader));
        assert_eq!(session.records[0].command.as_deref(), Some("id"));
    }

    #[test]
    fn without_a_header_the_upload_dates_a_session() {
        let transcript = open(fetched("alice.log", b"$ id\r\r\n"), None, 1 << 20).unwrap();
        let session = sessions(&transcript, &KeyLayout::default(), &ParseLimits::default()).remove(0);
        assert_eq!(session.ended_at, transcript.last_modified);
        assert_eq!(session.time_source, Some(TimeSource::ObjectLastModified));
        assert_eq!((session.account, session.session.as_str()), (None, "alice"));
    }

    #[test]
    fn ciphertext_that_announces_itself_is_refused() {
        let base64 = "AgV4".to_owned() + &"QUJD".repeat(50);
        for body in [b"\x02\x05\x78rest".as_slice(), b"\x01\x80\x03\x78rest", base64.as_bytes()] {
            let error = open(fetched("x.log", body), None, 1 << 20).unwrap_err();
            assert_eq!(error.reason(), "encryption-sdk-message");
        }
        assert!(open(fetched("x.log", b"AgV4 is a word\r\n"), None, 1 << 20).is_ok());
    }
}
