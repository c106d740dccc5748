//! Bridges: what is no process has a place in the tree.

use std::sync::Arc;
use std::time::Duration;

use proscenium_runtime::{Address, Context, Event, ExitReason, StartError};
use proscenium_supervisor::{Bridge, ChildSpec, DynamicSupervisor, Shutdown, Supervisor};

use super::common::{Log, boom, in_any_order, settle};

/// Something outside, which the test plays.
#[derive(Clone)]
struct Outside {
    log: Log,
    ends: async_channel::Receiver<Word>,
    stop_time: Duration,
    clock: Arc<Address<async_channel::Sender<()>>>,
}

enum Word {
    End(ExitReason),
    Panic,
}

struct Engine(Outside);

impl Bridge for Engine {
    type Args = Outside;

    async fn init(outside: Outside) -> Result<Self, ExitReason> {
        match outside.ends.try_recv() {
            Ok(Word::End(reason)) => return Err(reason),
            Ok(Word::Panic) => panic!("no fuel"),
            Err(_) => outside.log.add("start".into()),
        }
        Ok(Engine(outside))
    }

    async fn ended(&mut self) -> ExitReason {
        match self.0.ends.recv().await {
            Ok(Word::End(reason)) => reason,
            Ok(Word::Panic) => panic!("the engine cannot be heard"),
            Err(_) => std::future::pending().await,
        }
    }

    async fn terminate(&mut self, reason: &ExitReason) {
        self.0.log.add(format!("stopping {reason}"));
        // The clock of the test, by way of a process that sleeps.
        if !self.0.stop_time.is_zero() {
            let (done, is_done) = async_channel::bounded(1);
            self.0.clock.cast(done);
            let _ = is_done.recv().await;
        }
        self.0.log.add("stopped".into());
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.0.log.add("dropped".into());
    }
}

fn outside(ctx: &mut Context<()>, stop_time: Duration) -> (Outside, async_channel::Sender<Word>) {
    let (words, ends) = async_channel::unbounded();
    let clock = ctx.spawn(move |mut ctx: Context<async_channel::Sender<()>>| async move {
        loop {
            let done = ctx.receive_message().await;
            ctx.sleep(stop_time).await;
            let _ = done.try_send(());
        }
    });
    (Outside { log: Log::default(), ends, stop_time, clock: Arc::new(clock) }, words)
}

#[test]
fn a_supervisor_restarts_what_a_bridge_leads_to_and_stops_it() {
    in_any_order(|mut ctx| async move {
        let (outside, words) = outside(&mut ctx, Duration::from_secs(1));
        let log = outside.log.clone();
        let spec = ChildSpec::new("engine", Engine::start(outside));
        let supervisor = Supervisor::one_for_one().child(spec).start_link(&mut ctx).await.unwrap();
        words.try_send(Word::End(boom())).unwrap();
        settle(&ctx).await;
        // What has ended needs no stopping.
        assert_eq!(log.take(), "start, dropped, start");
        let began = ctx.system().now();
        supervisor.stop(ExitReason::Shutdown, None).await.unwrap();
        assert_eq!(log.take(), "stopping shutdown, stopped, dropped");
        assert_eq!(ctx.system().now() - began, Duration::from_secs(1));
    });
}

#[test]
fn a_bridge_ends_for_the_reason_of_the_other_side() {
    for reason in [ExitReason::Normal, ExitReason::Shutdown, boom()] {
        in_any_order(move |mut ctx| {
            let reason = reason.clone();
            async move {
                let (outside, words) = outside(&mut ctx, Duration::ZERO);
                let bridges = DynamicSupervisor::new().restart(proscenium_supervisor::Restart::Temporary);
                let bridges = bridges.start_link(&mut ctx).await.unwrap();
                let bridge = bridges.start_child(Engine::start(outside)).await.unwrap().unwrap();
                words.try_send(Word::End(reason.clone())).unwrap();
                assert_eq!(bridge.exited().await, reason);
            }
        });
    }
}

#[test]
fn what_does_not_start_or_panics_is_an_error_or_a_crash_and_the_other_side_is_stopped() {
    in_any_order(|mut ctx| async move {
        let (outside, words) = outside(&mut ctx, Duration::ZERO);
        let log = outside.log.clone();
        let bridges = DynamicSupervisor::new().intensity(0).start_link(&mut ctx).await.unwrap();
        for word in [Word::End(boom()), Word::Panic] {
            words.try_send(word).unwrap();
            let error = bridges.start_child(Engine::start(outside.clone())).await.unwrap_err();
            let proscenium_supervisor::ChildError::Start(failed) = error else { panic!("{error}") };
            assert!(matches!(failed.error, StartError::Init(_)), "{failed}");
        }
        words.try_send(Word::End(ExitReason::Ignore)).unwrap();
        assert!(bridges.start_child(Engine::start(outside.clone())).await.unwrap().is_none());
        let bridge = bridges.start_child(Engine::start(outside)).await.unwrap().unwrap();
        words.try_send(Word::Panic).unwrap();
        let reason = bridge.exited().await;
        assert!(matches!(reason, ExitReason::Panic(_)), "{reason}");
        assert!(log.take().ends_with("the engine cannot be heard, stopped, dropped"));
        let Event::Exit(exit) = ctx.receive().await else { panic!() };
        assert_eq!(exit.reason, ExitReason::Shutdown);
    });
}

#[test]
fn a_bridge_that_takes_too_long_to_stop_is_killed_and_drops_what_it_has() {
    in_any_order(|mut ctx| async move {
        let (outside, words) = outside(&mut ctx, Duration::from_secs(3600));
        let log = outside.log.clone();
        let spec = ChildSpec::new("engine", Engine::start(outside)).shutdown(Shutdown::Timeout(Duration::from_secs(2)));
        let supervisor = Supervisor::one_for_one().child(spec).start_link(&mut ctx).await.unwrap();
        let began = ctx.system().now();
        supervisor.stop(ExitReason::Shutdown, None).await.unwrap();
        assert_eq!((ctx.system().now() - began).as_secs(), 2);
        assert_eq!(log.take(), "start, stopping shutdown, dropped");
        drop(words);
    });
}
