//! A body that is put together from one answer or several.

use std::future::Future;
use std::time::Duration;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use shelltrail_ingest::source::SourceErrorKind;
use tokio::time::Instant;

use super::checksum::Checksum;
use crate::errors::chain;

/// Most memory reserved on the strength of a `Content-Length` alone.
const MAX_BODY_RESERVE_BYTES: usize = 8 * 1024 * 1024;

/// Bounds on one read, apart from its size.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadLimits {
    /// Most requests, ranges included. The SDK tries each of them up to three times until its headers are there.
    pub(super) requests: u32,
    /// How many of them may begin at the first byte.
    pub(super) starts: u32,
    /// Pause before another request, times the number of requests so far.
    pub(super) pause: Duration,
    /// From the headers of the first answer everything together may take this long, …
    pub(super) base_time: Duration,
    /// … plus the length of the body at this rate. A server that sends a few bytes a second is never stalled in
    /// the eyes of the SDK and would hold its slot for ever.
    pub(super) min_bytes_per_sec: u64,
}

impl ReadLimits {
    /// What is used outside tests.
    pub(super) const DEFAULT: Self = Self {
        requests: 8,
        starts: 3,
        pause: Duration::from_millis(200),
        base_time: Duration::from_secs(30),
        min_bytes_per_sec: 256 * 1024,
    };

    /// How long a body of this length may take.
    pub(super) fn time(&self, length: u64) -> Duration {
        self.base_time.saturating_add(Duration::from_secs(length / self.min_bytes_per_sec))
    }
}

/// Until when a body must be there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    at: Instant,
    after: Duration,
}

impl Deadline {
    pub(super) fn after(time: Duration) -> Self {
        Self { at: Instant::now() + time, after: time }
    }

    /// Waits for `work`, but not beyond.
    pub(super) async fn bound<T>(&self, work: impl Future<Output = T>) -> Result<T, Broken> {
        tokio::time::timeout_at(self.at, work).await.map_err(|_| Broken {
            kind: SourceErrorKind::Timeout,
            reason: "body-slow",
            message: format!("the body did not arrive within {} s", self.after.as_secs_f32()),
        })
    }
}

/// Why a body is not there.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) kind: SourceErrorKind,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl Broken {
    fn cut(message: String) -> Self {
        Self { kind: SourceErrorKind::Timeout, reason: "body-cut", message }
    }
}

/// What arrived of a body without an error.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arrived {
    /// All of it.
    Whole,
    /// More than is allowed.
    TooMuch,
}

/// The part of a body that is there.
#[derive(Debug)]
pub(super) struct Assembly {
    bytes: Vec<u8>,
    /// Length of the whole, if the first answer told it.
    length: Option<u64>,
    checksum: Option<Checksum>,
}

impl Assembly {
    /// Begins with the first answer.
    pub(super) fn new(answer: &GetObjectOutput) -> Self {
        let length = length(answer);
        let reserve = usize::try_from(length.unwrap_or(0)).unwrap_or(usize::MAX).min(MAX_BODY_RESERVE_BYTES);
        Self { bytes: Vec::with_capacity(reserve), length, checksum: Checksum::of(answer) }
    }

    /// How many bytes are there: where to go on.
    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Appends a body up to its end.
    pub(super) async fn append(&mut self, mut body: ByteStream, max_bytes: u64) -> Result<Arrived, Broken> {
        while let Some(part) = body.next().await {
            let part = match part {
                Ok(part) => part,
                // Nothing is missing, so nothing is broken.
                Err(_) if self.length == Some(self.len()) => break,
                Err(error) => return Err(Broken::cut(chain(&error))),
            };
            let sum = self.len() + part.len() as u64;
            if sum > max_bytes {
                return Ok(Arrived::TooMuch);
            }
            // What came beyond the reserve is worth the rest.
            if let Some(length) = self.length.filter(|_| sum > self.bytes.capacity() as u64) {
                let rest = length.max(sum) - self.len();
                self.bytes.reserve_exact(usize::try_from(rest).unwrap_or(0));
            }
            if let Some(checksum) = &mut self.checksum {
                checksum.update(&part);
            }
            self.bytes.extend_from_slice(&part);
        }
        // A clean end of the stream proves nothing.
        match self.length {
            Some(length) if length != self.len() => {
                Err(Broken::cut(format!("{} of {length} bytes arrived", self.len())))
            }
            _ => Ok(Arrived::Whole),
        }
    }

    /// Whether an answer goes on where this one stands.
    pub(super) fn is_continued_by(&self, answer: &GetObjectOutput) -> bool {
        let Some((start, total)) = answer.content_range().and_then(content_range) else { return false };
        start == Some(self.len()) && (self.length.is_none() || total.is_none() || self.length == total)
    }

    /// Whether nothing is left to ask for, by the `Content-Range` of an answer that says so (416).
    pub(super) fn is_whole_by(&self, range: &str) -> bool {
        matches!(content_range(range), Some((None, Some(total))) if total == self.len())
            && self.length.is_none_or(|length| length == self.len())
    }

    /// The whole body, if it is what was stored.
    pub(super) fn verified(self) -> Result<Vec<u8>, Broken> {
        match self.checksum.map_or(Ok(()), Checksum::verify) {
            Ok(()) => Ok(self.bytes),
            Err(mismatch) => Err(Broken {
                kind: SourceErrorKind::Internal,
                reason: "checksum-mismatch",
                message: mismatch.to_string(),
            }),
        }
    }
}

/// The length of the body that an answer announces.
pub(super) fn length(answer: &GetObjectOutput) -> Option<u64> {
    answer.content_length.and_then(|length| u64::try_from(length).ok())
}

/// First byte and total length of a `Content-Range` (RFC 9110, section 14.4); each may be untold.
fn content_range(text: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    let start = match range.split_once('-') {
        Some((start, _)) => Some(start.parse().ok()?),
        None => None,
    };
    Some((start, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_for_a_body_grows_with_its_length() {
        let limits = ReadLimits::DEFAULT;
        assert_eq!(limits.time(0), limits.base_time);
        assert_eq!(limits.time(64 * 1024 * 1024), limits.base_time + Duration::from_secs(256));
        assert!(limits.time(u64::MAX) > limits.base_time);
    }

    #[test]
    fn content_ranges() {
        for (text, expected) in [
            ("bytes 3-4/5", Some((Some(3), Some(5)))),
            ("bytes 3-4/*", Some((Some(3), None))),
            ("bytes */5", Some((None, Some(5)))),
            ("bytes x-4/5", None),
            ("3-4/5", None),
            ("", None),
        ] {
            assert_eq!(content_range(text), expected, "{text}");
        }
    }
}
