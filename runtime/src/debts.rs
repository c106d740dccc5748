//! The answers that a process owes to its callers.
//!
//! A caller whose reply the process drops is told by the reply itself. But the reply may be with somebody else when the process
//! ends: then it is from here that the caller hears of it. To remember an answer takes no lock of its own and, but for a
//! few, no allocation: those that are settled make room for it.

use crate::slot::Owed;

/// So much room stays for those to come.
const LASTING: usize = 8;

#[derive(Default)]
pub(crate) struct Debts(Vec<Owed>);

impl Debts {
    #[inline]
    pub(crate) fn add(&mut self, owed: Owed) {
        if self.0.len() == self.0.capacity() {
            self.settle();
        }
        self.0.push(owed);
    }

    /// Forgets what is settled; what many callers at a time have needed is given back.
    fn settle(&mut self) {
        self.0.retain(|owed| !owed.is_settled());
        if self.0.capacity() > LASTING.max(4 * self.0.len()) {
            self.0.shrink_to(LASTING);
        }
    }

    /// Ends the wait of everybody who has no answer yet.
    pub(crate) fn default_on_all(self) {
        for owed in self.0 {
            owed.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot;

    #[test]
    fn what_is_settled_takes_no_room() {
        let mut debts = Debts::default();
        let (_sender, open) = slot::slot::<u32>();
        debts.add(open.owed());
        for _ in 0..1_000 {
            let (_, settled) = slot::slot::<u32>();
            debts.add(settled.owed());
        }
        assert!(debts.0.capacity() <= LASTING);
        assert!(debts.0.iter().any(|owed| !owed.is_settled()), "the open one is still there");
    }
}
