//! Why something does not cross.

/// Why something does not cross to another system.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CrossingError {
    /// It takes more bytes than a frame may have.
    #[error("a {type_name} takes more than the {limit} bytes that a frame may have")]
    TooLarge {
        /// What it is.
        type_name: &'static str,
        /// The limit.
        limit: usize,
    },
    /// Its `Serialize` failed.
    #[error("a {type_name} cannot be serialized: {cause}")]
    Unserializable {
        /// What it is.
        type_name: &'static str,
        /// Why.
        cause: String,
    },
    /// Its `Deserialize` failed.
    #[error("what came cannot be read as a {type_name}: {cause}")]
    Unreadable {
        /// What it should be.
        type_name: &'static str,
        /// Why.
        cause: String,
    },
    /// The other side does not keep to the protocol.
    #[error("what came is no frame: {cause}")]
    Garbled {
        /// Why.
        cause: String,
    },
}
