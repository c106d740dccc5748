//! The architecture, held by a test: a module imports only what stands above it.
//!
//! Each list is in order, from what knows nothing to what knows everything. A new file takes its place in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const RUNTIME: &[&str] = &[
    "sync",
    "clock",
    "scheduler",
    "slot",
    "rare",
    "sorted",
    "few",
    "exit",
    "end",
    "panic",
    "pid",
    "failure",
    "waits",
    "ancestors",
    "reply",
    "current",
    "answer",
    "room",
    "signal",
    "system_message",
    "vitals",
    "held",
    "waiters",
    "debts",
    "links",
    "mailbox",
    "timers",
    "info",
    "any_process",
    "subscribers",
    "dead_letters",
    "changes",
    "groups",
    "key",
    "names",
    "child",
    "report",
    "logging",
    "stderr",
    "table",
    "observer",
    "system",
    "bridges",
    "blocking",
    "busy",
    "serialize",
    "snapshot",
    "top",
    "metrics",
    "process",
    "running",
    "sending",
    "address",
    "monitored",
    "call",
    "requests",
    "system_call",
    "context",
    "alias",
    "registry",
    "spawn",
    "scope",
    "start",
    "crossing",
    "watch",
    "testing",
    "loom_tests",
];

const BEHAVIOURS: &[&str] = &[
    "then",
    "keeper",
    "protocol",
    "behaviour",
    "sys",
    "handle",
    "gen_server",
    "feed",
    "gen_statem",
    "circuit_breaker",
    "ended",
    "isolate",
    "agent",
    "dispatcher",
    "gen_event",
    "task",
    "subprocess",
];

const SUPERVISOR: &[&str] = &[
    "child_id",
    "child_spec",
    "typed_start",
    "backoff",
    "intensity",
    "number_hasher",
    "index",
    "children",
    "strategy",
    "error",
    "auto_shutdown",
    "decide",
    "shutdown",
    "server",
    "supervisor_ref",
    "supervisor",
    "dynamic",
    "dynamic_server",
    "dynamic_supervisor",
    "partition_supervisor",
    "task_supervisor",
    "bridge",
    "tree",
    "troupe",
    "application",
];

/// The libraries, in order: each knows only those before it.
const LIBRARIES: &[(&str, &[&str])] = &[("runtime", RUNTIME), ("behaviours", BEHAVIOURS), ("supervisor", SUPERVISOR)];

#[test]
fn a_module_imports_only_what_stands_above_it() {
    let mut wrong = Vec::new();
    for (library, layers) in LIBRARIES {
        for (module, text) in modules(library) {
            let place = layers.iter().position(|layer| *layer == module);
            for imported in imports(&text, "crate::") {
                let theirs = layers.iter().position(|layer| *layer == imported);
                if imported != module && (place.is_none() || theirs.is_none() || theirs > place) {
                    wrong.push(format!("{library}: {module} imports {imported}"));
                }
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn every_module_has_a_place() {
    for (library, layers) in LIBRARIES {
        let files: BTreeSet<String> = modules(library).into_iter().map(|(module, _)| module).collect();
        let places: BTreeSet<String> = layers.iter().map(ToString::to_string).collect();
        assert_eq!(files, places, "{library}");
    }
}

#[test]
fn a_library_knows_only_those_before_it() {
    for (place, (library, _)) in LIBRARIES.iter().enumerate() {
        for (module, text) in modules(library) {
            for later in LIBRARIES[place..].iter().skip(1).map(|(name, _)| format!("proscenium_{name}")) {
                assert!(!text.contains(&later), "{library}: {module} knows {later}");
            }
        }
    }
}

/// The modules of a library with their texts, a folder's files under the folder's name; `lib.rs` left out.
fn modules(library: &str) -> Vec<(String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join(library).join("src");
    let mut modules = Vec::new();
    for path in entries(&src) {
        let module = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
        if path.is_dir() {
            modules.extend(entries(&path).iter().map(|file| (module.clone(), read(file))));
        } else if module != "lib" {
            modules.push((module, read(&path)));
        }
    }
    modules
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is in the repository");
    entries.map(|entry| entry.expect("it can be read").path()).collect()
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).expect("it is text")
}

/// What the `use` lines of a module name right after `root`, tests left out.
fn imports(text: &str, root: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().filter_map(|line| line.trim_start().strip_prefix("use "));
    let named = lines.filter_map(|line| line.strip_prefix(root));
    named.map(|path| path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()).collect()
}
