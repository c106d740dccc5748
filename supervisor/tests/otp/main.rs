//! What Erlang/OTP's own supervisor did with each recorded scenario, ours does too, to the byte.

mod runner;

use std::fs;
use std::path::{Path, PathBuf};

/// The recorded scenarios, sorted.
fn scenarios() -> Vec<PathBuf> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/otp/cases");
    let files = fs::read_dir(cases).unwrap().map(|entry| entry.unwrap().path());
    let mut scenarios: Vec<_> = files.filter(|file| file.extension().is_some_and(|it| it == "scenario")).collect();
    scenarios.sort();
    scenarios
}

#[test]
fn recorded_scenarios_end_as_in_otp_in_whatever_order_processes_run() {
    let scenarios = scenarios();
    assert!(scenarios.len() >= 70, "only {} scenarios", scenarios.len());
    for scenario in scenarios {
        let text = fs::read_to_string(&scenario).unwrap();
        let otp = fs::read_to_string(scenario.with_extension("trace")).unwrap();
        for seed in 0..8 {
            let ours = runner::trace(&text, seed).unwrap();
            assert_eq!(ours, otp, "{} with seed {seed}", scenario.display());
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
