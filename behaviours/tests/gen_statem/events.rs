//! In which order events are handled, and when again.

use std::time::Duration;

use proscenium_behaviours::gen_statem::{Event, Timer, keep_state, next_state, repeat_state};
use proscenium_runtime::{Context, ExitReason};

use super::common::{Log, Say, Script, in_any_order, said, settle};

#[test]
fn inserted_events_come_next_in_their_order_and_before_what_was_received_or_postponed() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).on_event(|state, event| match (state, said(&event)) {
            ("a", "keep") => keep_state().postpone(event),
            ("a", "go") => next_state("b").next_event(Event::Internal("1")).next_event(Event::Message(Say::Cast("2"))),
            ("b", "2") => keep_state().next_event(Event::Internal("3")),
            _ => keep_state(),
        });
        let machine = script.link(&mut ctx).await;
        for text in ["keep", "go", "last"] {
            machine.cast(Say::Cast(text));
        }
        settle(&ctx).await;
        let expected = "a: cast keep, a: cast go, b: internal 1, b: cast 2, b: internal 3, b: cast keep, b: cast last";
        assert_eq!(log.take(), expected);
    });
}

#[test]
fn postponed_events_are_handled_again_once_the_state_has_changed_the_oldest_first() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).on_event(|state, event| match (state, said(&event)) {
            ("a" | "b", "1" | "2" | "3") => keep_state().postpone(event),
            ("a", "go") => next_state("b"),
            ("b", "go") => next_state("c"),
            _ => keep_state(),
        });
        let machine = script.link(&mut ctx).await;
        for text in ["1", "2", "go", "3", "go"] {
            machine.cast(Say::Cast(text));
        }
        settle(&ctx).await;
        let expected = "a: cast 1, a: cast 2, a: cast go, b: cast 1, b: cast 2, b: cast 3, b: cast go, \
                        c: cast 1, c: cast 2, c: cast 3";
        assert_eq!(log.take(), expected);
    });
}

#[test]
fn to_keep_a_state_to_repeat_it_or_to_go_to_an_equal_one_is_no_change() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).on_event(|state, event| match (state, said(&event)) {
            ("a", "wait") => keep_state().postpone(event),
            ("a", "keep") => keep_state(),
            ("a", "repeat") => repeat_state(),
            ("a", "same") => next_state("a"),
            ("a", "go") => next_state("b"),
            _ => keep_state(),
        });
        let machine = script.link(&mut ctx).await;
        for text in ["wait", "keep", "repeat", "same"] {
            machine.cast(Say::Cast(text));
        }
        settle(&ctx).await;
        assert_eq!(log.take(), "a: cast wait, a: cast keep, a: cast repeat, a: cast same");
        machine.cast(Say::Cast("go"));
        settle(&ctx).await;
        assert_eq!(log.take(), "a: cast go, b: cast wait");
    });
}

#[test]
fn an_event_that_changes_the_state_may_itself_be_postponed_and_is_then_the_newest() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).on_event(|state, event| match (state, said(&event)) {
            ("a", "early") => keep_state().postpone(event),
            ("a", "go") => next_state("b").postpone(event),
            _ => keep_state(),
        });
        let machine = script.link(&mut ctx).await;
        for text in ["early", "go", "late"] {
            machine.cast(Say::Cast(text));
        }
        settle(&ctx).await;
        assert_eq!(log.take(), "a: cast early, a: cast go, b: cast early, b: cast go, b: cast late");
    });
}

#[test]
fn a_call_that_is_postponed_is_answered_from_the_state_that_can() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).on_event(|state, event| match (state, event) {
            ("a", event @ Event::Message(Say::Call(..))) => keep_state().postpone(event),
            ("a", Event::Message(Say::Cast("go"))) => next_state("b"),
            ("b", Event::Message(Say::Call(text, reply))) => keep_state().reply(reply, format!("{text} in b")),
            _ => keep_state(),
        });
        let machine = script.link(&mut ctx).await;
        let first = machine.send_request(|reply| Say::Call("first", reply));
        let second = machine.send_request(|reply| Say::Call("second", reply));
        machine.cast(Say::Cast("go"));
        assert_eq!((first.await, second.await), (Ok("first in b".to_owned()), Ok("second in b".to_owned())));
    });
}

