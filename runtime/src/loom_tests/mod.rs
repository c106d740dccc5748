//! What threads do to a process at the same time, in every order that makes a difference.
//!
//! Loom runs each scenario again and again, and switches threads wherever they meet: at every lock, and at the atomics of
//! a process and of a reply. All else is as in any other test; a thread that runs processes is a simulated system's, so
//! nothing depends on time. Run these as CONTRIBUTING.md says.

mod calls;
mod ends;
mod mailboxes;
mod owners;
mod relations;
mod workers;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{self, Poll, Wake, Waker};

use crate::address::Address;
use crate::any_process::AnyProcess;
use crate::context::Context;
use crate::exit::ExitReason;
use crate::pid::Pid;
use crate::testing::TestSystem;

// What is counted here is of std, and no place to switch threads at.

fn in_every_order(scenario: impl Fn(Arc<TestSystem>) + Send + Sync + 'static) {
    loom::model(move || scenario(Arc::new(TestSystem::new(1))));
}

/// Does both at the same time, then lets the processes run until they wait.
fn at_once(test: &TestSystem, one: impl FnOnce() + Send + 'static, other: impl FnOnce()) {
    let thread = loom::thread::spawn(one);
    other();
    thread.join().expect("it does not panic");
    test.run_until_idle();
}

/// Runs the processes that are ready on two threads.
fn run_on_two_threads(test: &Arc<TestSystem>) {
    let other = test.clone();
    at_once(test, move || other.run_until_idle(), || test.run_until_idle());
}

#[derive(Clone, Debug, Default)]
struct Count(Arc<AtomicUsize>);

impl Count {
    fn add_one(&self) {
        self.0.fetch_add(1, SeqCst);
    }

    fn get(&self) -> usize {
        self.0.load(SeqCst)
    }
}

fn pid<M: Send + 'static>(address: &Address<M>) -> Pid {
    address.pid().expect("it is of a process")
}

fn exit_reason<M: Send + 'static>(address: &Address<M>) -> Option<ExitReason> {
    address.resolve()?.exit_reason()
}

/// Receives for ever, and counts.
async fn count_events<M: Send + 'static>(ctx: &mut Context<M>, events: &Count) {
    loop {
        ctx.receive().await;
        events.add_one();
    }
}

/// A future that is polled by hand, and remembers whether it was woken.
struct Polled<T> {
    future: Pin<Box<dyn Future<Output = T> + Send>>,
    woken: Arc<Woken>,
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

impl<T> Polled<T> {
    fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
        Polled { future: Box::pin(future), woken: Arc::default() }
    }

    fn poll(&mut self) -> Poll<T> {
        self.woken.0.store(false, SeqCst);
        let waker = Waker::from(self.woken.clone());
        self.future.as_mut().poll(&mut task::Context::from_waker(&waker))
    }

    /// What it comes to, if somebody has told it to look.
    fn finish(&mut self) -> T {
        assert!(self.woken.0.load(SeqCst), "nobody woke it");
        match self.poll() {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("it was woken for nothing"),
        }
    }
}

/// Polls `future` on a thread of its own while `other` happens here, and then as often as it takes.
fn polled_beside<T: Send + 'static>(
    test: &TestSystem,
    future: impl Future<Output = T> + Send + 'static,
    other: impl FnOnce(),
) -> T {
    let mut polled = Polled::new(future);
    let thread = loom::thread::spawn(move || (polled.poll(), polled));
    other();
    let (outcome, mut polled) = thread.join().expect("it does not panic");
    test.run_until_idle();
    match outcome {
        Poll::Ready(value) => value,
        Poll::Pending => polled.finish(),
    }
}
