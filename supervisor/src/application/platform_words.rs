//! What a program and its operating system tell each other.

/// What the operating system asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OsSignal {
    /// To stop; by the signal of that number.
    Stop { number: u8 },
    /// To read the settings anew.
    Reload,
}

/// What the service manager is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Ready,
    Reloading,
    Stopping,
    /// Still.
    Alive,
}
