//! The repository's files, for tests that read them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The text of the file with that path from the root.
pub(crate) fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).expect("it is text")
}

/// The programs in those folders and all folders in them, by their paths from the root.
pub(crate) fn programs(folders: impl IntoIterator<Item = impl AsRef<Path>>) -> BTreeMap<String, String> {
    let mut programs = BTreeMap::new();
    for folder in folders {
        add_programs(&root().join(folder), &mut programs);
    }
    programs
}

fn add_programs(folder: &Path, programs: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).expect("the folder is in the repository") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            add_programs(&path, programs);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root()).expect("it is in the repository").to_string_lossy().into_owned();
            let text = read(&name);
            programs.insert(name, text);
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
