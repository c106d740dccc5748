//! The start functions that a file may name.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::arguments::{self, Arguments};
use super::check::check;
use super::draft::Draft;
use super::files::TreeFiles;
use super::mistake::{Mistakes, Problem};
use super::nearest::nearest;
use super::partial::Args;
use super::shape::{Tree, WorkerStart};
use crate::child_spec::StartChild;

/// The start functions that the files of a tree may name: a file can start nothing else.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::{Context, testing::TestSystem};
/// use proscenium_supervisor::tree::{Catalog, TreeFiles};
/// use proscenium_supervisor::process;
/// use serde::Deserialize;
///
/// #[derive(Clone, PartialEq, Deserialize)]
/// struct Shelf {
///     name: String,
///     boards: u32,
/// }
///
/// let catalog = Catalog::new().start("shelf", |shelf: Shelf| {
///     assert_eq!(shelf.boards, 3);
///     process(|mut ctx: Context<()>| async move { ctx.receive_message().await }).name(&shelf.name)
/// });
/// let files = TreeFiles::new("shop.ron").embed(
///     "shop.ron",
///     r#"(
///         strategy: RestForOne,
///         children: [(id: "shelf", start: "shelf", args: (name: "left", boards: 3), restart: Transient)],
///     )"#,
/// );
/// let tree = catalog.read(&files).unwrap();
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     tree.start_link(&mut ctx).await.unwrap();
///     assert!(ctx.system().whereis("left").is_some());
/// });
/// ```
#[derive(Default)]
pub struct Catalog {
    starts: BTreeMap<Arc<str>, Box<dyn Make>>,
}

impl Catalog {
    /// An empty one, with which a file can describe supervisors only.
    pub fn new() -> Self {
        Catalog::default()
    }

    /// Adds a start function: files name it, and its arguments are read from them.
    ///
    /// `make` is called once for each child that names it, when the files are read. What it returns starts the child,
    /// any number of times: a server's [`Start`](proscenium_behaviours::Start), as `Server::start` itself returns it,
    /// or whatever else [`StartChild`] is implemented for. The arguments are compared to find out whether a changed
    /// file changes a child.
    ///
    /// # Panics
    /// If the catalog has that name already.
    #[must_use]
    pub fn start<A, S>(mut self, name: &str, make: impl Fn(A) -> S + Send + Sync + 'static) -> Self
    where
        A: DeserializeOwned + Clone + PartialEq + Send + Sync + 'static,
        S: StartChild,
    {
        let make = move |args: A| -> Arc<dyn StartChild> { Arc::new(make(args)) };
        let before = self.starts.insert(name.into(), Box::new(Maker { make, args: PhantomData }));
        assert!(before.is_none(), "the catalog has {name:?} already");
        self
    }

    /// Reads a tree, and checks all of it: nothing is started.
    ///
    /// # Errors
    /// All mistakes at once, but for these: of a file that is not RON the first, and of an argument that holds others,
    /// again the first of those.
    pub fn read(&self, files: &TreeFiles) -> Result<Tree, Mistakes> {
        let mut mistakes = Mistakes::default();
        let draft = files.draft(&mut mistakes);
        let tree = draft.map(|draft| check(&draft, self, &mut mistakes));
        mistakes.or(tree).map(|tree| tree.expect("without a mistake there is a tree"))
    }

    /// The start of a worker.
    pub(crate) fn make(
        &self,
        name: &str,
        args: Option<&Args>,
        child: &Draft,
        mistakes: &mut Mistakes,
    ) -> Result<Option<WorkerStart>, Problem> {
        let Some((name, make)) = self.starts.get_key_value(name) else {
            let nearest = nearest(name, self.starts.keys().map(|known| &**known));
            return Err(Problem::UnknownStart { name: name.to_owned(), nearest });
        };
        let made = make.make(args, child, mistakes);
        Ok(made.map(|(args, start)| WorkerStart { name: name.clone(), args, start }))
    }
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Catalog").field(&self.starts.keys()).finish()
    }
}

type Made = (Arc<dyn Arguments>, Arc<dyn StartChild>);

/// A start function, whatever it takes and makes.
trait Make: Send + Sync {
    fn make(&self, args: Option<&Args>, child: &Draft, mistakes: &mut Mistakes) -> Option<Made>;
}

struct Maker<A, F> {
    make: F,
    args: PhantomData<fn(A)>,
}

impl<A, F> Make for Maker<A, F>
where
    A: DeserializeOwned + Clone + PartialEq + Send + Sync + 'static,
    F: Fn(A) -> Arc<dyn StartChild> + Send + Sync,
{
    fn make(&self, args: Option<&Args>, child: &Draft, mistakes: &mut Mistakes) -> Option<Made> {
        let args: A = arguments::read(args, child, mistakes)?;
        let start = (self.make)(args.clone());
        Some((Arc::new(args), start))
    }
}
