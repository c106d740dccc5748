//! Processes under keys, with values; Elixir's `Registry`.
//!
//! A process is registered by itself, or before it begins by who starts it, and stays so until it gives that up or ends:
//! its entries are gone before anyone is told of its end.

mod entry;
mod store;
mod via;

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::address::Address;
use crate::changes::Changes;
use crate::context::Context;
use crate::key::{KeyError, RegistryKey, text_of};
use crate::pid::Pid;
use crate::process::Process;
use crate::system::SystemHandle;

pub use entry::{RegistryChange, RegistryEntry};
use store::Store;
pub(crate) use via::{Enrol, Enrolment};

/// Each key is one process's at most; made by [`Registry::unique`].
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Registry, Unique};
///
/// TestSystem::new(1).run(|ctx: Context<()>| async move {
///     let rooms: Registry<&str, (), (), Unique> = Registry::unique(ctx.system()); // The default: it need not be said.
///     rooms.register(&ctx, "blue", ()).unwrap();
///     assert!(rooms.register(&ctx, "blue", ()).is_err());
/// });
/// ```
#[derive(Debug)]
pub enum Unique {}

/// Any number of processes may be under one key, each any number of times; made by [`Registry::duplicate`].
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Duplicate, Registry};
///
/// TestSystem::new(1).run(|ctx: Context<()>| async move {
///     let topics: Registry<&str, (), u32, Duplicate> = Registry::duplicate(ctx.system());
///     topics.register(&ctx, "weather", 1).unwrap();
///     topics.register(&ctx, "weather", 2).unwrap();
///     assert_eq!(topics.lookup("weather").len(), 2); // A list, where a unique key has an entry or none.
/// });
/// ```
#[derive(Debug)]
pub enum Duplicate {}

/// Processes that take messages of type `M`, registered under keys of type `K` with values of type `V`.
///
/// It belongs to the system that it was made for, and is a handle: clones are of the same registry, which lives as long as
/// one of them. Whoever has none cannot reach it.
///
/// With unique keys ([`Registry::unique`]) it is a directory: [`via`](Self::via) makes addresses that lead to whoever has a
/// key, and a process can be started under one ([`SpawnOptions::via`](crate::SpawnOptions::via)). With duplicate keys
/// ([`Registry::duplicate`]) it is for those who want to hear of something: [`broadcast`](Self::broadcast) reaches all under
/// a key.
///
/// A process that ends has lost its entries before those who are linked to it or monitor it hear of that.
///
/// # Examples
///
/// Rooms by their number:
///
/// ```
/// use proscenium_runtime::{Context, Registry, Reply, SpawnOptions, System};
///
/// let outcome = System::new("chat").run(|mut ctx: Context<()>| async move {
///     let rooms: Registry<u32, Reply<&str>, &str> = Registry::unique(ctx.system());
///     let options = SpawnOptions::new().via(&rooms, 7, "blue");
///     let room = ctx.spawn_link_with(options, |mut ctx: Context<Reply<&str>>| async move {
///         ctx.receive_message().await.send("welcome");
///     })?;
///     let entry = rooms.lookup(&7).expect("it was started under that key");
///     assert_eq!((entry.address(), entry.value()), (&room, &"blue"));
///     assert_eq!(rooms.via(7).call(|reply| reply).await?, "welcome");
///     room.exited().await;
///     assert_eq!(rooms.whereis(&7), None);
///     Ok(())
/// });
/// assert_eq!(outcome, Ok(()));
/// ```
///
/// Who wants to hear of a topic:
///
/// ```
/// use proscenium_runtime::{Context, Duplicate, Registry, System};
///
/// let outcome = System::new("news").run(|mut ctx: Context<&str>| async move {
///     let topics: Registry<String, &str, (), Duplicate> = Registry::duplicate(ctx.system());
///     topics.register(&ctx, "weather".to_owned(), ())?;
///     topics.register(&ctx, "sports".to_owned(), ())?;
///     assert_eq!(topics.broadcast("weather", "rain"), 1);
///     assert_eq!(ctx.receive_message().await, "rain");
///     assert_eq!(topics.keys(ctx.pid()), ["weather", "sports"]);
///     Ok(())
/// });
/// assert_eq!(outcome, Ok(()));
/// ```
pub struct Registry<K, M: Send + 'static, V = (), Keys = Unique> {
    store: Arc<Store<K, M, V>>,
    keys: PhantomData<fn() -> Keys>,
}

