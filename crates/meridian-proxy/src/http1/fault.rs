//! Injected faults, as Envoy's fault filter injects them: a delay, then an abort.

use super::connection::{After, Connection};
use super::routed::Routed;
use crate::outcome::{Ending, LocalBody, LocalReply};
use meridian_ir::fault::{AbortStatus, Fault};
use std::time::Duration;

/// The body of an aborted request's answer.
const BODY: &str = "fault filter abort";

/// How long a request is held back; `random` decides whether it is one of those that are.
fn delay(fault: &Fault, random: u64) -> Option<Duration> {
    let delay = fault.delay.as_ref().filter(|delay| delay.fraction.takes(random))?;
    (delay.duration >= Duration::from_millis(1)).then_some(delay.duration)
}

/// What a request is answered instead of being served; `random` decides whether it is one of those.
fn abort(fault: &Fault, random: u64) -> Option<LocalReply> {
    let abort = fault.abort.as_ref().filter(|abort| abort.fraction.takes(random))?;
    let (status, grpc_status) = match abort.status {
        AbortStatus::Http(status) => (status, None),
        AbortStatus::Grpc(status) => (200, Some(status)),
    };
    Some(LocalReply { status, body: LocalBody::Text(BODY), close: false, overloaded: false, grpc_status })
}

impl Connection {
    /// Injects the faults of a route. The error is what became of a request that ended by them.
    pub(super) async fn inject(&mut self, fault: &Fault, routed: &Routed<'_>) -> Result<(), After> {
        if let Some(duration) = delay(fault, self.worker.random()) {
            self.progress.delay_injected = true;
            if let Err(ending) = self.pause(duration).await {
                return Err(self.reply(ending, routed).await);
            }
            self.progress.delay = self.elapsed();
        }
        match abort(fault, self.worker.random()) {
            Some(reply) => Err(self.answer(reply, BODY.as_bytes(), routed, Ending::FaultAbort).await),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meridian_ir::fault::{FaultAbort, FaultDelay};
    use meridian_ir::fraction::Fraction;

    #[test]
    fn faults_happen_to_their_share() {
        let half = Fraction::from_percent(50.0);
        let fault = Fault {
            delay: Some(FaultDelay { duration: Duration::from_secs(1), fraction: half }),
            abort: Some(FaultAbort { status: AbortStatus::Http(418), fraction: half }),
        };
        assert_eq!(delay(&fault, 499_999), Some(Duration::from_secs(1)));
        assert_eq!(delay(&fault, 500_000), None);
        assert_eq!(abort(&fault, 499_999).map(|reply| (reply.status, reply.grpc_status)), Some((418, None)));
        assert_eq!(abort(&fault, 500_000), None);
        let grpc = FaultAbort { status: AbortStatus::Grpc(14), fraction: Fraction::ALL };
        let fault = Fault { abort: Some(grpc), ..Fault::default() };
        assert_eq!(abort(&fault, 7).map(|reply| (reply.status, reply.grpc_status)), Some((200, Some(14))));
        assert_eq!(delay(&fault, 7), None);
    }
}
