//! The tree of `examples/kv` before, when and after one of its shards fails: the text of a picture.

use std::net::Ipv4Addr;
use std::sync::Arc;

use proscenium::prelude::*;
use proscenium::testing::TestSystem;
use proscenium::{Report, TreeNode};
use smol::net::TcpListener;

use crate::kv::operation::{Action, Operation};
use crate::kv::store::{Operations, Store};
use crate::kv::tree::supervisor;

/// The shard that fails.
const FAILS: usize = 2;

pub(crate) fn main() -> Result<(), ExitReason> {
    let test = TestSystem::new(1);
    let socket = smol::block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    let store = Arc::new(Store::new(&test));
    let increment = || Operation::At(b"n".to_vec(), Action::Increment(1));
    let carry_out = |operations: Vec<Operation>| {
        let mut work = Operations::default();
        work[FAILS] = operations;
        format!("{:?}", test.block_on(store.carry_out(work))[FAILS].as_slice())
    };
    test.block_on(supervisor(socket, store.clone()).spawn(&test))?;
    carry_out(vec![increment()]);
    let before = test.snapshot().tree;

    let reports = test.reports();
    let answers = carry_out(vec![Operation::Panic, increment()]);
    assert_eq!(answers, r#"[Error("ERR shard 2 panicked"), Integer(2)]"#);
    let Some(crash) = std::iter::from_fn(|| reports.try_recv().ok()).find_map(|report| match report {
        Report::Crash(crash) => Some(crash),
        _ => None,
    }) else {
        return Err(ExitReason::error("nobody has crashed"));
    };
    assert!(matches!(crash.reason, ExitReason::Panic(_)), "{}", crash.reason);

    println!("# At work, n is 1");
    draw(&before, |_| ("", ""));
    println!("# One panics");
    draw(&before, |pid| if pid == crash.pid { ("! ", "panic") } else { ("", "") });
    println!("# Its successor says n is 2");
    let is_new = |pid| before.iter().all(|node| node.process.pid != pid);
    draw(&test.snapshot().tree, |pid| if is_new(pid) { ("+ ", "new") } else { ("", "") });
    Ok(())
}

/// Prints the tree; `about` gives the mark of a process, and what there is to say besides its pid.
fn draw(tree: &[TreeNode], about: impl Fn(Pid) -> (&'static str, &'static str)) {
    for TreeNode { depth, process, .. } in tree {
        let (mark, text) = about(process.pid);
        let name = process.name.as_deref().unwrap_or_default();
        println!("{}{}", "  ".repeat(*depth), format!("{mark}{name}  {} {text}", process.pid).trim_end());
    }
}
