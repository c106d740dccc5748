//! What processes are registered under beside names: keys of any type.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use crate::pid::Pid;

/// What can be a key of a [`Registry`](crate::Registry).
///
/// Errors and dead letters tell a key as its [`Debug`] does.
pub trait RegistryKey: Clone + Debug + Eq + Hash + Send + Sync + 'static {}

impl<K: Clone + Debug + Eq + Hash + Send + Sync + 'static> RegistryKey for K {}

/// Why a process is not registered under a key.
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
