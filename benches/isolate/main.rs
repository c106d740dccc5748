//! What a server in an OS process of its own costs. `with_thespian.py` beside it does the same work by Thespian.
//!
//! ```sh
//! cargo bench --bench isolate --features isolate              # some seconds
//! cargo bench --bench isolate --features isolate -- --quick   # whether it runs
//! python3 benches/isolate/with_thespian.py                         # with `pip install thespian`
//! ```
//!
//! Standard output is a Markdown table. A round trip is a call from outside the system, one after another; a start is one until
//! `init` has returned, and the end of the OS process after it is not counted.

use std::fs;
use std::time::{Duration, Instant};

use futures_lite::future::block_on;
use proscenium::isolate::{self, isolate};
use proscenium::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
enum Ask {
    Echo(Vec<u8>, Reply<Vec<u8>>),
    Note(u64),
    Notes(Reply<u64>),
    OsPid(Reply<u32>),
}

struct Echo {
    notes: u64,
}

impl GenServer for Echo {
    type Args = ();
    type Message = Ask;

    async fn init(_args: (), _ctx: &mut Context<Ask>) -> Result<Self, ExitReason> {
        Ok(Echo { notes: 0 })
    }

    async fn handle(&mut self, message: Ask, _ctx: &mut Context<Ask>) -> Result<(), ExitReason> {
        match message {
            Ask::Echo(bytes, reply) => reply.send(bytes),
            Ask::Note(_) => self.notes += 1,
            Ask::Notes(reply) => reply.send(self.notes),
            Ask::OsPid(reply) => reply.send(std::process::id()),
        }
        Ok(())
    }
}

fn main() {
    isolate::init([isolate::server::<Echo>()]);
    let quick = std::env::args().any(|argument| argument == "--quick" || argument == "--test");
    let scale = |count: usize| if quick { count / 100 + 1 } else { count };
    let system = System::new("bench");
    let starts = times(scale(200), || drop(kill(&system, &start(&system))));
    let echo = start(&system);
    let small = times(scale(10_000), || call(&echo, 64));
    let large = times(scale(50), || call(&echo, 1 << 20));
    let notes = scale(200_000);
    let began = Instant::now();
    (0..notes as u64).for_each(|note| echo.cast(Ask::Note(note)));
    let noted = block_on(echo.call(Ask::Notes).without_timeout()).expect("it lives");
    assert_eq!(noted, notes as u64);
    let per_note = began.elapsed() / u32::try_from(notes).expect("so many");
    let os_pid = block_on(echo.call(Ask::OsPid)).expect("it lives");
    println!("| | median | 99 % |\n|---|---:|---:|");
    row("start, and kill", &starts);
    row("round trip, 64 bytes", &small);
    row("round trip, 1 MiB", &large);
    println!("| message one way, of {notes} | {per_note:.2?} | |");
    for field in ["Rss", "Pss", "Private_Dirty"] {
        println!("| memory of the OS process, {field} | {} | |", memory(os_pid, field));
    }
}

fn start(system: &System) -> Address<Ask> {
    block_on(isolate::<Echo>(()).spawn(system)).expect("it starts")
}

fn kill(system: &System, echo: &Address<Ask>) -> ExitReason {
    system.exit(echo, ExitReason::Kill);
    block_on(echo.exited())
}

fn call(echo: &Address<Ask>, bytes: usize) {
    let answer = block_on(echo.call(|reply| Ask::Echo(vec![7; bytes], reply)).without_timeout());
    assert_eq!(answer.expect("it lives").len(), bytes);
}

fn times(count: usize, mut work: impl FnMut()) -> Vec<Duration> {
    let mut times: Vec<_> = (0..count)
        .map(|_| {
            let began = Instant::now();
            work();
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    times
}

fn row(name: &str, times: &[Duration]) {
    println!("| {name} | {:.1?} | {:.1?} |", times[times.len() / 2], times[times.len() * 99 / 100]);
}

/// A line of what Linux says of it.
fn memory(os_pid: u32, field: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{os_pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.map_or_else(|| "unknown".to_owned(), |line| line.trim().to_owned())
}
