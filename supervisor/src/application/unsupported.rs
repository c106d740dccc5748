//! Where there are no Unix signals, none is listened to, and there is no service manager to speak to.

use std::io;
use std::time::Duration;

use super::platform_words::{OsSignal, State};

pub(super) struct Listening;

impl Listening {
    pub(super) fn begin() -> io::Result<Self> {
        Ok(Listening)
    }

    pub(super) fn each(self, _hear: impl FnMut(OsSignal) + Send + 'static) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
pub(super) struct Service;

impl Service {
    pub(super) fn of_environment() -> io::Result<Self> {
        Ok(Service)
    }

    pub(super) fn watchdog_limit(&self) -> Option<Duration> {
        None
    }

    pub(super) fn tell(&self, _state: State) {}
}
