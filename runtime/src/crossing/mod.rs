//! Messages between systems that share no memory.
//!
//! A [`Border`] is one system's end of a connection to another. It encodes what goes out and decodes what comes in, by serde
//! and postcard; who owns it carries the bytes. What cannot be copied is handed over by number:
//!
//! - A [`Reply`](crate::Reply) stays here, and a stand-in is answered there. That it is answered, or dropped unanswered, or that
//!   its caller gave up, crosses.
//! - An [`Address`](crate::Address) becomes the address of a stand-in there, a process which hands on all that it is sent:
//!   messages, and exit signals. It ends as the process for which it stands does, so links and monitors of it tell the truth.
//!   An address that comes home is itself again.
//!
//! Invariants:
//! - What was carried is claimed by what is decoded, or given back: a message that cannot be read leaves no caller without word.
//! - No user code runs under a border's lock.
//! - Two addresses of one process are equal on the other side, too, and what one process sends by both keeps its order.

mod address;
mod border;
mod carried;
mod error;
mod frame;
mod intern;
mod inward;
mod outbox;
mod outward;
mod record;
mod reply;
mod stand_in;
mod tables;

pub use border::{Border, Control, Received};
pub use error::CrossingError;
pub use frame::{control_frame, read_control};
pub use intern::intern;
pub use record::LogRecord;
