//! What a process counts while it runs.
//!
//! Each number has one writer, the thread on which the body runs just now, so to count costs what an addition costs.
//! Whoever looks from outside sees the numbers of a moment ago, in the order in which they were written.

use std::any::type_name;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Inner, Process};
use crate::clock::nanos;
use crate::current;
use crate::info::{ProcessInfo, Status};
use crate::mailbox::Queue;
use crate::scheduler::Priority;
use crate::vitals::{Vitals, Work};

impl<M: Send + 'static> Process<M> {
    /// Its body is `size` bytes large, its work so urgent, and its supervisor had started this child `restarts` times before.
    pub(crate) fn describe(&self, size: usize, priority: Priority, restarts: u16) {
        self.body_size.store(saturate(size), Ordering::Relaxed);
        self.set_priority(priority);
        self.restarts.store(restarts, Ordering::Relaxed);
    }

    /// The body has taken out of the queue what it has not received yet: `held` items. What it has received is counted
    /// before, so that who reads the two in turn loses no message from sight.
    pub(super) fn hold(&self, held: usize) {
        self.held.store(saturate(held), Ordering::Release);
    }

    pub(super) fn count_received(&self) {
        add(&self.received, 1);
    }

    pub(crate) fn begin_poll(&self) {
        self.running.store(true, Ordering::Release);
    }

    pub(crate) fn end_poll(&self) {
        self.running.store(false, Ordering::Release);
    }

    /// Adds what was done in this poll so far. Only within it.
    #[inline]
    pub(crate) fn settle(&self) {
        let sent = current::take_sent();
        if sent > 0 {
            add(&self.sent, sent);
        }
        if let Some(began) = current::began() {
            let now = self.system.shared.timers.now();
            add(&self.busy_nanos, nanos(now.saturating_duration_since(began)));
            current::set_began(now);
        }
    }

    pub(super) fn work(&self) -> Work {
        Work {
            received: self.received.load(Ordering::Acquire),
            sent: self.sent.load(Ordering::Acquire),
            busy: Duration::from_nanos(self.busy_nanos.load(Ordering::Acquire)),
        }
    }

    pub(super) fn read_vitals(&self) -> Vitals {
        self.settle_if_current();
        self.vitals_with(&self.inner.lock().queue)
    }

    pub(super) fn read_info(&self) -> Option<ProcessInfo> {
        self.settle_if_current();
        let system_age = self.system.shared.age();
        let timers = self.system.shared.timers.count(&self.timers);
        let inner = self.inner.lock();
        let control = &inner.control;
        if control.closed().is_some() {
            return None;
        }
        let vitals = self.vitals_with(&inner.queue);
        let watching = control.seldom.get().into_iter().flat_map(|seldom| seldom.watching.values());
        let info = ProcessInfo {
            pid: self.pid,
            name: control.name().cloned(),
            label: control.label().cloned(),
            status: self.status(&inner),
            parent: self.ancestors.parent(),
            ancestors: self.ancestors.clone(),
            trap_exit: control.trap_exit,
            message_type: type_name::<M>().into(),
            queue_len: vitals.queue_len,
            queue_high_water: vitals.queue_high_water,
            queue_bound: inner.queue.bound(),
            received: vitals.work.received,
            sent: vitals.work.sent,
            busy: vitals.work.busy,
            age: system_age.saturating_sub(Duration::from_nanos(self.born_nanos)),
            restarts: self.restarts.load(Ordering::Relaxed).into(),
            links: control.links.keys(),
            monitors: watching.map(|watching| watching.down.pid).collect(),
            monitored_by: control.watchers().collect(),
            groups: Vec::new(),
            timers,
            memory: vitals.memory,
        };
        drop(inner);
        // Not under the process's lock: whoever joins a group takes the groups' first.
        Some(ProcessInfo { groups: self.system.shared.groups.of(self.pid), ..info })
    }

    fn settle_if_current(&self) {
        if self.is_current() {
            self.settle();
        }
    }

    fn vitals_with(&self, queue: &Queue<M>) -> Vitals {
        let queue_len = self.held.load(Ordering::Acquire) as usize + queue.len();
        Vitals {
            queue_len,
            queue_high_water: queue.high_water().max(queue_len),
            work: self.work(),
            memory: size_of::<Self>() + self.body_size.load(Ordering::Relaxed) as usize + queue.allocated_bytes(),
        }
    }

    fn status(&self, inner: &Inner<M>) -> Status {
        if !inner.control.is_running() {
            Status::Exiting
        } else if self.running.load(Ordering::Acquire) {
            Status::Running
        } else if inner.berth.is_some() {
            Status::Waiting
        } else {
            Status::Runnable
        }
    }
}

/// Without a read-modify-write: nobody else writes it.
fn add(count: &AtomicU64, more: u64) {
    count.store(count.load(Ordering::Relaxed) + more, Ordering::Release);
}

fn saturate(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
