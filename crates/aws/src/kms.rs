//! Data keys from KMS.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_kms::config::Region;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::{Client, Config};
use shelltrail_core::envelope::DataKey;
use shelltrail_ingest::source::{KeyService, SourceError, SourceErrorKind};

use crate::errors::kms_error;

/// KMS, asked to unwrap data keys of client-side envelopes.
#[derive(Clone, Debug)]
pub struct KmsKeys {
    client: Client,
    /// Empty for any key.
    allowed: Vec<String>,
}

impl KmsKeys {
    /// With `allowed` key ARNs, nothing wrapped under another key is unwrapped, whatever IAM would
    /// allow: a data key under a stranger's key would otherwise pass for a good one. Empty allows every key.
    #[must_use]
    pub fn new(client: Client, allowed: Vec<String>) -> Self {
        Self { client, allowed }
    }

    async fn decrypt_under(
        &self,
        key_arn: Option<&str>,
        wrapped_key: &[u8],
        context: &BTreeMap<String, String>,
    ) -> Result<DataKey, SourceError> {
        let action = || format!("unwrap a data key under {}", key_arn.unwrap_or("the key it names"));
        let context = context.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        // A key can be used in its own region only, which need not be that of the queue.
        let region = key_arn.and_then(region_of).map(|region| Region::new(region.to_owned()));
        let answer = self
            .client
            .decrypt()
            .set_key_id(key_arn.map(str::to_owned))
            .ciphertext_blob(Blob::new(wrapped_key))
            .set_encryption_context(Some(context))
            .customize()
            .config_override(
                Config::builder().region(region.or_else(|| self.client.config().region().cloned())),
            )
            .send()
            .await
            .map_err(|error| kms_error(action(), error))?;
        let plaintext = answer.plaintext.map(Blob::into_inner).unwrap_or_default();
        DataKey::new(plaintext).map_err(|error| SourceError {
            kind: SourceErrorKind::Invalid,
            reason: "envelope-damaged",
            action: action(),
            message: error.to_string(),
        })
    }
}

#[async_trait]
impl KeyService for KmsKeys {
    async fn decrypt(
        &self,
        wrapped_key: &[u8],
        context: &BTreeMap<String, String>,
    ) -> Result<DataKey, SourceError> {
        if self.allowed.is_empty() {
            return self.decrypt_under(None, wrapped_key, context).await;
        }
        // A wrapped key names its key in a form that only KMS can read, so the allowed ones are tried in
        // turn. If none fits, a key that could not be used says more than the keys that are not the one.
        let mut unusable = None;
        let mut unfit = None;
        for key_arn in &self.allowed {
            match self.decrypt_under(Some(key_arn), wrapped_key, context).await {
                Err(error) if error.reason == "kms-wrong-key" => unfit = Some(error),
                Err(error) if is_about_the_key(&error) => unusable = unusable.or(Some(error)),
                decided => return decided,
            }
        }
        Err(unusable.or(unfit).expect("the list of keys is not empty, and each one left its error"))
    }
}

/// The region that an ARN names; `None` of what is none.
fn region_of(arn: &str) -> Option<&str> {
    let mut parts = arn.split(':');
    let region = (parts.next() == Some("arn")).then(|| parts.nth(2)).flatten()?;
    (!region.is_empty()).then_some(region)
}

/// Whether the fault lies with this key, so that another one of the list may do better.
fn is_about_the_key(error: &SourceError) -> bool {
    error.kind == SourceErrorKind::Denied && error.reason != "credentials"
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::test_server::{TestServer, response};

    const FIRST: &str = "arn:aws:kms:eu-west-1:111122223333:key/first";
    const SECOND: &str = "arn:aws:kms:eu-west-1:111122223333:key/second";

    fn fault(code: &str) -> Vec<u8> {
        let body = format!("{{\"__type\":\"{code}\"}}");
        response(400, &[("Content-Type", "application/x-amz-json-1.1")], body.as_bytes())
    }

    fn plaintext(base64: &str) -> Vec<u8> {
        let body = format!("{{\"Plaintext\":\"{base64}\"}}");
        response(200, &[("Content-Type", "application/x-amz-json-1.1")], body.as_bytes())
    }

    async fn decrypt(server: &TestServer, allowed: &[&str]) -> Result<DataKey, SourceError> {
        let allowed = allowed.iter().map(|&arn| arn.to_owned()).collect();
        let context = BTreeMap::from([("aws:x-amz-cek-alg".to_owned(), "115".to_owned())]);
        KmsKeys::new(Client::new(&server.sdk_config()), allowed).decrypt(b"wrapped", &context).await
    }

    #[tokio::test]
    async fn allowed_keys_are_tried_in_turn() {
        let key = plaintext("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        let server = TestServer::start(vec![fault("IncorrectKeyException"), key]);
        decrypt(&server, &[FIRST, SECOND]).await.unwrap();
        let requests = server.requests();
        assert!(requests[0].contains(FIRST) && requests[1].contains(SECOND), "{requests:?}");
        assert!(requests[1].contains(r#""aws:x-amz-cek-alg":"115""#), "{requests:?}");
    }

    #[tokio::test]
    async fn a_key_is_asked_for_in_its_own_region() {
        let key = || plaintext("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        for (arn, scope) in [
            ("arn:aws:kms:ap-south-2:111122223333:key/first", "/ap-south-2/kms/"),
            ("arn:aws-cn:kms:cn-north-1:111122223333:alias/transcripts", "/cn-north-1/kms/"),
            ("alias/transcripts", "/eu-west-1/kms/"),
        ] {
            let server = TestServer::start(vec![key()]);
            decrypt(&server, &[arn]).await.unwrap();
            let requests = server.requests();
            assert!(requests[0].contains(scope), "{requests:?}");
        }
    }

    #[tokio::test]
    async fn a_disabled_key_says_more_than_a_wrong_one() {
        for faults in
            [["DisabledException", "IncorrectKeyException"], ["IncorrectKeyException", "DisabledException"]]
        {
            let server = TestServer::start(faults.map(fault).to_vec());
            let error = decrypt(&server, &[FIRST, SECOND]).await.unwrap_err();
            assert_eq!((error.kind, error.reason), (SourceErrorKind::Denied, "kms-key-disabled"));
        }
    }

    #[tokio::test]
    async fn a_damaged_key_ends_the_search() {
        let server = TestServer::start(vec![fault("InvalidCiphertextException")]);
        let error = decrypt(&server, &[FIRST, SECOND]).await.unwrap_err();
        assert_eq!((error.kind, error.reason), (SourceErrorKind::Invalid, "envelope-damaged"));
        assert_eq!(server.requests().len(), 1);
    }

    #[tokio::test]
    async fn a_key_of_the_wrong_length_is_damaged() {
        let server = TestServer::start(vec![plaintext("AAAA")]);
        let error = decrypt(&server, &[]).await.unwrap_err();
        assert_eq!((error.kind, error.reason), (SourceErrorKind::Invalid, "envelope-damaged"));
        assert!(!server.requests()[0].contains("KeyId"));
    }
}
