//! The supervisor of a troupe's workers, and how they are started there.

use std::sync::{Arc, Mutex, PoisonError};

use proscenium_behaviours::{Behaviour, Start};
use proscenium_runtime::{ExitReason, Parent, Pid, StartError, catch_panic};

use super::crew::WorkerId;
use super::seat::Seat;
use super::stage::{Order, Stage};
use crate::child_spec::{ChildKind, Restart, Shutdown, StartChild, Starting};
use crate::dynamic_supervisor::{DynamicRef, DynamicSupervisor};
use crate::error::{ChildError, FailedToStart};
use crate::typed_start::{Once, TypedStart};

/// An ordinary supervisor, whose children are not restarted: whether another shall come is the troupe's decision.
pub(super) struct Workers<M: Send + 'static> {
    stage: Arc<Stage<M>>,
    make: Arc<MakeWorker<M>>,
    shutdown: Option<Shutdown>,
    running: Arc<Mutex<Option<DynamicRef>>>,
}

/// Makes the start of a worker for a seat.
type MakeWorker<M> = dyn Fn(Seat<M>) -> Once<()> + Send + Sync;

impl<M: Send + 'static> Workers<M> {
    pub(super) fn new<B: Behaviour<Message = M>>(
        stage: Arc<Stage<M>>,
        make: impl Fn(Seat<M>) -> Start<B> + Send + Sync + 'static,
    ) -> Self {
        let make = move |seat| {
            let start = make(seat);
            Once::new(B::type_name(), |parent| {
                Box::pin(async move {
                    let address = start.link_to(parent).await?;
                    Ok((address.pid().expect("it is the address of a process"), ()))
                })
            })
        };
        Workers { stage, make: Arc::new(make), shutdown: None, running: Arc::default() }
    }

    pub(super) fn set_shutdown(&mut self, shutdown: Shutdown) {
        self.shutdown = Some(shutdown);
    }

    /// Starts one more.
    pub(super) async fn hire(&self) -> Result<(), ExitReason> {
        let seat = Seat::new(&self.stage);
        let start = catch_panic(async { (self.make)(seat) }).await?;
        let Some(running) = self.running() else { return Err(ExitReason::NoProcess) };
        match running.start_child(start).await {
            Ok(Some(())) => Ok(()),
            Ok(None) => Err(StartError::Ignored.into()),
            Err(ChildError::Start(FailedToStart { error, .. })) => Err(error.into()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn dismiss(&self, worker: Pid) {
        if let Some(running) = self.running() {
            // It fails only if the supervisor ends, and then so does the worker.
            let _ = running.terminate_child(worker).await;
        }
    }

    fn running(&self) -> Option<DynamicRef> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<M: Send + 'static> StartChild for Workers<M> {
    fn start_child<'a>(&'a self, parent: &'a Parent) -> Starting<'a> {
        let supervisor = DynamicSupervisor::new().restart(Restart::Temporary).label("workers of a troupe");
        let supervisor = match self.shutdown {
            Some(shutdown) => supervisor.shutdown(shutdown),
            None => supervisor,
        };
        Box::pin(async move {
            let (pid, running) = supervisor.start_typed(parent).await?;
            *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
            Ok(pid)
        })
    }

    fn kind(&self) -> ChildKind {
        ChildKind::Supervisor
    }
}

impl<M: Send + 'static> Clone for Workers<M> {
    fn clone(&self) -> Self {
        Workers {
            stage: self.stage.clone(),
            make: self.make.clone(),
            shutdown: self.shutdown,
            running: self.running.clone(),
        }
    }
}

/// Whoever carries out an order beside the manager. If it is ended before, the troupe does not go on counting on it.
pub(super) struct Errand<M: Send + 'static> {
    stage: Arc<Stage<M>>,
    order: Option<Order>,
}

impl<M: Send + 'static> Errand<M> {
    pub(super) fn hire(stage: &Arc<Stage<M>>) -> Self {
        Errand { stage: stage.clone(), order: Some(Order::Hire) }
    }

    pub(super) fn dismiss(stage: &Arc<Stage<M>>, worker: WorkerId) -> Self {
        Errand { stage: stage.clone(), order: Some(Order::Dismiss(worker)) }
    }

    pub(super) fn done(mut self) {
        self.order = None;
    }
}

impl<M: Send + 'static> Drop for Errand<M> {
    fn drop(&mut self) {
        match self.order {
            Some(Order::Hire) => self.stage.not_hired(),
            Some(order) => self.stage.order(order),
            None => {}
        }
    }
}
