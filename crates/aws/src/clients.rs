//! The three service clients, set up once: where credentials come from, how long calls may take.
//!
//! Profiles, environment variables (`AWS_ENDPOINT_URL` among them), web identity, container and
//! instance roles are the SDK's own default chain. Nothing in here reads a secret.

use std::ffi::OsString;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};

use crate::kms::KmsKeys;
use crate::s3::{CustomerKeyRule, S3Store};
use crate::sqs::SqsQueue;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a service may stay silent; longer than the longest long poll of SQS, which is 20 s.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How long one attempt may take until its answer is complete; for an object, until its headers are.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(35);

/// How long all attempts of one call may take.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(90);

/// Attempts per call, the first one included. The SDK's adaptive mode can hold one request for longer
/// than a message stays hidden, so the mode is the standard one.
const MAX_ATTEMPTS: u32 = 3;

/// What the SDK's own configuration files and variables do not say.
#[derive(Clone, Debug, Default)]
pub struct AwsConfig {
    /// Profile of the shared configuration files; `None` leaves the choice to `AWS_PROFILE`.
    pub profile: Option<String>,
    /// Region of queue, bucket and keys; `None` leaves the choice to the default chain.
    pub region: Option<String>,
    /// Whether buckets are named in the path; `None` does so wherever a custom endpoint is configured.
    ///
    /// An endpoint that only a `services` section of a profile names is not seen here: say `true` then,
    /// unless its host is an IP address.
    pub path_style: Option<bool>,
    /// Account that must own the bucket; reads from anybody else's are refused by S3.
    pub bucket_owner: Option<String>,
    /// The only keys that may unwrap data keys, as ARNs; empty allows every key that IAM allows.
    pub kms_key_arns: Vec<String>,
    /// Keys of objects that S3 keeps no key of (SSE-C).
    pub customer_keys: Vec<CustomerKeyRule>,
}

/// Clients for the three services, cheap to clone.
#[derive(Clone, Debug)]
pub struct Clients {
    sqs: aws_sdk_sqs::Client,
    s3: aws_sdk_s3::Client,
    kms: aws_sdk_kms::Client,
    bucket_owner: Option<String>,
    kms_key_arns: Vec<String>,
    customer_keys: Vec<CustomerKeyRule>,
}

impl Clients {
    /// Resolves region, endpoints and the source of credentials. Credentials themselves are fetched by
    /// the first call, so nothing can fail yet.
    pub async fn load(config: &AwsConfig) -> Self {
        let mut loader = aws_config::defaults(behavior_version())
            .retry_config(RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS))
            .timeout_config(timeouts());
        if let Some(profile) = &config.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = &config.region {
            loader = loader.region(Region::new(region.clone()));
        }
        let sdk = loader.load().await;
        let s3_endpoint = std::env::var_os("AWS_ENDPOINT_URL_S3");
        let s3 = aws_sdk_s3::config::Builder::from(&sdk)
            .force_path_style(config.path_style.unwrap_or_else(|| has_custom_endpoint(&sdk, s3_endpoint)))
            .build();
        Self {
            sqs: aws_sdk_sqs::Client::new(&sdk),
            s3: aws_sdk_s3::Client::from_conf(s3),
            kms: aws_sdk_kms::Client::new(&sdk),
            bucket_owner: config.bucket_owner.clone(),
            kms_key_arns: config.kms_key_arns.clone(),
            customer_keys: config.customer_keys.clone(),
        }
    }

    /// The region that calls go to, if any source named one. Without one, every call fails.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.sqs.config().region().map(Region::as_ref)
    }

    /// The queue at `url`.
    #[must_use]
    pub fn queue(&self, url: impl Into<String>) -> SqsQueue {
        SqsQueue::new(self.sqs.clone(), url)
    }

    /// The objects of every bucket that the credentials can read.
    #[must_use]
    pub fn store(&self) -> S3Store {
        S3Store::new(self.s3.clone(), self.bucket_owner.clone())
            .with_customer_keys(self.customer_keys.clone())
    }

    /// The keys of the configuration.
    #[must_use]
    pub fn keys(&self) -> KmsKeys {
        KmsKeys::new(self.kms.clone(), self.kms_key_arns.clone())
    }
}

/// The SDK's defaults as of this date. Pinned, so that an update of the SDK changes no retry and no
/// timeout unseen.
pub(crate) fn behavior_version() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

/// Limits on silence. The SDK's own defaults would wait for a mute server for ever.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}

/// Whether requests go elsewhere than to AWS, where a bucket's name may not resolve as a host name.
fn has_custom_endpoint(sdk: &SdkConfig, s3_endpoint: Option<OsString>) -> bool {
    sdk.endpoint_url().is_some() || s3_endpoint.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_poll_ends_before_the_client_gives_up() {
        let timeouts = timeouts();
        assert!(timeouts.read_timeout() > Some(Duration::from_secs(20)));
        assert!(timeouts.operation_attempt_timeout() >= timeouts.read_timeout());
        assert!(timeouts.operation_timeout() > timeouts.operation_attempt_timeout());
    }

    #[test]
    fn a_custom_endpoint_is_recognised() {
        let plain = SdkConfig::builder().build();
        let custom = SdkConfig::builder().endpoint_url("http://localhost:4566").build();
        assert!(!has_custom_endpoint(&plain, None));
        assert!(has_custom_endpoint(&plain, Some("http://localhost:4566".into())));
        assert!(has_custom_endpoint(&custom, None));
    }
}
