//! Erlang, if there is one.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, process};

/// What OTP does with each of these machines, when they run so many times slower; `None` where there is no Erlang.
pub(crate) fn traces<'a>(machines: impl Iterator<Item = &'a str>, slowness: u32) -> Option<Vec<String>> {
    let text: String = machines.collect();
    if text.is_empty() {
        return Some(Vec::new());
    }
    let file = Scratch::new(slowness);
    fs::write(&file.0, text).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/otp_statem/machine.escript");
    let run = Command::new("escript").arg(script).arg(&file.0).arg(slowness.to_string()).output().ok()?;
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let traces = String::from_utf8(run.stdout).unwrap();
    let without_name = |trace: &str| trace.split_once('\n').map_or(String::new(), |(_name, trace)| trace.to_owned());
    Some(traces.split("## ").skip(1).map(without_name).collect())
}

/// A file of our own that is gone when this is.
struct Scratch(PathBuf);

impl Scratch {
    fn new(slowness: u32) -> Self {
        Scratch(env::temp_dir().join(format!("proscenium-machines-{}-{slowness}", process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
