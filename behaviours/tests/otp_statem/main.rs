//! What Erlang/OTP's own `gen_statem` did with each machine, ours does too, to the byte. See README.md.

mod generate;
mod oracle;
mod play;
mod program;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// A machine, and what it did in OTP.
struct Case {
    text: String,
    trace: String,
}

fn recorded_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/otp_statem/recorded.txt")
}

/// In the file, each machine's lines are followed by those of its trace, after `> `.
fn recorded() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in fs::read_to_string(recorded_file()).unwrap().lines() {
        if line.starts_with("machine ") {
            cases.push(Case { text: String::new(), trace: String::new() });
        }
        let case = cases.last_mut().expect("the file begins with a machine");
        match line.strip_prefix("> ") {
            Some(traced) => case.trace += &format!("{traced}\n"),
            None => case.text += &format!("{line}\n"),
        }
    }
    cases
}

fn record(cases: &[Case]) {
    let quoted = |trace: &str| trace.lines().map(|line| format!("> {line}\n")).collect::<String>();
    let text: String = cases.iter().map(|case| case.text.clone() + &quoted(&case.trace)).collect();
    fs::write(recorded_file(), text).unwrap();
}

#[test]
fn recorded_machines_do_as_in_otp_in_whatever_order_processes_run() {
    for case in recorded() {
        for seed in 0..4 {
            assert_eq!(play::play(&case.text, seed).trace, case.trace, "with seed {seed}:\n{}", case.text);
        }
    }
}

#[test]
fn the_recorded_machines_are_many_and_do_all_that_a_machine_can() {
    let cases = recorded();
    assert!(cases.len() >= 60, "only {} machines", cases.len());
    let texts: String = cases.iter().map(|case| &*case.text).collect();
    let traces: String = cases.iter().map(|case| &*case.trace).collect();
    for said in ["postpone", "insert cast", "insert a", "start_at", "cancel", "update state", "repeat", "stop boom"] {
        assert!(texts.matches(said).count() >= 3, "{said}");
    }
    let done = ["cast 1 in", "call 0 in", "internal", "state 0 in", "event 1 in", "a 0 in", "b 1 in", "enter s1 s2"];
    for done in done.iter().chain(&["reply", "terminate boom", "terminate normal", "alive"]) {
        assert!(traces.matches(done).count() >= 3, "{done}: {}", traces.matches(done).count());
    }
}

/// Without Erlang there is nothing to compare with.
#[test]
fn random_machines_do_as_in_otp_where_there_is_an_erlang_to_ask() {
    let number = |variable: &str, default| env::var(variable).map_or(default, |text| text.parse().unwrap());
    let first = number("PROSCENIUM_FIRST_MACHINE", 0);
    let seeds = first..first + number("PROSCENIUM_MACHINES", 50);
    let ours: Vec<Case> =
        seeds.map(generate::machine).map(|(text, played)| Case { text, trace: played.trace }).collect();
    let Some(mut theirs) = oracle::traces(ours.iter().map(|case| &*case.text), 1) else { return };
    // A busy machine has a clock that stumbles: what differs is looked at again, slowly.
    for slowness in [4, 16] {
        let suspects: Vec<usize> = (0..ours.len()).filter(|index| ours[*index].trace != theirs[*index]).collect();
        let again = oracle::traces(suspects.iter().map(|index| &*ours[*index].text), slowness).expect("it was there");
        suspects.into_iter().zip(again).for_each(|(index, trace)| theirs[index] = trace);
    }
    for (case, otp) in ours.iter().zip(&theirs) {
        assert_eq!(case.trace, *otp, "{}", case.text);
    }
    if env::var("PROSCENIUM_RECORD").is_ok() {
        record(&ours);
    }
}
