//! The server that Part II of the book grows, one step after another.
//!
//! `cargo run -p proscenium-book --bin kv -- process` runs the first step; without a word it tells which there are. What a
//! step prints is what its chapter shows: `tests/kv.rs` compares.

#![allow(clippy::print_stdout, reason = "a command says what it does")]

#[path = "../../examples/tour/client.rs"]
mod client;
#[path = "../../examples/kv/mod.rs"]
mod kv;
mod visit;
mod wire;

mod process;
mod server;

mod kinds;

mod door;
mod supervisor;

mod names;

mod keeper;

mod application;
mod tree;

mod heal;
mod report;
mod tuning;

use std::env;
use std::process::ExitCode;

use proscenium::prelude::*;

type Step = (&'static str, fn() -> Result<(), ExitReason>);

/// Each step by the name of its file.
const STEPS: &[Step] = &[
    ("process", process::main),
    ("server", server::main),
    ("kinds", kinds::main),
    ("door", door::main),
    ("supervisor", supervisor::main),
    ("names", names::main),
    ("keeper", keeper::main),
    ("application", application::main),
    ("tree", tree::main),
    ("report", report::main),
    ("tuning", tuning::main),
];

fn main() -> ExitCode {
    let wanted = env::args().nth(1).unwrap_or_default();
    let step = STEPS.iter().find(|(name, _)| *name == wanted);
    let done = match step {
        _ if wanted == "serve" => return application::serve(),
        _ if wanted == "heal" => heal::main(),
        Some((_, step)) => step(),
        None => {
            let names: Vec<&str> = STEPS.iter().map(|(name, _)| *name).collect();
            Err(ExitReason::error(format!("there is no step {wanted:?}, but {} and serve", names.join(", "))))
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("kv: {reason}");
            ExitCode::FAILURE
        }
    }
}
