//! What only real threads can show.

use std::future::pending;
use std::time::Duration;

use futures_lite::future::block_on;
use proscenium_behaviours::GenServer;
use proscenium_runtime::{Context, ExitReason, Pid, Reply, System, SystemHandle};
use proscenium_supervisor::{ChildSpec, JobFault, Supervisor, Troupe, TroupeRef, WhenFull};

const KILLS: usize = 200;

fn system() -> System {
    System::builder("threads").workers(4).logger(slog::Logger::root(slog::Discard, slog::o!())).build().unwrap()
}

/// Adds one to what it is given.
struct Adder;

type Sum = (u64, Reply<u64>);

impl GenServer for Adder {
    type Args = ();
    type Message = Sum;

    async fn init(_args: (), _ctx: &mut Context<Sum>) -> Result<Self, ExitReason> {
        Ok(Adder)
    }

    async fn handle(&mut self, (n, reply): Sum, _ctx: &mut Context<Sum>) -> Result<(), ExitReason> {
        reply.send(n + 1);
        Ok(())
    }
}

fn adders() -> Troupe<Sum> {
    Troupe::new(|seat| Adder::start(()).feed(seat)).intensity(u32::MAX)
}

/// Starts so many clients that call in turn, and returns how many answers and how many errors each had.
fn clients(
    ctx: &mut Context<()>,
    troupe: &TroupeRef<Sum>,
    count: u64,
    calls: u64,
) -> Vec<async_channel::Receiver<(u64, u64)>> {
    let client = |number: u64| {
        let (troupe, (done, outcome)) = (troupe.clone(), async_channel::bounded(1));
        ctx.spawn(move |_ctx: Context<()>| async move {
            let (mut answers, mut errors) = (0, 0);
            for call in 0..calls {
                let n = number * calls + call;
                match troupe.call(|reply| (n, reply)).timeout(Duration::from_secs(60)).await {
                    Ok(sum) => {
                        assert_eq!(sum, n + 1, "the answer of another");
                        answers += 1;
                    }
                    Err(error) => {
                        assert!(!matches!(error.fault, JobFault::Timeout(_)), "{error}");
                        errors += 1;
                    }
                }
            }
            done.send((answers, errors)).await.unwrap();
        });
        outcome
    };
    (0..count).map(client).collect()
}

#[test]
fn many_callers_of_many_workers_get_each_its_own_answer() {
    let outcome = system().run(|mut ctx: Context<()>| async move {
        let troupe = adders().workers(1..=4).start_link(&mut ctx).await?;
        for client in clients(&mut ctx, &troupe, 8, 2_000) {
            assert_eq!(client.recv().await, Ok((2_000, 0)));
        }
        // A caller has its answer a moment before its job is done.
        troupe.drain().await;
        assert_eq!((troupe.status().done, troupe.status().queued), (16_000, 0));
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

/// Does nothing with what it has begun with.
struct Stuck;

impl GenServer for Stuck {
    type Args = ();
    type Message = Reply<()>;

    async fn init(_args: (), _ctx: &mut Context<Reply<()>>) -> Result<Self, ExitReason> {
        Ok(Stuck)
    }

    async fn handle(&mut self, _reply: Reply<()>, _ctx: &mut Context<Reply<()>>) -> Result<(), ExitReason> {
        pending().await
    }
}

/// Long enough for a wait to set no timer at first.
const LIMIT: Duration = Duration::from_millis(60);

/// Why there is no answer to who waits for it, and to who waits for room in the queue.
async fn wait_in_vain(system: &SystemHandle) -> [JobFault; 2] {
    let troupe = Troupe::new(|seat| Stuck::start(()).feed(seat)).workers(1..=1).queue(1, WhenFull::Wait);
    let troupe = troupe.spawn(system).await.expect("nothing keeps it from starting");
    let fault = async || troupe.call(|reply| reply).timeout(LIMIT).await.expect_err("nobody answers").fault;
    let answer = fault().await;
    troupe.cast(Reply::pair().0);
    let room = fault().await;
    troupe.stop(ExitReason::Shutdown, None).await.expect("it runs");
    [answer, room]
}

#[test]
fn a_limit_by_the_machines_clock_ends_a_wait_in_a_process_and_outside() {
    let system = system();
    let expected = [JobFault::Timeout(LIMIT), JobFault::Timeout(LIMIT)];
    assert_eq!(block_on(wait_in_vain(&system)), expected);
    let outcome = system.run(move |ctx: Context<()>| async move {
        assert_eq!(wait_in_vain(ctx.system()).await, expected);
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

fn labelled(ctx: &Context<()>, label: &str) -> Option<Pid> {
    let is_so = |pid: &Pid| ctx.system().process_info(*pid).and_then(|info| info.label).is_some_and(|it| *it == *label);
    ctx.system().processes().into_iter().find(is_so)
}

/// Kills whom `victim` finds, 200 times, while clients call; each gets an answer or an error, and then nothing is left.
#[track_caller]
fn bears_kills_of(victim: impl Fn(&Context<()>, &TroupeRef<Sum>, usize) -> Option<Pid> + Send + 'static) {
    let outcome = system().run(|mut ctx: Context<()>| async move {
        let before = ctx.system().process_count();
        let troupe = adders().workers(2..=4);
        let handle = troupe.handle();
        let tree = Supervisor::one_for_one().child(ChildSpec::new("adders", troupe)).start_link(&mut ctx).await?;
        let clients = clients(&mut ctx, &handle, 4, 2_000);
        let mut kills = 0;
        while kills < KILLS {
            if let Some(victim) = victim(&ctx, &handle, kills) {
                let monitor = ctx.monitor(victim);
                ctx.exit(victim, ExitReason::Kill);
                ctx.receive_matching(
                    |event| matches!(event, proscenium_runtime::EventRef::Down(down) if down.monitor == monitor),
                )
                .await;
                kills += 1;
            } else {
                handle.call(|reply| (0, reply)).await.ok();
            }
        }
        for client in clients {
            let (answers, errors) = client.recv().await.expect("it gets an answer or an error each time");
            assert_eq!(answers + errors, 2_000);
        }
        while handle.call(|reply| (1, reply)).await != Ok(2) {}
        handle.drain().await;
        assert_eq!((handle.status().queued, handle.status().running), (0, 0));
        tree.stop(ExitReason::Normal, None).await?;
        while ctx.system().process_count() > before {
            futures_lite::future::yield_now().await;
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn two_hundred_kills_of_workers_lose_nothing_but_what_they_were_doing() {
    bears_kills_of(|_ctx, troupe, kill| {
        let workers = troupe.workers();
        workers.get(kill % workers.len().max(1)).and_then(|worker| worker.pid())
    });
}

#[test]
fn two_hundred_kills_of_the_manager_lose_nothing() {
    bears_kills_of(|ctx, _troupe, _kill| labelled(ctx, "manager of a troupe"));
}

#[test]
fn two_hundred_kills_of_the_supervisor_of_the_workers_leave_no_orphans() {
    bears_kills_of(|ctx, _troupe, _kill| labelled(ctx, "workers of a troupe"));
}

#[test]
fn two_hundred_kills_of_the_door_leave_nobody_waiting() {
    bears_kills_of(|ctx, _troupe, _kill| labelled(ctx, "door of a troupe"));
}
