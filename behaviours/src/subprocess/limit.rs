//! What a command may use up.

use std::fmt;
use std::io;

use rustix::process::Pid;

/// What a command may use up, each of its processes for itself; the operating system's resource limits. Linux only.
///
/// Both the soft and the hard limit are set, so the command cannot raise it.
///
/// # Examples
///
/// ```
/// use futures_lite::future::block_on;
/// use proscenium_behaviours::subprocess::{Command, Limit};
/// use proscenium_runtime::System;
///
/// # #[cfg(target_os = "linux")] {
/// let system = System::new("office");
/// let frugal = Command::shell("ulimit -t; ulimit -c").limit(Limit::CpuTime, 7).limit(Limit::Core, 0);
/// assert_eq!(block_on(frugal.run(&system)).unwrap().stdout.to_string(), "7\n0\n");
/// # }
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limit {
    /// Processor time in seconds; then SIGXCPU, and a second later SIGKILL.
    CpuTime,
    /// Address space in bytes.
    Memory,
    /// The size of a file that it writes, in bytes; then SIGXFSZ.
    FileSize,
    /// How many files it may have open.
    OpenFiles,
    /// How many processes its user may have.
    Processes,
    /// The stack in bytes.
    Stack,
    /// The size of a core dump in bytes; 0 for none.
    Core,
    /// Memory locked into RAM, in bytes.
    LockedMemory,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Limit::CpuTime => "processor time",
            Limit::Memory => "memory",
            Limit::FileSize => "file size",
            Limit::OpenFiles => "open files",
            Limit::Processes => "processes",
            Limit::Stack => "stack",
            Limit::Core => "core dump",
            Limit::LockedMemory => "locked memory",
        })
    }
}

/// Limits a process that waits at the gate.
#[cfg(target_os = "linux")]
pub(super) fn apply(pid: Pid, limit: Limit, most: u64) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, prlimit};
    let resource = match limit {
        Limit::CpuTime => Resource::Cpu,
        Limit::Memory => Resource::As,
        Limit::FileSize => Resource::Fsize,
        Limit::OpenFiles => Resource::Nofile,
        Limit::Processes => Resource::Nproc,
        Limit::Stack => Resource::Stack,
        Limit::Core => Resource::Core,
        Limit::LockedMemory => Resource::Memlock,
    };
    let hard = if limit == Limit::CpuTime { most.saturating_add(1) } else { most };
    prlimit(Some(pid), resource, Rlimit { current: Some(most), maximum: Some(hard) })?;
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn apply(_pid: Pid, _limit: Limit, _most: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
