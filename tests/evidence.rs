//! What a document says a test shows, a test of that name does: it is written `file.rs::name_of_the_test`.

mod repository;

use std::collections::{BTreeMap, BTreeSet};

use repository::{programs, read};

/// The documents that name tests.
const DOCUMENTS: &[&str] = &[
    "runtime/CONFORMANCE.md",
    "behaviours/CONFORMANCE.md",
    "supervisor/CONFORMANCE.md",
    "book/src/guarantees.md",
    "book/src/signals.md",
    "book/src/restarts.md",
    "book/src/shutdown.md",
    "book/src/cancel.md",
    "book/src/limits.md",
    "book/src/otp.md",
    "book/src/inside/architecture.md",
    "book/src/inside/flows.md",
    "book/src/elsewhere.md",
];

/// Those that have a row for each case of OTP's.
const CASES: &[&str] = &["runtime/CONFORMANCE.md", "behaviours/CONFORMANCE.md", "supervisor/CONFORMANCE.md"];

/// Where tests are.
const FOLDERS: &[&str] = &["runtime", "behaviours", "supervisor", "tests", "book", "examples"];

/// Why a case of OTP's may have no test.
const REASONS: &[&str] = &["void: ", "left out: ", "later"];

#[test]
fn every_test_that_a_document_names_is_there() {
    let tests = tests();
    for document in DOCUMENTS {
        let text = read(document);
        assert_ne!(evidence(&text).count(), 0, "{document} names no test");
        let missing: Vec<&str> = evidence(&text).filter(|named| !is_there(&tests, named)).collect();
        assert_eq!(missing, [""; 0], "{document}");
    }
}

#[test]
fn every_case_of_otp_has_a_test_or_a_reason_to_have_none() {
    for document in CASES {
        let text = read(document);
        assert!(rows(&text).len() > 10, "{document}");
        for row in rows(&text) {
            let [case, asserted, shown] = row[..] else { panic!("three cells to a row: {row:?}") };
            let has_reason = REASONS.iter().any(|reason| shown.starts_with(reason));
            assert!(!case.is_empty() && !asserted.is_empty(), "{row:?}");
            assert!(has_reason || evidence(shown).next().is_some(), "`{case}` has neither a test nor a reason");
        }
    }
}

#[test]
fn what_is_no_test_is_no_evidence() {
    let text = "#[test]\n#[should_panic]\nfn shown() {}\n\nfn helper() {}\n#[cfg(unix)]\n#[test]\nfn on_unix() {}\n\
                const ALL: &[(&str, fn())] = tests![\n    a::listed,\n];\nuse a::unlisted;\n";
    let tests = BTreeMap::from([("a/tests/x.rs".to_owned(), tests_in(text))]);
    let there = |named| is_there(&tests, named);
    assert_eq!(["x.rs::shown", "a/tests/x.rs::on_unix", "x.rs::listed"].map(there), [true; 3]);
    assert_eq!(["x.rs::helper", "y.rs::shown", ".rs::shown", "x.rs::unlisted"].map(there), [false; 4]);
    assert!(evidence("see `x.rs::a`, `Type::a` and `cfg`, `y/z.rs::b`").eq(["x.rs::a", "y/z.rs::b"]));
}

/// The tests that a text names.
fn evidence(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2)).filter(|code| code.contains(".rs::"))
}

/// Whether one of the files that `named` may mean has the test.
fn is_there(tests: &BTreeMap<String, BTreeSet<String>>, named: &str) -> bool {
    let (file, name) = named.rsplit_once("::").expect("it was found by that");
    let of_that_name = tests.iter().filter(|(path, _)| *path == file || path.ends_with(&format!("/{file}")));
    of_that_name.map(|(_, names)| names).any(|names| names.contains(name))
}

/// The rows of all tables, without their heads.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let lines: Vec<&str> = text.lines().collect();
    let is_head = |line: usize| lines.get(line + 1).is_some_and(|next| next.starts_with("|---"));
    let rows = (0..lines.len()).filter(|line| lines[*line].starts_with("| ") && !is_head(*line));
    rows.map(|line| lines[line].trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

/// The tests of each file, by its path from the root.
fn tests() -> BTreeMap<String, BTreeSet<String>> {
    programs(FOLDERS).into_iter().map(|(file, text)| (file, tests_in(&text))).collect()
}

/// The functions under `#[test]`, and those that a list of `tests!` names for a runner of its own.
fn tests_in(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let (mut is_test, mut in_list) = (false, false);
    for line in text.lines().map(str::trim) {
        in_list = (in_list || line.ends_with("tests![")) && !line.starts_with(']');
        if let Some((_, name)) = line.trim_end_matches(',').split_once("::").filter(|_| in_list) {
            names.insert(name.to_owned());
        }
        if let Some(function) = line.strip_prefix("fn ") {
            if std::mem::take(&mut is_test) {
                names.insert(function.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
            }
        } else if line == "#[test]" {
            is_test = true;
        }
    }
    names
}
