//! The text that `INFO` answers with.

use std::fmt::Write;

use proscenium::prelude::*;

use super::store::Store;
use super::tree::CONNECTIONS;

/// Tells what there is to tell; `keys` are the numbers of keys, shard by shard.
pub(crate) async fn text(store: &Store, keys: &[i64]) -> String {
    let system = store.system();
    let connections = SupervisorRef::named(system, CONNECTIONS).count_children().await;
    let mut text = Text::default();
    text.section("Server");
    text.field("proscenium_version", env!("CARGO_PKG_VERSION"));
    text.field("process_id", std::process::id());
    text.field("uptime_in_seconds", store.uptime().as_secs());
    text.section("Clients");
    text.field("connected_clients", connections.map_or(0, |count| count.active));
    text.section("Keyspace");
    text.field("keys", keys.iter().sum::<i64>());
    text.section("Shards");
    for ((name, pid, restarts), keys) in store.shards().zip(keys) {
        let pid = pid.map_or_else(|| "none".to_owned(), |pid| pid.to_string());
        text.field(&name, format_args!("pid={pid},keys={keys},restarts={restarts}"));
    }
    text.section("Processes");
    text.field("processes", system.process_count());
    text.field("dead_letters", system.dead_letter_count());
    text.field("timers", system.timer_count());
    text.0
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn section(&mut self, name: &str) {
        let space = if self.0.is_empty() { "" } else { "\r\n" };
        self.line(format_args!("{space}# {name}"));
    }

    fn field(&mut self, name: &str, value: impl std::fmt::Display) {
        self.line(format_args!("{name}:{value}"));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        write!(self.0, "{line}\r\n").expect("a String takes whatever is written to it");
    }
}
