//! Whether a list that comes and goes finds each that is there.

use std::sync::OnceLock;

use fastrand::Rng;
use proscenium_runtime::Context;
use proscenium_runtime::testing::TestSystem;

use super::*;
use crate::child_spec::process;

/// Ten of them.
fn pids() -> &'static [Pid] {
    static PIDS: OnceLock<Vec<Pid>> = OnceLock::new();
    PIDS.get_or_init(|| {
        let test = TestSystem::new(1);
        (0..10).filter_map(|_| test.spawn(|_ctx: Context<()>| async {}).pid()).collect()
    })
}

fn spec(id: &str) -> ChildSpec {
    ChildSpec::new(id, process(|_ctx: Context<()>| async {}))
}

/// Keys, ids and pids of those that run, oldest first.
type Model = Vec<(Key, String, Option<Pid>)>;

fn assert_alike(children: &Children, model: &Model, seed: u64) {
    let keys: Vec<Key> = model.iter().map(|(key, ..)| *key).collect();
    assert!(children.keys().eq(keys), "seed {seed}");
    assert!(children.iter().map(|child| &*child.id).eq(model.iter().map(|(_, id, _)| id)), "seed {seed}");
    for (key, id, pid) in model {
        assert_eq!(children.find(id).map(|(key, _)| key), Some(*key), "seed {seed}");
        let state = pid.map_or(ChildState::Stopped, ChildState::Running);
        assert_eq!(children.get(*key).map(|child| child.state), Some(state), "seed {seed}");
    }
    for pid in pids() {
        let expected = model.iter().find(|(.., has)| *has == Some(*pid)).map(|(key, ..)| *key);
        assert_eq!(children.by_pid(*pid).map(|(key, _)| key), expected, "seed {seed}");
    }
}

#[test]
fn children_that_come_and_go_are_found_by_key_id_and_pid_in_their_order() {
    for seed in 0..1000 {
        let mut rng = Rng::with_seed(seed);
        let (mut children, mut model) = (Children::default(), Model::new());
        for _ in 0..60 {
            let place = rng.usize(..10);
            match (rng.u8(..4), model.get_mut(place)) {
                (0, Some((key, ..))) => {
                    children.remove(*key);
                    model.remove(place);
                }
                (1, Some((key, _, pid))) => {
                    children.stopped(*key);
                    *pid = None;
                }
                (2, Some((key, _, pid @ None))) if children.by_pid(pids()[place]).is_none() => {
                    children.started(*key, pids()[place]);
                    *pid = Some(pids()[place]);
                }
                _ => {
                    let id = place.to_string();
                    let known = model.iter().find(|(_, known, _)| *known == id).map(|(key, ..)| *key);
                    match children.add(spec(&id)) {
                        Ok(key) => {
                            assert_eq!(known, None, "seed {seed}");
                            model.push((key, id, None));
                        }
                        Err(key) => assert_eq!(known, Some(key), "seed {seed}"),
                    }
                }
            }
            assert_alike(&children, &model, seed);
        }
    }
}

#[test]
fn those_that_are_gone_take_no_room() {
    let mut children = Children::default();
    children.add(spec("first")).unwrap();
    for _ in 0..10_000 {
        let key = children.add(spec("guest")).unwrap();
        children.remove(key);
    }
    assert!(children.places.capacity() < 10);
    assert_eq!(children.find("first").map(|(key, _)| key), Some(Key(1)));
}
