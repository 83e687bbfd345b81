//! One test's own corner of an emulator: a key, a bucket, a queue with its dead-letter queue, and the
//! way that notifications take between them.

use std::collections::HashMap;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, Event,
    EventBridgeConfiguration, NotificationConfiguration, QueueConfiguration, ServerSideEncryption,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
    TopicConfiguration, VersioningConfiguration,
};
use aws_sdk_sqs::types::QueueAttributeName;
use shelltrail_aws::{KmsKeys, S3Store, SqsQueue};
use shelltrail_core::ObjectRef;

use super::emulator::{ACCOUNT, Emulator, REGION};
use super::http;

/// The way of a notification from the bucket to the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// S3 sends to the queue.
    Direct,
    /// S3 publishes to a topic, which sends to the queue in its own wrapping or, `raw`, without it.
    Sns { raw: bool },
    /// S3 tells EventBridge, where a rule sends to the queue.
    EventBridge,
    /// Nothing is sent but what the test sends.
    None,
}

/// What differs between worlds.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    pub route: Route,
    /// Receives before SQS moves a message to the dead-letter queue.
    pub max_receive_count: u32,
    /// The visibility timeout of the queue.
    pub visibility: Duration,
}

impl Default for Setup {
    fn default() -> Self {
        Self { route: Route::Direct, max_receive_count: 10, visibility: Duration::from_secs(60) }
    }
}

/// A bucket and what hangs on it.
pub struct World {
    pub emulator: &'static Emulator,
    /// Versioned, encrypted under `key_arn` by default.
    pub bucket: String,
    pub key_arn: String,
    pub queue_url: String,
    pub dead_letter_url: String,
    pub s3: aws_sdk_s3::Client,
    pub sqs: aws_sdk_sqs::Client,
    pub kms: aws_sdk_kms::Client,
}

impl World {
    /// Makes everything, with names that no other test of this process has.
    pub async fn new(emulator: &'static Emulator, setup: Setup) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("world-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let config = sdk_config(&emulator.url());
        let s3 = aws_sdk_s3::Client::new(&config);
        let sqs = aws_sdk_sqs::Client::new(&config);
        let kms = aws_sdk_kms::Client::new(&config);

        let key = kms.create_key().send().await.expect("create a key");
        let key_arn = key.key_metadata.and_then(|key| key.arn).expect("a new key has an ARN");
        create_bucket(&s3, &name, &key_arn).await;
        let dead_letter_url = create_queue(&sqs, &format!("{name}-dead"), HashMap::new()).await;
        let redrive = format!(
            r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":{}}}"#,
            queue_arn(&format!("{name}-dead")),
            setup.max_receive_count
        );
        let attributes = HashMap::from([
            (QueueAttributeName::RedrivePolicy, redrive),
            (QueueAttributeName::VisibilityTimeout, setup.visibility.as_secs().to_string()),
        ]);
        let queue_url = create_queue(&sqs, &name, attributes).await;
        let world = Self { emulator, bucket: name, key_arn, queue_url, dead_letter_url, s3, sqs, kms };
        world.connect(setup.route).await;
        world
    }

    /// A world in each emulator, one after the other.
    pub async fn in_each(setup: Setup) -> Vec<Self> {
        let mut worlds = Vec::new();
        for emulator in Emulator::all() {
            worlds.push(Self::new(emulator, setup).await);
        }
        worlds
    }

    /// The queue, as the pipeline sees it.
    pub fn queue(&self) -> SqsQueue {
        SqsQueue::new(self.sqs.clone(), &self.queue_url)
    }

    /// The dead-letter queue, as the pipeline would see it.
    pub fn dead_letters(&self) -> SqsQueue {
        SqsQueue::new(self.sqs.clone(), &self.dead_letter_url)
    }

    /// The bucket, as the pipeline sees it.
    pub fn store(&self) -> S3Store {
        S3Store::new(self.s3.clone(), None)
    }

    /// KMS, as the pipeline sees it, allowed to use these keys.
    pub fn keys(&self, allowed: &[&str]) -> KmsKeys {
        KmsKeys::new(self.kms.clone(), allowed.iter().map(|&arn| arn.to_owned()).collect())
    }

    /// Uploads an object and tells what S3 told about it.
    pub async fn put(&self, key: &str, body: &[u8]) -> ObjectRef {
        self.put_with_metadata(key, body, &[]).await
    }

    /// Uploads an object with user metadata.
    pub async fn put_with_metadata(&self, key: &str, body: &[u8], metadata: &[(&str, &str)]) -> ObjectRef {
        let mut call =
            self.s3.put_object().bucket(&self.bucket).key(key).body(ByteStream::from(body.to_vec()));
        for &(name, value) in metadata {
            call = call.metadata(name, value);
        }
        let answer = call.send().await.expect("put an object");
        ObjectRef {
            bucket: Some(self.bucket.clone()),
            key: key.to_owned(),
            version: answer.version_id,
            etag: answer.e_tag.map(|etag| etag.trim_matches('"').to_owned()),
        }
    }

    /// Puts a message of the test's own making into the queue.
    pub async fn send(&self, body: &str) {
        let call = self.sqs.send_message().queue_url(&self.queue_url).message_body(body);
        call.send().await.expect("send a message");
    }

