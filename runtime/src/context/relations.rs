//! Links, monitors and exit signals.

use super::Context;
use crate::any_process::{AnyProcess, Delivery, WithControl};
use crate::exit::ExitReason;
use crate::mailbox;
use crate::pid::{MonitorRef, Pid};
use crate::signal::{Down, Notice, Signal};

impl<M: Send + 'static> Context<M> {
    /// From now on, exit signals are received as [`Event::Exit`](crate::Event::Exit) instead of ending the process; `false`
    /// undoes it. Returns what it was. What counts is the flag at the moment a signal arrives. [`ExitReason::Kill`] cannot be trapped.
    pub fn trap_exit(&mut self, trap: bool) -> bool {
        self.process.control(|control| std::mem::replace(&mut control.trap_exit, trap))
    }

    /// Links this process to another: when one ends abnormally, so does the other, unless it traps exits.
    ///
    /// Linking twice is linking once. If there is no such process, this one gets an exit signal with
    /// [`ExitReason::NoProcess`].
    pub fn link(&mut self, pid: Pid) {
        self.system.shared.link(&*self.process, pid);
    }

    /// Whether a link to that process stands: false once its exit signal has arrived.
    pub fn is_linked(&self, pid: Pid) -> bool {
        self.process.control(|control| control.links.contains(&pid))
    }

    /// Removes the link. After it returns, no exit over that link will be received, not even one that waits.
    pub fn unlink(&mut self, pid: Pid) {
        self.system.shared.unlink(&*self.process, pid);
        self.discard(|notice| matches!(notice, Notice::Exit(exit) if exit.linked && exit.pid == pid));
    }

    /// Monitors a process: exactly one [`Event::Down`](crate::Event::Down) will be received when it has ended, also if it
    /// has already.
    pub fn monitor(&mut self, pid: Pid) -> MonitorRef {
        let monitor = self.system.shared.next_monitor();
        self.process.control(|control| control.watching.insert(monitor, pid));
        let signal = Signal::Monitor { monitor, watcher: self.pid() };
        if self.system.shared.signal(pid, signal) == Delivery::Gone {
            self.process.signal(Signal::Down(Down { monitor, pid, reason: ExitReason::NoProcess }));
        }
        monitor
    }

    /// Ends a monitor. After it returns, no down of it will be received, not even one that waits.
    pub fn demonitor(&mut self, monitor: MonitorRef) {
        match self.process.control(|control| control.watching.remove(&monitor)) {
            Some(pid) => drop(self.system.shared.signal(pid, Signal::Demonitor(monitor))),
            None => self.discard(|notice| matches!(notice, Notice::Down(down) if down.monitor == monitor)),
        }
    }

    /// Sends an exit signal; OTP's `exit(Pid, Reason)`. To itself, it ends the process at its next await.
    ///
    /// With [`ExitReason::Kill`] the receiver ends as killed, whatever it traps. With [`ExitReason::Normal`] nothing
    /// happens unless it traps exits.
    pub fn exit(&self, pid: Pid, reason: ExitReason) {
        self.system.shared.exit(self.pid(), pid, reason);
    }

    fn discard(&mut self, unwanted: impl Fn(&Notice) -> bool + Copy) {
        drop(mailbox::discard(&mut self.batch, unwanted));
        self.process.discard(unwanted, self.batch.len());
    }
}
