use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::task;

/// Tells when the program is to end. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

/// Asks the program to end. It is also asked when every handle is dropped.
#[derive(Debug, Clone)]
pub struct ShutdownHandle(Arc<watch::Sender<bool>>);

impl Shutdown {
    /// A shutdown and the handle that asks for it.
    #[must_use]
    pub fn new() -> (Self, ShutdownHandle) {
        let (sender, receiver) = watch::channel(false);
        (Self(receiver), ShutdownHandle(Arc::new(sender)))
    }

    /// A shutdown that SIGINT and SIGTERM ask for.
    ///
    /// # Errors
    /// When the signals cannot be listened for.
    pub fn on_signals() -> std::io::Result<(Self, ShutdownHandle)> {
        let (shutdown, handle) = Self::new();
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let asked = handle.clone();
        task::spawn("signals", async move {
            tokio::select! {
                biased;
                _ = interrupt.recv() => tracing::info!("SIGINT: ending"),
                _ = terminate.recv() => tracing::info!("SIGTERM: ending"),
            }
            asked.request();
        })
        .detach();
        Ok((shutdown, handle))
    }

    /// Returns once the end has been asked for.
    pub async fn requested(&self) {
        let mut receiver = self.0.clone();
        // An error means that every handle is gone, which asks for the end as well.
        let _ = receiver.wait_for(|asked| *asked).await;
    }

    /// True once the end has been asked for.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }
}

/// Tells when the program is to read its files again: SIGHUP, which would end it otherwise.
#[derive(Debug)]
pub struct Hangups(tokio::signal::unix::Signal);

impl Hangups {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the signal cannot be listened for.
    pub fn listen() -> std::io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }

    /// Returns at the next one. Several that come close together are one.
    pub async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            // None will come any more.
            std::future::pending::<()>().await;
        }
    }
}

impl ShutdownHandle {
    /// Asks for the end. More than once does no harm.
    pub fn request(&self) {
        self.0.send_replace(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_is_seen_by_all() {
        let (shutdown, handle) = Shutdown::new();
        let other = shutdown.clone();
        assert!(!shutdown.is_requested());
        handle.request();
        shutdown.requested().await;
        other.requested().await;
        assert!(other.is_requested());
    }

    #[tokio::test]
    async fn a_lost_handle_ends_the_program() {
        let (shutdown, handle) = Shutdown::new();
        drop(handle);
        shutdown.requested().await;
        assert!(shutdown.is_requested());
    }
}
