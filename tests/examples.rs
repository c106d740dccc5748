//! The examples: each says what it shows and how to run it, is told of in the README, and prints what it should.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

/// What an example prints, all of it or so much of its beginning.
const PRINTED: &[(&str, &str)] = &[
    ("hello", "Hello, World!\n"),
    ("code_lock", "   0 s: the door is locked\n   3 s: the door opens\n"),
    ("metrics", "requests_total{path=\"/tea\",status=\"200\"} 16\n"),
    ("reconnect", "no connection, next try in 20ms\n"),
    ("tour", "\nA server, started a moment ago: processes under supervisors\n"),
    ("tree", "sold 1 and 1\nplan: stop /front/left, to restart with other arguments\n"),
];

#[test]
fn an_example_prints_what_it_should_and_ends_well() {
    let folder = build();
    for (example, printed) in PRINTED {
        let output = Command::new(folder.join(example)).stderr(Stdio::null()).output().expect("it can be run");
        assert!(output.status.success(), "{example}: {}", output.status);
        let text = String::from_utf8(output.stdout).expect("it is text");
        assert!(text.starts_with(printed), "{example}: {text}");
    }
}

#[test]
fn every_example_says_what_it_shows_and_how_to_run_it_and_has_a_row_in_the_readme() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).expect("it is text");
    for entry in fs::read_dir(root.join("examples")).expect("the folder is in the repository") {
        let path = entry.expect("it can be read").path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let example = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("it is text");
        let header: String = text.lines().take_while(|line| line.starts_with("//!")).collect();
        assert!(header.contains(&format!("--example {example}")), "{example} does not say how to run it");
        assert!(readme.contains(&format!("| [`{example}`](examples/{example}.rs) |")), "{example} has no row");
    }
}

/// Builds the examples, and tells where they are: `cargo test` itself builds those that have tests as tests only.
fn build() -> PathBuf {
    let test = env::current_exe().expect("this runs");
    let profile = test.parent().and_then(Path::parent).expect("it is in target/PROFILE/deps");
    let target = profile.parent().expect("it is in target/PROFILE/deps");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--locked", "--examples"]).env("CARGO_TARGET_DIR", target);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let status = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("there is cargo");
    assert!(status.success(), "the examples are not built: {status}");
    profile.join("examples")
}
