//! Workers for the tests of troupes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use proscenium_behaviours::GenServer;
use proscenium_runtime::testing::for_each_seed;
use proscenium_runtime::{Context, ExitReason, Reply};
use proscenium_supervisor::{JobError, JobFault, Member, Troupe, TroupeRef};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A job. What is answered is the number of the worker that did it.
pub(crate) enum Work {
    Who(Reply<u64>),
    /// Takes that long.
    Take(Duration, Reply<u64>),
    /// Takes that long, and is answered by somebody else, while the worker holds it.
    Later(Duration, Reply<u64>),
    /// Is noted when it is begun, and takes that long.
    Note(u32, Duration),
    /// Is noted, and the worker panics.
    Break(u32),
    /// The worker panics, and owes an answer.
    BreakAsked(Reply<u64>),
    /// The worker ends with an error, and owes an answer.
    Fail(Reply<u64>),
    /// Is not answered.
    Forget(Reply<u64>),
}

/// Which worker has begun with which note.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<(u64, u32)>>>);

impl Log {
    pub(crate) fn add(&self, worker: u64, note: u32) {
        self.0.lock().unwrap().push((worker, note));
    }

    /// The notes, in the order in which they were begun.
    pub(crate) fn notes(&self) -> Vec<u32> {
        self.0.lock().unwrap().iter().map(|(_, note)| *note).collect()
    }

    /// The notes, the smallest first: several workers begin in any order.
    pub(crate) fn sorted(&self) -> Vec<u32> {
        let mut notes = self.notes();
        notes.sort_unstable();
        notes
    }

    pub(crate) fn all(&self) -> Vec<(u64, u32)> {
        self.0.lock().unwrap().clone()
    }
}

pub(crate) struct Player {
    member: Member,
    log: Log,
}

impl GenServer for Player {
    type Args = (Member, Log);
    type Message = Work;

    async fn init((member, log): (Member, Log), _ctx: &mut Context<Work>) -> Result<Self, ExitReason> {
        Ok(Player { member, log })
    }

    async fn handle(&mut self, work: Work, ctx: &mut Context<Work>) -> Result<(), ExitReason> {
        let number = self.member.number();
        match work {
            Work::Who(reply) => reply.send(number),
            Work::Take(time, reply) => {
                ctx.sleep(time).await;
                reply.send(number);
            }
            Work::Later(time, reply) => {
                let hold = self.member.hold();
                ctx.spawn(move |ctx: Context<()>| async move {
                    ctx.sleep(time).await;
                    reply.send(number);
                    drop(hold);
                });
            }
            Work::Note(note, time) => {
                self.log.add(number, note);
                ctx.sleep(time).await;
            }
            Work::Break(note) => {
                self.log.add(number, note);
                panic!("broken by {note}");
            }
            Work::BreakAsked(_reply) => panic!("broken"),
            Work::Fail(_reply) => return Err(std::io::Error::other("no disk").into()),
            Work::Forget(_reply) => {}
        }
        Ok(())
    }
}

pub(crate) fn players(log: &Log) -> Troupe<Work> {
    let log = log.clone();
    Troupe::new(move |seat| Player::start((seat.member(), log.clone())).feed(seat))
}

/// Runs `play` in many orders.
#[track_caller]
pub(crate) fn in_any_order<F>(play: impl Fn(Context<()>) -> F + Clone + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    for_each_seed(32, |test| {
        let play = play.clone();
        test.run(move |ctx: Context<()>| play(ctx));
    });
}

/// Lets everything happen that is about to.
pub(crate) async fn settle(ctx: &Context<()>) {
    ctx.sleep(Duration::from_millis(1)).await;
}

/// Waits until no job is left, for at most a day.
pub(crate) async fn rest(ctx: &Context<()>, troupe: &TroupeRef<Work>) {
    for _ in 0..86_400 {
        let status = troupe.status();
        if status.queued + status.running == 0 {
            return;
        }
        ctx.sleep(SECOND).await;
    }
    panic!("jobs are left over: {:?}", troupe.status());
}

#[track_caller]
pub(crate) fn fault<T: std::fmt::Debug>(result: Result<T, JobError>) -> JobFault {
    result.unwrap_err().fault
}

/// Why the worker of a job died, and at which attempt.
#[track_caller]
pub(crate) fn death<T: std::fmt::Debug>(result: Result<T, JobError>) -> (String, u32) {
    match fault(result) {
        JobFault::WorkerDied { reason: ExitReason::Panic(panic), attempts } => (panic.message().to_owned(), attempts),
        JobFault::WorkerDied { reason, attempts } => (reason.to_string(), attempts),
        other => panic!("its worker lives: {other}"),
    }
}
