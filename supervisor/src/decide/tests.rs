//! What the machine decides, as tables: children, what happens to them, what is done.

use std::time::Duration;

use proscenium_runtime::ExitReason;

use super::bench::{Bench, FLAGS, pids};
use super::{Event, Flags};
use crate::auto_shutdown::AutoShutdown;
use crate::backoff::Backoff;
use crate::strategy::Strategy::{self, OneForAll, OneForOne, RestForOne};

/// A machine that has booted.
fn booted(flags: Flags, children: &str) -> Bench {
    let mut bench = Bench::new(flags, children);
    bench.play("boot");
    bench
}

fn with(strategy: Strategy) -> Flags {
    Flags { strategy, ..FLAGS }
}

fn bearing(intensity: u32) -> Flags {
    Flags { intensity, ..FLAGS }
}

/// Plays `script` to `children` that run, and compares what is done.
#[track_caller]
fn check(flags: Flags, children: &str, script: &str, done: &str) {
    assert_eq!(booted(flags, children).play(script), done, "{children} | {script}");
}

/// As [`check`], for which children there are in the end.
#[track_caller]
fn check_children(flags: Flags, children: &str, script: &str, left: &str) {
    let mut bench = booted(flags, children);
    bench.play(script);
    assert_eq!(bench.children(), left, "{children} | {script}");
}

/// As [`check`], for what is reported.
#[track_caller]
fn check_reports(children: &str, script: &str, reported: &str) {
    let mut bench = booted(FLAGS, children);
    bench.play(script);
    assert_eq!(bench.reports.join(", "), reported, "{children} | {script}");
}

#[test]
fn one_for_one_restarts_only_the_child_that_ended() {
    check(with(OneForOne), "a b c", "crash b", "start b");
}

#[test]
fn one_for_all_stops_the_others_youngest_first_and_starts_all() {
    check(with(OneForAll), "a b c", "crash b", "stop c, stop a, start a, start b, start c");
}

#[test]
fn rest_for_one_restarts_only_younger_siblings() {
    check(with(RestForOne), "a b c", "crash a", "stop c, stop b, start a, start b, start c");
    check(with(RestForOne), "a b c", "crash b", "stop c, start b, start c");
    check(with(RestForOne), "a b c", "crash c", "start c");
}

#[test]
fn a_child_is_restarted_as_its_spec_says() {
    let table = [
        // reason,  permanent,  transient,     temporary
        ("normal", ["start c", "", ""]),
        ("shutdown", ["start c", "", ""]),
        ("done", ["start c", "", ""]),
        ("killed", ["start c", "start c", ""]),
        ("boom", ["start c", "start c", ""]),
    ];
    for (reason, [permanent, transient, temporary]) in table {
        check(FLAGS, "c", &format!("exit c {reason}"), permanent);
        check(FLAGS, "c:transient", &format!("exit c {reason}"), transient);
        check(FLAGS, "c:temporary", &format!("exit c {reason}"), temporary);
    }
}

#[test]
fn a_spec_outlives_its_child_unless_it_is_temporary() {
    check_children(FLAGS, "a:transient b:temporary c:temporary", "end a, end b, crash c", "a:down");
    check_children(FLAGS, "a b:temporary", "terminate a, terminate b", "a:down");
}

#[test]
fn an_abnormal_end_and_any_end_of_a_permanent_child_are_reported() {
    check_reports("a", "end a", "ChildTerminated a normal");
    check_reports("a:transient", "exit a done", "");
    check_reports("a:transient", "crash a", "ChildTerminated a boom");
    check_reports("a:temporary", "crash a", "ChildTerminated a boom");
}

#[test]
fn children_start_in_order() {
    assert_eq!(Bench::new(FLAGS, "a b c").play("boot"), "start a, start b, start c");
}

#[test]
fn a_failed_start_stops_what_had_started_and_names_the_child() {
    let done = Bench::new(FLAGS, "a b c d").play("fail c, boot");
    assert_eq!(done, "start a, start b, start c fails, stop b, stop a, exit shutdown(c failed)");
}

