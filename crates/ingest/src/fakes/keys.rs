//! A key service that knows its keys by heart.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use shelltrail_core::envelope::DataKey;

use super::script::{Call, Script};
use super::{failure, injected};
use crate::source::{KeyService, SourceError, SourceErrorKind};

/// Unwraps exactly the keys it was told, each under exactly its context.
#[derive(Debug)]
pub struct MemoryKeys {
    script: Script,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    keys: BTreeMap<Vec<u8>, Known>,
    failing: Option<(SourceErrorKind, &'static str, u64)>,
}

/// A data key and the encryption context under which it is unwrapped.
struct Known {
    context: BTreeMap<String, String>,
    data_key: Vec<u8>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

impl MemoryKeys {
    /// No keys.
    #[must_use]
    pub fn new(script: Script) -> Self {
        Self { script, state: Mutex::default() }
    }

    /// Tells a data key, how it looks wrapped, and under which context it is unwrapped.
    pub fn insert(&self, wrapped: &[u8], context: &[(&str, &str)], data_key: &[u8]) {
        let context = context.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let known = Known { context, data_key: data_key.to_vec() };
        self.state().keys.insert(wrapped.to_vec(), known);
    }

    /// Lets the next calls fail.
    pub fn fail_next(&self, kind: SourceErrorKind, reason: &'static str, times: u64) {
        self.state().failing = Some((kind, reason, times));
    }

    fn unwrap_key(&self, wrapped: &[u8], context: &BTreeMap<String, String>) -> Result<DataKey, SourceError> {
        let mut state = self.state();
        if let Some((kind, reason, times)) = state.failing.as_mut().filter(|(.., times)| *times > 0) {
            *times -= 1;
            return Err(failure(*kind, reason, Call::Decrypt, "as the test says"));
        }
        let damaged = || failure(SourceErrorKind::Invalid, "envelope-damaged", Call::Decrypt, "no such key");
        let known = state.keys.get(wrapped).ok_or_else(damaged)?;
        if known.context != *context {
            return Err(damaged());
        }
        DataKey::new(known.data_key.clone()).map_err(|_| damaged())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl KeyService for MemoryKeys {
    async fn decrypt(
        &self,
        wrapped_key: &[u8],
        context: &BTreeMap<String, String>,
    ) -> Result<DataKey, SourceError> {
        let effect = || self.unwrap_key(wrapped_key, context);
        self.script.play(Call::Decrypt, || injected(Call::Decrypt), effect).await
    }
}
