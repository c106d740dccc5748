//! The program: one application, whose tree is the file's, and which reads it anew when it is told to.

use std::path::PathBuf;
use std::process::ExitCode;

use proscenium::application::{AppContext, Application, ApplicationSpec, Release};
use proscenium::prelude::*;
use proscenium::tree::TreeRef;
use slog::{Discard, Logger, o};

use super::board::{Board, BoardServer};
use super::{control, settings, view};

pub(super) fn run(file: PathBuf, with_view: bool) -> ExitCode {
    let procman = ApplicationSpec::new("procman", Procman { file, with_view, services: None });
    let release = Release::new("procman").permanent(procman);
    // A log would be drawn over.
    let silent = |system: proscenium::Builder| system.logger(Logger::root(Discard, o!()));
    if with_view { release.system(silent).run() } else { release.run() }
}

#[derive(Clone)]
pub(super) struct Procman {
    pub(super) file: PathBuf,
    pub(super) with_view: bool,
    pub(super) services: Option<TreeRef>,
}

impl Application for Procman {
    type Env = ();
    type Top = Supervisor;

    async fn start(&mut self, _app: &AppContext<()>) -> Result<Supervisor, ExitReason> {
        let services = TreeRef::new(settings::read(&self.file)?);
        self.services = Some(services.clone());
        let (file, theirs) = (self.file.clone(), services.clone());
        let listen = move |ctx| control::listen(ctx, file.clone(), theirs.clone());
        let view = self.with_view.then(|| ChildSpec::new("view", process(view::draw)));
        Ok(Supervisor::one_for_all()
            .child(ChildSpec::new("board", BoardServer::start(()).name("board")))
            .child(ChildSpec::new("control", process(listen)))
            .children(view)
            .child(ChildSpec::new("services", services)))
    }

    async fn reload(&mut self, _before: &(), app: &AppContext<()>) {
        let Some(services) = &self.services else { return };
        let logger = app.system().logger();
        let tree = match settings::read(&self.file) {
            Ok(tree) => tree,
            Err(mistakes) => return slog::error!(logger, "nothing is reloaded"; "mistakes" => %mistakes),
        };
        let names = tree.paths().iter().filter_map(|path| path.id().map(str::to_owned)).collect();
        match services.reload(tree).await {
            Ok(plan) => slog::info!(logger, "reloaded"; "plan" => %plan),
            Err(error) => slog::error!(logger, "a reload has failed"; "reason" => %error),
        }
        app.system().named("board").cast(Board::Only(names));
    }
}
