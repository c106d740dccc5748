//! Supervisors answer system messages as every behaviour does.

use std::time::Duration;

use proscenium_behaviours::{GenServer, Sys};
use proscenium_runtime::testing::for_each_seed;
use proscenium_runtime::{Context, ExitReason};
use proscenium_supervisor::{ChildSpec, DynamicSupervisor, Supervisor};

struct Worker;

impl GenServer for Worker {
    type Args = ();
    type Message = ();

    async fn init((): (), _ctx: &mut Context<()>) -> Result<Self, ExitReason> {
        Ok(Worker)
    }

    async fn handle(&mut self, (): (), _ctx: &mut Context<()>) -> Result<(), ExitReason> {
        panic!("as told");
    }
}

fn tree() -> Supervisor {
    let worker = |name| ChildSpec::new(name, Worker::start(()).name(name));
    Supervisor::one_for_one().name("tree").child(worker("a")).child(worker("b"))
}

/// Runs `play` as a process that traps exits and has started the tree, in many orders.
fn above_a_tree<F>(play: impl Fn(Context<()>, Sys) -> F + Clone + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    for_each_seed(32, |test| {
        let play = play.clone();
        test.run(|mut ctx: Context<()>| async move {
            ctx.trap_exit(true);
            tree().start_link(&mut ctx).await.unwrap();
            let sys = Sys::new(ctx.system(), "tree");
            play(ctx, sys).await;
        });
    });
}

#[test]
fn a_suspended_supervisor_restarts_nothing_until_it_is_resumed() {
    above_a_tree(|ctx, sys| async move {
        sys.suspend().await.unwrap();
        assert!(sys.get_status().await.unwrap().is_suspended);
        let first = ctx.system().whereis("a").unwrap();
        ctx.system().lookup("a").unwrap().cast(());
        ctx.sleep(Duration::from_secs(1)).await;
        assert_eq!(ctx.system().whereis("a"), None);
        sys.resume().await.unwrap();
        assert_ne!(ctx.system().when_registered("a").await, first);
    });
}

#[test]
fn a_suspended_supervisor_obeys_its_parent_and_takes_its_children_along() {
    above_a_tree(|ctx, sys| async move {
        sys.suspend().await.unwrap();
        let tree = ctx.system().whereis("tree").unwrap();
        ctx.exit(tree, ExitReason::Shutdown);
        ctx.sleep(Duration::from_secs(1)).await;
        assert!(!ctx.system().is_alive(tree));
        assert_eq!(ctx.system().registered(), []);
    });
}

#[test]
fn a_supervisor_that_is_stopped_from_outside_stops_its_children_first() {
    above_a_tree(|ctx, sys| async move {
        let events = sys.trace().await.unwrap();
        sys.stop(ExitReason::Shutdown).await.unwrap();
        assert_eq!(ctx.system().registered(), []);
        assert!(events.is_empty(), "no child's end came as a surprise");
    });
}

#[test]
fn the_state_of_a_supervisor_is_its_own() {
    above_a_tree(|_ctx, sys| async move {
        let status = sys.get_status().await.unwrap();
        assert_eq!(status.behaviour, "gen_server");
        assert!(sys.get_state(|_: &Worker| ()).await.unwrap_err().to_string().contains(status.type_name));
    });
}

#[test]
fn the_status_of_a_supervisor_tells_what_it_is_and_how_many_children_it_has() {
    above_a_tree(|mut ctx, sys| async move {
        assert_eq!(&*sys.get_status().await.unwrap().state, "OneForOne, children: 2, alive: 2");
        let pool = DynamicSupervisor::new().name("pool").start_link(&mut ctx).await.unwrap();
        pool.start_child(Worker::start(())).await.unwrap();
        let status = Sys::new(ctx.system(), "pool").get_status().await.unwrap();
        assert_eq!(&*status.state, "children: 1, alive: 1");
    });
}
