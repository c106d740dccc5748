//! ```text
//! procman, one_for_all
//! ├── board        what is known of each service; asked by the view and by `status`
//! ├── control      answers `status` and `restart`, on a socket beside the file
//! ├── view         draws the board, if it was asked to
//! └── services     the tree of the file
//!     ├── greeting     a `Service`: starts its command, waits until that is well, and looks after it
//!     │   └── the command, a `Subprocess`
//!     └── web
//!         └── …
//! ```

mod board;
mod check;
mod control;
mod program;
mod service;
mod settings;
#[cfg(test)]
mod tests;
mod view;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use program::Screen;

const USAGE: &str = "\
usage: procman [--file FILE] [--view | check | status | restart NAME]

Runs the services that FILE describes, which is examples/procman.ron unless given, until it is told to stop.
SIGHUP reads the file anew, and stops and starts what has changed.

  --view         draws how the services are, again and again, in place of what they write
  check          reads the file, and tells what is wrong with it
  status         tells how the services of the procman are that runs with this file
  restart NAME   stops a service of that procman, and starts it again";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Request {
    Run(Screen),
    Check,
    /// One for the procman that runs.
    Ask(String),
    Help,
}

impl Request {
    fn parse(args: impl Iterator<Item = String>) -> Result<(PathBuf, Request), String> {
        let mut file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/procman.ron");
        let mut request = None;
        let mut args = args;
        while let Some(arg) = args.next() {
            let one = match &*arg {
                "--file" => {
                    file = args.next().ok_or("--file stands without a file")?.into();
                    continue;
                }
                "--view" => Request::Run(Screen::View),
                "check" => Request::Check,
                "status" => Request::Ask("status".into()),
                "restart" => Request::Ask(format!("restart {}", args.next().ok_or("restart what?")?)),
                "--help" => Request::Help,
                other => return Err(format!("there is nothing like {other:?}")),
            };
            if request.replace(one).is_some() {
                return Err("one thing at a time".into());
            }
        }
        Ok((file, request.unwrap_or(Request::Run(Screen::Lines))))
    }
}

pub(crate) fn main(args: impl Iterator<Item = String>) -> ExitCode {
    let (file, request) = match Request::parse(args) {
        Ok(request) => request,
        Err(error) => {
            eprintln!("procman: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let answer = match request {
        Request::Run(screen) => return program::run(file, screen),
        Request::Check => match settings::read(&file) {
            Ok(tree) => Ok(format!("{} children, and nothing is wrong with them", tree.paths().len())),
            Err(mistakes) => Err(mistakes.to_string()),
        },
        Request::Ask(question) => control::ask(&file, &question).map_err(|error| error.to_string()),
        Request::Help => Ok(USAGE.to_owned()),
    };
    match answer {
        Ok(text) => {
            println!("{}", text.trim_end());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("procman: {error}");
            ExitCode::FAILURE
        }
    }
}
