//! The answers that a process owes to its callers.
//!
//! A caller whose reply the process drops is told by the reply itself. But the reply may be with somebody else when the process
//! ends: then it is from here that the caller hears of it. Callers are remembered here who wait for long; nearly all have
//! their answers before that.

use crate::slot::Owed;

/// So much room stays for those to come.
const LASTING: usize = 8;

#[derive(Default)]
pub(crate) struct Debts(Vec<Owed>);

impl Debts {
    /// Remembers an answer; those that are settled make room for it.
    pub(crate) fn add(&mut self, answer: Owed) {
        if self.0.len() == self.0.capacity() {
            self.forget_settled();
        }
        self.0.push(answer);
    }

    /// What many callers at a time have needed is given back.
    fn forget_settled(&mut self) {
        self.0.retain(|answer| answer.others() > 0);
        if self.0.capacity() > LASTING.max(4 * self.0.len()) {
            self.0.shrink_to(LASTING);
        }
    }

    /// Ends the wait of everybody who has no answer yet.
    pub(crate) fn default_on_all(&mut self) {
        self.0.drain(..).for_each(Owed::cancel);
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::future;

    use super::*;
    use crate::slot::{NoValue, slot};

    #[test]
    fn what_is_settled_takes_no_room() {
        let mut debts = Debts::default();
        let (_sender, open) = slot::<u32>();
        debts.add(open.owed().expect("it waits"));
        for _ in 0..1_000 {
            debts.add(slot::<u32>().1.owed().expect("it waits"));
        }
        assert!(debts.0.capacity() <= LASTING);
        debts.default_on_all();
        assert_eq!(future::block_on(open), Err(NoValue::Dropped), "the open one was still there");
    }

    #[test]
    fn who_has_an_answer_keeps_it_though_the_others_hear_that_there_will_be_none() {
        let mut debts = Debts::default();
        let ((sender, answered), (_kept, open)) = (slot(), slot::<u32>());
        debts.add(answered.owed().expect("it waits"));
        debts.add(open.owed().expect("it waits"));
        assert_eq!(sender.send(7), Ok(()));
        debts.default_on_all();
        assert_eq!(future::block_on(answered), Ok(7));
        assert_eq!(future::block_on(open), Err(NoValue::Dropped));
    }
}
