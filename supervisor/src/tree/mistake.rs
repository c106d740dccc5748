//! What can be wrong with a file, each mistake with its place.

use std::fmt;
use std::sync::Arc;

use ron::error::Error;

use super::nearest::nearest;

/// All that is wrong with the files of a tree or an environment, by file and place. Prints one mistake a line.
///
/// # Examples
///
/// ```
/// # mod plant { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/plant.rs")); }
/// # use plant::*;
/// let mistakes = try_plant(r#"(strategy: OneForNone, children: [(id: "a", start: "wroker", args: 1)])"#).unwrap_err();
/// assert_eq!(mistakes.iter().len(), 2); // All of them, at once.
/// let places: Vec<String> = mistakes.iter().map(|mistake| mistake.position.unwrap().to_string()).collect();
/// assert_eq!(places, ["1:12", "1:52"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// They, one by one; there is at least one.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Mistake> {
        self.0.iter()
    }

    pub(crate) fn add(&mut self, mistake: Mistake) {
        self.0.push(mistake);
    }

    /// `value`, if there are none.
    pub(crate) fn or<T>(mut self, value: T) -> Result<T, Mistakes> {
        if self.0.is_empty() {
            return Ok(value);
        }
        self.0.sort_by(|a, b| (&a.file, a.position).cmp(&(&b.file, b.position)));
        Err(self)
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, mistake) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{mistake}")?;
        }
        Ok(())
    }
}

/// One thing that is wrong. Prints as ``tree.ron:4:9: /front/till: unknown field `restrat`, did you mean `restart`?``.
///
/// # Examples
///
/// ```
/// use proscenium_supervisor::tree::Mistake;
///
/// # mod plant { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/plant.rs")); }
/// # use plant::*;
/// let mistakes = try_plant(r#"(children: [(id: "a", start: "worker", args: "one")])"#).unwrap_err();
/// let mistake: &Mistake = mistakes.iter().next().unwrap();
/// assert_eq!((&*mistake.file, &*mistake.path), ("tree.ron", "/a.args"));
/// assert!(mistake.to_string().starts_with("tree.ron:1:46: /a.args: "));
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file, by the name under which it was to be read.
    pub file: Arc<str>,
    /// Where in the file; `None` if the file itself is the matter.
    pub position: Option<Position>,
    /// Of what, such as `/front/till.args.drawer`: the ids from the top supervisor down, and then the fields.
    pub path: String,
    /// What is wrong.
    pub problem: Problem,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(position) = self.position {
            write!(f, ":{position}")?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.problem)
    }
}

/// A place in a text, both counted from one, columns in characters. Prints as `4:9`.
///
/// # Examples
///
/// ```
/// # mod plant { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/plant.rs")); }
/// # use plant::*;
/// let mistakes = try_plant("(\n    intensty: 5,\n)").unwrap_err();
/// let position = mistakes.iter().next().unwrap().position.unwrap();
/// assert_eq!((position.line, position.column, position.to_string()), (2, 5, "2:5".to_owned()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a place has no more than that")]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Position {
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let before = &text[..offset];
        let line = before.rsplit('\n').next().unwrap_or_default();
        Position { line: before.matches('\n').count() + 1, column: line.chars().count() + 1 }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// What is wrong.
///
/// # Examples
///
/// ```
/// use proscenium_supervisor::tree::Problem;
///
/// # mod plant { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/plant.rs")); }
/// # use plant::*;
/// let mistakes = try_plant(r#"(children: [(id: "a", start: "wroker", args: 1)])"#).unwrap_err();
/// let problem = &mistakes.iter().next().unwrap().problem;
/// let Problem::UnknownStart { name, nearest } = problem else { unreachable!("nothing else is wrong") };
/// assert_eq!((&**name, nearest.as_deref()), ("wroker", Some("worker")));
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// The file includes itself, by way of others or directly.
    #[error("the file includes itself")]
    IncludesItself,
    /// It is not RON, or a value of another type than is wanted here.
    #[error("{0}")]
    Value(String),
    /// There is no such field here.
    #[error("unknown field `{name}`{}", suggestion(nearest.as_deref()))]
    UnknownField {
        /// Its name.
        name: String,
        /// The known one that is most like it.
        nearest: Option<String>,
    },
    /// There is no such application.
    #[error("unknown application `{name}`{}", suggestion(nearest.as_deref()))]
    UnknownApplication {
        /// Its name.
        name: String,
        /// The known one that is most like it.
        nearest: Option<String>,
    },
    /// There is no such variant.
    #[error("unknown variant `{name}`{}; there is {known}", suggestion(nearest.as_deref()))]
    UnknownVariant {
        /// Its name.
        name: String,
        /// The known one that is most like it.
        nearest: Option<String>,
        /// All known ones.
        known: String,
    },
    /// The catalog has no such start function.
    #[error("unknown start function {name:?}{}", suggestion(nearest.as_deref()))]
    UnknownStart {
        /// Its name.
        name: String,
        /// The known one that is most like it.
        nearest: Option<String>,
    },
    /// An overlay speaks of a child that is not there.
    #[error("there is no {path}{}", suggestion(nearest.as_deref()))]
    NoSuchChild {
        /// Its path.
        path: String,
        /// That of a child which is there.
        nearest: Option<String>,
    },
    /// A field that must be there is not.
    #[error("the field `{0}` is missing")]
    MissingField(String),
    /// A field is there twice.
    #[error("the field `{0}` is there twice")]
    RepeatedField(String),
    /// Two children of one supervisor have one id.
    #[error("another child has the id {id:?}, at {first}")]
    DuplicateId {
        /// The id.
        id: String,
        /// Where the other one stands.
        first: String,
    },
    /// Two supervisors have one name.
    #[error("another supervisor has the name {name:?}: {first}")]
    DuplicateName {
        /// The name.
        name: String,
        /// The path of the other one.
        first: String,
    },
    /// An id that could not be part of a path.
    #[error("an id must not be empty or contain a slash")]
    BadId,
    /// Each of these settings would do alone, but not together.
    #[error("{0}")]
    Combination(&'static str),
}

impl Problem {
    /// What RON says is wrong.
    pub(crate) fn of(error: &Error) -> Self {
        match error {
            Error::NoSuchStructField { expected, found, .. } => Problem::unknown_field(found, expected.iter().copied()),
            Error::NoSuchEnumVariant { expected, found, .. } => Problem::UnknownVariant {
                name: found.clone(),
                nearest: nearest(found, expected.iter().copied()),
                known: list(expected),
            },
            Error::MissingStructField { field, .. } => Problem::MissingField((*field).to_owned()),
            Error::DuplicateStructField { field, .. } => Problem::RepeatedField((*field).to_owned()),
            other => Problem::Value(in_lower_case(&other.to_string())),
        }
    }

    pub(crate) fn unknown_field<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Self {
        Problem::UnknownField { name: name.to_owned(), nearest: nearest(name, known) }
    }

    pub(crate) fn unknown_application<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Self {
        Problem::UnknownApplication { name: name.to_owned(), nearest: nearest(name, known) }
    }
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!(", did you mean `{name}`?"))
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn in_lower_case(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
