//! Points in time as people type them. UTC throughout.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use shelltrail_index::query;

/// Reads a time as queries do ([`query::time`]).
///
/// # Errors
/// A sentence that says what is accepted.
pub fn parse(text: &str) -> Result<Timestamp, String> {
    parse_at(text, Timestamp::now())
}

fn parse_at(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    query::time(text, now).map_err(|error| match error.hint {
        Some(hint) => format!("{}; {hint}", error.message),
        None => error.message,
    })
}

/// Reads the zone in which times are shown.
///
/// # Errors
/// There is no such zone on this machine.
pub fn zone(text: &str) -> Result<TimeZone, String> {
    match text {
        "UTC" | "utc" | "Z" => return Ok(TimeZone::UTC),
        "local" => return Ok(TimeZone::system()),
        _ => {}
    }
    if text.starts_with(['+', '-']) {
        let zoned = format!("2000-01-01T00:00:00{text}").parse::<Timestamp>();
        let midnight = DateTime::constant(2000, 1, 1, 0, 0, 0, 0).to_zoned(TimeZone::UTC);
        if let (Ok(time), Ok(midnight)) = (zoned, midnight) {
            let seconds = midnight.timestamp().as_second() - time.as_second();
            let offset = i32::try_from(seconds).ok().and_then(|seconds| Offset::from_seconds(seconds).ok());
            return offset.map(TimeZone::fixed).ok_or_else(|| "this is no offset; write +02:00".to_owned());
        }
        return Err("this is no offset; write +02:00".to_owned());
    }
    TimeZone::get(text).map_err(|_| {
        "this machine knows no such time zone; write Europe/Berlin, +02:00, local or UTC".to_owned()
    })
}

/// A time as it is shown: to the second, with its offset unless that is zero.
#[must_use]
pub fn shown(time: Timestamp, zone: &TimeZone) -> String {
    let zoned = time.to_zoned(zone.clone());
    if zoned.offset() == Offset::UTC {
        return zoned.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    }
    zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// Reads how long a question may take: `500ms`, `5s`, `2m`.
///
/// # Errors
/// A sentence that says what is accepted.
pub fn budget(text: &str) -> Result<Duration, String> {
    let error = || "this is no duration; write 500ms, 5s or 2m".to_owned();
    let at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
    let number: u64 = text[..at].parse().map_err(|_| error())?;
    let millis = match &text[at..] {
        "ms" => Some(number),
        "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        _ => None,
    };
    millis.filter(|&millis| millis > 0).map(Duration::from_millis).ok_or_else(error)
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

    #[test]
    fn zones_and_budgets() {
        let time: Timestamp = "2026-11-20T21:02:14.5Z".parse().unwrap();
        for (name, expected) in [
            ("UTC", "2026-11-20T21:02:14Z"),
            ("+05:30", "2026-11-21T02:32:14+05:30"),
            ("-03:00", "2026-11-20T18:02:14-03:00"),
        ] {
            assert_eq!(shown(time, &zone(name).unwrap()), expected);
        }
        assert!(zone("Nowhere/Atall").is_err() && zone("+25:99").is_err());
        assert_eq!(budget("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(budget("250ms"), Ok(Duration::from_millis(250)));
        for bad in ["", "5", "s", "0s", "5h", "-1s", "99999999999999999999s"] {
            assert!(budget(bad).is_err(), "{bad}");
        }
    }
}
