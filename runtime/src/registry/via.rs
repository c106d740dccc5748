//! Keys in the place of names: addresses that follow one, and processes that are started under one.

use std::any::{Any, type_name};
use std::fmt;
use std::sync::Arc;

use super::store::Store;
use super::{Registry, Unique};
use crate::address::{Address, Via, downcast};
use crate::any_process::AnyProcess;
use crate::key::{KeyError, RegistryKey, text_of};
use crate::pid::Recipient;
use crate::process::Process;
use crate::system::Shared;

/// Whoever has a key.
struct Holding<K, M: Send + 'static, V> {
    store: Arc<Store<K, M, V>>,
    key: K,
    hash: u64,
}

pub(super) fn address<K, M, V>(store: &Arc<Store<K, M, V>>, key: K) -> Address<M>
where
    K: RegistryKey,
    M: Send + 'static,
    V: Send + Sync + 'static,
{
    let hash = store.hash(&key);
    Address::via(Holding { store: store.clone(), key, hash })
}

impl<K: RegistryKey, M: Send + 'static, V: Send + Sync + 'static> Via<M> for Holding<K, M, V> {
    fn resolve(&self) -> Option<Arc<Process<M>>> {
        self.store.find(self.hash, &self.key, &mut 0)?.address().resolve()
    }

    fn recipient(&self) -> Recipient {
        Recipient::Key(text_of(&self.key))
    }

    fn system(&self) -> &Arc<Shared> {
        &self.store.system.shared
    }

    fn is_same(&self, other: &dyn Any) -> bool {
        let other = other.downcast_ref::<Self>();
        other.is_some_and(|other| Arc::ptr_eq(&self.store, &other.store) && self.key == other.key)
    }
}

/// Registers a process under a key before it begins.
pub(crate) trait Enrol: fmt::Debug + Send + Sync {
    fn enrol(&self, process: &Arc<dyn AnyProcess>) -> Result<(), KeyError>;
}

pub(crate) struct Enrolment<K, M: Send + 'static, V> {
    pub(crate) registry: Registry<K, M, V, Unique>,
    pub(crate) key: K,
    pub(crate) value: V,
}

impl<K: RegistryKey, M: Send + 'static, V: Clone + Send + Sync + 'static> Enrol for Enrolment<K, M, V> {
    fn enrol(&self, process: &Arc<dyn AnyProcess>) -> Result<(), KeyError> {
        match downcast::<M>(process.clone()) {
            Ok(process) => self.registry.register_process(&process, self.key.clone(), self.value.clone()),
            Err(process) => Err(KeyError::OtherMessageType {
                key: text_of(&self.key),
                wanted: type_name::<M>(),
                found: process.message_type(),
            }),
        }
    }
}

impl<K: fmt::Debug, M: Send + 'static, V> fmt::Debug for Enrolment<K, M, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Enrolment").field(&self.key).finish()
    }
}
