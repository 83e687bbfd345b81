//! Checked identifiers: an account, a partition of the index, a transcript.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A 12-digit AWS account ID (AWS Account Management reference, "AWS account identifiers").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId([u8; 12]);

impl AccountId {
    /// Views the account ID as its twelve digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("an account ID holds only ASCII digits")
    }
}

/// The text is not an account ID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an account ID has exactly 12 digits")]
pub struct NotAnAccountId;

impl FromStr for AccountId {
    type Err = NotAnAccountId;

    fn from_str(text: &str) -> Result<Self, NotAnAccountId> {
        let digits: [u8; 12] = text.as_bytes().try_into().map_err(|_| NotAnAccountId)?;
        if digits.iter().all(u8::is_ascii_digit) { Ok(Self(digits)) } else { Err(NotAnAccountId) }
    }
}

impl TryFrom<String> for AccountId {
    type Error = NotAnAccountId;

    fn try_from(text: String) -> Result<Self, NotAnAccountId> {
        text.parse()
    }
}

impl From<AccountId> for String {
    fn from(account: AccountId) -> Self {
        account.as_str().to_owned()
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One part of the index: the first digits of an account ID, or [`Partition::UNPLACED`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Partition(String);

impl Partition {
    /// The name of the partition for transcripts whose key names no account.
    pub const UNPLACED: &'static str = "unplaced";

    /// Places an account by its first `digits` digits (0 to 12; 0 puts every account into one partition, `all`).
    #[must_use]
    pub fn of(account: Option<&AccountId>, digits: u8) -> Self {
        match account {
            None => Self(Self::UNPLACED.to_owned()),
            Some(_) if digits == 0 => Self("all".to_owned()),
            Some(account) => Self(account.as_str()[..usize::from(digits.min(12))].to_owned()),
        }
    }

    /// Reads back a partition from the name of its directory; `None` if no partition has this name.
    #[must_use]
    pub fn from_name(name: &str, digits: u8) -> Option<Self> {
        let placed = match digits {
            0 => name == "all",
            _ => name.len() == usize::from(digits) && name.bytes().all(|b| b.is_ascii_digit()),
        };
        (placed || name == Self::UNPLACED).then(|| Self(name.to_owned()))
    }

    /// The partition's name, which is also the name of its directory.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The identity of one stored transcript: 16 bytes of SHA-256 over where it lies and what its content is.
///
/// An S3 object is identified by bucket, key and ETag: a notification and a plain listing both know
/// these three, and a listing knows no version ID. The same object therefore has one identity however
/// we hear of it, and writing the same bytes twice leaves one copy. A file outside S3 is identified by
/// its path and the BLAKE3 hash of its bytes, which costs a seventh of SHA-256 where the processor has no
/// instructions for that.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TranscriptId([u8; 16]);

impl TranscriptId {
    /// Identifies an S3 object by bucket, key and ETag (without quotes).
    #[must_use]
    pub fn of_object(bucket: &str, key: &str, etag: &str) -> Self {
        Self::hash("s3", &[bucket.as_bytes(), key.as_bytes(), etag.as_bytes()])
    }

    /// Identifies a file outside S3 by its path below the source and its content.
    #[must_use]
    pub fn of_file(path: &str, content: &[u8]) -> Self {
        Self::hash("file", &[path.as_bytes(), blake3::hash(content).as_bytes()])
    }

    /// Identifies one of several sessions in an object.
    #[must_use]
    pub fn of_part(object: &Self, account: Option<&AccountId>, session: &str, part: &str) -> Self {
        let account = account.map_or("", AccountId::as_str);
        Self::hash("part", &[&object.0, account.as_bytes(), session.as_bytes(), part.as_bytes()])
    }

    /// Every field is preceded by its length, so that no two lists of fields give the same bytes.
    pub(crate) fn hash(kind: &str, fields: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for field in std::iter::once(&kind.as_bytes()).chain(fields) {
            hasher.update((field.len() as u64).to_be_bytes());
            hasher.update(field);
        }
        let digest = hasher.finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Self(id)
    }

    /// The bytes, as one number.
    pub(crate) fn as_number(self) -> u128 {
        u128::from_be_bytes(self.0)
    }
}

/// The text is not a transcript ID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a transcript ID has exactly 32 lower-case hexadecimal digits")]
pub struct NotATranscriptId;

impl FromStr for TranscriptId {
    type Err = NotATranscriptId;

    fn from_str(text: &str) -> Result<Self, NotATranscriptId> {
        let digits = text.as_bytes();
        if digits.len() != 32 {
            return Err(NotATranscriptId);
        }
        let value = |digit: u8| match digit {
            b'0'..=b'9' => Ok(digit - b'0'),
            b'a'..=b'f' => Ok(digit - b'a' + 10),
            _ => Err(NotATranscriptId),
        };
        let mut id = [0; 16];
        for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = value(pair[0])? << 4 | value(pair[1])?;
        }
        Ok(Self(id))
    }
}

impl fmt::Display for TranscriptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TranscriptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for TranscriptId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TranscriptId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_twelve_ascii_digits_are_an_account() {
        assert!("111122223333".parse::<AccountId>().is_ok());
        for bad in ["", "11112222333", "1111222233334", "11112222333x", "１１１１"] {
            assert_eq!(bad.parse::<AccountId>(), Err(NotAnAccountId), "{bad}");
        }
    }

    #[test]
    fn a_partition_is_the_first_digits_of_the_account() {
        let account: AccountId = "420011112222".parse().unwrap();
        assert_eq!(Partition::of(Some(&account), 1).as_str(), "4");
        assert_eq!(Partition::of(Some(&account), 12).as_str(), "420011112222");
        assert_eq!(Partition::of(Some(&account), 0).as_str(), "all");
        assert_eq!(Partition::of(None, 2).as_str(), "unplaced");
        assert_eq!(Partition::from_name("42", 2), Some(Partition::of(Some(&account), 2)));
        assert_eq!(Partition::from_name("4", 2), None);
        assert_eq!(Partition::from_name("unplaced", 2), Some(Partition::of(None, 2)));
    }

    #[test]
    fn fields_of_an_identity_do_not_run_together() {
        let id = TranscriptId::of_object("bucket", "key", "etag");
        assert_ne!(id, TranscriptId::of_object("bucketk", "ey", "etag"));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("zz".parse::<TranscriptId>(), Err(NotATranscriptId));
    }
}
