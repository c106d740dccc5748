//! The supervision tree.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use proscenium::prelude::*;
use smol::net::TcpListener;

use super::listener::{Door, listen};
use super::store::Store;

/// The supervisor of everything.
pub(crate) const ROOT: &str = "kv";
/// The supervisor of the shards.
pub(crate) const SHARDS: &str = "shards";
/// The supervisor of the connections.
pub(crate) const CONNECTIONS: &str = "connections";
/// The process that lets clients in.
pub(crate) const LISTENER: &str = "listener";

/// A server of `store` for whoever connects to `socket`.
///
/// Everybody addresses everybody by name and bears it when somebody is being restarted, so nobody need fall with another:
/// one for one. The order is that of need all the same, since the tree stops in reverse: first nobody is let in any more,
/// then the connections finish, then the shards.
pub(crate) fn supervisor(socket: TcpListener, store: Arc<Store>) -> Supervisor {
    // A shard that panics costs one command, so there may be many panics before the service is better given up. What they
    // must not do is take all the time there is: at 200 a second for five seconds on end something is wrong for good.
    let shards = Supervisor::one_for_one()
        .name(SHARDS)
        .intensity(1000)
        .period(Duration::from_secs(5))
        .children(store.children());
    // Its children are temporary, so it never restarts anything.
    let connections = Supervisor::one_for_one().name(CONNECTIONS);
    let door = Arc::new(Door { socket, store, count: AtomicU64::new(0) });
    Supervisor::one_for_one()
        .name(ROOT)
        .child(ChildSpec::new(SHARDS, shards))
        .child(ChildSpec::new(CONNECTIONS, connections))
        .child(ChildSpec::new(LISTENER, process(move |ctx| listen(door.clone(), ctx)).name(LISTENER)))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proscenium::ChildState;
    use proscenium::testing::TestSystem;
    use smol::net::TcpStream;

    use super::*;
    use crate::kv::connection;
    use crate::kv::operation::{Action, Operation};
    use crate::kv::store::Operations;
    use crate::kv::value::Value;

    /// The tree, and a store, in a system where sockets stay silent.
    fn start(test: &TestSystem) -> (SupervisorRef, Arc<Store>) {
        let socket = smol::block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let store = Arc::new(Store::new(test));
        let root = test.block_on(supervisor(socket, store.clone()).spawn(test)).unwrap();
        (root, store)
    }

    fn start_connection(test: &TestSystem, id: &str, store: &Arc<Store>) -> TcpStream {
        let (client, stream, peer) = smol::block_on(async {
            let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let client = TcpStream::connect(socket.local_addr().unwrap()).await.unwrap();
            let (stream, peer) = socket.accept().await.unwrap();
            (client, stream, peer)
        });
        let spec = connection::spec(id, stream, peer, store.clone());
        test.block_on(SupervisorRef::named(test, CONNECTIONS).start_child(spec)).unwrap();
        client
    }

    /// What ends, in order, when `pid` is told to exit; by name, or else by label.
    fn ended_by_exit_of(pid: Pid, reason: ExitReason, test: &TestSystem) -> Vec<String> {
        let system = (*test).clone();
        test.run(move |mut ctx: Context<()>| async move {
            let mut names = std::collections::BTreeMap::new();
            for info in system.processes().into_iter().filter_map(|pid| system.process_info(pid)) {
                if info.pid != ctx.pid() {
                    names.insert(ctx.monitor(info.pid), info.name.or(info.label).unwrap_or_default());
                }
            }
            system.exit(pid, reason);
            let mut ended = Vec::new();
            while let Some(event) = ctx.receive_timeout(Duration::from_secs(1)).await {
                let Event::Down(down) = event else { panic!("{event:?}") };
                ended.push(names[&down.monitor].to_string());
            }
            ended
        })
    }

    // ANCHOR: stops
    #[test]
    fn the_tree_stops_in_reverse() {
        let test = TestSystem::new(1);
        let (root, store) = start(&test);
        let _clients = ["connection-1", "connection-2"].map(|id| start_connection(&test, id, &store));
        let mut ended = ended_by_exit_of(root.pid().unwrap(), ExitReason::Shutdown, &test);
        let connections: Vec<String> = ended.drain(1..3).collect();
        assert!(connections.iter().all(|label| label.starts_with("connection from")));
        let rest = "listener connections shard-3 shard-2 shard-1 shard-0 shards kv";
        assert_eq!(ended.join(" "), rest);
    }
    // ANCHOR_END: stops

    #[test]
    fn a_connection_falls_alone() {
        let test = TestSystem::new(1);
        let (_root, store) = start(&test);
        let _clients = ["connection-1", "connection-2"].map(|id| start_connection(&test, id, &store));
        let connections = test.block_on(SupervisorRef::named(&test, CONNECTIONS).which_children()).unwrap();
        let ChildState::Running(pid) = connections[0].state else {
            panic!("{connections:?}");
        };
        assert_eq!(ended_by_exit_of(pid, ExitReason::Kill, &test).len(), 1);
    }

    #[test]
    fn the_tables_outlive_the_supervisor_of_their_shards_too() {
        let test = TestSystem::new(1);
        let (_root, store) = start(&test);
        let increment = || {
            let mut operations: Operations = Default::default();
            operations[0].push(Operation::At(b"n".into(), Action::Increment(1)));
            let mut replies = test.block_on(store.carry_out(operations));
            replies[0].next()
        };
        assert_eq!(increment(), Some(Value::Integer(1)));
        test.exit(test.whereis(SHARDS).unwrap(), ExitReason::Kill);
        assert_eq!(increment(), Some(Value::Integer(2)));
    }
}
