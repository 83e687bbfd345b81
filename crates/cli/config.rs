//! One TOML file, overridden by `SHELLTRAIL_*` variables, overridden by flags.
//!
//! `deploy/shelltrail.toml` shows every setting with its default; a test loads it.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;
use shelltrail_aws::{AwsConfig, CustomerKey, CustomerKeyRule};
use shelltrail_core::envelope::EnvelopePolicy;
use shelltrail_core::layout::KeyLayout;
use shelltrail_ingest::PipelineConfig;

use crate::args::{Args, IndexArg};
use crate::ops::Listen;
use crate::screen::PagerChoice;

const MIB: u64 = 1 << 20;

/// Everything that can be configured. A missing setting has the default of the part that uses it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Index root.
    pub index: Option<PathBuf>,
    /// URL of the SQS queue.
    pub queue_url: Option<String>,
    /// URL of the SQS queue of backfills.
    pub backfill_queue_url: Option<String>,
    /// Where questions are written down; `audit.jsonl` in the index root if it says nothing.
    pub audit: Option<PathBuf>,
    /// Which pager shows long text on a terminal.
    pub pager: Option<PagerChoice>,
    /// Where a worker serves metrics and health: a host and a port, or `off`.
    pub listen: Option<String>,
    /// How many digits of the account ID name a partition, fixed when the index is created.
    pub partition_digits: Option<u8>,
    /// The write pipeline.
    pub worker: WorkerConfig,
    /// What is read.
    pub s3: S3Config,
    /// Client-side encryption.
    pub kms: KmsConfig,
    /// Region, profile, addressing.
    pub aws: AwsSection,
}

/// `[worker]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)] // documented in deploy/shelltrail.toml and in shelltrail_ingest::PipelineConfig
pub struct WorkerConfig {
    pub receivers: Option<usize>,
    pub receive_wait_secs: Option<u64>,
    pub visibility_secs: Option<u64>,
    pub max_held_messages: Option<usize>,
    pub max_fetches: Option<usize>,
    pub in_flight_mib: Option<u64>,
    pub max_object_mib: Option<u64>,
    pub max_inflate_ratio: Option<u64>,
    pub batch_mib: Option<u64>,
    pub commit_mib: Option<u64>,
    pub commit_age_secs: Option<u64>,
    pub retry_delay_secs: Option<u64>,
    pub max_retry_delay_secs: Option<u64>,
    pub max_attempts: Option<u32>,
    pub max_waiting: Option<usize>,
    pub breaker_patience_secs: Option<u64>,
    pub stop_grace_secs: Option<u64>,
}

/// `[s3]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct S3Config {
    pub allowed_buckets: Vec<String>,
    pub key_prefixes: Vec<String>,
    pub key_layout: Vec<String>,
    pub bucket_owner: Option<String>,
    pub sse_c_key_file: Vec<CustomerKeyFile>,
}

/// `[[s3.sse_c_key_file]]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct CustomerKeyFile {
    pub path: PathBuf,
    pub bucket: Option<String>,
    #[serde(default)]
    pub prefix: String,
}

impl CustomerKeyFile {
    /// Longest file that is read: the longest form of a key, with white space.
    const MAX_BYTES: u64 = 1024;

    /// Reads the key. No message has anything of it.
    fn rule(&self) -> anyhow::Result<CustomerKeyRule> {
        let context = || format!("read the customer key of s3.sse_c_key_file in {}", self.path.display());
        let mut content = Vec::with_capacity(Self::MAX_BYTES as usize);
        let file = std::fs::File::open(&self.path).with_context(context)?;
        file.take(Self::MAX_BYTES).read_to_end(&mut content).with_context(context)?;
        let key = CustomerKey::parse(content).map_err(anyhow::Error::msg).with_context(context)?;
        Ok(CustomerKeyRule { bucket: self.bucket.clone(), prefix: self.prefix.clone(), key })
    }
}

