//! Settings as they are written in a file.

use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use crate::auto_shutdown::AutoShutdown;
use crate::child_spec::{Restart, Shutdown};
use crate::strategy::Strategy;

/// Reads a duration such as `"5s"`, `"250ms"` or `"1m 30s"`, for `#[serde(deserialize_with = "…")]` on a field of a
/// start function's arguments.
///
/// # Errors
/// If it is no text, or none that [`humantime`](https://docs.rs/humantime) takes for a duration.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Poll {
///     #[serde(deserialize_with = "proscenium_supervisor::tree::duration")]
///     every: Duration,
/// }
///
/// let poll: Poll = ron::from_str(r#"(every: "1m 30s")"#).unwrap();
/// assert_eq!(poll.every, Duration::from_secs(90));
/// ```
pub fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text).map_err(|error| D::Error::custom(format!("{text:?} is no duration: {error}")))
}

/// A duration, as text.
#[derive(Clone, Copy, Deserialize)]
#[serde(transparent)]
pub(crate) struct Period(#[serde(deserialize_with = "duration")] pub(crate) Duration);

/// Enums as files name them, for those whose types know nothing of files.
macro_rules! words {
    ($($word:ident for $kind:ident { $($variant:ident),+ })+) => { $(
        #[derive(Clone, Copy, Deserialize)]
        pub(crate) enum $word {
            $($variant),+
        }

        impl From<$word> for $kind {
            fn from(word: $word) -> Self {
                match word {
                    $($word::$variant => $kind::$variant),+
                }
            }
        }
    )+ };
}

words! {
    StrategyWord for Strategy { OneForOne, OneForAll, RestForOne }
    AutoShutdownWord for AutoShutdown { Never, AnySignificant, AllSignificant }
    RestartWord for Restart { Permanent, Transient, Temporary }
}

#[derive(Clone, Copy, Deserialize)]
pub(crate) enum ShutdownWord {
    BrutalKill,
    Timeout(Period),
    Infinity,
}

impl From<ShutdownWord> for Shutdown {
    fn from(word: ShutdownWord) -> Self {
        match word {
            ShutdownWord::BrutalKill => Shutdown::BrutalKill,
            ShutdownWord::Timeout(Period(limit)) => Shutdown::Timeout(limit),
            ShutdownWord::Infinity => Shutdown::Infinity,
        }
    }
}
