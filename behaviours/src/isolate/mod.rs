//! A server in an OS process of its own: what it does to its process harms nobody else.
//!
//! A panic ends one process of a system. A stack overflow, an abort, a segfault in a C library or a memory leak ends the program,
//! and a loop that never awaits cannot be stopped by anyone. [`isolate`] starts a [`GenServer`] in an OS process of its own:
//! same trait, same `Address`, same supervision. Whatever becomes of that OS process is an exit reason here, and nothing more.
//!
//! The program starts itself a second time. So its `main` says first, by [`init`], which servers it may be asked to run: in the
//! program that you start `init` returns at once; in one that was started to run a server it never does.
//!
//! # What crosses
//!
//! Arguments, messages and answers cross by serde, so their types are `Serialize` and `Deserialize`. A [`Reply`] in a message is
//! answered from there as from here, and an [`Address`] that is sent there can be used there: to send, to call, to monitor, to
//! link. Exit reasons cross: of an error its text, of a panic also the place. Log records of the other OS process are
//! logged here, with their level and all their keys, and `os_pid`. Its dead letters are dead letters here.
//!
//! # What holds
//!
//! - An OS process that runs a server ends with it, and with its parent, however that dies. With it end the commands that it has
//!   started, unless they leave its process group, or it and its parent are killed at one moment.
//! - When the server's end is told, its OS process is gone.
//! - A message that it had not received when it ended is a dead letter; no more than 1,024 messages are on their way to it, and
//!   the others wait in the mailbox, whose bound counts them.
//!
//! # Examples
//!
//! ```
//! use proscenium_behaviours::GenServer;
//! use proscenium_behaviours::isolate::{self, isolate};
//! use proscenium_runtime::{Context, ExitReason, Reply, System};
//! use serde::{Deserialize, Serialize};
//!
//! struct Depth;
//!
//! #[derive(Serialize, Deserialize)]
//! enum Ask {
//!     Of(String, Reply<u64>),
//! }
//!
//! impl GenServer for Depth {
//!     type Args = ();
//!     type Message = Ask;
//!
//!     async fn init(_args: (), _ctx: &mut Context<Ask>) -> Result<Self, ExitReason> {
//!         Ok(Depth)
//!     }
//!
//!     async fn handle(&mut self, Ask::Of(text, reply): Ask, _ctx: &mut Context<Ask>) -> Result<(), ExitReason> {
//!         reply.send(nested(&mut text.chars()));
//!         Ok(())
//!     }
//! }
//!
//! /// How deep the brackets go. So deep goes the stack.
//! fn nested(text: &mut std::str::Chars<'_>) -> u64 {
//!     if text.next() == Some('[') { 1 + nested(text) } else { 0 }
//! }
//!
//! fn main() -> Result<(), ExitReason> {
//!     isolate::init([isolate::server::<Depth>()]);
//!     System::new("brackets").run(|mut ctx: Context<()>| async move {
//!         let depth = isolate::<Depth>(()).spawn(ctx.system()).await?;
//!         assert_eq!(depth.call(|reply| Ask::Of("[[[".into(), reply)).await?, 3);
//!         // Too deep for any stack: this would have ended the program.
//!         let text = "[".repeat(1_000_000);
//!         depth.call(|reply| Ask::Of(text, reply)).without_timeout().await.unwrap_err();
//!         assert!(depth.exited().await.to_string().contains("SIGABRT"));
//!         Ok(())
//!     })
//! }
//! ```

mod error;
mod os_process;
mod program;
mod proxy;
mod records;
mod resident;
mod warden;
mod wire;
mod words;

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::task::{self, Poll};

