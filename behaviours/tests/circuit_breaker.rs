//! What a circuit breaker promises, on virtual time; and that it does as a plain model of Erlang's `fuse` does.

use std::time::Duration;

use proscenium_behaviours::circuit_breaker::{CircuitBreaker, CircuitError, Fuse, RunError};
use proscenium_runtime::testing::{TestSystem, for_each_seed};
use proscenium_runtime::{CallError, Context, ExitReason, StartError, System};

const SECOND: Duration = Duration::from_secs(1);

/// Bears two melts in ten seconds, and heals after a minute.
fn fuse() -> Fuse {
    Fuse::standard(2, 10 * SECOND).reset_after(60 * SECOND)
}

/// Runs `play` with a breaker that runs, in some orders.
#[track_caller]
fn with_breaker<F>(fuse: Fuse, play: impl Fn(Context<()>, CircuitBreaker) -> F + Clone + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    for_each_seed(16, |test| {
        let play = play.clone();
        test.run(move |mut ctx: Context<()>| async move {
            let breaker = CircuitBreaker::new(fuse);
            breaker.start().name("breaker").link(&mut ctx).await.unwrap();
            play(ctx, breaker).await;
        });
    });
}

async fn melt(breaker: &CircuitBreaker, times: u32) {
    for _ in 0..times {
        breaker.melt().await.unwrap();
    }
}

#[test]
fn it_bears_as_many_melts_in_its_period_as_it_says_and_no_more() {
    with_breaker(fuse(), |_ctx, breaker| async move {
        assert_eq!(breaker.ask(), Ok(()));
        melt(&breaker, 2).await;
        assert_eq!(breaker.ask(), Ok(()));
        melt(&breaker, 1).await;
        assert_eq!(breaker.ask(), Err(CircuitError::Blown));
        assert_eq!(breaker.ask_sync().await, Err(CircuitError::Blown));
    });
}

#[test]
fn one_that_bears_none_blows_at_the_first_melt() {
    with_breaker(Fuse::standard(0, SECOND), |_ctx, breaker| async move {
        melt(&breaker, 1).await;
        assert_eq!(breaker.ask(), Err(CircuitError::Blown));
    });
}

#[test]
fn a_melt_counts_until_a_whole_period_has_passed() {
    for (pause, outcome) in [(10 * SECOND - Duration::from_nanos(1), Err(CircuitError::Blown)), (10 * SECOND, Ok(()))] {
        with_breaker(fuse(), move |ctx, breaker| async move {
            melt(&breaker, 2).await;
            ctx.sleep(pause).await;
            melt(&breaker, 1).await;
            assert_eq!(breaker.ask(), outcome, "{pause:?}");
        });
    }
}

#[test]
fn it_heals_after_its_time_whatever_melts_meanwhile_and_has_forgotten_all() {
    with_breaker(fuse(), |ctx, breaker| async move {
        let began = ctx.system().now();
        melt(&breaker, 3).await;
        ctx.sleep(30 * SECOND).await;
        melt(&breaker, 3).await;
        ctx.sleep_until(began + 60 * SECOND - Duration::from_nanos(1)).await;
        assert_eq!(breaker.ask(), Err(CircuitError::Blown));
        ctx.sleep(Duration::from_nanos(2)).await;
        assert_eq!(breaker.ask(), Ok(()));
        melt(&breaker, 2).await;
        assert_eq!(breaker.ask(), Ok(()));
    });
}

#[test]
fn a_reset_mends_it_at_once_and_forgets_all() {
    with_breaker(fuse(), |ctx, breaker| async move {
        melt(&breaker, 3).await;
        breaker.reset().await.unwrap();
        assert_eq!(breaker.ask(), Ok(()));
        melt(&breaker, 2).await;
        breaker.reset().await.unwrap();
        melt(&breaker, 2).await;
        assert_eq!(breaker.ask(), Ok(()));
        // What healed by a reset does not heal again when the time comes.
        melt(&breaker, 1).await;
        ctx.sleep(59 * SECOND).await;
        assert_eq!(breaker.ask(), Err(CircuitError::Blown));
    });
}

#[test]
fn a_disabled_one_stays_broken_until_it_is_enabled() {
    with_breaker(fuse(), |ctx, breaker| async move {
        melt(&breaker, 3).await;
        breaker.disable().await.unwrap();
        ctx.sleep(3600 * SECOND).await;
        breaker.reset().await.unwrap();
        melt(&breaker, 3).await;
        assert_eq!(breaker.ask(), Err(CircuitError::Blown));
        breaker.enable().await.unwrap();
        assert_eq!(breaker.ask(), Ok(()));
        melt(&breaker, 3).await;
        breaker.enable().await.unwrap();
        assert_eq!(breaker.ask(), Err(CircuitError::Blown), "it was not disabled");
    });
}

#[test]
fn run_does_the_work_only_if_it_is_intact_and_counts_failures() {
    with_breaker(fuse(), |_ctx, breaker| async move {
        assert_eq!(breaker.run(|| async { Ok::<_, String>(7) }).await, Ok(7));
        for _ in 0..3 {
            let failed = breaker.run(|| async { Err::<u32, _>("no luck".to_owned()) }).await;
            assert_eq!(failed, Err(RunError::Failed("no luck".to_owned())));
        }
        let refused = breaker.run(|| async { panic!("it is not tried") as Result<u32, String> }).await;
        assert_eq!(refused, Err(RunError::Blown));
    });
}

