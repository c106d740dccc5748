//! The life of a command that runs, from its start until nothing of it is left.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{self, Poll, ready};
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};
use futures_lite::future;
use proscenium_runtime::SystemHandle;
use slog::Logger;

use super::command::Command;
use super::guardian::Guardian;
use super::leash::{Leash, Pipes};
use super::pump::{Pump, Writing, feed, refuse, stream_logger};
use super::signal::Signal;
use super::status::{CommandError, CommandResult, CommandStatus, last_line};
use crate::ended::Ended;

/// How long output is waited for once all of the command is killed. It comes to its end at once, unless a process that has left
/// the group holds it open.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A command that runs, and needs [finishing](Self::finish). Dropping it kills the command.
pub(super) struct Running {
    command: Command,
    system: SystemHandle,
    leash: Leash,
    pipes: Pipes,
    began: Instant,
    orders: Receiver<Order>,
    writings: Receiver<Writing>,
    controls: Controls,
}

/// What is told to a command that runs, by those who hold it.
#[derive(Clone)]
pub(super) struct Controls {
    pub(super) os_pid: u32,
    pub(super) orders: Sender<Order>,
    pub(super) writings: Sender<Writing>,
}

pub(super) enum Order {
    /// It shall end: it is asked, and after the grace killed.
    Stop,
    Signal(Signal),
}

/// Why the end of a command begins.
enum Cause {
    Ended,
    Stopped,
    Late(Duration),
}

impl Running {
    /// Starts a command.
    pub(super) async fn start(command: &Command, system: &SystemHandle) -> Result<(Self, Controls), CommandError> {
        let guardian = Guardian::of(system).await?;
        let (leash, pipes) = Leash::start(command, guardian)?;
        let (order, orders) = async_channel::unbounded();
        let (write, writings) = async_channel::unbounded();
        let controls = Controls { os_pid: leash.os_pid(), orders: order, writings: write };
        if let Some(tell) = &command.on_start {
            tell(leash.os_pid());
        }
        let running = Running {
            command: command.clone(),
            system: system.clone(),
            leash,
            pipes,
            began: system.now(),
            orders,
            writings,
            controls: controls.clone(),
        };
        Ok((running, controls))
    }

    /// Waits for its end, and cleans up after it.
    pub(super) async fn finish(self, logger: &Logger) -> CommandResult {
        let Running { command, system, leash, pipes, began, orders, writings, controls } = self;
        let Pipes { stdin, stdout, stderr, mut ended } = pipes;
        let logger = |stream| stream_logger(logger, &command, controls.os_pid, stream);
        let mut stdout = Pump::new(stdout, &command, &command.stdout, logger("stdout"), &controls.orders);
        let mut stderr = Pump::new(stderr, &command, &command.stderr, logger("stderr"), &controls.orders);
        let feeding = async {
            if let Some(stdin) = stdin {
                // That the command does not want all of it is the command's business.
                let _ = feed(stdin, &command.stdin, &writings).await;
            }
            refuse(&writings);
        };
        let reading = async {
            future::zip(stdout.run(), stderr.run()).await;
        };
        let mut streams = Streams::new(reading, feeding);
        let life = Life { command: &command, system: &system, leash: &leash, orders: &orders };
        let cause = life.live(&mut ended, &mut streams).await;
        let is_read = life.end(&mut ended, &mut streams).await;
        drop(streams);
        if !is_read {
            slog::warn!(logger("any"), "output is given up: somebody holds it open, or does not take it");
        }
        let ((stdout, fault), (stderr, other_fault)) = (stdout.finish(), stderr.finish());
        let status = match (cause, fault.or(other_fault), leash.reap()) {
            (Cause::Late(timeout), _, _) => CommandStatus::TimedOut(timeout),
            (_, Some(fault), _) => CommandStatus::BadOutput(fault),
            (_, None, Ok(status)) => CommandStatus::new(status),
            (_, None, Err(_)) => CommandStatus::Unknown,
        };
        let result = CommandResult {
            command: command.to_string(),
            status,
            complaint: last_line(&command.censor(&stderr.to_string())),
            stdout,
            stderr,
            duration: system.now().saturating_duration_since(began),
        };
        if let Some(tell) = &command.on_end {
            tell(result.clone());
        }
        result
    }
}

/// What the phases of a command's life share.
struct Life<'a> {
    command: &'a Command,
    system: &'a SystemHandle,
    leash: &'a Leash,
    orders: &'a Receiver<Order>,
}

impl Life<'_> {
    /// Until it has ended, or shall.
    async fn live(&self, ended: &mut Ended, streams: &mut Streams<'_>) -> Cause {
        let ended = async {
            ended.wait().await;
            Cause::Ended
        };
        let late = async {
            match self.command.timeout {
                None => future::pending().await,
                Some(timeout) => {
                    self.system.sleep(timeout).await;
                    Cause::Late(timeout)
                }
            }
        };
        streams.during(future::or(ended, future::or(self.obey(), late))).await
    }

    /// Asks all of the group to end, also what a leader that has ended has left, and kills what has not in time. Returns whether
    /// all of its output was read.
    async fn end(&self, ended: &mut Ended, streams: &mut Streams<'_>) -> bool {
        // Signals fail only if nobody is there.
        let _ = self.leash.signal(self.command.stop_signal);
        // One that is paused would not notice.
        let _ = self.leash.signal(Signal::Cont);
        let quiet = async {
            streams.during(ended.wait()).await;
            streams.finish().await;
        };
        let obeying = async {
            loop {
                self.obey().await;
            }
        };
        self.system.sleep(self.command.grace).limit(future::or(quiet, obeying)).await;
        let _ = self.leash.signal(Signal::Kill);
        streams.during(ended.wait()).await;
        self.system.sleep(LAST_WORDS).limit(streams.finish()).await.is_some()
    }

    /// Does what is ordered, until that is the end.
    async fn obey(&self) -> Cause {
        loop {
            match self.orders.recv().await {
                Ok(Order::Stop) => return Cause::Stopped,
                Ok(Order::Signal(signal)) => drop(self.leash.signal(signal)),
                // The pumps hold a sender.
                Err(_) => future::pending().await,
            }
        }
    }
}

/// The work on a command's streams, which goes on while something else is waited for.
struct Streams<'a> {
    /// `None` once both outputs are at their end.
    reading: Option<Pin<Box<dyn Future<Output = ()> + Send + 'a>>>,
}

impl<'a> Streams<'a> {
    fn new(reading: impl Future<Output = ()> + Send + 'a, feeding: impl Future<Output = ()> + Send + 'a) -> Self {
        let feeding = async {
            feeding.await;
            future::pending().await
        };
        Streams { reading: Some(Box::pin(future::or(reading, feeding))) }
    }

    /// Waits for something else.
    async fn during<T>(&mut self, other: impl Future<Output = T>) -> T {
        let mut other = pin!(other);
        poll_fn(|cx| {
            let outcome = other.as_mut().poll(cx);
            if outcome.is_pending() {
                let _ = self.poll(cx);
            }
            outcome
        })
        .await
    }

    /// Waits until all is read.
    async fn finish(&mut self) {
        poll_fn(|cx| self.poll(cx)).await;
    }

    fn poll(&mut self, cx: &mut task::Context<'_>) -> Poll<()> {
        if let Some(reading) = &mut self.reading {
            ready!(reading.as_mut().poll(cx));
            self.reading = None;
        }
        Poll::Ready(())
    }
}
