//! Where messages end that nobody can receive.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use async_channel::Receiver;

use crate::pid::Recipient;
use crate::subscribers::Subscribers;

/// A message that reached nobody. The message itself is dropped; a [`Reply`](crate::Reply) in it tells its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Whom it was for.
    pub target: Recipient,
    /// The Rust type of the message.
    pub message_type: &'static str,
    /// Why it was not received.
    pub reason: DeadReason,
}

/// Why a message reached nobody.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadReason {
    /// Nobody has that name, or who has it takes messages of another type.
    NoProcess,
    /// The process had ended before the message came.
    Exited,
    /// The message was in the mailbox, unreceived, when the process ended.
    DroppedAtExit,
    /// A bounded mailbox had no room for it.
    MailboxFull,
}

impl fmt::Display for DeadReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DeadReason::NoProcess => "no process",
            DeadReason::Exited => "the process has exited",
            DeadReason::DroppedAtExit => "unreceived when the process exited",
            DeadReason::MailboxFull => "mailbox full",
        })
    }
}

#[derive(Debug)]
pub(crate) struct DeadLetters {
    count: AtomicU64,
    subscribers: Subscribers<DeadLetter>,
}

impl DeadLetters {
    pub(crate) fn new() -> Self {
        DeadLetters {
            count: AtomicU64::new(0),
            subscribers: Subscribers::new(),
        }
    }

    pub(crate) fn record(&self, make: impl FnOnce() -> DeadLetter) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.subscribers.publish(make);
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    pub(crate) fn subscribe(&self) -> Receiver<DeadLetter> {
        self.subscribers.subscribe()
    }
}
