//! A command as a process, and its end as that process's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proscenium_behaviours::subprocess::{
    Command, CommandError, CommandFailure, CommandStatus, Input, Output, Signal, Subprocess,
};
use proscenium_runtime::{CallError, Context, Event, ExitReason, StartError};

use crate::common::{Watched, play, reaped};

#[test]
fn its_end_is_normal_after_exit_0_and_otherwise_says_why() {
    play(|mut ctx: Context<()>| async move {
        let mut end = async |line: &str| {
            Subprocess::start(Command::shell(line)).link(&mut ctx).await.unwrap();
            let Event::Exit(exit) = ctx.receive().await else { unreachable!("nobody sends a message") };
            exit.reason
        };
        assert_eq!(end("exit 0").await, ExitReason::Normal);
        let reason = end("echo sorry >&2; exit 4").await;
        let failure: &CommandFailure = reason.downcast_ref().unwrap();
        assert_eq!((&failure.status, &*failure.complaint), (&CommandStatus::Exited(4), "sorry"));
        let reason = end("kill -SEGV $$").await;
        assert_eq!(reason.to_string(), "`kill -SEGV $$` was ended by SIGSEGV");
    });
}

#[test]
fn a_command_that_cannot_begin_fails_its_start_without_a_crash_report() {
    play(|mut ctx: Context<()>| async move {
        let reports = ctx.system().reports();
        let error = Subprocess::start(Command::new("no-such-program")).link(&mut ctx).await.unwrap_err();
        let StartError::Init(reason) = error else { unreachable!("{error}") };
        assert!(matches!(reason.downcast_ref(), Some(CommandError::NotFound { .. })));
        assert!(reports.is_empty());
    });
}

#[test]
fn told_to_stop_it_asks_then_waits_then_kills() {
    play(|mut ctx: Context<String>| async move {
        // A copy of the shell that has not become `sleep` yet may miss what all are asked.
        let end = "kill -9 $!; exit 0";
        let line = format!(
            "trap 'echo asked; [ \"$1\" = deaf ] || {{ {end}; }}' TERM; echo ready; while :; do sleep 1000 & wait; done"
        );
        for (kind, grace) in [("polite", Duration::from_secs(60)), ("deaf", Duration::from_millis(60))] {
            let command = Command::shell(&line).arg(kind).grace(grace);
            let command = command.stdout(Output::lines().to(&ctx.address(), |line| line.text()));
            let child = Subprocess::start(command).link(&mut ctx).await?;
            let os_pid = child.os_pid().await?;
            assert_eq!(ctx.receive_message().await, "ready");
            ctx.exit(&child, ExitReason::Shutdown);
            assert_eq!(ctx.receive_message().await, "asked");
            assert_eq!(child.address().exited().await, ExitReason::Shutdown);
            assert!(Watched::find(os_pid).is_none(), "it is reaped by then");
        }
        Ok::<_, ExitReason>(())
    });
}

#[test]
fn who_waits_for_the_result_gets_it_also_from_one_that_is_stopped() {
    play(|mut ctx: Context<()>| async move {
        let child = Subprocess::start(Command::new("sleep").arg("1000")).link(&mut ctx).await?;
        let waiting = child.result();
        let aborting = async {
            child.abort();
            std::future::pending().await
        };
        let result = futures_lite::future::or(waiting.into_future(), aborting).await?;
        assert_eq!(result.status, CommandStatus::Signaled(15));
        assert_eq!(child.address().exited().await.to_string(), "`sleep 1000` was ended by SIGTERM");
        assert!(matches!(child.result().await, Err(CallError::NoProcess { .. })));
        Ok::<_, ExitReason>(())
    });
}

#[test]
fn a_signal_reaches_all_of_the_command() {
    play(|mut ctx: Context<String>| async move {
        let worker = "trap 'echo worker; exit' USR1; echo ready; while :; do sleep 1000 & wait; done";
        let line = format!("trap 'echo leader' USR1; ({worker}) & wait; wait");
        let command = Command::shell(line).stdout(Output::lines().to(&ctx.address(), |line| line.text()));
        let child = Subprocess::start(command).link(&mut ctx).await?;
        assert_eq!(ctx.receive_message().await, "ready");
        child.signal(Signal::Usr1);
        let mut said = [ctx.receive_message().await, ctx.receive_message().await];
        said.sort();
        assert_eq!(said, ["leader", "worker"]);
        Ok::<_, ExitReason>(())
    });
}

