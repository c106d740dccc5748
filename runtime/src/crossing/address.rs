//! Addresses on their way.

use std::any::{Any, TypeId, type_name};
use std::sync::Arc;

use serde::de::{DeserializeOwned, Error as _};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::border::Border;
use super::carried::{self, Way};
use super::error::CrossingError;
use super::frame::Carried;
use super::stand_in::Abroad;
use crate::address::Address;
use crate::pid::{Pid, Recipient};

const NOT_CROSSING: &str = "an Address is serialized only on its way to another OS process";

/// Whose address it is: two of which this says the same are one on the other side.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whose {
    Process(TypeId, Pid),
    Name(TypeId, Arc<str>),
}

/// An address that somebody beyond the border has.
pub(super) trait Exported: Send + Sync {
    /// Decodes a message, and sends it there.
    fn deliver(&self, border: &Arc<Border>, to: u64, carried: Vec<Carried>, body: &[u8]) -> Result<(), CrossingError>;
    fn recipient(&self) -> Recipient;
    fn message_type(&self) -> &'static str;
    fn as_any(&self) -> &dyn Any;
}

impl<M: DeserializeOwned + Send + 'static> Exported for Address<M> {
    fn deliver(&self, border: &Arc<Border>, to: u64, carried: Vec<Carried>, body: &[u8]) -> Result<(), CrossingError> {
        let message = border.decode(Way::In { to: Some(to) }, carried, body)?;
        self.cast(message);
        Ok(())
    }

    fn recipient(&self) -> Recipient {
        Recipient::from(self)
    }

    fn message_type(&self) -> &'static str {
        type_name::<M>()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Only on its way to another OS process, as part of a message or an answer: there it is the address of a process that hands on
/// all it is sent.
impl<M: Serialize + DeserializeOwned + Send + 'static> Serialize for Address<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some((border, Way::Out)) = carried::current() else {
            return Err(S::Error::custom(NOT_CROSSING));
        };
        let crosses = match Abroad::of(self, &border) {
            Some(number) => Carried::Yours(number),
            None => border.export(self, whose(self)),
        };
        serializer.serialize_u32(carried::carry(crosses))
    }
}

fn whose<M: Send + 'static>(address: &Address<M>) -> Option<Whose> {
    let message = TypeId::of::<M>();
    match address.recipient() {
        Recipient::Process(pid) => Some(Whose::Process(message, pid)),
        Recipient::Name(name) => Some(Whose::Name(message, name)),
        // Of keys only the text is known, which those of two registries may share.
        _ => None,
    }
}

/// Only on its way from another OS process.
impl<'de, M: Serialize + DeserializeOwned + Send + 'static> Deserialize<'de> for Address<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let place = u32::deserialize(deserializer)?;
        let Some((border, Way::In { .. })) = carried::current() else {
            return Err(D::Error::custom(NOT_CROSSING));
        };
        let address = match carried::claim(place) {
            Some(Carried::Address(number, whom)) => border.import(number, whom),
            Some(Carried::Yours(number)) => {
                border.exported(number).and_then(|address| address.as_any().downcast_ref::<Self>().cloned())
            }
            _ => None,
        };
        address.ok_or_else(|| {
            carried::fault("it names an address that it does not carry");
            D::Error::custom("no such address")
        })
    }
}
