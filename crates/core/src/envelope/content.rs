//! How a body is encrypted under a data key.

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use hkdf::Hkdf;
use sha2::Sha512;
use zeroize::Zeroizing;

use super::EnvelopeError;

const BLOCK_BYTES: usize = 16;
const TAG_BYTES: usize = 16;

/// The content algorithm 0x0073 of format 3 as it is mixed into every derivation.
const COMMITTED: [u8; 2] = [0x00, 0x73];
/// Every object of format 3 has a key of its own, so the nonce need not differ.
const COMMITTED_NONCE: [u8; 12] = [1; 12];

/// The content algorithm with its public parameters.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// AES-256-GCM under the data key, the tag at the end.
    Gcm { nonce: [u8; 12] },
    /// AES-256-CBC under the data key, padded by PKCS #7. Nothing authenticates it.
    Cbc { iv: [u8; 16] },
    /// AES-256-GCM under a key derived from the data key, which the writer committed to.
    Committed { message_id: [u8; 28], commitment: [u8; 28] },
}

impl Content {
    pub(super) fn decrypt(&self, key: &[u8; 32], body: Vec<u8>) -> Result<Vec<u8>, EnvelopeError> {
        match self {
            Self::Gcm { nonce } => decrypt_gcm(key, nonce, &[], body),
            Self::Cbc { iv } => decrypt_cbc(key, iv, body),
            Self::Committed { message_id, commitment } => {
                let key = committed_key(key, message_id, commitment)?;
                decrypt_gcm(&key, &COMMITTED_NONCE, &COMMITTED, body)
            }
        }
    }
}

fn decrypt_gcm(
    key: &[u8; 32],
    nonce: &[u8; 12],
    associated_data: &[u8],
    mut body: Vec<u8>,
) -> Result<Vec<u8>, EnvelopeError> {
    if body.len() < TAG_BYTES {
        return Err(EnvelopeError::Truncated);
    }
    Aes256Gcm::new(key.into())
        .decrypt_in_place(nonce.into(), associated_data, &mut body)
        .map_err(|_| EnvelopeError::Authentication)?;
    Ok(body)
}

fn decrypt_cbc(key: &[u8; 32], iv: &[u8; 16], mut body: Vec<u8>) -> Result<Vec<u8>, EnvelopeError> {
    if body.is_empty() || !body.len().is_multiple_of(BLOCK_BYTES) {
        return Err(EnvelopeError::Truncated);
    }
    let clear_bytes = cbc::Decryptor::<aes::Aes256>::new(key.into(), iv.into())
        .decrypt_padded::<Pkcs7>(&mut body)
        .map_err(|_| EnvelopeError::Padding)?
        .len();
    body.truncate(clear_bytes);
    Ok(body)
}

/// Derives the content key after the data key has proved to be the one that the writer used.
fn committed_key(
    data_key: &[u8; 32],
    message_id: &[u8; 28],
    commitment: &[u8; 28],
) -> Result<Zeroizing<[u8; 32]>, EnvelopeError> {
    let derivation = Hkdf::<Sha512>::new(Some(message_id), data_key);
    let expand = |label: &[u8], key: &mut [u8]| {
        derivation
            .expand_multi_info(&[&COMMITTED, label], key)
            .expect("HKDF-SHA512 gives up to 16,320 bytes");
    };
    let mut derived_commitment = [0; 28];
    expand(b"COMMITKEY", &mut derived_commitment);
    if !equal_in_constant_time(&derived_commitment, commitment) {
        return Err(EnvelopeError::KeyCommitment);
    }
    let mut key = Zeroizing::new([0; 32]);
    expand(b"DERIVEKEY", key.as_mut_slice());
    Ok(key)
}

/// Compares all bytes, whichever differ first.
fn equal_in_constant_time(left: &[u8; 28], right: &[u8; 28]) -> bool {
    let difference =
        left.iter().zip(right).fold(0, |difference, (l, r)| std::hint::black_box(difference | (l ^ r)));
    difference == 0
}
