//! What agents promise, on virtual time and in many orders of running.

mod any_order;

use std::time::Duration;

use any_order::in_any_order;
use proscenium_behaviours::{Agent, Task};
use proscenium_runtime::testing::TestSystem;
use proscenium_runtime::{Address, CallError, Context, ExitReason, RegisterError, Registry, StartError};

const SECOND: Duration = Duration::from_secs(1);

async fn agent(ctx: &mut Context<()>) -> Agent<Vec<u32>> {
    Agent::start(Vec::new).link(ctx).await.unwrap()
}

#[test]
fn an_agent_is_read_changed_and_both_at_once() {
    in_any_order(|mut ctx| async move {
        let agent = agent(&mut ctx).await;
        assert_eq!(agent.update(|list| list.push(1)).await, Ok(()));
        agent.cast(|list| list.push(2));
        assert_eq!(agent.get(Clone::clone).await, Ok(vec![1, 2]));
        assert_eq!(agent.get_and_update(Vec::pop).await, Ok(Some(2)));
        assert_eq!(agent.get(Vec::len).await, Ok(1));
    });
}

#[test]
fn an_agent_is_found_by_its_name_or_its_key() {
    in_any_order(|mut ctx| async move {
        let first = Agent::start(|| 1_u32).name("agent").link(&mut ctx).await.unwrap();
        assert_eq!(Agent::<u32>::named(ctx.system(), "agent").get(|n| *n).await, Ok(1));
        let second = Agent::start(|| 2_u32).name("agent").link(&mut ctx).await;
        assert!(
            matches!(second, Err(StartError::Name(RegisterError::Taken { owner, .. })) if Some(owner) == first.pid())
        );
        let registry = Registry::unique(ctx.system());
        Agent::start(|| 3_u32).via(&registry, 7, ()).spawn(ctx.system()).await.unwrap();
        assert_eq!(Agent::from(registry.via(7)).get(|n: &u32| *n).await, Ok(3));
    });
}

#[test]
fn an_agent_whose_init_panics_does_not_start() {
    in_any_order(|mut ctx| async move {
        let failed = Agent::<u32>::start(|| panic!("no luck")).name("agent").link(&mut ctx).await;
        assert!(matches!(failed, Err(StartError::Init(ExitReason::Panic(panic))) if panic.message() == "no luck"));
        assert_eq!(ctx.system().whereis("agent"), None);
        assert_eq!(ctx.try_receive_matching(|_| true), None);
    });
}

#[test]
fn a_function_that_panics_ends_the_agent_and_every_caller_hears_why() {
    in_any_order(|mut ctx| async move {
        let agent = agent(&mut ctx).await;
        let waits = agent.clone();
        let later = Task::spawn(&mut ctx, |_ctx| async move { waits.get(Vec::len).await });
        let panics = agent.get_and_update(|list| list[7]).await;
        assert!(matches!(panics, Err(CallError::Down { reason: ExitReason::Panic(_), .. })), "{panics:?}");
        let later = later.await.unwrap();
        assert!(
            matches!(
                later,
                Ok(0) | Err(CallError::Down { reason: ExitReason::Panic(_), .. } | CallError::NoProcess { .. })
            ),
            "{later:?}"
        );
    });
}

#[test]
fn a_call_that_is_given_up_is_carried_out_all_the_same() {
    in_any_order(|mut ctx| async move {
        let agent = agent(&mut ctx).await;
        agent.cast(|_| ());
        let late = agent.update(|list| list.push(1)).timeout(Duration::ZERO).await;
        assert!(matches!(late, Ok(()) | Err(CallError::Timeout { .. })), "{late:?}");
        assert_eq!(agent.get(Vec::len).await, Ok(1));
    });
}

#[test]
fn an_agent_that_calls_itself_would_wait_for_ever_and_is_told_so() {
    in_any_order(|mut ctx| async move {
        let agent = agent(&mut ctx).await;
        let itself = agent.clone();
        // The one way to wait within a function: to block. The call tells at once.
        let inner = agent.get(move |_| futures_lite::future::block_on(itself.get(Vec::len)));
        assert!(matches!(inner.await, Ok(Err(CallError::CallingSelf { .. }))));
    });
}

#[test]
fn what_an_agent_that_ends_has_not_done_is_a_dead_letter() {
    let test = TestSystem::new(1);
    test.run(|mut ctx: Context<()>| async move {
        ctx.trap_exit(true);
        let agent = agent(&mut ctx).await;
        agent.cast(|_| panic!("no luck"));
        agent.cast(|list| list.push(1));
        agent.address().exited().await;
        agent.cast(|list| list.push(2));
        ctx.sleep(SECOND).await;
        assert_eq!(ctx.system().dead_letter_count(), 2);
    });
}

#[test]
fn many_who_change_an_agent_at_the_same_time_lose_nothing() {
    in_any_order(|mut ctx| async move {
        let agent = Agent::start(|| 0).link(&mut ctx).await.unwrap();
        let add = |_ctx, agent: Agent<u32>| async move { agent.update(|n| *n += 1).await };
        let mut added = Task::stream(vec![agent.clone(); 50], add).max_concurrency(10).spawn_link(&mut ctx);
        while let Some(outcome) = added.next().await {
            assert_eq!(outcome, Ok(Ok(())));
        }
        assert_eq!(agent.get(|n| *n).await, Ok(50));
    });
}

#[test]
fn an_agent_hands_out_what_it_has_never_shown() {
    // The state need be neither `Clone` nor `Sync`.
    struct Secret(std::cell::Cell<u32>);
    in_any_order(|mut ctx| async move {
        let agent = Agent::start(|| Secret(7.into())).link(&mut ctx).await.unwrap();
        assert_eq!(agent.get(|secret| secret.0.get()).await, Ok(7));
        let _: &Address<_> = agent.address();
    });
}
