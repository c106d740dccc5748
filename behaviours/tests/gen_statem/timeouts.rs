//! State, event and named timeouts.

use std::time::Duration;

use proscenium_behaviours::Sys;
use proscenium_behaviours::gen_statem::{Event, Timer, keep_state, next_state, repeat_state};

use super::common::{Log, SECOND, Say, Script, in_any_order, said, settle};

#[test]
fn a_state_timeout_comes_once_when_its_time_is_over_and_never_early() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).on_event(|_, event| match said(&event) {
            "set" => keep_state().state_timeout(SECOND, "now"),
            "repeat" => repeat_state(),
            _ => keep_state(),
        });
        let machine = script.link(&mut ctx).await;
        machine.cast(Say::Cast("set"));
        machine.cast(Say::Cast("other"));
        machine.cast(Say::Cast("repeat"));
        ctx.sleep(SECOND - Duration::from_nanos(2)).await;
        assert_eq!(log.take(), "a: cast set, a: cast other, a: cast repeat");
        ctx.sleep(Duration::from_nanos(4)).await;
        assert_eq!(log.take(), "a: state timeout now");
        ctx.sleep(3600 * SECOND).await;
        assert_eq!(log.take(), "");
    });
}

#[test]
fn a_state_change_cancels_the_state_timeout_but_not_the_one_that_it_starts() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).on_event(|_, event| match said(&event) {
            "set" => keep_state().state_timeout(SECOND, "of a"),
            "b" => next_state("b").state_timeout(2 * SECOND, "of b"),
            "c" => next_state("c"),
            _ => keep_state(),
        });
        let machine = script.link(&mut ctx).await;
        machine.cast(Say::Cast("set"));
        machine.cast(Say::Cast("b"));
        ctx.sleep(3 * SECOND).await;
        assert_eq!(log.take(), "a: cast set, a: cast b, b: state timeout of b");
        machine.cast(Say::Cast("b"));
        machine.cast(Say::Cast("c"));
        ctx.sleep(3 * SECOND).await;
        assert_eq!(log.take(), "b: cast b, b: cast c");
    });
}

#[test]
fn a_state_timeout_of_no_time_that_waits_is_cancelled_by_a_state_change_too() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).on_event(|_, event| match event {
            Event::Message(Say::Cast("set")) => {
                keep_state().state_timeout(Duration::ZERO, "never").next_event(Event::Internal("go"))
            }
            Event::Internal("go") => next_state("b"),
            _ => keep_state(),
        });
        let machine = script.link(&mut ctx).await;
        machine.cast(Say::Cast("set"));
        settle(&ctx).await;
        assert_eq!(log.take(), "a: cast set, a: internal go");
    });
}

#[test]
fn whatever_is_handled_cancels_the_event_timeout() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).on_event(|_, event| match said(&event) {
            "set" => keep_state().event_timeout(SECOND, "idle"),
            "named" => keep_state().named_timeout("x", SECOND / 2, "").event_timeout(SECOND, "never"),
            "again" => keep_state().event_timeout(SECOND, "idle"),
            _ => keep_state(),
        });
        let machine = script.link(&mut ctx).await;
        machine.cast(Say::Cast("set"));
        ctx.sleep(2 * SECOND).await;
        assert_eq!(log.take(), "a: cast set, a: event timeout idle");

        machine.cast(Say::Cast("set"));
        ctx.sleep(SECOND / 2).await;
        machine.cast(Say::Cast("something"));
        machine.cast(Say::Cast("named"));
        ctx.sleep(3600 * SECOND).await;
        assert_eq!(log.take(), "a: cast set, a: cast something, a: cast named, a: x timeout ");

        machine.cast(Say::Cast("again"));
        ctx.sleep(SECOND / 2).await;
        machine.cast(Say::Cast("again"));
        ctx.sleep(SECOND - Duration::from_nanos(2)).await;
        assert_eq!(log.take(), "a: cast again, a: cast again");
        ctx.sleep(Duration::from_nanos(4)).await;
        assert_eq!(log.take(), "a: event timeout idle");
    });
}

#[test]
fn named_timeouts_run_side_by_side_and_survive_state_changes() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).on_event(|_, event| match said(&event) {
            "set" => keep_state().named_timeout("x", 3 * SECOND, "3").named_timeout("y", SECOND, "1").named_timeout(
                "z",
                2 * SECOND,
                "2",
            ),
            "go" => next_state("b"),
            "override" => keep_state().named_timeout("x", 10 * SECOND, "10"),
            _ => keep_state(),
        });
        let machine = script.link(&mut ctx).await;
        machine.cast(Say::Cast("set"));
        machine.cast(Say::Cast("go"));
        ctx.sleep(5 * SECOND).await;
        assert_eq!(log.take(), "a: cast set, a: cast go, b: y timeout 1, b: z timeout 2, b: x timeout 3");

        machine.cast(Say::Cast("set"));
        machine.cast(Say::Cast("override"));
        ctx.sleep(9 * SECOND).await;
        assert_eq!(log.take(), "b: cast set, b: cast override, b: y timeout 1, b: z timeout 2");
        ctx.sleep(2 * SECOND).await;
        assert_eq!(log.take(), "b: x timeout 10");
    });
}

#[test]
fn a_timeout_may_be_set_for_an_instant_also_for_one_that_has_passed() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (past, future) = (ctx.system().now(), ctx.system().now() + 10 * SECOND);
        ctx.sleep(4 * SECOND).await;
        let script = Script::new(&log).on_event(move |_, event| match said(&event) {
            "set" => keep_state().named_timeout("x", future, "future").state_timeout(past, "past"),
            _ => keep_state(),
        });
        let machine = script.link(&mut ctx).await;
        machine.cast(Say::Cast("set"));
        ctx.sleep(6 * SECOND - Duration::from_nanos(2)).await;
        assert_eq!(log.take(), "a: cast set, a: state timeout past");
        ctx.sleep(Duration::from_nanos(4)).await;
        assert_eq!(log.take(), "a: x timeout future");
    });
}

