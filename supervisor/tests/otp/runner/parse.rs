//! A scenario as its file has it; the format is in the README beside the recorded scenarios.

use std::collections::BTreeMap;

/// Every key that a declaration may have.
const KEYS: [&str; 10] = [
    "strategy",
    "intensity",
    "period",
    "auto_shutdown",
    "restart",
    "shutdown",
    "significant",
    "start",
    "each_restart",
    "each_shutdown",
];

#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) root: String,
    pub(crate) declarations: Vec<Declaration>,
    pub(crate) commands: Vec<Vec<String>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Declaration {
    pub(crate) id: String,
    pub(crate) parent: Option<String>,
    pub(crate) kind: Kind,
    pub(crate) options: Options,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Worker,
    Supervisor,
    /// A supervisor of children that come and go.
    Pool,
}

/// The `key=value` words of a line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options(BTreeMap<String, String>);

impl Scenario {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
        let words = lines.map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        let lines: Vec<_> = words.filter(|words| !words.is_empty()).collect();
        let is_run = |words: &Vec<String>| *words == ["run"];
        let run = lines.iter().position(is_run).ok_or("there is no line `run`")?;
        let declarations = lines[..run].iter().map(|words| Declaration::parse(words)).collect::<Result<Vec<_>, _>>()?;
        let root = declarations.iter().find(|declaration| declaration.parent.is_none());
        Ok(Scenario {
            root: root.ok_or("no root supervisor is declared")?.id.clone(),
            declarations,
            commands: lines[run + 1..].to_vec(),
        })
    }
}

impl Declaration {
    fn parse(words: &[String]) -> Result<Self, String> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (kind, parent, id, options) = match &*words {
            ["sup", id, options @ ..] => (Kind::Supervisor, None, id, options),
            ["sup_in", parent, id, options @ ..] => (Kind::Supervisor, Some(parent), id, options),
            ["pool", parent, id, options @ ..] => (Kind::Pool, Some(parent), id, options),
            ["child", parent, id, options @ ..] => (Kind::Worker, Some(parent), id, options),
            other => return Err(format!("not a declaration: {}", other.join(" "))),
        };
        Ok(Declaration {
            id: (*id).to_owned(),
            parent: parent.map(|parent| (*parent).to_owned()),
            kind,
            options: Options::parse(options)?,
        })
    }
}

impl Options {
    pub(crate) fn parse(words: &[&str]) -> Result<Self, String> {
        let pair = |word: &&str| match word.split_once('=') {
            Some((key, value)) if KEYS.contains(&key) => Ok((key.to_owned(), value.to_owned())),
            _ => Err(format!("unknown option: {word}")),
        };
        words.iter().map(pair).collect::<Result<_, _>>().map(Options)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    pub(crate) fn number(&self, key: &str, default: u32) -> u32 {
        self.get(key).map_or(default, number)
    }
}

pub(crate) fn number(text: &str) -> u32 {
    text.parse().unwrap_or_else(|error| panic!("{text:?} is no number: {error}"))
}
