//! What the tests share.

use std::fs;
use std::os::fd::OwnedFd;
use std::process;
use std::time::{Duration, Instant};

use async_io::{Async, Timer};
use futures_lite::future;
use proscenium_behaviours::subprocess::{Command, CommandResult};
use proscenium_runtime::{Context, ExitReason, Outcome, System};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// After this long nothing comes any more.
pub(crate) const WITHIN_REASON: Duration = Duration::from_secs(60);

/// Runs `play` as a process that traps exits, on real threads.
pub(crate) fn play<M, F>(play: impl FnOnce(Context<M>) -> F + Send + 'static)
where
    M: Send + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    let outcome = System::new("commands").run(|mut ctx: Context<M>| {
        ctx.trap_exit(true);
        play(ctx)
    });
    assert_eq!(outcome, Ok(()));
}

/// Runs one command and returns what it leaves.
pub(crate) fn run(command: Command) -> CommandResult {
    let (result, results) = async_channel::bounded(1);
    play(|ctx: Context<()>| async move {
        result.send(command.run(ctx.system()).await?).await?;
        Ok::<_, ExitReason>(())
    });
    results.try_recv().unwrap()
}

/// What a shell prints of this line, which succeeds.
pub(crate) fn printed(command: Command) -> String {
    run(command).success().unwrap().stdout.to_string()
}

/// An OS process, be it ours or not, whose end can be waited for.
pub(crate) struct Watched(Async<OwnedFd>);

impl Watched {
    /// `None` if it has ended and was reaped.
    pub(crate) fn find(os_pid: u32) -> Option<Self> {
        let pid = Pid::from_raw(os_pid.cast_signed()).unwrap();
        let descriptor = pidfd_open(pid, PidfdFlags::NONBLOCK).ok()?;
        Some(Watched(Async::new_nonblocking(descriptor).unwrap()))
    }

    /// Waits until it has ended; whether it has, within reason.
    pub(crate) async fn has_ended(&self) -> bool {
        let late = async {
            Timer::after(WITHIN_REASON).await;
            false
        };
        let ended = async {
            self.0.readable().await.unwrap();
            true
        };
        future::or(ended, late).await
    }
}

/// Looks until there is something to see.
#[track_caller]
pub(crate) fn soon<T>(look: impl Fn() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(began.elapsed() < WITHIN_REASON, "there is nothing to see");
    }
}

/// Waits until nothing of the process is left; not even its status, if it was ours. When another is to take that is not for us
/// to say.
pub(crate) async fn reaped(os_pid: u32) {
    let began = Instant::now();
    while let Ok(stat) = fs::read_to_string(format!("/proc/{os_pid}/stat")) {
        assert!(began.elapsed() < WITHIN_REASON, "it lives: {stat}");
        let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
        let (state, parent) = (fields.next(), fields.next());
        if state == Some("Z") && parent != Some(&process::id().to_string()) {
            return;
        }
        future::yield_now().await;
    }
}
