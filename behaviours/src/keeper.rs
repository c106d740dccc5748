//! State that outlives the process that works on it, as an ETS table with an heir does.
//!
//! Invariants:
//! - A value is with one process at a time, or with its keeper.
//! - Whatever ends the process, its value is back before anyone hears of the end.
//! - No user code runs under the keeper's lock.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Keeps a value for whoever comes next: a process takes it over from its predecessor, works on it, and leaves it behind when it
/// ends, be it by a panic or a kill.
///
/// Make one where the process is described, say beside its [`Start`](crate::Start), and give a clone to each incarnation with its
/// arguments. What lets a process fail may be in its state; so the successor's check decides whether to take that over. State
/// that need not survive is better made anew.
///
/// # Examples
///
/// A jukebox that fails keeps its coins, unless they are what it failed of:
///
/// ```
/// use proscenium_behaviours::{GenServer, Keeper, Kept};
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, ExitReason, Reply};
///
/// struct Jukebox {
///     coins: Kept<Vec<u32>>,
/// }
///
/// enum Ask {
///     Insert(u32),
///     Kick,
///     Sum(Reply<u32>),
/// }
///
/// impl GenServer for Jukebox {
///     type Args = Keeper<Vec<u32>>;
///     type Message = Ask;
///
///     async fn init(keeper: Keeper<Vec<u32>>, _ctx: &mut Context<Ask>) -> Result<Self, ExitReason> {
///         let is_sound = |coins: &Vec<u32>| !coins.contains(&0);
///         Ok(Jukebox { coins: keeper.claim(is_sound, Vec::new)? })
///     }
///
///     async fn handle(&mut self, ask: Ask, _ctx: &mut Context<Ask>) -> Result<(), ExitReason> {
///         match ask {
///             Ask::Insert(coin) => {
///                 self.coins.push(coin);
///                 assert!(coin > 0, "a button");
///             }
///             Ask::Kick => panic!("ouch"),
///             Ask::Sum(reply) => reply.send(self.coins.iter().sum()),
///         }
///         Ok(())
///     }
/// }
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     ctx.trap_exit(true);
///     let start = Jukebox::start(Keeper::new());
///     for (last, sum) in [(Ask::Kick, 7), (Ask::Insert(0), 0)] {
///         let jukebox = start.clone().link(&mut ctx).await?;
///         jukebox.cast(Ask::Insert(7));
///         jukebox.cast(last);
///         jukebox.exited().await;
///
///         let successor = start.clone().link(&mut ctx).await?;
///         assert_eq!(successor.call(Ask::Sum).await?, sum);
///         ctx.exit(&successor, ExitReason::Kill);
///         successor.exited().await;
///     }
///     Ok::<_, ExitReason>(())
/// })?;
/// # Ok::<(), ExitReason>(())
/// ```
pub struct Keeper<T> {
    shelf: Arc<Mutex<Shelf<T>>>,
}

struct Shelf<T> {
    place: Place<T>,
    claims: u64,
}

enum Place<T> {
    Empty,
    Here(T),
    Lent,
}

/// A value that goes back to its keeper when this is dropped; made by [`Keeper::claim`].
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::{Keeper, Origin};
///
/// let keeper = Keeper::new();
/// let mut list = keeper.claim(|_| true, Vec::new).unwrap();
/// list.push("tea"); // It is used as the value itself,
/// drop(list); // and goes back when it is dropped.
/// let list = keeper.claim(|_| true, Vec::new).unwrap();
/// assert_eq!((&list[..], list.origin()), (&["tea"][..], Origin::TakenOver));
/// ```
pub struct Kept<T> {
    /// Gone only while this is dropped.
    value: Option<T>,
    origin: Origin,
    keeper: Keeper<T>,
}

/// Where a [`Kept`] value comes from.
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::{Keeper, Origin};
///
/// let keeper = Keeper::new();
/// let is_sound = |coins: &Vec<u32>| !coins.contains(&0);
/// let mut coins = keeper.claim(is_sound, Vec::new).unwrap();
/// assert_eq!(coins.origin(), Origin::First);
/// coins.push(5);
/// drop(coins);
/// let mut coins = keeper.claim(is_sound, Vec::new).unwrap();
/// assert_eq!(coins.origin(), Origin::TakenOver);
/// coins.push(0); // A button.
/// drop(coins);
/// assert_eq!(keeper.claim(is_sound, Vec::new).unwrap().origin(), Origin::Refused);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody had left any: it is new.
    First,
    /// The predecessor left it.
    TakenOver,
    /// The check refused what the predecessor left: it is new.
    Refused,
}

