//! What waits in a mailbox.

use crate::failure::OnFailure;
use crate::pid::MonitorRef;
use crate::signal::{Down, Event, EventKind, EventRef, Exit};
use crate::system_message::{Incoming, SystemMessage};

/// What waits in a queue. News is boxed, so that it does not make every message larger.
#[derive(Debug)]
pub(crate) enum Item<M> {
    Message(M),
    Exit(Box<Exit>),
    Down(Box<Down>),
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
            Item::Exit(exit) => EventRef::Exit(exit),
            Item::Down(down) => EventRef::Down(down),
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

// What comes out is put where it shall be, and not handed on with who wants to hear of a failure: an event may be larger than a
// message by far, and to copy it costs more than all else here.
impl<M> Item<M> {
    /// What the body receives. `on_failure` is told whom to tell should it fail of that.
    #[inline(always)]
    pub(crate) fn into_event(self, on_failure: &mut Option<OnFailure>) -> Event<M> {
        match self {
            Item::Message(message) => Event::Message(message),
            Item::Exit(exit) => Event::Exit(*exit),
            Item::Down(down) => Event::Down(*down),
            Item::Told(told) => Event::Message(told.1),
            Item::Blamable(blamable) => Event::Message(blame(*blamable, on_failure)),
            Item::System(_) => unreachable!("only the loop that runs the process takes it out"),
        }
    }

    /// As [`into_event`](Self::into_event), of a message.
    #[inline(always)]
    pub(crate) fn into_message(self, on_failure: &mut Option<OnFailure>) -> M {
        match self {
            Item::Message(message) => message,
            seldom => seldom.into_seldom_message(on_failure),
        }
    }

    #[cold]
    fn into_seldom_message(self, on_failure: &mut Option<OnFailure>) -> M {
        match self {
            Item::Message(message) => message,
            Item::Told(told) => told.1,
            Item::Blamable(blamable) => blame(*blamable, on_failure),
            Item::Exit(_) | Item::Down(_) | Item::System(_) => unreachable!("only messages are taken out as such"),
        }
    }

    /// As [`into_event`](Self::into_event), for the loop that runs the body.
    #[inline(always)]
    pub(crate) fn into_incoming(self, on_failure: &mut Option<OnFailure>) -> Incoming<M> {
        match self {
            Item::Message(message) => Incoming::Event(Event::Message(message)),
            Item::System(message) => Incoming::System(*message),
            item => Incoming::Event(item.into_event(on_failure)),
        }
    }

    /// Whether it is news that `unwanted` picks; what was made of a monitor's is that monitor's.
    pub(crate) fn is_news(&self, unwanted: impl Fn(NewsRef<'_>) -> bool) -> bool {
        match self {
            Item::Message(_) | Item::Blamable(_) | Item::System(_) => false,
            Item::Told(told) => unwanted(NewsRef::Down(told.0)),
            Item::Exit(exit) => unwanted(NewsRef::Exit(exit)),
            Item::Down(down) => unwanted(NewsRef::Down(down.monitor)),
        }
    }
}

fn blame<M>((message, its): (M, OnFailure), on_failure: &mut Option<OnFailure>) -> M {
    *on_failure = Some(its);
    message
}

/// News that waits, as who wants it no more knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NewsRef<'a> {
    Exit(&'a Exit),
    Down(MonitorRef),
}
