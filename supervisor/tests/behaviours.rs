//! Whatever behaviours there are, a supervisor starts, restarts and stops them.

use std::time::Duration;

use proscenium_behaviours::{Actor, ActorRef, Agent, Dispatch, EventHandler, EventManager, HandlerContext, Handles};
use proscenium_runtime::testing::for_each_seed;
use proscenium_runtime::{Context, ExitReason};
use proscenium_supervisor::{ChildSpec, Restart, Supervisor};

struct Sum;

impl EventHandler for Sum {
    type Event = u32;
    type Request = ();

    async fn handle_event(&mut self, _event: &u32, _ctx: &mut HandlerContext<'_, Self>) -> Result<(), ExitReason> {
        Ok(())
    }
}

struct Adder(u32);
struct Add(u32);

impl Actor for Adder {
    type Args = u32;

    async fn init(start: u32, _ctx: &mut Context<Dispatch<Self>>) -> Result<Self, ExitReason> {
        Ok(Adder(start))
    }
}

impl Handles<Add> for Adder {
    type Reply = u32;

    async fn handle(&mut self, add: Add, _ctx: &mut Context<Dispatch<Self>>) -> Result<u32, ExitReason> {
        self.0 = self.0.checked_add(add.0).ok_or_else(|| ExitReason::error("too much"))?;
        Ok(self.0)
    }
}

#[test]
fn an_event_manager_an_agent_and_an_actor_are_children_as_others() {
    for_each_seed(32, |test| {
        test.run(|mut ctx: Context<()>| async move {
            ctx.trap_exit(true);
            let supervisor = Supervisor::one_for_one()
                .intensity(3)
                .child(ChildSpec::new("events", EventManager::<u32>::start().name("events")))
                .child(ChildSpec::new("agent", Agent::start(|| 7_u32).name("agent")))
                .child(ChildSpec::new("adder", Adder::start(40).name("adder")).restart(Restart::Transient))
                .start_link(&mut ctx)
                .await
                .unwrap();
            let events = EventManager::<u32>::named(ctx.system(), "events");
            let agent = Agent::<u32>::named(ctx.system(), "agent");
            let adder = ActorRef::<Adder>::named(ctx.system(), "adder");
            events.add(Sum).await.unwrap();
            agent.cast(|n| *n += 1);
            assert_eq!((agent.get(|n| *n).await, adder.call(Add(2)).await), (Ok(8), Ok(42)));

            ctx.exit(&events, ExitReason::Kill);
            agent.get_and_update(|_| -> u32 { panic!("no luck") }).await.unwrap_err();
            adder.call(Add(u32::MAX)).await.unwrap_err();
            // Time moves only when nobody has anything to do.
            ctx.sleep(Duration::from_nanos(1)).await;
            assert_eq!(events.which_handlers().await, Ok(vec![]), "handlers are not the supervisor's");
            assert_eq!((agent.get(|n| *n).await, adder.call(Add(2)).await), (Ok(7), Ok(42)));

            let pid = supervisor.pid().unwrap();
            ctx.exit(pid, ExitReason::Shutdown);
            ctx.receive().await;
            assert_eq!(ctx.system().process_count(), 1);
        });
    });
}
