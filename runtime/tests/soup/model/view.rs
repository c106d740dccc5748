//! What can be seen of the processes from outside.

use super::{Difference, Life, Model, Process};
use crate::words::{Sight, View, Who};

impl Model {
    /// Everything as it should be, now that nothing moves.
    ///
    /// # Errors
    /// If something should move still.
    pub(crate) fn view(&mut self) -> Result<View, Difference> {
        let mut view = View {
            names: self.names.iter().map(|(name, who)| (*name, *who)).collect(),
            members: self.members.keys().copied().collect(),
            pending_timers: self.timers.len(),
            dead: std::mem::take(&mut self.dead),
            crashes: std::mem::take(&mut self.crashes),
            ..View::default()
        };
        for (who, process) in &self.processes {
            match process.life {
                Life::Running => view.living.push((*who, self.sight(*who, process))),
                Life::Exiting { reason, .. } => return Err(format!("{who:?} should have ended: {reason:?}")),
                Life::Ended(reason) => view.ended.push((*who, reason)),
            }
            let Some(wait) = process.waits else { continue };
            if process.mailbox.iter().any(|item| item.is(wait.wanted)) {
                return Err(format!("{who:?} should have received one of {:?}", process.mailbox));
            }
            if wait.until.is_some_and(|until| until <= self.now) {
                return Err(format!("{who:?} should have stopped waiting"));
            }
            view.pending_timers += usize::from(wait.until.is_some());
        }
        Ok(view)
    }

    fn sight(&self, who: Who, process: &Process) -> Sight {
        let monitors = self.monitors.values();
        Sight {
            parent: process.parent,
            trap_exit: process.trap_exit,
            name: self.name_of(who),
            links: self.linked_to(who),
            monitors: monitors.clone().filter(|(watcher, _)| *watcher == who).map(|(_, target)| *target).collect(),
            monitored_by: monitors.filter(|(_, target)| *target == who).map(|(watcher, _)| *watcher).collect(),
            queue_len: process.mailbox.len(),
            timers: self.timers.values().filter(|timer| timer.owner == who).count(),
        }
    }
}
