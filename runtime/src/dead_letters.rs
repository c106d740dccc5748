//! Where messages end that nobody can receive.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_channel::Receiver;
use slog::{Drain, Logger};

use crate::panic::catch;
use crate::pid::{Pid, Recipient};
use crate::subscribers::Subscribers;
use crate::sync::Lock;

/// A message that reached nobody. The message itself is dropped; a [`Reply`](crate::Reply) in it tells its caller.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::DeadReason;
///
/// let test = TestSystem::new(1);
/// let letters = test.dead_letters();
/// test.named::<u32>("nobody").cast(7);
/// let letter = letters.try_recv().unwrap();
/// assert_eq!((letter.message_type, letter.reason), ("u32", DeadReason::NoProcess));
/// assert_eq!(letter.target, "nobody".into());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Whom it was for.
    pub target: Recipient,
    /// The Rust type of the message.
    pub message_type: &'static str,
    /// Why it was not received.
    pub reason: DeadReason,
    /// The process in which it was sent; `None` if that was none, or the message had been in the mailbox: then that is
    /// forgotten.
    pub sender: Option<Pid>,
}

/// Why a message reached nobody.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, DeadReason};
///
/// let test = TestSystem::new(1);
/// test.named::<u32>("nobody").cast(1);
/// let brief = test.spawn(|_ctx: Context<u32>| async {});
/// brief.cast(2); // It ends without receiving it.
/// test.run_until_idle();
/// brief.cast(3);
/// let count = |reason| test.dead_letter_count_of(reason);
/// assert_eq!([DeadReason::NoProcess, DeadReason::DroppedAtExit, DeadReason::Exited].map(count), [1, 1, 1]);
/// assert_eq!(DeadReason::ALL.map(count).iter().sum::<u64>(), test.dead_letter_count());
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum DeadReason {
    /// Nobody has that name, or who has it takes messages of another type.
    NoProcess,
    /// The process had ended before the message came.
    Exited,
    /// The message was in the mailbox, unreceived, when the process ended.
    DroppedAtExit,
    /// A bounded mailbox had no room for it.
    MailboxFull,
    /// It was sent by way of an alias that was inactive.
    InactiveAlias,
    /// Its time was over before anybody received it.
    Expired,
    /// It was to go to another OS process, and takes more bytes than it may, or cannot be serialized, or not be read there.
    NotCarried,
}

impl fmt::Display for DeadReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DeadReason::NoProcess => "no process",
            DeadReason::Exited => "the process has exited",
            DeadReason::DroppedAtExit => "unreceived when the process exited",
            DeadReason::MailboxFull => "mailbox full",
            DeadReason::InactiveAlias => "inactive alias",
            DeadReason::Expired => "expired",
            DeadReason::NotCarried => "not carried to another OS process",
        })
    }
}

impl DeadReason {
    /// All of them.
    pub const ALL: [DeadReason; 7] = [
        DeadReason::NoProcess,
        DeadReason::Exited,
        DeadReason::DroppedAtExit,
        DeadReason::MailboxFull,
        DeadReason::InactiveAlias,
        DeadReason::Expired,
        DeadReason::NotCarried,
    ];
}

#[derive(Debug)]
pub(crate) struct DeadLetters {
    counts: [AtomicU64; DeadReason::ALL.len()],
    subscribers: Subscribers<DeadLetter>,
    logged: Lock<Quota>,
}

/// How many dead letters may be logged in a second.
const LOGGED_PER_SECOND: u32 = 10;

/// What is left of this second's log lines, and how many were left out since the last.
#[derive(Debug, Default)]
struct Quota {
    since: Option<Instant>,
    used: u32,
    left_out: u64,
}

impl Quota {
    /// Whether one more may be logged at `now`; if so, with how many were left out before it.
    fn take(&mut self, now: Instant) -> Option<u64> {
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= Duration::from_secs(1)) {
            self.since = Some(now);
            self.used = 0;
        }
        if self.used == LOGGED_PER_SECOND {
            self.left_out += 1;
            return None;
        }
        self.used += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

impl DeadLetters {
    pub(crate) fn new() -> Self {
        DeadLetters { counts: Default::default(), subscribers: Subscribers::new(), logged: Lock::default() }
    }

    pub(crate) fn record(&self, letter: DeadLetter, now: Instant, logger: &Logger) {
        self.counts[letter.reason as usize].fetch_add(1, Ordering::Relaxed);
        // Processes end with dead letters: a fault of the logger's must not keep links and monitors from hearing.
        let _ = catch(|| self.log(&letter, now, logger));
        self.subscribers.publish(&letter);
    }

    fn log(&self, letter: &DeadLetter, now: Instant, logger: &Logger) {
        if !logger.is_debug_enabled() {
            return;
        }
        let quota = self.logged.lock().take(now);
        if let Some(left_out) = quota {
            log(letter, left_out, logger);
        }
    }

    pub(crate) fn count(&self, reason: DeadReason) -> u64 {
        self.counts[reason as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn total(&self) -> u64 {
        DeadReason::ALL.iter().map(|reason| self.count(*reason)).sum()
    }

    pub(crate) fn subscribe(&self) -> Receiver<DeadLetter> {
        self.subscribers.subscribe()
    }
}

fn log(letter: &DeadLetter, left_out: u64, logger: &Logger) {
    slog::debug!(logger, "dead letter: {}", letter.reason;
        "to" => %letter.target,
        "from" => letter.sender.map(|pid| pid.to_string()),
        "message_type" => letter.message_type,
        "left_out" => Some(left_out).filter(|count| *count > 0),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_dead_letters_is_logged_ten_a_second_with_a_count_of_the_rest() {
        let start = Instant::now();
        let mut quota = Quota::default();
        let first_second: Vec<_> = (0..25).map(|_| quota.take(start)).collect();
        assert_eq!(first_second.iter().flatten().count(), 10);
        assert_eq!(quota.take(start + Duration::from_secs(1)), Some(15));
        assert_eq!(quota.take(start + Duration::from_secs(1)), Some(0));
    }
}
