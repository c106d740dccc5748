//! The wait for the end of an OS process, which is left to be reaped.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::process::Child;

use async_io::Async;
use futures_lite::future::Boxed;
use rustix::io::retry_on_intr;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// The end of a child.
pub(crate) struct Ended {
    event: Event,
    has_come: bool,
}

enum Event {
    /// A descriptor that can be read once the process has ended.
    Descriptor(Async<OwnedFd>),
    /// A thread waits: where there are no such descriptors.
    Thread(Boxed<()>),
}

impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ended").field("has_come", &self.has_come).finish_non_exhaustive()
    }
}

impl Ended {
    pub(crate) fn of(child: &Child) -> io::Result<Self> {
        let pid = Pid::from_child(child);
        let event = match descriptor(pid) {
            Some(descriptor) => Event::Descriptor(Async::new_nonblocking(descriptor)?),
            None => Event::Thread(thread(pid)),
        };
        Ok(Ended { event, has_come: false })
    }

    /// Waits for it, at once if it has come before.
    pub(crate) async fn wait(&mut self) {
        if self.has_come {
            return;
        }
        match &mut self.event {
            // An error would be that of the reactor, which has none for a descriptor that is open.
            Event::Descriptor(descriptor) => drop(descriptor.readable().await),
            Event::Thread(thread) => thread.await,
        }
        self.has_come = true;
    }
}

#[cfg(target_os = "linux")]
fn descriptor(pid: Pid) -> Option<OwnedFd> {
    use rustix::process::{PidfdFlags, pidfd_open};
    // Older kernels, and some sandboxes, have none.
    pidfd_open(pid, PidfdFlags::NONBLOCK).ok()
}

#[cfg(not(target_os = "linux"))]
fn descriptor(_pid: Pid) -> Option<OwnedFd> {
    None
}

fn thread(pid: Pid) -> Boxed<()> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    Box::pin(blocking::unblock(move || {
        // An error says that there is no such child any more: its end has come, too.
        let _ = retry_on_intr(|| waitid(WaitId::Pid(pid), options));
    }))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use futures_lite::future;

    use super::*;

    #[test]
    fn an_end_is_told_with_a_descriptor_or_without_and_left_to_be_reaped() {
        for with_descriptor in [true, false] {
            let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
            let mut ended = Ended::of(&child).unwrap();
            if !with_descriptor {
                ended.event = Event::Thread(thread(Pid::from_child(&child)));
            }
            let waits = future::block_on(future::poll_once(ended.wait()));
            assert_eq!(waits, None, "it reads still");
            drop(child.stdin.take());
            future::block_on(ended.wait());
            future::block_on(ended.wait());
            assert!(child.try_wait().unwrap().unwrap().success());
        }
    }
}
