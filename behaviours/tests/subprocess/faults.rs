//! What Thespian's RunCommand was measured to get wrong, one by one.

use std::time::Duration;

use futures_lite::future::block_on;
use proscenium_behaviours::subprocess::{Command, CommandQueue, CommandStatus, Output};
use proscenium_runtime::{CallError, Context, Event, ExitReason, Requests};

use crate::common::{play, reaped, run};

/// There: result 1 was labelled "third" with the output "first"; "third" never ran, and "first" ran twice.
#[test]
fn queued_commands_run_each_once_in_order_and_each_gets_its_own_result() {
    play(|mut ctx: Context<String>| async move {
        let queue = CommandQueue::start().link(&mut ctx).await?;
        let words: Vec<String> = (0..50).map(|number| format!("word {number}")).collect();
        let commands: Vec<Command> = words
            .iter()
            .map(|word| {
                let output = Output::lines().to(&ctx.address(), |line| line.text());
                Command::shell("echo \"$1\"").arg(word).stdout(output)
            })
            .collect();
        let mut answers = Requests::new();
        for (word, command) in words.iter().zip(&commands) {
            answers.add(word, queue.submit(command));
        }
        for _ in &words {
            let (word, result) = answers.next().await.expect("all are answered");
            assert_eq!(result??.stdout.to_string(), format!("{word}\n"));
        }
        for word in &words {
            assert_eq!(&ctx.receive_message().await, word, "they ran in the order in which they came");
        }
        assert_eq!(ctx.queue_len(), 0, "each ran once");
        Ok::<_, ExitReason>(())
    });
}

/// There: with a timeout of 1 s a command that ignores SIGTERM ran its full 12 s, and counted as a success.
#[test]
fn a_command_that_ignores_sigterm_is_killed_and_is_no_success() {
    let moment = Duration::from_millis(30);
    let result = run(Command::shell("trap '' TERM; while :; do sleep 0.01; done").timeout(moment).grace(moment));
    assert_eq!(result.status, CommandStatus::TimedOut(moment));
    assert!(!result.is_success());
}

/// There: that a command had been told to end was never forgotten, so the next one was not told.
#[test]
fn the_next_command_is_stopped_as_the_first() {
    play(|mut ctx: Context<()>| async move {
        let queue = CommandQueue::start().link(&mut ctx).await?;
        let moment = Duration::from_millis(5);
        for _ in 0..5 {
            let deaf = Command::shell("trap '' TERM; while :; do sleep 0.01; done").timeout(moment).grace(moment);
            assert_eq!(queue.run(&deaf).await??.status, CommandStatus::TimedOut(moment));
        }
        Ok::<_, ExitReason>(())
    });
}

/// There: no process group.
#[test]
fn the_grandchildren_of_a_shell_do_not_survive() {
    let line = "sh -c 'sh -c \"echo \\$\\$; exec sleep 1000\" & wait' & wait";
    let result = run(Command::shell(line).timeout(Duration::from_millis(100)));
    let grandchild: u32 = result.stdout.to_string().trim().parse().unwrap();
    block_on(reaped(grandchild));
}

/// As there: the middle is left out, half of the limit is kept at each end.
#[test]
fn of_much_output_head_and_tail_are_kept() {
    let result = run(Command::shell("head -c 5242880 /dev/zero | tr '\\0' a; echo end"));
    let half = 512 * 1024;
    assert_eq!((result.stdout.head().len(), result.stdout.tail().len()), (half, half));
    assert!(result.stdout.tail().ends_with(b"aend\n"));
    assert_eq!(result.stdout.left_out(), 5 * 1024 * 1024 + 4 - 2 * half as u64);
}

/// There: queued commands got the exit code -3.
#[test]
fn who_waits_in_a_queue_that_ends_hears_of_that() {
    play(|mut ctx: Context<()>| async move {
        let address = ctx.address();
        let queue = CommandQueue::start().link(&mut ctx).await?;
        let submit = |line: &str| queue.submit(&Command::shell(line).stdout(Output::lines().to(&address, |_| ())));
        let mut runs = submit("trap 'exit 5' TERM; echo ready; while :; do sleep 1000 & wait; done");
        let mut waits = submit("echo never");
        ctx.receive_message().await;
        ctx.exit(&queue, ExitReason::Shutdown);
        let ages = Duration::from_secs(60);
        assert_eq!(runs.wait(ages).await.unwrap()??.status, CommandStatus::Exited(5));
        assert!(matches!(waits.wait(ages).await, Some(Err(CallError::Down { reason: ExitReason::Shutdown, .. }))));
        assert!(matches!(ctx.receive().await, Event::Exit(_)));
        assert_eq!(ctx.queue_len(), 0, "the second never ran");
        Ok::<_, ExitReason>(())
    });
}

/// There: a program that cannot be started is told by a number, and its text in place of what it has written.
#[test]
fn a_queue_tells_what_cannot_begin_and_goes_on() {
    play(|mut ctx: Context<()>| async move {
        let queue = CommandQueue::start().link(&mut ctx).await?;
        let error = queue.run(&Command::new("no-such-program")).await?.unwrap_err();
        assert_eq!(error.to_string(), "there is no program `no-such-program`");
        let bad = Output::raw().to(&ctx.address(), |_| panic!("no message"));
        let failed = queue.run(&Command::shell("echo x; exec sleep 1000").stdout(bad)).await;
        assert!(failed.is_err(), "{failed:?}");
        assert!(queue.run(&Command::new("true")).await??.is_success());
        Ok::<_, ExitReason>(())
    });
}
