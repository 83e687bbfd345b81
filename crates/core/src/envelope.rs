//! Client-side envelopes of the Amazon S3 Encryption Client.
//!
//! Session Manager writes none; they occur where a pipeline encrypted the transcripts again. Formats 2
//! and 3 are opened where AWS KMS wrapped the data key; other wraps, and format 1, are recognised and
//! refused. This module talks to nobody: it names the wrapped key and its encryption context, and takes
//! the data key that KMS returned for them. No byte of an authenticated body is returned before its tag
//! is verified, and nothing here says more about a body that cannot be opened than one word.

mod content;
mod fields;
mod metadata;

use std::collections::BTreeMap;
use std::fmt;

use zeroize::{ZeroizeOnDrop, Zeroizing};

use content::Content;
use fields::Fields;
pub use metadata::decode_metadata_value;

/// What is appended to an object's key to name its instruction file.
pub const INSTRUCTION_SUFFIX: &str = ".instruction";

/// The largest instruction file that is read; real ones have less than 2 KiB.
pub const MAX_INSTRUCTION_BYTES: usize = 64 * 1024;

/// A data key in the clear: 32 bytes, wiped when dropped, never printed.
#[derive(Clone, ZeroizeOnDrop)]
pub struct DataKey([u8; 32]);

impl DataKey {
    /// Takes the plaintext that KMS returned; the bytes given are wiped.
    ///
    /// # Errors
    /// [`EnvelopeError::BadEnvelope`] unless there are exactly 32 bytes.
    pub fn new(bytes: Vec<u8>) -> Result<Self, EnvelopeError> {
        let bytes = Zeroizing::new(bytes);
        bytes.as_slice().try_into().map(Self).map_err(|_| EnvelopeError::BadEnvelope("the data key"))
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(..)")
    }
}

/// Which envelopes are opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EnvelopePolicy {
    /// Opens what older clients write, too: the `kms` wrap, whose encryption context says nothing about
    /// the content, and CBC, which nothing authenticates.
    pub allow_legacy: bool,
}

/// A whole envelope that policy allows to open, once KMS has unwrapped its data key.
#[derive(Clone, Debug)]
pub struct Envelope {
    wrapped_key: Vec<u8>,
    context: BTreeMap<String, String>,
    content: Content,
}

/// The part of an envelope that stands in the metadata of the object; the rest is in its instruction file.
#[derive(Clone, Debug)]
pub struct PartialEnvelope {
    metadata: Fields,
}

/// What the metadata of an object say about an envelope.
#[derive(Clone, Debug)]
pub enum Detected {
    /// Nothing: the body is what it is. Instruction files that nothing points to are not looked for.
    None,
    /// There is a whole envelope.
    Inline(Envelope),
    /// The instruction file is needed: the object's key with [`INSTRUCTION_SUFFIX`].
    NeedsInstruction(PartialEnvelope),
}

/// An envelope that is not opened, or a body that it does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Fields of two formats stand together, or a field stands where its format does not allow it. This
    /// is how key commitment is attacked; no writer does it.
    #[error("read an envelope whose fields belong to several formats or places")]
    FormatConflict,
    /// Something is missing, or has not the form or the length it must have.
    #[error("read {0} of the envelope")]
    BadEnvelope(&'static str),
    /// The data key is not wrapped by KMS.
    #[error("unwrap a data key that is not wrapped by KMS")]
    UnsupportedWrap,
    /// The content algorithm is not known.
    #[error("decrypt an unknown content algorithm")]
    UnsupportedContent,
    /// The encryption context names another algorithm than the envelope.
    #[error("match the content algorithm with the encryption context")]
    AlgorithmMismatch,
    /// Only [`EnvelopePolicy::allow_legacy`] opens it.
    #[error("open a legacy envelope, which policy refuses")]
    LegacyRefused,
    /// The metadata point to an instruction file, and there is none.
    #[error("find the instruction file of the envelope")]
    InstructionMissing,
    /// The data key is not the one that the writer committed to.
    #[error("verify the key commitment")]
    KeyCommitment,
    /// The body is too short, or not a whole number of blocks.
    #[error("decrypt a truncated body")]
    Truncated,
    /// The body is not what was written under this key.
    #[error("authenticate the body")]
    Authentication,
    /// The padding is wrong. Nothing more is told, as CBC leaks by its errors.
    #[error("remove the padding of the body")]
    Padding,
}

impl EnvelopeError {
    /// A short stable word for failure lists.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::FormatConflict => "format-conflict",
            Self::BadEnvelope(_) => "bad-envelope",
            Self::UnsupportedWrap => "unsupported-wrap",
            Self::UnsupportedContent => "unsupported-content",
            Self::AlgorithmMismatch => "algorithm-mismatch",
            Self::LegacyRefused => "legacy-refused",
            Self::InstructionMissing => "not-encrypted-or-instruction-missing",
            Self::KeyCommitment => "key-commitment",
            Self::Truncated => "truncated",
            Self::Authentication => "authentication",
            Self::Padding => "padding",
        }
    }
}

impl Envelope {
    /// Looks for an envelope in user metadata: names without `x-amz-meta-` in any case, values as they
    /// were written ([`decode_metadata_value`]). Other metadata are ignored.
    ///
    /// # Errors
    /// There is an envelope, and it is damaged, not supported, or refused by `policy`.
    pub fn detect(
        metadata: &BTreeMap<String, String>,
        policy: &EnvelopePolicy,
    ) -> Result<Detected, EnvelopeError> {
        let metadata = Fields::of_metadata(metadata);
        if metadata.has_data_key() {
            return metadata.envelope(policy).map(Detected::Inline);
        }
        if metadata.points_to_instruction_file()? {
            return Ok(Detected::NeedsInstruction(PartialEnvelope { metadata }));
        }
        Ok(Detected::None)
    }

    /// The wrapped data key: the `CiphertextBlob` for KMS `Decrypt`.
    #[must_use]
    pub fn wrapped_key(&self) -> &[u8] {
        &self.wrapped_key
    }

    /// The encryption context for KMS `Decrypt`, to be sent complete and unchanged.
    #[must_use]
    pub fn context(&self) -> &BTreeMap<String, String> {
        &self.context
    }

    /// Decrypts a whole body.
    ///
    /// # Errors
    /// [`EnvelopeError::KeyCommitment`], [`EnvelopeError::Truncated`], [`EnvelopeError::Authentication`]
    /// or, for CBC only, [`EnvelopeError::Padding`].
    pub fn open(&self, key: &DataKey, body: Vec<u8>) -> Result<Vec<u8>, EnvelopeError> {
        self.content.decrypt(&key.0, body)
    }
}

impl PartialEnvelope {
    /// Completes the envelope by the instruction file. If there is none, the error of the object is
    /// [`EnvelopeError::InstructionMissing`].
    ///
    /// # Errors
    /// The file is larger than [`MAX_INSTRUCTION_BYTES`] or no JSON object, it repeats what the metadata
    /// say, or the envelope is damaged, not supported, or refused by `policy`.
    pub fn complete(
        self,
        instruction_file: &[u8],
        policy: &EnvelopePolicy,
    ) -> Result<Envelope, EnvelopeError> {
        self.metadata.joined(Fields::of_instruction_file(instruction_file)?)?.envelope(policy)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
