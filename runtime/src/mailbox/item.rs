//! What waits in a mailbox.

use crate::failure::OnFailure;
use crate::pid::MonitorRef;
use crate::signal::{Event, EventRef, Exit, Notice};

/// What waits in a queue. News is boxed, so that it does not make every message larger.
#[derive(Debug)]
pub(crate) enum Item<M> {
    Message(M),
    Notice(Box<Notice>),
    /// News of a monitor, as the message that the process wants of it.
    Told(Box<(MonitorRef, M)>),
    /// A message whose sender wants to hear if it makes the process fail.
    Blamable(Box<(M, OnFailure)>),
}

impl<M> Item<M> {
    pub(crate) fn is_message(&self) -> bool {
        matches!(self, Item::Message(_) | Item::Blamable(_))
    }

    pub(crate) fn peek(&self) -> EventRef<'_, M> {
        match self {
            Item::Message(message) => EventRef::Message(message),
            Item::Told(told) => EventRef::Message(&told.1),
            Item::Blamable(blamable) => EventRef::Message(&blamable.0),
            Item::Notice(notice) => match &**notice {
                Notice::Exit(exit) => EventRef::Exit(exit),
                Notice::Down(down) => EventRef::Down(down),
            },
        }
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
        match self {
            Item::Message(message) => (Event::Message(message), None),
            Item::Notice(notice) => ((*notice).into(), None),
            Item::Told(told) => (Event::Message(told.1), None),
            Item::Blamable(blamable) => (Event::Message(blamable.0), Some(blamable.1)),
        }
    }

    /// Whether it is news that `unwanted` picks; what was made of a monitor's is that monitor's.
    pub(crate) fn is_news(&self, unwanted: impl Fn(NewsRef<'_>) -> bool) -> bool {
        match self {
            Item::Message(_) | Item::Blamable(_) => false,
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
