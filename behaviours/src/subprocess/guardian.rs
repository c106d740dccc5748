//! What ends a program's commands when the program itself cannot: a small shell that waits for the program's end.
//!
//! A destructor does nothing for a program that is killed by SIGKILL, and Linux's `PR_SET_PDEATHSIG` fires when the thread ends
//! that started the child. The guardian holds the reading end of a pipe, whose writing end this program alone has: however the
//! program dies, the pipe comes to its end.
//!
//! Invariants:
//! - A group is told of before anything runs in it ([`gate`](super::leash) sees to that), and forgotten while its leader is still a
//!   zombie, so that its number is not another's.
//! - Telling never blocks: a guardian that does not listen is replaced, as is one that has died, by one that knows all groups.
//! - There is one for each system, started when the system's first command is.

use std::collections::HashSet;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_lite::future;
use proscenium_runtime::{
    Context, ExitReason, InitAck, LookupError, Reply, StartError, StartOptions, SystemHandle, start,
};
use rustix::process::Pid;

use super::status::CommandError;
use crate::ended::Ended;

/// Under this name it is found in its system.
const NAME: &str = "proscenium.guardian";

/// How long it takes until another start of a shell is tried, after one that has failed.
const RETRY: Duration = Duration::from_secs(1);

/// The guardian of a system, wherever it is needed.
#[derive(Debug)]
pub(super) struct Guardian {
    watch: Mutex<Watch>,
}

#[derive(Debug)]
struct Watch {
    shell: Shell,
    groups: HashSet<Pid>,
}

impl Guardian {
    /// The system's, started if it has none.
    pub(super) async fn of(system: &SystemHandle) -> Result<Arc<Self>, CommandError> {
        loop {
            match system.lookup::<Reply<Arc<Guardian>>>(NAME) {
                Ok(process) => {
                    if let Ok(guardian) = process.call(|reply| reply).await {
                        return Ok(guardian);
                    }
                }
                Err(LookupError::NotRegistered { .. }) => {}
                Err(error) => return Err(CommandError::NoGuardian(error.to_string())),
            }
            let options = StartOptions::new().spawn(|options| options.name(NAME));
            match start(system, options, keep).await {
                // Somebody else has just started it, or it has just ended.
                Ok(_) | Err(StartError::Name(_)) => {}
                Err(error) => return Err(CommandError::NoGuardian(error.to_string())),
            }
        }
    }

    fn new() -> io::Result<Self> {
        let groups = HashSet::new();
        Ok(Guardian { watch: Mutex::new(Watch { shell: Shell::start(&groups)?, groups }) })
    }

    /// Sees to it that the group ends with this program.
    pub(super) fn guard(&self, group: Pid) -> io::Result<()> {
        let mut watch = self.lock();
        watch.groups.insert(group);
        let told = watch.tell('+', group);
        if told.is_err() {
            watch.groups.remove(&group);
        }
        told
    }

    /// The group has ended, or is about to.
    pub(super) fn forget(&self, group: Pid) {
        let mut watch = self.lock();
        watch.groups.remove(&group);
        // If nobody could be told, whoever is started next will not know the group.
        let _ = watch.tell('-', group);
    }

