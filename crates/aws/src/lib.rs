//! SQS, S3 and KMS answers to what the pipeline asks.
//!
//! Types and errors of the AWS SDK stop here: what leaves this crate is a trait of
//! [`shelltrail_ingest::source`] and its [`SourceError`](shelltrail_ingest::source::SourceError).

pub mod clients;
mod errors;
pub mod kms;
pub mod s3;
pub mod sqs;
#[cfg(test)]
mod test_server;

pub use clients::{AwsConfig, Clients};
pub use kms::KmsKeys;
pub use s3::{CustomerKey, CustomerKeyRule, S3Store};
pub use sqs::SqsQueue;
