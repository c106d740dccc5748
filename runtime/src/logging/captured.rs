//! A record with its values, copied, so that another thread can write it.
//!
//! Values are asked when the record is logged: what it says is what held then, and a value that panics harms who logs it.

use std::fmt;

use slog::{BorrowedKV, Drain, KV, Key, Level, OwnedKV, OwnedKVList, Record, RecordLocation, RecordStatic, Serializer};

pub(super) struct Captured {
    level: Level,
    location: RecordLocation,
    tag: String,
    message: String,
    own: Values,
    around: OwnedKVList,
}

impl Captured {
    pub(super) fn new(record: &Record<'_>, around: &OwnedKVList) -> Self {
        Captured {
            level: record.level(),
            location: RecordLocation { ..*record.location() },
            tag: record.tag().to_owned(),
            message: record.msg().to_string(),
            own: Values::of(&record.kv(), record),
            around: OwnedKV(Values::of(around, record)).into(),
        }
    }

    pub(super) fn log_to<D: Drain>(&self, drain: &D) -> Result<D::Ok, D::Err> {
        let fixed = RecordStatic { location: &self.location, tag: &self.tag, level: self.level };
        drain.log(&Record::new(&fixed, &format_args!("{}", self.message), BorrowedKV(&self.own)), &self.around)
    }
}

/// Keys and values, in the order in which slog hands them over.
#[derive(Clone, Default)]
pub(crate) struct Values(Vec<(Key, Value)>);

#[derive(Clone)]
#[cfg_attr(feature = "crossing", derive(Debug, serde::Serialize, serde::Deserialize))]
pub(crate) enum Value {
    Bool(bool),
    Char(char),
    Signed(i64),
    Unsigned(u64),
    Signed128(i128),
    Unsigned128(u128),
    Float(f32),
    Double(f64),
    Text(String),
    /// Text that is no string: something that prints so.
    Printed(String),
    Unit,
    None,
}

impl Values {
    pub(crate) fn of(values: &impl KV, record: &Record<'_>) -> Self {
        let mut captured = Values::default();
        if let Err(error) = values.serialize(record, &mut captured) {
            let _ = slog::b!("unwritten" => %error).serialize(record, &mut captured);
        }
        captured
    }
}

#[cfg(feature = "crossing")]
impl IntoIterator for Values {
    type Item = (Key, Value);
    type IntoIter = std::vec::IntoIter<(Key, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(feature = "crossing")]
impl FromIterator<(Key, Value)> for Values {
    fn from_iter<I: IntoIterator<Item = (Key, Value)>>(values: I) -> Self {
        Values(values.into_iter().collect())
    }
}

#[cfg(feature = "tracing")]
impl Values {
    /// Adds a value, in the place of one with that key.
    pub(crate) fn push(&mut self, key: &'static str, value: impl slog::Value) {
        let fixed = slog::record_static!(Level::Trace, "");
        self.0.retain(|(known, _)| *known != key);
        let _ = slog::SingleKV::from((key, value))
            .serialize(&Record::new(&fixed, &format_args!(""), BorrowedKV(&())), self);
    }

    pub(crate) fn extend(&mut self, others: &Values) {
        self.0.extend(others.0.iter().cloned());
    }

    pub(crate) fn reverse(&mut self) {
        self.0.reverse();
    }
}

impl KV for Values {
    fn serialize(&self, _record: &Record<'_>, serializer: &mut dyn Serializer) -> slog::Result {
        self.0.iter().try_for_each(|(key, value)| value.emit(Key::clone(key), serializer))
    }
}

impl Value {
    fn emit(&self, key: Key, serializer: &mut dyn Serializer) -> slog::Result {
        match self {
            Value::Bool(value) => serializer.emit_bool(key, *value),
            Value::Char(value) => serializer.emit_char(key, *value),
            Value::Signed(value) => serializer.emit_i64(key, *value),
            Value::Unsigned(value) => serializer.emit_u64(key, *value),
            Value::Signed128(value) => serializer.emit_i128(key, *value),
            Value::Unsigned128(value) => serializer.emit_u128(key, *value),
            Value::Float(value) => serializer.emit_f32(key, *value),
            Value::Double(value) => serializer.emit_f64(key, *value),
            Value::Text(value) => serializer.emit_str(key, value),
            Value::Printed(value) => serializer.emit_arguments(key, &format_args!("{value}")),
            Value::Unit => serializer.emit_unit(key),
            Value::None => serializer.emit_none(key),
        }
    }
}

/// Methods of a serializer that keep a value as one of ours.
macro_rules! keep {
    ($($emit:ident: $type:ty as $kind:ident,)*) => {
        $(fn $emit(&mut self, key: Key, value: $type) -> slog::Result {
            self.0.push((key, Value::$kind(value.into())));
            Ok(())
        })*
    };
}

impl Serializer for Values {
    keep! {
        emit_bool: bool as Bool,
        emit_char: char as Char,
        emit_i8: i8 as Signed,
        emit_i16: i16 as Signed,
        emit_i32: i32 as Signed,
        emit_i64: i64 as Signed,
        emit_u8: u8 as Unsigned,
        emit_u16: u16 as Unsigned,
        emit_u32: u32 as Unsigned,
        emit_u64: u64 as Unsigned,
        emit_i128: i128 as Signed128,
        emit_u128: u128 as Unsigned128,
        emit_f32: f32 as Float,
        emit_f64: f64 as Double,
        emit_str: &str as Text,
    }

