//! One service: a command that is started, waited for until it is well, and looked after.
//!
//! It counts as started when it is well. So a supervisor that starts children in order starts none before what it needs.

use std::time::Duration;

use proscenium::prelude::*;
use proscenium::subprocess::{Output, Subprocess};
use smol::future;

use super::board::{Board, State};
use super::check::check;
use super::settings::Settings;

/// How long a service that is not well yet is left alone before the next look.
const AGAIN: Duration = Duration::from_millis(100);

pub(super) struct Service {
    settings: Settings,
    board: Address<Board>,
    command: Subprocess,
    /// Checks in a row that have failed.
    failures: u32,
}

pub(super) enum Look {
    /// It is time to.
    Now,
    Seen(Result<(), String>),
}

impl GenServer for Service {
    type Args = Settings;
    type Message = Look;

    async fn init(settings: Settings, ctx: &mut Context<Look>) -> Result<Self, ExitReason> {
        ctx.trap_exit(true);
        let system = ctx.system().clone();
        let board: Address<Board> = system.named("board");
        board.cast(Board::Changed { name: settings.name.clone(), state: State::Starting, process: ctx.pid() });
        if let Some(preparation) = settings.preparation() {
            preparation.run(&system).await?.success()?;
        }
        let output = || {
            let name = settings.name.clone();
            Output::lines().keep(4096).to(&board, move |line| Board::Wrote(name.clone(), line.text()))
        };
        let command = settings.command().stdout(output()).stderr(output());
        let command = Subprocess::start(command).label(&settings.name).link(ctx).await?;
        let service = Service { settings, board, command, failures: 0 };
        match service.until_well(&system).await {
            Ok(()) => {
                service.tell(State::Well { os_pid: service.command.os_pid().await? }, ctx);
                ctx.send_after(service.settings.every, Look::Now);
                Ok(service)
            }
            Err(reason) => {
                service.stop(ctx).await;
                Err(reason)
            }
        }
    }

    async fn handle(&mut self, message: Look, ctx: &mut Context<Look>) -> Result<(), ExitReason> {
        match message {
            Look::Now => {
                // Beside, so that a slow look keeps nobody from stopping the service.
                let (settings, home) = (self.settings.clone(), ctx.address());
                ctx.spawn_link(|ctx: Context<()>| async move {
                    home.cast(Look::Seen(check(&settings, ctx.system()).await));
                });
            }
            Look::Seen(Ok(())) => {
                if self.failures > 0 {
                    self.failures = 0;
                    self.tell(State::Well { os_pid: self.command.os_pid().await? }, ctx);
                }
                ctx.send_after(self.settings.every, Look::Now);
            }
            Look::Seen(Err(complaint)) => {
                self.failures += 1;
                if self.failures >= self.settings.failures {
                    return Err(ExitReason::error(format!("it is not well: {complaint}")));
                }
                self.tell(State::Unwell { complaint }, ctx);
                ctx.send_after(self.settings.every, Look::Now);
            }
        }
        Ok(())
    }

    async fn handle_info(&mut self, info: Info, _ctx: &mut Context<Look>) -> Result<(), ExitReason> {
        match info {
            Info::Exit(exit) if Some(exit.pid) == self.command.pid() || exit.reason != ExitReason::Normal => {
                Err(exit.reason)
            }
            // A look that is over.
            _ => Ok(()),
        }
    }

    async fn terminate(&mut self, _reason: &ExitReason, ctx: &mut Context<Look>) {
        self.stop(ctx).await;
    }
}

impl Service {
    /// Waits until the command is well, or has ended, or has had its time.
    async fn until_well(&self, system: &SystemHandle) -> Result<(), ExitReason> {
        let mut complaint = String::new();
        let well = async {
            while let Err(what) = check(&self.settings, system).await {
                complaint = what;
                system.sleep(AGAIN).await;
            }
            Ok(())
        };
        let ended = async {
            let reason = self.command.address().exited().await;
            Err(ExitReason::error(format!("it has ended before it was well: {reason}")))
        };
        let outcome = system.sleep(self.settings.patience).limit(future::or(ended, well)).await;
        let late = || format!("it is not well after {:?}: {complaint}", self.settings.patience);
        outcome.unwrap_or_else(|| Err(ExitReason::error(late())))
    }

    async fn stop(&self, ctx: &Context<Look>) {
        ctx.exit(&self.command, ExitReason::Shutdown);
        self.command.address().exited().await;
    }

    fn tell(&self, state: State, ctx: &Context<Look>) {
        self.board.cast(Board::Changed { name: self.settings.name.clone(), state, process: ctx.pid() });
    }
}
