//! What is told with `tracing`, as records.

mod common;

use common::records::Records;
use proscenium_runtime::bridges::TracingToSlog;
use proscenium_runtime::testing::TestSystem;
use proscenium_runtime::{Context, SpawnOptions};
use slog::{Drain, Level, Logger, o};
use tracing::subscriber::with_default;
use tracing_subscriber::layer::SubscriberExt;

/// What is logged when `tell` runs with a system and a bridge to it.
fn told(tell: impl FnOnce(&TestSystem)) -> Vec<String> {
    let records = Records::default();
    let drain = records.clone().filter_level(Level::Info);
    let test = TestSystem::with_logger(7, Logger::root(drain.fuse(), o!("system" => "shop")));
    let subscriber = tracing_subscriber::registry().with(TracingToSlog::new(&test));
    with_default(subscriber, || tell(&test));
    records.all()
}

#[test]
fn an_event_is_a_record_with_its_fields_and_its_process() {
    let mut pid = None;
    let told = told(|test| {
        let options = SpawnOptions::new().name("till");
        let till = test.spawn_with(options, |_ctx: Context<()>| async {
            tracing::warn!(target: "library", left = 0, kind = "gouda", hot = true, list = ?[1, 2], "out of {}", "cheese");
            tracing::debug!(target: "library", "nobody wants to know");
        });
        let till = till.expect("the name is free");
        test.block_on(till.exited());
        tracing::error!(target: "library", "from nowhere");
        pid = till.pid();
    });
    let pid = pid.expect("it is a process");
    let expected = [
        format!(
            "WARN out of cheese target=library list=[1, 2] hot=true kind=gouda left=0 pid={pid} name=till system=shop"
        ),
        "ERRO from nowhere target=library system=shop".into(),
    ];
    assert_eq!(told, expected);
}

#[test]
fn the_spans_around_an_event_are_told_with_their_fields() {
    let told = told(|_| {
        let serve = tracing::info_span!("serve", client = 7, bytes = tracing::field::Empty).entered();
        serve.record("bytes", 1);
        serve.record("bytes", 2);
        let read = tracing::info_span!("read", file = "prices").entered();
        tracing::info!(target: "library", line = 3, "no number");
        drop((read, serve));
        tracing::info!(target: "library", "done");
    });
    let expected = [
        "INFO no number span=serve:read bytes=2 client=7 file=prices target=library line=3 system=shop",
        "INFO done target=library system=shop",
    ];
    assert_eq!(told, expected);
}

#[test]
fn what_a_drain_tells_with_tracing_is_not_bridged_back_for_ever() {
    let records = Records::default();
    let kept = records.clone();
    // A filter is asked for every record, as a drain is.
    let drain = slog::Filter::new(kept, |_| {
        tracing::info!(target: "library", "writing");
        true
    });
    let test = TestSystem::with_logger(7, Logger::root(drain.fuse(), o!()));
    with_default(tracing_subscriber::registry().with(TracingToSlog::new(&test)), || {
        tracing::info!(target: "library", "hello");
    });
    assert_eq!(records.all(), ["INFO hello target=library"]);
}
