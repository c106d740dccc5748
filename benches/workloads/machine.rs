//! Where the figures come from.

use std::process::Command;
use std::{env, fs, thread};

pub(crate) fn describe() -> String {
    let cores = thread::available_parallelism().map_or("?".to_owned(), |cores| cores.to_string());
    let os = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cores} cores of {}, {} {}, {}", cpu(), env::consts::OS, os.trim(), rustc())
}

fn cpu() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(':'));
    model.map_or(env::consts::ARCH, |(_, name)| name.trim()).to_owned()
}

fn rustc() -> String {
    let version = Command::new("rustc").arg("--version").output().ok();
    version.map_or("an unknown rustc".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
