//! A tree as its files describe it, put together and not yet checked.

use super::fields::Located;
use super::nearest::nearest;
use super::node::Node;
use super::partial::Settings;

/// One child, or the top supervisor.
#[derive(Clone)]
pub(crate) struct Draft {
    /// Where it is described.
    pub(crate) at: Node,
    /// As mistakes call it.
    pub(crate) path: String,
    pub(crate) id: Option<Located<String>>,
    pub(crate) settings: Settings,
    /// Those of a supervisor.
    pub(crate) children: Option<Vec<Draft>>,
}

impl Draft {
    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_ref().map(|id| &*id.value)
    }

    /// As [`Node::has_field`].
    pub(crate) fn has_field(&self, field: &str) -> bool {
        self.at.has_field(field)
    }

    /// The one at `path`, such as `/front/till`; this one is `/`.
    pub(crate) fn find(&mut self, path: &str) -> Option<&mut Draft> {
        let ids = path.strip_prefix('/')?.split('/').filter(|_| path != "/");
        let mut found = self;
        for id in ids {
            found = found.children.as_mut()?.iter_mut().find(|child| child.id() == Some(id))?;
        }
        Some(found)
    }

    /// The path of a child that is most like `path`.
    pub(crate) fn nearest(&self, path: &str) -> Option<String> {
        let mut all = Vec::new();
        self.paths(&mut all);
        nearest(path, all.into_iter())
    }

    fn paths<'a>(&'a self, all: &mut Vec<&'a str>) {
        all.push(&self.path);
        self.children.iter().flatten().for_each(|child| child.paths(all));
    }
}
