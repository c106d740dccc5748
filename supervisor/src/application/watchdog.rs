//! Notices that no process runs any more, from a thread that does not depend on any.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use proscenium_runtime::{Address, Context, SystemHandle};

use super::platform::Service;
use super::platform_words::State;

/// Begins to ask a process of `system` for a sign of life, twice within `limit`. Each is passed on to `service`; that
/// one does not come within `limit` is logged.
pub(super) fn watch(system: &SystemHandle, limit: Duration, service: Arc<Service>) -> io::Result<()> {
    let pulse = system.spawn(|mut ctx: Context<SyncSender<()>>| async move {
        ctx.set_label("watchdog");
        loop {
            // Whoever asked and has gone was answered late.
            let _ = ctx.receive_message().await.try_send(());
        }
    });
    let system = system.clone();
    let watch = move || while let Some(()) = beat(&pulse, limit, &system, &service) {};
    thread::Builder::new().name("watchdog".into()).spawn(watch).map(drop)
}

/// One sign of life; `None` once the system has ended.
fn beat(pulse: &Address<SyncSender<()>>, limit: Duration, system: &SystemHandle, service: &Service) -> Option<()> {
    let asked = Instant::now();
    let (sign, signs) = mpsc::sync_channel(1);
    // It is no dead letter that the system has ended.
    pulse.try_send(sign).ok()?;
    match signs.recv_timeout(limit) {
        Ok(()) => {}
        Err(RecvTimeoutError::Timeout) => {
            slog::crit!(system.logger(), "the scheduler is stalled"; "for" => ?limit);
            signs.recv().ok()?;
            slog::crit!(system.logger(), "the scheduler runs again"; "after" => ?asked.elapsed());
        }
        Err(RecvTimeoutError::Disconnected) => return None,
    }
    service.tell(State::Alive);
    thread::sleep(limit / 2);
    Some(())
}
