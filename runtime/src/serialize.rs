//! Pids and exit reasons in serialized values.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::exit::{Cause, ExitReason, Panic};
use crate::pid::Pid;

/// As it prints.
impl Serialize for Pid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Pid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// A reason as it is told: of an error, the texts of its chain.
#[derive(Serialize, Deserialize)]
#[serde(rename = "ExitReason")]
enum Told {
    Normal,
    Shutdown,
    ShutdownWith(Vec<String>),
    Kill,
    Killed,
    NoProcess,
    Ignore,
    InitError(Vec<String>),
    Panic { message: String, location: Option<String> },
    Error(Vec<String>),
}

/// Of an error, the texts of its chain; of a panic, all but the backtrace. What is read again is equal to what was written.
impl Serialize for ExitReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let told = match self {
            ExitReason::Normal => Told::Normal,
            ExitReason::Shutdown => Told::Shutdown,
            ExitReason::ShutdownWith(cause) => Told::ShutdownWith(texts(cause)),
            ExitReason::Kill => Told::Kill,
            ExitReason::Killed => Told::Killed,
            ExitReason::NoProcess => Told::NoProcess,
            ExitReason::Ignore => Told::Ignore,
            ExitReason::InitError(cause) => Told::InitError(texts(cause)),
            ExitReason::Panic(panic) => {
                Told::Panic { message: panic.message().to_owned(), location: panic.location().map(str::to_owned) }
            }
            ExitReason::Error(cause) => Told::Error(texts(cause)),
        };
        told.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ExitReason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Told::deserialize(deserializer)? {
            Told::Normal => ExitReason::Normal,
            Told::Shutdown => ExitReason::Shutdown,
            Told::ShutdownWith(texts) => ExitReason::ShutdownWith(cause(texts)),
            Told::Kill => ExitReason::Kill,
            Told::Killed => ExitReason::Killed,
            Told::NoProcess => ExitReason::NoProcess,
            Told::Ignore => ExitReason::Ignore,
            Told::InitError(texts) => ExitReason::InitError(cause(texts)),
            Told::Panic { message, location } => ExitReason::Panic(Panic::told(message, location.as_deref())),
            Told::Error(texts) => ExitReason::Error(cause(texts)),
        })
    }
}

fn texts(cause: &Cause) -> Vec<String> {
    let mut texts = vec![cause.to_string()];
    let mut source = cause.source();
    while let Some(error) = source {
        texts.push(error.to_string());
        source = error.source();
    }
    texts
}

fn cause(texts: Vec<String>) -> Cause {
    let chain =
        texts.into_iter().rev().fold(None, |source, text| Some(ToldError { text, source: source.map(Box::new) }));
    Arc::new(chain.unwrap_or_else(|| ToldError { text: String::new(), source: None }))
}

/// An error of which only the texts are known.
#[derive(Debug)]
struct ToldError {
    text: String,
    source: Option<Box<ToldError>>,
}

impl fmt::Display for ToldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for ToldError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &dyn Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::panic::catch;

    #[derive(Debug, thiserror::Error)]
    #[error("no dinner")]
    struct NoDinner(#[source] std::num::ParseIntError);

    #[test]
    fn an_exit_reason_that_is_read_again_is_equal_and_prints_alike() {
        let overflow = "300".parse::<u8>().unwrap_err();
        let panic = catch(|| panic!("out of cheese")).unwrap_err();
        let reasons = [
            ExitReason::Normal,
            ExitReason::Shutdown,
            ExitReason::shutdown_with("deployed"),
            ExitReason::Kill,
            ExitReason::Killed,
            ExitReason::NoProcess,
            ExitReason::Ignore,
            ExitReason::init_error("port taken"),
            ExitReason::Panic(panic),
            ExitReason::from(NoDinner(overflow)),
        ];
        for reason in reasons {
            let again: ExitReason = ron::from_str(&ron::to_string(&reason).unwrap()).unwrap();
            assert_eq!(again, reason);
            assert_eq!(again.to_string(), reason.to_string());
        }
    }
}
