//! Keys that S3 does not keep: server-side encryption with customer-provided keys (SSE-C).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use zeroize::Zeroizing;

/// Length of an AES-256 key.
const KEY_BYTES: usize = 32;

/// Most keys that are tried for one object.
const MAX_TRIED: usize = 8;

/// A key in the form in which S3 takes it. Wiped when dropped, never printed. (The SDK makes copies of it for each
/// request, which are not wiped; it leaves them out of its logs except at the trace level, which is not compiled in.)
#[derive(Clone, PartialEq, Eq)]
pub struct CustomerKey {
    base64: Zeroizing<String>,
    /// MD5 of the key in base64. It goes over the wire with the key and is no secret, but helps nobody either.
    md5: String,
}

impl CustomerKey {
    /// Reads the content of a key file: 32 bytes, or 32 bytes in base64 or hexadecimal with white space around them.
    ///
    /// # Errors
    /// It is something else. The message does not repeat it.
    pub fn parse(content: Vec<u8>) -> Result<Self, &'static str> {
        let content = Zeroizing::new(content);
        let key = Zeroizing::new(decoded(&content).ok_or(
            "a customer key is 32 bytes: as they are, in base64 or in hexadecimal, and nothing else in the file",
        )?);
        let md5 = STANDARD.encode(Md5::digest(key.as_slice()));
        Ok(Self { base64: Zeroizing::new(STANDARD.encode(key.as_slice())), md5 })
    }

    /// For the header `x-amz-server-side-encryption-customer-key`.
    pub(super) fn base64(&self) -> &str {
        &self.base64
    }

    /// For the header `x-amz-server-side-encryption-customer-key-MD5`.
    pub(super) fn md5(&self) -> &str {
        &self.md5
    }
}

fn decoded(content: &[u8]) -> Option<Vec<u8>> {
    if content.len() == KEY_BYTES {
        return Some(content.to_vec());
    }
    let text = content.trim_ascii();
    let key = match text.len() {
        64 => text
            .chunks_exact(2)
            .map(|pair| Some(hex(pair[0])? << 4 | hex(pair[1])?))
            .collect::<Option<_>>()?,
        _ => STANDARD.decode(text).ok()?,
    };
    (key.len() == KEY_BYTES).then_some(key)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

impl fmt::Debug for CustomerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomerKey(..)")
    }
}

/// Which objects a key is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerKeyRule {
    /// Objects of this bucket; `None` for those of any.
    pub bucket: Option<String>,
    /// Objects whose decoded key begins with this; empty for all.
    pub prefix: String,
    /// The key.
    pub key: CustomerKey,
}

/// What to send with the requests for an object, in turn until S3 takes it.
pub(super) fn attempts<'a>(
    rules: &'a [CustomerKeyRule],
    bucket: &str,
    key: &str,
) -> Vec<Option<&'a CustomerKey>> {
    let fits = |rule: &&CustomerKeyRule| {
        rule.bucket.as_deref().is_none_or(|named| named == bucket) && key.starts_with(&rule.prefix)
    };
    let mut rules: Vec<_> = rules.iter().filter(fits).collect();
    rules.sort_by_key(|rule| std::cmp::Reverse((rule.bucket.is_some(), rule.prefix.len())));
    rules.truncate(MAX_TRIED);
    // A key for everything does not say that everything needs it.
    let expected = rules.first().is_some_and(|rule| rule.bucket.is_some() || !rule.prefix.is_empty());
    let mut attempts: Vec<_> = rules.into_iter().map(|rule| Some(&rule.key)).collect();
    attempts.insert(if expected { attempts.len() } else { 0 }, None);
    attempts
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    pub(crate) const KEY: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
    const IN_BASE64: &str = "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=";

    #[test]
    fn a_key_file_has_one_of_three_forms() {
        let hex: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
        for content in
            [KEY.to_vec(), format!("{IN_BASE64}\n").into_bytes(), format!(" {hex}\r\n").into_bytes()]
        {
            let key = CustomerKey::parse(content).unwrap();
            assert_eq!((key.base64(), key.md5()), (IN_BASE64, "qkvGcbTBx6OOKYAPUO9jRg=="));
            assert_eq!(format!("{key:?}"), "CustomerKey(..)");
        }
        for content in [&b""[..], b"short", &[b'x'; 33], &[b'x'; 64], b"AAAA"] {
            let error = CustomerKey::parse(content.to_vec()).unwrap_err();
            assert!(error.contains("32 bytes"));
        }
    }

    #[test]
    fn the_closest_rule_is_tried_first() {
        let rule = |bucket: Option<&str>, prefix: &str, byte: u8| CustomerKeyRule {
            bucket: bucket.map(str::to_owned),
            prefix: prefix.to_owned(),
            key: CustomerKey::parse(vec![byte; 32]).unwrap(),
        };
        let rules =
            [rule(None, "", 1), rule(Some("b"), "", 2), rule(Some("b"), "ssm/", 3), rule(None, "ssm/", 4)];
        let tried = |bucket: &str, key: &str| -> Vec<_> {
            attempts(&rules, bucket, key)
                .into_iter()
                .map(|tried| tried.and_then(|tried| rules.iter().position(|rule| rule.key == *tried)))
                .collect()
        };
        assert_eq!(tried("b", "ssm/a.log"), [Some(2), Some(1), Some(3), Some(0), None]);
        assert_eq!(tried("b", "a.log"), [Some(1), Some(0), None]);
        assert_eq!(tried("other", "ssm/a.log"), [Some(3), Some(0), None]);
        assert_eq!(
            tried("other", "a.log"),
            [None, Some(0)],
            "a key for everything waits until it is asked for"
        );
        assert_eq!(attempts(&[], "b", "a.log"), [None]);
    }
}
