//! Starts: as a server's, and what init may ask for.

use std::time::Duration;

use proscenium_behaviours::gen_statem::{
    Entry, Event, GenStatem, Initial, Timer, Transition, entered, next_state, start_in,
};
use proscenium_runtime::{Context, Event as Received, ExitReason, KeyError, RegisterError, Registry, StartError};

use super::common::{Log, Say, Script, in_any_order, settle};

/// Fails to start, in the way it is told.
#[derive(Debug)]
struct Doomed;

#[derive(Clone, Copy, Debug)]
enum Fate {
    Fails,
    FailsQuietly,
    Panics,
    Ignores,
    Shuts,
    IsKilled,
    Hangs,
}

impl GenStatem for Doomed {
    type Args = Fate;
    type State = ();
    type Event = Event<()>;

    async fn init(fate: Fate, ctx: &mut Context<()>) -> Result<Initial<Self>, ExitReason> {
        match fate {
            Fate::Fails => Err(ExitReason::error("no luck")),
            Fate::FailsQuietly => Err(ExitReason::init_error("no luck")),
            Fate::Panics => panic!("no luck at all"),
            Fate::Ignores => Err(ExitReason::Ignore),
            Fate::Shuts => Err(ExitReason::Shutdown),
            Fate::IsKilled => {
                ctx.exit(ctx.pid(), ExitReason::Kill);
                std::future::pending().await
            }
            Fate::Hangs => std::future::pending().await,
        }
    }

    async fn handle_event(
        &mut self,
        (): &(),
        _event: Event<()>,
        _ctx: &mut Context<()>,
    ) -> Result<Transition<Self>, ExitReason> {
        unreachable!("it does not start")
    }

    async fn enter(&mut self, (): &(), (): &(), _ctx: &mut Context<()>) -> Result<Entry<Self>, ExitReason> {
        unreachable!("it does not start")
    }

    async fn terminate(&mut self, _reason: &ExitReason, (): &(), _ctx: &mut Context<()>) {
        unreachable!("it does not start")
    }
}

#[test]
fn a_failed_init_is_told_to_the_starter_and_leaves_nothing() {
    use Fate::{Fails, FailsQuietly, Hangs, Ignores, IsKilled, Panics, Shuts};
    for fate in [Fails, FailsQuietly, Panics, Ignores, Shuts, IsKilled, Hangs] {
        in_any_order(move |mut ctx| async move {
            let second = Duration::from_secs(1);
            let start = Doomed::start(fate).name("doomed").init_timeout(second);
            for way in ["link", "spawn", "monitor"] {
                let start = start.clone();
                let error = match way {
                    "link" => start.link(&mut ctx).await.map(drop),
                    "spawn" => start.spawn(ctx.system()).await.map(drop),
                    _ => start.monitor(&mut ctx).await.map(drop),
                };
                let error = error.unwrap_err();
                let as_expected = match fate {
                    Fails => error == StartError::Init(ExitReason::error("no luck")),
                    FailsQuietly => matches!(&error, StartError::Init(reason) if reason.to_string() == "no luck"),
                    Panics => matches!(&error, StartError::Init(ExitReason::Panic(_))),
                    Ignores => error == StartError::Ignored,
                    Shuts => error == StartError::Init(ExitReason::Shutdown),
                    IsKilled => error == StartError::Init(ExitReason::Killed),
                    Hangs => error == StartError::Timeout(second),
                };
                assert!(as_expected, "{fate:?} by {way}: {error:?}");
                assert_eq!(ctx.system().whereis("doomed"), None);
                assert_eq!(ctx.system().process_count(), 1);
                settle(&ctx).await;
                assert_eq!(ctx.try_receive_matching(|_| true), None, "{fate:?} by {way}");
            }
        });
    }
}

#[test]
fn a_machine_is_found_by_name_and_key_until_its_end_and_may_start_again() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let doors = Registry::<u32, Say, ()>::unique(ctx.system());
        let script = || Script::new(&log).may_fail(|_, _| Err(ExitReason::Normal));
        for _ in 0..3 {
            let first = script().start().name("door").via(&doors, 7, ()).link(&mut ctx).await.unwrap();
            let owner = first.pid().unwrap();
            let refused = script().start().name("door").link(&mut ctx).await;
            assert!(matches!(refused, Err(StartError::Name(RegisterError::Taken { .. }))));
            let refused = script().start().via(&doors, 7, ()).link(&mut ctx).await;
            let taken = KeyError::Taken { key: "7".into(), owner };
            assert_eq!(refused, Err(StartError::Name(RegisterError::Key(taken))));

            ctx.system().named("door").cast(Say::Cast("stop"));
            let Received::Exit(exit) = ctx.receive().await else { panic!() };
            assert_eq!((exit.pid, exit.reason), (owner, ExitReason::Normal));
            assert_eq!((ctx.system().whereis("door"), doors.count()), (None, 0));
        }
    });
}

#[test]
fn a_monitored_start_brings_one_down() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).may_fail(|_, _| Err(ExitReason::Shutdown));
        let (machine, monitor) = script.start().monitor(&mut ctx).await.unwrap();
        machine.cast(Say::Cast("stop"));
        let Received::Down(down) = ctx.receive().await else { panic!() };
        assert_eq!((down.monitor, down.reason), (monitor, ExitReason::Shutdown));
    });
}

#[test]
fn what_init_asks_for_comes_before_anything_from_the_mailbox() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).on_init(|puppet| {
            start_in("a", puppet)
                .next_event(Event::Internal("first"))
                .next_event(Event::Internal("second"))
                .state_timeout(Duration::ZERO, "third")
        });
        let machine = script.link(&mut ctx).await;
        machine.cast(Say::Cast("last"));
        settle(&ctx).await;
        assert_eq!(log.take(), "a: internal first, a: internal second, a: state timeout third, a: cast last");
    });
}

#[test]
fn a_plain_process_may_become_a_machine() {
    in_any_order(|mut ctx| async move {
        let process = ctx.spawn_link(|mut ctx: Context<Step>| async move {
            let Step::Begin = ctx.receive_message().await else { unreachable!() };
            Counter::enter_loop(start_in(1, Counter).named_timeout((), Duration::from_secs(5), ()), ctx).await
        });
        process.cast(Step::Begin);
        process.cast(Step::Next);
        let Received::Exit(exit) = ctx.receive().await else { panic!() };
        assert_eq!(exit.reason, ExitReason::shutdown_with("2 after 5 s"));
    });
}

struct Counter;

enum Step {
    Begin,
    Next,
}

impl GenStatem for Counter {
    type Args = ();
    type State = u32;
    type Event = Event<Step, (), std::convert::Infallible, ()>;

    async fn init((): (), _ctx: &mut Context<Step>) -> Result<Initial<Self>, ExitReason> {
        Ok(start_in(0, Counter))
    }

    async fn handle_event(
        &mut self,
        state: &u32,
        event: Self::Event,
        _ctx: &mut Context<Step>,
    ) -> Result<Transition<Self>, ExitReason> {
        match event {
            Event::NamedTimeout((), ()) => Err(ExitReason::shutdown_with(format!("{state} after 5 s"))),
            _ => Ok(next_state(state + 1)),
        }
    }

    async fn enter(&mut self, _old: &u32, _state: &u32, _ctx: &mut Context<Step>) -> Result<Entry<Self>, ExitReason> {
        Ok(entered().cancel(Timer::State))
    }
}
