//! The logger of a system that was given none: warnings and worse, a line each, on standard error.

use std::fmt;
use std::io::{self, Write};

use slog::{Drain, KV, Key, Level, Logger, Never, OwnedKVList, Record, Serializer, o};

pub(crate) fn logger(system: &str) -> Logger {
    let drain = Plain.filter_level(Level::Warning).fuse();
    Logger::root(drain, o!("system" => system.to_owned()))
}

struct Plain;

impl Drain for Plain {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, context: &OwnedKVList) -> Result<(), Never> {
        let line = line(record, context);
        // Nobody is left to hear that standard error is closed.
        let _ = io::stderr().write_all(line.as_bytes());
        Ok(())
    }
}

fn line(record: &Record<'_>, context: &OwnedKVList) -> String {
    let (mut own, mut around) = (Fields::default(), Fields::default());
    let written = record.kv().serialize(record, &mut own).and_then(|()| context.serialize(record, &mut around));
    // slog hands a record's fields over last first.
    own.0.reverse();
    if let Err(error) = written {
        around.0.push(format!(" (a field could not be written: {error})"));
    }
    let (level, message) = (record.level().as_short_str(), record.msg());
    // What comes nearest to the event first: its own fields, then its logger's.
    format!("{level} {message}{}{}\n", own.0.concat(), around.0.concat())
}

#[derive(Default)]
struct Fields(Vec<String>);

impl Serializer for Fields {
    fn emit_arguments(&mut self, key: Key, value: &fmt::Arguments<'_>) -> slog::Result {
        self.0.push(format!(" {key}={value}"));
        Ok(())
    }

    fn emit_none(&mut self, _key: Key) -> slog::Result {
        Ok(())
    }

    fn emit_str(&mut self, key: Key, value: &str) -> slog::Result {
        self.emit_arguments(key, &format_args!("{value:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_line_with_its_fields_and_without_absent_ones() {
        let context: OwnedKVList = o!("system" => "shop").into();
        let written = line(
            &slog::record!(
                Level::Error,
                "",
                &format_args!("process crashed"),
                slog::b!("pid" => "<0.1.1>", "name" => Option::<&str>::None, "unreceived" => 3)
            ),
            &context,
        );
        assert_eq!(written, "ERRO process crashed pid=\"<0.1.1>\" unreceived=3 system=\"shop\"\n");
    }
}
