//! A client for every region that buckets turn out to be in.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Region;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::errors::region_of_bucket;

/// Most regions with a client of their own; AWS has about 40. Beyond that the redirect is reported.
const MAX_REGIONS: usize = 64;

/// Most buckets whose region is remembered. Others are asked for in the first region every time.
const MAX_BUCKETS: usize = 1024;

/// Longest name of a region; they are text of foreign origin.
const MAX_NAME_BYTES: usize = 32;

/// Clients by region.
#[derive(Debug)]
pub(super) struct Regions {
    home: Client,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    clients: BTreeMap<String, Client>,
    buckets: BTreeMap<String, String>,
}

impl Regions {
    /// `home` serves every bucket that is not known to be elsewhere.
    pub(super) fn new(home: Client) -> Self {
        Self { home, known: Mutex::default() }
    }

    /// Sends a request about a bucket, and once more to the region that the answer names if it is another one.
    pub(super) async fn send<T, E, F>(
        &self,
        bucket: &str,
        send: impl Fn(Client) -> F,
    ) -> Result<T, SdkError<E, HttpResponse>>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let client = self.client(bucket);
        let asked = client.config().region().cloned();
        let error = match send(client).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        match region_of_bucket(&error).and_then(|region| self.learn(bucket, asked.as_ref(), &region)) {
            Some(elsewhere) => send(elsewhere).await,
            None => Err(error),
        }
    }

    /// The client of the region where a bucket is, as far as that is known.
    pub(super) fn client(&self, bucket: &str) -> Client {
        let known = self.known();
        let client = known.buckets.get(bucket).and_then(|region| known.clients.get(region));
        client.unwrap_or(&self.home).clone()
    }

    /// Remembers where a bucket is; `None` if that is where it was looked for, or no name of a region. Others may
    /// have learned it in the meantime.
    fn learn(&self, bucket: &str, asked: Option<&Region>, region: &str) -> Option<Client> {
        if asked.map(Region::as_ref) == Some(region) || !is_region(region) {
            return None;
        }
        let mut known = self.known();
        if !known.clients.contains_key(region) {
            if known.clients.len() == MAX_REGIONS {
                return None;
            }
            tracing::info!(bucket, region, "a bucket in another region gets a client of its own");
            let config = self.home.config().to_builder().region(Region::new(region.to_owned())).build();
            known.clients.insert(region.to_owned(), Client::from_conf(config));
        }
        if known.buckets.len() < MAX_BUCKETS || known.buckets.contains_key(bucket) {
            known.buckets.insert(bucket.to_owned(), region.to_owned());
        }
        known.clients.get(region).cloned()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing that runs under this lock can leave the maps half changed.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_region(name: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::test_server::TestServer;

    #[test]
    fn a_bucket_is_followed_once_and_within_bounds() {
        let server = TestServer::start(vec![]);
        let regions = Regions::new(Client::new(&server.sdk_config()));
        let home = Region::new("eu-west-1");
        let learn = |bucket: &str, region: &str| regions.learn(bucket, Some(&home), region);
        for name in ["", "eu-west-1", "EU-WEST-2", "a b", "eu/west", &"x".repeat(33)] {
            assert!(learn("b", name).is_none(), "{name}");
        }
        let elsewhere = learn("b", "eu-north-1").unwrap();
        assert_eq!(elsewhere.config().region().unwrap().as_ref(), "eu-north-1");
        assert_eq!(regions.client("b").config().region().unwrap().as_ref(), "eu-north-1");
        assert_eq!(regions.client("other").config().region().unwrap().as_ref(), "eu-west-1");
        assert!(learn("b", "eu-north-1").is_some(), "another request was on its way when this was learned");
        let there = Region::new("eu-north-1");
        assert!(regions.learn("b", Some(&there), "eu-north-1").is_none(), "it is not there either");
        for n in 1..MAX_REGIONS {
            assert!(learn(&format!("b{n}"), &format!("r-{n}")).is_some());
        }
        assert!(learn("one-more", "r-more").is_none());
        assert!(learn("another", "eu-north-1").is_some(), "known regions have room for more buckets");
    }
}
