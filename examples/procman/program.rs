//! The program: one application, whose tree is the file's, and which reads it anew when it is told to.

use std::path::PathBuf;
use std::process::ExitCode;

use proscenium::application::{AppContext, Application, ApplicationSpec, Release};
use proscenium::prelude::*;
use proscenium::tree::TreeRef;
use slog::{Discard, Logger, o};

use super::board::{Board, BoardServer};
use super::{control, settings, view};

/// What is shown meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Screen {
    /// What the services write, and what becomes of them, line by line.
    Lines,
    /// The board, drawn again and again.
    View,
    #[cfg(test)]
    Nothing,
}

pub(super) fn run(file: PathBuf, screen: Screen) -> ExitCode {
    let release = Release::new("procman").permanent(ApplicationSpec::new("procman", Procman::new(file, screen)));
    match screen {
        // Reports would be drawn over.
        Screen::View => release.system(|system| system.logger(Logger::root(Discard, o!()))).run(),
        _ => release.run(),
    }
}

#[derive(Clone)]
pub(super) struct Procman {
    file: PathBuf,
    screen: Screen,
    services: Option<TreeRef>,
}

impl Procman {
    pub(super) fn new(file: PathBuf, screen: Screen) -> Self {
        Procman { file, screen, services: None }
    }
}

impl Application for Procman {
    type Env = ();
    type Top = Supervisor;

    async fn start(&mut self, _app: &AppContext<()>) -> Result<Supervisor, ExitReason> {
        let services = TreeRef::new(settings::read(&self.file)?);
        self.services = Some(services.clone());
        let (file, theirs) = (self.file.clone(), services.clone());
        let listen = move |ctx| control::listen(ctx, file.clone(), theirs.clone());
        let view = (self.screen == Screen::View).then(|| ChildSpec::new("view", process(view::draw)));
        Ok(Supervisor::one_for_all()
            .child(ChildSpec::new("board", BoardServer::start(self.screen == Screen::Lines).name("board")))
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
            Ok(plan) if self.screen == Screen::Lines => println!("{}", format!("reloaded:\n{plan}").trim_end()),
            Ok(_) => {}
            Err(error) => slog::error!(logger, "a reload has failed"; "reason" => %error),
        }
        app.system().named("board").cast(Board::Only(names));
    }
}
