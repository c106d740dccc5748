//! A running supervisor, as those see it that ask something of it.

use std::fmt;
use std::time::Duration;

use proscenium_runtime::{Address, CallError, ExitReason, Pid, SystemHandle};

use crate::child_spec::ChildSpec;
use crate::children::{ChildCount, ChildInfo};
use crate::decide::Request;
use crate::error::ChildError;
use crate::server::Ask;
use crate::shutdown;

/// A running supervisor, as those see it that ask something of it.
///
/// Like OTP's it does one thing at a time: what it is asked while it starts or stops a child waits, for as long as that
/// takes. A child that asks its own supervisor from `init` or `terminate` would wait for ever.
///
/// # Cancel safety
/// Dropping a future of its methods leaves the request with the supervisor, which does what it asks.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_supervisor::{ChildSpec, ChildState, Supervisor, SupervisorRef, process};
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     Supervisor::one_for_one().name("shop").start_link(&mut ctx).await.unwrap();
///     let shop = SupervisorRef::named(ctx.system(), "shop");
///     let till = process(|mut ctx: Context<()>| async move { ctx.receive_message().await });
///     shop.start_child(ChildSpec::new("till", till)).await.unwrap();
///     assert_eq!(shop.count_children().await.unwrap().active, 1);
///
///     shop.terminate_child("till").await.unwrap();
///     assert_eq!(shop.which_child("till").await.unwrap().state, ChildState::Stopped);
///     shop.restart_child("till").await.unwrap();
///     assert!(matches!(shop.which_child("till").await.unwrap().state, ChildState::Running(_)));
/// });
/// ```
#[derive(Clone)]
pub struct SupervisorRef {
    address: Address<Ask>,
}

impl SupervisorRef {
    pub(crate) fn new(address: Address<Ask>) -> Self {
        SupervisorRef { address }
    }

    /// The supervisor that has the name when it is asked.
    pub fn named(system: &SystemHandle, name: &str) -> Self {
        SupervisorRef::new(system.named(name))
    }

    /// Its pid; `None` if nobody has the name.
    pub fn pid(&self) -> Option<Pid> {
        self.address.pid()
    }

    /// Starts a child behind those that are there. `None` if its `init` chose not to run.
    ///
    /// # Errors
    /// If a child has that id, it is significant where it cannot be, or it does not start; then its spec is forgotten.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::Supervisor;
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let shop = Supervisor::one_for_one().start_link(&mut ctx).await.unwrap();
    ///     let pid = shop.start_child(worker("till")).await.unwrap();
    ///     assert_eq!(pid, ctx.system().whereis("till"));
    ///     fail(ctx.system(), "till").await;
    ///     ctx.system().when_registered("till").await; // It is a child as any other.
    /// });
    /// ```
    pub async fn start_child(&self, spec: ChildSpec) -> Result<Option<Pid>, ChildError> {
        self.request(Request::Start(spec)).await
    }

    /// Stops a child as its spec says. The spec stays, unless it is temporary. A child that does not run is no error.
    ///
    /// # Errors
    /// If there is no such child.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::Supervisor;
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let shop = Supervisor::one_for_one().child(worker("till")).start_link(&mut ctx).await.unwrap();
    ///     shop.terminate_child("till").await.unwrap();
    ///     assert_eq!(ctx.system().whereis("till"), None);
    ///     shop.terminate_child("till").await.unwrap(); // It does not run: that is what was wanted.
    ///     assert_eq!(shop.count_children().await.unwrap().specs, 1);
    /// });
    /// ```
    pub async fn terminate_child(&self, id: &str) -> Result<(), ChildError> {
        self.request(Request::Terminate(id.into())).await.map(drop)
    }

    /// Starts a child that does not run. `None` if its `init` chose not to.
    ///
    /// # Errors
    /// If there is no such child, it runs or is being restarted, or it does not start.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::{ChildError, Supervisor};
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let shop = Supervisor::one_for_one().child(worker("till")).start_link(&mut ctx).await.unwrap();
    ///     assert!(matches!(shop.restart_child("till").await, Err(ChildError::Running { .. })));
    ///     shop.terminate_child("till").await.unwrap();
    ///     assert_eq!(shop.restart_child("till").await.unwrap(), ctx.system().whereis("till"));
    /// });
    /// ```
    pub async fn restart_child(&self, id: &str) -> Result<Option<Pid>, ChildError> {
        self.request(Request::Restart(id.into())).await
    }