#[test]
fn a_timeout_can_be_cancelled_and_what_it_carries_changed() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).on_event(|_, event| match said(&event) {
            "set" => keep_state().state_timeout(2 * SECOND, "old").named_timeout("x", 2 * SECOND, "old"),
            "update" => keep_state().update(Timer::State, "new").update(Timer::Named("x"), "new"),
            "cancel" => keep_state().cancel(Timer::State).cancel(Timer::Named("x")).cancel(Timer::Named("unknown")),
            _ => keep_state(),
        });
        let machine = script.link(&mut ctx).await;
        machine.cast(Say::Cast("set"));
        ctx.sleep(SECOND).await;
        machine.cast(Say::Cast("update"));
        ctx.sleep(SECOND - Duration::from_nanos(2)).await;
        assert_eq!(log.take(), "a: cast set, a: cast update");
        ctx.sleep(Duration::from_nanos(4)).await;
        assert_eq!(log.take(), "a: state timeout new, a: x timeout new");

        machine.cast(Say::Cast("set"));
        machine.cast(Say::Cast("cancel"));
        ctx.sleep(3600 * SECOND).await;
        assert_eq!(log.take(), "a: cast set, a: cast cancel");
    });
}

#[test]
fn an_update_of_a_timeout_that_does_not_run_comes_at_once() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).on_event(|_, event| match said(&event) {
            "update" => keep_state().update(Timer::Named("x"), "1").update(Timer::State, "2"),
            _ => keep_state(),
        });
        let machine = script.link(&mut ctx).await;
        machine.cast(Say::Cast("update"));
        machine.cast(Say::Cast("later"));
        settle(&ctx).await;
        assert_eq!(log.take(), "a: cast update, a: x timeout 1, a: state timeout 2, a: cast later");
    });
}

#[test]
fn of_several_actions_on_one_timeout_the_last_counts() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).on_event(|_, event| match said(&event) {
            "set" => keep_state()
                .state_timeout(Duration::ZERO, "never")
                .state_timeout(SECOND, "1")
                .named_timeout("x", SECOND, "never")
                .cancel(Timer::Named("x")),
            "reset" => keep_state().state_timeout(Duration::ZERO, "0").next_event(Event::Internal("restart")),
            _ if matches!(event, Event::Internal("restart")) => keep_state().state_timeout(SECOND, "1 more"),
            _ => keep_state(),
        });
        let machine = script.link(&mut ctx).await;
        machine.cast(Say::Cast("set"));
        settle(&ctx).await;
        assert_eq!(log.take(), "a: cast set");
        ctx.sleep(SECOND).await;
        assert_eq!(log.take(), "a: state timeout 1");

        // OTP 25 loses this one.
        machine.cast(Say::Cast("reset"));
        settle(&ctx).await;
        assert_eq!(log.take(), "a: cast reset, a: internal restart");
        ctx.sleep(SECOND).await;
        assert_eq!(log.take(), "a: state timeout 1 more");
    });
}

#[test]
fn a_time_that_the_clock_cannot_tell_never_comes() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).on_event(|_, event| match said(&event) {
            "set" => keep_state().state_timeout(SECOND, "never"),
            "infinity" => keep_state().state_timeout(Duration::MAX, "never"),
            _ => keep_state(),
        });
        let machine = script.link(&mut ctx).await;
        machine.cast(Say::Cast("set"));
        machine.cast(Say::Cast("infinity"));
        ctx.sleep(3600 * SECOND).await;
        assert_eq!(log.take(), "a: cast set, a: cast infinity");
    });
}

#[test]
fn a_timeout_that_expires_while_the_machine_is_busy_comes_behind_what_waits_then_and_before_a_flood() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let address = ctx.system().named::<Say>("machine");
        let mut floods = 0;
        let script = Script::new(&log).on_event(move |_, event| match said(&event) {
            "set" => keep_state().state_timeout(SECOND, ""),
            "flood" if floods < 3 => {
                floods += 1;
                address.cast(Say::Cast("flood"));
                keep_state()
            }
            _ => keep_state(),
        });
        let machine = script.start().name("machine").link(&mut ctx).await.unwrap();
        machine.cast(Say::Cast("set"));
        machine.cast(Say::Cast("slow"));
        ctx.sleep(SECOND / 2).await;
        machine.cast(Say::Cast("in time"));
        machine.cast(Say::Cast("flood"));
        ctx.sleep(2 * SECOND).await;
        let expected = "a: cast set, a: cast slow, a: cast in time, a: cast flood, a: state timeout , \
                        a: cast flood, a: cast flood, a: cast flood";
        assert_eq!(log.take(), expected);
    });
}

#[test]
fn a_timeout_does_not_wait_for_what_is_taken_out_of_the_mailbox_without_being_handled() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).on_event(|_, event| match said(&event) {
            "set" => keep_state().state_timeout(SECOND, ""),
            _ => keep_state(),
        });
        let machine = script.link(&mut ctx).await;
        machine.cast(Say::Cast("set"));
        machine.cast(Say::Cast("slow"));
        ctx.sleep(SECOND / 2).await;
        // When the timeout expires this waits, and it is no event.
        Sys::new(ctx.system(), &machine).get_status().await.unwrap();
        settle(&ctx).await;
        assert_eq!(log.take(), "a: cast set, a: cast slow, a: state timeout ");
    });
}