#[test]
fn an_event_of_any_kind_can_be_inserted_and_postponed() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).on_event(|state, event| match (state, said(&event)) {
            ("a", "all") => keep_state()
                .next_event(Event::Message(Say::Cast("1")))
                .next_event(Event::Internal("2"))
                .next_event(Event::StateTimeout("3"))
                .next_event(Event::EventTimeout("4"))
                .next_event(Event::NamedTimeout("x", "5")),
            ("a", "go") => next_state("b"),
            ("a", _) => keep_state().postpone(event),
            _ => keep_state(),
        });
        let machine = script.link(&mut ctx).await;
        machine.cast(Say::Cast("all"));
        settle(&ctx).await;
        let all = |state: &str| {
            ["cast 1", "internal 2", "state timeout 3", "event timeout 4", "x timeout 5"]
                .map(|event| format!("{state}: {event}"))
                .join(", ")
        };
        assert_eq!(log.take(), format!("a: cast all, {}", all("a")));
        machine.cast(Say::Cast("go"));
        settle(&ctx).await;
        assert_eq!(log.take(), format!("a: cast go, {}", all("b")));
    });
}

#[test]
fn timeouts_of_no_time_come_after_postponed_and_inserted_events_and_before_those_not_received() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).on_event(|state, event| match (state, said(&event)) {
            ("a", "keep") => keep_state().postpone(event),
            ("a", "go") => next_state("b")
                .named_timeout("x", Duration::ZERO, "3")
                .state_timeout(Duration::ZERO, "4")
                .next_event(Event::Internal("1")),
            _ => keep_state(),
        });
        let machine = script.link(&mut ctx).await;
        for text in ["keep", "go", "last"] {
            machine.cast(Say::Cast(text));
        }
        settle(&ctx).await;
        let expected = "a: cast keep, a: cast go, b: internal 1, b: cast keep, b: x timeout 3, b: state timeout 4, \
                        b: cast last";
        assert_eq!(log.take(), expected);
    });
}

#[test]
fn an_event_timeout_of_no_time_comes_only_if_nothing_else_is_queued() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).on_event(|_, event| match said(&event) {
            "alone" => keep_state().event_timeout(Duration::ZERO, "came"),
            "inserted" => keep_state().event_timeout(Duration::ZERO, "never").next_event(Event::Internal("1")),
            "behind" => keep_state().named_timeout("x", Duration::ZERO, "1").event_timeout(Duration::ZERO, "never"),
            "before" => keep_state().event_timeout(Duration::ZERO, "came").named_timeout("x", Duration::ZERO, "2"),
            _ => keep_state(),
        });
        let machine = script.link(&mut ctx).await;
        for text in ["alone", "inserted", "behind", "before"] {
            machine.cast(Say::Cast(text));
        }
        settle(&ctx).await;
        let expected = "a: cast alone, a: event timeout came, a: cast inserted, a: internal 1, a: cast behind, \
                        a: x timeout 1, a: cast before, a: event timeout came, a: x timeout 2";
        assert_eq!(log.take(), expected);
    });
}

#[test]
fn ends_of_others_and_requests_to_exit_are_events_of_a_machine_that_traps_exits() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let machine = Script::new(&log).link(&mut ctx).await;
        let pid = machine.pid().unwrap();
        ctx.spawn(move |mut ctx: Context<()>| async move {
            ctx.link(pid);
            Err::<(), _>(ExitReason::error("linked"))
        });
        settle(&ctx).await;
        ctx.spawn(move |ctx: Context<()>| async move { ctx.exit(pid, ExitReason::Shutdown) });
        settle(&ctx).await;
        assert_eq!(log.take(), "a: exit linked, a: exit shutdown");
        assert!(ctx.system().is_alive(pid));
    });
}

#[test]
fn a_machine_that_has_ever_more_to_tell_itself_lets_others_run_and_can_be_ended() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).deaf().on_event(|_, event| match event {
            Event::Internal(_) => keep_state().named_timeout("again", Duration::ZERO, ""),
            _ => keep_state().next_event(Event::Internal("")).cancel(Timer::Event),
        });
        let machine = script.link(&mut ctx).await;
        machine.cast(Say::Cast("go"));
        let innocent = ctx.spawn(|_ctx: Context<()>| async {});
        innocent.exited().await;
        ctx.exit(&machine, ExitReason::Kill);
        assert_eq!(machine.exited().await, ExitReason::Killed);
    });
}
