//! Who is registered under what, with what.

use std::fmt;
use std::sync::Arc;

use crate::address::Address;
use crate::pid::Pid;

/// A process under a key, with a value, as they were when asked for. Cheap to clone.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Registry};
///
/// TestSystem::new(1).run(|ctx: Context<()>| async move {
///     let rooms: Registry<u32, (), &str> = Registry::unique(ctx.system());
///     rooms.register(&ctx, 7, "blue").unwrap();
///     let entry = rooms.lookup(&7).unwrap();
///     assert_eq!((entry.key(), entry.pid(), entry.value()), (&7, ctx.pid(), &"blue"));
///     rooms.update_value(&ctx, &7, |_| "green").unwrap();
///     assert_eq!(entry.value(), &"blue"); // As it was when it was asked for.
///     assert_eq!(entry.address(), &ctx.address());
/// });
/// ```
pub struct RegistryEntry<K, M: Send + 'static, V>(Arc<Inner<K, M, V>>);

struct Inner<K, M: Send + 'static, V> {
    key: K,
    pid: Pid,
    address: Address<M>,
    value: V,
}

impl<K, M: Send + 'static, V> RegistryEntry<K, M, V> {
    pub(super) fn new(key: K, pid: Pid, address: Address<M>, value: V) -> Self {
        RegistryEntry(Arc::new(Inner { key, pid, address, value }))
    }

    /// The key.
    pub fn key(&self) -> &K {
        &self.0.key
    }

    /// The process.
    pub fn pid(&self) -> Pid {
        self.0.pid
    }

    /// Where the process takes messages. It stays that process's address; [`Registry::via`](super::Registry::via) makes
    /// one that follows the key.
    pub fn address(&self) -> &Address<M> {
        &self.0.address
    }

    /// The value.
    pub fn value(&self) -> &V {
        &self.0.value
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<K, M: Send + 'static, V> Clone for RegistryEntry<K, M, V> {
    fn clone(&self) -> Self {
        RegistryEntry(self.0.clone())
    }
}

impl<K: fmt::Debug, M: Send + 'static, V: fmt::Debug> fmt::Debug for RegistryEntry<K, M, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { key, pid, address: _, value } = &*self.0;
        f.debug_struct("RegistryEntry").field("key", key).field("pid", pid).field("value", value).finish()
    }
}

/// A registry's entries changed.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Registry, RegistryChange};
///
/// TestSystem::new(1).run(|ctx: Context<()>| async move {
///     let rooms: Registry<u32, ()> = Registry::unique(ctx.system());
///     let (there, mut changes) = rooms.monitor();
///     assert!(there.is_empty());
///     rooms.register(&ctx, 7, ()).unwrap();
///     rooms.unregister(&ctx, &7);
///     assert!(matches!(changes.recv().await, Some(RegistryChange::Registered(entry)) if *entry.key() == 7));
///     let left = changes.recv().await.unwrap();
///     assert!(matches!(left, RegistryChange::Unregistered(_)));
///     assert_eq!(left.entry().pid(), ctx.pid());
/// });
/// ```
pub enum RegistryChange<K, M: Send + 'static, V> {
    /// A process was registered.
    Registered(RegistryEntry<K, M, V>),
    /// A process gave up its entry, or ended.
    Unregistered(RegistryEntry<K, M, V>),
}

impl<K, M: Send + 'static, V> RegistryChange<K, M, V> {
    /// Whose entry came or went.
    pub fn entry(&self) -> &RegistryEntry<K, M, V> {
        match self {
            RegistryChange::Registered(entry) | RegistryChange::Unregistered(entry) => entry,
        }
    }
}

impl<K, M: Send + 'static, V> Clone for RegistryChange<K, M, V> {
    fn clone(&self) -> Self {
        match self {
            RegistryChange::Registered(entry) => RegistryChange::Registered(entry.clone()),
            RegistryChange::Unregistered(entry) => RegistryChange::Unregistered(entry.clone()),
        }
    }
}

impl<K: fmt::Debug, M: Send + 'static, V: fmt::Debug> fmt::Debug for RegistryChange<K, M, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RegistryChange::Registered(entry) => f.debug_tuple("Registered").field(entry).finish(),
            RegistryChange::Unregistered(entry) => f.debug_tuple("Unregistered").field(entry).finish(),
        }
    }
}
