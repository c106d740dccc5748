//! State that outlives its process.

use proscenium_behaviours::{GenServer, Keeper, Kept, Origin, StillLent};
use proscenium_runtime::testing::for_each_seed;
use proscenium_runtime::{Context, ExitReason, Reply, StartError, System};

/// Keeps a list; a list with a zero in it is not sound.
struct List {
    items: Kept<Vec<u32>>,
}

enum Ask {
    Push(u32),
    Get(Reply<(Vec<u32>, Origin)>),
    End(ExitReason),
    Panic,
}

impl GenServer for List {
    type Args = Keeper<Vec<u32>>;
    type Message = Ask;

    async fn init(keeper: Keeper<Vec<u32>>, _ctx: &mut Context<Ask>) -> Result<Self, ExitReason> {
        Ok(List { items: keeper.claim(|items| !items.contains(&0), Vec::new)? })
    }

    async fn handle(&mut self, ask: Ask, _ctx: &mut Context<Ask>) -> Result<(), ExitReason> {
        match ask {
            Ask::Push(item) => self.items.push(item),
            Ask::Get(reply) => reply.send((self.items.clone(), self.items.origin())),
            Ask::End(reason) => return Err(reason),
            Ask::Panic => panic!("as asked"),
        }
        Ok(())
    }
}

#[test]
fn whatever_ends_a_process_its_successor_finds_what_it_had() {
    for_each_seed(32, |test| {
        test.run(|mut ctx: Context<()>| async move {
            ctx.trap_exit(true);
            let keeper = Keeper::new();
            let ends: [fn() -> Option<Ask>; 4] = [
                || Some(Ask::Panic),
                || Some(Ask::End(ExitReason::error("failed"))),
                || Some(Ask::End(ExitReason::Normal)),
                || None,
            ];
            for (n, end) in (1..).zip(ends) {
                let list = List::start(keeper.clone()).name("list").link(&mut ctx).await.unwrap();
                list.cast(Ask::Push(n));
                let expected = if n == 1 { Origin::First } else { Origin::TakenOver };
                assert_eq!(list.call(Ask::Get).await, Ok(((1..=n).collect(), expected)));
                match end() {
                    Some(end) => list.cast(end),
                    None => ctx.exit(&list, ExitReason::Kill),
                }
                // Whoever hears of the end finds the name free and the value back.
                ctx.receive().await;
            }
            assert_eq!(keeper.claims(), 4);
        });
    });
}

#[test]
fn what_the_check_refuses_is_dropped_and_made_anew() {
    for_each_seed(8, |test| {
        test.run(|mut ctx: Context<()>| async move {
            ctx.trap_exit(true);
            let keeper = Keeper::new();
            let list = List::start(keeper.clone()).link(&mut ctx).await.unwrap();
            list.cast(Ask::Push(0));
            list.cast(Ask::Panic);
            list.exited().await;
            let successor = List::start(keeper).link(&mut ctx).await.unwrap();
            assert_eq!(successor.call(Ask::Get).await, Ok((vec![], Origin::Refused)));
        });
    });
}

#[test]
fn two_processes_never_have_one_value() {
    for_each_seed(8, |test| {
        test.run(|mut ctx: Context<()>| async move {
            ctx.trap_exit(true);
            let keeper = Keeper::new();
            let first = List::start(keeper.clone()).link(&mut ctx).await.unwrap();
            let second = List::start(keeper.clone()).link(&mut ctx).await;
            let Err(StartError::Init(reason)) = second else { panic!() };
            assert_eq!(reason.downcast_ref::<StillLent>(), Some(&StillLent));
            assert_eq!(first.call(Ask::Get).await, Ok((vec![], Origin::First)));
            assert_eq!(keeper.claims(), 1);
        });
    });
}

#[test]
fn a_check_that_panics_refuses_for_good_and_one_that_makes_anew_leaves_the_place_empty() {
    let keeper = Keeper::new();
    drop(keeper.claim(|_| true, || 7));
    let panics = std::panic::AssertUnwindSafe(|| drop(keeper.claim(|_| panic!("no"), || 8)));
    assert!(std::panic::catch_unwind(panics).is_err());
    let panics = std::panic::AssertUnwindSafe(|| drop(keeper.claim(|_| true, || panic!("none"))));
    assert!(std::panic::catch_unwind(panics).is_err());
    let kept = keeper.claim(|_| true, || 9).unwrap();
    assert_eq!((*kept, kept.origin()), (9, Origin::First));
}

#[test]
fn a_value_that_is_taken_for_good_is_not_left_behind() {
    let keeper = Keeper::new();
    let kept = keeper.claim(|_| true, || "all").unwrap();
    assert_eq!(kept.into_inner(), "all");
    assert_eq!(keeper.claim(|_| true, || "new").unwrap().origin(), Origin::First);
}

/// Wears out at once, and counts how often.
struct Tool(Kept<u64>);

impl GenServer for Tool {
    type Args = Keeper<u64>;
    type Message = ();

    async fn init(keeper: Keeper<u64>, ctx: &mut Context<()>) -> Result<Self, ExitReason> {
        ctx.continue_with(());
        Ok(Tool(keeper.claim(|_| true, || 0)?))
    }

    async fn handle(&mut self, (): (), _ctx: &mut Context<()>) -> Result<(), ExitReason> {
        *self.0 += 1;
        panic!("worn out");
    }
}

#[test]
fn on_threads_a_successor_always_finds_the_value_back() {
    let logger = slog::Logger::root(slog::Discard, slog::o!());
    let system = System::builder("threads").workers(4).logger(logger).build().unwrap();
    let outcome = system.run(|mut ctx: Context<()>| async move {
        ctx.trap_exit(true);
        let keeper = Keeper::new();
        for _ in 0..1000 {
            Tool::start(keeper.clone()).name("tool").link(&mut ctx).await?;
            ctx.receive().await;
        }
        assert_eq!(*keeper.claim(|_| true, || 0)?, 1000);
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}
