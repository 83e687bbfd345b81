//! Short names of secrets, by which the same one is recognised in two places.

use std::fmt;

use super::rules::Strength;

/// Keeps these names apart from every other use of the hash.
const CONTEXT: &str = "shelltrail 2026-11-21 fingerprint of a secret";

/// Shorter values are never taken for random.
const MIN_RANDOM_BYTES: usize = 24;
/// Random text of that length has more different characters than words have.
const MIN_RANDOM_CHARACTERS: usize = 12;

/// Eight hexadecimal digits that are the same wherever the same secret stands.
///
/// It is the beginning of a hash. Of a secret that a machine made it tells nothing: 32 bits do not lead
/// back to the 80 or more of a key. Of a password that a person chose it would let anyone who has the
/// printed mask try a list of guesses, whatever the hash; such a secret has a fingerprint only under a
/// key, and then only those who hold the key can try. Two different secrets share one by chance once in
/// four thousand million pairs: equal fingerprints say "look", not "proved".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(u32);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl Fingerprint {
    /// The fingerprint that may be shown, if any may.
    pub(super) fn of(secret: &str, strength: Strength, key: Option<&[u8; 32]>) -> Option<Self> {
        let is_random = match strength {
            Strength::Random => true,
            Strength::Chosen => false,
            Strength::Unknown => looks_random(secret),
        };
        // A random secret is named without the key, so that two readers with two keys mean the same one.
        let mut hasher = match (is_random, key) {
            (true, _) => blake3::Hasher::new_derive_key(CONTEXT),
            (false, Some(key)) => blake3::Hasher::new_keyed(key),
            (false, None) => return None,
        };
        hasher.update(secret.as_bytes());
        let [a, b, c, d, ..] = *hasher.finalize().as_bytes();
        Some(Self(u32::from_be_bytes([a, b, c, d])))
    }
}

/// True for what a generator writes: long, of one alphabet, letters and digits mixed.
fn looks_random(secret: &str) -> bool {
    let is_of_alphabet =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-' | b'.');
    let mut different = [false; 256];
    let mut digits = 0;
    for byte in secret.bytes() {
        if !is_of_alphabet(byte) {
            return false;
        }
        different[usize::from(byte)] = true;
        digits += usize::from(byte.is_ascii_digit());
    }
    let characters = different.iter().filter(|seen| **seen).count();
    secret.len() >= MIN_RANDOM_BYTES
        && characters >= MIN_RANDOM_CHARACTERS
        && digits >= 3
        && digits < secret.len()
}
