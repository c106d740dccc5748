//! Records between slog and the `log` crate.

mod common;

use std::sync::{Arc, Mutex};

use common::records::Records;
use proscenium_runtime::bridges::{LogToSlog, SlogToLog};
use proscenium_runtime::testing::TestSystem;
use proscenium_runtime::{Context, SpawnOptions, System};
use slog::{Discard, Drain, Logger, o};

/// A logger for the `log` crate that keeps each record as `LEVEL target: text`.
struct Kept(Mutex<Vec<String>>);

static KEPT: Kept = Kept(Mutex::new(Vec::new()));

impl log::Log for Kept {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target() != "unwanted"
    }

    fn log(&self, record: &log::Record<'_>) {
        let text = format!("{} {}: {}", record.level(), record.target(), record.args());
        self.0.lock().expect("nobody panics with it").push(text);
    }

    fn flush(&self) {
        self.0.lock().expect("nobody panics with it").push("flushed".into());
    }
}

#[test]
fn what_a_system_logs_reaches_the_logger_of_log() {
    log::set_logger(&KEPT).expect("it is the only one");
    log::set_max_level(log::LevelFilter::Info);
    let system = System::builder("shop").logger(Logger::root(SlogToLog.fuse(), o!("system" => "shop"))).build();
    let outcome = system.expect("there are threads").run(|ctx: Context<()>| async move {
        slog::info!(ctx.logger(), "sold {}", "tea"; "pieces" => 2);
        slog::debug!(ctx.logger(), "below what log wants");
        assert!(!ctx.logger().is_debug_enabled() && ctx.logger().is_info_enabled());
        slog::crit!(ctx.logger(), "out of cheese");
        panic!("{}", ctx.pid());
    });
    let told = outcome.expect_err("it panics").to_string();
    let pid = told.rsplit(' ').next().expect("it ends with the pid");
    let kept = KEPT.0.lock().expect("nobody panicked");
    assert_eq!(kept[0], format!("INFO bridge_log: sold tea pieces=2 pid={pid} system=shop"));
    assert_eq!(kept[1], format!("ERROR bridge_log: out of cheese pid={pid} system=shop"));
    let crash = format!("ERROR proscenium_runtime::report: process crashed pid={pid} ");
    assert!(kept[2].starts_with(&crash), "{}", kept[2]);
    assert_eq!(kept[3..], ["flushed"]);
}

/// A simulated system, its records, and a bridge to them.
fn bridged() -> (TestSystem, Records, Arc<LogToSlog>) {
    // Every test here sets the same.
    log::set_max_level(log::LevelFilter::Info);
    let records = Records::default();
    let test = TestSystem::with_logger(7, Logger::root(records.clone().fuse(), o!("system" => "shop")));
    let bridge = Arc::new(LogToSlog::new(&test));
    (test, records, bridge)
}

#[test]
fn what_a_library_logs_in_a_process_tells_who_that_is() {
    let (test, records, bridge) = bridged();
    let outside = bridge.clone();
    let options = SpawnOptions::new().name("till").label("sells tea");
    let child = test.spawn_with(options, move |_ctx: Context<()>| async move {
        log::warn!(logger: *bridge, target: "library", "out of {}", "cheese");
    });
    let child = child.expect("the name is free");
    test.block_on(child.exited());
    log::error!(logger: *outside, target: "library", "from nowhere");
    let pid = child.pid().expect("it is a process");
    let expected = [
        format!("WARN out of cheese target=library pid={pid} name=till label=sells tea system=shop"),
        "ERRO from nowhere target=library system=shop".into(),
    ];
    assert_eq!(records.all(), expected);
}

#[test]
fn a_process_of_another_system_is_not_taken_for_one_of_this() {
    let (test, records, bridge) = bridged();
    let other = TestSystem::with_logger(7, Logger::root(Discard, o!()));
    // Both have a process with this pid.
    let ours = test.spawn(common::idle);
    let theirs =
        other.spawn(move |_ctx: Context<()>| async move { log::info!(logger: *bridge, target: "library", "hi") });
    assert_eq!(ours.pid(), theirs.pid());
    other.block_on(theirs.exited());
    assert_eq!(records.all(), ["INFO hi target=library system=shop"]);
}

#[test]
fn a_bridge_keeps_no_system_alive() {
    let (test, records, bridge) = bridged();
    drop(test);
    log::info!(logger: *bridge, target: "library", "too late, and no harm");
    assert_eq!(records.all(), ["INFO too late, and no harm target=library system=shop"]);
    assert!(format!("{bridge:?}").contains("None"), "{bridge:?}");
}
