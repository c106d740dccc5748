//! What is wrong is told all at once, with its place, before anything starts.

use proscenium_supervisor::Supervisor;
use proscenium_supervisor::tree::{Catalog, Position, Problem};

use crate::common::{catalog, files, mistakes, tree};

#[test]
fn every_mistake_of_a_file_is_told_at_once() {
    let text = r#"(
    strategy: OneForSome,
    intensity: -1,
    colour: "red",
    children: [
        (id: "till", start: "tilll", restrat: Permanent),
        (id: "till", start: "clock", shutdown: Timeout("5 parsecs")),
        (id: "a/b", start: "clock"),
        (start: "clock", strategy: OneForAll),
        (id: "front", children: [(id: "door")], start: "clock"),
    ],
    defaults: (worker: (restart: Transient)),
)"#;
    let expected = r#"
t.ron:2:15: /.strategy: unknown variant `OneForSome`, did you mean `OneForOne`?; there is `OneForOne`, `OneForAll`, `RestForOne`
t.ron:3:17: /.intensity: integer is out of bounds
t.ron:4:5: /: unknown field `colour`
t.ron:6:29: /till.start: unknown start function "tilll", did you mean `till`?
t.ron:6:38: /till: unknown field `restrat`, did you mean `restart`?
t.ron:7:14: /till.id: another child has the id "till", at t.ron:6:14
t.ron:7:57: /till.shutdown: "5 parsecs" is no duration: unknown time unit "parsecs", supported units: ns, us/µs, ms, sec, min, hours, days, weeks, months, years (and few variations)
t.ron:8:14: /a/b.id: an id must not be empty or contain a slash
t.ron:9:9: /[3]: the field `id` is missing
t.ron:9:36: /[3].strategy: this is a setting of supervisors, which have `children` or `include`
t.ron:10:34: /front/door: a child needs a `start`, or `children`, or an `include`
t.ron:10:56: /front.start: a child with children is a supervisor, and takes no start function
t.ron:12:16: defaults: unknown field `worker`, did you mean `workers`?"#;
    assert_eq!(mistakes(text), expected.trim());
}

#[test]
fn every_argument_that_is_wrong_is_told() {
    let text = r#"(children: [
        (id: "a", start: "till", args: (name: 5, drawer: 300, drawr: 1)),
        (id: "b", start: "till", args: (name: "b", limits: (most: 5,
            least: true))),
        (id: "c", start: "till", args: (name: "c", limits: (most: 5))),
        (id: "d", start: "till", args: (drawer: "left")),
        (id: "e", start: "till"),
        (id: "f", start: "clock", args: (at: 5)),
        (id: "g", start: "count", args: (5, 6)),
        (id: "h", start: "till", args: (name: "h", name: "i")),
    ])"#;
    let expected = r#"
t.ron:2:47: /a.args.name: expected string
t.ron:2:58: /a.args.drawer: integer is out of bounds
t.ron:2:63: /a.args: unknown field `drawr`, did you mean `drawer`?
t.ron:4:20: /b.args.limits.least: expected integer
t.ron:5:68: /c.args.limits: the field `least` is missing
t.ron:6:40: /d.args: the field `name` is missing
t.ron:6:49: /d.args.drawer: expected integer
t.ron:7:9: /e.args: the field `name` is missing
t.ron:8:41: /f.args: takes no arguments
t.ron:9:41: /g.args: expected integer
t.ron:10:52: /h.args: the field `name` is there twice
"#;
    assert_eq!(mistakes(text), expected.trim());
}

