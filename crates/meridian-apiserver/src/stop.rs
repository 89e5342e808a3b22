//! The word that the server stops, for everything that goes on by itself.

use tokio::sync::watch;

/// Says stop. Dropping it says so too.
#[derive(Debug)]
pub(crate) struct Stop(watch::Sender<bool>);

/// Hears it.
#[derive(Debug, Clone)]
pub(crate) struct Stopping(watch::Receiver<bool>);

pub(crate) fn channel() -> (Stop, Stopping) {
    let (sender, receiver) = watch::channel(false);
    (Stop(sender), Stopping(receiver))
}

impl Stop {
    pub(crate) fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stopping {
    /// Returns once the word is out.
    pub(crate) async fn wait(&mut self) {
        // An error means that the sender is gone, which says the same.
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }
}
