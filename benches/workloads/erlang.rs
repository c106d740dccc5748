//! The same work in Erlang/OTP, done by a script of `benches/erlang`, where `escript` is installed.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use crate::figures::{Figure, Load, Outcome, Unit};

/// The figures of a script's workload: it prints a line `FIGURE: NANOSECONDS` for each.
pub(crate) fn run(script: &str, workload: &str, figures: &[&'static str], load: Load) -> Outcome {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/erlang").join(script);
    let mut command = Command::new("escript");
    command.arg(path).arg(workload).arg(load.size.to_string());
    command.env("ERL_FLAGS", format!("+S {0}:{0}", load.workers));
    let output = command.output().map_err(|error| match error.kind() {
        ErrorKind::NotFound => "`escript` of Erlang/OTP is not installed".to_owned(),
        _ => error.to_string(),
    })?;
    let text = String::from_utf8_lossy(&output.stdout);
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")?.parse().ok());
    let figure = |&name: &&'static str| {
        value(name).map(|value| Figure::new(name, Unit::Nanoseconds, value)).ok_or_else(|| format!("{script} failed"))
    };
    figures.iter().map(figure).collect()
}
