//! File descriptors whose readiness comes as a message; what `select` is to a program without processes.
//!
//! Invariants:
//! - A watch is armed once and fires once: a descriptor that stays ready does not flood the mailbox.
//! - The watch has a descriptor of its own, a duplicate: the owner's is never closed, read or changed.
//! - Watches end with the process that set them.

#[cfg(unix)]
#[path = "unix.rs"]
mod platform;
#[cfg(not(unix))]
#[path = "unsupported.rs"]
mod platform;

use std::io;

use crate::any_process::WithControl;
use crate::context::Context;
use crate::pid::WatchRef;
use crate::scheduler::{Priority, Service};

pub use platform::Watched;

/// What a watch waits for.
///
/// # Examples
///
/// ```
/// use std::io::Write;
/// use std::os::unix::net::UnixStream;
///
/// use proscenium_runtime::{Context, Interest, Ready, System};
///
/// # #[cfg(unix)] {
///
/// let outcome = System::new("shop").run(|mut ctx: Context<Ready>| async move {
///     let (ours, mut theirs) = UnixStream::pair()?;
///     theirs.write_all(b"hello")?;
///     ctx.watch(&ours, Interest::Both, |ready| ready)?;
///     let ready = ctx.receive_message().await;
///     assert!(ready.readable || ready.writable); // It tells which.
///     Ok(())
/// });
/// assert_eq!(outcome, Ok(()));
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// There is something to read, or the end of it.
    Readable,
    /// There is room to write, or nobody who reads.
    Writable,
    /// Either; the message tells which, or that it is both.
    Both,
}

/// What a watched descriptor is ready for.
///
/// # Examples
///
/// ```
/// use std::os::unix::net::UnixStream;
///
/// use proscenium_runtime::{Context, Interest, Ready, System};
///
/// # #[cfg(unix)] {
///
/// let outcome = System::new("shop").run(|mut ctx: Context<Ready>| async move {
///     let (ours, _theirs) = UnixStream::pair()?;
///     let watch = ctx.watch(&ours, Interest::Writable, |ready| ready)?;
///     let ready = ctx.receive_message().await;
///     assert_eq!((ready.watch, ready.readable, ready.writable), (watch, false, true));
///     Ok(())
/// });
/// assert_eq!(outcome, Ok(()));
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The watch, which is at rest now; [`Context::rearm`] sets it again.
    pub watch: WatchRef,
    /// Whether it can be read, or has come to its end.
    pub readable: bool,
    /// Whether it can be written, or nobody reads.
    pub writable: bool,
}

/// Why a descriptor is not watched.
///
/// # Examples
///
/// ```
/// use std::fs::File;
/// use std::os::unix::net::UnixStream;
///
/// use proscenium_runtime::{Context, Interest, Ready, System, WatchError};
///
/// # #[cfg(unix)] {
///
/// let outcome = System::new("shop").run(|mut ctx: Context<Ready>| async move {
///     let file = File::open("Cargo.toml")?;
///     let error = ctx.watch(&file, Interest::Readable, |ready| ready).unwrap_err();
///     assert!(matches!(error, WatchError::Unsupported));
///     let (ours, _theirs) = UnixStream::pair()?;
///     let watch = ctx.watch(&ours, Interest::Readable, |ready| ready)?;
///     ctx.cancel_watch(watch);
///     assert!(matches!(ctx.rearm(watch), Err(WatchError::NoWatch { watch: gone }) if gone == watch));
///     Ok(())
/// });
/// assert_eq!(outcome, Ok(()));
/// # }
/// ```
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// It is of a kind that is always ready, such as a regular file: read it, from a thread that may block.
    #[error("the descriptor cannot be watched: it is always ready, as regular files are")]
    Unsupported,
    /// The operating system refused, for instance because it is closed.
    #[error("the descriptor cannot be watched: {0}")]
    Io(#[from] io::Error),
    /// The watch was cancelled, or is another process's.
    #[error("there is no watch {watch:?}")]
    NoWatch {
        /// The watch.
        watch: WatchRef,
    },
    /// Descriptors live outside the system, and a simulated one knows nothing of them.
    #[error("a simulated system watches no descriptors")]
    Simulated,
}

