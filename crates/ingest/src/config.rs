//! Every choice and every limit of the pipeline, with its default, in one place.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::time::Duration;

use shelltrail_core::ObjectRef;
use shelltrail_core::envelope::EnvelopePolicy;
use shelltrail_core::inflate::InflateLimits;
use shelltrail_core::layout::{self, KeyLayout};
use shelltrail_core::transcript::ParseLimits;

const MIB: u64 = 1024 * 1024;

/// How the pipeline works. `PipelineConfig::default()` suits a small machine.
///
/// Memory: the byte budget counts an object from before its GET until the batch that holds it is built,
/// first by its announced size, then by the size of its clear bytes. It never exceeds
/// `in_flight_bytes + workers * max_object_bytes`: compressed objects show their size only when they are
/// inflated, and at most `workers` are inflated at once. An inflating object needs up to
/// `2 * max_object_bytes` more for the moment, and up to 128 MiB for the window of zstd. One object larger than the whole budget travels alone.
#[derive(Clone, Debug)]
pub struct PipelineConfig {
    /// Most long polls that run side by side. Default 16. Each yields 10 messages per round trip, so that at 40 ms
    /// one alone would hold the pipeline at 250 objects a second. One more begins while the last one finds
    /// something: an idle queue is asked by one.
    pub receivers: usize,
    /// How long one long poll waits. Default 20 s, the most SQS grants; a drain waits 1 s.
    pub receive_wait: Duration,
    /// How long messages stay hidden between two extensions. Default `None`: the queue's own
    /// `VisibilityTimeout`.
    pub visibility: Option<Duration>,
    /// Most messages received and not yet deleted or released. Default 8,192; SQS allows about 120,000
    /// for all receivers of a queue. A commit is due when half as many of their objects wait for one, so that
    /// others can be received while it runs and its messages are deleted. One message held takes some 3 KB.
    pub max_held_messages: usize,
    /// Objects being read at once. Default 128: at 40 ms a request, 3,200 a second. As many more may wait for their
    /// turn, and what one receive of every receiver brings.
    pub max_fetches: usize,
    /// Most objects that wait for their turn while one account has more than half of the line and others are
    /// expected: only so the others are found behind it. Default 1,024.
    pub max_waiting: usize,
    /// Bytes between admission to a GET and the built batch. Default 96 MiB.
    pub in_flight_bytes: u64,
    /// Largest object, stored and clear each. Default 128 MiB.
    pub max_object_bytes: u64,
    /// How many times its stored size an object may have in the clear, where that is more than
    /// [`RATIO_FLOOR_BYTES`](shelltrail_core::inflate::RATIO_FLOOR_BYTES). Default 1,000. An object beyond fails as
    /// `inflate-ratio`.
    pub max_inflate_ratio: u64,
    /// Objects inflated at once, and batches built at once. Default: one per processor.
    pub workers: usize,
    /// Clear bytes of one partition that make a batch worth building. Default 16 MiB.
    pub batch_bytes: u64,
    /// Clear bytes in batches, built or being built, that make a commit due. Default 256 MiB.
    pub commit_bytes: u64,
    /// Age of the oldest uncommitted object that makes a commit due. Default 30 s.
    pub commit_age: Duration,
    /// How long a message stays hidden after its first failure; doubled with every receive. Default 5 s.
    pub retry_delay: Duration,
    /// Ceiling of the doubled delay. Default 900 s.
    pub max_retry_delay: Duration,
    /// Receives of a message after which a failure that may pass counts as one for good and is written down with its
    /// reason. Default 10, and always less than the `maxReceiveCount` of the queue, which would move the message away
    /// without one.
    pub max_attempts: u32,
    /// How long a drain or a backfill waits while nothing can be worked on: credentials, a full disk, an outage. After
    /// that it ends with an error, or, where objects are denied, lists them as failed. Default 15 min. A worker waits
    /// for ever.
    pub breaker_patience: Duration,
    /// How long after a stop objects may still be read. What is not read by then is given back; what is read is
    /// committed, however long that takes. Default 30 s.
    pub stop_grace: Duration,
    /// How often a backfill tries a call that may succeed later (a queue has its own count). Default 4.
    pub backfill_attempts: u32,
    /// Whether a backfill works again, alone, on objects over which the process ended again and again. Default false:
    /// they are listed as they were before, unread.
    pub retry_suspected: bool,
    /// End when the queue is empty instead of waiting for more. Default false. A message whose object cannot be read
    /// just now keeps the queue from being empty until its attempts are used up.
    pub drain: bool,
    /// Where keys name account and region. Default: the rule of [`KeyLayout`].
    pub layout: KeyLayout,
    /// Which client-side envelopes are opened. Default: modern ones only.
    pub envelope_policy: EnvelopePolicy,
    /// Bounds on what parsing one transcript may cost.
    pub parse_limits: ParseLimits,
    /// Buckets that may be read. Default empty: any. An object elsewhere fails as `bucket_not_allowed`
    /// without being read: whoever may send to the queue may name any bucket.
    pub allowed_buckets: BTreeSet<String>,
    /// Prefixes of decoded keys to index. Default empty: all. Other keys are ignored.
    pub key_prefixes: Vec<String>,
}

