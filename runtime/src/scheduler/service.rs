//! A task that is no process: it works for a system.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use super::task::{Berth, Home, Task};
use super::{Priority, pool};
use crate::sync::Lock;

/// A service as its owner knows it. Dropped before that has ended, it ends it.
pub(crate) struct Service(Option<Arc<Shared>>);

/// What the owner shares with those that wake the service. The work refers to it only while it does not wait: what nobody can wake
/// any more is dropped.
struct Shared {
    home: Home,
    priority: Priority,
    state: Lock<State>,
}

#[derive(Default)]
struct State {
    berth: Berth<Work>,
    is_over: bool,
}

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The service, while it can run.
struct Serving {
    shared: Arc<Shared>,
    work: Work,
}

impl Service {
    /// Begins a service that is queued at `home`.
    pub(crate) fn begin(home: &Home, priority: Priority, work: impl Future<Output = ()> + Send + 'static) -> Self {
        let shared = Arc::new(Shared { home: home.clone(), priority, state: Lock::default() });
        home.begin(Box::pin(Serving { shared: shared.clone(), work: Box::pin(work) }), priority);
        Service(Some(shared))
    }

    /// The service goes on though nobody owns it.
    pub(crate) fn detach(mut self) {
        self.0 = None;
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let Some(shared) = &self.0 else { return };
        let mut state = shared.state.lock();
        state.is_over = true;
        let work = state.berth.wake();
        drop(state);
        drop(work);
    }
}

impl Task for Serving {
    fn run(self: Pin<Box<Self>>) {
        let Serving { shared, mut work } = *Pin::into_inner(self);
        let waker = Waker::from(shared.clone());
        if pool::briefly(|| work.as_mut().poll(&mut Context::from_waker(&waker))).is_ready() {
            return;
        }
        let mut state = shared.state.lock();
        if state.is_over {
            return;
        }
        let woken = state.berth.lay(work);
        drop(state);
        if let Some(work) = woken {
            shared.queue(work, true);
        }
    }
}

impl Shared {
    fn queue(self: &Arc<Self>, work: Work, woken_while_running: bool) {
        self.home.queue(Box::pin(Serving { shared: self.clone(), work }), self.priority, woken_while_running);
    }
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let work = self.state.lock().berth.wake();
        if let Some(work) = work {
            self.queue(work, false);
        }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Service")
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn};
    use std::task::Poll;

    use super::*;
    use crate::scheduler::{Scheduler, Simulation};

    /// Begins a service and runs it until it waits. Returns it, what its work holds too, and what wakes it.
    fn waiting(simulation: &Simulation) -> (Service, Arc<()>, Option<Waker>) {
        let (work, shared) = (Arc::new(()), Arc::new(Lock::new(None)));
        let (held, tell) = (work.clone(), shared.clone());
        let service = Service::begin(&simulation.home(), Priority::High, async move {
            let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
            tell.lock().replace(waker);
            pending::<()>().await;
            drop(held);
        });
        while simulation.step() {}
        let waker = shared.lock().take();
        (service, work, waker)
    }

    #[test]
    fn a_service_ends_with_its_owner() {
        let simulation = Simulation::new(1);
        for is_queued in [false, true] {
            let (service, work, waker) = waiting(&simulation);
            assert_eq!(Arc::strong_count(&work), 2, "it waits");
            if is_queued {
                waker.iter().for_each(Waker::wake_by_ref);
            }
            drop(service);
            while simulation.step() {}
            assert_eq!(Arc::strong_count(&work), 1);
        }
    }

    #[test]
    fn a_service_that_nobody_owns_ends_when_nobody_can_wake_it() {
        let simulation = Simulation::new(1);
        let (service, work, waker) = waiting(&simulation);
        service.detach();
        assert_eq!(Arc::strong_count(&work), 2, "somebody may wake it");
        drop(waker);
        assert_eq!(Arc::strong_count(&work), 1);
    }
}