use proscenium_runtime::{Address, Context, ExitReason, InitAck};
#[cfg(doc)]
use proscenium_runtime::{Reply, StartError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::behaviour::{Behaviour, Start};
use crate::feed::Feed;
use crate::gen_server::GenServer;

pub use error::IsolateError;
pub use program::{Server, init, server};

/// Most bytes of a frame, unless something else is said.
const FRAME_LIMIT: usize = 64 * 1024 * 1024;

/// What the two OS processes themselves have to say takes no more.
const LEAST_FRAME_LIMIT: usize = 4 * 1024;

/// A [`GenServer`] that can run in an OS process of its own: what it is given and sent can be serialized.
///
/// # Examples
///
/// For what is written for all servers that can be isolated:
///
/// ```
/// use proscenium_behaviours::Start;
/// use proscenium_behaviours::isolate::isolate;
/// use proscenium_behaviours::isolate::{Isolatable, Isolated};
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{System, SystemHandle};
///
/// # mod depth { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/depth.rs")); }
/// # use depth::*;
/// /// A server in its own OS process where there is one, and otherwise beside the others.
/// fn isolated<S: Isolatable>(system: &SystemHandle, args: S::Args) -> Option<Start<Isolated<S>>> {
///     (!system.is_simulated()).then(|| isolate::<S>(args))
/// }
///
/// assert!(isolated::<Depth>(&TestSystem::new(1), ()).is_none());
/// assert!(isolated::<Depth>(&System::new("brackets"), ()).is_some());
/// ```
pub trait Isolatable: GenServer<Args: Serialize + DeserializeOwned, Message: Serialize + DeserializeOwned> {}

impl<S> Isolatable for S where S: GenServer<Args: Serialize + DeserializeOwned, Message: Serialize + DeserializeOwned> {}

/// A start of `S` with `args` in an OS process of its own, to be given options and then carried out, by you or by a supervisor.
///
/// The [module](self) tells what crosses. The start waits for `init`, in the other OS process, and returns its error. A supervisor
/// stops it as any other: it is asked, and when its time is over killed, which also ends a loop that never awaits.
///
/// # Errors
/// The start fails with [`StartError::Init`], with an [`IsolateError`] as its cause if that was not the server's own doing.
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::isolate::{self, isolate};
/// use proscenium_runtime::{Context, ExitReason, System};
///
/// # mod depth { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/depth.rs")); }
/// # use depth::*;
/// fn main() -> Result<(), ExitReason> {
///     isolate::init([isolate::server::<Depth>()]);
///     System::new("brackets").run(|mut ctx: Context<()>| async move {
///         let depth = isolate::<Depth>(()).name("depth").link(&mut ctx).await?;
///         assert_eq!(ctx.system().whereis("depth"), depth.pid()); // As any other server.
///         assert_eq!(depth.call(|reply| Ask::Of("[[".into(), reply)).await?, 2);
///         Ok(())
///     })
/// }
/// ```
pub fn isolate<S: Isolatable>(args: S::Args) -> Start<Isolated<S>> {
    Start::new(IsolatedArgs { args, limits: Limits::default() })
}

/// The behaviour of a process that stands for a server in another OS process; what [`isolate`] starts.
///
/// # Examples
///
/// A type to be named where a start is kept:
///
/// ```
/// use proscenium_behaviours::Start;
/// use proscenium_behaviours::isolate::Isolated;
/// use proscenium_behaviours::isolate::{self, isolate};
/// use proscenium_runtime::{Context, ExitReason, System};
///
/// # mod depth { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/depth.rs")); }
/// # use depth::*;
/// struct Parsers {
///     depth: Start<Isolated<Depth>>,
/// }
///
/// fn main() -> Result<(), ExitReason> {
///     isolate::init([isolate::server::<Depth>()]);
///     let parsers = Parsers { depth: isolate::<Depth>(()) };
///     System::new("brackets").run(|mut ctx: Context<()>| async move {
///         for _ in 0..2 {
///             let depth = parsers.depth.clone().link(&mut ctx).await?; // An OS process for each.
///             assert_eq!(depth.call(|reply| Ask::Of("[".into(), reply)).await?, 1);
///         }
///         Ok(())
///     })
/// }
/// ```
pub struct Isolated<S>(PhantomData<fn() -> S>);

/// What an isolated server is started with; made by [`isolate`].
///
/// # Examples
///
/// Kept by a start, with its limits; it can be started again if the server's arguments are `Clone`:
///
/// ```
/// use proscenium_behaviours::isolate::IsolatedArgs;
/// use proscenium_behaviours::isolate::{self, isolate};
/// use proscenium_behaviours::{Behaviour, Start};
/// use proscenium_runtime::{Context, ExitReason, System};
///
/// # mod depth { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/depth.rs")); }
/// # use depth::*;
/// fn again<B: Behaviour<Args = IsolatedArgs<()>>>(start: &Start<B>) -> Start<B> {
///     start.clone()
/// }
///
/// fn main() -> Result<(), ExitReason> {
///     isolate::init([isolate::server::<Depth>()]);
///     let start = isolate::<Depth>(()).frame_limit(8 * 1024);
///     System::new("brackets").run(|mut ctx: Context<()>| async move {
///         let depth = again(&start).link(&mut ctx).await?;
///         assert_eq!(depth.call(|reply| Ask::Of("[".into(), reply)).await?, 1);
///         Ok(())
///     })
/// }
/// ```
#[derive(Clone)]
pub struct IsolatedArgs<A> {
    args: A,
    limits: Limits,
}

#[derive(Clone)]
struct Limits {
    frame: usize,
    memory: Option<u64>,
    program: Option<PathBuf>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { frame: FRAME_LIMIT, memory: None, program: None }
    }
}

