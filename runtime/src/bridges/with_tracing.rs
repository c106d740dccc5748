//! From `tracing` to slog.

use std::error::Error;
use std::fmt::{self, Debug};

use slog::{BorrowedKV, Drain, Level, Record, RecordLocation, RecordStatic};
use tracing_core::field::{Field, Visit};
use tracing_core::span::{Attributes, Id};
use tracing_core::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::Shore;
use crate::logging::Values;
use crate::system::SystemHandle;

/// A layer for a `tracing` subscriber that hands its events on to a system's logger.
///
/// An event becomes a record with its message, its fields and its target; `span` tells the spans around it, the outermost
/// first, as in `serve:read`, whose fields are the record's, too.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::{Context, System};
/// use proscenium_runtime::bridges::TracingToSlog;
/// use tracing_subscriber::layer::SubscriberExt;
///
/// let system = System::new("shop");
/// let subscriber = tracing_subscriber::registry().with(TracingToSlog::new(&system));
/// tracing::subscriber::set_global_default(subscriber)?;
/// let outcome = system.run(|_ctx: Context<()>| async {
///     tracing::warn!(left = 0, "out of cheese"); // Carries the pid of this process.
/// });
/// assert_eq!(outcome, Ok(()));
/// # Ok::<(), tracing::subscriber::SetGlobalDefaultError>(())
/// ```
#[derive(Debug)]
pub struct TracingToSlog(Shore);

impl TracingToSlog {
    /// To `system`'s logger. It does not keep the system alive.
    pub fn new(system: &SystemHandle) -> Self {
        TracingToSlog(Shore::new(system))
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for TracingToSlog {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().replace(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &tracing_core::span::Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let level = to_slog(*metadata.level());
        if !self.0.logger.is_enabled(level) {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut values = fields.values;
        values.push("target", metadata.target());
        if let Some(spans) = context.event_scope(event) {
            let mut path = Vec::new();
            for span in spans {
                path.push(span.name());
                if let Some(fields) = span.extensions().get::<Fields>() {
                    values.extend(&fields.values);
                }
            }
            path.reverse();
            values.push("span", path.join(":"));
        }
        values.reverse();
        let location = RecordLocation {
            file: metadata.file().unwrap_or_default(),
            line: metadata.line().unwrap_or_default(),
            column: 0,
            function: "",
            module: metadata.module_path().unwrap_or_default(),
        };
        let fixed = RecordStatic { location: &location, tag: metadata.target(), level };
        self.0.log(&Record::new(&fixed, &format_args!("{}", fields.message), BorrowedKV(&values)));
    }
}

/// What an event or a span says of itself.
#[derive(Default)]
struct Fields {
    message: String,
    values: Values,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name => self.values.push(name, format_args!("{value:?}")),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message = value.to_owned(),
            name => self.values.push(name, value),
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.values.push(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.values.push(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.values.push(field.name(), value);
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.values.push(field.name(), value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.values.push(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.values.push(field.name(), value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.values.push(field.name(), format_args!("{value}"));
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fields").field("message", &self.message).finish_non_exhaustive()
    }
}

fn to_slog(level: tracing_core::Level) -> Level {
    match level {
        tracing_core::Level::ERROR => Level::Error,
        tracing_core::Level::WARN => Level::Warning,
        tracing_core::Level::INFO => Level::Info,
        tracing_core::Level::DEBUG => Level::Debug,
        tracing_core::Level::TRACE => Level::Trace,
    }
}
