//! Signals of a Unix, and the protocol of its service manager, systemd's `sd_notify`.

use std::env;
use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process;
use std::thread;
use std::time::Duration;

use async_signal::{Signal, Signals};
use futures_lite::{StreamExt, future};
use rustix::time::{ClockId, clock_gettime};

use super::platform_words::{OsSignal, State};

/// The signals that the program listens to from when this is made.
pub(super) struct Listening(Signals);

impl Listening {
    pub(super) fn begin() -> io::Result<Self> {
        Signals::new([Signal::Term, Signal::Int, Signal::Hup]).map(Listening)
    }

    /// Tells each to `hear`, on a thread of its own: it has to work when all workers are stuck.
    pub(super) fn each(mut self, mut hear: impl FnMut(OsSignal) + Send + 'static) -> io::Result<()> {
        let listen = move || {
            while let Some(Ok(signal)) = future::block_on(self.0.next()) {
                hear(match signal {
                    Signal::Hup => OsSignal::Reload,
                    other => OsSignal::Stop { number: other as u8 },
                });
            }
        };
        thread::Builder::new().name("signals".into()).spawn(listen).map(drop)
    }
}

/// The service manager, if there is one.
#[derive(Debug)]
pub(super) struct Service {
    socket: Option<(UnixDatagram, SocketAddr)>,
}

impl Service {
    /// The one that `NOTIFY_SOCKET` names.
    pub(super) fn of_environment() -> io::Result<Self> {
        let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Ok(Service { socket: None });
        };
        let address = address(&name)?;
        Ok(Service { socket: Some((UnixDatagram::unbound()?, address)) })
    }

    /// How often it wants a sign of life, if it does.
    pub(super) fn watchdog_limit(&self) -> Option<Duration> {
        let number = |name: &str| env::var(name).ok()?.parse::<u64>().ok();
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(process::id()));
        self.socket.as_ref()?;
        number("WATCHDOG_USEC").filter(|limit| is_ours && *limit > 0).map(Duration::from_micros)
    }

    /// Tells it. One that does not listen misses it, and nothing else comes of that.
    pub(super) fn tell(&self, state: State) {
        let Some((socket, address)) = &self.socket else { return };
        let text = match state {
            State::Ready => "READY=1".to_owned(),
            State::Stopping => "STOPPING=1".to_owned(),
            State::Alive => "WATCHDOG=1".to_owned(),
            State::Reloading => {
                let now = clock_gettime(ClockId::Monotonic);
                format!("RELOADING=1\nMONOTONIC_USEC={}", now.tv_sec * 1_000_000 + now.tv_nsec / 1000)
            }
        };
        let _ = socket.send_to_addr(text.as_bytes(), address);
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn address(name: &std::ffi::OsStr) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::ffi::OsStrExt;

    match name.as_bytes() {
        // Of Linux's abstract sockets, which have no file.
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        _ => SocketAddr::from_pathname(name),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn address(name: &std::ffi::OsStr) -> io::Result<SocketAddr> {
    SocketAddr::from_pathname(name)
}
