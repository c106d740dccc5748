//! What processes are registered under beside names: keys of any type.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use crate::pid::Pid;

/// What can be a key of a [`Registry`](crate::Registry).
///
/// Errors and dead letters tell a key as its [`Debug`] does.
///
/// # Examples
///
/// Nothing is to be implemented: any value will do that can be compared, hashed, copied and printed.
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{DeadReason, Registry};
///
/// #[derive(Clone, Debug, PartialEq, Eq, Hash)]
/// enum Place {
///     Room { floor: u8, number: u16 },
///     Lobby,
/// }
///
/// let test = TestSystem::new(1);
/// let places: Registry<Place, ()> = Registry::unique(&test);
/// places.via(Place::Room { floor: 2, number: 7 }).cast(()); // Nobody is there.
/// let letter = test.expect_dead_letter::<()>(DeadReason::NoProcess);
/// assert_eq!(letter.target.to_string(), "key Room { floor: 2, number: 7 }");
/// # assert_ne!(Place::Lobby, Place::Room { floor: 0, number: 0 });
/// ```
pub trait RegistryKey: Clone + Debug + Eq + Hash + Send + Sync + 'static {}

impl<K: Clone + Debug + Eq + Hash + Send + Sync + 'static> RegistryKey for K {}

/// Why a process is not registered under a key.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, KeyError, Registry};
///
/// TestSystem::new(1).run(|ctx: Context<()>| async move {
///     let rooms: Registry<u32, ()> = Registry::unique(ctx.system());
///     rooms.register(&ctx, 7, ()).unwrap();
///     let error = rooms.register(&ctx, 7, ()).unwrap_err();
///     assert_eq!(error, KeyError::Taken { key: "7".into(), owner: ctx.pid() });
///     let elsewhere: Registry<u32, ()> = Registry::unique(&TestSystem::new(2));
///     assert!(matches!(elsewhere.register(&ctx, 7, ()), Err(KeyError::OtherSystem { .. })));
/// });
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The key is unique, and somebody has it; Elixir's `already_registered`.
    #[error("the key {key} is taken by {owner}")]
    Taken {
        /// The key.
        key: Arc<str>,
        /// Who has it.
        owner: Pid,
    },
    /// The process has ended.
    #[error("{pid} cannot be registered under {key}: it has ended")]
    NoProcess {
        /// The process.
        pid: Pid,
        /// The key.
        key: Arc<str>,
    },
    /// The process is not registered under the key, so there is no value of its own to change.
    #[error("{pid} is not registered under {key}")]
    NotRegistered {
        /// The process.
        pid: Pid,
        /// The key.
        key: Arc<str>,
    },
    /// The registry is of another system than the process.
    #[error("{pid} cannot be registered under {key}: the registry is of another system")]
    OtherSystem {
        /// The process.
        pid: Pid,
        /// The key.
        key: Arc<str>,
    },
    /// The registry is of processes that take other messages.
    #[error("the process under {key} takes messages of type {wanted}, not {found}")]
    OtherMessageType {
        /// The key.
        key: Arc<str>,
        /// The type that the registry's processes take.
        wanted: &'static str,
        /// The type that this one takes.
        found: &'static str,
    },
}

/// A key as errors tell it. It is the user's code that makes this: never under a lock.
pub(crate) fn text_of(key: &(impl Debug + ?Sized)) -> Arc<str> {
    format!("{key:?}").into()
}
