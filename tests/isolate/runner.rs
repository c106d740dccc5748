//! Runs tests, each on a thread of its own, several at a time, and ends the program if one of them hangs.

use std::collections::VecDeque;
use std::env;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{self, Command};
use std::sync::Mutex;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// So long may a test take, on a machine that is busy with others.
const LIMIT: Duration = Duration::from_secs(120);

const AT_A_TIME: usize = 4;

/// What this program is when it is started by a test, rather than as a test.
const ROLE: &str = "PROSCENIUM_TEST_ROLE";

/// Whether this program was started as that.
pub(crate) fn is(role: &str) -> bool {
    env::var(ROLE).is_ok_and(|is| is == role)
}

/// This program, as that.
pub(crate) fn as_role(role: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("it runs"));
    command.env(ROLE, role);
    command
}

/// Runs those whose names contain the program's first argument; all of them if it has none.
pub(crate) fn run(tests: &[(&'static str, fn())]) {
    let filter = env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let wanted: VecDeque<_> = tests.iter().filter(|(name, _)| name.contains(&filter)).collect();
    let count = wanted.len();
    let queue = Mutex::new(wanted);
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some((name, test)) = next(&queue) {
                    if !passes(name, *test) {
                        failed.lock().expect("nobody panics with it").push(*name);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("nobody panicked with it");
    say(&format!("{} tests passed, {} failed: {failed:?}", count - failed.len(), failed.len()));
    if !failed.is_empty() {
        process::exit(101);
    }
}

fn next<T>(queue: &Mutex<VecDeque<T>>) -> Option<T> {
    queue.lock().expect("nobody panics with it").pop_front()
}

fn passes(name: &'static str, test: fn()) -> bool {
    let (done, is_done) = mpsc::channel::<()>();
    let watchdog = thread::spawn(move || {
        if is_done.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
            say(&format!("test {name} hangs"));
            process::abort();
        }
    });
    let passed = catch_unwind(AssertUnwindSafe(test)).is_ok();
    drop(done);
    watchdog.join().expect("it does not panic");
    say(&format!("test {name} ... {}", if passed { "ok" } else { "FAILED" }));
    passed
}

fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("somebody reads it");
}
