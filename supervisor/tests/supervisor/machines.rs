//! State machines as children.

use std::time::Duration;

use proscenium_behaviours::circuit_breaker::{CircuitBreaker, CircuitError, Fuse};
use proscenium_behaviours::gen_statem::{Event, GenStatem, Initial, Transition, keep_state, next_state, start_in};
use proscenium_runtime::testing::for_each_seed;
use proscenium_runtime::{Context, ExitReason, Reply};
use proscenium_supervisor::{ChildSpec, Supervisor};

/// A tap that bursts when it is opened twice.
struct Tap;

enum Ask {
    Open,
    IsOpen(Reply<bool>),
}

impl GenStatem for Tap {
    type Args = ();
    type State = bool;
    type Event = Event<Ask>;

    async fn init((): (), _ctx: &mut Context<Ask>) -> Result<Initial<Self>, ExitReason> {
        Ok(start_in(false, Tap))
    }

    async fn handle_event(
        &mut self,
        is_open: &bool,
        event: Event<Ask>,
        _ctx: &mut Context<Ask>,
    ) -> Result<Transition<Self>, ExitReason> {
        match event {
            Event::Message(Ask::Open) if *is_open => Err(ExitReason::error("burst")),
            Event::Message(Ask::Open) => Ok(next_state(true)),
            Event::Message(Ask::IsOpen(reply)) => Ok(keep_state().reply(reply, *is_open)),
            _ => Ok(keep_state()),
        }
    }
}

#[test]
fn a_machine_is_restarted_in_its_first_state() {
    for_each_seed(16, |test| {
        test.run(|mut ctx: Context<()>| async move {
            let again = || Tap::start(()).name("another");
            let supervisor = Supervisor::one_for_one()
                .child(ChildSpec::new("tap", Tap::start(()).name("tap")))
                .child(ChildSpec::new("another", again));
            supervisor.intensity(2).start_link(&mut ctx).await.unwrap();
            for name in ["tap", "another"] {
                let tap = ctx.system().lookup::<Ask>(name).unwrap();
                tap.cast(Ask::Open);
                assert_eq!(tap.call(Ask::IsOpen).await, Ok(true));
                tap.cast(Ask::Open);
                assert_eq!(tap.exited().await, ExitReason::error("burst"));
                ctx.system().when_registered(name).await;
                assert_eq!(ctx.system().named(name).call(Ask::IsOpen).await, Ok(false));
            }
        });
    });
}

#[test]
fn a_circuit_breaker_outlives_its_process() {
    for_each_seed(16, |test| {
        test.run(|mut ctx: Context<()>| async move {
            let breaker = CircuitBreaker::new(Fuse::standard(0, Duration::from_secs(1)));
            let child = ChildSpec::new("breaker", breaker.start().name("breaker"));
            Supervisor::one_for_one().child(child).start_link(&mut ctx).await.unwrap();
            breaker.melt().await.unwrap();
            assert_eq!(breaker.ask(), Err(CircuitError::Blown));
            let process = ctx.system().whereis("breaker").unwrap();
            ctx.exit(process, ExitReason::Kill);
            ctx.sleep(Duration::from_millis(1)).await;
            assert_ne!(ctx.system().whereis("breaker"), Some(process));
            assert_eq!(breaker.ask(), Ok(()));
        });
    });
}
