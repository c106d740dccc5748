//! A test that runs again as a program of its own, to be killed or counted.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use futures_lite::future::block_on;

use crate::common::Watched;

/// All that a program starts has this variable, unless it takes care not to.
const MARK: &str = "PROSCENIUM_TEST_VICTIM";

/// A program that runs this test.
pub(crate) struct Victim {
    child: Child,
    lines: BufReader<ChildStdout>,
    mark: String,
}

impl Victim {
    /// Runs the test `name` in a program of its own. In that program, returns `None`.
    pub(crate) fn start(name: &str, number: usize) -> Option<Self> {
        if env::var_os(MARK).is_some() {
            end_with_parent();
            return None;
        }
        let mark = format!("{name} {number} of {}", std::process::id());
        // As programs do that are careless, it leaves a descriptor open to its children: number 5.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 5<&0"])
            .arg(env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture", "--test-threads=1"])
            .env(MARK, &mark)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Some(Victim { child, lines, mark })
    }

    /// What the test said next, of what begins with `> `.
    pub(crate) fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        while self.lines.read_line(&mut line).unwrap() > 0 {
            // The test's own name may stand before the first.
            if let Some((_, said)) = line.trim_end().split_once("> ") {
                return Some(said.to_owned());
            }
            line.clear();
        }
        None
    }

    pub(crate) fn os_pid(&self) -> u32 {
        self.child.id()
    }

    /// How many processes there are of the program, itself included.
    pub(crate) fn processes(&self) -> usize {
        marked(&self.mark).len()
    }

    /// Kills the program. What it has started may live on for a while.
    pub(crate) fn kill(mut self) -> Killed {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        Killed { mark: self.mark }
    }

    /// Waits until the program has ended by itself, and asserts that the test has passed.
    pub(crate) fn pass(mut self) {
        while let Some(said) = self.hear() {
            println!("{said}");
        }
        assert!(self.child.wait().unwrap().success());
        assert_eq!(marked(&self.mark), [0; 0]);
    }
}

/// What was a program.
#[must_use = "somebody must see that nothing is left of it"]
pub(crate) struct Killed {
    mark: String,
}

impl Killed {
    /// Waits until all that it has started has ended.
    pub(crate) fn wait(self) {
        // One that is just becoming another program has no variables for a moment.
        let mut looks = 3;
        while looks > 0 {
            let left = marked(&self.mark);
            looks = if left.is_empty() { looks - 1 } else { 3 };
            for os_pid in left {
                let has_ended = Watched::find(os_pid).is_none_or(|process| block_on(process.has_ended()));
                assert!(has_ended, "{os_pid} is left");
            }
        }
    }
}

/// Ends this program when nobody holds the other end of its input: a victim that was forgotten.
fn end_with_parent() {
    std::thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        std::process::exit(1);
    });
}

/// Says a line to who has started this program.
macro_rules! say {
    ($($text:tt)*) => {
        println!("> {}", format_args!($($text)*))
    };
}

pub(crate) use say;

/// The processes that have a mark.
fn marked(mark: &str) -> Vec<u32> {
    let entry = format!("{MARK}={mark}\0");
    let has_mark = |os_pid: &u32| {
        let variables = fs::read(format!("/proc/{os_pid}/environ")).unwrap_or_default();
        variables.windows(entry.len()).any(|window| window == entry.as_bytes())
    };
    processes().into_iter().filter(has_mark).collect()
}

/// The processes that some process has started, zombies included.
pub(crate) fn children_of(parent: u32) -> Vec<u32> {
    let is_child = |os_pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{os_pid}/stat")).unwrap_or_default();
        let after_name = stat.rsplit(") ").next().unwrap_or_default();
        after_name.split(' ').nth(1) == Some(&parent.to_string())
    };
    processes().into_iter().filter(is_child).collect()
}

/// The shell that guards the commands of a program.
pub(crate) fn guardian_of(program: u32) -> Option<u32> {
    children_of(program).into_iter().find(|os_pid| guardian_words(*os_pid).is_some())
}

/// How many groups the guardian of a program was told of at its start; `None` if there is none at the moment.
pub(crate) fn guarded_groups(program: u32) -> Option<usize> {
    children_of(program).into_iter().find_map(guardian_words)
}

/// How many words there are after its name, if the process is a guardian and lives.
fn guardian_words(os_pid: u32) -> Option<usize> {
    let text = fs::read_to_string(format!("/proc/{os_pid}/cmdline")).unwrap_or_default();
    let mut words = text.trim_end_matches('\0').split('\0').skip_while(|word| *word != "proscenium-guardian");
    words.next()?;
    Some(words.count())
}

fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}