/// `[kms]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct KmsConfig {
    pub key_arns: Vec<String>,
    pub allow_legacy: bool,
}

/// `[aws]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct AwsSection {
    pub profile: Option<String>,
    pub region: Option<String>,
    pub path_style: Option<bool>,
}

/// Sections of the file, which are also the first words of variables.
const SECTIONS: [&str; 4] = ["worker", "s3", "kms", "aws"];
/// Settings that are text whatever their value looks like: an account ID is no number.
const TEXTS: [&str; 9] = [
    "index",
    "queue_url",
    "backfill_queue_url",
    "audit",
    "pager",
    "listen",
    "s3_bucket_owner",
    "aws_profile",
    "aws_region",
];
/// Variables with this prefix that are flags of the command line or of the diagnostics.
const NOT_SETTINGS: [&str; 3] = ["SHELLTRAIL_CONFIG", "SHELLTRAIL_LOG", "SHELLTRAIL_LOG_FORMAT"];

impl Config {
    /// Loads the file that `--config` names, if any, and the environment.
    ///
    /// # Errors
    /// The file cannot be read, or it or a variable has a setting that does not exist or has the wrong type.
    pub fn load(args: &Args) -> anyhow::Result<Self> {
        let file = args.config.as_deref().filter(|_| !args.no_config);
        let text = match file {
            Some(path) => std::fs::read_to_string(path)
                .with_context(|| format!("read the configuration file {}", path.display()))?,
            None => String::new(),
        };
        let variables = settings_of(std::env::vars_os())?;
        let origin = file.unwrap_or(Path::new("environment"));
        Self::from_parts(&text, variables).with_context(|| format!("configuration in {}", origin.display()))
    }

    fn from_parts(text: &str, variables: impl IntoIterator<Item = (String, String)>) -> anyhow::Result<Self> {
        let mut table: toml::Table = text.parse()?;
        for (name, value) in variables {
            let Some(setting) = name.strip_prefix("SHELLTRAIL_") else { continue };
            let setting = setting.to_ascii_lowercase();
            let is_text = TEXTS.contains(&setting.as_str());
            let value = if is_text { toml::Value::String(value) } else { typed(&value) };
            let section = SECTIONS.iter().find_map(|section| {
                Some((*section, setting.strip_prefix(section)?.strip_prefix('_')?.to_owned()))
            });
            match section {
                Some((section, key)) => {
                    let inner = table.entry(section).or_insert_with(|| toml::Table::new().into());
                    let Some(inner) = inner.as_table_mut() else { bail!("[{section}] is not a table") };
                    inner.insert(key, value);
                }
                None => {
                    table.insert(setting, value);
                }
            }
        }
        // toml ends its messages with a line feed.
        table.try_into().map_err(|error: toml::de::Error| anyhow::anyhow!("{}", error.to_string().trim_end()))
    }

    /// The index root: flag or `SHELLTRAIL_INDEX`, else the file.
    ///
    /// # Errors
    /// Nobody names one.
    pub fn index(&self, arg: &IndexArg) -> anyhow::Result<PathBuf> {
        match arg.index.as_ref().or(self.index.as_ref()) {
            Some(path) => Ok(path.clone()),
            None => bail!(
                "no index is named: use --index DIR, SHELLTRAIL_INDEX, or `index` in the configuration file"
            ),
        }
    }

    /// Where a worker was asked to serve metrics and health: the flag, else `SHELLTRAIL_LISTEN` or the file.
    ///
    /// # Errors
    /// The setting is no place.
    pub fn listen(&self, flag: Option<&Listen>) -> anyhow::Result<Option<Listen>> {
        match (flag, &self.listen) {
            (Some(flag), _) => Ok(Some(flag.clone())),
            (None, Some(text)) => match text.parse() {
                Ok(listen) => Ok(Some(listen)),
                Err(wrong) => bail!("`listen` is {text:?}; {wrong}"),
            },
            (None, None) => Ok(None),
        }
    }

