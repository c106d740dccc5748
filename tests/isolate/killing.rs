//! Killed from outside, again and again: nothing is left over.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};

use proscenium::isolate::isolate;
use proscenium::prelude::*;

use crate::common::{OsProcess, system};
use crate::runner;
use crate::workshop::{Do, Nest, Workshop};

const TIMES: u32 = 200;

pub(crate) fn it_can_be_killed_200_times_and_nothing_is_left() {
    // In an OS process of its own, so that only what belongs to it is counted.
    let output = runner::as_role("parent").env("KILLED", TIMES.to_string()).output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(stdout, "1 child, as many descriptors, 2 processes\n", "{}", String::from_utf8_lossy(&output.stderr));
}

pub(crate) fn its_parent_can_be_killed_200_times_and_nothing_is_left() {
    for round in 0..TIMES {
        let (mut parent, family) = start_parent(round % 2 == 1);
        parent.kill().unwrap();
        for member in &family {
            member.wait();
        }
        parent.wait().unwrap();
        // Nobody has its output any more, or this would not end.
        let mut rest = String::new();
        parent.stdout.take().unwrap().read_to_string(&mut rest).unwrap();
    }
}

pub(crate) fn nothing_outlives_the_program_that_holds_its_output() {
    let (mut parent, family) = start_parent(false);
    drop(parent.stdin.take());
    let mut rest = String::new();
    parent.stdout.take().unwrap().read_to_string(&mut rest).unwrap();
    assert!(parent.wait().unwrap().success());
    for member in family {
        member.wait();
    }
}

/// A program with an isolated server that has started a command, and one that has isolated another; and all of these. If they
/// shall be `busy`, they spin.
fn start_parent(busy: bool) -> (Child, Vec<OsProcess>) {
    let mut command = runner::as_role("parent");
    if busy {
        command.env("BUSY", "1");
    }
    let mut parent = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let stdout = parent.stdout.as_mut().unwrap();
    let mut line = String::new();
    BufReader::with_capacity(1, stdout).read_line(&mut line).unwrap();
    let family = line.split_whitespace().map(|pid| OsProcess::of(pid.parse().unwrap())).collect::<Vec<_>>();
    assert_eq!(family.len(), 4);
    (parent, family)
}

/// What this program does that is started to have isolated servers.
pub(crate) fn parent() {
    if let Ok(times) = std::env::var("KILLED") {
        return be_killed(times.parse().unwrap());
    }
    let outcome = system().run(|mut ctx: Context<()>| async move {
        let workshop = isolate::<Workshop>(false).link(&mut ctx).await?;
        let nest = isolate::<Nest>(()).link(&mut ctx).await?;
        let (os_pid, command) = (workshop.call(Do::OsPid).await?, workshop.call(Do::StartCommand).await?);
        let (outer, inner) = nest.call(|reply| reply).await?;
        if std::env::var("BUSY").is_ok() {
            workshop.cast(Do::Spin);
        }
        writeln!(std::io::stdout(), "{os_pid} {command} {outer} {inner}")?;
        // Until nobody has the other end.
        ctx.blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
        Ok(())
    });
    outcome.unwrap();
}

/// Has a server killed so many times, and tells what is left.
fn be_killed(times: u32) {
    let outcome = system().run(move |mut ctx: Context<()>| async move {
        let spec = ChildSpec::new("workshop", isolate::<Workshop>(false).name("workshop"));
        let supervisor = Supervisor::one_for_one().intensity(times);
        supervisor.child(spec).start_link(&mut ctx).await?;
        let mut descriptors = 0;
        for round in 0..=times {
            ctx.system().when_registered("workshop").await;
            let workshop: Address<Do> = ctx.system().lookup("workshop")?;
            let number = workshop.call(Do::OsPid).await?;
            if round == 1 {
                descriptors = open_descriptors();
            }
            if round < times {
                OsProcess::of(number).kill();
                assert!(workshop.exited().await.is_crash());
            }
        }
        let children = crate::starting::children().len();
        let as_many = if open_descriptors() == descriptors { "as many" } else { "other" };
        let processes = ctx.system().process_count() - 1;
        writeln!(std::io::stdout(), "{children} child, {as_many} descriptors, {processes} processes")?;
        Ok(())
    });
    outcome.unwrap();
}

fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("it is Linux").count()
}