#[test]
fn injected_faults_come_as_often_as_asked_for_while_it_is_intact() {
    with_breaker(Fuse::fault_injection(0.25, 0, SECOND), |_ctx, breaker| async move {
        let blown = (0..10_000).filter(|_| breaker.ask().is_err()).count();
        assert!((2_200..2_800).contains(&blown), "{blown} of 10,000");
        melt(&breaker, 1).await;
        assert!((0..1_000).all(|_| breaker.ask().is_err()));
    });
}

#[test]
#[should_panic = "a rate is between 0 and 1, not 2"]
fn a_rate_beyond_all_times_is_refused() {
    Fuse::fault_injection(2.0, 1, SECOND);
}

#[test]
fn without_its_process_it_says_so_and_started_anew_it_is_intact() {
    for_each_seed(16, |test| {
        test.run(|mut ctx: Context<()>| async move {
            ctx.trap_exit(true);
            let breaker = CircuitBreaker::new(fuse());
            for _ in 0..3 {
                assert_eq!(breaker.ask(), Err(CircuitError::NotRunning));
                assert_eq!(breaker.ask_sync().await, Err(CircuitError::NotRunning));
                assert!(matches!(breaker.melt().await, Err(CallError::NoProcess { .. })));
                let refused = breaker.run(|| async { Ok::<_, String>(7) }).await;
                assert_eq!(refused, Err(RunError::NotRunning));

                let process = breaker.start().link(&mut ctx).await.unwrap();
                assert_eq!(breaker.ask(), Ok(()));
                melt(&breaker, 3).await;
                let again = breaker.start().link(&mut ctx).await.unwrap_err();
                assert!(matches!(again, StartError::Init(_)), "{again}");
                assert!(again.to_string().contains("runs already"), "{again}");
                assert_eq!(breaker.ask(), Err(CircuitError::Blown), "the first is as it was");
                ctx.exit(&process, ExitReason::Kill);
                process.exited().await;
            }
        });
    });
}

/// `fuse`'s rules, by the book.
#[derive(Default)]
struct Model {
    /// In milliseconds.
    now: u64,
    melts: Vec<u64>,
    heals_at: Option<u64>,
    is_disabled: bool,
}

impl Model {
    const MOST: usize = 2;
    const PERIOD: u64 = 100;
    const RESET: u64 = 350;

    fn pass(&mut self, millis: u64) {
        self.now += millis;
        if self.heals_at.is_some_and(|at| at <= self.now) {
            self.reset();
        }
    }

    fn melt(&mut self) {
        self.melts.push(self.now);
        let in_period = self.melts.iter().filter(|at| self.now - **at < Self::PERIOD).count();
        if in_period > Self::MOST && !self.is_disabled {
            self.heals_at.get_or_insert(self.now + Self::RESET);
        }
    }

    fn reset(&mut self) {
        self.melts.clear();
        self.heals_at = None;
    }

    fn disable(&mut self) {
        self.heals_at = None;
        self.is_disabled = true;
    }

    fn enable(&mut self) {
        if std::mem::take(&mut self.is_disabled) {
            self.reset();
        }
    }

    fn ask(&self) -> Result<(), CircuitError> {
        if self.is_disabled || self.heals_at.is_some() { Err(CircuitError::Blown) } else { Ok(()) }
    }
}

#[test]
fn it_does_as_a_model_of_fuse_does_for_a_thousand_seeds() {
    for seed in 0..1000 {
        TestSystem::new(seed).run(move |mut ctx: Context<()>| async move {
            let millis = Duration::from_millis;
            let fuse = Fuse::standard(Model::MOST as u32, millis(Model::PERIOD)).reset_after(millis(Model::RESET));
            let breaker = CircuitBreaker::new(fuse);
            breaker.start().link(&mut ctx).await.unwrap();
            let (mut model, mut random) = (Model::default(), fastrand::Rng::with_seed(seed));
            let mut done = Vec::new();
            for _ in 0..60 {
                let what =
                    random.choice(["pass", "pass", "melt", "melt", "melt", "melt", "reset", "disable", "enable"]);
                let what = what.expect("there is a choice");
                match what {
                    "pass" => {
                        let time = random.choice([1, 30, 99, 100, 350]).expect("there is a choice");
                        ctx.sleep(millis(time)).await;
                        model.pass(time);
                    }
                    "melt" => (melt(&breaker, 1).await, model.melt()).1,
                    "reset" => (breaker.reset().await.unwrap(), model.reset()).1,
                    "disable" => (breaker.disable().await.unwrap(), model.disable()).1,
                    _ => (breaker.enable().await.unwrap(), model.enable()).1,
                }
                done.push(what);
                assert_eq!(breaker.ask_sync().await, model.ask(), "seed {seed}, after {done:?}");
            }
        });
    }
}

#[test]
fn on_threads_who_has_melted_it_sees_that_it_has_blown() {
    let outcome = System::builder("threads").workers(4).build().unwrap().run(|mut ctx: Context<()>| async move {
        let breaker = CircuitBreaker::new(Fuse::standard(0, SECOND));
        breaker.start().link(&mut ctx).await?;
        for round in 0..1000 {
            melt(&breaker, 1).await;
            assert_eq!(breaker.ask(), Err(CircuitError::Blown), "in round {round}");
            breaker.reset().await?;
            assert_eq!(breaker.ask(), Ok(()), "in round {round}");
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}
