//! The fields of an envelope, and what they must hold.
//!
//! Checks come in this order: formats, presence, algorithms, encryption context, lengths and base64, and
//! last the policy, so that a forged envelope is called forged and not merely old.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::content::Content;
use super::{Envelope, EnvelopeError, EnvelopePolicy, MAX_INSTRUCTION_BYTES};

// Format 3. The first three stand in the metadata even if there is an instruction file.
const CONTENT_V3: &str = "x-amz-c";
const COMMITMENT_V3: &str = "x-amz-d";
const MESSAGE_ID_V3: &str = "x-amz-i";
const KEY_V3: &str = "x-amz-3";
const WRAP_V3: &str = "x-amz-w";
const CONTEXT_V3: &str = "x-amz-t";
const MATERIAL_V3: &str = "x-amz-m";
// Format 2; format 1 has only the key, the IV and the material description.
const KEY_V1: &str = "x-amz-key";
const KEY_V2: &str = "x-amz-key-v2";
const IV_V2: &str = "x-amz-iv";
const CONTEXT_V2: &str = "x-amz-matdesc";
const WRAP_V2: &str = "x-amz-wrap-alg";
const CONTENT_V2: &str = "x-amz-cek-alg";
const TAG_BITS_V2: &str = "x-amz-tag-len";
/// The one field that may stand in both places. Nothing authenticates it, so nothing relies on it.
const CLEAR_LENGTH: &str = "x-amz-unencrypted-content-length";

/// The pair of the encryption context that binds the content algorithm.
const CONTEXT_ALGORITHM: &str = "aws:x-amz-cek-alg";
/// The pair that every encryption context of the `kms` wrap has.
const CONTEXT_LEGACY_KEY: &str = "kms_cmk_id";

/// AES-256-GCM with HKDF-SHA512 and key commitment, 0x0073.
const CONTENT_COMMITTED: &str = "115";
const CONTENT_GCM: &str = "AES/GCM/NoPadding";
/// PKCS #5 padding of a 16-byte block is PKCS #7 padding.
const CONTENT_CBC: [&str; 2] = ["AES/CBC/PKCS5Padding", "AES/CBC/PKCS7Padding"];

/// The fields of an envelope that stand in one place, or in both together.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(BTreeMap<String, String>);

impl Fields {
    pub(super) fn of_metadata(metadata: &BTreeMap<String, String>) -> Self {
        let fields = metadata.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
        Self(fields.filter(|(name, _)| name.starts_with("x-amz-")).collect())
    }

    /// Reads an instruction file. Some writers make numbers of lengths; other types than text and
    /// numbers are no field of an envelope.
    pub(super) fn of_instruction_file(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        let bad = EnvelopeError::BadEnvelope("the instruction file");
        if bytes.len() > MAX_INSTRUCTION_BYTES {
            return Err(bad);
        }
        let map: BTreeMap<String, Value> = serde_json::from_slice(bytes).map_err(|_| bad)?;
        let fields = map.into_iter().filter_map(|(name, value)| match value {
            Value::String(text) => Some((name.to_ascii_lowercase(), text)),
            Value::Number(number) => Some((name.to_ascii_lowercase(), number.to_string())),
            _ => None,
        });
        Ok(Self(fields.filter(|(name, _)| name.starts_with("x-amz-")).collect()))
    }

    /// Whether there is a wrapped data key of any format, and so nothing to look for elsewhere.
    pub(super) fn has_data_key(&self) -> bool {
        self.has_any(&[KEY_V1, KEY_V2, KEY_V3])
    }

    /// Whether metadata without a data key are one half of an envelope.
    pub(super) fn points_to_instruction_file(&self) -> Result<bool, EnvelopeError> {
        if self.has_any(&[CONTENT_V3, COMMITMENT_V3, MESSAGE_ID_V3]) {
            let misplaced =
                [WRAP_V3, CONTEXT_V3, MATERIAL_V3, IV_V2, CONTEXT_V2, WRAP_V2, CONTENT_V2, TAG_BITS_V2];
            if self.has_any(&misplaced) {
                return Err(EnvelopeError::FormatConflict);
            }
            self.require(&[CONTENT_V3, COMMITMENT_V3, MESSAGE_ID_V3])?;
            return Ok(true);
        }
        // `x-amz-w` and its like are left out: alone they are anybody's own metadata.
        if self.has_any(&[IV_V2, WRAP_V2, CONTENT_V2, TAG_BITS_V2]) {
            return Err(EnvelopeError::BadEnvelope("the wrapped data key"));
        }
        Ok(self.has_any(&[CLEAR_LENGTH]))
    }

    /// Joins metadata with what their instruction file holds.
    pub(super) fn joined(mut self, instructions: Self) -> Result<Self, EnvelopeError> {
        let split = self.has_any(&[CONTENT_V3, COMMITMENT_V3, MESSAGE_ID_V3]);
        if instructions.has_any(&[CONTENT_V3, COMMITMENT_V3, MESSAGE_ID_V3])
            || split && instructions.has_any(&[KEY_V1, KEY_V2])
        {
            return Err(EnvelopeError::FormatConflict);
        }
        if !instructions.has_data_key() {
            return Err(EnvelopeError::BadEnvelope("the wrapped data key"));
        }
        for (name, value) in instructions.0 {
            if self.0.insert(name.clone(), value).is_some() && name != CLEAR_LENGTH {
                return Err(EnvelopeError::FormatConflict);
            }
        }
        Ok(self)
    }

