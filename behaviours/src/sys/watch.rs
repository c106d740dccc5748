//! What is kept while somebody watches.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_channel::Sender;

use super::event::{SysEvent, SysEventKind, caught};

/// How much has come and gone since statistics began; OTP's `sys:statistics`.
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::{Sys, SysStatistics};
/// use proscenium_runtime::testing::TestSystem;
///
/// # mod counter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/counter.rs")); }
/// # use counter::*;
/// let test = TestSystem::new(1);
/// let counter = test.block_on(Counter::start(0).spawn(&test)).unwrap();
/// let sys = Sys::new(&test, &counter);
/// test.block_on(sys.statistics(true)).unwrap();
/// (0..3).for_each(|n| counter.cast(Count::Add(n)));
/// test.block_on(counter.call(Count::Get)).unwrap();
/// let statistics: SysStatistics = test.block_on(sys.get_statistics()).unwrap().unwrap();
/// assert_eq!((statistics.messages_in, statistics.messages_out), (4, 0)); // An answer is no message.
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SysStatistics {
    /// For how long they have been kept.
    pub time: Duration,
    /// How many messages the process has received.
    pub messages_in: u64,
    /// How many messages mailboxes have taken from it; answers to calls are none.
    pub messages_out: u64,
}

/// Looks at each event. It is over when it breaks or panics.
pub(super) type Function = Box<dyn FnMut(&SysEvent) -> ControlFlow<()> + Send>;

/// Whatever of this is on.
#[derive(Default)]
pub(super) struct Watch {
    log: Option<Log>,
    statistics: Option<Counts>,
    subscribers: Vec<Sender<SysEvent>>,
    functions: Vec<(Arc<str>, Function)>,
}

struct Log {
    most: usize,
    events: VecDeque<SysEvent>,
}

#[derive(Clone, Copy)]
struct Counts {
    since: Instant,
    /// What the process had sent by then.
    sent: u64,
    messages_in: u64,
}

impl Watch {
    pub(super) fn is_off(&self) -> bool {
        self.log.is_none() && self.statistics.is_none() && self.subscribers.is_empty() && self.functions.is_empty()
    }

    /// Keeps the last `most` events; none if that is zero.
    pub(super) fn log(&mut self, most: usize) {
        let mut events = self.log.take().map(|log| log.events).unwrap_or_default();
        events.drain(..events.len().saturating_sub(most));
        self.log = (most > 0).then_some(Log { most, events });
    }

    /// The events kept, oldest first.
    pub(super) fn logged(&self) -> Vec<SysEvent> {
        self.log.iter().flat_map(|log| &log.events).cloned().collect()
    }

    /// The last message among the events kept.
    pub(super) fn last_message(&self) -> Option<Arc<str>> {
        let events = self.log.iter().flat_map(|log| log.events.iter().rev());
        events.filter(|event| event.kind != SysEventKind::Info).map(|event| event.text.clone()).next()
    }

    pub(super) fn count_from(&mut self, now: Instant, sent: u64) {
        self.statistics = Some(Counts { since: now, sent, messages_in: 0 });
    }

    pub(super) fn stop_counting(&mut self) {
        self.statistics = None;
    }

    pub(super) fn statistics(&self, now: Instant, sent: u64) -> Option<SysStatistics> {
        self.statistics.map(|counts| SysStatistics {
            time: now.saturating_duration_since(counts.since),
            messages_in: counts.messages_in,
            messages_out: sent - counts.sent,
        })
    }

    pub(super) fn subscribe(&mut self, subscriber: Sender<SysEvent>) {
        self.subscribers.push(subscriber);
    }

    /// Adds a function, unless there is one of that id. Returns whether it was added.
    pub(super) fn install(&mut self, id: Arc<str>, function: Function) -> bool {
        let is_new = self.functions.iter().all(|(known, _)| *known != id);
        if is_new {
            self.functions.push((id, function));
        }
        is_new
    }

    /// Removes the function of that id. Returns whether there was one.
    pub(super) fn remove(&mut self, id: &str) -> bool {
        let before = self.functions.len();
        self.functions.retain(|(known, _)| **known != *id);
        self.functions.len() < before
    }

    pub(super) fn take_in(&mut self, event: &SysEvent) {
        if let Some(counts) = &mut self.statistics {
            counts.messages_in += u64::from(event.kind == SysEventKind::In);
        }
        if let Some(log) = &mut self.log {
            if log.events.len() == log.most {
                log.events.pop_front();
            }
            log.events.push_back(event.clone());
        }
        self.subscribers.retain(|subscriber| subscriber.try_send(event.clone()).is_ok());
        self.functions.retain_mut(|(_, function)| matches!(caught(|| function(event)), Ok(ControlFlow::Continue(()))));
    }
}

#[cfg(test)]
mod tests {
    use proscenium_runtime::Pid;

    use super::*;

    fn take_in(watch: &mut Watch, texts: &[&str]) {
        for text in texts {
            watch.take_in(&SysEvent::new(Pid::NOBODY, Instant::now(), SysEventKind::In, (*text).into()));
        }
    }

    #[test]
    fn statistics_count_messages_and_no_other_events() {
        let (mut watch, now) = (Watch::default(), Instant::now());
        watch.count_from(now, 5);
        take_in(&mut watch, &["1", "2"]);
        watch.take_in(&SysEvent::new(Pid::NOBODY, now, SysEventKind::Info, "down".into()));
        let expected = SysStatistics { time: Duration::from_secs(1), messages_in: 2, messages_out: 3 };
        assert_eq!(watch.statistics(now + Duration::from_secs(1), 8), Some(expected));
    }

    fn logged(watch: &Watch) -> Vec<String> {
        watch.logged().iter().map(|event| event.text.to_string()).collect()
    }

    #[test]
    fn a_log_keeps_the_last_events_and_what_it_has_when_it_grows_or_shrinks() {
        let mut watch = Watch::default();
        watch.log(2);
        take_in(&mut watch, &["1", "2", "3"]);
        assert_eq!(logged(&watch), ["2", "3"]);
        watch.log(3);
        take_in(&mut watch, &["4"]);
        assert_eq!(logged(&watch), ["2", "3", "4"]);
        watch.log(1);
        assert_eq!(logged(&watch), ["4"]);
        watch.log(0);
        assert!(watch.is_off());
    }

    #[test]
    fn a_subscriber_that_is_gone_is_forgotten() {
        let mut watch = Watch::default();
        let (sender, receiver) = async_channel::unbounded();
        watch.subscribe(sender);
        take_in(&mut watch, &["1"]);
        assert_eq!(&*receiver.try_recv().unwrap().text, "1");
        drop(receiver);
        take_in(&mut watch, &["2"]);
        assert!(watch.is_off());
    }
}
