//! The recorded scenarios: many in a file, each behind a line `## NAME`, and its trace likewise in the file beside it.

use std::fs;
use std::path::{Path, PathBuf};

pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) scenario: String,
    /// What OTP's own supervisor did.
    pub(crate) trace: String,
}

/// All that were recorded.
pub(crate) fn recorded() -> Vec<Case> {
    let files = fs::read_dir(folder().join("cases")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files.filter(|file| file.extension().is_some_and(|it| it == "scenarios")).collect();
    files.sort();
    files.iter().flat_map(|file| of_file(file)).collect()
}

fn of_file(file: &Path) -> Vec<Case> {
    let scenarios = parts(&fs::read_to_string(file).unwrap());
    let traces = parts(&fs::read_to_string(file.with_extension("traces")).unwrap());
    assert_eq!(scenarios.len(), traces.len(), "{}", file.display());
    let case = |((name, scenario), (traced, trace))| {
        assert_eq!(name, traced, "{}", file.display());
        Case { name, scenario, trace }
    };
    scenarios.into_iter().zip(traces).map(case).collect()
}

/// What stands behind each line `## NAME`.
pub(crate) fn parts(text: &str) -> Vec<(String, String)> {
    let mut parts: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            parts.push((name.to_owned(), String::new()));
        } else if let Some((_, text)) = parts.last_mut() {
            *text += line;
            text.push('\n');
        }
    }
    parts
}

/// Where oracle, generator and cases are.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/otp")
}
