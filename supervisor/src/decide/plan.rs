//! A list of steps, handed out one by one.

use std::collections::VecDeque;

use super::Step;

/// What is to be done. A single step takes no allocation, and most restarts are no more than that.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// There is none only if `rest` is empty, too.
    next: Option<Step>,
    rest: VecDeque<Step>,
}

impl FromIterator<Step> for Plan {
    fn from_iter<I: IntoIterator<Item = Step>>(steps: I) -> Self {
        let mut steps = steps.into_iter();
        Plan { next: steps.next(), rest: steps.collect() }
    }
}

impl Iterator for Plan {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let next = self.next.take()?;
        self.next = self.rest.pop_front();
        Some(next)
    }
}
