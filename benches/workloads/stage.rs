//! A runtime for each contender: it is built, runs one body on its workers, and is taken down.

use std::sync::{Arc, mpsc};
use std::thread;

use proscenium::{Context, System};
use slog::{Discard, Logger, o};
use smol::Executor;

use crate::figures::{Load, Outcome, Sample};

/// What a body gives: a sample, or the reason why it has none.
pub(crate) trait IntoOutcome: Send + 'static {
    fn into_outcome(self) -> Outcome;
}

impl IntoOutcome for Sample {
    fn into_outcome(self) -> Outcome {
        Ok(self)
    }
}

impl IntoOutcome for Outcome {
    fn into_outcome(self) -> Outcome {
        self
    }
}

pub(crate) fn proscenium<M, B, F>(load: Load, body: B) -> Outcome
where
    M: Send + 'static,
    B: FnOnce(Context<M>) -> F + Send + 'static,
    F: Future<Output: IntoOutcome> + Send + 'static,
{
    let logger = Logger::root(Discard, o!());
    let system = System::builder("bench").workers(load.workers).logger(logger).build().map_err(|e| e.to_string())?;
    let (done, sample) = mpsc::channel();
    system.spawn(move |ctx| async move {
        let sample = body(ctx).await;
        done.send(sample).expect("the stage waits");
    });
    let sample = sample.recv();
    system.shutdown();
    finish(sample)
}

pub(crate) fn tokio<F>(load: Load, body: F) -> Outcome
where
    F: Future<Output: IntoOutcome> + Send + 'static,
{
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(load.workers).enable_time().build().map_err(|e| e.to_string())?;
    let (done, sample) = mpsc::channel();
    runtime.spawn(async move { done.send(body.await).expect("the stage waits") });
    finish(sample.recv())
}

/// What tasks on smol are spawned with.
pub(crate) type Spawner = Arc<Executor<'static>>;

pub(crate) fn smol<B, F>(load: Load, body: B) -> Outcome
where
    B: FnOnce(Spawner) -> F + Send + 'static,
    F: Future<Output: IntoOutcome> + Send + 'static,
{
    let executor = Spawner::default();
    let (stop, stopped) = async_channel::bounded::<()>(1);
    let (done, sample) = mpsc::channel();
    let spawner = executor.clone();
    executor.spawn(async move { done.send(body(spawner).await).expect("the stage waits") }).detach();
    thread::scope(|scope| {
        for _ in 0..load.workers {
            scope.spawn(|| smol::block_on(executor.run(stopped.recv())));
        }
        let sample = sample.recv();
        drop(stop);
        finish(sample)
    })
}

fn finish<S: IntoOutcome>(sample: Result<S, mpsc::RecvError>) -> Outcome {
    sample.map_err(|_| "it failed".to_owned())?.into_outcome()
}
