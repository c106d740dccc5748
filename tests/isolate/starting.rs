//! Starts, and what stands in their way.

use std::fs;
use std::time::Duration;

use futures_lite::future::block_on;
use proscenium::StartError;
use proscenium::isolate::{IsolateError, isolate};
use proscenium::prelude::*;
use proscenium::testing::TestSystem;
use serde::{Deserialize, Serialize};

use crate::common::{Desk, OsProcess, fault, system};
use crate::runner;
use crate::workshop::{Asker, How, Nest, Reluctant, Workshop};

fn refused(how: How) -> StartError {
    block_on(isolate::<Reluctant>(how).spawn(&system())).expect_err("it does not start")
}

fn init_failure(error: StartError) -> ExitReason {
    match error {
        StartError::Init(reason) => reason,
        error => panic!("it is {error:?}"),
    }
}

pub(crate) fn its_init_fails_the_start_as_any_server_s_does() {
    assert_eq!(refused(How::Ignore), StartError::Ignored);
    assert_eq!(refused(How::Error), StartError::Init(ExitReason::error("no licence")));
    assert_eq!(refused(How::Quietly), StartError::Init(ExitReason::error("port taken")));
    assert!(matches!(init_failure(refused(How::Panic)), ExitReason::Panic(panic) if panic.message() == "no licence"));
    assert!(matches!(fault(&init_failure(refused(How::Abort))), IsolateError::Signalled { signal: 6, .. }));
}

pub(crate) fn an_init_that_takes_too_long_is_killed() {
    let limit = Duration::from_millis(200);
    let start = isolate::<Reluctant>(How::Never).init_timeout(limit);
    let before = children();
    assert_eq!(block_on(start.spawn(&system())).unwrap_err(), StartError::Timeout(limit));
    let left: Vec<_> = children_of::<Reluctant>().into_iter().filter(|child| !before.contains(child)).collect();
    assert_eq!(left, [0; 0]);
}

/// The OS processes that this one has started.
pub(crate) fn children() -> Vec<u32> {
    let tasks = fs::read_dir("/proc/self/task").expect("it is Linux").flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().map(|pid| pid.parse().expect("a number")).collect::<Vec<_>>())
        .collect()
}

/// Those of them that run that server.
pub(crate) fn children_of<S>() -> Vec<u32> {
    let runs = |pid: &u32| {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.contains(std::any::type_name::<S>())
    };
    children().into_iter().filter(runs).collect()
}

struct Unnamed;

#[derive(Serialize, Deserialize)]
struct Nothing;

impl GenServer for Unnamed {
    type Args = ();
    type Message = Nothing;

    async fn init(_args: (), _ctx: &mut Context<Nothing>) -> Result<Self, ExitReason> {
        Ok(Unnamed)
    }

    async fn handle(&mut self, _message: Nothing, _ctx: &mut Context<Nothing>) -> Result<(), ExitReason> {
        Ok(())
    }
}

pub(crate) fn a_server_that_main_does_not_name_is_an_error_that_names_it() {
    let name = "isolate::starting::Unnamed";
    let here = block_on(isolate::<Unnamed>(()).spawn(&system())).unwrap_err();
    assert_eq!(fault(&init_failure(here)), IsolateError::UnknownServer { server: name.into() });
    let program = std::env::current_exe().unwrap();
    let there = block_on(isolate::<Unnamed>(()).program(program).spawn(&system())).unwrap_err();
    assert_eq!(
        there.to_string(),
        format!("its init failed: isolate::init was not told of {name}: add isolate::server::<{name}>()")
    );
}

pub(crate) fn a_program_that_does_not_call_init_is_an_error() {
    let output = runner::as_role("without-init").output().expect("it runs");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "its init failed: isolate::init was not called: it must be first in main\n"
    );
    let with = |program: &str| {
        init_failure(block_on(isolate::<Workshop>(false).program(program).spawn(&system())).unwrap_err())
    };
    assert!(matches!(fault(&with("/bin/false")), IsolateError::Exited { status: 1 }));
    assert!(matches!(fault(&with("/does/not/exist")), IsolateError::NotStarted { .. }));
    assert!(matches!(fault(&with("/bin/cat")), IsolateError::Protocol { .. } | IsolateError::Exited { .. }));
}

/// What this program does that does not call `init`.
pub(crate) fn without_init() {
    let error = block_on(isolate::<Workshop>(false).spawn(&system())).unwrap_err();
    println!("{error}");
}

pub(crate) fn a_start_that_is_given_up_leaves_nothing() {
    let system = system();
    let desk = Desk::new(&system);
    for _ in 0..20 {
        let start = isolate::<Asker>(desk.address.clone()).spawn(&system);
        let asked = async {
            desk.ask().await;
            None
        };
        assert!(block_on(futures_lite::future::or(asked, async { Some(start.await) })).is_none());
    }
    // The last of them are about to be killed.
    for child in children_of::<Asker>() {
        if let Some(child) = OsProcess::find(child) {
            child.wait();
        }
    }
}

pub(crate) fn a_simulated_system_starts_no_os_process() {
    let error = TestSystem::new(1)
        .run(|ctx: Context<()>| async move { isolate::<Workshop>(false).spawn(ctx.system()).await.unwrap_err() });
    assert_eq!(fault(&init_failure(error)), IsolateError::Simulated);
}

pub(crate) fn an_isolated_server_may_isolate_another() {
    let system = system();
    let nest = block_on(isolate::<Nest>(()).spawn(&system)).unwrap();
    let (outer, inner) = block_on(nest.call(|reply| reply)).unwrap();
    assert!(outer != inner && outer != std::process::id());
    let inner = OsProcess::of(inner);
    OsProcess::of(outer).kill();
    inner.wait();
}

pub(crate) fn arguments_may_hold_addresses_and_its_init_may_call_them() {
    let system = system();
    let desk = Desk::new(&system);
    let start = isolate::<Asker>(desk.address.clone());
    let answer = async {
        desk.ask().await.send(42);
        std::future::pending().await
    };
    let asker = block_on(futures_lite::future::or(start.spawn(&system), answer)).unwrap();
    assert_eq!(block_on(asker.call(|reply| reply)), Ok(42));
}
