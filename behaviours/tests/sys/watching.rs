//! Logs, statistics, traces and functions that look on.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use proscenium_behaviours::{SysEvent, SysEventKind};
use proscenium_runtime::ExitReason;

use super::common::{Ask, SECOND, adder, in_any_order};

fn texts(events: &[SysEvent]) -> Vec<&str> {
    events.iter().map(|event| &*event.text).collect()
}

#[test]
fn a_log_has_the_last_events_oldest_first_until_it_is_ended() {
    in_any_order(|mut ctx| async move {
        let (adder, sys) = adder(&mut ctx).await;
        adder.cast(Ask::Add(1));
        assert_eq!(sys.get_log().await, Ok(vec![]));
        sys.log(2).await.unwrap();
        for n in 2..5 {
            adder.cast(Ask::Add(n));
        }
        let log = sys.get_log().await.unwrap();
        assert_eq!(texts(&log), ["Add(3)", "Add(4)"]);
        assert_eq!((Some(log[0].pid), log[0].kind, log[0].at), (adder.pid(), SysEventKind::In, ctx.system().now()));
        assert_eq!(texts(&sys.get_status().await.unwrap().log), ["Add(3)", "Add(4)"]);
        sys.log(0).await.unwrap();
        adder.cast(Ask::Add(5));
        assert_eq!(sys.get_log().await, Ok(vec![]));
    });
}

#[test]
fn statistics_count_from_when_they_were_asked_for() {
    in_any_order(|mut ctx| async move {
        let (adder, sys) = adder(&mut ctx).await;
        adder.cast(Ask::Add(1));
        assert_eq!(sys.get_statistics().await, Ok(None));
        sys.statistics(true).await.unwrap();
        adder.cast(Ask::Add(1));
        assert_eq!(adder.call(Ask::Total).await, Ok(2));
        ctx.sleep(SECOND).await;
        let counted = sys.get_statistics().await.unwrap().unwrap();
        assert_eq!((counted.time, counted.messages_in, counted.messages_out), (SECOND, 2, 0));
        sys.statistics(true).await.unwrap();
        assert_eq!(sys.get_statistics().await.unwrap().unwrap().messages_in, 0);
        sys.statistics(false).await.unwrap();
        assert_eq!(sys.get_statistics().await, Ok(None));
    });
}

#[test]
fn a_trace_tells_every_subscriber_of_every_event_as_it_is_handled() {
    in_any_order(|mut ctx| async move {
        let (adder, sys) = adder(&mut ctx).await;
        let [first, second] = [sys.trace().await.unwrap(), sys.trace().await.unwrap()];
        adder.cast(Ask::Add(1));
        assert_eq!(&*first.recv().await.unwrap().text, "Add(1)");
        drop(first);
        adder.cast(Ask::Fail);
        adder.exited().await;
        let seen: Vec<_> = std::iter::from_fn(|| second.try_recv().ok()).map(|event| event.to_string()).collect();
        let pid = adder.pid().unwrap();
        assert_eq!(seen, [format!("{pid} in Add(1)"), format!("{pid} in Fail")]);
        assert!(second.is_closed());
    });
}

#[test]
fn a_function_sees_events_until_it_breaks_panics_or_is_removed() {
    in_any_order(|mut ctx| async move {
        let (adder, sys) = adder(&mut ctx).await;
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let seer = |name: &'static str, ending: fn(&str) -> ControlFlow<()>| {
            let seen = seen.clone();
            move |event: &SysEvent| {
                seen.lock().unwrap().push(format!("{name} {}", event.text));
                ending(&event.text)
            }
        };
        let stays = |_: &str| ControlFlow::Continue(());
        assert_eq!(sys.install("stays", seer("stays", stays)).await, Ok(true));
        assert_eq!(sys.install("stays", seer("again", stays)).await, Ok(false));
        assert_eq!(sys.install("breaks", seer("breaks", |_| ControlFlow::Break(()))).await, Ok(true));
        assert_eq!(sys.install("panics", seer("panics", |text| panic!("{text}"))).await, Ok(true));
        adder.cast(Ask::Add(1));
        adder.cast(Ask::Add(2));
        assert_eq!(adder.call(Ask::Total).await, Ok(3));
        assert_eq!((sys.remove("panics").await, sys.remove("stays").await), (Ok(false), Ok(true)));
        adder.cast(Ask::Add(3));
        assert_eq!(adder.call(Ask::Total).await, Ok(6));
        let expected = ["stays Add(1)", "breaks Add(1)", "panics Add(1)", "stays Add(2)", "stays Total"];
        assert_eq!(*seen.lock().unwrap(), expected);
    });
}

#[test]
fn no_debug_ends_all_of_it() {
    in_any_order(|mut ctx| async move {
        let (adder, sys) = adder(&mut ctx).await;
        sys.log(9).await.unwrap();
        sys.statistics(true).await.unwrap();
        let events = sys.trace().await.unwrap();
        assert_eq!(sys.install("watcher", |_| ControlFlow::Continue(())).await, Ok(true));
        adder.cast(Ask::Add(1));
        sys.no_debug().await.unwrap();
        adder.cast(Ask::Add(2));
        assert_eq!((sys.get_log().await, sys.get_statistics().await), (Ok(vec![]), Ok(None)));
        assert_eq!((events.len(), events.is_closed()), (1, true));
        assert_eq!(sys.remove("watcher").await, Ok(false));
        assert_eq!(sys.stop(ExitReason::Normal).await, Ok(()));
    });
}
