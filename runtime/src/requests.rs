//! Requests whose answers are waited for later, or many at a time; OTP's `send_request` and its collections.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::{Duration, Instant};

use crate::address::Address;
use crate::any_process::AnyProcess;
use crate::call::{Limit, Wait};
use crate::current;
use crate::pid::Recipient;
use crate::process::Refused;
use crate::reply::{CallError, Reply};
use crate::sync::Lock;

impl<M: Send + 'static> Address<M> {
    /// Sends the request that `request` makes of a [`Reply`], at once, and returns its answer to be. OTP's `send_request`.
    ///
    /// What a call learns at once, the answer tells too: that there is no such process, or no room in its mailbox.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::{Context, Reply, System};
    ///
    /// let system = System::new("requests");
    /// let doubler = system.spawn(|mut ctx: Context<(u32, Reply<u32>)>| async move {
    ///     loop {
    ///         let (n, reply) = ctx.receive_message().await;
    ///         reply.send(n * 2);
    ///     }
    /// });
    /// let first = doubler.send_request(|reply| (1, reply));
    /// let second = doubler.send_request(|reply| (2, reply));
    /// futures_lite::future::block_on(async {
    ///     assert_eq!((first.await, second.await), (Ok(2), Ok(4)));
    /// });
    /// ```
    pub fn send_request<T: Send + 'static>(&self, request: impl FnOnce(Reply<T>) -> M) -> Request<T> {
        let (reply, answer) = Reply::channel();
        let target = self.recipient();
        let Some(process) = self.resolve() else {
            return Request { target: target.clone(), state: State::Refused(CallError::NoProcess { target }) };
        };
        let state = match process.push(request(reply)) {
            Ok(()) => {
                let mut wait = Wait::new(answer, Limit::Never);
                wait.end_with(&*process);
                State::Sent { server: process, wait }
            }
            Err(Refused::Gone(_)) => State::Refused(CallError::NoProcess { target: target.clone() }),
            Err(Refused::Full(_)) => State::Refused(CallError::MailboxFull { target: target.clone() }),
        };
        Request { target, state }
    }
}

/// The answer to a request, as a future; made by [`Address::send_request`].
///
/// It is ready with the answer, or with an error as soon as there can be none. It waits for as long as it takes:
/// [`wait`](Self::wait) sets a limit and keeps the request.
///
/// # Cancel safety
/// Dropping it abandons the request: a late answer reaches nobody.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Reply};
///
/// struct Double(u32, Reply<u32>);
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let clerk = ctx.spawn(|mut ctx: Context<Double>| async move {
///         let Double(n, reply) = ctx.receive_message().await;
///         reply.send(2 * n);
///     });
///     let request = clerk.send_request(|reply| Double(21, reply)); // It is sent; we go on.
///     assert_eq!(request.await, Ok(42));
/// });
/// ```
#[must_use = "dropping it abandons the request"]
pub struct Request<T> {
    target: Recipient,
    state: State<T>,
}

enum State<T> {
    Sent { server: Arc<dyn AnyProcess>, wait: Wait<T> },
    Refused(CallError),
}

// Nothing in it is pinned: what it waits for is boxed or pins nothing itself.
impl<T> Unpin for Request<T> {}

impl<T: Send + 'static> Request<T> {
    /// Who was asked.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Reply};
    ///
    /// TestSystem::new(1).run(|ctx: Context<()>| async move {
    ///     let request = ctx.system().named("till").send_request(|reply: Reply<u32>| reply);
    ///     assert_eq!(request.target(), &"till".into());
    ///     assert!(request.await.unwrap_err().is_no_process());
    /// });
    /// ```
    pub fn target(&self) -> &Recipient {
        &self.target
    }

    /// Ends the wait at `deadline`, which the first of several requests sets.
    fn limit(&mut self, deadline: &mut Option<Instant>, timeout: Duration) {
        if let State::Sent { server, wait } = &mut self.state {
            let at = *deadline.get_or_insert_with(|| server.timers().after(timeout));
            wait.end_at(at, timeout, server.timers());
        }
    }

    /// Waits for the answer at most this long; `None` if it has not come. The request stands: ask again, or drop it.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Reply};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let oven = ctx.spawn(|mut ctx: Context<Reply<&str>>| async move {
    ///         let reply = ctx.receive_message().await;
    ///         ctx.sleep(Duration::from_secs(90)).await;
    ///         reply.send("pizza");
    ///     });
    ///     let mut order = oven.send_request(|reply| reply);
    ///     let mut glances = 1;
    ///     let pizza = loop {
    ///         match order.wait(Duration::from_secs(60)).await {
    ///             Some(answer) => break answer,
    ///             None => glances += 1, // Not yet. There is time for something else.
    ///         }
    ///     };
    ///     assert_eq!((pizza, glances), (Ok("pizza"), 2));
    /// });
    /// ```
    pub async fn wait(&mut self, timeout: Duration) -> Option<Result<T, CallError>> {
        let sleep = match &self.state {
            State::Sent { server, .. } => server.timers().sleep_until(server.timers().after(timeout)),
            State::Refused(error) => return Some(Err(error.clone())),
        };
        sleep.limit(self).await
    }
}

impl<T: Send + 'static> Future for Request<T> {
    type Output = Result<T, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Request { target, state } = &mut *self;
        ready!(current::poll_budget(cx));
        current::spend();
        match state {
            State::Refused(error) => Poll::Ready(Err(error.clone())),
            State::Sent { server, wait } => wait.poll(&**server, &|| target.clone(), cx),
        }
    }
}