/// Somebody else has the value. Two processes were started with one keeper.
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::{Keeper, StillLent};
///
/// let keeper = Keeper::new();
/// let mine = keeper.claim(|_| true, || 7).unwrap();
/// assert_eq!(keeper.claim(|_| true, || 8).unwrap_err(), StillLent); // Two at a time would be two truths.
/// drop(mine);
/// assert_eq!(*keeper.claim(|_| true, || 8).unwrap(), 7);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another process has what this keeper keeps")]
pub struct StillLent;

impl<T> Keeper<T> {
    /// One that keeps nothing yet.
    pub fn new() -> Self {
        Keeper { shelf: Arc::new(Mutex::new(Shelf { place: Place::Empty, claims: 0 })) }
    }

    /// Takes over what the predecessor has left, if `is_sound` says so; otherwise what `fresh` makes. What is refused is dropped.
    ///
    /// If `is_sound` panics, what it was about is dropped, too: the next who claims it finds nothing.
    ///
    /// # Errors
    /// [`StillLent`] if somebody else has it.
    pub fn claim(&self, is_sound: impl FnOnce(&T) -> bool, fresh: impl FnOnce() -> T) -> Result<Kept<T>, StillLent> {
        // From here on it is lent; the guard gives it back, or the empty place, should user code panic.
        let mut claim = Claim { keeper: self, left: self.borrow()? };
        let (value, origin) = match claim.left.take() {
            None => (fresh(), Origin::First),
            Some(left) if is_sound(&left) => (left, Origin::TakenOver),
            Some(refused) => {
                drop(refused);
                (fresh(), Origin::Refused)
            }
        };
        std::mem::forget(claim);
        Ok(Kept { value: Some(value), origin, keeper: self.clone() })
    }

    /// How many times it was claimed: one more than its process was restarted.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::Keeper;
    ///
    /// let keeper = Keeper::new();
    /// for incarnation in 1..=3 {
    ///     let _value = keeper.claim(|_| true, || "kept").unwrap();
    ///     assert_eq!(keeper.claims(), incarnation);
    /// }
    /// ```
    pub fn claims(&self) -> u64 {
        self.lock().claims
    }

    /// Takes the value away, and marks its place as lent.
    fn borrow(&self) -> Result<Option<T>, StillLent> {
        let mut shelf = self.lock();
        match std::mem::replace(&mut shelf.place, Place::Lent) {
            Place::Lent => Err(StillLent),
            Place::Empty => {
                shelf.claims += 1;
                Ok(None)
            }
            Place::Here(value) => {
                shelf.claims += 1;
                Ok(Some(value))
            }
        }
    }

    fn put_back(&self, place: Place<T>) {
        self.lock().place = place;
    }

    fn lock(&self) -> MutexGuard<'_, Shelf<T>> {
        // Nothing in here panics while it is locked.
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A claim under way: given up by a panic, it leaves the place empty.
struct Claim<'a, T> {
    keeper: &'a Keeper<T>,
    left: Option<T>,
}

impl<T> Drop for Claim<'_, T> {
    fn drop(&mut self) {
        self.keeper.put_back(Place::Empty);
    }
}

impl<T> Kept<T> {
    /// Where it comes from.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// Takes the value for good: a successor finds nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::{Keeper, Origin};
    ///
    /// let keeper = Keeper::new();
    /// let list = keeper.claim(|_| true, || vec!["tea"]).unwrap();
    /// assert_eq!(list.into_inner(), ["tea"]); // It is ours now, and goes nowhere.
    /// assert_eq!(keeper.claim(|_: &Vec<&str>| true, Vec::new).unwrap().origin(), Origin::First);
    /// ```
    pub fn into_inner(mut self) -> T {
        self.value.take().expect("it is there until this is dropped")
    }
}

impl<T> Drop for Kept<T> {
    fn drop(&mut self) {
        self.keeper.put_back(self.value.take().map_or(Place::Empty, Place::Here));
    }
}

impl<T> Deref for Kept<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("it is there until this is dropped")
    }
}

impl<T> DerefMut for Kept<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect("it is there until this is dropped")
    }
}

/// A clone keeps the same value.
impl<T> Clone for Keeper<T> {
    fn clone(&self) -> Self {
        Keeper { shelf: self.shelf.clone() }
    }
}

impl<T> Default for Keeper<T> {
    fn default() -> Self {
        Keeper::new()
    }
}

impl<T> fmt::Debug for Keeper<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("claims", &self.claims()).finish_non_exhaustive()
    }
}

impl<T: fmt::Debug> fmt::Debug for Kept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kept").field(&**self).finish()
    }
}
