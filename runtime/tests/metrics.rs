//! What a recorder of the facade `metrics` is told.

use std::collections::BTreeMap;
use std::time::Duration;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use proscenium_runtime::testing::TestSystem;
use proscenium_runtime::{Context, ExitReason, describe_metrics};

/// What was published last, as `name{label=value,...}`.
fn published(snapshotter: &Snapshotter) -> BTreeMap<String, String> {
    let metrics = snapshotter.snapshot().into_vec().into_iter();
    let text = metrics.map(|(key, _unit, _description, value)| {
        let labels = key.key().labels().map(|label| format!("{}={}", label.key(), label.value()));
        let labels: Vec<_> = labels.collect();
        let value = match value {
            DebugValue::Counter(count) => count.to_string(),
            DebugValue::Gauge(value) => value.to_string(),
            DebugValue::Histogram(_) => "histogram".to_owned(),
        };
        (format!("{}{{{}}}", key.key().name(), labels.join(",")), value)
    });
    text.collect()
}

/// Lets processes live and die.
fn live(test: &TestSystem) {
    test.run(|mut ctx: Context<u32>| async move {
        let home = ctx.address();
        ctx.spawn(|_ctx: Context<()>| async move { home.cast(1) });
        ctx.receive_message().await;
        let brief = ctx.spawn(|_ctx: Context<u32>| async { Err::<(), _>(ExitReason::error("out of tea")) });
        brief.exited().await;
        brief.cast(1);
    });
    let slow = test.spawn(|ctx: Context<u32>| async move { ctx.sleep(Duration::MAX).await });
    (0..3).for_each(|n| slow.cast(n));
    test.run_until_idle();
}

#[test]
fn all_that_a_system_counts_is_published_under_its_name() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let test = TestSystem::new(1);
    live(&test);
    metrics::with_local_recorder(&recorder, || {
        describe_metrics();
        test.publish_metrics();
    });
    let expected = [
        ("proscenium_processes{system=test}", "1"),
        ("proscenium_workers{system=test}", "1"),
        ("proscenium_timers{system=test}", "1"),
        ("proscenium_messages_queued{system=test}", "3"),
        ("proscenium_longest_queue{system=test}", "3"),
        ("proscenium_busy_seconds{system=test}", "0"),
        ("proscenium_spawned_total{system=test}", "4"),
        ("proscenium_ended_total{system=test,reason=normal}", "2"),
        ("proscenium_ended_total{system=test,reason=shutdown}", "0"),
        ("proscenium_ended_total{system=test,reason=killed}", "0"),
        ("proscenium_ended_total{system=test,reason=panic}", "0"),
        ("proscenium_ended_total{system=test,reason=error}", "1"),
        ("proscenium_crashes_total{system=test}", "1"),
        ("proscenium_restarts_total{system=test}", "0"),
        ("proscenium_messages_sent_total{system=test}", "1"),
        ("proscenium_messages_received_total{system=test}", "1"),
        ("proscenium_dead_letters_total{system=test,reason=no_process}", "0"),
        ("proscenium_dead_letters_total{system=test,reason=exited}", "1"),
        ("proscenium_dead_letters_total{system=test,reason=dropped_at_exit}", "0"),
        ("proscenium_dead_letters_total{system=test,reason=mailbox_full}", "0"),
        ("proscenium_dead_letters_total{system=test,reason=inactive_alias}", "0"),
        ("proscenium_dead_letters_total{system=test,reason=expired}", "0"),
        ("proscenium_dead_letters_total{system=test,reason=not_carried}", "0"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(published(&snapshotter), BTreeMap::from(expected));
}

#[test]
fn every_metric_is_described() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let test = TestSystem::new(1);
    metrics::with_local_recorder(&recorder, || {
        describe_metrics();
        test.publish_metrics();
    });
    for (key, unit, description, _value) in snapshotter.snapshot().into_vec() {
        assert!(unit.is_some() && description.is_some(), "{}", key.key().name());
    }
}

#[test]
fn without_a_recorder_publishing_does_nothing() {
    TestSystem::new(1).publish_metrics();
}