    /// The settings of the pipeline.
    ///
    /// # Errors
    /// A key layout cannot be understood.
    pub fn pipeline(&self) -> anyhow::Result<PipelineConfig> {
        let mut config = PipelineConfig::default();
        let set = |target: &mut Duration, secs: Option<u64>| {
            *target = secs.map_or(*target, Duration::from_secs);
        };
        let worker = &self.worker;
        set(&mut config.receive_wait, worker.receive_wait_secs.map(|secs| secs.min(20)));
        set(&mut config.commit_age, worker.commit_age_secs);
        set(&mut config.retry_delay, worker.retry_delay_secs);
        set(&mut config.max_retry_delay, worker.max_retry_delay_secs);
        set(&mut config.breaker_patience, worker.breaker_patience_secs);
        set(&mut config.stop_grace, worker.stop_grace_secs);
        config.visibility = worker.visibility_secs.map(Duration::from_secs);
        let mib =
            |target: &mut u64, mib: Option<u64>| *target = mib.map_or(*target, |mib| mib.saturating_mul(MIB));
        mib(&mut config.in_flight_bytes, worker.in_flight_mib);
        mib(&mut config.max_object_bytes, worker.max_object_mib);
        config.max_inflate_ratio = worker.max_inflate_ratio.unwrap_or(config.max_inflate_ratio);
        mib(&mut config.batch_bytes, worker.batch_mib);
        mib(&mut config.commit_bytes, worker.commit_mib);
        config.receivers = worker.receivers.unwrap_or(config.receivers);
        config.max_held_messages = worker.max_held_messages.unwrap_or(config.max_held_messages);
        config.max_fetches = worker.max_fetches.unwrap_or(config.max_fetches);
        config.max_waiting = worker.max_waiting.unwrap_or(config.max_waiting);
        config.max_attempts = worker.max_attempts.unwrap_or(config.max_attempts);
        if !self.s3.key_layout.is_empty() {
            config.layout = KeyLayout::new(&self.s3.key_layout).context("s3.key_layout")?;
        }
        config.envelope_policy = EnvelopePolicy { allow_legacy: self.kms.allow_legacy };
        config.allowed_buckets = self.s3.allowed_buckets.iter().cloned().collect();
        config.key_prefixes.clone_from(&self.s3.key_prefixes);
        Ok(config)
    }

    /// What the SDK's own files and variables do not say.
    ///
    /// # Errors
    /// A customer key cannot be read.
    pub fn aws(&self) -> anyhow::Result<AwsConfig> {
        let customer_keys =
            self.s3.sse_c_key_file.iter().map(CustomerKeyFile::rule).collect::<Result<_, _>>()?;
        Ok(AwsConfig {
            customer_keys,
            profile: self.aws.profile.clone(),
            region: self.aws.region.clone(),
            path_style: self.aws.path_style,
            bucket_owner: self.s3.bucket_owner.clone(),
            kms_key_arns: self.kms.key_arns.clone(),
        })
    }
}