impl<M: Send + 'static> Context<M> {
    /// Watches a descriptor: when it is ready, this process is sent what `make` makes of that.
    ///
    /// It fires once. When you have read (or written) until the descriptor would block, [`rearm`](Self::rearm) it. The watch
    /// holds a duplicate, which keeps the file open until the watch is cancelled or this process ends.
    ///
    /// # Errors
    /// If the descriptor is closed, or cannot be watched.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(unix)] {
    /// use std::io::{Read, Write};
    /// use std::os::unix::net::UnixStream;
    /// use proscenium_runtime::{Context, Interest, Ready, System};
    ///
    /// let outcome = System::new("watching").run(|mut ctx: Context<Ready>| async move {
    ///     let (mut ours, mut theirs) = UnixStream::pair()?;
    ///     ours.set_nonblocking(true)?;
    ///     let watch = ctx.watch(&ours, Interest::Readable, |ready| ready)?;
    ///     theirs.write_all(b"hello")?;
    ///     let ready = ctx.receive_message().await;
    ///     assert_eq!((ready.watch, ready.readable), (watch, true));
    ///     let mut text = [0; 5];
    ///     ours.read_exact(&mut text)?;
    ///     assert_eq!(&text, b"hello");
    ///     ctx.rearm(watch)?;
    ///     drop(theirs);
    ///     assert!(ctx.receive_message().await.readable, "the end can be read");
    ///     Ok(())
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// # }
    /// ```
    pub fn watch(
        &mut self,
        descriptor: &impl Watched,
        interest: Interest,
        make: impl FnMut(Ready) -> M + Send + 'static,
    ) -> Result<WatchRef, WatchError> {
        let shared = &self.system().shared;
        if shared.scheduler.is_simulated() {
            return Err(WatchError::Simulated);
        }
        let watch = WatchRef(shared.next_reference());
        let armed = platform::watch(descriptor, interest, watch, self.process().clone(), make)?;
        self.process().control(|control| {
            // A context that has outlived its process watches nothing any more.
            if !control.stopped {
                control.seldom.make().held.watches.insert(watch, armed.rearm.clone());
            }
        });
        drop(armed.rearm);
        Service::begin(&shared.home, Priority::High, armed.work).detach();
        Ok(watch)
    }

    /// Sets a watch again that has fired. If the descriptor is ready still, it fires at once.
    ///
    /// # Errors
    /// If this process has no such watch.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// use std::os::unix::net::UnixStream;
    ///
    /// use proscenium_runtime::{Context, Interest, Ready, System};
    ///
    /// # #[cfg(unix)] {
    ///
    /// let outcome = System::new("shop").run(|mut ctx: Context<Ready>| async move {
    ///     let (mut ours, mut theirs) = UnixStream::pair()?;
    ///     let watch = ctx.watch(&ours, Interest::Readable, |ready| ready)?;
    ///     for letter in [b"a", b"b"] {
    ///         theirs.write_all(letter)?;
    ///         assert!(ctx.receive_message().await.readable);
    ///         ours.read_exact(&mut [0])?;
    ///         ctx.rearm(watch)?; // It had fired, and was at rest.
    ///     }
    ///     Ok(())
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// # }
    /// ```
    pub fn rearm(&mut self, watch: WatchRef) -> Result<(), WatchError> {
        let rearm = self.process().control(|control| control.seldom.get()?.held.watches.get(&watch).cloned());
        let rearm = rearm.ok_or(WatchError::NoWatch { watch })?;
        // Full means that it is armed already.
        let _ = rearm.try_send(());
        Ok(())
    }

    /// Ends a watch; its duplicate of the descriptor is closed as soon as a worker gets to it. Returns whether there was a watch.
    /// What it has sent may be in the mailbox.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{ErrorKind, Read};
    /// use std::os::unix::net::UnixStream;
    ///
    /// use proscenium_runtime::{Context, Interest, Ready, System};
    ///
    /// # #[cfg(unix)] {
    ///
    /// let outcome = System::new("shop").run(|mut ctx: Context<Ready>| async move {
    ///     let (ours, mut theirs) = UnixStream::pair()?;
    ///     let watch = ctx.watch(&ours, Interest::Readable, |ready| ready)?;
    ///     drop(ours);
    ///     theirs.set_nonblocking(true)?;
    ///     let error = theirs.read(&mut [0]).unwrap_err();
    ///     assert_eq!(error.kind(), ErrorKind::WouldBlock); // The watch keeps the file open.
    ///     assert!(ctx.cancel_watch(watch));
    ///     assert!(!ctx.cancel_watch(watch), "there is none any more");
    ///     Ok(())
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// # }
    /// ```
    pub fn cancel_watch(&mut self, watch: WatchRef) -> bool {
        // What is removed is dropped here, not under the lock: that ends the watch.
        let removed = self.process().control(|control| control.seldom.get_mut()?.held.watches.remove(&watch));
        removed.is_some()
    }
}
