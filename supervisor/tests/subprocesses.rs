//! Commands under a supervisor.
#![cfg(unix)]

use std::path::Path;

use futures_lite::future;
use proscenium_behaviours::subprocess::{Command, CommandFailure, CommandStatus, Subprocess};
use proscenium_runtime::{Context, Event, ExitReason, Outcome, Report, System};
use proscenium_supervisor::{ChildSpec, Restart, Supervisor};

fn play<F>(play: impl FnOnce(Context<u32>) -> F + Send + 'static)
where
    F: Future<Output: Outcome> + Send + 'static,
{
    let outcome = System::new("commands").run(|mut ctx: Context<u32>| {
        ctx.trap_exit(true);
        play(ctx)
    });
    assert_eq!(outcome, Ok(()));
}

/// Waits until nothing of an OS process is left.
async fn reaped(os_pid: u32) {
    while Path::new(&format!("/proc/{os_pid}")).exists() {
        future::yield_now().await;
    }
}

#[test]
fn a_transient_command_is_restarted_unless_it_has_exited_with_0() {
    play(|mut ctx: Context<u32>| async move {
        let folder = tempfile::tempdir()?;
        // Fails, is killed, and succeeds.
        let line = "if [ ! -e failed ]; then touch failed; exit 3; fi; \
                    if [ ! -e killed ]; then touch killed; kill -KILL $$; fi";
        let command = Command::shell(line).folder(folder.path()).report_on_start(&ctx.address(), |os_pid| os_pid);
        let reports = ctx.system().reports();
        let child = ChildSpec::new("command", Subprocess::start(command)).restart(Restart::Transient);
        let supervisor = Supervisor::one_for_one().intensity(2).child(child).start_link(&mut ctx).await?;
        let mut ends = Vec::new();
        while ends.len() < 2 {
            if let Report::Supervisor(report) = reports.recv().await?
                && let Some(failure) = report.reason.downcast_ref::<CommandFailure>()
            {
                ends.push(failure.status.clone());
            }
        }
        assert_eq!(ends, [CommandStatus::Exited(3), CommandStatus::Signaled(9)]);
        let mut os_pids = Vec::new();
        for _ in 0..3 {
            os_pids.push(ctx.receive_message().await);
        }
        os_pids.dedup();
        assert_eq!(os_pids.len(), 3);
        while supervisor.count_children().await?.active > 0 {
            future::yield_now().await;
        }
        Ok::<_, ExitReason>(())
    });
}

#[test]
fn a_command_that_fails_too_often_takes_its_supervisor_along() {
    play(|mut ctx: Context<u32>| async move {
        let child = ChildSpec::new("command", Subprocess::start(Command::new("false")));
        let supervisor = Supervisor::one_for_one().intensity(3).child(child).start_link(&mut ctx).await?;
        let Event::Exit(exit) = ctx.receive().await else { unreachable!("nobody sends a message") };
        assert_eq!(Some(exit.pid), supervisor.pid().or(Some(exit.pid)));
        assert_eq!(exit.reason, ExitReason::Shutdown);
        Ok::<_, ExitReason>(())
    });
}

#[test]
fn a_supervisor_that_is_stopped_or_killed_leaves_no_command() {
    play(|mut ctx: Context<u32>| async move {
        for reason in [ExitReason::Shutdown, ExitReason::Kill] {
            let line = "trap '' INT HUP; sleep 1000 & wait";
            let command = Command::shell(line).report_on_start(&ctx.address(), |os_pid| os_pid);
            let child = ChildSpec::new("command", Subprocess::start(command));
            let supervisor = Supervisor::one_for_one().child(child).start_link(&mut ctx).await?;
            let os_pid = ctx.receive_message().await;
            ctx.exit(supervisor.pid().expect("it lives"), reason);
            assert!(matches!(ctx.receive().await, Event::Exit(_)));
            reaped(os_pid).await;
        }
        Ok::<_, ExitReason>(())
    });
}
