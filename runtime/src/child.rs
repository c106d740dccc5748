//! What a supervisor has agreed with a child, as its reports tell it.

use std::time::Duration;

/// When a child that has ended by itself is started again; OTP's `restart`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restart {
    /// Always. The default.
    #[default]
    Permanent,
    /// Only if its reason is abnormal: neither `Normal` nor `Shutdown` nor `ShutdownWith`.
    Transient,
    /// Never. Its spec goes with it.
    Temporary,
}

/// How a child is stopped; OTP's `shutdown`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// It is killed.
    BrutalKill,
    /// It is asked to shut down, and killed if it has not ended after that time. Workers get 5 s by default.
    Timeout(Duration),
    /// It is asked to shut down and given as long as it takes. The default of supervisors, which have children to stop.
    Infinity,
}

/// Whether a child is itself a supervisor; OTP's `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildKind {
    /// Any process but a supervisor.
    Worker,
    /// A supervisor.
    Supervisor,
}
