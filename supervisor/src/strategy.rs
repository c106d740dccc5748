//! Which siblings share a child's fate; pure.

use crate::children::{Children, Key};

/// Which children are stopped and started again when one of them must be; OTP's `strategy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Strategy {
    /// That one alone.
    #[default]
    OneForOne,
    /// All of them.
    OneForAll,
    /// That one and those that were started after it.
    RestForOne,
}

impl Strategy {
    /// The children that are stopped, youngest first, and then started, oldest first, to restart `failed`.
    pub(crate) fn group(self, children: &Children, failed: Key) -> Vec<Key> {
        match self {
            Strategy::OneForOne => vec![failed],
            Strategy::OneForAll => children.keys().collect(),
            Strategy::RestForOne => children.keys().filter(|key| *key >= failed).collect(),
        }
    }
}