    /// Replaces the shell whenever it ends. Returns if that fails.
    async fn stand(&self) -> io::Error {
        loop {
            let ended = self.lock().shell.ended();
            match ended {
                Ok(mut ended) => ended.wait().await,
                Err(error) => return error,
            }
            if let Err(error) = self.lock().look_after() {
                return error;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Watch> {
        // Nothing in here panics while it is locked.
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    fn tell(&mut self, word: char, group: Pid) -> io::Result<()> {
        // Short enough to be written whole or not at all.
        let line = format!("{word} {group}\n");
        self.shell.pipe.write_all(line.as_bytes()).or_else(|_| self.replace())
    }

    /// Sees to it that there is a shell.
    fn look_after(&mut self) -> io::Result<()> {
        if self.shell.has_ended()? { self.replace() } else { Ok(()) }
    }

    fn replace(&mut self) -> io::Result<()> {
        self.shell = Shell::start(&self.groups)?;
        Ok(())
    }
}

/// The life of the process that keeps the guardian where others find it.
async fn keep(mut ctx: Context<Reply<Arc<Guardian>>>, ack: InitAck) -> Result<(), ExitReason> {
    ctx.set_label("guardian of commands");
    let guardian = Arc::new(Guardian::new()?);
    ack.ready();
    let (system, logger) = (ctx.system().clone(), ctx.logger().clone());
    let stand = async {
        loop {
            let error = guardian.stand().await;
            slog::error!(logger, "commands have no guardian for now"; "error" => %error);
            system.sleep(RETRY).await;
        }
    };
    let answer = async {
        loop {
            ctx.receive_message().await.send(guardian.clone());
        }
    };
    future::or(stand, answer).await
}

/// The shell that waits for the end of the pipe.
#[derive(Debug)]
struct Shell {
    child: Child,
    pipe: ChildStdin,
}

impl Shell {
    fn start(groups: &HashSet<Pid>) -> io::Result<Self> {
        let mut child = Command::new("/bin/sh")
            .args(["-c", include_str!("guardian.sh"), "proscenium-guardian"])
            .args(groups.iter().map(ToString::to_string))
            .current_dir("/")
            // Not in our group, where it would get what is typed at the terminal.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let pipe = child.stdin.take().expect("it is piped");
        rustix::io::ioctl_fionbio(&pipe, true)?;
        Ok(Shell { child, pipe })
    }

    fn ended(&self) -> io::Result<Ended> {
        Ended::of(&self.child)
    }

    fn has_ended(&mut self) -> io::Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }
}

/// Whoever is dropped has been replaced, or has nothing to guard: it must not act when the pipe is closed.
impl Drop for Shell {
    fn drop(&mut self) {
        // Both fail only if it has ended, and was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn groups(guardian: &Guardian) -> usize {
        guardian.lock().groups.len()
    }

    /// A group of its own.
    fn sleeper() -> Child {
        Command::new("sleep").arg("1000").process_group(0).spawn().unwrap()
    }

    #[test]
    fn when_the_pipe_ends_what_was_told_is_ended_and_what_was_forgotten_is_left_alone() {
        let [mut by_argument, mut by_line, mut forgotten] = [sleeper(), sleeper(), sleeper()];
        let mut shell = Command::new("/bin/sh")
            .args(["-c", include_str!("guardian.sh"), "test"])
            .args([&by_argument, &forgotten].map(|child| child.id().to_string()))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = shell.stdin.take().unwrap();
        writeln!(pipe, "- 1000000000\n+ {}\n- {}", by_line.id(), forgotten.id()).unwrap();
        drop(pipe);
        for child in [&mut by_argument, &mut by_line] {
            assert_eq!(child.wait().unwrap().signal(), Some(15));
        }
        assert!(shell.wait().unwrap().code().is_some());
        assert!(forgotten.try_wait().unwrap().is_none());
        forgotten.kill().unwrap();
        assert_eq!(forgotten.wait().unwrap().signal(), Some(9));
    }

    #[test]
    fn a_guardian_that_does_not_listen_is_replaced_by_one_that_knows_all() {
        let guardian = Guardian::new().unwrap();
        let first = guardian.lock().shell.child.id();
        let shell = Pid::from_child(&guardian.lock().shell.child);
        rustix::process::kill_process(shell, rustix::process::Signal::STOP).unwrap();
        // Numbers that no process has.
        let groups_told = (0..8_000).map(|number| Pid::from_raw(1_000_000_000 + number).unwrap());
        groups_told.for_each(|group| guardian.guard(group).unwrap());
        assert_ne!(guardian.lock().shell.child.id(), first);
        assert_eq!(groups(&guardian), 8_000);
    }
}
