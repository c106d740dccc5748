//! What can be wrong with a request, in Redis' own words.

use std::fmt;

/// How much of a client's own words an error repeats, in bytes.
const EXCERPT: usize = 128;

/// Why a request is no command; the text is the whole error reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CommandError {
    /// No command has this name; both texts are cut to 128 bytes.
    UnknownCommand { name: String, arguments: String },
    /// The command is known, but not what it is to do.
    UnknownSubcommand { command: &'static str, name: String },
    /// This command takes fewer or more arguments.
    WrongArity(&'static str),
    /// The options do not exist, lack their value, or exclude each other.
    Syntax,
    /// An argument is not a number, or not one that fits.
    NotAnInteger,
    /// This command was given a time that is no expiry.
    InvalidExpiry(&'static str),
}

impl CommandError {
    pub(super) fn unknown(name: &[u8], args: &[Vec<u8>]) -> CommandError {
        let mut arguments = Vec::new();
        for arg in args {
            let room = EXCERPT.saturating_sub(arguments.len());
            if room == 0 {
                break;
            }
            arguments.extend_from_slice(b"'");
            arguments.extend(arg.iter().take(room));
            arguments.extend_from_slice(b"' ");
        }
        let arguments = String::from_utf8_lossy(&arguments).into_owned();
        CommandError::UnknownCommand { name: excerpt(name), arguments }
    }

    pub(super) fn unknown_subcommand(command: &'static str, name: &[u8]) -> CommandError {
        CommandError::UnknownSubcommand { command, name: excerpt(name) }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ERR ")?;
        match self {
            Self::UnknownCommand { name, arguments } => {
                write!(f, "unknown command '{name}', with args beginning with: {arguments}")
            }
            Self::UnknownSubcommand { command, name } => {
                write!(f, "unknown subcommand '{name}'. Try {command} HELP.")
            }
            Self::WrongArity(command) => {
                write!(f, "wrong number of arguments for '{command}' command")
            }
            Self::Syntax => f.write_str("syntax error"),
            Self::NotAnInteger => f.write_str("value is not an integer or out of range"),
            Self::InvalidExpiry(command) => write!(f, "invalid expire time in '{command}' command"),
        }
    }
}

impl std::error::Error for CommandError {}

fn excerpt(text: &[u8]) -> String {
    String::from_utf8_lossy(&text[..text.len().min(EXCERPT)]).into_owned()
}