    fn emit_usize(&mut self, key: Key, value: usize) -> slog::Result {
        self.emit_u64(key, value as u64)
    }

    fn emit_isize(&mut self, key: Key, value: isize) -> slog::Result {
        self.emit_i64(key, value as i64)
    }

    fn emit_unit(&mut self, key: Key) -> slog::Result {
        self.0.push((key, Value::Unit));
        Ok(())
    }

    fn emit_none(&mut self, key: Key) -> slog::Result {
        self.0.push((key, Value::None));
        Ok(())
    }

    fn emit_arguments(&mut self, key: Key, value: &fmt::Arguments<'_>) -> slog::Result {
        self.0.push((key, Value::Printed(value.to_string())));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use slog::{Logger, Never, o};

    use super::*;

    /// Which methods are called with a record, its copy's after its own.
    #[derive(Clone, Default)]
    struct Calls(Arc<Mutex<Vec<String>>>);

    /// Keeps for each record what it is told, then what its copy tells.
    struct Twice(Calls);

    struct Names(String);

    macro_rules! name {
        ($($emit:ident: $type:ty,)*) => {
            $(fn $emit(&mut self, key: Key, value: $type) -> slog::Result {
                self.0.push_str(&format!(" {}({key}={value})", stringify!($emit)));
                Ok(())
            })*
        };
    }

    impl Serializer for Names {
        name! {
            emit_bool: bool, emit_char: char, emit_i64: i64, emit_u64: u64, emit_i128: i128, emit_u128: u128,
            emit_f32: f32, emit_f64: f64, emit_str: &str,
        }

        fn emit_unit(&mut self, key: Key) -> slog::Result {
            self.emit_str(key, "the unit")
        }

        fn emit_none(&mut self, key: Key) -> slog::Result {
            self.emit_str(key, "nothing")
        }

        fn emit_arguments(&mut self, key: Key, value: &fmt::Arguments<'_>) -> slog::Result {
            self.0.push_str(&format!(" emit_arguments({key}={value})"));
            Ok(())
        }
    }

    impl Drain for Calls {
        type Ok = ();
        type Err = Never;

        fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), Never> {
            let mut calls = Names(format!("{} {} {}", record.level(), record.tag(), record.msg()));
            record.kv().serialize(record, &mut calls).expect("it takes all");
            values.serialize(record, &mut calls).expect("it takes all");
            calls.0.push_str(&format!(" {}:{} {}", record.file(), record.line(), record.module()));
            self.0.lock().expect("nobody panics with it").push(calls.0);
            Ok(())
        }
    }

    impl Drain for Twice {
        type Ok = ();
        type Err = Never;

        fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), Never> {
            self.0.log(record, values)?;
            Captured::new(record, values).log_to(&self.0)
        }
    }

    fn logger() -> (Logger, Calls) {
        let calls = Calls::default();
        (Logger::root(Twice(calls.clone()), o!("system" => "shop", "number" => 7_u64)), calls)
    }

    #[test]
    fn a_drain_is_told_of_a_copy_what_it_is_told_of_the_record() {
        let (logger, calls) = logger();
        slog::info!(logger, # "a tag", "sold {}", "tea";
            "printed" => %"tea", "text" => "tea", "none" => Option::<u64>::None, "unit" => (), "double" => 0.1,
            "float" => 0.1_f32, "large" => u128::MAX, "small" => i128::MIN, "signed" => -7_i64, "char" => 'c',
            "bool" => true);
        let calls = calls.0.lock().expect("nobody panicked");
        assert_eq!(calls[0], calls[1]);
        assert!(calls[0].starts_with("INFO a tag sold tea emit_bool(bool=true)"), "{}", calls[0]);
        assert!(calls[0].contains("emit_f32(float=0.1)") && calls[0].contains("emit_str(system=shop)"), "{}", calls[0]);
    }

    #[test]
    fn narrow_integers_stay_integers() {
        let (logger, calls) = logger();
        slog::info!(logger, ""; "i" => -1_i8, "u" => 1_u16, "n" => 1_usize);
        let calls = calls.0.lock().expect("nobody panicked");
        assert!(calls[1].contains("emit_u64(n=1) emit_u64(u=1) emit_i64(i=-1)"), "{}", calls[1]);
    }
}