#[test]
fn a_child_that_chooses_not_to_run_keeps_its_spec_unless_it_is_temporary() {
    let mut bench = Bench::new(FLAGS, "a b:temporary c");
    assert_eq!(bench.play("ignore a, ignore b, boot"), "start a ignored, start b ignored, start c");
    assert_eq!(bench.children(), "a:down c:up");
}

#[test]
fn a_child_that_chooses_not_to_run_when_restarted_is_left_alone() {
    check_children(FLAGS, "a", "ignore a, crash a", "a:down");
}

#[test]
fn a_group_restart_revives_what_was_stopped_and_forgets_what_is_temporary() {
    let children = "a b:transient c:temporary d:temporary";
    for strategy in [OneForAll, RestForOne] {
        check(with(strategy), children, "end b, end c, crash a", "stop d, start a, start b");
        check_children(with(strategy), children, "end b, end c, crash a", "a:up b:up");
    }
    check(with(RestForOne), "a b c", "terminate a, crash b", "stop a, answer ok, stop c, start b, start c");
}

#[test]
fn a_failed_restart_is_tried_again() {
    check(
        FLAGS,
        "a",
        "fail a, fail a, crash a, retry, retry",
        "start a fails, retry a, start a fails, retry a, start a",
    );
    check_children(FLAGS, "a b", "fail a, crash a", "a:restarting b:up");
}

#[test]
fn one_for_all_stops_what_a_failed_attempt_had_started() {
    check(
        with(OneForAll),
        "a b c",
        "fail b, crash c, retry",
        "stop b, stop a, start a, start b fails, retry b, stop a, start a, start b, start c",
    );
}

#[test]
fn rest_for_one_keeps_what_a_failed_attempt_had_started_before() {
    check(
        with(RestForOne),
        "a b c",
        "fail b, crash a, retry",
        "stop c, stop b, start a, start b fails, retry b, start b, start c",
    );
}

#[test]
fn a_retry_of_a_child_that_no_longer_wants_it_does_nothing() {
    check(FLAGS, "a", "fail a, crash a, terminate a, retry", "start a fails, retry a, answer ok");
    check_children(FLAGS, "a", "fail a, crash a, terminate a, retry", "a:down");
    check(FLAGS, "a", "fail a, crash a, terminate a, delete a, retry", "start a fails, retry a, answer ok, answer ok");
    check(
        FLAGS,
        "a",
        "fail a, crash a, terminate a, restart a, retry",
        "start a fails, retry a, answer ok, start a, answer up",
    );
}

#[test]
fn between_two_attempts_a_restart_can_be_asked_about_and_stopped() {
    let failing = "fail a, fail a, crash a, restart a, delete a, add a, retry, stop";
    check(
        FLAGS,
        "a b",
        failing,
        "start a fails, retry a, answer restarting, answer restarting, answer already present, \
         start a fails, retry a, stop b, exit shutdown",
    );
}

#[test]
fn more_restarts_than_the_intensity_end_the_supervisor() {
    check(bearing(0), "a b", "crash b", "stop a, exit shutdown");
    check(bearing(1), "a b", "crash b, crash b", "start b, stop a, exit shutdown");
    check(bearing(2), "a b c", "crash b, crash a, crash b", "start b, start a, stop c, stop a, exit shutdown");
}

#[test]
fn every_attempt_counts() {
    let failing = "fail a, fail a, fail a, crash a, retry, retry, retry";
    check(
        bearing(3),
        "a",
        failing,
        "start a fails, retry a, start a fails, retry a, start a fails, retry a, exit shutdown",
    );
}

#[test]
fn a_group_counts_as_one() {
    let one_for_all = Flags { strategy: OneForAll, ..bearing(1) };
    check(one_for_all, "a b", "crash a, wait 6000, crash b", "stop b, start a, start b, stop a, start a, start b");
}