/// With unique keys.
impl<K: RegistryKey, M: Send + 'static, V: Send + Sync + 'static> Registry<K, M, V, Unique> {
    /// An empty registry in which a key is one process's at most.
    pub fn unique(system: &SystemHandle) -> Self {
        Registry::new(system)
    }

    /// Registers the process of `ctx` under `key`, until it ends or [`unregister`](Self::unregister)s. It may have any number
    /// of keys.
    ///
    /// # Errors
    /// [`KeyError::Taken`] with who has the key, which may be the process itself; [`KeyError::NoProcess`] if the process has
    /// ended and left its context behind; [`KeyError::OtherSystem`].
    pub fn register(&self, ctx: &Context<M>, key: K, value: V) -> Result<(), KeyError> {
        self.register_process(ctx.process(), key, value)
    }

    pub(crate) fn register_process(&self, process: &Arc<Process<M>>, key: K, value: V) -> Result<(), KeyError> {
        let entry = self.entry(process, key, value)?;
        self.store.enter_alone(&entry, process)
    }

    /// Who has the key, and with what value.
    pub fn lookup<Q>(&self, key: &Q) -> Option<RegistryEntry<K, M, V>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.store.find(self.store.hash(key), key, &mut 0)
    }

    /// Who has the key now.
    pub fn whereis<Q>(&self, key: &Q) -> Option<Pid>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.lookup(key).map(|entry| entry.pid())
    }

    /// Waits until somebody has the key.
    ///
    /// It may have lost the key again by then. A key that is taken and given up before the waiter has run is missed, and the
    /// wait goes on.
    ///
    /// # Cancel safety
    /// Dropping the future has no effect.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Registry};
    ///
    /// let test = TestSystem::new(1);
    /// let rooms: Registry<u32, ()> = Registry::unique(&test);
    /// let opened = rooms.clone();
    /// let host = test.spawn(|ctx: Context<()>| async move {
    ///     ctx.sleep(Duration::from_secs(3600)).await;
    ///     opened.register(&ctx, 7, ()).unwrap();
    ///     pending::<()>().await;
    /// });
    /// assert_eq!(Some(test.block_on(rooms.when_registered(&7)).pid()), host.pid());
    /// assert_eq!(test.elapsed(), Duration::from_secs(3600));
    /// ```
    pub async fn when_registered<Q>(&self, key: &Q) -> RegistryEntry<K, M, V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.store.when_entered(key).await
    }

    /// An address that goes to whoever has the key when a message is sent, so that it survives a restart; OTP's `via`.
    ///
    /// Nobody need have the key yet. The address keeps the registry alive.
    pub fn via(&self, key: K) -> Address<M> {
        via::address(&self.store, key)
    }

    /// Puts what `change` makes of the value in its place, if the process of `ctx` has the key. Returns the entry as it is
    /// now.
    ///
    /// `change` is called again if the value has changed meanwhile.
    ///
    /// # Errors
    /// [`KeyError::NotRegistered`] if the process does not have the key.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Registry};
    ///
    /// TestSystem::new(1).run(|ctx: Context<()>| async move {
    ///     let rooms: Registry<u32, (), usize> = Registry::unique(ctx.system()); // How many guests each has.
    ///     rooms.register(&ctx, 7, 0).unwrap();
    ///     rooms.update_value(&ctx, &7, |guests| guests + 1).unwrap();
    ///     let entry = rooms.update_value(&ctx, &7, |guests| guests + 1).unwrap();
    ///     assert_eq!(entry.value(), &2);
    ///     assert!(rooms.update_value(&ctx, &8, |guests| guests + 1).is_err(), "it is not ours");
    /// });
    /// ```
    pub fn update_value<Q>(
        &self,
        ctx: &Context<M>,
        key: &Q,
        mut change: impl FnMut(&V) -> V,
    ) -> Result<RegistryEntry<K, M, V>, KeyError>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + fmt::Debug + ?Sized,
    {
        while let Some((place, old)) = self.own(ctx, key).pop() {
            let new = RegistryEntry::new(old.key().clone(), old.pid(), old.address().clone(), change(old.value()));
            if self.store.replace(place, &old, new.clone()) {
                return Ok(new);
            }
        }
        Err(KeyError::NotRegistered { pid: ctx.pid(), key: text_of(key) })
    }
}

