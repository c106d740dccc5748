//! Unsafe code is in one file. All packages deny it otherwise, and that each block says why it is sound is clippy's to see.

mod repository;

use repository::{programs, read};

const FOLDERS: &[&str] = &["runtime", "behaviours", "supervisor", "src", "benches", "tests", "book", "examples"];

const ISLAND: &str = "runtime/src/sync/owned_guard.rs";

#[test]
fn unsafe_code_is_allowed_in_one_file_and_denied_in_all_others() {
    // Put together, for this is a program, too.
    let allow = ["allow(", "unsafe_code"].concat();
    let islands = programs(FOLDERS).into_iter().filter(|(_, text)| text.contains(&allow)).map(|(name, _)| name);
    assert_eq!(islands.collect::<Vec<_>>(), [ISLAND]);
    for package in ["", "runtime/", "behaviours/", "supervisor/", "book/"] {
        let manifest = read(&format!("{package}Cargo.toml"));
        assert!(manifest.contains("\n[lints]\nworkspace = true\n"), "{package} has the workspace's lints");
    }
    let lints = read("Cargo.toml");
    assert!(
        lints.contains("\nunsafe_code = \"deny\"\n") && lints.contains("\nundocumented_unsafe_blocks = \"deny\"\n")
    );
}
