//! Frames: a length, a head that says what it is, and a body.

use std::any::type_name;

use postcard::ser_flavors::Flavor;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::CrossingError;
use crate::exit::ExitReason;
use crate::pid::Recipient;

/// Bytes of the length, which does not count itself.
pub(super) const LENGTH: usize = size_of::<u32>();

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) kind: Kind,
    /// What the body names by its place in here.
    pub(super) carried: Vec<Carried>,
}

/// What a frame is. Numbers are those of whoever gave them out.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Kind {
    Message {
        to: u64,
    },
    Answer {
        to: u64,
    },
    /// The reply of that number was dropped.
    Unanswered {
        reply: u64,
    },
    /// Nobody waits for that answer any more.
    Unwanted {
        reply: u64,
    },
    /// The address of that number, which has come so many times, is gone again.
    Released {
        address: u64,
        times: u64,
    },
    /// The process of that address has ended.
    Ended {
        address: u64,
        reason: ExitReason,
    },
    /// An exit signal for the process of that address.
    Exit {
        address: u64,
        reason: ExitReason,
    },
    /// A word between those who own the borders.
    Control,
}

/// What cannot be copied, as it crosses.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Carried {
    /// A reply.
    Reply(u64),
    /// A reply for which nobody waits any more.
    Unwanted,
    /// An address of the sender's, and what it is called there.
    Address(u64, Recipient),
    /// An address of the receiver's, come home.
    Yours(u64),
}

/// Encodes `value` in at most `limit` bytes.
pub(super) fn encode<T: Serialize + ?Sized>(value: &T, limit: usize) -> Result<Vec<u8>, CrossingError> {
    let type_name = type_name::<T>();
    postcard::serialize_with_flavor(value, Bounded { bytes: Vec::new(), limit }).map_err(|error| match error {
        postcard::Error::SerializeBufferFull => CrossingError::TooLarge { type_name, limit },
        error => CrossingError::Unserializable { type_name, cause: error.to_string() },
    })
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CrossingError> {
    postcard::from_bytes(bytes)
        .map_err(|error| CrossingError::Unreadable { type_name: type_name::<T>(), cause: error.to_string() })
}

/// The head of a frame, its length left out, and the body.
pub(super) fn split(frame: &[u8]) -> Result<(Head, &[u8]), CrossingError> {
    postcard::take_from_bytes(frame).map_err(|error| CrossingError::Garbled { cause: error.to_string() })
}

/// Appends a frame to `bytes`, unless it is larger than `limit`.
pub(super) fn append(bytes: &mut Vec<u8>, head: &Head, body: &[u8], limit: usize) -> Result<(), CrossingError> {
    let head = encode(head, limit)?;
    let length = head.len() + body.len();
    let too_large = CrossingError::TooLarge { type_name: "frame", limit };
    let Some(length) = u32::try_from(length).ok().filter(|_| length <= limit) else {
        return Err(too_large);
    };
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&head);
    bytes.extend_from_slice(body);
    Ok(())
}

/// A word between those who own the borders, as a whole frame with its length, for when there is no border yet. No reply and no
/// address can be in it.
///
/// # Errors
/// If it cannot be serialized.
pub fn control_frame<T: Serialize>(word: &T) -> Result<Vec<u8>, CrossingError> {
    let mut bytes = Vec::new();
    let limit = u32::MAX as usize;
    append(&mut bytes, &Head { kind: Kind::Control, carried: Vec::new() }, &encode(word, limit)?, limit)?;
    Ok(bytes)
}

/// Reads what [`control_frame`] has written, its length left out.
///
/// # Errors
/// If it is something else.
pub fn read_control<T: DeserializeOwned>(frame: &[u8]) -> Result<T, CrossingError> {
    match split(frame)? {
        (Head { kind: Kind::Control, .. }, body) => decode(body),
        _ => Err(CrossingError::Garbled { cause: "it comes out of turn".to_owned() }),
    }
}

/// Bytes, up to a limit: what is too large is not made first and measured then.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
}

impl Flavor for Bounded {
    type Output = Vec<u8>;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn try_extend(&mut self, more: &[u8]) -> postcard::Result<()> {
        if more.len() > self.limit - self.bytes.len() {
            return Err(postcard::Error::SerializeBufferFull);
        }
        self.bytes.extend_from_slice(more);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<Vec<u8>> {
        Ok(self.bytes)
    }
}
