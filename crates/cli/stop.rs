//! SIGINT and SIGTERM: the first asks for a graceful stop, the second ends the process at once.

use shelltrail_ingest::Stop;
use tokio::signal::unix::{SignalKind, signal};

use crate::log;

/// Starts listening. Must be called inside the runtime.
///
/// # Errors
/// The signal handlers cannot be installed.
pub fn on_signals() -> std::io::Result<Stop> {
    let (handle, stop) = Stop::new();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        for attempt in 0.. {
            let code = tokio::select! {
                _ = interrupt.recv() => 130,
                _ = terminate.recv() => 143,
            };
            if attempt > 0 {
                // As safe as a crash: what is not committed was not acknowledged either.
                std::process::exit(code);
            }
            log::say("stopping: finishing what was begun; a second signal ends at once");
            handle.stop();
        }
    });
    Ok(stop)
}
