//! What can go wrong between a supervisor and who asks something of it.

use std::sync::Arc;

use proscenium_runtime::{CallError, Pid, StartError};

/// A child did not start; OTP's `failed_to_start_child`.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, StartError};
/// use proscenium_supervisor::{ChildSpec, FailedToStart, Supervisor, process};
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     ctx.register("db").unwrap(); // Its name is taken.
///     let db = ChildSpec::new("db", process(|_ctx: Context<()>| async {}).name("db"));
///     let error = Supervisor::one_for_one().child(db).start_link(&mut ctx).await.unwrap_err();
///     let StartError::Init(reason) = error else { unreachable!("the supervisor's own name is free") };
///     let failed: &FailedToStart = reason.downcast_ref().expect("a child is the cause");
///     assert_eq!(&*failed.id, "db");
///     assert!(matches!(failed.error, StartError::Name(_)));
/// });
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("child {id:?} did not start: {error}")]
pub struct FailedToStart {
    /// The child.
    pub id: Arc<str>,
    /// Why.
    pub error: StartError,
}

/// A supervisor cannot be what it was asked to be.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_supervisor::{SpecError, Supervisor};
///
/// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
/// # use worker::*;
/// let twice = Supervisor::one_for_one().child(worker("db")).child(worker("db"));
/// assert_eq!(twice.check(), Err(SpecError::DuplicateId { id: "db".into() }));
/// let timeless = Supervisor::one_for_one().period(Duration::ZERO).check().unwrap_err();
/// assert_eq!(timeless.to_string(), "the period of the restart intensity is zero");
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Two children have one id.
    #[error("two children have the id {id:?}")]
    DuplicateId {
        /// The id.
        id: Arc<str>,
    },
    /// A permanent child is always restarted, so its end can mean nothing.
    #[error("child {id:?} is significant and permanent")]
    SignificantPermanent {
        /// The child.
        id: Arc<str>,
    },
    /// The supervisor never ends because its children do.
    #[error("child {id:?} is significant to a supervisor without auto-shutdown")]
    SignificantInVain {
        /// The child.
        id: Arc<str>,
    },
    /// A period of no time holds no restarts.
    #[error("the period of the restart intensity is zero")]
    NoPeriod,
}

/// A supervisor did not do what it was asked.
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
///     let top = Supervisor::one_for_one().child(worker("db")).start_link(&mut ctx).await.unwrap();
///     let error = top.terminate_child("bd").await.unwrap_err();
///     assert_eq!(error, ChildError::NotFound { id: "bd".into() });
///     let error = top.start_child(worker("db")).await.unwrap_err();
///     assert!(matches!(error, ChildError::AlreadyStarted { pid, .. } if Some(pid) == ctx.system().whereis("db")));
///     let error = top.delete_child("db").await.unwrap_err();
///     assert!(matches!(error, ChildError::Running { .. })); // It has to be terminated first.
/// });
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChildError {
    /// It has no child of that id.
    #[error("there is no child {id:?}")]
    NotFound {
        /// The id.
        id: Arc<str>,
    },
    /// The child lives.
    #[error("child {id:?} is running as {pid}")]
    Running {
        /// The child.
        id: Arc<str>,
        /// Its pid.
        pid: Pid,
    },
    /// The child's restart failed and will be tried again.
    #[error("child {id:?} is restarting")]
    Restarting {
        /// The child.
        id: Arc<str>,
    },
    /// A child of that id lives.
    #[error("child {id:?} is started already, as {pid}")]
    AlreadyStarted {
        /// The child.
        id: Arc<str>,
        /// Its pid.
        pid: Pid,
    },
    /// A child of that id is there, though it does not live.
    #[error("child {id:?} is present already")]
    AlreadyPresent {
        /// The child.
        id: Arc<str>,
    },
    /// The supervisor has as many children as it may have.
    #[error("there are {max_children} children already, and may be no more")]
    MaxChildren {
        /// How many it may have.
        max_children: usize,
    },
    /// The supervisor cannot have such a child.
    #[error("{0}")]
    Spec(SpecError),
    /// The child did not start.
    #[error("{0}")]
    Start(FailedToStart),
    /// The supervisor did not answer.
    #[error("{0}")]
    Call(#[from] CallError),
}
