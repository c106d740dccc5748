//! A value of a file, with the place where it stands.
//!
//! RON's own parser reads it, level by level: what a level holds is kept as text, of which the place is known, until
//! somebody wants a value of some type from it. So one mistake does not hide the next.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use ron::Options;
use ron::error::{Error, SpannedError};
use ron::extensions::Extensions;
use ron::value::RawValue;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};

use super::mistake::{Position, Problem};

/// A text, and where it comes from.
#[derive(Debug)]
pub(crate) struct Source {
    /// The file, or what was said on the command line.
    pub(crate) file: Arc<str>,
    pub(crate) text: String,
    pub(crate) kind: SourceKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SourceKind {
    File,
    /// One value, of the command line: places in it tell nothing, and a text need not stand in quotes.
    Setting,
}

/// A value within a source.
#[derive(Clone)]
pub(crate) struct Node {
    source: Arc<Source>,
    range: Range<usize>,
}

/// A field of a struct, or an entry of a map: what names it, and its value.
pub(crate) type Entry = (Node, Node);

/// What is wrong with a value, and where.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) at: Position,
    pub(crate) problem: Problem,
}

/// RON as all our files are read: `Some` may be left out.
pub(crate) fn options() -> Options {
    Options::default().with_default_extension(Extensions::IMPLICIT_SOME)
}

impl Node {
    /// The whole of a source.
    pub(crate) fn document(source: Source) -> Result<Node, Fault> {
        let source = Arc::new(source);
        let all = Node { range: 0..source.text.len(), source };
        let raw: &RawValue = match options().from_str(all.text()) {
            Ok(raw) => raw,
            Err(error) => return Err(all.fault(&error)),
        };
        Ok(all.within(raw))
    }

    /// A value of the command line.
    pub(crate) fn setting(name: &str, text: &str) -> Node {
        let source = Source { file: name.into(), text: text.to_owned(), kind: SourceKind::Setting };
        let all = Node { range: 0..text.len(), source: Arc::new(source) };
        let raw: Result<&RawValue, _> = options().from_str(all.text());
        raw.map(|raw| all.within(raw)).unwrap_or_else(|_| all.quoted())
    }

    /// The same in quotes, if it is a setting that stands in none.
    pub(crate) fn as_text(&self) -> Option<Node> {
        (self.source.kind == SourceKind::Setting && !self.text().starts_with('"')).then(|| self.quoted())
    }

    fn quoted(&self) -> Node {
        let source =
            Source { file: self.file().clone(), text: format!("{:?}", self.source.text), kind: self.source.kind };
        Node { range: 0..source.text.len(), source: Arc::new(source) }
    }

    pub(crate) fn file(&self) -> &Arc<str> {
        &self.source.file
    }

    pub(crate) fn text(&self) -> &str {
        &self.source.text[self.range.clone()]
    }

    /// Where it begins.
    pub(crate) fn position(&self) -> Position {
        Position::of(&self.source.text, self.range.start)
    }

    /// `position`, where it tells something.
    pub(crate) fn place(&self, position: Position) -> Option<Position> {
        (self.source.kind == SourceKind::File).then_some(position)
    }

    /// Whether there is such a field, be its value good or bad; or it is no struct at all.
    pub(crate) fn has_field(&self, field: &str) -> bool {
        self.fields().is_none_or(|fields| fields.iter().any(|(name, _)| name.text() == field))
    }

    /// The fields of a struct `(name: value, …)`; `None` if it is something else.
    pub(crate) fn fields(&self) -> Option<Vec<Entry>> {
        if !self.text().starts_with('(') {
            return None;
        }
        let mut from = self.range.start;
        let named = self.level()?.fields?.into_iter().map(|(name, value)| {
            let value = self.within(value);
            let name = self.name_before(&name, from..value.range.start);
            from = value.range.end;
            (name, value)
        });
        Some(named.collect())
    }

    /// The entries of a map `{key: value, …}`; `None` if it is something else.
    pub(crate) fn entries(&self) -> Option<Vec<Entry>> {
        if !self.text().starts_with('{') {
            return None;
        }
        let entries: Vec<(&RawValue, &RawValue)> = ron_pairs(self.text())?;
        Some(entries.into_iter().map(|(key, value)| (self.within(key), self.within(value))).collect())
    }

