//! The files of a tree: one that begins it, what that includes, and overlays over them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::draft::Draft;
use super::fields::{Fields, Located, faulty, mistake};
use super::mistake::{Mistake, Mistakes, Problem};
use super::node::{Node, Source, SourceKind};
use super::partial::{Defaults, Flags, Policy, Settings, Worker, read_overlay};

/// Which files a tree is read from; see [`Catalog::read`](crate::tree::Catalog::read).
///
/// Later overlays win over earlier ones, and any of them over the tree's own files.
///
/// # Examples
///
/// ```
/// use proscenium_supervisor::tree::{Catalog, TreeFiles};
///
/// let files = TreeFiles::new("shop.ron")
///     .embed("shop.ron", "(intensity: 3, children: [])")
///     .overlay("here.ron")
///     .embed("here.ron", r#"{"/": (intensty: 5)}"#);
/// let mistakes = Catalog::new().read(&files).unwrap_err();
/// assert_eq!(mistakes.to_string(), "here.ron:1:8: /: unknown field `intensty`, did you mean `intensity`?");
/// ```
#[derive(Clone, Debug)]
pub struct TreeFiles {
    tree: PathBuf,
    overlays: Vec<PathBuf>,
    embedded: BTreeMap<PathBuf, Arc<str>>,
}

impl TreeFiles {
    /// The file that describes the top supervisor. What it and others include is looked for beside the including file.
    pub fn new(tree: impl Into<PathBuf>) -> Self {
        TreeFiles { tree: tree.into(), overlays: Vec::new(), embedded: BTreeMap::new() }
    }

    /// Lays a file over the tree: a map from paths to settings, such as `{"/front/till": (restart: Transient)}`.
    #[must_use]
    pub fn overlay(mut self, file: impl Into<PathBuf>) -> Self {
        self.overlays.push(file.into());
        self
    }

    /// Gives a file's text, which is then not looked for on the disk; for texts that are part of the program.
    #[must_use]
    pub fn embed(mut self, file: impl Into<PathBuf>, text: &str) -> Self {
        self.embedded.insert(normal(&file.into()), text.into());
        self
    }

    /// Reads them all. `None` if the first of them is no tree at all.
    pub(crate) fn draft(&self, mistakes: &mut Mistakes) -> Option<Draft> {
        let mut reader = Reader { files: self, mistakes, open: Vec::new() };
        let mut draft = reader.tree(&self.tree, None, "/", &Defaults::default())?;
        for overlay in &self.overlays {
            reader.overlay(overlay, &mut draft);
        }
        Some(draft)
    }

    fn text(&self, file: &Path) -> Result<String, String> {
        match self.embedded.get(file) {
            Some(text) => Ok((**text).to_owned()),
            None => fs::read_to_string(file).map_err(|error| error.to_string()),
        }
    }
}

struct Reader<'a> {
    files: &'a TreeFiles,
    mistakes: &'a mut Mistakes,
    /// The files being read, each included by the one before.
    open: Vec<PathBuf>,
}