#[test]
fn restarts_leave_the_window_after_more_whole_seconds_than_the_period_has() {
    check(bearing(1), "a", "crash a, wait 5000, crash a", "start a, exit shutdown");
    check(bearing(1), "a", "crash a, wait 5999, crash a", "start a, exit shutdown");
    check(bearing(1), "a", "crash a, wait 6000, crash a, wait 6000, crash a", "start a, start a, start a");
}

#[test]
fn ends_without_a_restart_and_requests_do_not_count() {
    let script = "end a, crash b, terminate c, restart c";
    check(bearing(0), "a:transient b:temporary c", script, "stop c, answer ok, start c, answer up");
}

#[test]
fn giving_up_is_reported_with_the_child_that_was_too_much() {
    let mut bench = booted(bearing(0), "a b");
    bench.play("crash b");
    let given_up = "Shutdown b reached the maximum restart intensity: more than 0 within 5s";
    assert_eq!(bench.reports, ["ChildTerminated b boom", given_up]);
}

#[test]
fn a_supervisor_that_is_stopped_stops_those_that_run_youngest_first() {
    check(FLAGS, "a b c d", "terminate b, stop", "stop b, answer ok, stop d, stop c, stop a, exit shutdown");
    check(FLAGS, "", "stop", "exit shutdown");
}

#[test]
fn requests_are_answered_by_the_state_of_the_child() {
    let table = [
        // request,  running,           stopped,             restarting,         unknown
        ("add a", ["already started", "already present", "already present", "up"]),
        ("restart a", ["running", "up", "restarting", "not found"]),
        ("delete a", ["running", "ok", "restarting", "not found"]),
        ("terminate a", ["ok", "ok", "ok", "not found"]),
    ];
    let states = ["wait 0", "terminate a", "fail a, crash a", "terminate a, delete a"];
    for (request, answers) in table {
        for (state, answer) in states.iter().zip(answers) {
            let mut bench = booted(FLAGS, "a b");
            bench.play(state);
            let done = bench.play(request);
            let last = done.split(", ").last();
            assert_eq!(last, Some(&*format!("answer {answer}")), "{request} after {state}");
        }
    }
}

#[test]
fn a_child_that_is_added_and_does_not_start_is_forgotten() {
    check(FLAGS, "a", "fail b, add b", "start b fails, answer failed");
    check_children(FLAGS, "a", "fail b, add b", "a:up");
    check_children(FLAGS, "a", "ignore b, add b", "a:up b:down");
    check_children(FLAGS, "a", "ignore b, add b:temporary", "a:up");
}

#[test]
fn a_child_that_is_restarted_on_request_and_does_not_start_is_kept() {
    check(FLAGS, "a", "terminate a, fail a, restart a", "stop a, answer ok, start a fails, answer failed");
    check_children(FLAGS, "a", "terminate a, fail a, restart a", "a:down");
}

#[test]
fn a_child_that_is_added_comes_last() {
    check(with(RestForOne), "a b", "add c, crash b", "start c, answer up, stop c, start b, start c");
}

#[test]
fn the_end_of_who_is_no_child_is_ignored() {
    let mut bench = booted(FLAGS, "a b");
    let stranger = pids()[4000];
    let reason = ExitReason::error("boom");
    bench.play("wait 0");
    bench.feed(Event::Exited { pid: stranger, reason });
    assert!(bench.log.is_empty() && bench.reports.is_empty());
}

#[test]
fn a_stop_that_went_otherwise_than_told_is_reported() {
    let table = [
        // reason,  permanent,  not permanent,  killed on purpose
        ("shutdown", [false, false, false]),
        ("normal", [true, false, true]),
        ("done", [true, false, true]),
        ("killed", [true, true, false]),
        ("boom", [true, true, true]),
    ];
    for (reason, reported) in table {
        for (child, reported) in ["a", "a:transient", "a:brutal"].iter().zip(reported) {
            let expected = if reported { format!("ShutdownError a {reason}") } else { String::new() };
            check_reports(child, &format!("stops a {reason}, terminate a"), &expected);
        }
    }
}

#[test]
fn a_child_that_never_yields_is_reported_and_given_up() {
    check_reports("a b", "hangs b, terminate b", "Abandoned b killed");
    check_children(FLAGS, "a b", "hangs b, terminate b", "a:up b:down");
}

