//! Panics of user code, caught.
//!
//! Rust calls the panic hook before it unwinds, and only the hook sees where a panic happened. Ours keeps what it sees
//! for the code that catches the panic, and prints nothing; panics outside a process go to the hook that was there before.
//! The hook belongs to the OS process, so this is the one thing that systems share.

use std::any::Any;
use std::backtrace::Backtrace;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::pin::Pin;
use std::sync::Once;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::exit::{ExitReason, Panic};

thread_local! {
    static CATCHING: Cell<u32> = const { Cell::new(0) };
    static SEEN: RefCell<Option<Panic>> = const { RefCell::new(None) };
    /// Whether there is something in it, told without a look there, which costs more.
    static HAS_SEEN: Cell<bool> = const { Cell::new(false) };
}

/// Runs `future` and turns a panic of its into the exit reason.
///
/// Behaviours use it to call `terminate` after a callback panicked; a plain process needs nothing of the kind.
///
/// # Errors
/// [`ExitReason::Panic`] if `future` panicked.
///
/// # Cancel safety
/// As cancel-safe as `future` itself.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::{ExitReason, catch_panic};
///
/// # futures_lite::future::block_on(async {
/// let outcome = catch_panic(async { panic!("out of cheese") }).await;
/// let Err(ExitReason::Panic(panic)) = outcome else { unreachable!() };
/// assert_eq!(panic.message(), "out of cheese");
/// # });
/// ```
pub fn catch_panic<F: Future>(future: F) -> impl Future<Output = Result<F::Output, ExitReason>> {
    install_hook();
    Catching { future }
}

pin_project! {
    // An async function would keep room for what it is given twice.
    struct Catching<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Catching<F> {
    type Output = Result<F::Output, ExitReason>;

    // In a function of its own: what unwinds reads the tables of whole functions, which are long where all is inlined.
    #[inline(never)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match catch(|| self.project().future.poll(cx)) {
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(panic) => Poll::Ready(Err(ExitReason::Panic(panic))),
        }
    }
}

/// Runs `code`; a panic of its is an error and prints nothing.
pub(crate) fn catch<T>(code: impl FnOnce() -> T) -> Result<T, Panic> {
    let outer = begin_catching();
    let outcome = match panic::catch_unwind(AssertUnwindSafe(code)) {
        Ok(value) => Ok(value),
        Err(payload) => Err(into_panic(payload)),
    };
    end_catching(outer);
    outcome
}

/// Returns what was seen of another panic: this may be called by what that one drops on its way out.
// Apart from `catch`, which is compiled for each piece of code; as `bear` of `spawn.rs`.
#[cfg_attr(not(debug_assertions), inline(always))]
fn begin_catching() -> Option<Panic> {
    CATCHING.set(CATCHING.get() + 1);
    if HAS_SEEN.get() { take_seen() } else { None }
}

/// What was seen of another panic before is what was seen last again.
#[cfg_attr(not(debug_assertions), inline(always))]
fn end_catching(outer: Option<Panic>) {
    if outer.is_some() || HAS_SEEN.get() {
        set_seen(outer);
    }
    CATCHING.set(CATCHING.get() - 1);
}

fn into_panic(payload: Box<dyn Any + Send>) -> Panic {
    let message = text(&*payload);
    // A panic resumed with `resume_unwind` passes no hook, and what was seen last may be another that user code caught.
    let seen = take_seen().filter(|seen| seen.message() == message);
    let panic = seen.unwrap_or_else(|| Panic::new(message, None, Backtrace::disabled()));
    // A payload may panic when it is dropped; what that one carries is forgotten, or this would never end.
    if let Err(again) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(again);
    }
    panic
}

/// Drops `value`; should that panic, the panic ends here.
pub(crate) fn drop_quietly<T>(value: T) -> Result<(), Panic> {
    catch(move || drop(value))
}

impl ExitReason {
    /// Drops it; should what it carries panic, the panic ends here.
    #[inline]
    pub(crate) fn drop_quietly(self) {
        use ExitReason::{Error, InitError, Panic, ShutdownWith};
        if let ShutdownWith(_) | InitError(_) | Panic(_) | Error(_) = self {
            let _ = drop_quietly(self);
        }
    }
}

pub(crate) fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if CATCHING.get() == 0 {
                previous(info);
            } else {
                set_seen(Some(describe(info)));
            }
        }));
    });
}

#[cold]
fn take_seen() -> Option<Panic> {
    HAS_SEEN.set(false);
    SEEN.try_with(RefCell::take).ok().flatten()
}

/// A thread that is being torn down keeps nothing any more; what it drops may panic all the same.
#[cold]
fn set_seen(panic: Option<Panic>) {
    HAS_SEEN.set(panic.is_some());
    let _ = SEEN.try_with(|seen| seen.replace(panic));
}

fn describe(info: &PanicHookInfo<'_>) -> Panic {
    Panic::new(text(info.payload()), info.location(), Backtrace::capture())
}

fn text(payload: &(dyn Any + Send)) -> Cow<'static, str> {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        return Cow::Borrowed(text);
    }
    payload.downcast_ref::<String>().map_or(Cow::Borrowed("a panic without a text"), |text| Cow::Owned(text.clone()))
}
