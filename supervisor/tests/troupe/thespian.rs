//! The scenarios of Thespian's `test_troupe`, and the faults that were measured there, which are none here.

use std::collections::BTreeSet;

use futures_lite::future::zip;
use proscenium_behaviours::{Actor, ActorRef, Dispatch, GenServer, Handles};
use proscenium_runtime::{Context, ExitReason, Reply, multi_call};
use proscenium_supervisor::{JobFault, Member, Troupe, TroupeRef};

use super::common::{Log, SECOND, Work, death, in_any_order, players, rest};

async fn all(troupe: &TroupeRef<Work>, count: u32) -> u64 {
    let system = troupe.address().unwrap().system();
    let before = system.now();
    for note in 0..count {
        troupe.send(Work::Note(note, SECOND)).await.unwrap();
    }
    while troupe.status().queued + troupe.status().running > 0 {
        system.sleep(SECOND / 10).await;
    }
    (system.now() - before).as_secs()
}

#[test]
fn fifty_two_jobs_take_one_worker_fifty_two_times_as_long_and_ten_workers_six() {
    in_any_order(|mut ctx| async move {
        let hive = players(&Log::default()).workers(1..=1).start_link(&mut ctx).await.unwrap();
        assert_eq!(all(&hive, 52).await, 52);
        hive.change(|settings| settings.max_workers = 10).unwrap();
        assert_eq!(all(&hive, 52).await, 6);
        hive.change(|settings| settings.max_workers = 2).unwrap();
        assert_eq!(all(&hive, 52).await, 26);
        hive.change(|settings| settings.max_workers = 52).unwrap();
        assert_eq!(all(&hive, 52).await, 1);
    });
}

#[test]
fn a_troupe_shrinks_when_its_workers_are_idle() {
    in_any_order(|mut ctx| async move {
        let hive = players(&Log::default()).workers(2..=20).idle_time(2 * SECOND).start_link(&mut ctx).await.unwrap();
        all(&hive, 20).await;
        assert_eq!(hive.status().workers, 20);
        ctx.sleep(5 * SECOND / 2).await;
        assert_eq!(hive.status().workers, 2);
    });
}

/// A worker that has others do its work, and waits for nobody meanwhile.
struct Colonist {
    member: Member,
    hive: TroupeRef<Work>,
}

impl GenServer for Colonist {
    type Args = (Member, TroupeRef<Work>);
    type Message = Reply<u64>;

    async fn init((member, hive): Self::Args, _ctx: &mut Context<Reply<u64>>) -> Result<Self, ExitReason> {
        Ok(Colonist { member, hive })
    }

    async fn handle(&mut self, ask: Reply<u64>, ctx: &mut Context<Reply<u64>>) -> Result<(), ExitReason> {
        let (hive, hold) = (self.hive.clone(), self.member.hold());
        ctx.spawn_link(|_ctx: Context<()>| async move {
            ask.send(hive.call(|reply| Work::Take(SECOND, reply)).without_timeout().await?);
            drop(hold);
            Ok::<_, ExitReason>(())
        });
        Ok(())
    }
}

#[test]
fn a_colony_uses_a_hive() {
    in_any_order(|mut ctx| async move {
        let hive = players(&Log::default()).workers(0..=5).start_link(&mut ctx).await.unwrap();
        let of_hive = hive.clone();
        let colony = Troupe::new(move |seat| Colonist::start((seat.member(), of_hive.clone())).feed(seat));
        let colony = colony.workers(0..=10).start_link(&mut ctx).await.unwrap();
        let before = ctx.system().now();
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let colony = colony.clone();
                ctx.spawn(
                    |_ctx: Context<()>| async move { assert!(colony.call(|ask| ask).without_timeout().await.is_ok()) },
                )
            })
            .collect();
        for task in tasks {
            assert_eq!(task.exited().await, ExitReason::Normal);
        }
        assert_eq!(ctx.system().now() - before, 4 * SECOND, "20 jobs by 5 workers of the hive");
        assert_eq!(hive.status().done, 20);
    });
}

/// An actor that handles messages of several types, as a worker.
struct Resizer(ActorRef<Canvas>);
struct Canvas(u32);
struct Paint(u32);

impl Actor for Canvas {
    type Args = ();

    async fn init(_args: (), _ctx: &mut Context<Dispatch<Self>>) -> Result<Self, ExitReason> {
        Ok(Canvas(0))
    }
}

impl Handles<Paint> for Canvas {
    type Reply = u32;

    async fn handle(&mut self, Paint(colour): Paint, _ctx: &mut Context<Dispatch<Self>>) -> Result<u32, ExitReason> {
        self.0 += colour;
        Ok(self.0)
    }
}

impl GenServer for Resizer {
    type Args = ActorRef<Canvas>;
    type Message = (u32, Reply<u32>);

    async fn init(canvas: ActorRef<Canvas>, _ctx: &mut Context<(u32, Reply<u32>)>) -> Result<Self, ExitReason> {
        Ok(Resizer(canvas))
    }

