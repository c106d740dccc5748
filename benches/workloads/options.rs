//! The command line.

use crate::figures::{Load, Row};

const USAGE: &str = "\
usage: cargo bench --bench workloads -- [OPTION]...
  --rows A,B      only the rows whose names contain one of these
  --rounds N      rounds of which the median is taken (7)
  --workers A,B   numbers of workers (1,2)
  --quick         a single round of little work: whether it runs, not what it costs
";

pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) workers: Vec<usize>,
    pub(crate) quick: bool,
    rows: Vec<String>,
    /// A crowd to be measured in this OS process, and its size: how the rows on memory run themselves.
    pub(crate) crowd: Option<(String, Load)>,
}

impl Options {
    /// Those of the command line. A wrong one ends the program with an explanation.
    pub(crate) fn from_args() -> Self {
        let mut options = Options { rounds: 7, workers: vec![1, 2], quick: false, rows: Vec::new(), crowd: None };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            if let Err(wrong) = options.take(&arg, &mut args) {
                eprint!("{wrong}\n{USAGE}");
                std::process::exit(2);
            }
        }
        options
    }

    pub(crate) fn wants(&self, row: &Row) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|name| row.name.contains(name.as_str()))
    }

    fn take(&mut self, arg: &str, rest: &mut impl Iterator<Item = String>) -> Result<(), String> {
        let mut value = || rest.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg {
            "--rows" => self.rows = value()?.split(',').map(str::to_owned).collect(),
            "--rounds" => self.rounds = number(arg, &value()?)?,
            "--workers" => {
                self.workers = value()?.split(',').map(|count| number(arg, count)).collect::<Result<_, _>>()?
            }
            "--quick" => (self.quick, self.rounds) = (true, 1),
            "--crowd" => {
                let (name, size) = (value()?, number(arg, &value()?)?);
                self.crowd = Some((name, Load { workers: self.workers[0], size: size as u64 }));
            }
            // Cargo gives it to every benchmark.
            "--bench" => {}
            _ => return Err(format!("there is no option {arg}")),
        }
        Ok(())
    }
}

fn number(option: &str, text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| format!("{option} takes numbers above 0, not {text:?}"))
}
