//! What Erlang/OTP's own supervisor does with a scenario, ours does too, to the byte.

mod runner;

mod cases;

mod live;

#[test]
fn recorded_scenarios_end_as_in_otp_in_whatever_order_processes_run() {
    let recorded = cases::recorded();
    assert!(recorded.len() >= 300, "only {} scenarios", recorded.len());
    for case in recorded {
        for seed in 0..3 {
            let ours = runner::trace(&case.scenario, seed).unwrap();
            assert_eq!(ours, case.trace, "{} with seed {seed}", case.name);
        }
    }
}

#[test]
fn what_the_runner_does_not_know_is_an_error() {
    let error = |text| runner::trace(text, 1).unwrap_err();
    assert_eq!(error("sup root colour=blue\nrun"), "unknown option: colour=blue");
    assert_eq!(error("sup root\nrun\ndance root"), "unknown command: dance root");
    assert_eq!(error("sup root"), "there is no line `run`");
}
