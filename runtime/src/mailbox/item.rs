//! What waits in a mailbox.

use crate::failure::OnFailure;
use crate::pid::MonitorRef;
use crate::signal::{Event, EventKind, EventRef, Exit, Notice};
use crate::system_message::{Incoming, SystemMessage};

/// What waits in a queue. News is boxed, so that it does not make every message larger.
#[derive(Debug)]
pub(crate) enum Item<M> {
    Message(M),
    Notice(Box<Notice>),
    /// News of a monitor, as the message that the process wants of it.
    Told(Box<(MonitorRef, M)>),
    /// A message whose sender wants to hear if it makes the process fail.
    Blamable(Box<(M, OnFailure)>),
    /// For the loop that runs the process; nobody else sees it.
    System(Box<SystemMessage>),
}

impl<M> Item<M> {
    pub(crate) fn is_message(&self) -> bool {
        matches!(self, Item::Message(_) | Item::Blamable(_))
    }

    pub(crate) fn is_system(&self) -> bool {
        matches!(self, Item::System(_))
    }

    /// What the body would receive; nothing if it is for the loop that runs it.
    pub(crate) fn peek(&self) -> Option<EventRef<'_, M>> {
        Some(match self {
            Item::Message(message) => EventRef::Message(message),
            Item::Told(told) => EventRef::Message(&told.1),
            Item::Blamable(blamable) => EventRef::Message(&blamable.0),
            Item::Notice(notice) => match &**notice {
                Notice::Exit(exit) => EventRef::Exit(exit),
                Notice::Down(down) => EventRef::Down(down),
            },
            Item::System(_) => return None,
        })
    }

    pub(crate) fn kind(&self) -> EventKind {
        self.peek().map_or(EventKind::System, |event| event.kind())
    }
}

impl<M> From<M> for Item<M> {
    fn from(message: M) -> Self {
        Item::Message(message)
    }
}

impl<M> From<(M, OnFailure)> for Item<M> {
    fn from(blamable: (M, OnFailure)) -> Self {
        Item::Blamable(Box::new(blamable))
    }
}

impl<M> Item<M> {
    /// What the body receives, and whom to tell should it fail of that.
    pub(crate) fn into_event(self) -> (Event<M>, Option<OnFailure>) {
        match self.into_incoming() {
            (Incoming::Event(event), on_failure) => (event, on_failure),
            (Incoming::System(_), _) => unreachable!("only the loop that runs the process takes it out"),
        }
    }

    /// A message, and whom to tell should the process fail of it.
    #[inline]
    pub(crate) fn into_message(self) -> (M, Option<OnFailure>) {
        match self {
            Item::Message(message) => (message, None),
            Item::Told(told) => (told.1, None),
            Item::Blamable(blamable) => {
                let (message, on_failure) = *blamable;
                (message, Some(on_failure))
            }
            Item::Notice(_) | Item::System(_) => unreachable!("only messages are taken out as such"),
        }
    }

    /// What the loop that runs the body receives, and whom to tell should it fail of that.
    #[inline]
    pub(crate) fn into_incoming(self) -> (Incoming<M>, Option<OnFailure>) {
        let (event, on_failure) = match self {
            // For itself: an event may be larger than a message by far.
            Item::Message(message) => return (Incoming::Event(Event::Message(message)), None),
            Item::Notice(notice) => ((*notice).into(), None),
            Item::Told(told) => (Event::Message(told.1), None),
            Item::Blamable(blamable) => (Event::Message(blamable.0), Some(blamable.1)),
            Item::System(message) => return (Incoming::System(*message), None),
        };
        (Incoming::Event(event), on_failure)
    }

    /// Whether it is news that `unwanted` picks; what was made of a monitor's is that monitor's.
    pub(crate) fn is_news(&self, unwanted: impl Fn(NewsRef<'_>) -> bool) -> bool {
        match self {
            Item::Message(_) | Item::Blamable(_) | Item::System(_) => false,
            Item::Told(told) => unwanted(NewsRef::Down(told.0)),
            Item::Notice(notice) => match &**notice {
                Notice::Exit(exit) => unwanted(NewsRef::Exit(exit)),
                Notice::Down(down) => unwanted(NewsRef::Down(down.monitor)),
            },
        }
    }
}

/// News that waits, as who wants it no more knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NewsRef<'a> {
    Exit(&'a Exit),
    Down(MonitorRef),
}
