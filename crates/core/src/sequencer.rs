//! The order of writes and deletes of one key, as notifications tell it.
//!
//! A sequencer is a text of hexadecimal digits of any length (Amazon S3 user guide, "Event message structure": pad the
//! shorter one on the right with zeros and compare as text). It orders events of one bucket and key and nothing else, and
//! it is never read as a number: it may exceed 64 bits.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Most digits that are read. AWS sends 16 to 18.
pub const MAX_DIGITS: usize = 64;

/// In front of the digits of a sequencer that came through EventBridge, where it is written as text.
const EVENT_BRIDGE: &str = "eventbridge:";

/// Where one event stands among those of its bucket and key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sequencer {
    digits: String,
    family: Family,
}

/// Who wrote a sequencer: the documented samples of the two have different lengths and beginnings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// S3 in its own notifications.
    Native,
    /// EventBridge.
    EventBridge,
}

impl Sequencer {
    /// Reads the digits of an event; `None` if they are not 1 to [`MAX_DIGITS`] hexadecimal digits.
    #[must_use]
    pub fn new(digits: &str, family: Family) -> Option<Self> {
        let valid = (1..=MAX_DIGITS).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
        valid.then(|| Self { digits: digits.to_owned(), family })
    }

    /// The digits as they were sent.
    #[must_use]
    pub fn digits(&self) -> &str {
        &self.digits
    }

    /// Compares with another one of the same bucket and key; `None` if their order is not known.
    ///
    /// Public documentation does not say whether both families count alike, so where they differ and one alone begins
    /// with `00`, they are not compared.
    #[must_use]
    pub fn order(&self, other: &Self) -> Option<Ordering> {
        if self.family != other.family && self.digits.starts_with("00") != other.digits.starts_with("00") {
            return None;
        }
        let length = self.digits.len().max(other.digits.len());
        let padded = |digits: &'_ str| -> String { format!("{:0<length$}", digits.to_ascii_uppercase()) };
        Some(padded(&self.digits).cmp(&padded(&other.digits)))
    }
}

impl fmt::Display for Sequencer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.family {
            Family::Native => f.write_str(&self.digits),
            Family::EventBridge => write!(f, "{EVENT_BRIDGE}{}", self.digits),
        }
    }
}

/// The text is not a sequencer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sequencer has 1 to {MAX_DIGITS} hexadecimal digits")]
pub struct NotASequencer;

impl FromStr for Sequencer {
    type Err = NotASequencer;

    fn from_str(text: &str) -> Result<Self, NotASequencer> {
        let read = match text.strip_prefix(EVENT_BRIDGE) {
            Some(digits) => Self::new(digits, Family::EventBridge),
            None => Self::new(text, Family::Native),
        };
        read.ok_or(NotASequencer)
    }
}

impl TryFrom<String> for Sequencer {
    type Error = NotASequencer;

    fn try_from(text: String) -> Result<Self, NotASequencer> {
        text.parse()
    }
}

impl From<Sequencer> for String {
    fn from(sequencer: Sequencer) -> Self {
        sequencer.to_string()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SHORT: &str = "617f08299329d189";
    const LONG: &str = "0055AED6DCD90281E5";

    #[test]
    fn sequencers_compare_as_texts_that_are_padded_on_the_right() {
        use Family::{EventBridge, Native};
        use Ordering::{Equal, Greater, Less};
        for (a, of_a, b, of_b, expected) in [
            (LONG, Native, "0055AED6DCD90281E6", Native, Some(Less)),
            ("0055AED6DCD9", Native, LONG, Native, Some(Less)),
            ("0055AED6DCD9", Native, "0055AED6DCD900", Native, Some(Equal)),
            ("00AB", Native, "00aC", Native, Some(Less)),
            ("00ab", Native, "00AB", Native, Some(Equal)),
            ("1", Native, "01", Native, Some(Greater)),
            ("00FF", Native, "0100", Native, Some(Less)),
            ("F0000000000000000000000001", Native, "F0000000000000000000000002", Native, Some(Less)),
            (LONG, EventBridge, LONG, Native, Some(Equal)),
            (SHORT, EventBridge, "617f08299329d18a", Native, Some(Less)),
            (SHORT, EventBridge, "617F08299329D18A", EventBridge, Some(Less)),
            (SHORT, EventBridge, LONG, Native, None),
            (SHORT, EventBridge, LONG, EventBridge, Some(Greater)),
        ] {
            let (a, b) = (Sequencer::new(a, of_a).unwrap(), Sequencer::new(b, of_b).unwrap());
            assert_eq!(a.order(&b), expected, "{a} {b}");
            assert_eq!(b.order(&a), expected.map(Ordering::reverse), "{b} {a}");
        }
    }

    #[test]
    fn what_is_no_sequencer_is_none() {
        for bad in ["", "0x1", "00 ", "eventbridge:", "zz", "é", &"0".repeat(MAX_DIGITS + 1)] {
            assert_eq!(Sequencer::new(bad, Family::Native), None, "{bad}");
            assert_eq!(bad.parse::<Sequencer>(), Err(NotASequencer), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_sequencer_survives_being_written(digits in "[0-9a-fA-F]{1,64}", native in any::<bool>()) {
            let family = if native { Family::Native } else { Family::EventBridge };
            let sequencer = Sequencer::new(&digits, family).unwrap();
            prop_assert_eq!(sequencer.to_string().parse(), Ok(sequencer));
        }
    }
}
