//! Faults that nobody foresaw, injected by chance into a tree of servers: it heals, and says what it healed.

use std::cell::Cell;
use std::iter;
use std::time::Duration;

use proscenium_behaviours::GenServer;
use proscenium_runtime::testing::{Fault, TestSystem, for_each_seed};
use proscenium_runtime::{Address, Context, ExitReason, Reply, Report};
use proscenium_supervisor::{ChildSpec, ChildState, Supervisor, SupervisorRef};

/// A server that adds up.
struct Adder {
    total: u32,
}

#[derive(Debug)]
enum Sum {
    Add(u32),
    Get(Reply<u32>),
}

impl GenServer for Adder {
    type Args = ();
    type Message = Sum;

    async fn init((): (), ctx: &mut Context<Sum>) -> Result<Self, ExitReason> {
        ctx.sleep(Duration::from_millis(1)).await;
        Ok(Adder { total: 0 })
    }

    async fn handle(&mut self, message: Sum, _ctx: &mut Context<Sum>) -> Result<(), ExitReason> {
        match message {
            Sum::Add(n) => self.total += n,
            Sum::Get(reply) => reply.send(self.total),
        }
        Ok(())
    }
}

const ADDERS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// `a`, a branch with `b` and `c`, another with `d` and `e`.
fn tree() -> Supervisor {
    let adder = |id| ChildSpec::new(id, Adder::start(()).name(id));
    let patient = |supervisor: Supervisor| supervisor.intensity(1_000_000);
    let left = patient(Supervisor::rest_for_one()).name("left").child(adder("b")).child(adder("c"));
    let right = patient(Supervisor::one_for_all()).name("right").child(adder("d")).child(adder("e"));
    let branches = [ChildSpec::new("left", left), ChildSpec::new("right", right)];
    patient(Supervisor::one_for_one()).name("root").child(adder("a")).children(branches)
}

/// Faults of all kinds: in whatever runs or waits, in what starts, in what receives; in branches too, but not in the root.
fn inject_faults(test: &TestSystem) {
    let is_below_root = |name: Option<&str>| name.is_some_and(|name| name != "root");
    let anyone = |fault: Fault| fault.only(move |process| is_below_root(process.name.as_deref()));
    test.inject(anyone(Fault::kill()).with_probability(0.02));
    test.inject(anyone(Fault::exit(ExitReason::Shutdown)).with_probability(0.01));
    test.inject(Fault::exit(ExitReason::error("no disk")).taking::<Sum>().at_start().times(3));
    test.inject(Fault::panic("a bug").taking::<Sum>().at_receive(4).times(6));
    test.delay_timers(Duration::from_millis(3));
}

/// Gives everybody work, and does not mind who gets it.
async fn work(ctx: Context<()>) {
    for n in 0..20 {
        for id in ADDERS {
            ctx.system().named::<Sum>(id).cast(Sum::Add(n));
        }
        ctx.sleep(Duration::from_millis(2)).await;
    }
}

fn assert_all_up(test: &TestSystem, supervisor: &str) {
    let supervisor = SupervisorRef::named(test, supervisor);
    for child in test.block_on(supervisor.which_children()).unwrap() {
        assert!(matches!(child.state, ChildState::Running(_)), "{child:?}");
    }
}

fn assert_answers(test: &TestSystem, id: &str) {
    let adder: Address<Sum> = test.named(id);
    let before = test.block_on(adder.call(Sum::Get)).unwrap();
    adder.cast(Sum::Add(1));
    assert_eq!(test.block_on(adder.call(Sum::Get)), Ok(before + 1), "{id}");
}

#[test]
fn a_tree_heals_from_whatever_strikes_whenever_it_does() {
    let (seeds, struck, restarted) = (Cell::new(0), Cell::new(0), Cell::new(0));
    for_each_seed(1000, |test| {
        test.block_on(tree().spawn(test)).unwrap();
        let started = test.process_count();
        let reports = test.reports();

        inject_faults(test);
        test.spawn(work);
        test.advance(Duration::from_millis(100));
        test.stop_faults();
        test.advance(Duration::from_secs(1));

        ["root", "left", "right"].iter().for_each(|supervisor| assert_all_up(test, supervisor));
        ADDERS.iter().for_each(|id| assert_answers(test, id));
        assert_eq!(test.process_count(), started, "nobody lives twice, and the client has done its work");

        seeds.set(seeds.get() + 1);
        struck.set(struck.get() + test.fault_count());
        let restarts = iter::from_fn(|| reports.try_recv().ok()).filter(|report| matches!(report, Report::Progress(_)));
        restarted.set(restarted.get() + restarts.count() as u64);
        test.shutdown();
        assert_eq!(test.process_count(), 0);
    });
    assert!(struck.get() > 2 * seeds.get(), "{} faults under {} seeds", struck.get(), seeds.get());
    assert!(restarted.get() > seeds.get(), "{} restarts of {} faults", restarted.get(), struck.get());
}
