//! The typed arguments of start functions.
//!
//! Serde stops at the first mistake. Here each field is read from its own text, so what is wrong with one is told, and
//! the rest is read again without it.

use std::any::Any;
use std::collections::BTreeSet;
use std::fmt;

use ron::error::{Error, SpannedError};
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::draft::Draft;
use super::fields::{faulty, mistake};
use super::mistake::{Mistakes, Problem};
use super::node::{Entry, Node, options};
use super::partial::Args;

/// What a start function is given, whatever its type.
pub(crate) trait Arguments: Any + Send + Sync {
    fn equals(&self, other: &dyn Arguments) -> bool;
}

impl<A: PartialEq + Send + Sync + 'static> Arguments for A {
    fn equals(&self, other: &dyn Arguments) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<A>().is_some_and(|other| other == self)
    }
}

impl fmt::Debug for dyn Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Arguments")
    }
}

/// Reads what `args` say, for `child`. What is wrong is added to `mistakes`, and then there is no value.
pub(crate) fn read<A: DeserializeOwned>(args: Option<&Args>, child: &Draft, mistakes: &mut Mistakes) -> Option<A> {
    let path = format!("{}.args", child.path);
    match args {
        Some(Args::Value(node)) => match node.read() {
            Ok(value) => Some(value),
            Err(fault) => {
                let path = path + &node.way_to(fault.at);
                mistakes.add(faulty(node, path, fault));
                None
            }
        },
        Some(Args::Fields { at, fields }) => read_fields(fields, at, &path, mistakes),
        None => read_fields(&[], &child.at, &path, mistakes),
    }
}

/// Reads a value of the fields of `at`, which mistakes call `path`.
pub(crate) fn read_fields<A: DeserializeOwned>(
    fields: &[Entry],
    at: &Node,
    path: &str,
    mistakes: &mut Mistakes,
) -> Option<A> {
    let mut reader = Reader { fields: fields.to_vec(), bad: BTreeSet::new(), path, mistakes };
    reader.refuse_repeated();
    loop {
        match reader.attempt::<A>() {
            Ok(value) => return reader.bad.is_empty().then_some(value),
            Err(Failure::Told) => {}
            Err(Failure::Whole(error)) => {
                reader.refuse_whole(at, &error);
                return None;
            }
        }
    }
}

/// Reads a value again and again, each time without the fields in which it has found mistakes.
struct Reader<'a> {
    fields: Vec<Entry>,
    /// The numbers of those.
    bad: BTreeSet<usize>,
    path: &'a str,
    mistakes: &'a mut Mistakes,
}

/// Why there is no value.
enum Failure {
    /// Of a field, of which it is known now. It is worth another attempt.
    Told,
    /// Of no field in particular.
    Whole(Error),
}

impl Reader<'_> {
    fn refuse(&mut self, number: usize, problem: Problem) {
        self.bad.insert(number);
        self.mistakes.add(mistake(&self.fields[number].0, self.path, problem));
    }

    fn name(&self, number: usize) -> &str {
        self.fields[number].0.text()
    }

    fn refuse_repeated(&mut self) {
        for number in 0..self.fields.len() {
            if (0..number).any(|before| self.name(before) == self.name(number)) {
                self.refuse(number, Problem::RepeatedField(self.name(number).to_owned()));
            }
        }
    }

    fn attempt<A: DeserializeOwned>(&mut self) -> Result<A, Failure> {
        let mut attempt = Attempt { fields: &self.fields, known: None, failed: None };
        let outcome = A::deserialize(Reading { attempt: &mut attempt, bad: &self.bad });
        let Attempt { known, failed, .. } = attempt;
        if self.refuse_unknown(known) {
            return Err(Failure::Told);
        }
        match (outcome, failed) {
            (Ok(value), _) => Ok(value),
            (Err(_), Some((number, error))) => {
                self.refuse_value(number, &error);
                Err(Failure::Told)
            }
            (Err(error), None) => Err(Failure::Whole(error)),
        }
    }

    /// Whether there are fields that are not among the known ones.
    fn refuse_unknown(&mut self, known: Option<&'static [&'static str]>) -> bool {
        let Some(known) = known else { return false };
        let is_unknown = |number: &usize| !known.contains(&self.name(*number)) && !self.bad.contains(number);
        let unknown: Vec<usize> = (0..self.fields.len()).filter(is_unknown).collect();
        for number in &unknown {
            self.refuse(*number, Problem::unknown_field(self.name(*number), known.iter().copied()));
        }
        !unknown.is_empty()
    }

    fn refuse_value(&mut self, number: usize, error: &SpannedError) {
        let (name, value) = &mut self.fields[number];
        if let Some(text) = value.as_text() {
            *value = text;
            return;
        }
        self.bad.insert(number);
        let fault = value.fault(error);
        let path = format!("{}.{}{}", self.path, name.text(), value.way_to(fault.at));
        self.mistakes.add(faulty(value, path, fault));
    }

    fn refuse_whole(&mut self, at: &Node, error: &Error) {
        // A field that was left out because of a mistake is not missing.
        let is_told = |field: &str| self.bad.iter().any(|number| self.name(*number) == field);
        if !matches!(error, Error::MissingStructField { field, .. } if is_told(field)) {
            self.mistakes.add(mistake(at, self.path, Problem::of(error)));
        }
    }
}

/// What is learnt while a value is made of fields.
struct Attempt<'a> {
    fields: &'a [Entry],
    /// What fields the value has, if it is a struct.
    known: Option<&'static [&'static str]>,
    /// The field that could not be read.
    failed: Option<(usize, SpannedError)>,
}

/// Makes a value of all fields that are not known to be bad.
struct Reading<'r, 'a> {
    attempt: &'r mut Attempt<'a>,
    bad: &'r BTreeSet<usize>,
}

impl<'de> Deserializer<'de> for Reading<'_, 'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let left = (0..self.attempt.fields.len()).filter(|number| !self.bad.contains(number)).collect::<Vec<_>>();
        visitor.visit_map(Map { attempt: self.attempt, left: left.into_iter(), current: 0 })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.attempt.known = Some(fields);
        self.deserialize_any(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.attempt.fields.is_empty() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.attempt.fields {
            [] => visitor.visit_unit(),
            _ => Err(Error::Message("takes no arguments".into())),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf seq tuple tuple_struct map enum
        identifier ignored_any
    }
}

struct Map<'r, 'a> {
    attempt: &'r mut Attempt<'a>,
    left: std::vec::IntoIter<usize>,
    current: usize,
}

impl<'de> MapAccess<'de> for Map<'_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some(number) = self.left.next() else {
            return Ok(None);
        };
        self.current = number;
        seed.deserialize(self.attempt.fields[number].0.text().into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let value = &self.attempt.fields[self.current].1;
        options().from_str_seed(value.text(), seed).map_err(|error| {
            let code = error.code.clone();
            self.attempt.failed = Some((self.current, error));
            code
        })
    }
}