impl Reader<'_> {
    /// The document in a file. If it cannot be read, that is a mistake of who `includes` it, or else of the file.
    fn document(&mut self, file: &Path, includes: Option<&Node>, path: &str) -> Option<Node> {
        let name: Arc<str> = file.to_string_lossy().into();
        let text = match self.files.text(file) {
            Ok(text) => text,
            Err(error) => {
                let problem = Problem::Unreadable(match includes {
                    Some(_) => format!("{name}: {error}"),
                    None => error,
                });
                let whole = Mistake { file: name, position: None, path: String::new(), problem: problem.clone() };
                self.mistakes.add(includes.map_or(whole, |node| mistake(node, path, problem)));
                return None;
            }
        };
        read_document(name, text, self.mistakes)
    }

    /// The supervisor that a file describes.
    fn tree(&mut self, file: &Path, includes: Option<&Node>, path: &str, below: &Defaults) -> Option<Draft> {
        let file = normal(file);
        if let Some(node) = includes.filter(|_| self.open.contains(&file)) {
            self.mistakes.add(mistake(node, path, Problem::IncludesItself));
            return None;
        }
        let node = self.document(&file, includes, path)?;
        self.open.push(file);
        let mut fields = Fields::of(&node, path, self.mistakes);
        let defaults = Defaults::read(&mut fields).over(below.clone());
        let flags = Flags::read(&mut fields).over(defaults.supervisors.1.clone());
        let children = fields.node("children");
        fields.finish();
        let children = children.map_or_else(Vec::new, |list| self.children(&list, path, &defaults));
        self.open.pop();
        let settings = Settings { flags, ..Settings::default() };
        Some(Draft { at: node, path: path.to_owned(), id: None, settings, children: Some(children) })
    }

    fn children(&mut self, list: &Node, path: &str, defaults: &Defaults) -> Vec<Draft> {
        let items = list.items().unwrap_or_else(|| {
            let problem = Problem::Value("expected a list, `[(id: …), …]`".into());
            self.mistakes.add(mistake(list, &format!("{path}.children"), problem));
            Vec::new()
        });
        items.iter().enumerate().map(|(number, node)| self.child(node, path, number, defaults)).collect()
    }

    fn child(&mut self, node: &Node, parent: &str, number: usize, defaults: &Defaults) -> Draft {
        let path = path_of(node, parent, number);
        let mut fields = Fields::of(node, &path, self.mistakes);
        let id: Option<Located<String>> = fields.take("id");
        let mut settings = Settings {
            policy: Policy::read(&mut fields),
            flags: Flags::read(&mut fields),
            worker: Worker::read(&mut fields),
        };
        let list = fields.node("children");
        let include: Option<Located<String>> = fields.take("include");
        if let (Some(list), Some(_)) = (&list, &include) {
            fields.complain(list, Problem::Combination("children stand in the file that is included"));
        }
        fields.finish();

        let mut children = list.map(|list| self.children(&list, &path, defaults));
        if let Some(include) = include {
            let file = self.beside(&include.value);
            let included = self.tree(&file, Some(&include.at), &path, defaults);
            children = Some(included.as_ref().and_then(|draft| draft.children.clone()).unwrap_or_default());
            settings = settings.over(included.map(|draft| draft.settings).unwrap_or_default());
        }
        let common = match children {
            Some(_) => {
                let (policy, flags) = defaults.supervisors.clone();
                Settings { policy, flags, ..Settings::default() }
            }
            None => Settings { policy: defaults.workers.clone(), ..Settings::default() },
        };
        Draft { at: node.clone(), path, id, settings: settings.over(common), children }
    }

    /// A file that is included by the one being read.
    fn beside(&self, file: &str) -> PathBuf {
        let folder = self.open.last().and_then(|file| file.parent());
        folder.map_or_else(|| file.into(), |folder| folder.join(file))
    }

    fn overlay(&mut self, file: &Path, draft: &mut Draft) {
        let Some(node) = self.document(&normal(file), None, "") else { return };
        let Some(entries) = node.entries() else {
            let problem = Problem::Value(r#"expected a map, `{"/path": (setting: value), …}`"#.into());
            return self.mistakes.add(mistake(&node, "", problem));
        };
        for (key, value) in entries {
            match key.read::<String>() {
                Ok(path) => self.lay(&path, &key, &value, draft),
                Err(fault) => self.mistakes.add(faulty(&key, String::new(), fault)),
            }
        }
    }

    fn lay(&mut self, path: &str, key: &Node, value: &Node, draft: &mut Draft) {
        let settings = read_overlay(value, path, self.mistakes);
        match draft.find(path) {
            Some(child) => {
                let below = std::mem::take(&mut child.settings);
                child.settings = settings.over(below);
            }
            None => {
                let problem = Problem::NoSuchChild { path: path.to_owned(), nearest: draft.nearest(path) };
                self.mistakes.add(mistake(key, "", problem));
            }
        }
    }
}

/// The document that a file's text is.
pub(crate) fn read_document(file: Arc<str>, text: String, mistakes: &mut Mistakes) -> Option<Node> {
    let source = Source { file: file.clone(), text, kind: SourceKind::File };
    let fault = match Node::document(source) {
        Ok(node) => return Some(node),
        Err(fault) => fault,
    };
    mistakes.add(Mistake { file, position: Some(fault.at), path: String::new(), problem: fault.problem });
    None
}

/// The path that mistakes in a child's settings are reported with. A child without an id is called by its number.
fn path_of(node: &Node, parent: &str, number: usize) -> String {
    let fields = node.fields().unwrap_or_default();
    let id = fields.iter().find(|(name, _)| name.text() == "id").and_then(|(_, id)| id.read::<String>().ok());
    let above = parent.strip_suffix('/').unwrap_or(parent);
    id.map_or_else(|| format!("{above}/[{number}]"), |id| format!("{above}/{id}"))
}

/// The same file without `.` and, where the text tells, without `..`.
fn normal(file: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in file.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}