impl<S: Isolatable> Start<Isolated<S>> {
    /// Lets the OS process have at most so many bytes of memory for data: its heap, its stacks and what else it maps and writes.
    /// The program itself needs a few million of them. If it wants more it aborts, as Rust programs do. Without it, as much as
    /// there is.
    ///
    /// It is `RLIMIT_DATA`, which Linux holds to; not every Unix does.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::isolate::{self, isolate};
    /// use proscenium_runtime::{Context, ExitReason, System};
    ///
    /// # mod depth { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/depth.rs")); }
    /// # use depth::*;
    /// fn main() -> Result<(), ExitReason> {
    ///     isolate::init([isolate::server::<Depth>()]);
    ///     System::new("brackets").run(|mut ctx: Context<()>| async move {
    ///         let depth = isolate::<Depth>(()).memory_limit(256 * 1024 * 1024).link(&mut ctx).await?;
    ///         assert_eq!(depth.call(|reply| Ask::Of("[".into(), reply)).await?, 1); // It is enough for that.
    ///         Ok(())
    ///     })
    /// }
    /// ```
    #[must_use]
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.args.limits.memory = Some(bytes);
        self
    }

    /// Lets a message, an answer, or the arguments take at most so many bytes on their way; 64 MiB by default, 4 KiB at least.
    ///
    /// What takes more does not cross: a message is a dead letter, and callers are told that nobody answers.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::isolate::{self, isolate};
    /// use proscenium_runtime::{CallError, Context, ExitReason, System};
    ///
    /// # mod depth { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/depth.rs")); }
    /// # use depth::*;
    /// fn main() -> Result<(), ExitReason> {
    ///     isolate::init([isolate::server::<Depth>()]);
    ///     System::new("brackets").run(|mut ctx: Context<()>| async move {
    ///         let depth = isolate::<Depth>(()).frame_limit(4 * 1024).link(&mut ctx).await?;
    ///         let long = "[".repeat(5_000);
    ///         let error = depth.call(|reply| Ask::Of(long, reply)).await.unwrap_err();
    ///         assert!(matches!(error, CallError::Unanswered { .. }));
    ///         assert_eq!(depth.call(|reply| Ask::Of("[".into(), reply)).await?, 1); // It has taken no harm.
    ///         Ok(())
    ///     })
    /// }
    /// ```
    #[must_use]
    pub fn frame_limit(mut self, bytes: usize) -> Self {
        self.args.limits.frame = bytes.max(LEAST_FRAME_LIMIT);
        self
    }

    /// Starts that program rather than this one again. Its `main` calls [`init`] as well, with the server by the same name, and was
    /// built with the same types. So a test, which has no `main` of its own, can have isolated servers.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::isolate::{self, isolate};
    /// use proscenium_runtime::{Context, ExitReason, System};
    ///
    /// # mod depth { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/depth.rs")); }
    /// # use depth::*;
    /// fn main() -> Result<(), ExitReason> {
    ///     isolate::init([isolate::server::<Depth>()]);
    ///     let elsewhere = isolate::<Depth>(()).program("no/such/program");
    ///     System::new("brackets").run(|mut ctx: Context<()>| async move {
    ///         let error = elsewhere.link(&mut ctx).await.unwrap_err();
    ///         assert!(error.to_string().contains("did not start"));
    ///         let this = std::env::current_exe()?; // What is started if nothing is said.
    ///         let depth = isolate::<Depth>(()).program(this).link(&mut ctx).await?;
    ///         assert_eq!(depth.call(|reply| Ask::Of("[".into(), reply)).await?, 1);
    ///         Ok(())
    ///     })
    /// }
    /// ```
    #[must_use]
    pub fn program(mut self, path: impl AsRef<Path>) -> Self {
        self.args.limits.program = Some(path.as_ref().to_owned());
        self
    }

    /// The start of the same server, with messages of `feed` beside those of its mailbox: so a troupe can have isolated workers.
    ///
    /// The feed stays in this program. It is asked when the server has handled all that it was sent.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::task::{self, Poll};
    ///
    /// use proscenium_behaviours::Feed;
    /// use proscenium_behaviours::isolate::{self, isolate};
    /// use proscenium_runtime::{Address, Context, ExitReason, Reply, System};
    ///
    /// # mod depth { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/depth.rs")); }
    /// # use depth::*;
    /// /// Asks once, and has the answer sent home.
    /// struct Once(Option<Ask>);
    ///
    /// impl Feed<Ask> for Once {
    ///     fn started(&mut self, _server: &Address<Ask>) {}
    ///
    ///     fn poll_next(&mut self, _cx: &mut task::Context<'_>) -> Poll<Ask> {
    ///         self.0.take().map_or(Poll::Pending, Poll::Ready)
    ///     }
    ///
    ///     fn handled(&mut self) {}
    /// }
    ///
    /// fn main() -> Result<(), ExitReason> {
    ///     isolate::init([isolate::server::<Depth>()]);
    ///     System::new("brackets").run(|mut ctx: Context<()>| async move {
    ///         let (reply, answer) = Reply::pair();
    ///         let feed = Once(Some(Ask::Of("[[".into(), reply)));
    ///         isolate::<Depth>(()).feed(feed).link(&mut ctx).await?;
    ///         assert_eq!(answer.await, Some(2));
    ///         Ok(())
    ///     })
    /// }
    /// ```
    pub fn feed<F: Feed<S::Message>>(self, feed: F) -> Start<FedIsolated<S, F>> {
        self.map(|args| (args, feed))
    }
}

