//! What is left of commands when they, their owner, their guardian or the whole program is killed: nothing.
#![cfg(target_os = "linux")]

use fastrand::Rng;
use futures_lite::future::{self, block_on};
use proscenium_behaviours::subprocess::{Command, CommandFailure, CommandStatus, Input, Output, Subprocess};
use proscenium_runtime::{Context, ExitReason, System};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, kill_process, setrlimit};

use crate::common::{play, reaped, soon};
use crate::victim::{Killed, Victim, children_of, guarded_groups, guardian_of, say};

const TIMES: usize = 200;

fn kill(os_pid: u32) {
    kill_process(Pid::from_raw(os_pid.cast_signed()).unwrap(), rustix::process::Signal::KILL).unwrap();
}

/// Commands of several kinds: alone, with children, with children that have children, and one that reads.
fn kinds() -> [Command; 4] {
    [
        Command::new("sleep").arg("1000"),
        Command::shell("sleep 1000 & sleep 1000 & wait"),
        Command::shell("sh -c 'sleep 1000 & wait' & cat <&0 & wait").stdin(Input::messages()),
        Command::new("cat").stdin(Input::messages()),
    ]
}

/// Starts commands, says so of each, and holds them.
fn hold_commands(number: usize) {
    play(move |mut ctx: Context<()>| async move {
        let mut held = Vec::new();
        for command in kinds().iter().cycle().take(number) {
            held.push(Subprocess::start(command.clone()).link(&mut ctx).await?);
            say!("started");
        }
        // The end comes from outside.
        std::future::pending::<()>().await;
        Ok::<_, ExitReason>(())
    });
}

/// Starts the test `name` so often as a program of its own, which starts commands, and lets `kill` kill it. Then nothing is left
/// of any of them. In such a program, holds commands.
fn leaves_nothing_when_killed(name: &str, commands: usize, mut kill: impl FnMut(Victim) -> Killed) {
    // Guardians give what they end some time, so many of them do so at once.
    const AT_ONCE: usize = 50;
    for first in (0..TIMES).step_by(AT_ONCE) {
        let mut killed = Vec::new();
        for number in first..first + AT_ONCE {
            let Some(victim) = Victim::start(name, number) else { return hold_commands(commands) };
            killed.push(kill(victim));
        }
        killed.into_iter().for_each(Killed::wait);
    }
}

#[test]
fn nothing_is_left_of_a_program_that_is_killed() {
    let name = "leftovers::nothing_is_left_of_a_program_that_is_killed";
    leaves_nothing_when_killed(name, 4, |mut victim| {
        (0..4).for_each(|_| assert_eq!(victim.hear().as_deref(), Some("started")));
        // Four commands, the guardian and the program itself; one that becomes another program is not seen for a moment.
        soon(|| (victim.processes() >= 6).then_some(()));
        victim.kill()
    });
}

#[test]
fn nothing_is_left_of_a_program_that_is_killed_while_it_starts_commands() {
    let name = "leftovers::nothing_is_left_of_a_program_that_is_killed_while_it_starts_commands";
    let mut rng = Rng::with_seed(1);
    leaves_nothing_when_killed(name, usize::MAX, |mut victim| {
        (0..rng.u32(0..12)).for_each(|_| assert_eq!(victim.hear().as_deref(), Some("started")));
        // Some more moments, but none that is waited for.
        (0..rng.u32(0..100_000)).for_each(|_| std::hint::spin_loop());
        victim.kill()
    });
}

#[test]
fn what_ignores_the_end_of_its_program_is_killed() {
    let name = "leftovers::what_ignores_the_end_of_its_program_is_killed";
    let Some(mut victim) = Victim::start(name, 0) else {
        return play(|mut ctx: Context<()>| async move {
            let stubborn = Command::shell("trap '' TERM HUP INT; echo deaf; while :; do sleep 0.1; done");
            let stubborn = stubborn.stdout(Output::lines().to(&ctx.address(), |_| ()));
            let _stubborn = Subprocess::start(stubborn).link(&mut ctx).await?;
            ctx.receive_message().await;
            say!("deaf");
            std::future::pending::<()>().await;
            Ok::<_, ExitReason>(())
        });
    };
    assert_eq!(victim.hear().as_deref(), Some("deaf"));
    victim.kill().wait();
}

#[test]
fn a_guardian_that_is_killed_is_replaced_by_one_that_knows_all() {
    let name = "leftovers::a_guardian_that_is_killed_is_replaced_by_one_that_knows_all";
    let Some(mut victim) = Victim::start(name, 0) else { return hold_commands(8) };
    (0..8).for_each(|_| assert_eq!(victim.hear().as_deref(), Some("started")));
    for _ in 0..TIMES {
        let guardian = soon(|| guardian_of(victim.os_pid()));
        kill(guardian);
        block_on(reaped(guardian));
    }
    soon(|| guardian_of(victim.os_pid()));
    soon(|| (victim.processes() >= 10).then_some(()));
    victim.kill().wait();
}

/// How many files are open here, and how many children there are.
fn count() -> (usize, usize) {
    (std::fs::read_dir("/proc/self/fd").unwrap().count(), children_of(std::process::id()).len())
}