    /// The items of a list `[value, …]`; `None` if it is something else.
    pub(crate) fn items(&self) -> Option<Vec<Node>> {
        if !self.text().starts_with('[') {
            return None;
        }
        Some(self.level()?.items?.into_iter().map(|item| self.within(item)).collect())
    }

    /// Its value as a `T`.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        options().from_str(self.text()).map_err(|error| self.fault(&error))
    }

    /// What RON says of this value, with the place in the file.
    pub(crate) fn fault(&self, error: &SpannedError) -> Fault {
        // RON tells where it began to read what it could not, and where it stopped. Where it stopped is the place of a
        // syntax error; of a value that is not of the wanted type the beginning is.
        let told = match error.code {
            Error::ExpectedComma | Error::ExpectedStructLikeEnd => error.span.end,
            _ => error.span.start,
        };
        let text = self.text();
        let lines = text.split_inclusive('\n').take(told.line - 1).map(str::len).sum();
        let offset = text[lines..].char_indices().nth(told.col - 1).map_or(text.len(), |(column, _)| lines + column);
        let space = text[offset..].len() - text[offset..].trim_start().len();
        let at = Position::of(&self.source.text, self.range.start + offset + space);
        Fault { at, problem: Problem::of(&error.code) }
    }

    /// The way from this value to what stands at `position`, such as `.limits.most` or `[2]`.
    pub(crate) fn way_to(&self, position: Position) -> String {
        let named = |(name, value): Entry| (format!(".{}", name.text()), value);
        let numbered = |(number, value)| (format!("[{number}]"), value);
        let parts: Vec<(String, Node)> = if let Some(fields) = self.fields() {
            fields.into_iter().map(named).collect()
        } else if let Some(items) = self.items() {
            items.into_iter().enumerate().map(numbered).collect()
        } else {
            return String::new();
        };
        let part = parts.into_iter().find(|(_, value)| position < value.end());
        part.map_or_else(String::new, |(step, value)| step + &value.way_to(position))
    }

    fn end(&self) -> Position {
        Position::of(&self.source.text, self.range.end)
    }

    fn level(&self) -> Option<Level<'_>> {
        ron::Deserializer::from_str_with_options(self.text(), &options()).ok()?.deserialize_any(LevelVisitor).ok()
    }

    /// The part that `raw` is, which was read from this node's text.
    fn within(&self, raw: &RawValue) -> Node {
        let value = raw.trim().get_ron();
        let offset = value.as_ptr().addr() - self.text().as_ptr().addr();
        let start = self.range.start + offset;
        Node { source: self.source.clone(), range: start..start + value.len() }
    }

    /// The name of a field, which stands last before its value.
    fn name_before(&self, name: &str, within: Range<usize>) -> Node {
        let found = self.source.text[within.clone()].rfind(name);
        let start = within.start + found.expect("the name stands before its value");
        Node { source: self.source.clone(), range: start..start + name.len() }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file(), self.position())
    }
}

/// What one level of a value holds.
#[derive(Default)]
struct Level<'a> {
    fields: Option<Vec<(String, &'a RawValue)>>,
    items: Option<Vec<&'a RawValue>>,
}

struct LevelVisitor;

impl<'de> Visitor<'de> for LevelVisitor {
    type Value = Level<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a struct or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Level<'de>, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Level { fields: Some(fields), items: None })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Level<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        // `( )` is read as an empty tuple, and is a struct without fields.
        let fields = items.is_empty().then(Vec::new);
        Ok(Level { fields, items: Some(items) })
    }

    fn visit_unit<E>(self) -> Result<Level<'de>, E> {
        Ok(Level { fields: Some(Vec::new()), items: None })
    }
}

fn ron_pairs(text: &str) -> Option<Vec<(&RawValue, &RawValue)>> {
    struct Pairs;

    impl<'de> Visitor<'de> for Pairs {
        type Value = Vec<(&'de RawValue, &'de RawValue)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut pairs = Vec::new();
            while let Some(pair) = map.next_entry()? {
                pairs.push(pair);
            }
            Ok(pairs)
        }
    }

    ron::Deserializer::from_str_with_options(text, &options()).ok()?.deserialize_map(Pairs).ok()
}