impl<S: Isolatable> Behaviour for Isolated<S> {
    type Args = IsolatedArgs<S::Args>;
    type Message = S::Message;
    type Handle = Address<S::Message>;

    fn type_name() -> &'static str {
        type_name::<S>()
    }

    async fn run(args: IsolatedArgs<S::Args>, ctx: Context<S::Message>, ack: InitAck) -> Result<(), ExitReason> {
        let IsolatedArgs { args, limits } = args;
        proxy::run::<S, NoFeed>(args, limits, None, ctx, ack).await
    }
}

/// The behaviour of a process that stands for a server in another OS process, with a [`Feed`].
///
/// # Examples
///
/// A type to be named where a start is kept:
///
/// ```
/// use std::task::{self, Poll};
///
/// use proscenium_behaviours::Start;
/// use proscenium_behaviours::isolate::FedIsolated;
/// use proscenium_behaviours::isolate::{self, isolate};
/// use proscenium_runtime::{Context, ExitReason, System};
/// # use proscenium_runtime::Address;
/// # use proscenium_behaviours::Feed;
///
/// # mod depth { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/depth.rs")); }
/// # use depth::*;
/// #[derive(Clone)]
/// struct Idle;
/// #
/// # impl Feed<Ask> for Idle {
/// #     fn started(&mut self, _server: &Address<Ask>) {}
/// #     fn poll_next(&mut self, _cx: &mut task::Context<'_>) -> Poll<Ask> { Poll::Pending }
/// #     fn handled(&mut self) {}
/// # }
///
/// fn start() -> Start<FedIsolated<Depth, Idle>> {
///     isolate::<Depth>(()).feed(Idle)
/// }
///
/// fn main() -> Result<(), ExitReason> {
///     isolate::init([isolate::server::<Depth>()]);
///     System::new("brackets").run(|mut ctx: Context<()>| async move {
///         let depth = start().link(&mut ctx).await?;
///         assert_eq!(depth.call(|reply| Ask::Of("[[[".into(), reply)).await?, 3);
///         Ok(())
///     })
/// }
/// ```
pub struct FedIsolated<S, F>(PhantomData<fn(F) -> S>);

impl<S: Isolatable, F: Feed<S::Message>> Behaviour for FedIsolated<S, F> {
    type Args = (IsolatedArgs<S::Args>, F);
    type Message = S::Message;
    type Handle = Address<S::Message>;

    fn type_name() -> &'static str {
        type_name::<S>()
    }

    async fn run((args, feed): Self::Args, ctx: Context<S::Message>, ack: InitAck) -> Result<(), ExitReason> {
        let IsolatedArgs { args, limits } = args;
        proxy::run::<S, F>(args, limits, Some(feed), ctx, ack).await
    }
}

impl<S, F> fmt::Debug for FedIsolated<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FedIsolated<{}>", type_name::<S>())
    }
}

/// Nothing feeds it.
enum NoFeed {}

impl<M: Send + 'static> Feed<M> for NoFeed {
    fn started(&mut self, _server: &Address<M>) {
        match *self {}
    }

    fn poll_next(&mut self, _cx: &mut task::Context<'_>) -> Poll<M> {
        match *self {}
    }

    fn handled(&mut self) {
        match *self {}
    }
}

impl<S> fmt::Debug for Isolated<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Isolated<{}>", type_name::<S>())
    }
}

impl<A> fmt::Debug for IsolatedArgs<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IsolatedArgs").finish_non_exhaustive()
    }
}
