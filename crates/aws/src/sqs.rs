//! A queue of notifications on SQS.

use std::time::Duration;

use async_trait::async_trait;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Builder as ConfigBuilder;
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry,
    MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry,
};
use jiff::Timestamp;
use shelltrail_ingest::source::{
    EntryError, Message, Queue, QueueAttributes, Receipt, SendError, SourceError, SourceErrorKind,
};

use crate::errors::{sqs_code, sqs_error};

/// Most messages in one answer, and most entries in one batch (SQS API reference).
const MAX_BATCH: usize = 10;

/// Longest long poll (SQS API reference).
const MAX_WAIT_SECS: u64 = 20;

/// Longest visibility timeout, 12 hours (SQS API reference).
const MAX_VISIBILITY_SECS: u64 = 43_200;

/// Limits of one batch call. They are short because a late heartbeat is a lost lease, and one slow call
/// must not starve the others.
const BATCH_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
const BATCH_TIMEOUT: Duration = Duration::from_secs(12);

/// One standard queue.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    client: Client,
    url: String,
}

impl SqsQueue {
    /// The queue at `url`; whether it exists shows at the first call.
    #[must_use]
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }

    fn action(&self, what: &str) -> String {
        format!("{what} {}", self.url)
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn attributes(&self) -> Result<QueueAttributes, SourceError> {
        let answer = self
            .client
            .get_queue_attributes()
            .queue_url(&self.url)
            .attribute_names(QueueAttributeName::All)
            .send()
            .await
            .map_err(|error| sqs_error(self.action("read the attributes of"), error))?;
        let attributes = answer.attributes.unwrap_or_default();
        let told = |name| attributes.get(&name).and_then(|value| value.parse().ok());
        let number = |name| told(name).unwrap_or(0);
        Ok(QueueAttributes {
            visibility: Duration::from_secs(number(QueueAttributeName::VisibilityTimeout)),
            visible: number(QueueAttributeName::ApproximateNumberOfMessages),
            in_flight: number(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
            delayed: number(QueueAttributeName::ApproximateNumberOfMessagesDelayed),
            max_receive_count: attributes
                .get(&QueueAttributeName::RedrivePolicy)
                .and_then(|policy| max_receive_count(policy)),
            retention: told(QueueAttributeName::MessageRetentionPeriod).map(Duration::from_secs),
            max_message_bytes: told(QueueAttributeName::MaximumMessageSize),
            is_fifo: attributes.get(&QueueAttributeName::FifoQueue).is_some_and(|fifo| fifo == "true"),
        })
    }

    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Message>, SourceError> {
        let answer = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(i32::try_from(max.clamp(1, MAX_BATCH)).unwrap_or(1))
            .wait_time_seconds(whole_secs(wait, MAX_WAIT_SECS))
            .visibility_timeout(whole_secs(visibility, MAX_VISIBILITY_SECS))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .send()
            .await
            .map_err(|error| sqs_error(self.action("receive from"), error))?;
        Ok(answer.messages.unwrap_or_default().into_iter().filter_map(received).collect())
    }

    async fn change_visibility(
        &self,
        receipts: &[(Receipt, Duration)],
    ) -> Result<Vec<Result<(), EntryError>>, SourceError> {
        if receipts.is_empty() {
            return Ok(Vec::new());
        }
        let action = || self.action("change visibility of messages in");
        let mut call = self.client.change_message_visibility_batch().queue_url(&self.url);
        for (position, (receipt, visibility)) in receipts.iter().enumerate() {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(position.to_string())
                .receipt_handle(&receipt.0)
                .visibility_timeout(whole_secs(*visibility, MAX_VISIBILITY_SECS))
                .build()
                .map_err(|error| incomplete(action(), error))?;
            call = call.entries(entry);
        }
        let answer = call
            .customize()
            .config_override(short_timeouts())
            .send()
            .await
            .map_err(|error| sqs_error(action(), error))?;
        let changed = answer.successful.iter().map(|entry| entry.id.as_str());
        Ok(entry_results(receipts.len(), changed, &answer.failed))
    }

    async fn delete(&self, receipts: &[Receipt]) -> Result<Vec<Result<(), EntryError>>, SourceError> {
        if receipts.is_empty() {
            return Ok(Vec::new());
        }
        let action = || self.action("delete messages from");
        let mut call = self.client.delete_message_batch().queue_url(&self.url);
        for (position, receipt) in receipts.iter().enumerate() {
            let entry = DeleteMessageBatchRequestEntry::builder()
                .id(position.to_string())
                .receipt_handle(&receipt.0)
                .build()
                .map_err(|error| incomplete(action(), error))?;
            call = call.entries(entry);
        }
        let answer = call
            .customize()
            .config_override(short_timeouts())
            .send()
            .await
            .map_err(|error| sqs_error(action(), error))?;
        let deleted = answer.successful.iter().map(|entry| entry.id.as_str());
        Ok(entry_results(receipts.len(), deleted, &answer.failed))
    }

    async fn send(&self, bodies: &[String]) -> Result<Vec<Result<(), SendError>>, SourceError> {
        if bodies.is_empty() {
            return Ok(Vec::new());
        }
        let action = || self.action("send messages to");
        let mut call = self.client.send_message_batch().queue_url(&self.url);
        for (position, body) in bodies.iter().enumerate() {
            let entry = SendMessageBatchRequestEntry::builder()
                .id(position.to_string())
                .message_body(body)
                .build()
                .map_err(|error| incomplete(action(), error))?;
            call = call.entries(entry);
        }
        let answer = call.send().await.map_err(|error| sqs_error(action(), error))?;
        let sent = answer.successful.iter().map(|entry| entry.id.as_str());
        Ok(send_results(bodies.len(), sent, &answer.failed))
    }
}

/// Takes over a message. One without body, ID or receipt could be neither read nor deleted: it stays
/// hidden until its visibility ends, and the redrive policy gets it in the end.
fn received(message: aws_sdk_sqs::types::Message) -> Option<Message> {
    let (Some(id), Some(receipt), Some(body)) = (message.message_id, message.receipt_handle, message.body)
    else {
        tracing::warn!("received a message without body, ID or receipt handle");
        return None;
    };
    let attributes = message.attributes.unwrap_or_default();
    let attribute = |name| attributes.get(&name).map(String::as_str);
    let receive_count = attribute(MessageSystemAttributeName::ApproximateReceiveCount)
        .and_then(|count| count.parse::<u32>().ok())
        .map_or(1, |count| count.max(1));
    let sent_at = attribute(MessageSystemAttributeName::SentTimestamp)
        .and_then(|millis| Timestamp::from_millisecond(millis.parse().ok()?).ok());
    Some(Message { id, receipt: Receipt(receipt), body, receive_count, sent_at })
}

/// Sorts the two lists of a batch answer by the order of the request. An entry in neither list may or
/// may not have been acted upon, so it is worth another try.
fn entry_results<'a>(
    count: usize,
    done: impl Iterator<Item = &'a str>,
    failed: &[BatchResultErrorEntry],
) -> Vec<Result<(), EntryError>> {
    let unanswered = || Err(EntryError::Retry("the answer does not mention this entry".to_owned()));
    let mut results: Vec<_> = (0..count).map(|_| unanswered()).collect();
    let position = |id: &str| id.parse::<usize>().ok().filter(|&position| position < count);
    for id in done {
        if let Some(position) = position(id) {
            results[position] = Ok(());
        }
    }
    for entry in failed {
        if let Some(position) = position(&entry.id) {
            results[position] = Err(entry_error(&entry.code, entry.message.as_deref().unwrap_or_default()));
        }
    }
    results
}

