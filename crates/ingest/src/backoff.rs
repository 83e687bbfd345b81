//! How long to wait before another try.

use std::time::Duration;

/// Doubles `base` with every attempt after the first, up to `cap`, then takes 50 to 100 % of it.
///
/// The share depends on `seed` and `attempt` only. A hash is enough here: what matters is that different
/// messages spread, not that nobody can guess it; and the same test gives the same times every run.
pub(crate) fn delay(base: Duration, cap: Duration, attempt: u32, seed: &str) -> Duration {
    let doublings = attempt.saturating_sub(1).min(31);
    let whole = base.saturating_mul(1 << doublings).min(cap);
    let half = whole / 2;
    half + half.mul_f64(share(seed, attempt))
}

/// A number from 0 (included) to 1 (excluded): FNV-1a, then a finaliser that mixes the high bits.
pub(crate) fn share(seed: &str, attempt: u32) -> f64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in seed.bytes().chain(attempt.to_le_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    let top = u32::try_from(hash >> 32).expect("a u64 shifted by 32 bits fits into 32 bits");
    f64::from(top) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_doubles_up_to_the_cap_and_keeps_at_least_half() {
        let (base, cap) = (Duration::from_secs(5), Duration::from_secs(900));
        for (attempt, whole) in
            [(0, 5), (1, 5), (2, 10), (3, 20), (8, 640), (9, 900), (40, 900), (u32::MAX, 900)]
        {
            let delay = delay(base, cap, attempt, "receipt");
            let whole = Duration::from_secs(whole);
            assert!(delay >= whole / 2 && delay <= whole, "attempt {attempt}: {delay:?}");
        }
    }

    #[test]
    fn different_seeds_spread() {
        let shares: Vec<f64> = (0..200).map(|n| share(&format!("receipt-{n}"), 1)).collect();
        let low = shares.iter().filter(|share| **share < 0.5).count();
        assert!((60..140).contains(&low), "{low} of 200 in the lower half");
        assert!(shares.iter().all(|share| (0.0..1.0).contains(share)));
    }
}
