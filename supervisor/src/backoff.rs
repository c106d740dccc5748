//! A pause before a restart; pure.

use std::time::Duration;

/// How long a supervisor waits before it restarts a child; OTP's does not wait.
///
/// The first restart within the period of the [intensity](crate::Supervisor::intensity) waits for `first`, each further one
/// twice as long as the one before, up to [`longest`](Self::longest). After a quiet period it begins anew.
///
/// The pause belongs to the restart that was decided, and does not count as another. Meanwhile the child is
/// [`Restarting`](crate::ChildState::Restarting), those that the strategy takes along are stopped, and the supervisor does all
/// that it is asked: terminating the child ends its pause, and a supervisor that is stopped waits for none.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use proscenium_supervisor::{Backoff, Supervisor};
///
/// let backoff = Backoff::new(Duration::from_millis(100)).longest(Duration::from_secs(10)).jitter(0.5, 17);
/// let supervisor = Supervisor::one_for_one().intensity(20).period(Duration::from_secs(60)).backoff(backoff);
/// ```
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_supervisor::{Backoff, Supervisor};
///
/// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
/// # use worker::*;
/// let minute = Duration::from_secs(60);
/// let backoff = Backoff::new(Duration::from_secs(1));
/// let db = Supervisor::one_for_one().intensity(5).period(minute).backoff(backoff).child(worker("db"));
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     db.start_link(&mut ctx).await.unwrap();
///     for pause in [1, 2, 4] {
///         let before = ctx.system().now();
///         fail(ctx.system(), "db").await;
///         ctx.system().when_registered("db").await; // It is there again.
///         assert_eq!(ctx.system().now() - before, Duration::from_secs(pause));
///     }
/// });
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    jitter: f64,
    seed: u64,
}

impl Backoff {
    /// Pauses that begin with `first` and grow to at most a minute, or stay as they are if that is longer, without jitter.
    pub fn new(first: Duration) -> Self {
        Backoff { first, longest: first.max(Duration::from_secs(60)), jitter: 0.0, seed: 0 }
    }

    /// The longest pause; by default a minute, or the first if that is longer.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::{Backoff, Supervisor};
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// let minute = Duration::from_secs(60);
    /// let backoff = Backoff::new(Duration::from_secs(1)).longest(Duration::from_secs(2));
    /// let db = Supervisor::one_for_one().intensity(5).period(minute).backoff(backoff).child(worker("db"));
    /// let test = TestSystem::new(1);
    /// test.run(|mut ctx: Context<()>| async move {
    ///     db.start_link(&mut ctx).await.unwrap();
    ///     for _ in 0..4 {
    ///         fail(ctx.system(), "db").await;
    ///         ctx.system().when_registered("db").await;
    ///     }
    /// });
    /// assert_eq!(test.elapsed(), Duration::from_secs(1 + 2 + 2 + 2));
    /// ```
    #[must_use]
    pub fn longest(mut self, longest: Duration) -> Self {
        self.longest = longest;
        self
    }

    /// Shortens each pause by chance, by up to this share of it, between 0 and 1: machines that have failed together do not
    /// come back together. `seed` is where chance comes from: one of each machine's own, or a fixed one for a test.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::{Backoff, Supervisor};
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// let pause = |seed| {
    ///     let backoff = Backoff::new(Duration::from_secs(10)).jitter(0.5, seed);
    ///     let test = TestSystem::new(1);
    ///     test.run(move |mut ctx: Context<()>| async move {
    ///         Supervisor::one_for_one().backoff(backoff).child(worker("db")).start_link(&mut ctx).await.unwrap();
    ///         fail(ctx.system(), "db").await;
    ///         ctx.system().when_registered("db").await;
    ///     });
    ///     test.elapsed()
    /// };
    /// assert!(pause(1) >= Duration::from_secs(5) && pause(1) <= Duration::from_secs(10));
    /// assert_ne!(pause(1), pause(2)); // Two machines do not come back together.
    /// ```
    #[must_use]
    pub fn jitter(mut self, share: f64, seed: u64) -> Self {
        self.jitter = if share > 0.0 { share.min(1.0) } else { 0.0 };
        self.seed = seed;
        self
    }

    /// The pause before a restart of the child `key`, of which there were `count` of late, this one included.
    pub(crate) fn pause(&self, count: u32, key: u64) -> Duration {
        let doublings = 2_u32.saturating_pow(count.saturating_sub(1));
        let full = self.first.saturating_mul(doublings).min(self.longest);
        let chance = mix(self.seed ^ mix(key ^ mix(count.into())));
        // The upper bits, as many as a float holds.
        let chance = (chance >> 11) as f64 / (1_u64 << 53) as f64;
        full.mul_f64(1.0 - self.jitter * chance)
    }
}

/// The mixing of SplitMix64, by Steele, Lea and Flood: neighbours end far from each other.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(backoff: Backoff, count: u32, key: u64) -> u128 {
        backoff.pause(count, key).as_millis()
    }

    #[test]
    fn a_pause_is_twice_the_one_before_up_to_the_longest() {
        let backoff = Backoff::new(Duration::from_millis(100)).longest(Duration::from_millis(500));
        assert_eq!([1, 2, 3, 4, 5, 1000].map(|count| millis(backoff, count, 7)), [100, 200, 400, 500, 500, 500]);
        let long = Backoff::new(Duration::from_secs(100));
        assert_eq!([1, 2, 3].map(|count| millis(long, count, 7)), [100_000; 3]);
    }

    #[test]
    fn jitter_shortens_by_no_more_than_its_share_the_same_for_the_same_seed() {
        let backoff = |seed| Backoff::new(Duration::from_secs(1)).longest(Duration::from_secs(1)).jitter(0.25, seed);
        let pauses = |seed| (0..1000).map(move |key| millis(backoff(seed), 1, key)).collect::<Vec<_>>();
        let all = pauses(1);
        assert!(all.iter().all(|pause| (750..=1000).contains(pause)));
        assert!(all.iter().any(|pause| *pause < 760) && all.iter().any(|pause| *pause > 990));
        assert_eq!(all, pauses(1));
        assert_ne!(all, pauses(2));
    }
}
