//! Scenarios that nobody has seen, played to Erlang/OTP's own supervisor here and now.

use std::env;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use super::cases::{folder, parts};
use super::runner::{self, Order};
use super::unordered::unordered;

/// How many oracles work side by side: they mostly wait.
const ORACLES: usize = 8;

/// How many seeds, unless `PROSCENIUM_OTP_SEEDS=FROM..TO` says which.
const SEEDS: u64 = 48;

#[test]
fn fresh_scenarios_end_as_in_otp_where_it_is_installed() {
    if !is_there("escript") || !is_there("python3") {
        return eprintln!("skipped: it needs `escript` of Erlang/OTP, and `python3`");
    }
    let seeds = seeds();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("otp-{}", seeds.start));
    fs::create_dir_all(&folder).unwrap();
    let files: Vec<PathBuf> = seeds.clone().map(|seed| generate(seed, &folder)).collect();
    let (mut compared, mut different) = (0, Vec::new());
    for (file, otp) in oracle(&files) {
        let scenario = fs::read_to_string(&file).unwrap();
        let ours = runner::trace(&scenario, Order::InTurn).unwrap();
        compared += 1;
        // On several cores it is chance, in OTP, whether who was left behind stops before its successor starts.
        if unordered(&scenario, &ours) != unordered(&scenario, &otp) {
            different.push(file);
        }
    }
    assert_eq!(different, [""; 0], "with {}..{}", seeds.start, seeds.end);
    assert_eq!(compared, files.len(), "the oracle left some out");
    eprintln!("{compared} scenarios without a difference, seeds {}..{}", seeds.start, seeds.end);
    fs::remove_dir_all(folder).unwrap();
}

fn is_there(program: &str) -> bool {
    let paths = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&paths).any(|folder| folder.join(program).is_file())
}

/// Others each time.
fn seeds() -> Range<u64> {
    if let Ok(text) = env::var("PROSCENIUM_OTP_SEEDS") {
        let (from, to) = text.split_once("..").expect("PROSCENIUM_OTP_SEEDS is FROM..TO");
        return from.parse().expect("a seed is a number")..to.parse().expect("a seed is a number");
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is past 1970").as_secs();
    now..now + SEEDS
}

fn generate(seed: u64, into: &Path) -> PathBuf {
    let output = Command::new("python3").arg(folder().join("generate.py")).arg(seed.to_string()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let file = into.join(format!("{seed}.scenario"));
    fs::write(&file, output.stdout).unwrap();
    file
}

/// What OTP does with each.
fn oracle(files: &[PathBuf]) -> Vec<(String, String)> {
    let share = files.len().div_ceil(ORACLES).max(1);
    thread::scope(|scope| {
        let oracles: Vec<_> = files.chunks(share).map(|files| scope.spawn(|| ask(files))).collect();
        oracles.into_iter().flat_map(|oracle| oracle.join().unwrap()).collect()
    })
}

fn ask(files: &[PathBuf]) -> Vec<(String, String)> {
    let output = Command::new("escript").arg(folder().join("oracle.escript")).args(files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Of one file alone it does not tell the name.
    let head = if files.len() == 1 { format!("## {}\n", files[0].display()) } else { String::new() };
    parts(&(head + &String::from_utf8_lossy(&output.stdout)))
}