/// The variables that are settings. Others may hold whatever they like.
fn settings_of(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> anyhow::Result<Vec<(String, String)>> {
    let mut settings = Vec::new();
    for (name, value) in variables {
        let name = name.to_string_lossy();
        if !name.starts_with("SHELLTRAIL_") || NOT_SETTINGS.contains(&&*name) {
            continue;
        }
        match value.into_string() {
            Ok(value) => settings.push((name.into_owned(), value)),
            // A path, which the flag of this name has read as it is.
            Err(_) if name == "SHELLTRAIL_INDEX" => {}
            Err(_) => bail!("the variable {name} is not UTF-8"),
        }
    }
    Ok(settings)
}

/// A variable's value as TOML would read it; whatever is no number, boolean or array is a string.
fn typed(value: &str) -> toml::Value {
    let parsed = format!("value = {value}").parse::<toml::Table>().ok().and_then(|mut t| t.remove("value"));
    match parsed {
        Some(value @ (toml::Value::Integer(_) | toml::Value::Boolean(_) | toml::Value::Array(_))) => value,
        _ => toml::Value::String(value.to_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn vars(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_example_says_the_defaults() {
        let example = include_str!("../../deploy/shelltrail.toml");
        let config = Config::from_parts(example, []).unwrap();
        let (example, default) = (config.pipeline().unwrap(), PipelineConfig::default());
        assert_eq!(format!("{example:?}"), format!("{default:?}"));
    }

    #[test]
    fn variables_override_the_file() {
        let file = "queue_url = \"a\"\n[worker]\nmax_fetches = 3\n";
        let variables = vars(&[
            ("SHELLTRAIL_QUEUE_URL", "b"),
            ("SHELLTRAIL_WORKER_COMMIT_AGE_SECS", "7"),
            ("SHELLTRAIL_S3_ALLOWED_BUCKETS", "[\"x\", \"y\"]"),
            ("SHELLTRAIL_KMS_ALLOW_LEGACY", "true"),
            ("SHELLTRAIL_S3_BUCKET_OWNER", "111122223333"),
            ("SHELLTRAIL_INDEX", "1"),
            ("PATH", "/bin"),
        ]);
        let config = Config::from_parts(file, variables).unwrap();
        assert_eq!(config.queue_url.as_deref(), Some("b"));
        assert_eq!(config.s3.bucket_owner.as_deref(), Some("111122223333"));
        assert_eq!(config.index.as_deref(), Some(Path::new("1")));
        let pipeline = config.pipeline().unwrap();
        assert_eq!((pipeline.max_fetches, pipeline.commit_age), (3, Duration::from_secs(7)));
        assert_eq!(pipeline.allowed_buckets.len(), 2);
        assert!(pipeline.envelope_policy.allow_legacy);
    }

    #[test]
    fn customer_keys_are_read_and_never_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        std::fs::write(path("good"), "0123456789abcdefghijklmnopqrstuv").unwrap();
        std::fs::write(path("bad"), "hunter2").unwrap();
        let load = |name: &str| {
            let file = format!("[[s3.sse_c_key_file]]\npath = '{}'\nprefix = 'ssm/'\n", path(name));
            Config::from_parts(&file, []).unwrap().aws()
        };
        let aws = load("good").unwrap();
        assert_eq!((aws.customer_keys.len(), aws.customer_keys[0].prefix.as_str()), (1, "ssm/"));
        assert!(!format!("{aws:?}").contains("0123456789"));
        for (name, told) in [("bad", "32 bytes"), ("none", "No such file")] {
            let error = format!("{:#}", load(name).unwrap_err());
            assert!(error.contains(told) && error.contains(&path(name)), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn the_flag_says_where_to_listen_before_the_setting_does() {
        let config = Config::from_parts("", vars(&[("SHELLTRAIL_LISTEN", "127.0.0.1:1")])).unwrap();
        assert_eq!(config.listen(None).unwrap(), Some(Listen::At("127.0.0.1:1".to_owned())));
        assert_eq!(config.listen(Some(&Listen::Off)).unwrap(), Some(Listen::Off));
        assert_eq!(Config::default().listen(None).unwrap(), None);
        let config = Config::from_parts("listen = \"9187\"", []).unwrap();
        let error = config.listen(None).unwrap_err().to_string();
        assert!(error.contains("9187") && error.contains("off"), "{error}");
    }

    #[test]
    fn nothing_is_ignored() {
        for text in ["quue_url = 1", "[worker]\nfetches = 1", "[worker]\nmax_fetches = \"x\"", "[wrker]"] {
            assert!(Config::from_parts(text, []).is_err(), "{text}");
        }
        for name in ["SHELLTRAIL_TYPO", "SHELLTRAIL_WORKER_TYPO"] {
            assert!(Config::from_parts("", vars(&[(name, "1")])).is_err(), "{name}");
        }
    }
}
