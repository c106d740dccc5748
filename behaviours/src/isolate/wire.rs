//! The socket between the two OS processes.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

use async_io::Async;
use proscenium_runtime::consume_budget;
use proscenium_runtime::crossing::{Border, CrossingError};

/// So much is read at a time, or more if a large frame is under way, but not more than [`LARGE_CHUNK`].
const CHUNK: usize = 16 * 1024;
const LARGE_CHUNK: usize = 1024 * 1024;

/// One end of the socket, with what was read and not taken yet.
pub(super) struct Wire {
    stream: Async<UnixStream>,
    bytes: Vec<u8>,
    /// How many of the bytes, from the first, were taken.
    taken: usize,
}

/// Why reading has come to an end.
#[derive(Debug)]
pub(super) enum Closed {
    /// The other side is gone.
    End,
    Failed(io::Error),
}

impl Wire {
    pub(super) fn new(stream: UnixStream) -> io::Result<Self> {
        Ok(Wire { stream: Async::new(stream)?, bytes: Vec::new(), taken: 0 })
    }

    /// Reads more, and writes meanwhile what waits at the border; before each time, `before` may add to that.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub(super) async fn exchange(&mut self, border: &Border, before: impl FnMut()) -> Result<(), Closed> {
        let Wire { stream, bytes, taken } = self;
        let write = async {
            // Who does not take what is written is gone: that will be read.
            let _ = write_all(stream, border, before).await;
            futures_lite::future::pending().await
        };
        futures_lite::future::or(write, read(stream, bytes, taken)).await
    }

    /// Reads what an OS process that has ended has left behind; returns whether that was anything. Its end may be known before it is
    /// known that there is something to read.
    pub(super) fn read_rest(&mut self) -> bool {
        let before = self.bytes.len();
        loop {
            match read_some(self.stream.get_ref(), &mut self.bytes) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        self.bytes.len() > before
    }

    /// Takes the next frame out of what was read, if it is there as a whole, and calls `take` with it.
    pub(super) fn with_frame<T>(
        &mut self,
        border: &Border,
        take: impl FnOnce(&[u8]) -> T,
    ) -> Result<Option<T>, CrossingError> {
        let Some((frame, length)) = border.first_frame(&self.bytes[self.taken..])? else {
            return Ok(None);
        };
        let result = take(frame);
        self.taken += length;
        Ok(Some(result))
    }

    /// Writes what waits at the border, as far as it can without waiting.
    pub(super) fn try_write(&self, border: &Border) -> io::Result<()> {
        write_some(self.stream.get_ref(), border)
    }

    /// Writes all that waits at the border.
    pub(super) async fn flush(&self, border: &Border) -> io::Result<()> {
        while let Err(error) = self.try_write(border) {
            match error.kind() {
                io::ErrorKind::WouldBlock => self.stream.writable().await?,
                _ => return Err(error),
            }
        }
        Ok(())
    }
}

/// Writes what waits, as far as the socket has room.
pub(super) fn write_some(mut stream: &UnixStream, border: &Border) -> io::Result<()> {
    border.write_with(|bytes| stream.write(bytes))
}

async fn read(stream: &Async<UnixStream>, bytes: &mut Vec<u8>, taken: &mut usize) -> Result<(), Closed> {
    consume_budget().await;
    bytes.drain(..std::mem::take(taken));
    if bytes.is_empty() {
        bytes.shrink_to(CHUNK);
    }
    match stream.read_with(|stream| read_some(stream, bytes)).await {
        Ok(0) => Err(Closed::End),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Err(Closed::End),
        Err(error) => Err(Closed::Failed(error)),
    }
}

/// Reads what is there behind `bytes`, or the beginning of it.
fn read_some(mut stream: &UnixStream, bytes: &mut Vec<u8>) -> io::Result<usize> {
    let before = bytes.len();
    bytes.resize(before + before.clamp(CHUNK, LARGE_CHUNK), 0);
    let read = stream.read(&mut bytes[before..]);
    bytes.truncate(before + *read.as_ref().unwrap_or(&0));
    read
}

/// Writes what waits, again and again, until that fails.
async fn write_all(stream: &Async<UnixStream>, border: &Border, mut before: impl FnMut()) -> io::Result<()> {
    loop {
        border.unwritten().await;
        before();
        while let Err(error) = write_some(stream.get_ref(), border) {
            match error.kind() {
                io::ErrorKind::WouldBlock => stream.writable().await?,
                _ => return Err(error),
            }
        }
    }
}
