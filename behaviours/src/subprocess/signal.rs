//! The signals that a command may be sent, and the names of those that may end one.

use std::fmt;
use std::str::FromStr;

use rustix::process::Signal as Raw;

/// A signal for a command.
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::subprocess::Signal;
///
/// assert_eq!("HUP".parse(), Ok(Signal::Hup));
/// assert_eq!("SIGTERM".parse(), Ok(Signal::Term));
/// assert_eq!(Signal::Kill.to_string(), "SIGKILL");
/// assert_eq!("SIGH".parse::<Signal>().unwrap_err().to_string(), "there is no signal \"SIGH\" to send");
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Hang up; many services read their settings again.
    Hup,
    /// Interrupt, as by Ctrl-C.
    Int,
    /// Quit; many programs dump core.
    Quit,
    /// What no program can refuse.
    Kill,
    /// What the program makes of it.
    Usr1,
    /// What the program makes of it.
    Usr2,
    /// Terminate in order.
    Term,
    /// Go on after a [`Stop`](Signal::Stop).
    Cont,
    /// Pause.
    Stop,
    /// The terminal has another size.
    Winch,
}

const SIGNALS: [(Signal, Raw); 10] = [
    (Signal::Hup, Raw::HUP),
    (Signal::Int, Raw::INT),
    (Signal::Quit, Raw::QUIT),
    (Signal::Kill, Raw::KILL),
    (Signal::Usr1, Raw::USR1),
    (Signal::Usr2, Raw::USR2),
    (Signal::Term, Raw::TERM),
    (Signal::Cont, Raw::CONT),
    (Signal::Stop, Raw::STOP),
    (Signal::Winch, Raw::WINCH),
];

const NAMES: [(Raw, &str); 22] = [
    (Raw::HUP, "SIGHUP"),
    (Raw::INT, "SIGINT"),
    (Raw::QUIT, "SIGQUIT"),
    (Raw::ILL, "SIGILL"),
    (Raw::TRAP, "SIGTRAP"),
    (Raw::ABORT, "SIGABRT"),
    (Raw::BUS, "SIGBUS"),
    (Raw::FPE, "SIGFPE"),
    (Raw::KILL, "SIGKILL"),
    (Raw::USR1, "SIGUSR1"),
    (Raw::SEGV, "SIGSEGV"),
    (Raw::USR2, "SIGUSR2"),
    (Raw::PIPE, "SIGPIPE"),
    (Raw::ALARM, "SIGALRM"),
    (Raw::TERM, "SIGTERM"),
    (Raw::CONT, "SIGCONT"),
    (Raw::STOP, "SIGSTOP"),
    (Raw::XCPU, "SIGXCPU"),
    (Raw::XFSZ, "SIGXFSZ"),
    (Raw::VTALARM, "SIGVTALRM"),
    (Raw::SYS, "SIGSYS"),
    (Raw::WINCH, "SIGWINCH"),
];

impl Signal {
    pub(super) fn raw(self) -> Raw {
        SIGNALS.iter().find(|(signal, _)| *signal == self).expect("all are there").1
    }
}

/// What a signal is called: its name, or `signal 42`.
pub(super) fn name(number: i32) -> String {
    let known = NAMES.iter().find(|(signal, _)| signal.as_raw() == number);
    known.map_or_else(|| format!("signal {number}"), |(_, name)| (*name).to_owned())
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&name(self.raw().as_raw()))
    }
}

/// No signal has that name, or none that can be sent.
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::subprocess::{NoSuchSignal, Signal};
///
/// let error: NoSuchSignal = "SIGNAL".parse::<Signal>().unwrap_err();
/// assert_eq!(error.to_string(), r#"there is no signal "SIGNAL" to send"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no signal {0:?} to send")]
pub struct NoSuchSignal(String);

impl FromStr for Signal {
    type Err = NoSuchSignal;

    fn from_str(text: &str) -> Result<Self, NoSuchSignal> {
        let is_named = |signal: &Signal| signal.to_string().trim_start_matches("SIG") == text.trim_start_matches("SIG");
        let found = SIGNALS.iter().map(|(signal, _)| *signal).find(is_named);
        found.ok_or_else(|| NoSuchSignal(text.to_owned()))
    }
}
