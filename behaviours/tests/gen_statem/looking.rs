//! A machine as `Sys` finds it, and what it logs.

use std::sync::{Arc, Mutex};

use proscenium_behaviours::gen_statem::{
    Event, GenStatem, Initial, StateAndData, Transition, keep_state, next_state, start_in,
};
use proscenium_behaviours::{Sys, SysError, SysEventKind};
use proscenium_runtime::testing::TestSystem;
use proscenium_runtime::{Context, ExitReason};
use slog::{Drain, Level, Logger, OwnedKVList, Record, o};

use super::common::{Log, SECOND, Say, Script, in_any_order, said, settle};

#[test]
fn a_suspended_machine_keeps_all_it_is_sent_for_later_and_its_timeouts_too() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).on_event(|_, event| match said(&event) {
            "set" => keep_state().state_timeout(SECOND, ""),
            _ => keep_state(),
        });
        let machine = script.link(&mut ctx).await;
        let sys = Sys::new(ctx.system(), &machine);
        machine.cast(Say::Cast("set"));
        sys.suspend().await.unwrap();
        assert_eq!(log.take(), "a: cast set");
        machine.cast(Say::Cast("kept"));
        ctx.sleep(2 * SECOND).await;
        assert_eq!(log.take(), "");
        sys.resume().await.unwrap();
        settle(&ctx).await;
        assert_eq!(log.take(), "a: cast kept, a: state timeout ");
    });
}

/// Postpones all while its state is 0.
#[derive(Clone)]
struct Gate {
    passed: u32,
}

impl GenStatem for Gate {
    type Args = ();
    type State = u32;
    type Event = Event<()>;

    async fn init((): (), _ctx: &mut Context<()>) -> Result<Initial<Self>, ExitReason> {
        Ok(start_in(0, Gate { passed: 0 }))
    }

    async fn handle_event(
        &mut self,
        state: &u32,
        event: Event<()>,
        _ctx: &mut Context<()>,
    ) -> Result<Transition<Self>, ExitReason> {
        if *state == 0 {
            return Ok(keep_state().postpone(event));
        }
        self.passed += 1;
        Ok(keep_state())
    }
}

#[test]
fn state_and_data_can_be_read_and_replaced_also_while_the_machine_is_suspended() {
    in_any_order(|mut ctx| async move {
        let gate = Gate::start(()).link(&mut ctx).await.unwrap();
        let sys = Sys::new(ctx.system(), &gate);
        let seen = |it: &StateAndData<Gate>| (it.state, it.data.passed);
        gate.cast(());
        assert_eq!(sys.get_state(seen).await, Ok((0, 0)));

        sys.suspend().await.unwrap();
        sys.replace_state(|it: &StateAndData<Gate>| StateAndData { state: 1, ..it.clone() }).await.unwrap();
        assert_eq!(sys.get_state(seen).await, Ok((1, 0)));
        sys.resume().await.unwrap();
        assert_eq!(sys.get_state(seen).await, Ok((1, 0)), "it was no state change: what is postponed waits on");
        gate.cast(());
        assert_eq!(sys.get_state(seen).await, Ok((1, 1)));

        let broken = sys.replace_state(|_: &StateAndData<Gate>| panic!("no idea")).await;
        assert!(matches!(broken, Err(SysError::Function { .. })));
        assert_eq!(sys.get_state(seen).await, Ok((1, 1)));
    });
}

/// Asks for what only a server is granted.
struct Mistaken;

impl GenStatem for Mistaken {
    type Args = ();
    type State = ();
    type Event = Event<u32>;

    async fn init((): (), _ctx: &mut Context<u32>) -> Result<Initial<Self>, ExitReason> {
        Ok(start_in((), Mistaken))
    }

    async fn handle_event(
        &mut self,
        (): &(),
        event: Event<u32>,
        ctx: &mut Context<u32>,
    ) -> Result<Transition<Self>, ExitReason> {
        assert_eq!(event, Event::Message(1), "it does not continue with 2");
        ctx.continue_with(2);
        Ok(keep_state())
    }
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Records(Arc<Mutex<Vec<(Level, String)>>>);

impl Drain for Records {
    type Ok = ();
    type Err = slog::Never;

    fn log(&self, record: &Record<'_>, _values: &OwnedKVList) -> Result<(), slog::Never> {
        self.0.lock().unwrap().push((record.level(), record.msg().to_string()));
        Ok(())
    }
}

#[test]
fn a_machine_that_asks_for_what_only_servers_are_granted_is_told_so_in_the_log() {
    let records = Records::default();
    let test = TestSystem::with_logger(1, Logger::root(records.clone(), o!()));
    test.run(|mut ctx: Context<()>| async move {
        let mistaken = Mistaken::start(()).link(&mut ctx).await.unwrap();
        mistaken.cast(1);
        mistaken.cast(1);
        settle(&ctx).await;
        assert!(ctx.system().is_alive(&mistaken));
    });
    let text = "only servers continue and idle: machines have next_event and event_timeout";
    let records = records.0.lock().unwrap();
    assert_eq!(*records, [(Level::Warning, text.to_owned()), (Level::Warning, text.to_owned())]);
}

#[test]
fn a_status_shows_the_state_and_how_much_waits() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).on_event(|_, event| match said(&event) {
            "keep" => keep_state().postpone(event).named_timeout("x", SECOND, "").state_timeout(SECOND, ""),
            _ => keep_state(),
        });
        let machine = script.link(&mut ctx).await;
        machine.cast(Say::Cast("keep"));
        let status = Sys::new(ctx.system(), &machine).get_status().await.unwrap();
        assert_eq!((status.behaviour, status.is_suspended), ("gen_statem", false));
        assert_eq!(&*status.state, "a (queued: 0, postponed: 1, timeouts: 2)");
    });
}

#[test]
fn who_watches_is_told_of_events_of_postponing_and_of_timeouts() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).on_event(|_, event| match said(&event) {
            "keep" => keep_state().postpone(event),
            "go" => next_state("b").next_event(Event::Internal("hop")).state_timeout(SECOND, ""),
            _ => keep_state(),
        });
        let machine = script.link(&mut ctx).await;
        let sys = Sys::new(ctx.system(), &machine);
        sys.log(10).await.unwrap();
        machine.cast(Say::Cast("keep"));
        machine.cast(Say::Cast("go"));
        ctx.sleep(2 * SECOND).await;
        ctx.system().exit(&machine, ExitReason::Normal);
        let logged = sys.get_log().await.unwrap();
        let logged: Vec<_> = logged.iter().map(|event| (event.kind, &*event.text)).collect();
        let expected = [
            (SysEventKind::In, "cast keep"),
            (SysEventKind::Postpone, "cast keep"),
            (SysEventKind::In, "cast go"),
            (SysEventKind::Continue, "internal hop"),
            (SysEventKind::In, "cast keep"),
            (SysEventKind::Postpone, "cast keep"),
            (SysEventKind::Timeout, "state timeout "),
            (SysEventKind::Info, "exit normal"),
        ];
        assert_eq!(logged, expected);
    });
}