impl<T> fmt::Debug for Request<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("target", &self.target).finish_non_exhaustive()
    }
}

/// Requests under way, each with a label; their answers come in the order in which they are given.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::{Context, Reply, Requests, System};
///
/// let system = System::new("shops");
/// let shop = |price: u32| {
///     system.spawn(move |mut ctx: Context<Reply<u32>>| async move { ctx.receive_message().await.send(price) })
/// };
/// let shops = [("corner", shop(3)), ("market", shop(2))];
///
/// let mut prices = Requests::new();
/// for (name, address) in &shops {
///     prices.add(*name, address.send_request(|reply| reply));
/// }
/// futures_lite::future::block_on(async {
///     let mut offers = Vec::new();
///     while let Some((name, price)) = prices.next().await {
///         offers.push((price.unwrap(), name));
///     }
///     assert_eq!(offers.iter().min(), Some(&(2, "market")));
/// });
/// ```
pub struct Requests<L, T> {
    pending: BTreeMap<u64, (L, Request<T>)>,
    last: u64,
    woken: Arc<Woken>,
}

/// Which requests may have an answer, and who waits for one.
#[derive(Default)]
struct Woken {
    keys: Lock<VecDeque<u64>>,
    waiter: Lock<Option<Waker>>,
}

/// Wakes one request.
struct WakeOne {
    key: u64,
    woken: Arc<Woken>,
}

impl Wake for WakeOne {
    fn wake(self: Arc<Self>) {
        self.woken.keys.lock().push_back(self.key);
        let waiter = self.woken.waiter.lock().take();
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }
}

