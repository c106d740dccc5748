//! A supervisor that is changed in place starts and stops nothing.

use proscenium_runtime::Context;
use proscenium_supervisor::{ChildError, ChildInfo, ChildState, Restart, SpecError, Supervisor, SupervisorRef};

use super::common::{Begin, Log, Order, address, boom, crash, in_any_order, settle};

async fn order(supervisor: &SupervisorRef) -> String {
    let children = supervisor.which_children().await.unwrap();
    children.iter().rev().map(|child| &*child.id).collect::<Vec<_>>().join(" ")
}

#[test]
fn strategy_specs_and_order_are_new_and_nothing_has_stopped() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let [a, b, c] = ["a", "b", "c"].map(|id| log.actor(id).spec());
        let supervisor = Supervisor::one_for_one().children([a.clone(), b.clone(), c]).intensity(0);
        let supervisor = supervisor.start_link(&mut ctx).await.unwrap();
        log.take();

        let like = Supervisor::rest_for_one().intensity(9).children([b.restart(Restart::Temporary), a]);
        supervisor.update(like).await.unwrap();
        assert_eq!((order(&supervisor).await.as_str(), log.take().as_str()), ("b a c", ""));

        crash(&ctx, "a").await;
        assert_eq!(log.take(), "stop a boom, stop c shutdown, start a, start c");
        crash(&ctx, "b").await;
        assert_eq!(log.take(), "stop b boom", "it is temporary now, and ends alone");
    });
}

#[test]
fn a_child_that_only_the_new_one_has_is_not_started() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let supervisor = Supervisor::one_for_one().start_link(&mut ctx).await.unwrap();
        supervisor.update(Supervisor::one_for_one().child(log.actor("a").spec())).await.unwrap();
        settle(&ctx).await;
        assert_eq!((order(&supervisor).await.as_str(), log.take().as_str()), ("", ""));
    });
}

#[test]
fn what_waits_for_a_restart_is_restarted_by_the_new_rules() {
    let strategies = [Supervisor::one_for_one, Supervisor::one_for_all, Supervisor::rest_for_one];
    for (old, new) in strategies.into_iter().flat_map(|old| strategies.map(|new| (old, new))) {
        in_any_order(move |mut ctx| async move {
            let log = Log::default();
            let (a, b) = (log.actor("a"), log.actor("b"));
            let supervisor = old().intensity(u32::MAX).children([a.spec(), b.spec()]);
            let supervisor = supervisor.start_link(&mut ctx).await.unwrap();
            a.next_starts(vec![Begin::Fails; 50]);
            let child = address(ctx.system(), "a");
            child.cast(Order::End(boom()));
            child.exited().await;
            let state = |child: &ChildInfo| child.state;
            while !supervisor.which_children().await.unwrap().iter().map(state).any(|s| s == ChildState::Restarting) {}

            supervisor.update(new().intensity(u32::MAX).children([b.spec(), a.spec()])).await.unwrap();
            settle(&ctx).await;
            assert_eq!(supervisor.count_children().await.unwrap().active, 2);
            assert_eq!(order(&supervisor).await, "b a");
        });
    }
}

#[test]
fn wrong_specs_change_nothing() {
    in_any_order(|mut ctx: Context<()>| async move {
        let log = Log::default();
        let [a, b] = ["a", "b"].map(|id| log.actor(id).spec());
        let supervisor = Supervisor::one_for_one().children([a.clone(), b.clone()]);
        let supervisor = supervisor.start_link(&mut ctx).await.unwrap();
        let twice = Supervisor::one_for_all().children([b.clone(), a, b]);
        let duplicate = SpecError::DuplicateId { id: "b".into() };
        assert_eq!(supervisor.update(twice).await, Err(ChildError::Spec(duplicate)));
        log.take();
        crash(&ctx, "a").await;
        assert_eq!(log.take(), "stop a boom, start a");
        assert_eq!(order(&supervisor).await, "a b");
    });
}
