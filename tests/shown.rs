//! Every public item has an example that asserts what it promises: its own or, for a method, one of a type that it goes
//! with, in which it is called.
//!
//! What is `pub` is public: the lint `unreachable_pub` sees to that.

mod repository;

use std::collections::BTreeMap;

use repository::programs;

const LIBRARIES: &[&str] = &["runtime", "behaviours", "supervisor"];

/// What nobody meets who uses the facade on a platform that has all, and what cannot be named.
const UNSEEN: &[&str] = &["runtime/src/crossing/", "unsupported.rs: trait Watched", "trait Returns", "trait Sealed"];

/// Something public, with its documentation and how it is declared.
struct Item {
    kind: &'static str,
    name: String,
    docs: String,
    /// Its signature; of a method, with the head of its `impl`.
    declared: String,
}

#[test]
fn every_public_item_has_an_example_that_asserts() {
    let sources = sources();
    let items: Vec<(&String, Item)> =
        sources.iter().flat_map(|(file, text)| items_in(text).into_iter().map(move |item| (file, item))).collect();
    let types = examples_by_type(items.iter().map(|(_, item)| item));
    let lacking = items.iter().filter(|(_, item)| !is_shown(item, &types));
    let lacking = lacking.map(|(file, item)| format!("{file}: {} {}", item.kind, item.name));
    let seen: Vec<String> = lacking.filter(|told| !UNSEEN.iter().any(|unseen| told.contains(unseen))).collect();
    assert!(items.len() > 900, "the scanner finds no more than {} items", items.len());
    assert_eq!(seen, [""; 0], "without an example that asserts");
}

#[test]
fn every_public_module_has_an_example_that_asserts() {
    let sources = sources();
    for library in LIBRARIES {
        let root = format!("{library}/src/lib.rs");
        let modules = sources[&root].lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
        let files =
            modules.map(|module| [format!("{library}/src/{module}.rs"), format!("{library}/src/{module}/mod.rs")]);
        for file in
            files.map(|[file, folder]| if sources.contains_key(&file) { file } else { folder }).chain([root.clone()])
        {
            let docs = sources[&file].lines().filter_map(|line| line.strip_prefix("//!"));
            let is_shown = !examples(&docs.collect::<Vec<_>>().join("\n")).is_empty();
            assert!(is_shown || file.contains("/crossing/"), "{file} has no example that asserts");
        }
    }
}

#[test]
fn what_asserts_nothing_is_no_example() {
    let text = "/// ```\n/// let a = A::new();\n/// assert!(a.is_shown());\n/// ```\n#[derive(\n    Debug\n)]\n\
                pub struct A;\n\nimpl A {\n    /// Text.\n    pub fn is_shown(&self) {}\n    pub fn shown(&self) {}\n\
                \x20   fn private(&self) {}\n}\n\n/// ```text\n/// assert\n/// ```\npub fn told() {}\n\n\
                /// ```\n/// let a = 1;\n/// ```\npub trait Silent {\n    fn never(&self);\n}\n";
    let items = items_in(text);
    let types = examples_by_type(items.iter());
    let shown = items.iter().map(|item| (&*item.name, is_shown(item, &types)));
    let expected =
        [("A", true), ("is_shown", true), ("shown", false), ("told", false), ("Silent", false), ("never", false)];
    assert_eq!(shown.collect::<Vec<_>>(), expected);
}

fn is_shown(item: &Item, types: &BTreeMap<&str, Vec<String>>) -> bool {
    let goes_with = || words(&item.declared).chain(words(&item.docs)).filter_map(|word| types.get(word)).flatten();
    !examples(&item.docs).is_empty() || item.kind == "method" && goes_with().any(|code| calls(code, &item.name))
}

fn examples_by_type<'a>(items: impl Iterator<Item = &'a Item>) -> BTreeMap<&'a str, Vec<String>> {
    let types = items.filter(|item| ["struct", "enum", "trait", "type"].contains(&item.kind));
    types.map(|item| (&*item.name, examples(&item.docs))).collect()
}

/// The blocks of code that assert something and are run.
fn examples(docs: &str) -> Vec<String> {
    let parts: Vec<&str> = docs.split("```").collect();
    let blocks = parts.iter().skip(1).step_by(2).filter_map(|part| part.split_once('\n'));
    let asserting = blocks.filter(|(kind, code)| match *kind {
        "" | "rust" => code.contains("assert") || code.contains(".expect_"),
        kind => kind.starts_with("compile_fail") || kind.starts_with("should_panic"),
    });
    asserting.map(|(_, code)| code.to_owned()).collect()
}

/// Whether the function of that name is called in `code`, or written.
fn calls(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let goes_on = code[at + name.len()..].starts_with(|next: char| next.is_alphanumeric() || next == '_');
        !goes_on && [".", "::", "fn "].iter().any(|before| code[..at].ends_with(before))
    })
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
}

/// What a file declares as public. Its tests come last, and are left out.
fn items_in(text: &str) -> Vec<Item> {
    let (mut items, mut docs, mut head) = (Vec::new(), String::new(), "");
    let mut lines = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default().lines();
    while let Some(line) = lines.next() {
        let code = line.trim_start();
        if let Some(told) = code.strip_prefix("///") {
            docs += told.strip_prefix(' ').unwrap_or(told);
            docs.push('\n');
        } else if code.starts_with("#[") {
            let mut last = line;
            while !last.ends_with(']') {
                last = lines.next().expect("an attribute has an end");
            }
        } else {
            if line.starts_with("impl") || line.starts_with("pub trait ") {
                head = line;
            }
            if let Some((kind, name)) = declared(line, head) {
                let mut declared = format!("{head} {line}");
                while kind == "method" && !declared.ends_with(['{', ';', '}']) {
                    declared += lines.next().expect("a signature has an end");
                }
                items.push(Item { kind, name: name.to_owned(), docs: std::mem::take(&mut docs), declared });
            }
            docs.clear();
        }
    }
    items
}

/// What kind of public item a line declares, and its name. `head` is that of the `impl` or trait around it.
fn declared<'a>(line: &'a str, head: &str) -> Option<(&'static str, &'a str)> {
    let code = line.trim_start();
    let depth = line.len() - code.len();
    let is_trait = head.starts_with("pub trait ");
    let code = match code.strip_prefix("pub ") {
        Some(code) if depth <= 4 => code,
        None if depth == 4 && is_trait => code,
        _ => return None,
    };
    let code = ["const ", "async "].iter().fold(code, |code, word| code.strip_prefix(word).unwrap_or(code));
    let (kind, rest) = code.split_once(' ')?;
    let name = words(rest).next()?;
    match kind {
        "fn" if depth == 4 => Some(("method", name)),
        "fn" => Some(("function", name)),
        "struct" => Some(("struct", name)),
        "enum" => Some(("enum", name)),
        "trait" => Some(("trait", name)),
        "type" if depth == 0 => Some(("type", name)),
        _ => None,
    }
}

/// The files of the libraries, by their paths from the root.
fn sources() -> BTreeMap<String, String> {
    programs(LIBRARIES.iter().map(|library| format!("{library}/src")))
}
