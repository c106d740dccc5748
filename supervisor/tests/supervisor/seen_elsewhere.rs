//! Faults that users of other libraries met, where no other topic here shows that we do not have them.

use std::time::Duration;

use proscenium_behaviours::GenServer;
use proscenium_runtime::{Address, Context, Down, Event, EventRef, ExitReason, Reply};
use proscenium_supervisor::{Backoff, ChildSpec, Supervisor, SupervisorRef};

use super::common::{Log, crash, in_any_order, settle};

/// Adds up what it is told, and cannot bear zero.
struct Sum {
    total: u32,
}

enum Add {
    Number(u32),
    Total(Reply<u32>),
}

impl GenServer for Sum {
    type Args = ();
    type Message = Add;

    async fn init((): (), _ctx: &mut Context<Add>) -> Result<Self, ExitReason> {
        Ok(Sum { total: 0 })
    }

    async fn handle(&mut self, message: Add, _ctx: &mut Context<Add>) -> Result<(), ExitReason> {
        match message {
            Add::Number(n) => {
                self.total += n;
                assert_ne!(n, 0, "it cannot bear that");
            }
            Add::Total(reply) => reply.send(self.total),
        }
        Ok(())
    }
}

#[test]
fn a_message_over_which_a_server_crashed_is_neither_tried_again_nor_seen_in_the_state_of_its_successor() {
    in_any_order(|mut ctx| async move {
        let spec = ChildSpec::new("sum", Sum::start(()).name("sum"));
        Supervisor::one_for_one().intensity(3).child(spec).start_link(&mut ctx).await.unwrap();
        let sum: Address<Add> = ctx.system().named("sum");
        for _ in 0..3 {
            sum.cast(Add::Number(5));
            sum.cast(Add::Number(0));
            settle(&ctx).await;
            assert_eq!(sum.call(Add::Total).await, Ok(0), "its successor begins anew");
        }
    });
}

/// Asks its supervisor about itself when it is told to stop.
struct Clinging {
    log: Log,
    patience: Option<Duration>,
}

impl GenServer for Clinging {
    type Args = (Log, Option<Duration>);
    type Message = ();

    async fn init((log, patience): (Log, Option<Duration>), ctx: &mut Context<()>) -> Result<Self, ExitReason> {
        ctx.trap_exit(true);
        Ok(Clinging { log, patience })
    }

    async fn handle(&mut self, (): (), _ctx: &mut Context<()>) -> Result<(), ExitReason> {
        Ok(())
    }

    async fn terminate(&mut self, _reason: &ExitReason, ctx: &mut Context<()>) {
        let supervisor = SupervisorRef::named(ctx.system(), "top");
        match self.patience {
            None => drop(supervisor.count_children().await),
            Some(patience) => {
                let answer = ctx.sleep(patience).limit(supervisor.count_children()).await;
                assert!(answer.is_none(), "it stops children, and answers nobody");
                self.log.add("gave up".to_owned());
            }
        }
    }
}

#[test]
fn a_child_that_asks_its_stopping_supervisor_is_stopped_in_time_all_the_same() {
    let second = Duration::from_secs(1);
    for (patience, time, log_of_it) in [(None, 5 * second, ""), (Some(second), second, "gave up")] {
        in_any_order(move |mut ctx| async move {
            let log = Log::default();
            let spec = ChildSpec::new("clinging", Clinging::start((log.clone(), patience)));
            let top = Supervisor::one_for_one().name("top").child(spec).start_link(&mut ctx).await.unwrap();
            let top = top.pid().unwrap();
            let (begin, monitor) = (ctx.system().now(), ctx.monitor(top));
            ctx.exit(top, ExitReason::Shutdown);
            let is_down = |event: EventRef<'_, ()>| matches!(event, EventRef::Down(down) if down.monitor == monitor);
            let Event::Down(Down { reason, .. }) = ctx.receive_matching(is_down).await else {
                unreachable!("it matches")
            };
            assert_eq!(reason, ExitReason::Shutdown);
            assert_eq!((ctx.system().now() - begin, log.take()), (time, log_of_it.to_owned()));
        });
    }
}

#[test]
fn a_supervisor_that_is_killed_while_it_puts_a_restart_off_comes_back_with_all_its_children() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let hour = Duration::from_secs(3600);
        let shop = Supervisor::one_for_one().name("shop").backoff(Backoff::new(hour).longest(hour));
        let shop = ChildSpec::new("shop", shop.children(["a", "b"].map(|id| log.actor(id).spec())));
        Supervisor::one_for_one().intensity(1000).child(shop).start_link(&mut ctx).await.unwrap();
        crash(&ctx, "a").await;
        assert_eq!(ctx.system().whereis("a"), None, "it would come in an hour");

        ctx.exit(ctx.system().whereis("shop").unwrap(), ExitReason::Kill);
        settle(&ctx).await;
        let children = SupervisorRef::named(ctx.system(), "shop").count_children().await.unwrap();
        assert_eq!((children.specs, children.active), (2, 2));
    });
}