impl<L, T: Send + 'static> Requests<L, T> {
    /// No requests.
    pub fn new() -> Self {
        Requests { pending: BTreeMap::new(), last: 0, woken: Arc::default() }
    }

    /// Adds a request; its answer will come with `label`.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Reply, Requests};
    ///
    /// let mut prices = Requests::new();
    /// let test = TestSystem::new(1);
    /// for shop in ["corner", "market"] {
    ///     let price = test.named(shop).send_request(|reply: Reply<u32>| reply);
    ///     prices.add(shop, price);
    /// }
    /// assert_eq!(prices.len(), 2);
    /// let (shop, price) = test.block_on(prices.next()).unwrap();
    /// assert!(price.is_err(), "{shop} does not exist");
    /// assert!(!prices.is_empty(), "one is to come");
    /// ```
    pub fn add(&mut self, label: L, request: Request<T>) {
        self.last += 1;
        self.pending.insert(self.last, (label, request));
        self.woken.keys.lock().push_back(self.last);
    }

    /// How many answers are to come.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Reply, Requests};
    ///
    /// let mut prices: Requests<u32, u32> = Requests::new();
    /// let test = TestSystem::new(1);
    /// (0..3).for_each(|shop| prices.add(shop, test.named("nobody").send_request(|reply: Reply<u32>| reply)));
    /// assert_eq!(prices.len(), 3);
    /// test.block_on(prices.next());
    /// assert_eq!(prices.len(), 2);
    /// ```
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether none is.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Requests;
    ///
    /// assert!(Requests::<(), ()>::new().is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// The next answer and its label; `None` when all have come.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<(L, Result<T, CallError>)> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<(L, Result<T, CallError>)>> {
        if self.pending.is_empty() {
            return Poll::Ready(None);
        }
        // First say who waits, then look: what is woken after the look finds the waiter.
        let before = self.woken.waiter.lock().replace(cx.waker().clone());
        drop(before);
        loop {
            let key = self.woken.keys.lock().pop_front();
            let Some(key) = key else { return Poll::Pending };
            let Some((_, request)) = self.pending.get_mut(&key) else {
                continue;
            };
            let waker = Waker::from(Arc::new(WakeOne { key, woken: self.woken.clone() }));
            if let Poll::Ready(answer) = Pin::new(request).poll(&mut Context::from_waker(&waker)) {
                let (label, _) = self.pending.remove(&key).expect("it was found there");
                return Poll::Ready(Some((label, answer)));
            }
        }
    }
}

impl<L, T: Send + 'static> Default for Requests<L, T> {
    fn default() -> Self {
        Requests::new()
    }
}

impl<L, T: Send + 'static> fmt::Debug for Requests<L, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests").field("len", &self.len()).finish()
    }
}

/// Asks all of `addresses` the same and waits for their answers, with one limit for all. OTP's `multi_call`.
///
/// The answers come in the order of the addresses. What has not answered in time is a [`CallError::Timeout`].
///
/// # Cancel safety
/// Dropping the future abandons the requests.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{CallError, Context, Reply, multi_call};
///
/// let test = TestSystem::new(1);
/// let answers = test.run(|mut ctx: Context<()>| async move {
///     let mut shops = Vec::new();
///     for seconds in [1, 60, 2] {
///         shops.push(ctx.spawn(move |mut ctx: Context<Reply<u64>>| async move {
///             let reply = ctx.receive_message().await;
///             ctx.sleep(Duration::from_secs(seconds)).await;
///             reply.send(seconds);
///         }));
///     }
///     multi_call(&shops, Duration::from_secs(5), |reply| reply).await
/// });
/// assert_eq!((&answers[0], &answers[2]), (&Ok(1), &Ok(2)));
/// assert!(matches!(answers[1], Err(CallError::Timeout { .. })));
/// assert_eq!(test.elapsed(), Duration::from_secs(5)); // Not one after another.
/// ```
pub async fn multi_call<M, T>(
    addresses: &[Address<M>],
    timeout: Duration,
    request: impl Fn(Reply<T>) -> M,
) -> Vec<Result<T, CallError>>
where
    M: Send + 'static,
    T: Send + 'static,
{
    let mut requests: Vec<Request<T>> = addresses.iter().map(|address| address.send_request(&request)).collect();
    let mut deadline = None;
    for request in &mut requests {
        request.limit(&mut deadline, timeout);
    }
    let mut answers = Vec::with_capacity(requests.len());
    for request in requests {
        answers.push(request.await);
    }
    answers
}
