//! Points in time as people type them. UTC throughout.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Reads an absolute time (`2026-11-20`, the start of that day; `2026-11-20T21:02`, with or without
/// seconds; with `Z` or an offset) or an age (`90s`, `30m`, `36h`, `2d`, `1w`).
///
/// # Errors
/// A sentence that says what is accepted.
pub fn parse(text: &str) -> Result<Timestamp, String> {
    parse_at(text, Timestamp::now())
}

fn parse_at(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let hint = "use 2026-11-20, 2026-11-20T21:02:14Z, or an age such as 30m, 36h, 2d, 1w";
    if let Some(age) = age(text) {
        return now.checked_sub(age).map_err(|_| format!("that is too long ago; {hint}"));
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let civil = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(|date| date.at(0, 0, 0, 0)));
    civil
        .and_then(|civil| civil.to_zoned(TimeZone::UTC))
        .map(|zoned| zoned.timestamp())
        .map_err(|_| format!("this is not a time; {hint}"))
}

fn age(text: &str) -> Option<SignedDuration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    if !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(SignedDuration::from_secs(number.parse::<i64>().ok()?.checked_mul(seconds)?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_type_them() {
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("2026-11-19", "2026-11-19T00:00:00Z"),
            ("2026-11-19T21:02", "2026-11-19T21:02:00Z"),
            ("2026-11-19 21:02:14", "2026-11-19T21:02:14Z"),
            ("2026-11-19T21:02:14+09:00", "2026-11-19T12:02:14Z"),
            ("36h", "2026-11-19T00:00:00Z"),
            ("2d", "2026-11-18T12:00:00Z"),
        ] {
            assert_eq!(parse_at(text, now).map(|t| t.to_string()).as_deref(), Ok(expected), "{text}");
        }
        for bad in ["", "yesterdayy", "d", "-2d", "2026-13-01", "99999999999999999999d", "é"] {
            assert!(parse_at(bad, now).is_err(), "{bad}");
        }
    }
}
