//! Replies on their way.

use std::sync::{Arc, Weak};

use serde::de::{DeserializeOwned, Error as _};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::border::Border;
use super::carried::{self, Way};
use super::error::CrossingError;
use super::frame::{Carried, Kind};
use crate::reply::{Reply, Unanswered};
use crate::slot::Heir;

const NOT_CROSSING: &str = "a Reply is serialized only on its way to another OS process";

/// An answer that somebody beyond the border owes to somebody here.
pub(super) trait Awaited: Send {
    fn answer(self: Box<Self>, border: &Arc<Border>, carried: Vec<Carried>, body: &[u8]) -> Result<(), CrossingError>;
    fn is_unwanted(&self) -> bool;
}

/// Dropped, it tells its caller, as a reply does.
struct Waiting<T: Send + 'static>(Option<Heir<T>>);

impl<T: DeserializeOwned + Send + 'static> Awaited for Waiting<T> {
    fn answer(
        mut self: Box<Self>,
        border: &Arc<Border>,
        carried: Vec<Carried>,
        body: &[u8],
    ) -> Result<(), CrossingError> {
        let value = border.decode(Way::In { to: None }, carried, body)?;
        if let Some(heir) = self.0.take() {
            heir.send(value);
        }
        Ok(())
    }

    fn is_unwanted(&self) -> bool {
        self.0.as_ref().is_none_or(Heir::is_closed)
    }
}

impl<T: Send + 'static> Drop for Waiting<T> {
    fn drop(&mut self) {
        if let Some(heir) = self.0.take() {
            Unanswered::keep(heir);
        }
    }
}

/// Only on its way to another OS process, as part of a message or an answer: the one that gets it answers in its stead.
impl<T: Serialize + DeserializeOwned + Send + 'static> Serialize for Reply<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some((border, Way::Out)) = carried::current() else {
            return Err(S::Error::custom(NOT_CROSSING));
        };
        let number = border.next_number();
        let caller_gone = {
            let border = Arc::downgrade(&border);
            move || unwanted(&border, number)
        };
        let crosses = match self.bequeath(Box::new(caller_gone)) {
            Some(heir) => border.await_answer(number, Box::new(Waiting(Some(heir)))),
            None => Carried::Unwanted,
        };
        serializer.serialize_u32(carried::carry(crosses))
    }
}

fn unwanted(border: &Weak<Border>, number: u64) {
    if let Some(border) = border.upgrade()
        && border.take_awaited(number).is_some()
    {
        border.push(Kind::Unwanted { reply: number });
    }
}

/// Only on its way from another OS process.
impl<'de, T: Serialize + DeserializeOwned + Send + 'static> Deserialize<'de> for Reply<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let place = u32::deserialize(deserializer)?;
        let Some((border, Way::In { to })) = carried::current() else {
            return Err(D::Error::custom(NOT_CROSSING));
        };
        match carried::claim(place) {
            Some(Carried::Reply(number)) => {
                let stands_in = {
                    let border = Arc::downgrade(&border);
                    move |value| answer(&border, number, to, value)
                };
                let (reply, owed) = Reply::handing_on(Box::new(stands_in));
                border.owe(number, owed.downgrade());
                Ok(reply)
            }
            Some(Carried::Unwanted) => Ok(Reply::channel().0),
            _ => {
                carried::fault("it names a reply that it does not carry");
                Err(D::Error::custom("no such reply"))
            }
        }
    }
}

/// What becomes of a reply that came over the border, in a message for the address `to`: it is answered, or dropped.
fn answer<T: Serialize>(border: &Weak<Border>, number: u64, to: Option<u64>, value: Option<T>) {
    let Some(border) = border.upgrade() else { return };
    border.settle(number);
    let sent = value.map(|value| border.send(Kind::Answer { to: number }, &value));
    match sent {
        Some(Ok(())) => {}
        Some(Err(error)) => {
            slog::warn!(border.system().logger(), "an answer does not cross"; "reason" => %error);
            border.push(Kind::Unanswered { reply: number });
        }
        // Of a process that has ended the caller hears why.
        None if to.is_some_and(|to| border.has_ended(to)) => {}
        None => border.push(Kind::Unanswered { reply: number }),
    }
}
