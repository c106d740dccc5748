//! Where in a tree a child is.

use std::fmt;
use std::sync::Arc;

/// The ids from below the top supervisor down to a child. Prints as `/front/till`, and as `/` for the top supervisor
/// itself.
///
/// # Examples
///
/// ```
/// use proscenium_supervisor::tree::TreePath;
///
/// let till = TreePath::top().child("front").child("till");
/// assert_eq!((till.to_string(), TreePath::top().to_string()), ("/front/till".to_owned(), "/".to_owned()));
/// assert_eq!((till.id(), till.ids().collect::<Vec<_>>()), (Some("till"), vec!["front", "till"]));
/// assert_eq!(till.parent(), Some(TreePath::top().child("front")));
/// assert!(till.is_within(&TreePath::top()) && till.is_within(&till));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(Vec<Arc<str>>);

impl TreePath {
    /// That of the top supervisor.
    pub fn top() -> Self {
        TreePath::default()
    }

    /// That of the child with that id.
    #[must_use]
    pub fn child(&self, id: &str) -> Self {
        TreePath(self.0.iter().cloned().chain([id.into()]).collect())
    }

    /// That of the supervisor; `None` at the top.
    pub fn parent(&self) -> Option<Self> {
        let (_, above) = self.0.split_last()?;
        Some(TreePath(above.to_vec()))
    }

    /// Whether it is `other` or leads further down from there.
    pub fn is_within(&self, other: &TreePath) -> bool {
        self.0.starts_with(&other.0)
    }

    /// The ids, from the top down.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.iter().map(|id| &**id)
    }

    /// The child's id among its siblings; `None` at the top.
    pub fn id(&self) -> Option<&str> {
        self.ids().next_back()
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("/");
        }
        self.ids().try_for_each(|id| write!(f, "/{id}"))
    }
}

/// Whether an id can be part of a path.
pub(crate) fn is_good_id(id: &str) -> bool {
    !id.is_empty() && !id.contains('/')
}
