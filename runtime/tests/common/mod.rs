//! What the tests of several topics need.
//!
//! Tests wait for events. Where they need time to pass or many orders of events, they run under seeds; where they need
//! real threads, they repeat.

#![allow(dead_code)] // Not every topic needs all of it.

pub(crate) mod records;

use std::env;
use std::fmt::Debug;
use std::panic;
use std::process::{Command, Output};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use async_channel::{Receiver, Sender};
use futures_lite::future;
use proscenium_runtime::testing::for_each_seed;
use proscenium_runtime::{Address, Context, Down, Event, Exit, ExitReason, System, SystemHandle};
use slog::{Discard, Logger, o};

/// How often a race is run: under that many seeds, or that many times on threads.
pub(crate) const TIMES: usize = 1000;

/// A system on `count` worker threads that logs nothing.
pub(crate) fn workers(count: usize) -> System {
    System::builder("test")
        .workers(count)
        .logger(Logger::root(Discard, o!()))
        .build()
        .expect("the operating system gives threads")
}

/// Runs `test`, and fails rather than hangs if it takes longer than five minutes.
pub(crate) fn timetrap<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    let runner = thread::spawn(move || sender.send(test()));
    match receiver.recv_timeout(Duration::from_secs(300)) {
        Ok(value) => value,
        Err(RecvTimeoutError::Timeout) => panic!("it hangs"),
        Err(RecvTimeoutError::Disconnected) => {
            let panic = runner.join().expect_err("it sends a value unless it panics");
            panic::resume_unwind(panic)
        }
    }
}

/// Runs `body` as a process, waits for its end, and returns what it returned.
#[track_caller]
pub(crate) fn run_on<M, T, B, F>(system: &SystemHandle, body: B) -> T
where
    M: Send + 'static,
    T: Send + 'static,
    B: FnOnce(Context<M>) -> F + Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (sender, receiver) = async_channel::bounded(1);
    let process = system.spawn(move |ctx| async move {
        let value = body(ctx).await;
        sender.try_send(value).expect("it is the only one");
    });
    let reason = future::block_on(process.exited());
    match receiver.try_recv() {
        Ok(value) => value,
        Err(_) => panic!("the process ended: {reason}"),
    }
}

/// Runs `body` as a process on four worker threads, many times over: often enough for a race to be lost.
pub(crate) fn many_times<M, B, F>(body: B)
where
    M: Send + 'static,
    B: Fn(Context<M>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    timetrap(move || {
        let system = workers(4);
        for _ in 0..TIMES {
            run_on(&system, body.clone());
        }
    });
}

/// Runs `body` as a process in many orders of events: under seeds, then on threads.
pub(crate) fn in_every_order<M, B, F>(body: B)
where
    M: Send + 'static,
    B: Fn(Context<M>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    for_each_seed(TIMES as u64, |test| test.run(body.clone()));
    many_times(body);
}

/// Runs the test `name` again in a process of its own, whose output is returned. In that process, returns `None`: what
/// the test does there is what is looked at.
pub(crate) fn in_a_process_of_its_own(name: &str) -> Option<Output> {
    in_a_process_with(name, &[])
}

/// As [`in_a_process_of_its_own`], with these environment variables.
pub(crate) fn in_a_process_with(name: &str, variables: &[(&str, &str)]) -> Option<Output> {
    const ALONE: &str = "PROSCENIUM_TEST_ALONE";
    if env::var(ALONE).is_ok() {
        return None;
    }
    let test = env::current_exe().expect("this runs");
    let output = Command::new(test)
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(ALONE, "yes")
        .env_remove("RUST_BACKTRACE")
        .env_remove("PROSCENIUM_SEED")
        .envs(variables.iter().copied())
        .output();
    Some(output.expect("what runs can run again"))
}

/// Closed until it is opened, once and for all.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    sender: Sender<()>,
    receiver: Receiver<()>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = async_channel::bounded(1);
        Gate { sender, receiver }
    }

    pub(crate) fn open(&self) {
        self.sender.close();
    }

    pub(crate) async fn passed(&self) {
        self.receiver.recv().await.expect_err("nothing is ever sent");
    }
}

/// Runs its closure when it is dropped.
#[derive(Debug)]
pub(crate) struct OnDrop<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// What a test compares: `message 3`, `exit shutdown`, `down killed`.
pub(crate) fn text<M: Debug>(event: &Event<M>) -> String {
    match event {
        Event::Message(message) => format!("message {message:?}"),
        Event::Exit(exit) => format!("exit {}", exit.reason),
        Event::Down(down) => format!("down {}", down.reason),
    }
}

/// Receives the next event, which is to be an exit.
pub(crate) async fn next_exit<M: Debug + Send + 'static>(ctx: &mut Context<M>) -> Exit {
    match ctx.receive().await {
        Event::Exit(exit) => exit,
        other => panic!("no exit: {other:?}"),
    }
}

/// Receives the next event, which is to be a down.
pub(crate) async fn next_down<M: Debug + Send + 'static>(ctx: &mut Context<M>) -> Down {
    match ctx.receive().await {
        Event::Down(down) => down,
        other => panic!("no down: {other:?}"),
    }
}

/// Fails if anything waits in the mailbox.
pub(crate) async fn expect_empty<M: Debug + Send + 'static>(ctx: &mut Context<M>) {
    let event = ctx.receive_timeout(Duration::ZERO).await;
    assert!(event.is_none(), "there is {event:?}");
}

/// A process that does nothing until a signal ends it.
pub(crate) async fn idle(_ctx: Context<()>) {
    future::pending().await
}

/// Kills a process and waits until it has ended.
pub(crate) async fn kill<M: Send + 'static>(system: &SystemHandle, process: &Address<M>) {
    if let Some(pid) = process.pid() {
        system.exit(pid, ExitReason::Kill);
    }
    process.exited().await;
}
