//! What tells one process's records from another's.

use std::sync::Arc;

use slog::{KV, Record, Serializer, b};

use crate::ancestors::Ancestors;
use crate::pid::Pid;

/// Who a process is, as the values of its logger.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) pid: Pid,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) label: Option<Arc<str>>,
    pub(crate) ancestors: Ancestors,
}

impl KV for Identity {
    fn serialize(&self, record: &Record<'_>, serializer: &mut dyn Serializer) -> slog::Result {
        b!("pid" => %self.pid).serialize(record, serializer)?;
        if let Some(name) = self.name.as_deref() {
            b!("name" => name).serialize(record, serializer)?;
        }
        if let Some(label) = self.label.as_deref() {
            b!("label" => label).serialize(record, serializer)?;
        }
        if !self.ancestors.is_empty() {
            b!("ancestors" => %self.ancestors).serialize(record, serializer)?;
        }
        Ok(())
    }
}
