//! A command that runs: a process group of its own, which ends with its leash.
//!
//! Invariants:
//! - Nothing of the command runs before the guardian knows of it and its limits hold: it is started as a shell that waits at a
//!   gate, and then becomes the program.
//! - The leader is reaped when all is done with the group, so that a signal never reaches another that has got its number.
//! - A leash that is dropped kills the group, and leaves no zombie.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::{self, Child, ChildStderr, ChildStdin, ChildStdout, ExitStatus, Stdio};
use std::sync::Arc;

use async_io::Async;
use rustix::process::{Pid, kill_process_group};

use super::command::Command;
use super::guardian::Guardian;
use super::input::Source;
use super::limit;
use super::signal::Signal;
use super::status::CommandError;
use crate::ended::Ended;

/// A running command's process group.
#[derive(Debug)]
pub(super) struct Leash {
    /// `None` once it is reaped.
    child: Option<Child>,
    group: Pid,
    guardian: Arc<Guardian>,
}

/// Our side of a running command.
pub(super) struct Pipes {
    /// `None` if the command reads nothing.
    pub(super) stdin: Option<Async<ChildStdin>>,
    pub(super) stdout: Async<ChildStdout>,
    pub(super) stderr: Async<ChildStderr>,
    /// That of the leader.
    pub(super) ended: Ended,
}

impl Leash {
    /// Starts the command.
    pub(super) fn start(command: &Command, guardian: Arc<Guardian>) -> Result<(Self, Pipes), CommandError> {
        let refused = |source| CommandError::Refused { command: command.to_string(), source };
        let mut child = gate(command)?.spawn().map_err(refused)?;
        let gate = child.stdin.take().expect("it is piped");
        let stdout = child.stdout.take().expect("it is piped");
        let stderr = child.stderr.take().expect("it is piped");
        let (leash, ended) = Leash::hold(child, guardian).map_err(refused)?;
        for (limit, most) in &command.limits {
            limit::apply(leash.group, *limit, *most).map_err(|source| CommandError::Limit {
                command: command.to_string(),
                limit: *limit,
                source,
            })?;
        }
        let stdin = Async::new(gate).map_err(refused)?;
        let stdout = Async::new(stdout).map_err(refused)?;
        let stderr = Async::new(stderr).map_err(refused)?;
        // From here on it may run. There is room in the pipe; if nobody reads, it was killed already, which will be seen.
        let _ = rustix::io::write(stdin.get_ref(), b"\n");
        let stdin = (!matches!(command.stdin.source, Source::Nothing)).then_some(stdin);
        Ok((leash, Pipes { stdin, stdout, stderr, ended }))
    }

    fn hold(mut child: Child, guardian: Arc<Guardian>) -> io::Result<(Self, Ended)> {
        let group = Pid::from_child(&child);
        match Ended::of(&child).and_then(|ended| guardian.guard(group).map(|()| ended)) {
            Ok(ended) => Ok((Leash { child: Some(child), group, guardian }, ended)),
            Err(error) => {
                // The gate's pipe has been closed, or will be now: it ends by itself, but need not be waited for so long.
                child.kill()?;
                child.wait()?;
                Err(error)
            }
        }
    }

    pub(super) fn os_pid(&self) -> u32 {
        self.group.as_raw_nonzero().get().unsigned_abs()
    }

    /// Signals all that is in the group.
    pub(super) fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(kill_process_group(self.group, signal.raw())?)
    }

    /// Ends what is left of the group when its leader has ended.
    pub(super) fn reap(mut self) -> io::Result<ExitStatus> {
        self.let_go();
        self.child.take().expect("it is reaped once").wait()
    }

    /// No member outlives this: one that is about to fork does so no more.
    fn let_go(&self) {
        // It fails if nobody is there, which is what it is for.
        let _ = self.signal(Signal::Kill);
        self.guardian.forget(self.group);
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        self.let_go();
        // Most often it has to die yet, and that may take it a while.
        if let Ok(None) = child.try_wait() {
            blocking::unblock(move || child.wait()).detach();
        }
    }
}

/// The shell that waits, and becomes the command.
fn gate(command: &Command) -> Result<process::Command, CommandError> {
    let env = command.environment();
    let words = command.words(&env)?;
    if let Some(folder) = command.folder.as_ref().filter(|folder| !folder.is_dir()) {
        return Err(CommandError::NoFolder { command: command.to_string(), folder: folder.clone() });
    }
    // A shell drops variables whose names are none in its language, changes some, and makes up others.
    let (env, foreign): (BTreeMap<_, _>, BTreeMap<_, _>) = env.into_iter().partition(|(name, _)| passes_a_shell(name));
    let mut script = include_str!("gate.sh").to_owned();
    for name in ["PWD", "OLDPWD", "SHLVL", "_"].iter().filter(|name| !env.contains_key(OsStr::new(name))) {
        script += &format!("unset {name}\n");
    }
    script += if foreign.is_empty() { "exec \"$@\"" } else { "exec /usr/bin/env \"$@\"" };
    script += if matches!(command.stdin.source, Source::Nothing) { " </dev/null" } else { "" };

    let mut gate = process::Command::new("/bin/sh");
    gate.args(["-c", &script, "proscenium-gate"]);
    gate.args(assignments(command, &foreign, &words)?);
    gate.args(words).env_clear().envs(env).process_group(0);
    gate.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(folder) = &command.folder {
        gate.current_dir(folder);
    }
    if let Some(user) = command.user {
        gate.uid(user);
    }
    if let Some(group) = command.group {
        gate.gid(group);
    }
    Ok(gate)
}

/// Variables as arguments of `env`. For a moment others see them there, so only what cannot go another way does.
fn assignments(
    command: &Command,
    foreign: &BTreeMap<OsString, OsString>,
    words: &[OsString],
) -> Result<Vec<OsString>, CommandError> {
    let unfit = |what| Err(CommandError::Unfit { command: command.to_string(), what });
    if let Some(name) = foreign.keys().find(|name| name.is_empty() || name.as_bytes().contains(&b'=')) {
        return unfit(format!("a variable with the name {name:?}"));
    }
    if let Some(name) = foreign.keys().next().filter(|_| words[0].as_bytes().contains(&b'=')) {
        return unfit(format!("the variable {name:?} while there is a `=` in its path"));
    }
    let pair = |(name, value): (&OsString, &OsString)| [name.as_os_str(), value].join(OsStr::new("="));
    Ok(foreign.iter().map(pair).collect())
}

/// Whether a shell hands the variable on as it got it.
fn passes_a_shell(name: &OsStr) -> bool {
    const SHELLS_OWN: [&str; 7] = ["BASHOPTS", "EUID", "IFS", "OPTIND", "PPID", "SHELLOPTS", "UID"];
    let bytes = name.as_bytes();
    let is_word = bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    is_word && bytes.first().is_some_and(|byte| !byte.is_ascii_digit()) && !SHELLS_OWN.iter().any(|own| name == *own)
}