#[test]
fn what_its_leader_leaves_behind_ends_with_it() {
    play(|mut ctx: Context<String>| async move {
        let line = "sleep 1000 & echo $!; exit 0";
        let command = Command::shell(line).stdout(Output::lines().to(&ctx.address(), |line| line.text()));
        let child = Subprocess::start(command).link(&mut ctx).await?;
        let left = ctx.receive_message().await.parse()?;
        assert_eq!(child.address().exited().await, ExitReason::Normal);
        reaped(left).await;
        Ok::<_, ExitReason>(())
    });
}

#[test]
fn a_message_that_cannot_be_made_ends_it_and_the_command() {
    play(|mut ctx: Context<()>| async move {
        let bad = Output::lines().to(&ctx.address(), |line| assert_eq!(line.text(), "good", "no message"));
        let command = Command::shell("echo bad; exec sleep 1000").stdout(bad);
        let child = Subprocess::start(command).link(&mut ctx).await?;
        let os_pid = child.os_pid().await?;
        let ExitReason::Panic(panic) = child.address().exited().await else { unreachable!("it panics") };
        assert!(panic.message().contains("no message"));
        reaped(os_pid).await;
        Ok::<_, ExitReason>(())
    });
}

#[test]
fn suspended_it_goes_on_reading() {
    play(|mut ctx: Context<String>| async move {
        let output = Output::lines().to(&ctx.address(), |line| line.text());
        let echo = Command::new("cat").stdin(Input::messages().lines()).stdout(output);
        let echo = Subprocess::start(echo).link(&mut ctx).await?;
        echo.write("one").await??;
        echo.sys().suspend().await?;
        assert_eq!(ctx.receive_message().await, "one");
        let status = format!("{:?}", echo.sys().get_status().await?);
        assert!(status.contains("`cat`, OS process "), "{status}");
        echo.sys().resume().await?;
        echo.write("two").await??;
        assert_eq!(ctx.receive_message().await, "two");
        Ok::<_, ExitReason>(())
    });
}

#[test]
fn it_ends_with_what_it_is_linked_to() {
    play(|mut ctx: Context<()>| async move {
        let child = Subprocess::start(Command::new("sleep").arg("1000")).spawn(ctx.system()).await?;
        let os_pid = child.os_pid().await?;
        let has_linked = Arc::new(AtomicBool::new(false));
        let (theirs, flag) = (child.clone(), has_linked.clone());
        ctx.spawn(move |mut ctx: Context<()>| async move {
            ctx.link(&theirs);
            flag.store(true, Ordering::SeqCst);
            Err(ExitReason::error("the other one failed"))
        });
        assert_eq!(child.address().exited().await, ExitReason::error("the other one failed"));
        assert!(has_linked.load(Ordering::SeqCst) && Watched::find(os_pid).is_none());
        Ok::<_, ExitReason>(())
    });
}

#[test]
fn a_process_that_has_left_the_group_lives_on_and_does_not_hold_up_the_end() {
    play(|mut ctx: Context<String>| async move {
        let line = "setsid sh -c 'echo $$; exec sleep 1000' & read -r go; exit 0";
        let output = Output::lines().to(&ctx.address(), |line| line.text());
        let command = Command::shell(line).stdin(Input::messages()).stdout(output).grace(Duration::from_millis(5));
        let child = Subprocess::start(command).link(&mut ctx).await?;
        let daemon: i32 = ctx.receive_message().await.parse()?;
        child.close_input();
        assert_eq!(child.address().exited().await, ExitReason::Normal);
        let daemon = rustix::process::Pid::from_raw(daemon).unwrap();
        rustix::process::kill_process(daemon, rustix::process::Signal::KILL)?;
        Ok::<_, ExitReason>(())
    });
}
