//! Whoever wants to hear of something, each with a channel of its own.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_channel::{Receiver, Sender};

use crate::sync::Lock;

/// How much a subscriber may leave unread; beyond it the oldest is dropped, so that it can neither hold up nor flood
/// the system.
const BACKLOG: usize = 4096;

pub(crate) struct Subscribers<T> {
    senders: Lock<Arc<[Sender<T>]>>,
    count: AtomicUsize,
}

impl<T: Clone> Subscribers<T> {
    pub(crate) fn new() -> Self {
        Subscribers { senders: Lock::new(Arc::default()), count: AtomicUsize::new(0) }
    }

    pub(crate) fn subscribe(&self) -> Receiver<T> {
        let (sender, receiver) = async_channel::bounded(BACKLOG);
        let mut senders = self.senders.lock();
        *senders = senders.iter().cloned().chain([sender]).collect();
        self.count.store(senders.len(), Ordering::Release);
        receiver
    }

    pub(crate) fn are_there(&self) -> bool {
        self.count.load(Ordering::Acquire) > 0
    }

    /// Sends every subscriber a copy.
    pub(crate) fn publish(&self, news: &T) {
        if !self.are_there() {
            return;
        }
        let senders = self.senders.lock().clone();
        let closed = senders.iter().filter(|sender| sender.force_send(news.clone()).is_err()).count();
        if closed > 0 {
            self.forget_closed();
        }
    }

    fn forget_closed(&self) {
        let mut senders = self.senders.lock();
        let open = senders.iter().filter(|sender| !sender.is_closed()).cloned().collect();
        let before = std::mem::replace(&mut *senders, open);
        self.count.store(senders.len(), Ordering::Release);
        drop(senders);
        // With a closed channel goes what it held, which may be the user's: not under the lock.
        drop(before);
    }
}

impl<T> fmt::Debug for Subscribers<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribers").field("count", &self.count).finish()
    }
}
