//! Frames that wait to be written.
//!
//! Whoever sends appends, and wakes who writes, if that waits; so what is sent in one go is written in one.

use std::io;
use std::task::{Context, Poll, Waker};

use crate::sync::Lock;

/// So much room is kept for those to come.
const LASTING: usize = 256 * 1024;

#[derive(Default)]
pub(super) struct Outbox(Lock<Pending>);

#[derive(Default)]
struct Pending {
    bytes: Vec<u8>,
    /// How many of the bytes, from the first, are written.
    written: usize,
    /// Who writes shall look, though there may be nothing to write.
    nudged: bool,
    writer: Option<Waker>,
}

impl Outbox {
    /// Lets `append` add a frame.
    pub(super) fn append<E>(&self, append: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        let mut pending = self.0.lock();
        append(&mut pending.bytes)?;
        let writer = pending.writer.take();
        drop(pending);
        wake(writer);
        Ok(())
    }

    pub(super) fn nudge(&self) {
        let mut pending = self.0.lock();
        pending.nudged = true;
        let writer = pending.writer.take();
        drop(pending);
        wake(writer);
    }

    /// How many bytes wait.
    pub(super) fn len(&self) -> usize {
        let pending = self.0.lock();
        pending.bytes.len() - pending.written
    }

    /// Ready when there is something to write, or after a nudge.
    pub(super) fn poll_unwritten(&self, cx: &Context<'_>) -> Poll<()> {
        let mut pending = self.0.lock();
        if std::mem::take(&mut pending.nudged) || pending.written < pending.bytes.len() {
            return Poll::Ready(());
        }
        let before = pending.writer.replace(cx.waker().clone());
        drop(pending);
        drop(before);
        Poll::Pending
    }

    /// Lets `write` write all that waits.
    pub(super) fn write_with(&self, mut write: impl FnMut(&[u8]) -> io::Result<usize>) -> io::Result<()> {
        let mut pending = self.0.lock();
        while pending.written < pending.bytes.len() {
            match write(&pending.bytes[pending.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => pending.written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        pending.written = 0;
        pending.bytes.clear();
        pending.bytes.shrink_to(LASTING);
        Ok(())
    }
}

fn wake(writer: Option<Waker>) {
    if let Some(writer) = writer {
        writer.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox(bytes: &[u8]) -> Outbox {
        let outbox = Outbox::default();
        let appended: Result<(), ()> = outbox.append(|pending| {
            pending.extend_from_slice(bytes);
            Ok(())
        });
        assert_eq!(appended, Ok(()));
        outbox
    }

    #[test]
    fn what_was_not_written_at_once_is_written_next_and_nothing_twice() {
        let outbox = outbox(b"abcdef");
        let (mut written, mut room) = (Vec::new(), 4);
        let mut write = |bytes: &[u8]| {
            let count = bytes.len().min(room).min(3);
            written.extend_from_slice(&bytes[..count]);
            room -= count;
            if count == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(count) }
        };
        assert_eq!(outbox.write_with(&mut write).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(outbox.len(), 2);
        outbox
            .write_with(|bytes| {
                written.extend_from_slice(bytes);
                Ok(bytes.len())
            })
            .unwrap();
        assert_eq!((written.as_slice(), outbox.len()), (&b"abcdef"[..], 0));
    }
}
