//! Starts whose children are known by their types; what supervisors of children that come and go are given.

use std::any::type_name;
use std::pin::Pin;
use std::sync::Mutex;

use proscenium_behaviours::{Behaviour, Start};
use proscenium_runtime::{Address, Context, Outcome, Parent, Pid, StartError};

use crate::child_spec::{Process, StartChild, Starting};

/// A typed start under way.
///
/// # Examples
///
/// Boxed, so that starts of several kinds may be under way in one place:
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Address, Context};
/// use proscenium_supervisor::{TypedStart, TypedStarting};
///
/// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
/// # use worker::*;
/// TestSystem::new(1).run(|ctx: Context<()>| async move {
///     let (start, parent) = (guest(), ctx.as_parent());
///     let under_way: TypedStarting<'_, Address<()>> = TypedStart::start_typed(&start, &parent);
///     let (pid, address) = under_way.await.unwrap();
///     assert_eq!(Some(pid), address.pid());
/// });
/// ```
pub type TypedStarting<'a, H> = Pin<Box<dyn Future<Output = Result<(Pid, H), StartError>> + Send + 'a>>;

/// How a child is started, any number of times, and how it is reached then.
///
/// # Examples
///
/// For starts that one keeps without knowing what they start:
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Parent};
/// use proscenium_supervisor::TypedStart;
///
/// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
/// # use worker::*;
/// async fn start_twice<S: TypedStart>(parent: &Parent, start: S) -> [S::Handle; 2] {
///     assert!(start.can_repeat());
///     let (_, first) = start.start_typed(parent).await.unwrap();
///     let (_, second) = start.start_typed(parent).await.unwrap();
///     [first, second]
/// }
///
/// TestSystem::new(1).run(|ctx: Context<()>| async move {
///     let [first, second] = start_twice(&ctx.as_parent(), guest()).await;
///     assert_ne!(first.pid(), second.pid());
///     assert!(guest().what().contains("body"));
/// });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not tell how what it starts is reached",
    note = "it is `Server::start(args)` with args that are `Clone + Sync`, a closure that returns that, a supervisor, or \
            `process(body)`"
)]
pub trait TypedStart: StartChild {
    /// How the child is reached: an [`Address`], or a supervisor's reference.
    type Handle: Send + 'static;

    /// As [`StartChild::start_child`], with the handle.
    fn start_typed<'a>(&'a self, parent: &'a Parent) -> TypedStarting<'a, Self::Handle>;

    /// What it starts, for reports: the name of a type.
    fn what(&self) -> &'static str {
        type_name::<Self>()
    }

    /// Whether it can be started more than once; it can by default.
    fn can_repeat(&self) -> bool {
        true
    }
}

impl<B: Behaviour<Args: Clone + Sync>> TypedStart for Start<B> {
    type Handle = B::Handle;

    fn start_typed<'a>(&'a self, parent: &'a Parent) -> TypedStarting<'a, Self::Handle> {
        start_behaviour(self.clone(), parent)
    }

    fn what(&self) -> &'static str {
        B::type_name()
    }
}

impl<F, B> TypedStart for F
where
    F: Fn() -> Start<B> + Send + Sync + 'static,
    B: Behaviour,
{
    type Handle = B::Handle;

    fn start_typed<'a>(&'a self, parent: &'a Parent) -> TypedStarting<'a, Self::Handle> {
        Box::pin(async move { start_behaviour(self(), parent).await })
    }

    fn what(&self) -> &'static str {
        B::type_name()
    }
}

impl<M, B, F> TypedStart for Process<M, B>
where
    M: Send + 'static,
    B: Fn(Context<M>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    type Handle = Address<M>;

    fn start_typed<'a>(&'a self, parent: &'a Parent) -> TypedStarting<'a, Self::Handle> {
        Box::pin(async move { with_pid(self.link(parent).await?) })
    }

    fn what(&self) -> &'static str {
        type_name::<B>()
    }
}

fn start_behaviour<B: Behaviour>(start: Start<B>, parent: &Parent) -> TypedStarting<'_, B::Handle> {
    Box::pin(async move { with_pid(start.link_to(parent).await?) })
}

fn with_pid<M: Send + 'static, H: From<Address<M>>>(address: Address<M>) -> Result<(Pid, H), StartError> {
    let pid = address.pid().expect("it is the address of a process");
    Ok((pid, address.into()))
}

/// What can be started once, because nobody could make again what it takes.
pub(crate) struct Once<H> {
    start: Mutex<Option<StartOnce<H>>>,
    what: &'static str,
}

type StartOnce<H> = Box<dyn for<'a> FnOnce(&'a Parent) -> TypedStarting<'a, H> + Send>;

impl<H: Send + 'static> Once<H> {
    /// `what` is the name of a type that tells what it is.
    pub(crate) fn new(
        what: &'static str,
        start: impl for<'a> FnOnce(&'a Parent) -> TypedStarting<'a, H> + Send + 'static,
    ) -> Self {
        Once { start: Mutex::new(Some(Box::new(start))), what }
    }

    pub(crate) fn behaviour<B: Behaviour<Handle = H>>(start: Start<B>) -> Self {
        Once::new(B::type_name(), |parent| start_behaviour(start, parent))
    }
}

impl<H: Send + 'static> StartChild for Once<H> {
    fn start_child<'a>(&'a self, parent: &'a Parent) -> Starting<'a> {
        Box::pin(async move { Ok(self.start_typed(parent).await?.0) })
    }
}

impl<H: Send + 'static> TypedStart for Once<H> {
    type Handle = H;

    fn start_typed<'a>(&'a self, parent: &'a Parent) -> TypedStarting<'a, H> {
        let start = self.start.lock().ok().and_then(|mut start| start.take());
        match start {
            Some(start) => start(parent),
            None => Box::pin(async { Err(StartError::Ignored) }),
        }
    }

    fn what(&self) -> &'static str {
        self.what
    }

    fn can_repeat(&self) -> bool {
        false
    }
}