/// Runs `body` so often in a program of its own: when it has ended there are as many files, children and processes as before.
fn leaves_nothing<F>(name: &str, body: impl Fn(Context<u32>) -> F + Copy + Send + Sync + 'static)
where
    F: Future<Output = Result<(), ExitReason>> + Send + 'static,
{
    let Some(victim) = Victim::start(name, 0) else {
        return play(move |mut ctx: Context<()>| async move {
            // The first starts the guardian, which stays, and threads.
            let mut before = None;
            for _ in 0..=TIMES {
                let round = ctx.spawn_link(body);
                assert_eq!(round.exited().await, ExitReason::Normal);
                drop(ctx.receive().await);
                let before = *before.get_or_insert_with(count);
                // What is dropped is closed, and reaped, when a thread gets to it. There are this process and the guardian's.
                while (count(), ctx.system().process_count()) != (before, 2) {
                    future::yield_now().await;
                }
            }
            assert_eq!(ctx.system().dead_letter_count(), 0);
            // A new guardian is told all that the old one knew.
            let guardian = guardian_of(std::process::id()).expect("there is one");
            kill(guardian);
            reaped(guardian).await;
            let groups = loop {
                match guarded_groups(std::process::id()) {
                    Some(groups) => break groups,
                    None => future::yield_now().await,
                }
            };
            assert_eq!(groups, 0);
        });
    };
    victim.pass();
}

fn reporting(ctx: &Context<u32>, command: Command) -> Command {
    command.report_on_start(&ctx.address(), |os_pid| os_pid)
}

#[test]
fn nothing_is_left_of_a_command_that_is_killed() {
    leaves_nothing("leftovers::nothing_is_left_of_a_command_that_is_killed", |mut ctx| async move {
        ctx.trap_exit(true);
        let family = reporting(&ctx, Command::shell("sleep 1000 & sleep 1000 & wait"));
        let family = Subprocess::start(family).link(&mut ctx).await?;
        kill(ctx.receive_message().await);
        let reason = family.address().exited().await;
        let failure: &CommandFailure = reason.downcast_ref().expect("it fails of that");
        assert_eq!(failure.status, CommandStatus::Signaled(9));
        Ok(())
    });
}

#[test]
fn nothing_is_left_of_a_command_whose_owner_is_killed() {
    leaves_nothing("leftovers::nothing_is_left_of_a_command_whose_owner_is_killed", |mut ctx| async move {
        ctx.trap_exit(true);
        let family = reporting(&ctx, Command::shell("trap '' TERM; sleep 1000 & sleep 1000 & wait"));
        let family = Subprocess::start(family).link(&mut ctx).await?;
        let os_pid = ctx.receive_message().await;
        ctx.exit(&family, ExitReason::Kill);
        reaped(os_pid).await;
        assert_eq!(family.address().exited().await, ExitReason::Killed);
        Ok(())
    });
}

#[test]
fn nothing_is_left_of_a_command_that_is_stopped() {
    leaves_nothing("leftovers::nothing_is_left_of_a_command_that_is_stopped", |mut ctx| async move {
        ctx.trap_exit(true);
        let family = Subprocess::start(Command::shell("sleep 1000 & sleep 1000 & wait")).link(&mut ctx).await?;
        ctx.exit(&family, ExitReason::Shutdown);
        assert_eq!(family.address().exited().await, ExitReason::Shutdown);
        Ok(())
    });
}

#[test]
fn the_end_of_a_system_is_the_end_of_its_commands_and_its_guardian() {
    let name = "leftovers::the_end_of_a_system_is_the_end_of_its_commands_and_its_guardian";
    let Some(victim) = Victim::start(name, 0) else {
        for _ in 0..20 {
            let system = System::new("short");
            let (started, is_started) = async_channel::bounded(1);
            system.spawn(move |mut ctx: Context<()>| async move {
                let sleep = Subprocess::start(Command::new("sleep").arg("1000")).link(&mut ctx).await.unwrap();
                started.send(sleep.os_pid().await.unwrap()).await.unwrap();
                ctx.receive_message().await;
            });
            let sleep = block_on(is_started.recv()).unwrap();
            drop(system);
            block_on(reaped(sleep));
            while !children_of(std::process::id()).is_empty() {
                std::thread::yield_now();
            }
        }
        return;
    };
    victim.pass();
}

#[test]
fn a_thousand_commands_run_at_once() {
    const COMMANDS: usize = 1000;
    let Some(mut victim) = Victim::start("leftovers::a_thousand_commands_run_at_once", 0) else {
        // Each takes four of ours.
        let most = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: most.maximum, ..most }).unwrap();
        return play(|mut ctx: Context<String>| async move {
            let echo = Command::shell("read -r word && echo \"$word\"").stdin(Input::messages().lines());
            let echo = echo.stdout(Output::lines().to(&ctx.address(), |line| line.text()));
            let mut all = Vec::new();
            for _ in 0..COMMANDS {
                all.push(Subprocess::start(echo.clone()).link(&mut ctx).await?);
            }
            say!("{} at once", children_of(std::process::id()).len());
            for (number, one) in all.iter().enumerate() {
                one.write(number.to_string()).await??;
            }
            let mut numbers = Vec::new();
            for _ in 0..COMMANDS {
                numbers.push(ctx.receive_message().await.parse::<usize>()?);
            }
            numbers.sort_unstable();
            assert!(numbers.into_iter().eq(0..COMMANDS));
            for one in &all {
                assert_eq!(one.address().exited().await, ExitReason::Normal);
            }
            Ok(())
        });
    };
    assert_eq!(victim.hear(), Some(format!("{} at once", COMMANDS + 1)));
    victim.pass();
}
