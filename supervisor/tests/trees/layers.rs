//! Several files make one tree: what is included, what is a default, what lies over it.

use std::fs;

use proscenium_supervisor::tree::TreeFiles;

use crate::common::{catalog, tree};

const SHOP: &str = r#"(
    defaults: (workers: (restart: Transient, shutdown: Timeout("2s")), supervisors: (intensity: 3, period: "1m 30s")),
    children: [
        (id: "clock", start: "clock", restart: Temporary),
        (id: "front", include: "parts/front.ron", strategy: RestForOne),
    ],
)"#;

const FRONT: &str = r#"(
    strategy: OneForAll,
    intensity: 7,
    children: [(id: "till", start: "till", args: (name: "till", drawer: 1))],
)"#;

fn shop() -> TreeFiles {
    TreeFiles::new("shop.ron").embed("shop.ron", SHOP).embed("parts/front.ron", FRONT)
}

#[test]
fn what_is_nearer_wins_over_defaults_and_over_what_is_included() {
    let whole = tree(
        r#"(
            intensity: 3,
            period: "90s",
            children: [
                (id: "clock", start: "clock", restart: Temporary, shutdown: Timeout("2s")),
                (id: "front", strategy: RestForOne, intensity: 7, period: "90s", children: [
                    (id: "till", start: "till", args: (name: "till", drawer: 1), restart: Transient, shutdown: Timeout("2s")),
                ]),
            ],
        )"#,
    );
    assert_eq!(catalog().read(&shop()).unwrap(), whole);
}

#[test]
fn an_overlay_changes_single_settings_and_single_arguments() {
    let overlay = r#"{
        "/": (strategy: OneForAll),
        "/clock": (restart: Permanent),
        "/front": (intensity: 9),
        "/front/till": (args: (drawer: 2)),
    }"#;
    let read = |files: &TreeFiles| catalog().read(files).unwrap();
    let changed = read(&shop().overlay("here.ron").embed("here.ron", overlay));
    let expected = "\
stop /front/till, to restart with other arguments
change /: strategy OneForOne -> OneForAll, clock's restart Temporary -> Permanent
change /front: intensity 7 -> 9
start /front/till";
    assert_eq!(read(&shop()).plan(&changed).to_string(), expected);
}

#[test]
fn an_overlay_changes_a_part_of_a_backoff() {
    let shop = r#"(defaults: (supervisors: (backoff: (first: "1s", jitter: 0.5, seed: 7))), children: [])"#;
    let files = TreeFiles::new("shop.ron").embed("shop.ron", shop);
    let overlaid = files.clone().overlay("here.ron").embed("here.ron", r#"{"/": (backoff: (longest: "5s"))}"#);
    let read = |files: &TreeFiles| catalog().read(files).unwrap();
    assert_eq!(read(&files), tree(r#"(backoff: (first: "1s", longest: "1m", jitter: 0.5, seed: 7), children: [])"#));
    assert_eq!(read(&overlaid), tree(r#"(backoff: (first: "1s", longest: "5s", jitter: 0.5, seed: 7), children: [])"#));
    let plan = read(&files).plan(&read(&overlaid)).to_string();
    assert!(plan.starts_with("change /: backoff Some(Backoff { first: 1s, longest: 60s"), "{plan}");
}

#[test]
fn the_last_overlay_wins() {
    let files = shop().overlay("one").embed("one", r#"{"/": (intensity: 1)}"#);
    let files = files.overlay("two").embed("two", r#"{"/": (intensity: 2)}"#);
    let plan = catalog().read(&shop()).unwrap().plan(&catalog().read(&files).unwrap());
    assert_eq!(plan.to_string(), "change /: intensity 3 -> 2");
}

#[test]
fn an_overlay_is_checked_as_a_tree_is() {
    let overlay = r#"{
        "/front/tell": (restart: Permanent),
        "/front": (intensity: "many", children: []),
        "/clock": (retsart: Permanent),
        front: (),
        "/front/till": (start: "clok"),
    }"#;
    let files = shop().overlay("here.ron").embed("here.ron", overlay);
    let expected = "\
here.ron:2:9: there is no /front/tell, did you mean `/front/till`?
here.ron:3:31: /front.intensity: expected integer
here.ron:3:49: /front: an overlay changes settings, not which children there are
here.ron:4:20: /clock: unknown field `retsart`, did you mean `restart`?
here.ron:5:9: expected string
here.ron:6:32: /front/till.start: unknown start function \"clok\", did you mean `clock`?";
    assert_eq!(catalog().read(&files).unwrap_err().to_string(), expected);
}

#[test]
fn a_mistake_in_an_included_file_is_told_with_that_file() {
    let files = shop().embed("parts/front.ron", r#"(children: [(id: "till", start: "tell")])"#);
    let expected = r#"parts/front.ron:1:33: /front/till.start: unknown start function "tell", did you mean `till`?"#;
    assert_eq!(catalog().read(&files).unwrap_err().to_string(), expected);
}

#[test]
fn a_file_that_includes_itself_is_refused() {
    let files = TreeFiles::new("./a.ron")
        .embed("a.ron", r#"(children: [(id: "b", include: "b/b.ron")])"#)
        .embed("b/b.ron", r#"(children: [(id: "a", include: "../a.ron")])"#);
    let expected = "b/b.ron:1:32: /b/a: the file includes itself";
    assert_eq!(catalog().read(&files).unwrap_err().to_string(), expected);
}

#[test]
fn files_are_read_from_the_disk_beside_the_one_that_includes_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("parts")).unwrap();
    fs::write(path("shop.ron"), SHOP).unwrap();
    fs::write(path("parts/front.ron"), FRONT).unwrap();
    fs::write(path("here.ron"), r#"{"/front": (intensity: 9)}"#).unwrap();
    let read = |files: &TreeFiles| catalog().read(files).unwrap();
    let on_disk = TreeFiles::new(path("shop.ron"));
    assert_eq!(read(&on_disk), read(&shop()));
    let plan = read(&on_disk).plan(&read(&on_disk.clone().overlay(path("here.ron"))));
    assert_eq!(plan.to_string(), "change /front: intensity 7 -> 9");
}

#[test]
fn a_file_that_cannot_be_read_is_told_where_it_is_included() {
    let files = TreeFiles::new("t.ron").embed("t.ron", r#"(children: [(id: "a", include: "nowhere.ron")])"#);
    let told = catalog().read(&files.overlay("gone.ron")).unwrap_err().to_string();
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines[0].starts_with("gone.ron: cannot be read: No such file"), "{told}");
    assert!(lines[1].starts_with("t.ron:1:32: /a: cannot be read: nowhere.ron: No such file"), "{told}");
    assert_eq!(lines.len(), 2);
}
