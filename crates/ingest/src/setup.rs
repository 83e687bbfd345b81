//! What the set-up of a queue means for the work, and what is doubtful about it.

use std::time::Duration;

use crate::config::PipelineConfig;
use crate::pipeline::IngestError;
use crate::source::QueueAttributes;

/// The shortest visibility that leaves time for heartbeats.
const MIN_VISIBILITY: Duration = Duration::from_secs(10);

/// The longest visibility (SQS API reference, `VisibilityTimeout`).
const MAX_VISIBILITY: Duration = Duration::from_secs(12 * 60 * 60);

/// Below so many receives, restarts and outages move messages away before they were tried.
const FEW_RECEIVES: u32 = 5;

/// The longest retention (SQS API reference, `MessageRetentionPeriod`).
const MAX_RETENTION: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// The largest notification that S3 writes (Amazon S3 user guide, "Event message structure").
const LARGEST_NOTIFICATION: u64 = 64 * 1024;

/// How long messages stay hidden between two extensions.
///
/// # Errors
/// Messages would come back before a heartbeat can be sent, or SQS would refuse it.
pub(crate) fn visibility(config: &PipelineConfig, queue: &QueueAttributes) -> Result<Duration, IngestError> {
    let visibility = config.visibility.unwrap_or(queue.visibility);
    if !(MIN_VISIBILITY..=MAX_VISIBILITY).contains(&visibility) {
        return Err(IngestError::Visibility(visibility));
    }
    Ok(visibility)
}

/// How often a message may be received before a failure counts as one for good: less often than the queue moves it
/// away, so that its reason is known.
pub(crate) fn max_attempts(config: &PipelineConfig, queue: &QueueAttributes) -> u32 {
    let below = queue.max_receive_count.map_or(u32::MAX, |count| count.saturating_sub(1));
    config.max_attempts.min(below).max(1)
}

/// What an operator should look at; none of it keeps the pipeline from working.
pub(crate) fn doubts(config: &PipelineConfig, queue: &QueueAttributes) -> Vec<String> {
    let mut doubts = Vec::new();
    if let Some(visibility) = config.visibility.filter(|visibility| *visibility != queue.visibility) {
        doubts.push(format!(
            "the visibility timeout is set to {visibility:?}, that of the queue is {:?}",
            queue.visibility
        ));
    }
    match queue.max_receive_count {
        None => doubts.push(
            "the queue has no redrive policy: a message that ends the process comes again for ever"
                .to_owned(),
        ),
        Some(count) if count < FEW_RECEIVES => doubts.push(format!(
            "maxReceiveCount of the queue is {count}: a few restarts move messages to the dead-letter queue \
             without a reason; 10 or more leaves room"
        )),
        Some(_) => {}
    }
    if let Some(retention) = queue.retention.filter(|retention| *retention < MAX_RETENTION) {
        doubts.push(format!(
            "the queue keeps messages for {} hours: a longer outage loses notifications; 336 is the most",
            retention.as_secs() / 3600
        ));
    }
    if let Some(bytes) = queue.max_message_bytes.filter(|bytes| *bytes < LARGEST_NOTIFICATION) {
        doubts.push(format!(
            "the queue takes messages of at most {bytes} bytes: notifications have up to {LARGEST_NOTIFICATION}"
        ));
    }
    if queue.is_fifo {
        doubts.push("the queue is a FIFO queue: one message that waits holds up its group".to_owned());
    }
    doubts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> QueueAttributes {
        QueueAttributes {
            visibility: Duration::from_secs(30),
            max_receive_count: Some(10),
            retention: Some(MAX_RETENTION),
            max_message_bytes: Some(1 << 20),
            ..QueueAttributes::default()
        }
    }

    #[test]
    fn each_doubt_is_told_and_a_sound_queue_gives_none() {
        let config = PipelineConfig::default();
        assert!(doubts(&config, &sound()).is_empty());
        let untold = QueueAttributes { retention: None, max_message_bytes: None, ..sound() };
        assert!(doubts(&config, &untold).is_empty());
        let day = Some(Duration::from_secs(24 * 60 * 60));
        for (queue, word) in [
            (QueueAttributes { max_receive_count: None, ..sound() }, "redrive"),
            (QueueAttributes { max_receive_count: Some(4), ..sound() }, "maxReceiveCount of the queue is 4"),
            (QueueAttributes { retention: day, ..sound() }, "24 hours"),
            (QueueAttributes { max_message_bytes: Some(1024), ..sound() }, "1024 bytes"),
            (QueueAttributes { is_fifo: true, ..sound() }, "FIFO"),
        ] {
            let doubts = doubts(&config, &queue);
            assert!(doubts.len() == 1 && doubts[0].contains(word), "{word}: {doubts:?}");
        }
        let other = PipelineConfig { visibility: day, ..config };
        assert!(doubts(&other, &sound())[0].contains("visibility"));
    }

    #[test]
    fn attempts_end_before_the_queue_moves_the_message() {
        for (configured, max_receive_count, expected) in [
            (10, None, 10),
            (10, Some(20), 10),
            (10, Some(10), 9),
            (10, Some(2), 1),
            (10, Some(1), 1),
            (3, Some(10), 3),
        ] {
            let config = PipelineConfig { max_attempts: configured, ..PipelineConfig::default() };
            let queue = QueueAttributes { max_receive_count, ..sound() };
            assert_eq!(max_attempts(&config, &queue), expected, "{configured} {max_receive_count:?}");
        }
    }
}