/// With duplicate keys.
impl<K: RegistryKey, M: Send + 'static, V: Send + Sync + 'static> Registry<K, M, V, Duplicate> {
    /// An empty registry in which any number of processes may be under a key.
    pub fn duplicate(system: &SystemHandle) -> Self {
        Registry::new(system)
    }

    /// Registers the process of `ctx` under `key`, until it ends or [`unregister`](Self::unregister)s. If it is registered
    /// under that key already, it is so once more.
    ///
    /// # Errors
    /// [`KeyError::NoProcess`] if the process has ended and left its context behind; [`KeyError::OtherSystem`].
    pub fn register(&self, ctx: &Context<M>, key: K, value: V) -> Result<(), KeyError> {
        let entry = self.entry(ctx.process(), key, value)?;
        self.store.enter(&entry, ctx.process())
    }

    /// Who is under the key, in the order in which they came.
    pub fn lookup<Q>(&self, key: &Q) -> Vec<RegistryEntry<K, M, V>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.store.all_of(key)
    }
}

/// Whatever the keys are.
impl<K: RegistryKey, M: Send + 'static, V: Send + Sync + 'static, Keys> Registry<K, M, V, Keys> {
    fn new(system: &SystemHandle) -> Self {
        Registry { store: Arc::new(Store::new(system)), keys: PhantomData }
    }

