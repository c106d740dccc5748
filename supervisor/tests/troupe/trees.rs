//! Troupes in trees that files describe.

use std::sync::Arc;

use proscenium_behaviours::SysError;
use proscenium_runtime::testing::TestSystem;
use proscenium_runtime::{Address, Context, Parent};
use proscenium_supervisor::tree::{Catalog, TreeFiles};
use proscenium_supervisor::{StartChild, Starting, Troupe, TroupeRef, TroupeSettings};
use serde::Deserialize;

use super::common::{Log, Work, players};

/// A start that somebody else has, too.
pub(crate) struct Shared(pub(crate) Arc<Troupe<Work>>);

impl StartChild for Shared {
    fn start_child<'a>(&'a self, parent: &'a Parent) -> Starting<'a> {
        self.0.start_child(parent)
    }
}

#[derive(Clone, PartialEq, Deserialize)]
struct Args {
    name: String,
    #[serde(default)]
    settings: TroupeSettings,
}

fn catalog() -> Catalog {
    Catalog::new().start("players", |args: Args| players(&Log::default()).settings(args.settings).name(&args.name))
}

fn files(settings: &str) -> TreeFiles {
    let tree = format!(r#"(children: [(id: "players", start: "players", args: (name: "cast"{settings}))])"#);
    TreeFiles::new("house.ron").embed("house.ron", &tree)
}

#[test]
fn a_file_describes_a_troupe() {
    let tree = catalog().read(&files(r#", settings: (min_workers: 3, max_workers: 5, idle_time: "5s")"#)).unwrap();
    TestSystem::new(1).run(|mut ctx: Context<()>| async move {
        tree.start_link(&mut ctx).await.unwrap();
        let players: Address<Work> = ctx.system().named("cast");
        assert!(players.call(Work::Who).await.is_ok());
        let troupe: TroupeRef<Work> = TroupeRef::find(ctx.system(), "cast").await.unwrap();
        assert_eq!((troupe.status().workers, troupe.settings().max_workers), (3, 5));
        let error = TroupeRef::<Work>::find(ctx.system(), "crew").await.unwrap_err();
        assert!(matches!(error, SysError::Call(_)), "{error}");
    });
}

#[test]
fn a_mistake_in_its_settings_is_told() {
    let mistakes = catalog().read(&files(", settings: (min_workers: 3, max_wrokers: 5)")).unwrap_err().to_string();
    assert!(mistakes.contains("max_wrokers"), "{mistakes}");
}
