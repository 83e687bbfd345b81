//! The wish to stop, told once and seen everywhere.

use tokio::sync::watch;

/// Asks a pipeline to stop. May be cloned; the first call counts.
#[derive(Clone, Debug)]
pub struct StopHandle(watch::Sender<bool>);

/// Sees whether a stop was asked for.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Makes a handle and its view.
    #[must_use]
    pub fn new() -> (StopHandle, Stop) {
        let (sender, receiver) = watch::channel(false);
        (StopHandle(sender), Stop(receiver))
    }

    /// A view that never sees a stop.
    #[must_use]
    pub fn never() -> Stop {
        Stop::new().1
    }

    /// Whether a stop was asked for.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until a stop is asked for. Without a handle left nobody can ask, and it waits for ever.
    pub async fn stopped(&self) {
        let mut view = self.0.clone();
        if view.wait_for(|stopped| *stopped).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl StopHandle {
    /// Asks for a stop.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// One more view of the same wish.
    #[must_use]
    pub fn view(&self) -> Stop {
        Stop(self.0.subscribe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stop_is_seen_by_every_view_and_never_by_an_orphan() {
        let (handle, stop) = Stop::new();
        let other = stop.clone();
        assert!(!stop.is_stopped());
        handle.stop();
        other.stopped().await;
        assert!(stop.is_stopped());
        let waited = tokio::time::timeout(std::time::Duration::from_secs(1), Stop::never().stopped()).await;
        assert!(waited.is_err());
    }
}