    /// Reads fields that hold a data key as a whole envelope.
    pub(super) fn envelope(&self, policy: &EnvelopePolicy) -> Result<Envelope, EnvelopeError> {
        let keys = [KEY_V1, KEY_V2, KEY_V3].into_iter().filter(|&name| self.has_any(&[name]));
        let is_v3 = self.has_any(&[KEY_V3]);
        let has_v3_content = self.has_any(&[CONTENT_V3, COMMITMENT_V3, MESSAGE_ID_V3]);
        if keys.count() != 1 || (has_v3_content && !is_v3) {
            return Err(EnvelopeError::FormatConflict);
        }
        if self.has_any(&[KEY_V1]) {
            // Format 1 wraps with a key of the writer, never with KMS.
            self.require(&[IV_V2, CONTEXT_V2])?;
            return Err(EnvelopeError::UnsupportedWrap);
        }
        if is_v3 { self.envelope_v3() } else { self.envelope_v2(policy) }
    }

    fn envelope_v3(&self) -> Result<Envelope, EnvelopeError> {
        self.require(&[CONTENT_V3, COMMITMENT_V3, MESSAGE_ID_V3, WRAP_V3])?;
        if self.text(CONTENT_V3)? != CONTENT_COMMITTED {
            return Err(EnvelopeError::UnsupportedContent);
        }
        if self.text(WRAP_V3)? != "12" {
            return Err(EnvelopeError::UnsupportedWrap);
        }
        let context = self.context(CONTEXT_V3)?;
        if context.get(CONTEXT_ALGORITHM).map(String::as_str) != Some(CONTENT_COMMITTED) {
            return Err(EnvelopeError::AlgorithmMismatch);
        }
        let content = Content::Committed {
            commitment: self.bytes(COMMITMENT_V3)?,
            message_id: self.bytes(MESSAGE_ID_V3)?,
        };
        Ok(Envelope { wrapped_key: self.wrapped_key(KEY_V3)?, context, content })
    }

    fn envelope_v2(&self, policy: &EnvelopePolicy) -> Result<Envelope, EnvelopeError> {
        self.require(&[IV_V2, CONTEXT_V2, WRAP_V2, CONTENT_V2])?;
        let algorithm = self.text(CONTENT_V2)?;
        let is_gcm = algorithm == CONTENT_GCM;
        if !is_gcm && !CONTENT_CBC.contains(&algorithm) {
            return Err(EnvelopeError::UnsupportedContent);
        }
        let is_legacy_wrap = match self.text(WRAP_V2)? {
            "kms+context" => false,
            "kms" => true,
            _ => return Err(EnvelopeError::UnsupportedWrap),
        };
        let context = self.context(CONTEXT_V2)?;
        let named = context.get(CONTEXT_ALGORITHM).map(String::as_str);
        let fits = if is_legacy_wrap {
            // A context that names an algorithm was written by the wrap that checks it.
            named.is_none() && context.contains_key(CONTEXT_LEGACY_KEY)
        } else {
            named == Some(algorithm)
        };
        if !fits {
            return Err(EnvelopeError::AlgorithmMismatch);
        }
        let content = if is_gcm {
            // A shorter tag would be easier to forge.
            if self.0.get(TAG_BITS_V2).is_some_and(|bits| bits != "128") {
                return Err(EnvelopeError::BadEnvelope(TAG_BITS_V2));
            }
            Content::Gcm { nonce: self.bytes(IV_V2)? }
        } else {
            Content::Cbc { iv: self.bytes(IV_V2)? }
        };
        let wrapped_key = self.wrapped_key(KEY_V2)?;
        if (is_legacy_wrap || !is_gcm) && !policy.allow_legacy {
            return Err(EnvelopeError::LegacyRefused);
        }
        Ok(Envelope { wrapped_key, context, content })
    }

    fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|&name| self.0.contains_key(name))
    }

    fn require(&self, names: &[&'static str]) -> Result<(), EnvelopeError> {
        names.iter().try_for_each(|&name| self.text(name).map(|_| ()))
    }

    fn text(&self, name: &'static str) -> Result<&str, EnvelopeError> {
        self.0.get(name).map(String::as_str).ok_or(EnvelopeError::BadEnvelope(name))
    }

    fn bytes<const N: usize>(&self, name: &'static str) -> Result<[u8; N], EnvelopeError> {
        self.base64(name)?.try_into().map_err(|_| EnvelopeError::BadEnvelope(name))
    }

    fn wrapped_key(&self, name: &'static str) -> Result<Vec<u8>, EnvelopeError> {
        let key = self.base64(name)?;
        if key.is_empty() { Err(EnvelopeError::BadEnvelope(name)) } else { Ok(key) }
    }

    fn base64(&self, name: &'static str) -> Result<Vec<u8>, EnvelopeError> {
        STANDARD.decode(self.text(name)?).map_err(|_| EnvelopeError::BadEnvelope(name))
    }

    /// Reads a JSON map of texts; a field that is absent or empty is an empty map.
    fn context(&self, name: &'static str) -> Result<BTreeMap<String, String>, EnvelopeError> {
        match self.0.get(name).map_or("", String::as_str) {
            "" => Ok(BTreeMap::new()),
            json => serde_json::from_str(json).map_err(|_| EnvelopeError::BadEnvelope(name)),
        }
    }
}