#[test]
fn a_file_that_is_not_ron_is_told_with_the_place_where_it_stops_being() {
    assert_eq!(mistakes("(children: [\n    (id: \"a\" start: \"clock\"),\n])"), "t.ron:2:14: expected comma");
    assert_eq!(mistakes("(children: [\n    (id: \"a\")"), "t.ron:2:14: expected comma");
    assert_eq!(mistakes("(children: []) 5"), "t.ron:1:16: non-whitespace trailing characters");
    assert_eq!(mistakes("[]"), "t.ron:1:1: /: expected a struct, `(field: value, …)`");
    assert_eq!(mistakes("(children: {})"), "t.ron:1:12: /.children: expected a list, `[(id: …), …]`");
    assert_eq!(mistakes("(children: [5])"), "t.ron:1:13: /[0]: expected a struct, `(field: value, …)`");
}

#[test]
fn a_child_cannot_be_significant_in_vain() {
    let text = r#"(children: [(id: "a", start: "clock", restart: Transient, significant: true)])"#;
    let expected = "t.ron:1:72: /a.significant: a child cannot be significant to a supervisor without `auto_shutdown`";
    assert_eq!(mistakes(text), expected);
    let text = r#"(auto_shutdown: AnySignificant, children: [(id: "a", start: "clock", significant: true)])"#;
    let expected = "t.ron:1:83: /a.significant: a permanent child cannot be significant, for it is always restarted";
    assert_eq!(mistakes(text), expected);
    tree(
        r#"(auto_shutdown: AnySignificant, children: [(id: "a", start: "clock", restart: Transient, significant: true)])"#,
    );
}

#[test]
fn a_pause_before_a_restart_is_checked_like_all_else() {
    let text = r#"(backoff: (frist: "1s", longest: "2s", jitter: 1.5), children: [
    (id: "a", backoff: (first: "5s", longest: "4s"), children: []),
    (id: "b", start: "clock", backoff: (first: "5s")),
    (id: "c", backoff: "5s", children: []),
    (id: "d", backoff: (first: 5), children: []),
])"#;
    let expected = r#"
t.ron:1:11: /.backoff: the field `first` is missing
t.ron:1:12: /.backoff: unknown field `frist`, did you mean `first`?
t.ron:1:48: /.backoff.jitter: jitter is a share of the pause, between 0 and 1
t.ron:2:47: /a.backoff.longest: the longest pause is shorter than the first
t.ron:3:40: /b.backoff: this is a setting of supervisors, which have `children` or `include`
t.ron:4:24: /c.backoff: expected a struct, `(field: value, …)`
t.ron:5:32: /d.backoff.first: expected string"#;
    assert_eq!(mistakes(text), expected.trim());
}

#[test]
fn a_period_of_no_time_and_a_name_for_two_are_refused() {
    let text = r#"(name: "shop", period: "0s", children: [(id: "a", name: "shop", children: [])])"#;
    let expected = "t.ron:1:24: /.period: a period of no time holds no restarts
t.ron:1:57: /a.name: another supervisor has the name \"shop\": /";
    assert_eq!(mistakes(text), expected);
}

#[test]
fn the_top_supervisor_has_no_settings_of_a_child() {
    assert_eq!(mistakes("(restart: Transient)"), "t.ron:1:2: /: unknown field `restart`");
}

#[test]
fn a_mistake_is_a_value_too() {
    let found = catalog().read(&files(r#"(children: [(id: "a", start: "clok")])"#)).unwrap_err();
    let mistake = found.iter().next().unwrap();
    assert_eq!((&*mistake.file, &*mistake.path), ("t.ron", "/a.start"));
    assert_eq!(mistake.position, Some(Position { line: 1, column: 30 }));
    assert_eq!(mistake.problem, Problem::UnknownStart { name: "clok".into(), nearest: Some("clock".into()) });
}

#[test]
fn a_file_cannot_be_deeper_than_a_reader_can_bear() {
    let depth = 100_000;
    let text = format!("(children: {}{})", "[".repeat(depth), "]".repeat(depth));
    assert!(mistakes(&text).contains("recursion"));
}

#[test]
#[should_panic(expected = "the catalog has \"clock\" already")]
fn a_catalog_has_each_name_once() {
    let empty = |(): ()| Supervisor::one_for_one();
    let _ = Catalog::new().start("clock", empty).start("clock", empty);
}
