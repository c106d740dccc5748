//! Which handler, and what went wrong with it.

use std::any::{TypeId, type_name};
use std::fmt;

use proscenium_runtime::{CallError, ExitReason};

/// Which handler of a manager: one of its type, which may be there several times. No two handlers that a manager ever had
/// are the same.
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::EventManager;
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
///
/// # mod sum { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/sum.rs")); }
/// # use sum::*;
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let takings = EventManager::start().link(&mut ctx).await.unwrap();
///     let [old, new] = [takings.add(Sum(0)).await.unwrap(), takings.add(Sum(0)).await.unwrap()];
///     assert_ne!(old.id(), new.id());
///     assert!(old.id().type_name().ends_with("Sum"));
/// });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct HandlerId {
    number: u64,
    type_id: TypeId,
    type_name: &'static str,
}

impl HandlerId {
    pub(super) fn new(number: u64, kind: HandlerKind) -> Self {
        HandlerId { number, type_id: kind.type_id, type_name: kind.type_name }
    }

    /// The Rust type of the handler.
    pub fn type_name(&self) -> &'static str {
        self.type_name
    }

    pub(super) fn is_of<H: 'static>(&self) -> bool {
        self.type_id == TypeId::of::<H>()
    }
}

impl fmt::Display for HandlerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} #{}", self.type_name, self.number)
    }
}

impl fmt::Debug for HandlerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HandlerId({self})")
    }
}

/// The type of a handler, of which there may be several.
#[derive(Clone, Copy)]
pub(super) struct HandlerKind {
    type_id: TypeId,
    type_name: &'static str,
}

impl HandlerKind {
    pub(super) fn of<H: 'static>() -> Self {
        HandlerKind { type_id: TypeId::of::<H>(), type_name: type_name::<H>() }
    }
}

/// Why something could not be done with a handler.
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::{EventManager, HandlerError};
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, ExitReason};
///
/// # mod sum { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/sum.rs")); }
/// # use sum::*;
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let takings = EventManager::start().link(&mut ctx).await.unwrap();
///     let sum = takings.add(Sum(u64::MAX)).await.unwrap();
///     takings.notify(1); // It does not fit: the handler fails, and is removed.
///     let error = sum.call(|reply| reply).await.unwrap_err();
///     assert_eq!(error, HandlerError::NotFound { handler: sum.id() });
///     takings.sys().stop(ExitReason::Normal).await.unwrap();
///     assert!(matches!(sum.call(|reply| reply).await, Err(HandlerError::Call(error)) if error.is_no_process()));
/// });
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandlerError {
    /// The manager has no such handler, or no longer; OTP's `bad_module` and `module_not_found`.
    #[error("there is no event handler {handler}")]
    NotFound {
        /// The handler that was asked for.
        handler: HandlerId,
    },
    /// Its `init` failed: it was not added.
    #[error("event handler {handler} did not begin: {reason}")]
    Init {
        /// The handler that was to be.
        handler: HandlerId,
        /// Why it did not begin.
        reason: ExitReason,
    },
    /// It failed of what it was asked for, and is removed.
    #[error("event handler {handler} failed: {reason}")]
    Failed {
        /// The handler.
        handler: HandlerId,
        /// How it failed.
        reason: ExitReason,
    },
    /// The manager gave no answer.
    #[error(transparent)]
    Call(#[from] CallError),
}
