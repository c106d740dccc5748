//! Why a process ends, in a byte where that is enough: most reasons carry nothing.

use crate::exit::ExitReason;
use crate::sync::atomic::{AtomicU8, Ordering};

/// Whether a process ends, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum End {
    #[default]
    Not,
    Normal,
    Shutdown,
    Kill,
    Killed,
    NoProcess,
    Ignore,
    /// For a reason that carries something, and lies beside.
    Otherwise,
}

/// One that is changed by one thread and looked at by others.
pub(crate) struct AtomicEnd(AtomicU8);

impl AtomicEnd {
    pub(crate) fn new() -> Self {
        AtomicEnd(AtomicU8::new(End::Not as u8))
    }

    #[inline]
    pub(crate) fn load(&self, ordering: Ordering) -> End {
        let known = [End::Not, End::Normal, End::Shutdown, End::Kill, End::Killed, End::NoProcess, End::Ignore];
        let number = self.0.load(ordering);
        known.get(usize::from(number)).copied().unwrap_or(End::Otherwise)
    }

    #[inline]
    pub(crate) fn store(&self, end: End, ordering: Ordering) {
        self.0.store(end as u8, ordering);
    }
}

/// A reason that carries something.
pub(crate) type Beside = Option<Box<ExitReason>>;

impl End {
    pub(crate) fn of(reason: &ExitReason) -> (End, Beside) {
        let end = match reason {
            ExitReason::Normal => End::Normal,
            ExitReason::Shutdown => End::Shutdown,
            ExitReason::Kill => End::Kill,
            ExitReason::Killed => End::Killed,
            ExitReason::NoProcess => End::NoProcess,
            ExitReason::Ignore => End::Ignore,
            ExitReason::ShutdownWith(_) | ExitReason::InitError(_) | ExitReason::Panic(_) | ExitReason::Error(_) => {
                return (End::Otherwise, Some(Box::new(reason.clone())));
            }
        };
        (end, None)
    }

    /// The reason; `beside` is what lies beside.
    pub(crate) fn reason(self, beside: &Beside) -> Option<&ExitReason> {
        match self {
            End::Not => None,
            End::Normal => Some(const { &ExitReason::Normal }),
            End::Shutdown => Some(const { &ExitReason::Shutdown }),
            End::Kill => Some(const { &ExitReason::Kill }),
            End::Killed => Some(const { &ExitReason::Killed }),
            End::NoProcess => Some(const { &ExitReason::NoProcess }),
            End::Ignore => Some(const { &ExitReason::Ignore }),
            End::Otherwise => beside.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_comes_out_as_it_went_in() {
        use ExitReason::{Ignore, Kill, Killed, NoProcess, Normal, Shutdown};
        let others = [ExitReason::error("no tea"), ExitReason::shutdown_with("done"), ExitReason::init_error("no cup")];
        for reason in [Normal, Shutdown, Kill, Killed, NoProcess, Ignore].into_iter().chain(others) {
            let (end, beside) = End::of(&reason);
            assert_eq!(end.reason(&beside), Some(&reason));
            let shared = AtomicEnd::new();
            assert_eq!(shared.load(Ordering::Relaxed), End::Not);
            shared.store(end, Ordering::Relaxed);
            assert_eq!(shared.load(Ordering::Relaxed), end);
        }
        assert_eq!(End::default().reason(&None), None);
    }
}
