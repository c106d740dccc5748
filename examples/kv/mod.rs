//! A key-value server that speaks Redis's protocol, as a supervision tree.
//!
//! ```text
//! kv                     one_for_one
//!  ├─ shards             one_for_one     1000 restarts in 5 s
//!  │   ├─ shard-0        Shard           a quarter of the keys
//!  │   ├─ shard-1
//!  │   ├─ shard-2
//!  │   └─ shard-3
//!  ├─ connections        one_for_one
//!  │   ├─ connection-1   a client        temporary
//!  │   └─ …
//!  └─ listener           lets clients in
//! ```
//!
//! The way of a command:
//!
//! ```text
//! bytes → resp::Parser → Command → Plan: Operations, by shard → Batch → Shard: Table → replies, in order → bytes
//! ```
//!
//! What outlives the processes: the socket and the tables. They are made once, with the tree, and lent to each incarnation
//! of the process that uses them. So any process here may panic at any time; see [`store`] for why no client notices.

mod glob;
pub(crate) mod table;
pub(crate) mod value;

mod inline;
pub(crate) mod resp;

pub(crate) mod command;

mod batch;
pub(crate) mod operation;
mod shard;
pub(crate) mod store;

mod info;
mod plan;
mod session;

mod connection;
mod listener;
pub(crate) mod tree;
