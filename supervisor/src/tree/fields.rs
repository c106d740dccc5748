//! Takes a struct of a file apart, field by field, and complains of what is left over.

use serde::de::DeserializeOwned;

use super::mistake::{Mistake, Mistakes, Problem};
use super::node::{Entry, Fault, Node};

/// A value, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) at: Node,
}

/// The fields of a struct that nobody has taken yet.
pub(crate) struct Fields<'m> {
    path: String,
    left: Vec<Entry>,
    known: Vec<&'static str>,
    mistakes: &'m mut Mistakes,
}

impl<'m> Fields<'m> {
    /// Those of `node`, which mistakes call `path`. If it is no struct, that is the mistake, and there are none.
    pub(crate) fn of(node: &Node, path: &str, mistakes: &'m mut Mistakes) -> Self {
        let left = node.fields().unwrap_or_else(|| {
            mistakes.add(mistake(node, path, Problem::Value("expected a struct, `(field: value, …)`".into())));
            Vec::new()
        });
        let mut fields = Fields { path: path.to_owned(), left: Vec::new(), known: Vec::new(), mistakes };
        left.into_iter().for_each(|field| fields.keep(field));
        fields
    }

    fn keep(&mut self, (name, value): Entry) {
        if self.left.iter().any(|(other, _)| other.text() == name.text()) {
            self.complain(&name, Problem::RepeatedField(name.text().to_owned()));
        } else {
            self.left.push((name, value));
        }
    }

    /// The value of a field as it stands; `None` if it is not there.
    pub(crate) fn node(&mut self, name: &'static str) -> Option<Node> {
        self.known.push(name);
        let place = self.left.iter().position(|(field, _)| field.text() == name)?;
        Some(self.left.remove(place).1)
    }

    /// The value of a field, and the fields that it has itself; `None` if it is not there.
    pub(crate) fn within(&mut self, name: &'static str) -> Option<(Node, Fields<'_>)> {
        let node = self.node(name)?;
        let path = format!("{}.{name}", self.path);
        let fields = Fields::of(&node, &path, self.mistakes);
        Some((node, fields))
    }

    /// The value of a field as a `T`; `None` if it is not there, or is no `T`, which is a mistake.
    pub(crate) fn take<T: DeserializeOwned>(&mut self, name: &'static str) -> Option<Located<T>> {
        let at = self.node(name)?;
        match at.read() {
            Ok(value) => Some(Located { value, at }),
            Err(fault) => {
                let path = format!("{}.{name}{}", self.path, at.way_to(fault.at));
                self.mistakes.add(faulty(&at, path, fault));
                None
            }
        }
    }

    pub(crate) fn mistakes(&mut self) -> &mut Mistakes {
        self.mistakes
    }

    pub(crate) fn complain(&mut self, at: &Node, problem: Problem) {
        self.mistakes.add(mistake(at, &self.path, problem));
    }

    /// Whatever is left is not known here.
    pub(crate) fn finish(mut self) {
        for (name, _) in std::mem::take(&mut self.left) {
            let problem = Problem::unknown_field(name.text(), self.known.iter().copied());
            self.complain(&name, problem);
        }
    }
}

pub(crate) fn mistake(at: &Node, path: &str, problem: Problem) -> Mistake {
    Mistake { file: at.file().clone(), position: at.place(at.position()), path: path.to_owned(), problem }
}

/// What RON found wrong within `node`.
pub(crate) fn faulty(node: &Node, path: String, fault: Fault) -> Mistake {
    Mistake { file: node.file().clone(), position: node.place(fault.at), path, problem: fault.problem }
}
