//! Log records on their way.

use slog::{BorrowedKV, Level, Logger, OwnedKVList, Record, RecordLocation, RecordStatic};

use serde::{Deserialize, Serialize};

use super::intern::intern;
use crate::logging::{Value, Values};

/// A log record with all its values, of another system.
#[derive(Debug, Serialize, Deserialize)]
pub struct LogRecord {
    level: usize,
    tag: String,
    message: String,
    place: Place,
    values: Vec<(String, Value)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Place {
    file: String,
    line: u32,
    column: u32,
    function: String,
    module: String,
}

impl LogRecord {
    /// A copy of a record.
    pub fn new(record: &Record<'_>, around: &OwnedKVList) -> Self {
        let own = Values::of(&record.kv(), record).into_iter();
        let values = own.chain(Values::of(around, record)).map(|(key, value)| (key.to_string(), value)).collect();
        let &RecordLocation { file, line, column, function, module } = record.location();
        LogRecord {
            level: record.level().as_usize(),
            tag: record.tag().to_owned(),
            message: record.msg().to_string(),
            place: Place { file: file.into(), line, column, function: function.into(), module: module.into() },
            values,
        }
    }

    /// The module that logged it.
    pub fn module(&self) -> &str {
        &self.place.module
    }

    /// The value of that key, if it is a text or prints as one.
    pub fn text(&self, key: &str) -> Option<&str> {
        match &self.values.iter().find(|(known, _)| known == key)?.1 {
            Value::Text(text) | Value::Printed(text) => Some(text),
            _ => None,
        }
    }

    /// Sets the value of a key, or takes it away.
    pub fn set(&mut self, key: &str, text: Option<&str>) {
        let value = text.map(|text| Value::Printed(text.to_owned()));
        let known = self.values.iter_mut().find(|(known, _)| known == key);
        match (known, value) {
            (Some((_, known)), Some(value)) => *known = value,
            (None, Some(value)) => self.values.push((key.to_owned(), value)),
            (_, None) => self.values.retain(|(known, _)| known != key),
        }
    }

    /// Logs it again, by a logger of this system's, with that logger's values and its own.
    pub fn log(self, logger: &Logger) {
        let LogRecord { level, tag, message, place, values } = self;
        let values: Values = values.into_iter().map(|(key, value)| (intern(&key), value)).collect();
        let location = RecordLocation {
            file: intern(&place.file),
            line: place.line,
            column: place.column,
            function: intern(&place.function),
            module: intern(&place.module),
        };
        let level = Level::from_usize(level).unwrap_or(Level::Critical);
        let fixed = RecordStatic { location: &location, tag: &tag, level };
        logger.log(&Record::new(&fixed, &format_args!("{message}"), BorrowedKV(&values)));
    }
}
