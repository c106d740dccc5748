//! The system's reports, as values, in the order in which they were made.

use std::sync::Arc;

use proscenium::prelude::*;
use proscenium::{CrashReport, Offender, Report, SupervisorReport};
use smol::channel::Receiver;

use crate::voice::{Colour, Voice};

pub(crate) struct News {
    reports: Receiver<Report>,
}

impl News {
    /// All reports from now on.
    pub(crate) fn of(system: &SystemHandle) -> Self {
        News { reports: system.reports() }
    }

    /// The next crash, and what the supervisor reports about it.
    ///
    /// # Errors
    /// If the system ends before.
    pub(crate) async fn crash(&self) -> Result<(Arc<CrashReport>, Arc<SupervisorReport>), ExitReason> {
        let crash = self
            .next(|report| match report {
                Report::Crash(crash) => Some(crash),
                _ => None,
            })
            .await?;
        let failed = self
            .next(|report| match report {
                Report::Supervisor(report) if report.offender.pid == Some(crash.pid) => Some(report),
                _ => None,
            })
            .await?;
        Ok((crash, failed))
    }

    /// Who was started in place of a child that failed.
    ///
    /// # Errors
    /// If the system ends before.
    pub(crate) async fn successor_of(&self, failed: &Offender) -> Result<Pid, ExitReason> {
        self.next(|report| match report {
            Report::Progress(progress) if progress.id == failed.id => Some(progress.child),
            _ => None,
        })
        .await
    }

    /// What `wanted` makes of the first report of which it makes something; those before it are old news.
    async fn next<T>(&self, wanted: impl Fn(Report) -> Option<T>) -> Result<T, ExitReason> {
        loop {
            if let Some(found) = wanted(self.reports.recv().await?) {
                return Ok(found);
            }
        }
    }
}

/// Shows what is in the two reports.
pub(crate) fn show(crash: &CrashReport, failed: &SupervisorReport, voice: Voice) {
    voice.say(voice.paint(Colour::Red, "crash report"));
    voice.field("process", crash.pid);
    voice.field("name", crash.name.as_deref().or(crash.label.as_deref()).unwrap_or_default());
    voice.field("reason", &crash.reason);
    voice.say(voice.paint(Colour::Red, "supervisor report"));
    voice.field("supervisor", failed.name.as_deref().unwrap_or_default());
    voice.field("context", failed.context);
    voice.field("child", &failed.offender.id);
}
