//! The logger of a system that was given none: warnings and worse, a line each, on standard error.

use std::env;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use slog::{BorrowedKV, Drain, FlushError, KV, Key, Level, Logger, Never, OwnedKVList, Record, Serializer, o};

use crate::logging::{Lost, Overload, Sink, Unwritten, Writer};

/// # Errors
/// If the operating system gives no thread to write it.
pub(crate) fn logger(system: &str) -> io::Result<Logger> {
    let look = Look::of_stderr();
    let writer = Writer::start(&format!("{system}-log"), Overload::new(), Stderr { look })?;
    let drain = Lines { writer, look }.filter_level(Level::Warning).fuse();
    Ok(Logger::root(drain, o!("system" => system.to_owned())))
}

/// Makes lines where the record is logged; another thread writes them.
struct Lines {
    writer: Writer<String>,
    look: Look,
}

impl Drain for Lines {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, context: &OwnedKVList) -> Result<(), Never> {
        self.writer.submit(record.level(), || self.look.line(SystemTime::now(), record, context));
        Ok(())
    }

    fn flush(&self) -> Result<(), FlushError> {
        self.writer.flush()
    }
}

struct Stderr {
    look: Look,
}

impl Sink<String> for Stderr {
    fn write(&mut self, line: &String) -> Result<(), Unwritten> {
        io::stderr().write_all(line.as_bytes()).map_err(|_| Unwritten)
    }

    fn tell(&mut self, lost: &Lost) -> Result<(), Unwritten> {
        let fixed = slog::record_static!(Lost::LEVEL, "");
        let message = format_args!("{lost}");
        let record = Record::new(&fixed, &message, BorrowedKV(lost));
        self.write(&self.look.line(SystemTime::now(), &record, &o!().into()))
    }

    fn flush(&mut self) -> Result<(), FlushError> {
        Ok(io::stderr().flush()?)
    }
}

/// Whether a person reads it at once, or a program or a file takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// One record, one line.
    Plain,
    /// With colours, and texts of several lines beneath.
    Terminal,
}

impl Look {
    fn of_stderr() -> Self {
        let colours = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        if colours && io::stderr().is_terminal() { Look::Terminal } else { Look::Plain }
    }

    fn line(self, now: SystemTime, record: &Record<'_>, context: &OwnedKVList) -> String {
        let (text, beneath) = self.text(record, context);
        format!("{} {} {text}\n{beneath}", Timestamp(now), self.level(record.level()))
    }

    /// The message with its fields, and the fields that go beneath.
    fn text(self, record: &Record<'_>, context: &OwnedKVList) -> (String, String) {
        let (mut own, mut around) = (Fields::new(self), Fields::new(self));
        let written = record.kv().serialize(record, &mut own).and_then(|()| context.serialize(record, &mut around));
        // slog hands a record's fields over last first.
        own.inline.reverse();
        if let Err(error) = written {
            around.inline.push(format!(" (a field could not be written: {error})"));
        }
        // What comes nearest to the event first: its own fields, then its logger's.
        let (fields, beneath) = ([own.inline, around.inline].concat(), [own.beneath, around.beneath].concat());
        (format!("{}{}", record.msg(), fields.concat()), beneath.concat())
    }

    fn level(self, level: Level) -> String {
        let colour = match level {
            Level::Critical => "35;1",
            Level::Error => "31",
            Level::Warning => "33",
            Level::Info => "32",
            Level::Debug | Level::Trace => "2",
        };
        match self {
            Look::Plain => level.as_short_str().to_owned(),
            Look::Terminal => format!("\x1b[{colour}m{}\x1b[0m", level.as_short_str()),
        }
    }
}

/// A record as it is printed, in one line, without time and level.
#[cfg(feature = "log")]
pub(crate) fn text(record: &Record<'_>, context: &OwnedKVList) -> String {
    Look::Plain.text(record, context).0
}

struct Fields {
    look: Look,
    inline: Vec<String>,
    beneath: Vec<String>,
}

impl Fields {
    fn new(look: Look) -> Self {
        Fields { look, inline: Vec::new(), beneath: Vec::new() }
    }
}

impl Serializer for Fields {
    fn emit_arguments(&mut self, key: Key, value: &fmt::Arguments<'_>) -> slog::Result {
        self.emit_str(key, &value.to_string())
    }

    fn emit_none(&mut self, _key: Key) -> slog::Result {
        Ok(())
    }

    fn emit_str(&mut self, key: Key, value: &str) -> slog::Result {
        if self.look == Look::Terminal && value.contains('\n') {
            // What others make a terminal do is not for a log to pass on.
            let harmless = |line: &str| line.replace(|c: char| c.is_control(), "\u{fffd}");
            let lines: Vec<_> = value.trim_end().lines().map(|line| format!("    {}\n", harmless(line))).collect();
            self.beneath.push(format!("  {key}:\n{}", lines.concat()));
        } else if value.is_empty() || value.contains(|c: char| c.is_whitespace() || c.is_control() || "\"=".contains(c))
        {
            self.inline.push(format!(" {key}={value:?}"));
        } else {
            self.inline.push(format!(" {key}={value}"));
        }
        Ok(())
    }
}

/// Prints as RFC 3339 has it, in UTC, to the millisecond.
struct Timestamp(SystemTime);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.0.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
        let (year, month, day) = date(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", since.subsec_millis())
    }
}

/// The date that many days after 1970 began.
fn date(mut days: u64) -> (u64, u64, u64) {
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let lengths = [31, if is_leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn line(look: Look, values: BorrowedKV<'_>) -> String {
        let context: OwnedKVList = o!("system" => "shop").into();
        let fixed = slog::record_static!(Level::Error, "");
        let message = format_args!("process crashed");
        look.line(UNIX_EPOCH, &Record::new(&fixed, &message, values), &context)
    }

    #[test]
    fn a_record_is_one_line_with_its_fields_and_without_absent_ones() {
        let written = line(
            Look::Plain,
            slog::b!("pid" => %"<0.1.1>", "name" => Option::<&str>::None, "left" => 3, "text" => "a\nb", "shown" => %"c d",
                     "empty" => "", "word" => "tea"),
        );
        assert_eq!(
            written,
            "1970-01-01T00:00:00.000Z ERRO process crashed pid=<0.1.1> left=3 text=\"a\\nb\" shown=\"c d\" \
             empty=\"\" word=tea system=shop\n"
        );
    }

    #[test]
    fn a_terminal_gets_colours_and_texts_of_several_lines_beneath() {
        let written = line(Look::Terminal, slog::b!("pid" => 1, "backtrace" => "0: main\n   at \x1b[31m\n"));
        assert_eq!(
            written,
            "1970-01-01T00:00:00.000Z \x1b[31mERRO\x1b[0m process crashed pid=1 system=shop\n  \
             backtrace:\n    0: main\n       at \u{fffd}[31m\n"
        );
    }

    #[test]
    fn times_print_as_dates() {
        let after = |seconds| Timestamp(UNIX_EPOCH + Duration::from_secs(seconds)).to_string();
        assert_eq!(after(951_782_399), "2000-02-28T23:59:59.000Z");
        assert_eq!(after(951_782_400), "2000-02-29T00:00:00.000Z");
        assert_eq!(after(1_798_761_599), "2026-12-31T23:59:59.000Z");
        assert_eq!(after(4_107_542_400), "2100-03-01T00:00:00.000Z");
        assert_eq!(Timestamp(UNIX_EPOCH + Duration::from_millis(1234)).to_string(), "1970-01-01T00:00:01.234Z");
    }
}
