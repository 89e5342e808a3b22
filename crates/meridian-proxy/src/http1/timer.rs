//! One timer for everything that a connection waits for.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::time::Sleep;

/// A timer of one task that is armed lazily. A deadline that moves away costs nothing: the timer fires at the old one, finds that
/// there is time left, and arms itself anew. So the requests of a busy connection never touch the runtime's timers.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    sleep: Option<(Pin<Box<Sleep>>, Instant)>,
}

impl Timer {
    /// Ready when `deadline` has passed; `None` never is. Otherwise the task is woken at `deadline`.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, deadline: Option<Instant>) -> Poll<()> {
        let Some(deadline) = deadline else { return Poll::Pending };
        let (sleep, armed) = self.sleep.get_or_insert_with(|| {
            let mut sleep = Box::pin(tokio::time::sleep_until(deadline.into()));
            // Registers the waker. A deadline in the past is found below.
            let _ = sleep.as_mut().poll(cx);
            (sleep, deadline)
        });
        if deadline >= *armed && !sleep.is_elapsed() {
            return Poll::Pending;
        }
        if Instant::now() >= deadline {
            return Poll::Ready(());
        }
        *armed = deadline;
        sleep.as_mut().reset(deadline.into());
        sleep.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    async fn poll(timer: &mut Timer, deadline: Instant) -> bool {
        std::future::poll_fn(|cx| Poll::Ready(timer.poll(cx, Some(deadline)).is_ready())).await
    }

    #[test]
    fn moves_in_both_directions() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(async {
            let start = Instant::now();
            let mut timer = Timer::default();
            assert!(!poll(&mut timer, start + Duration::from_secs(3600)).await);
            assert!(!poll(&mut timer, start + Duration::from_secs(60)).await, "an earlier deadline arms it anew");
            std::future::poll_fn(|cx| timer.poll(cx, Some(start + Duration::from_millis(5)))).await;
            assert!(start.elapsed() >= Duration::from_millis(5));
            assert!(!poll(&mut timer, start + Duration::from_secs(3600)).await, "a later one after it fired, too");
            assert!(poll(&mut timer, start).await, "one that has passed is ready at once");
        });
    }
}