/// As [`entry_results`]. An entry in neither list is sent again: twice is better than not at all.
fn send_results<'a>(
    count: usize,
    sent: impl Iterator<Item = &'a str>,
    failed: &[BatchResultErrorEntry],
) -> Vec<Result<(), SendError>> {
    let unanswered = || Err(SendError::Retry("the answer does not mention this entry".to_owned()));
    let mut results: Vec<_> = (0..count).map(|_| unanswered()).collect();
    let position = |id: &str| id.parse::<usize>().ok().filter(|&position| position < count);
    for position in sent.filter_map(position) {
        results[position] = Ok(());
    }
    for entry in failed {
        if let Some(position) = position(&entry.id) {
            let message = format!("{}: {}", entry.code, entry.message.as_deref().unwrap_or_default());
            results[position] = Err(match entry.sender_fault {
                true => SendError::Refused(message),
                false => SendError::Retry(message),
            });
        }
    }
    results
}

/// The codes that mean that the receipt is no longer good.
fn entry_error(code: &str, message: &str) -> EntryError {
    match sqs_code(code) {
        "ReceiptHandleIsInvalid" | "InvalidParameterValue" | "MessageNotInflight" => EntryError::LeaseLost,
        _ => EntryError::Retry(format!("{code}: {message}")),
    }
}

