//! What the book says that these programs print, they print.

use std::path::Path;
use std::process::{Command, Stdio};

fn printed(command: &mut Command) -> String {
    let output = command.stderr(Stdio::null()).output().expect("it can be run");
    assert!(output.status.success(), "{command:?}: {}", output.status);
    String::from_utf8(output.stdout).expect("it is text")
}

#[test]
fn ractor() {
    assert_eq!(printed(&mut Command::new(env!("CARGO_BIN_EXE_ractor"))), "2\nErr(Messaging(RecvErr))\n0\n");
}

#[test]
fn kameo() {
    assert_eq!(printed(&mut Command::new(env!("CARGO_BIN_EXE_kameo"))), "2\n0\n");
}

#[test]
fn actix() {
    assert_eq!(printed(&mut Command::new(env!("CARGO_BIN_EXE_actix"))), "2\n0\n");
}

#[test]
fn plain_tokio() {
    assert_eq!(printed(&mut Command::new(env!("CARGO_BIN_EXE_plain"))), "Some(2)\nNone\npanicked: true\nNone\n");
}

#[test]
fn erlang_where_it_is_installed() {
    if Command::new("erlc").arg("+help").output().is_err() {
        return;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    assert_eq!(printed(Command::new("erlc").arg("-o").arg(folder).args(["counter.erl", "counter_sup.erl"])), "");
    let run = ["-noshell", "-kernel", "logger_level", "none", "-eval", "counter:main(), halt()."];
    assert_eq!(printed(Command::new("erl").arg("-pa").arg(folder).args(run)), "2\nbadarith\n0\n");
}

#[test]
fn elixir_where_it_is_installed() {
    if Command::new("elixir").arg("--version").output().is_err() {
        return;
    }
    // Without the log of the crash, which is on standard output.
    let silent = ["--erl", "-kernel logger_level none -logger level none"];
    assert_eq!(printed(Command::new("elixir").args(silent).arg("counter.exs")), "2\nbadarith\n0\n");
}

#[test]
fn thespian_where_it_is_installed() {
    let has = Command::new("python3").args(["-c", "import thespian"]).output();
    if has.is_ok_and(|output| output.status.success()) {
        assert_eq!(printed(Command::new("python3").arg("counter.py")), "2\nTrue\n");
    }
}
