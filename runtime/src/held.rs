//! What a process has outside itself, such as its place in a group, and must have lost before anyone is told of its end.

use std::fmt;
use std::ptr;
use std::sync::Weak;

use crate::panic::drop_quietly;
use crate::pid::Pid;

/// Where processes have a place.
///
/// It gives one away under a lock of its own and, within that, the process's: so a process either finds there that it has
/// ended, or finds when it ends that it has to [`release`](Holder::release) it.
pub(crate) trait Holder: Send + Sync {
    /// Takes the process out, wherever it is in.
    fn release(&self, pid: Pid);
}

/// Where one process has a place. None of them is kept alive by that.
#[derive(Default)]
pub(crate) struct Holders(Vec<Weak<dyn Holder>>);

impl Holders {
    pub(crate) fn add(&mut self, holder: Weak<dyn Holder>) {
        if self.0.iter().any(|known| ptr::addr_eq(known.as_ptr(), holder.as_ptr())) {
            return;
        }
        self.0.retain(|known| known.strong_count() > 0);
        self.0.push(holder);
    }

    /// Takes the process out everywhere.
    pub(crate) fn release(self, pid: Pid) {
        for holder in self.0.iter().filter_map(Weak::upgrade) {
            holder.release(pid);
            // This may have become the last handle, and what it holds is the user's.
            let _ = drop_quietly(holder);
        }
    }
}

impl fmt::Debug for Holders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Holders").field(&self.0.len()).finish()
    }
}