#[test]
fn significant_children_end_the_supervisor_by_ending_themselves() {
    let auto = |auto_shutdown| Flags { auto_shutdown, ..FLAGS };
    let (any, all) = (auto(AutoShutdown::AnySignificant), auto(AutoShutdown::AllSignificant));
    let children = "a:transient:significant b:temporary:significant c:transient";
    check(any, children, "end c", "");
    check(any, children, "end a", "stop c, stop b, exit shutdown");
    check(any, children, "crash a", "start a");
    check(any, children, "crash b", "stop c, stop a, exit shutdown");
    check(any, children, "terminate a, terminate b", "stop a, answer ok, stop b, answer ok");
    check(all, children, "end a", "");
    check(all, children, "end a, crash b", "stop c, exit shutdown");
    check(all, children, "terminate a, crash b", "stop a, answer ok, stop c, exit shutdown");
    check(all, children, "fail a, crash a, crash b", "start a fails, retry a");
}

#[test]
fn a_group_restart_is_no_end_of_the_siblings_own() {
    let flags = Flags { strategy: OneForAll, auto_shutdown: AutoShutdown::AnySignificant, ..FLAGS };
    check(flags, "a b:temporary:significant", "crash a", "stop b, start a");
}

#[test]
fn a_significant_child_needs_a_supervisor_that_minds_and_an_end() {
    check(FLAGS, "", "add a:transient:significant", "answer significant in vain");
    let flags = Flags { auto_shutdown: AutoShutdown::AnySignificant, ..FLAGS };
    check(flags, "", "add a:significant", "answer significant and permanent");
    check(flags, "", "add a:temporary:significant", "start a, answer up");
}

#[test]
fn the_period_is_that_of_the_flags() {
    let flags = Flags { period: Duration::from_secs(1), ..bearing(1) };
    check(flags, "a", "crash a, wait 2000, crash a", "start a, start a");
}

/// Pauses of 100 ms, 200 ms, 400 ms and so on.
fn pausing(flags: Flags) -> Flags {
    Flags { backoff: Some(Backoff::new(Duration::from_millis(100))), ..flags }
}

#[test]
fn with_a_backoff_each_restart_waits_twice_as_long_as_the_one_before() {
    let script = "crash a, retry, crash a, retry, wait 6000, crash a, retry";
    check(pausing(FLAGS), "a b", script, "pause a 100, start a, pause a 200, start a, pause a 100, start a");
}

#[test]
fn siblings_that_share_its_fate_stop_before_the_pause_and_start_after_it() {
    let script = "crash b, retry";
    check(pausing(with(OneForAll)), "a b c", script, "stop c, stop a, pause b 100, start a, start b, start c");
    check(pausing(with(RestForOne)), "a b c", script, "stop c, pause b 100, start b, start c");
}

#[test]
fn a_pause_is_part_of_its_restart_and_counts_once() {
    let flags = pausing(bearing(2));
    let script = "crash a, retry, crash a, retry, crash a";
    check(flags, "a", script, "pause a 100, start a, pause a 200, start a, exit shutdown");
    let failing = "fail a, crash a, retry, retry, retry, crash a";
    check(flags, "a", failing, "pause a 100, start a fails, retry a, pause a 200, start a, exit shutdown");
}

#[test]
fn a_pause_ends_with_a_request_or_with_the_supervisor() {
    let flags = pausing(FLAGS);
    check(flags, "a b", "crash a, terminate a, retry", "pause a 100, answer ok");
    check_children(flags, "a b", "crash a, terminate a, retry", "a:down b:up");
    check(flags, "a b", "crash a, restart a, stop", "pause a 100, answer restarting, stop b, exit shutdown");
}

#[test]
fn the_end_of_a_pause_that_was_cancelled_does_not_end_the_next_one() {
    let script = "crash a, terminate a, restart a, crash a, retry, retry";
    check(pausing(FLAGS), "a", script, "pause a 100, answer ok, start a, answer up, pause a 200, start a");
}