    /// Makes a program talk to this emulator and to nothing else of AWS.
    pub fn configure(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("AWS_") || text.starts_with("SHELLTRAIL_") {
                command.env_remove(&name);
            }
        }
        command.envs([
            ("AWS_ENDPOINT_URL", self.emulator.url().as_str()),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", "testing"),
            ("AWS_SECRET_ACCESS_KEY", "testing"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
            ("NO_PROXY", "127.0.0.1,localhost"),
        ]);
    }

    async fn connect(&self, route: Route) {
        let arn = queue_arn(&self.bucket);
        let events = Event::S3ObjectCreated;
        let configuration = NotificationConfiguration::builder();
        let configuration = match route {
            Route::None => return,
            Route::Direct => {
                let queue = QueueConfiguration::builder().queue_arn(arn).events(events);
                configuration.queue_configurations(queue.build().expect("queue and event are named"))
            }
            Route::Sns { raw } => {
                let topic = self.create_topic(&arn, raw);
                let topic = TopicConfiguration::builder().topic_arn(topic).events(events);
                configuration.topic_configurations(topic.build().expect("topic and event are named"))
            }
            Route::EventBridge => {
                self.create_rule(&arn);
                configuration.event_bridge_configuration(EventBridgeConfiguration::builder().build())
            }
        };
        let call = self.s3.put_bucket_notification_configuration().bucket(&self.bucket);
        let call = call.notification_configuration(configuration.build());
        call.send().await.expect("configure notifications");
    }

    /// Creates a topic that feeds the queue, and returns its ARN.
    fn create_topic(&self, queue_arn: &str, raw: bool) -> String {
        let call = |form: String| {
            let headers = [("Content-Type", "application/x-www-form-urlencoded")];
            self.request("sns", &headers, &form)
        };
        call(format!("Action=CreateTopic&Version=2010-03-31&Name={}", self.bucket));
        let topic = format!("arn:aws:sns:{REGION}:{ACCOUNT}:{}", self.bucket);
        call(format!(
            "Action=Subscribe&Version=2010-03-31&Protocol=sqs&TopicArn={topic}&Endpoint={queue_arn}\
             &Attributes.entry.1.key=RawMessageDelivery&Attributes.entry.1.value={raw}"
        ));
        topic
    }

    /// Creates a rule that sends what the bucket tells EventBridge to the queue.
    fn create_rule(&self, queue_arn: &str) {
        let call = |operation: &str, body: String| {
            let target = format!("AWSEvents.{operation}");
            let headers = [("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", target.as_str())];
            self.request("events", &headers, &body)
        };
        let name = &self.bucket;
        let pattern =
            format!(r#"{{\"source\":[\"aws.s3\"],\"detail\":{{\"bucket\":{{\"name\":[\"{name}\"]}}}}}}"#);
        call("PutRule", format!(r#"{{"Name":"{name}","EventPattern":"{pattern}","State":"ENABLED"}}"#));
        call(
            "PutTargets",
            format!(r#"{{"Rule":"{name}","Targets":[{{"Id":"queue","Arn":"{queue_arn}"}}]}}"#),
        );
    }

    /// Calls a service for which this project has no SDK crate. Emulators read the service's name from
    /// the signature and do not verify it.
    fn request(&self, service: &str, headers: &[(&str, &str)], body: &str) {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=testing/20260101/{REGION}/{service}/aws4_request, \
             SignedHeaders=host, Signature=0"
        );
        let mut headers = headers.to_vec();
        headers.push(("Authorization", &authorization));
        headers.push(("X-Amz-Date", "20260101T000000Z"));
        let (status, answer) =
            http::request(&self.emulator.address, "POST", "/", &headers, body).expect("ask the emulator");
        assert_eq!(status, 200, "{service}: {answer}");
    }
}

/// The configuration of a client of the emulator at `url`.
pub fn sdk_config(url: &str) -> SdkConfig {
    let credentials = Credentials::new("testing", "testing", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(REGION))
        .endpoint_url(url)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

async fn create_bucket(s3: &aws_sdk_s3::Client, name: &str, key_arn: &str) {
    let place =
        CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(REGION));
    let call = s3.create_bucket().bucket(name).create_bucket_configuration(place.build());
    call.send().await.expect("create a bucket");
    let versioning = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    let call = s3.put_bucket_versioning().bucket(name).versioning_configuration(versioning);
    call.send().await.expect("switch versions on");
    let default = ServerSideEncryptionByDefault::builder()
        .sse_algorithm(ServerSideEncryption::AwsKms)
        .kms_master_key_id(key_arn)
        .build()
        .expect("the algorithm is named");
    let rule = ServerSideEncryptionRule::builder()
        .apply_server_side_encryption_by_default(default)
        .bucket_key_enabled(true);
    let rules = ServerSideEncryptionConfiguration::builder().rules(rule.build()).build();
    let call = s3.put_bucket_encryption().bucket(name);
    let call = call.server_side_encryption_configuration(rules.expect("there is a rule"));
    call.send().await.expect("switch encryption on");
}

async fn create_queue(
    sqs: &aws_sdk_sqs::Client,
    name: &str,
    attributes: HashMap<QueueAttributeName, String>,
) -> String {
    let call = sqs.create_queue().queue_name(name).set_attributes(Some(attributes));
    call.send().await.expect("create a queue").queue_url.expect("a new queue has a URL")
}

fn queue_arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}