    async fn handle(
        &mut self,
        (colour, reply): (u32, Reply<u32>),
        _ctx: &mut Context<(u32, Reply<u32>)>,
    ) -> Result<(), ExitReason> {
        reply.send(self.0.call(Paint(colour)).await?);
        Ok(())
    }
}

#[test]
fn members_are_initialized_each_with_what_they_need() {
    in_any_order(|mut ctx| async move {
        let canvas = Canvas::start(()).link(&mut ctx).await.unwrap();
        let troupe = Troupe::new(move |seat| Resizer::start(canvas.clone()).feed(seat)).workers(2..=2);
        let troupe = troupe.start_link(&mut ctx).await.unwrap();
        let (one, two) = zip(troupe.call(|reply| (1, reply)), troupe.call(|reply| (2, reply))).await;
        assert_eq!(one.unwrap().max(two.unwrap()), 3);
    });
}

#[test]
fn settings_never_reach_a_worker_as_work() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let troupe = players(&log).workers(1..=1).start_link(&mut ctx).await.unwrap();
        troupe.cast(Work::Note(1, SECOND));
        troupe.change(|settings| settings.max_workers = 5).unwrap();
        troupe.cast(Work::Note(2, SECOND));
        rest(&ctx, &troupe).await;
        assert_eq!((log.sorted(), troupe.status().done), (vec![1, 2], 2));
    });
}

#[test]
fn no_text_is_taken_for_an_order() {
    struct Echo;
    impl GenServer for Echo {
        type Args = ();
        type Message = (String, Reply<String>);

        async fn init(_args: (), _ctx: &mut Context<Self::Message>) -> Result<Self, ExitReason> {
            Ok(Echo)
        }

        async fn handle(
            &mut self,
            (text, reply): Self::Message,
            _ctx: &mut Context<Self::Message>,
        ) -> Result<(), ExitReason> {
            reply.send(text);
            Ok(())
        }
    }

    in_any_order(|mut ctx| async move {
        let troupe = Troupe::new(|seat| Echo::start(()).feed(seat)).start_link(&mut ctx).await.unwrap();
        for text in ["troupe:status?", "troupe:set_max_count=0"] {
            assert_eq!(troupe.call(|reply| (text.to_owned(), reply)).await.as_deref(), Ok(text));
        }
        assert_eq!(troupe.settings().max_workers, 10);
    });
}

#[test]
fn a_message_that_kills_its_worker_is_not_done_for_ever_and_its_sender_is_told() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let troupe = players(&log).workers(1..=3).retries(3).start_link(&mut ctx).await.unwrap();
        let (bad, good) = zip(troupe.perform(Work::Break(1)), troupe.call(|reply| Work::Take(SECOND, reply))).await;
        assert_eq!(death(bad), ("broken by 1".into(), 1));
        assert!(good.is_ok());
        for _ in 0..10 {
            assert!(troupe.call(Work::Who).await.is_ok(), "no later job's worker is killed in its turn");
        }
        assert_eq!(log.notes(), [1]);
    });
}

#[test]
fn an_exception_goes_to_the_client_and_two_of_them_do_not_wedge_a_troupe_of_two() {
    in_any_order(|mut ctx| async move {
        let troupe = players(&Log::default()).workers(1..=2).start_link(&mut ctx).await.unwrap();
        let (one, two) = zip(troupe.call(Work::BreakAsked), troupe.call(Work::BreakAsked)).await;
        assert_eq!((death(one), death(two)), (("broken".into(), 1), ("broken".into(), 1)));
        for _ in 0..10 {
            assert!(troupe.call(Work::Who).await.is_ok());
        }
        let status = troupe.status();
        assert_eq!((status.idle, status.queued, status.failed), (status.workers, 0, 2));
    });
}

#[test]
fn a_job_that_is_never_let_go_does_not_cost_a_worker_for_ever_if_there_is_a_time_limit() {
    in_any_order(|mut ctx| async move {
        let troupe = players(&Log::default()).workers(1..=1).time_limit(5 * SECOND).start_link(&mut ctx).await.unwrap();
        let lost = troupe.call(|reply| Work::Later(1_000 * SECOND, reply)).without_timeout();
        let (lost, next) = zip(lost, troupe.call(Work::Who).without_timeout()).await;
        assert_eq!(lost.unwrap_err().fault, JobFault::TimeLimit(5 * SECOND));
        assert_eq!(next, Ok(2));
    });
}

#[test]
fn all_workers_are_asked_as_any_servers_are() {
    in_any_order(|mut ctx| async move {
        let troupe = players(&Log::default()).workers(3..=3).start_link(&mut ctx).await.unwrap();
        let answers = multi_call(&troupe.workers(), SECOND, Work::Who).await;
        let numbers: BTreeSet<u64> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(numbers, BTreeSet::from([1, 2, 3]));
    });
}
