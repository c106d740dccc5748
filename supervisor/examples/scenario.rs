//! Plays scenarios to supervisors, in virtual time, and prints what they did:
//!
//! ```sh
//! cargo run -q -p proscenium-supervisor --example scenario -- [--seed SEED] FILE…
//! ```
//!
//! Processes run in turn, as on one of Erlang's schedulers, or in the order that the seed picks. The format, and how the same is
//! asked of Erlang/OTP's own supervisor, are in `tests/otp/README.md`.

use std::env;
use std::error::Error;
use std::fs;

#[path = "../tests/otp/runner/mod.rs"]
mod runner;

use runner::Order;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (order, files) = match &*arguments {
        [option, seed, files @ ..] if option == "--seed" => (Order::Seed(seed.parse()?), files),
        files => (Order::InTurn, files),
    };
    if files.is_empty() {
        return Err("usage: scenario [--seed SEED] FILE…".into());
    }
    for file in files {
        if files.len() > 1 {
            println!("## {file}");
        }
        print!("{}", runner::trace(&fs::read_to_string(file)?, order)?);
    }
    Ok(())
}