    /// Forgets a child that does not run.
    ///
    /// # Errors
    /// If there is no such child, or it runs or is being restarted.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::{ChildError, Supervisor};
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let shop = Supervisor::one_for_one().child(worker("till")).start_link(&mut ctx).await.unwrap();
    ///     shop.terminate_child("till").await.unwrap();
    ///     shop.delete_child("till").await.unwrap();
    ///     assert_eq!(shop.restart_child("till").await, Err(ChildError::NotFound { id: "till".into() }));
    /// });
    /// ```
    pub async fn delete_child(&self, id: &str) -> Result<(), ChildError> {
        self.request(Request::Delete(id.into())).await.map(drop)
    }

    /// Its children, the youngest first.
    ///
    /// # Errors
    /// If the supervisor does not live.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::Supervisor;
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let shop = Supervisor::one_for_one().children(["door", "till"].map(worker));
    ///     let shop = shop.start_link(&mut ctx).await.unwrap();
    ///     let children = shop.which_children().await.unwrap();
    ///     assert_eq!([0, 1].map(|child| &*children[child].id), ["till", "door"]);
    /// });
    /// ```
    pub async fn which_children(&self) -> Result<Vec<ChildInfo>, ChildError> {
        Ok(self.address.call(Ask::Which).without_timeout().await?)
    }

    /// How many children it has.
    ///
    /// # Errors
    /// If the supervisor does not live.
    pub async fn count_children(&self) -> Result<ChildCount, ChildError> {
        Ok(self.address.call(Ask::Count).without_timeout().await?)
    }

    /// One of its children.
    ///
    /// # Errors
    /// If there is no such child.
    pub async fn which_child(&self, id: &str) -> Result<ChildInfo, ChildError> {
        self.address.call(|reply| Ask::WhichOne(id.into(), reply)).without_timeout().await?
    }

    /// The spec of one of its children; OTP's `get_childspec`.
    ///
    /// # Errors
    /// If there is no such child.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Restart};
    /// use proscenium_supervisor::Supervisor;
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let till = worker("till").restart(Restart::Transient);
    ///     let shop = Supervisor::one_for_one().child(till).start_link(&mut ctx).await.unwrap();
    ///     let spec = shop.child_spec("till").await.unwrap();
    ///     assert_eq!(spec.restart_type(), Restart::Transient);
    ///     shop.terminate_child("till").await.unwrap();
    ///     shop.delete_child("till").await.unwrap();
    ///     assert!(shop.start_child(spec).await.is_ok()); // It is whole: it can be started from.
    /// });
    /// ```
    pub async fn child_spec(&self, id: &str) -> Result<ChildSpec, ChildError> {
        self.address.call(|reply| Ask::Spec(id.into(), reply)).without_timeout().await?
    }

    /// Stops its children and ends it with `reason`; waits for that, `within` so long or, without a limit, as long as it
    /// takes. A reason that is no orderly one is a crash. What restarts it restarts it: one that is a child is better stopped
    /// by its own supervisor.
    ///
    /// # Errors
    /// If it does not live, or has not ended in time. Then it goes on to end.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Event, ExitReason};
    /// use proscenium_supervisor::Supervisor;
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let shop = Supervisor::one_for_one().child(worker("till")).spawn(ctx.system()).await.unwrap();
    ///     let monitor = ctx.monitor(shop.pid().unwrap());
    ///     shop.stop(ExitReason::shutdown_with("closing time"), Some(Duration::from_secs(30))).await.unwrap();
    ///     let Event::Down(down) = ctx.receive().await else { unreachable!("nobody sends a message") };
    ///     assert_eq!((down.monitor, down.reason), (monitor, ExitReason::shutdown_with("closing time")));
    ///     assert_eq!(ctx.system().whereis("till"), None);
    /// });
    /// ```
    pub async fn stop(&self, reason: ExitReason, within: Option<Duration>) -> Result<(), CallError> {
        shutdown::await_end(self.address.call(|farewell| Ask::Stop(reason, farewell)), within).await
    }

    /// Stops a child and forgets it. If its restart is being tried again, those that fell with it are
    /// restarted without it.
    pub(crate) async fn remove_child(&self, id: &str) -> Result<(), ChildError> {
        self.request(Request::Remove(id.into())).await.map(drop)
    }

    pub(crate) async fn request(&self, request: Request) -> Result<Option<Pid>, ChildError> {
        self.address.call(|reply| Ask::Change(request, reply)).without_timeout().await?
    }
}

impl fmt::Debug for SupervisorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SupervisorRef({})", self.address)
    }
}
