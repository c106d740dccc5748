//! Plays scenarios to supervisors, in virtual time, and prints what they did:
//!
//! ```sh
//! cargo run -q -p proscenium-supervisor --example scenario -- FILE…
//! ```
//!
//! The format, and how the same is asked of Erlang/OTP's own supervisor, are in `tests/otp/README.md`.

use std::env;
use std::error::Error;
use std::fs;

#[path = "../tests/otp/runner/mod.rs"]
mod runner;

fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<String> = env::args().skip(1).collect();
    if files.is_empty() {
        return Err("usage: scenario FILE…".into());
    }
    for file in &files {
        if files.len() > 1 {
            println!("## {file}");
        }
        print!("{}", runner::trace(&fs::read_to_string(file)?, 1)?);
    }
    Ok(())
}