impl Default for PipelineConfig {
    fn default() -> Self {
        Self {
            receivers: 16,
            receive_wait: Duration::from_secs(20),
            visibility: None,
            max_held_messages: 8192,
            max_fetches: 128,
            max_waiting: 1024,
            in_flight_bytes: 96 * MIB,
            max_object_bytes: 128 * MIB,
            max_inflate_ratio: InflateLimits::MAX_RATIO,
            workers: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            batch_bytes: 16 * MIB,
            commit_bytes: 256 * MIB,
            commit_age: Duration::from_secs(30),
            retry_delay: Duration::from_secs(5),
            max_retry_delay: Duration::from_secs(900),
            max_attempts: 10,
            breaker_patience: Duration::from_secs(15 * 60),
            stop_grace: Duration::from_secs(30),
            backfill_attempts: 4,
            retry_suspected: false,
            drain: false,
            layout: KeyLayout::default(),
            envelope_policy: EnvelopePolicy::default(),
            parse_limits: ParseLimits::default(),
            allowed_buckets: BTreeSet::new(),
            key_prefixes: Vec::new(),
        }
    }
}

/// What the configuration says about an object before anything of it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Read it.
    Wanted,
    /// No transcript, or outside the configured prefixes.
    Ignored,
    /// In a bucket that must not be read.
    BucketNotAllowed,
}

impl PipelineConfig {
    /// Judges an object by its name alone.
    pub(crate) fn admission(&self, object: &ObjectRef) -> Admission {
        let foreign = |bucket: &String| !self.allowed_buckets.contains(bucket);
        if !self.allowed_buckets.is_empty() && object.bucket.as_ref().is_some_and(foreign) {
            return Admission::BucketNotAllowed;
        }
        let outside = !self.key_prefixes.is_empty()
            && !self.key_prefixes.iter().any(|prefix| object.key.starts_with(prefix.as_str()));
        if outside || layout::is_companion(&object.key) { Admission::Ignored } else { Admission::Wanted }
    }

    /// Raises every number that must not be zero to one.
    pub(crate) fn usable(mut self) -> Self {
        for count in
            [&mut self.receivers, &mut self.max_held_messages, &mut self.max_fetches, &mut self.workers]
        {
            *count = (*count).max(1);
        }
        self.in_flight_bytes = self.in_flight_bytes.max(1);
        self.commit_bytes = self.commit_bytes.max(1);
        self.max_held_messages = self.max_held_messages.max(self.receivers);
        self.max_attempts = self.max_attempts.max(1);
        self.backfill_attempts = self.backfill_attempts.max(1);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(bucket: Option<&str>, key: &str) -> ObjectRef {
        ObjectRef { bucket: bucket.map(str::to_owned), key: key.to_owned(), ..ObjectRef::default() }
    }

    #[test]
    fn an_object_is_judged_by_its_name() {
        let config = PipelineConfig {
            allowed_buckets: BTreeSet::from(["mine".to_owned()]),
            key_prefixes: vec!["ssm/".to_owned(), "old/".to_owned()],
            ..PipelineConfig::default()
        };
        for (bucket, key, expected) in [
            (Some("mine"), "ssm/a.log", Admission::Wanted),
            (Some("mine"), "old/a.log", Admission::Wanted),
            (None, "ssm/a.log", Admission::Wanted),
            (Some("mine"), "other/a.log", Admission::Ignored),
            (Some("mine"), "ssm/a.log.instruction", Admission::Ignored),
            (Some("other"), "ssm/a.log", Admission::BucketNotAllowed),
            (Some("other"), "other/a.log", Admission::BucketNotAllowed),
        ] {
            assert_eq!(config.admission(&object(bucket, key)), expected, "{bucket:?} {key}");
        }
        assert_eq!(
            PipelineConfig::default().admission(&object(Some("any"), "a.log")),
            Admission::Wanted,
            "empty lists restrict nothing"
        );
    }

    #[test]
    fn counts_of_zero_are_raised_to_one() {
        let config = PipelineConfig { receivers: 0, workers: 0, max_fetches: 0, ..PipelineConfig::default() };
        let config = config.usable();
        assert_eq!((config.receivers, config.workers, config.max_fetches), (1, 1, 1));
    }
}
