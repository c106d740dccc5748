//! What a file says of a service.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proscenium::subprocess::{Command, Signal};
use proscenium::tree::{Catalog, Mistakes, Tree, TreeFiles, duration};
use serde::{Deserialize, Deserializer, de::Error};

use super::service::Service;
use proscenium::prelude::*;

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// As its id in the tree.
    pub(super) name: String,
    /// A line for the shell. A single program is best started by `exec`.
    run: String,
    /// A line that must have succeeded before each start.
    prepare: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Whether nothing is inherited of procman's own environment.
    #[serde(default)]
    clear_env: bool,
    folder: Option<PathBuf>,
    #[serde(default, deserialize_with = "signal")]
    stop_signal: Option<Signal>,
    /// How long it has to stop before it is killed.
    #[serde(default = "seconds::<5>", deserialize_with = "duration")]
    grace: Duration,
    /// How to see whether it is well; if there is nothing to see, it is as soon as it runs.
    pub(super) check: Option<CheckSettings>,
    /// How often that is looked at.
    #[serde(default = "seconds::<5>", deserialize_with = "duration")]
    pub(super) every: Duration,
    /// How long it has to become well after its start, and to answer a check.
    #[serde(default = "seconds::<10>", deserialize_with = "duration")]
    pub(super) patience: Duration,
    /// After so many failed checks in a row it is started again.
    #[serde(default = "three")]
    pub(super) failures: u32,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) enum CheckSettings {
    /// It is well if a connection to this address is accepted.
    Tcp(std::net::SocketAddr),
    /// It is well if this line for the shell succeeds, in the environment of the service.
    Command(String),
}

fn seconds<const N: u64>() -> Duration {
    Duration::from_secs(N)
}

fn three() -> u32 {
    3
}

fn signal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Signal>, D::Error> {
    let name = String::deserialize(deserializer)?;
    name.parse().map(Some).map_err(D::Error::custom)
}

impl Settings {
    /// The service's own command.
    pub(super) fn command(&self) -> Command {
        self.line(&self.run).grace(self.grace).stop_signal(self.stop_signal.unwrap_or(Signal::Term))
    }

    /// What must have succeeded before.
    pub(super) fn preparation(&self) -> Option<Command> {
        self.prepare.as_deref().map(|line| self.line(line).timeout(self.patience))
    }

    /// A line in the environment of the service.
    pub(super) fn line(&self, line: &str) -> Command {
        let mut command = Command::shell(line);
        if self.clear_env {
            command = command.env_clear();
        }
        for (name, value) in &self.env {
            command = command.env(name, value);
        }
        match &self.folder {
            Some(folder) => command.folder(folder),
            None => command,
        }
    }
}

/// The tree that a file describes. It can start services, and nothing else.
pub(super) fn read(file: &Path) -> Result<Tree, Mistakes> {
    let catalog =
        Catalog::new().start("service", |settings: Settings| Service::start(settings.clone()).name(&settings.name));
    catalog.read(&TreeFiles::new(file))
}
