//! The OS process of a server, as its parent has it.
//!
//! Invariants:
//! - When this is dropped, the OS process is gone, and reaped, with all of its process group.
//! - Its group is killed while it is a zombie at most, so that its number is not another's.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

use super::program;
use super::words::Launch;
use crate::ended::Ended;

pub(super) struct OsProcess {
    child: Child,
    pub(super) ended: Ended,
    is_reaped: bool,
}

impl OsProcess {
    /// Starts a program, with one end of a socket as its standard input, and returns the other end.
    pub(super) fn start(launch: &Launch) -> io::Result<(Self, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        let mut command = Command::new(&launch.program);
        program::mark(&mut command, launch.server);
        // No pre_exec: so the child shares our memory until it runs the program, which a large parent is glad of. A group of its
        // own: what the terminal sends to ours is our business.
        let mut child = command.stdin(Stdio::from(OwnedFd::from(theirs))).process_group(0).spawn()?;
        match Ended::of(&child) {
            Ok(ended) => Ok((OsProcess { child, ended, is_reaped: false }, ours)),
            Err(error) => {
                // It has not said a word yet.
                child.kill().and_then(|()| child.wait())?;
                Err(error)
            }
        }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it, and all of its group. One that has exited stays as it was when it did.
    fn kill(&self) {
        if !self.is_reaped {
            // That fails only if nobody is there.
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        }
    }

    /// Kills it, unless it has ended, and what it has left behind. Returns how it has ended.
    pub(super) async fn end(&mut self) -> io::Result<ExitStatus> {
        self.kill();
        self.ended.wait().await;
        self.is_reaped = true;
        self.child.wait()
    }
}

impl Drop for OsProcess {
    fn drop(&mut self) {
        if !self.is_reaped {
            self.kill();
            // It is a moment until it is gone, and who is told that it is must find it so.
            let _ = self.child.wait();
        }
    }
}
