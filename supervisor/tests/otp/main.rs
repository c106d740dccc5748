//! What Erlang/OTP's own supervisor does with a scenario, ours does too, to the byte: run in turn even where it is chance who
//! runs first.

mod runner;

mod cases;

mod live;
mod unordered;

use runner::Order;

#[test]
fn recorded_scenarios_end_as_in_otp_to_the_byte_when_processes_run_in_turn() {
    let recorded = cases::recorded();
    assert!(recorded.len() >= 300, "only {} scenarios", recorded.len());
    for case in recorded {
        let ours = runner::trace(&case.scenario, Order::InTurn).unwrap();
        assert_eq!(ours, case.trace, "{}", case.name);
    }
}

#[test]
fn recorded_scenarios_end_as_in_otp_in_whatever_order_processes_run() {
    for case in cases::recorded() {
        let unordered = |trace: &str| unordered::unordered(&case.scenario, trace);
        for seed in 0..3 {
            let ours = runner::trace(&case.scenario, Order::Seed(seed)).unwrap();
            assert_eq!(unordered(&ours), unordered(&case.trace), "{} with seed {seed}", case.name);
        }
    }
}

#[test]
fn what_the_runner_does_not_know_is_an_error() {
    let error = |text| runner::trace(text, Order::InTurn).unwrap_err();
    assert_eq!(error("sup root colour=blue\nrun"), "unknown option: colour=blue");
    assert_eq!(error("sup root\nrun\ndance root"), "unknown command: dance root");
    assert_eq!(error("sup root"), "there is no line `run`");
}