    /// Takes the process of `ctx` out from under `key`, however often it is there. Returns how often it was.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Duplicate, Registry};
    ///
    /// TestSystem::new(1).run(|ctx: Context<()>| async move {
    ///     let topics: Registry<&str, (), u32, Duplicate> = Registry::duplicate(ctx.system());
    ///     (1..=3).for_each(|urgency| topics.register(&ctx, "weather", urgency).unwrap());
    ///     assert_eq!(topics.unregister(&ctx, "weather"), 3);
    ///     assert_eq!(topics.unregister(&ctx, "weather"), 0);
    /// });
    /// ```
    pub fn unregister<Q>(&self, ctx: &Context<M>, key: &Q) -> usize
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.unregister_match(ctx, key, |_| true)
    }

    /// Takes out those entries of the process of `ctx` under `key` whose values `matches` picks. Returns how many.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Duplicate, Registry};
    ///
    /// TestSystem::new(1).run(|ctx: Context<()>| async move {
    ///     let topics: Registry<&str, (), u32, Duplicate> = Registry::duplicate(ctx.system());
    ///     (1..=5).for_each(|urgency| topics.register(&ctx, "weather", urgency).unwrap());
    ///     assert_eq!(topics.unregister_match(&ctx, "weather", |urgency| *urgency < 4), 3);
    ///     assert_eq!(topics.values("weather", ctx.pid()), [4, 5]);
    /// });
    /// ```
    pub fn unregister_match<Q>(&self, ctx: &Context<M>, key: &Q, mut matches: impl FnMut(&V) -> bool) -> usize
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let mut own = self.own(ctx, key);
        own.retain(|(_, entry)| matches(entry.value()));
        let places: Vec<_> = own.iter().map(|(place, _)| *place).collect();
        self.store.remove(&places)
    }

    /// The keys that a process is under, in the order in which it came there; one that it is under twice, twice.
    pub fn keys(&self, pid: Pid) -> Vec<K> {
        self.store.all_own(pid).iter().map(|entry| entry.key().clone()).collect()
    }

    /// The values with which a process is under a key, in the order in which they came.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Duplicate, Registry};
    ///
    /// TestSystem::new(1).run(|ctx: Context<()>| async move {
    ///     let seats: Registry<&str, (), char, Duplicate> = Registry::duplicate(ctx.system());
    ///     for seat in ['B', 'A'] {
    ///         seats.register(&ctx, "row 7", seat).unwrap();
    ///     }
    ///     assert_eq!(seats.values("row 7", ctx.pid()), ['B', 'A']);
    ///     assert_eq!(seats.values("row 8", ctx.pid()), []);
    /// });
    /// ```
    pub fn values<Q>(&self, key: &Q, pid: Pid) -> Vec<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
        V: Clone,
    {
        self.store.own(pid, key).iter().map(|(_, entry)| entry.value().clone()).collect()
    }

    /// The entries that `wanted` picks, in the order in which they came.
    ///
    /// It is shown all that were there at one moment, which takes as long as there are many; to find those of a key, look the
    /// key up.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Registry};
    ///
    /// TestSystem::new(1).run(|ctx: Context<()>| async move {
    ///     let rooms: Registry<u32, (), usize> = Registry::unique(ctx.system()); // How many guests each has.
    ///     for (room, guests) in [(1, 0), (2, 3), (3, 0)] {
    ///         rooms.register(&ctx, room, guests).unwrap();
    ///     }
    ///     let empty = rooms.select(|entry| *entry.value() == 0);
    ///     assert_eq!(empty.iter().map(|entry| *entry.key()).collect::<Vec<_>>(), [1, 3]);
    ///     assert_eq!(rooms.count(), 3);
    /// });
    /// ```
    pub fn select(&self, mut wanted: impl FnMut(&RegistryEntry<K, M, V>) -> bool) -> Vec<RegistryEntry<K, M, V>> {
        let mut entries = self.store.all();
        entries.retain(|entry| wanted(entry));
        entries
    }

    /// How many entries there are.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Duplicate, Registry};
    ///
    /// TestSystem::new(1).run(|ctx: Context<()>| async move {
    ///     let topics: Registry<&str, (), (), Duplicate> = Registry::duplicate(ctx.system());
    ///     for topic in ["weather", "sports", "weather"] {
    ///         topics.register(&ctx, topic, ()).unwrap();
    ///     }
    ///     assert_eq!(topics.count(), 3); // Entries, not keys.
    /// });
    /// ```
    pub fn count(&self) -> usize {
        self.store.len()
    }

    /// Calls `act` with each entry that is under the key now, in the order in which they came. Returns how many there were.
    ///
    /// # Examples
    ///
    /// To those whose values say that they want it:
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Duplicate, Registry};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<&str>| async move {
    ///     let alerts: Registry<&str, &str, u32, Duplicate> = Registry::duplicate(ctx.system());
    ///     alerts.register(&ctx, "disk", 5).unwrap(); // Whoever is told of what is as urgent as that, or more.
    ///     alerts.register(&ctx, "disk", 9).unwrap();
    ///     let urgency = 7;
    ///     let there = alerts.dispatch("disk", |entry| {
    ///         if *entry.value() <= urgency {
    ///             entry.address().cast("90 % full");
    ///         }
    ///     });
    ///     assert_eq!((there, ctx.queue_len()), (2, 1));
    /// });
    /// ```
    pub fn dispatch<Q>(&self, key: &Q, act: impl FnMut(&RegistryEntry<K, M, V>)) -> usize
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let entries = self.store.all_of(key);
        entries.iter().for_each(act);
        entries.len()
    }

    /// Casts `message` to each who is under the key now, once for each entry. Returns how many there were.
    pub fn broadcast<Q>(&self, key: &Q, message: M) -> usize
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
        M: Clone,
    {
        self.dispatch(key, |entry| entry.address().cast(message.clone()))
    }

    /// The entries there are, and every one that comes or goes from now on; what Elixir's listeners hear. Dropping the
    /// changes ends it, and so does the end of the registry.
    ///
    /// A value that is updated is no change.
    #[expect(clippy::type_complexity, reason = "what is there, and what changes: a name for the pair would tell less")]
    pub fn monitor(&self) -> (Vec<RegistryEntry<K, M, V>>, Changes<RegistryChange<K, M, V>>) {
        self.store.monitor()
    }

    fn entry(&self, process: &Arc<Process<M>>, key: K, value: V) -> Result<RegistryEntry<K, M, V>, KeyError> {
        if !Arc::ptr_eq(&process.system.shared, &self.store.system.shared) {
            return Err(KeyError::OtherSystem { pid: process.pid, key: text_of(&key) });
        }
        Ok(RegistryEntry::new(key, process.pid, Address::of(process.clone()), value))
    }

    /// What the process of `ctx` has under a key, and where that is.
    fn own<Q>(&self, ctx: &Context<M>, key: &Q) -> Vec<(store::Place, RegistryEntry<K, M, V>)>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        // A process of another system may have the same pid.
        if !Arc::ptr_eq(&ctx.system().shared, &self.store.system.shared) {
            return Vec::new();
        }
        self.store.own(ctx.pid(), key)
    }
}

impl<K, M: Send + 'static, V, Keys> Clone for Registry<K, M, V, Keys> {
    fn clone(&self) -> Self {
        Registry { store: self.store.clone(), keys: PhantomData }
    }
}

impl<K, M, V, Keys> fmt::Debug for Registry<K, M, V, Keys>
where
    K: RegistryKey,
    M: Send + 'static,
    V: Send + Sync + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("count", &self.count()).finish_non_exhaustive()
    }
}
