//! State enter calls.

use std::time::Duration;

use proscenium_behaviours::gen_statem::{Event, Timer, enter_again, entered, keep_state, next_state, repeat_state};
use proscenium_runtime::ExitReason;

use super::common::{Log, SECOND, Say, Script, in_any_order, said, settle};

#[test]
fn a_state_is_entered_at_the_start_after_each_change_and_when_it_is_repeated() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).on_enter(|_, _| entered()).on_event(|_, event| match said(&event) {
            "go" => next_state("b"),
            "repeat" => repeat_state(),
            "same" => next_state("b"),
            _ => keep_state(),
        });
        let machine = script.link(&mut ctx).await;
        for text in ["keep", "go", "repeat", "same"] {
            machine.cast(Say::Cast(text));
        }
        settle(&ctx).await;
        let expected = "a enters a, a: cast keep, a: cast go, a enters b, b: cast repeat, b enters b, b: cast same";
        assert_eq!(log.take(), expected);
    });
}

#[test]
fn a_state_is_entered_before_anything_else_happens_in_it() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).on_enter(|_, _| entered().named_timeout("x", Duration::ZERO, "last"));
        let script = script.on_event(|state, event| match (state, said(&event)) {
            ("a", "keep") => keep_state().postpone(event),
            ("a", "go") => next_state("b").next_event(Event::Internal("first")),
            _ => keep_state(),
        });
        let machine = script.link(&mut ctx).await;
        settle(&ctx).await;
        assert_eq!(log.take(), "a enters a, a: x timeout last");
        machine.cast(Say::Cast("keep"));
        machine.cast(Say::Cast("go"));
        settle(&ctx).await;
        let expected = "a: cast keep, a: cast go, a enters b, b: internal first, b: cast keep, b: x timeout last";
        assert_eq!(log.take(), expected);
    });
}

#[test]
fn a_state_may_be_entered_again_and_again_from_the_one_before() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let mut times = 0;
        let script = Script::new(&log).on_enter(move |_, state| {
            times += 1;
            if state == "b" && times < 4 { enter_again().named_timeout("x", SECOND, "") } else { entered() }
        });
        let machine = script.on_event(|_, _| next_state("b")).link(&mut ctx).await;
        machine.cast(Say::Cast("go"));
        settle(&ctx).await;
        assert_eq!(log.take(), "a enters a, a: cast go, a enters b, a enters b, a enters b");
        ctx.sleep(2 * SECOND).await;
        assert_eq!(log.take(), "b: x timeout ");
    });
}

#[test]
fn what_is_asked_for_on_entering_overrides_what_the_event_asked_for() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).on_enter(|_, state| match state {
            "b" => entered().state_timeout(2 * SECOND, "of entering").cancel(Timer::Named("x")),
            _ => entered(),
        });
        let script = script.on_event(|_, event| match said(&event) {
            "go" => next_state("b").state_timeout(SECOND, "of the event").named_timeout("x", SECOND, "never"),
            _ => keep_state(),
        });
        let machine = script.link(&mut ctx).await;
        machine.cast(Say::Cast("go"));
        ctx.sleep(SECOND + SECOND / 2).await;
        assert_eq!(log.take(), "a enters a, a: cast go, a enters b");
        ctx.sleep(SECOND).await;
        assert_eq!(log.take(), "b: state timeout of entering");
    });
}

#[test]
fn a_machine_may_fail_when_it_enters_a_state_and_then_terminates_in_it() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).on_enter(|_, state| {
            assert_ne!(state, "b", "b is forbidden");
            entered()
        });
        let script = script.on_event(|_, event| match said(&event) {
            "go" => next_state("b").postpone(event),
            _ => keep_state(),
        });
        let machine = script.link(&mut ctx).await;
        machine.cast(Say::Cast("go"));
        let ExitReason::Panic(panic) = machine.exited().await else { panic!() };
        assert!(panic.message().contains("b is forbidden"), "{panic}");
        let happened = log.take();
        assert!(happened.starts_with("a enters a, a: cast go, a enters b, b: terminate panic: "), "{happened}");
        assert_eq!(ctx.system().dead_letter_count(), 1, "what it postponed meanwhile");
    });
}