/// Reads `maxReceiveCount` from a redrive policy, where it is a number or a number in quotes.
///
/// The policy is a JSON object of two members, the other one an ARN, which holds no quotation mark: the
/// name can only be the member's name.
fn max_receive_count(policy: &str) -> Option<u32> {
    let (_, rest) = policy.split_once("\"maxReceiveCount\"")?;
    let value = rest.trim_start().strip_prefix(':')?.trim_start();
    let digits = value.strip_prefix('"').unwrap_or(value);
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

/// Whole seconds, rounded up so that a lease is never shorter than asked for.
fn whole_secs(duration: Duration, max_secs: u64) -> i32 {
    let secs = duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0));
    i32::try_from(secs.min(max_secs)).unwrap_or(i32::MAX)
}

fn short_timeouts() -> ConfigBuilder {
    ConfigBuilder::new().timeout_config(
        TimeoutConfig::builder()
            .operation_attempt_timeout(BATCH_ATTEMPT_TIMEOUT)
            .operation_timeout(BATCH_TIMEOUT)
            .build(),
    )
}

fn incomplete(action: String, error: BuildError) -> SourceError {
    SourceError { kind: SourceErrorKind::Invalid, reason: "bad-request", action, message: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(id: &str, code: &str) -> BatchResultErrorEntry {
        #[allow(clippy::unwrap_used)]
        BatchResultErrorEntry::builder().id(id).code(code).message("why").sender_fault(true).build().unwrap()
    }

    #[test]
    fn batch_answers_are_sorted_by_request() {
        let failures = [
            failed("3", "ReceiptHandleIsInvalid"),
            failed("1", "InternalError"),
            failed("7", "InternalError"),
            failed("x", "InternalError"),
        ];
        let results = entry_results(5, ["4", "0", "99", ""].into_iter(), &failures);
        assert_eq!(
            results,
            [
                Ok(()),
                Err(EntryError::Retry("InternalError: why".to_owned())),
                Err(EntryError::Retry("the answer does not mention this entry".to_owned())),
                Err(EntryError::LeaseLost),
                Ok(()),
            ]
        );
    }

    #[test]
    fn sent_and_not_sent() {
        let mut later = failed("1", "InternalError");
        later.sender_fault = false;
        let results =
            send_results(4, ["0", "9"].into_iter(), &[later, failed("2", "InvalidMessageContents")]);
        assert_eq!(
            results,
            [
                Ok(()),
                Err(SendError::Retry("InternalError: why".to_owned())),
                Err(SendError::Refused("InvalidMessageContents: why".to_owned())),
                Err(SendError::Retry("the answer does not mention this entry".to_owned())),
            ]
        );
    }

    #[test]
    fn codes_of_a_lost_lease() {
        for (code, lost) in [
            ("ReceiptHandleIsInvalid", true),
            ("InvalidParameterValue", true),
            ("MessageNotInflight", true),
            ("AWS.SimpleQueueService.MessageNotInflight", true),
            ("InternalError", false),
            ("RequestThrottled", false),
            ("", false),
        ] {
            assert_eq!(entry_error(code, "") == EntryError::LeaseLost, lost, "{code}");
        }
    }

    #[test]
    fn redrive_policies() {
        for (policy, expected) in [
            (
                r#"{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:111122223333:d","maxReceiveCount":5}"#,
                Some(5),
            ),
            (r#"{"maxReceiveCount" : "12", "deadLetterTargetArn": "arn"}"#, Some(12)),
            (r#"{"deadLetterTargetArn":"arn"}"#, None),
            (r#"{"maxReceiveCount":"many"}"#, None),
            (r#"{"maxReceiveCount":99999999999}"#, None),
            ("", None),
        ] {
            assert_eq!(max_receive_count(policy), expected, "{policy}");
        }
    }

    #[test]
    fn seconds_are_rounded_up_and_clamped() {
        assert_eq!(whole_secs(Duration::ZERO, 20), 0);
        assert_eq!(whole_secs(Duration::from_millis(1), 20), 1);
        assert_eq!(whole_secs(Duration::from_secs(30), 20), 20);
        assert_eq!(whole_secs(Duration::MAX, 43_200), 43_200);
    }

    #[test]
    fn a_message_without_receipt_is_passed_over() {
        let bare = aws_sdk_sqs::types::Message::builder().message_id("1").body("{}");
        assert!(received(bare.clone().build()).is_none());
        let whole = bare
            .receipt_handle("r")
            .attributes(MessageSystemAttributeName::ApproximateReceiveCount, "3")
            .attributes(MessageSystemAttributeName::SentTimestamp, "1772586000000")
            .build();
        let message = received(whole).expect("id, receipt and body are there");
        assert_eq!(message.receive_count, 3);
        assert_eq!(message.sent_at, Timestamp::from_second(1_772_586_000).ok());
    }
}
