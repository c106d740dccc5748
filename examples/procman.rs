//! A manager of services, as supervisord, foreman or overmind are: real programs as a supervision tree.
//!
//! `procman.ron` says what runs: each service with what it needs before it, how to see whether it is well, when it is started
//! again, and with which environment. `procman/mod.rs` shows the tree. Run it in one terminal, and look at it from another:
//!
//! ```text
//! cargo run --example procman                 run the services, and print what they write
//! cargo run --example procman -- --view       the same, with a view of all that is drawn anew as it changes
//! cargo run --example procman -- status       what the running one does
//! cargo run --example procman -- restart web
//! ```
//!
//! Kill a service, and it is started again, with those after it; change the file and send SIGHUP, and only what has changed is
//! stopped and started. Ctrl-C stops all in reverse. If procman itself is killed, so are they.

#[cfg(unix)]
#[path = "procman/mod.rs"]
mod procman;

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    procman::main(std::env::args().skip(1))
}

#[cfg(not(unix))]
fn main() {
    eprintln!("procman: it is for Unix");
}
