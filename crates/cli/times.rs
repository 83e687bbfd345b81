//! Points in time as people type them. UTC throughout.

use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
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
