//! The checksum of a whole object, from parts that may have come with several requests.
//!
//! The SDK verifies the body of one answer. A body that was cut and resumed has several, and answers to ranges
//! carry no checksum of the whole, so it is verified here, always in the same way.

use std::fmt;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::types::ChecksumType;
use aws_smithy_checksums::ChecksumAlgorithm;
use aws_smithy_checksums::http::HttpChecksum;

/// A checksum under way, and what it must come to.
pub(super) struct Checksum {
    name: &'static str,
    expected: String,
    running: Box<dyn HttpChecksum>,
}

/// The bytes are not those that were stored.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mismatch {
    name: &'static str,
    expected: String,
    found: String,
}

impl Checksum {
    /// The checksum that came with an answer: `None` if there is none, if it is one of a kind that is not
    /// computed here (MD5, SHA-512, xxHash), or if it is composite: that is a checksum of the checksums of the
    /// parts of an upload, whose borders no answer tells.
    pub(super) fn of(answer: &GetObjectOutput) -> Option<Self> {
        if answer.checksum_type() == Some(&ChecksumType::Composite) {
            return None;
        }
        let (algorithm, expected) = [
            (ChecksumAlgorithm::Crc64Nvme, answer.checksum_crc64_nvme()),
            (ChecksumAlgorithm::Crc32c, answer.checksum_crc32_c()),
            (ChecksumAlgorithm::Crc32, answer.checksum_crc32()),
            (ChecksumAlgorithm::Sha256, answer.checksum_sha256()),
            (ChecksumAlgorithm::Sha1, answer.checksum_sha1()),
        ]
        .into_iter()
        .find_map(|(algorithm, expected)| Some((algorithm, expected?)))?;
        // S3 marks composite ones by `-N`, also where it tells no type.
        if expected.contains('-') {
            return None;
        }
        let name = algorithm.as_str();
        Some(Self { name, expected: expected.to_owned(), running: algorithm.into_impl() })
    }

    /// Takes the next bytes into account.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.running.update(bytes);
    }

    /// Compares, after the last byte.
    pub(super) fn verify(self) -> Result<(), Mismatch> {
        let found = self.running.header_value();
        if found.as_bytes() == self.expected.as_bytes() {
            return Ok(());
        }
        let found = String::from_utf8_lossy(found.as_bytes()).into_owned();
        Err(Mismatch { name: self.name, expected: self.expected, found })
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checksum").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, expected, found } = self;
        write!(f, "the {name} of the bytes that came is {found}, that of the object {expected}")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    type Builder = aws_sdk_s3::operation::get_object::builders::GetObjectOutputBuilder;
    type With = fn(Builder) -> Builder;

    /// The checksums of the nine bytes "123456789", from the catalogues of CRCs and from `openssl dgst`.
    #[test]
    fn every_kind_is_computed_over_parts() {
        let cases: [(&str, With); 5] = [
            ("crc32", |answer| answer.checksum_crc32("y/Q5Jg==")),
            ("crc32c", |answer| answer.checksum_crc32_c("4waSgw==")),
            ("crc64nvme", |answer| answer.checksum_crc64_nvme("rosUhgp5mIg=")),
            ("sha1", |answer| answer.checksum_sha1("98O8HYCOBHMq32eZZczDTKeuNEE=")),
            ("sha256", |answer| answer.checksum_sha256("FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=")),
        ];
        for (name, with) in cases {
            let answer = with(GetObjectOutput::builder()).checksum_type(ChecksumType::FullObject).build();
            let mut checksum = Checksum::of(&answer).unwrap();
            assert_eq!(checksum.name, name);
            checksum.update(b"12345");
            checksum.update(b"6789");
            assert_eq!(checksum.verify(), Ok(()), "{name}");
            let mut checksum = Checksum::of(&answer).unwrap();
            checksum.update(b"12345678");
            assert!(checksum.verify().unwrap_err().to_string().contains(name));
        }
    }

    #[test]
    fn what_cannot_be_computed_is_left_alone() {
        for answer in [
            GetObjectOutput::builder(),
            GetObjectOutput::builder().checksum_crc32("y/Q5Jg==").checksum_type(ChecksumType::Composite),
            GetObjectOutput::builder().checksum_sha256("FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=-2"),
            GetObjectOutput::builder().checksum_md5("JfnnlDI7RTiF9RgfG2JNCw=="),
        ] {
            assert!(Checksum::of(&answer.build()).is_none());
        }
    }
}
