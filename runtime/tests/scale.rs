//! A hundred thousand processes come and go, and leave nothing.

mod common;

use std::fs;

use common::{idle, timetrap, workers};
use futures_lite::future;
use proscenium_runtime::{Address, Context, ExitReason, SystemHandle};

const COUNT: usize = 100_000;

/// Spawns them in chains of linked processes, each with a monitor and a timer, ends the first of each chain, and waits
/// until all have ended.
fn come_and_go(system: &SystemHandle) {
    const CHAIN: usize = 100;
    let mut chains: Vec<Vec<Address<()>>> = Vec::new();
    let (ready, all_ready) = async_channel::unbounded();
    for _ in 0..COUNT / CHAIN {
        let mut chain = vec![system.spawn(idle)];
        for _ in 1..CHAIN {
            let before = chain[chain.len() - 1].pid().expect("it is a process");
            let ready = ready.clone();
            chain.push(system.spawn(move |mut ctx: Context<()>| async move {
                ctx.link(before);
                ctx.monitor(before);
                ctx.send_after(std::time::Duration::from_secs(3600), ());
                ready.try_send(()).expect("the test waits for it");
                future::pending::<()>().await;
            }));
        }
        chains.push(chain);
    }
    for _ in 0..COUNT - chains.len() {
        all_ready.recv_blocking().expect("all get ready");
    }
    assert_eq!(system.process_count(), COUNT);
    for chain in &chains {
        system.exit(chain[0].pid().expect("it is a process"), ExitReason::Shutdown);
    }
    for process in chains.iter().flatten() {
        assert_eq!(future::block_on(process.exited()), ExitReason::Shutdown);
    }
}

/// The memory this OS process holds, in KiB, where the operating system tells.
fn resident() -> Option<u64> {
    let pages: u64 = fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4)
}

#[test]
fn a_hundred_thousand_processes_leave_nothing() {
    timetrap(|| {
        let system = workers(2);
        let mut held = Vec::new();
        for _ in 0..3 {
            come_and_go(&system);
            assert_eq!((system.process_count(), system.timer_count()), (0, 0));
            assert_eq!((system.processes(), system.registered()), (vec![], vec![]));
            held.extend(resident());
        }
        println!("resident after each round, in KiB: {held:?}");
        if let [first, second, third] = held[..] {
            // A leak of a whole round would double it; allocators are moody.
            let most = first.max(second);
            assert!(third < most + most / 2, "it grows: {held:?}");
        }
    });
}
