//! Each step of Part II prints what its chapter shows.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, io, str};

const KV: &str = env!("CARGO_BIN_EXE_kv");

/// What `step` prints, compared with the file that its chapter includes.
#[track_caller]
fn check(step: &str) {
    let shown = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("kv/{step}.out"));
    let output = Command::new(KV).arg(step).stderr(Stdio::null()).output().expect("it can be run");
    assert!(output.status.success(), "{step}: {}", output.status);
    let printed = str::from_utf8(&output.stdout).expect("it is text");
    assert_eq!(printed, fs::read_to_string(&shown).unwrap_or_default(), "{}", shown.display());
}

macro_rules! steps {
    ($($step:ident)*) => {
        $(#[test]
        fn $step() {
            check(stringify!($step));
        })*

        #[test]
        fn every_step_is_compared() {
            let output = Command::new(KV).output().expect("it can be run");
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            let steps = [$(stringify!($step)),*].join(", ");
            assert_eq!(told, format!("kv: there is no step \"\", but {steps} and serve\n"));
        }
    };
}

steps! { process server kinds door supervisor names keeper application tree report tuning }

/// The picture of a tree that heals is made from this text.
#[test]
fn the_picture_of_a_tree_that_heals_shows_a_real_run() {
    let output = Command::new(KV).arg("heal").stderr(Stdio::null()).output().expect("it can be run");
    let shown = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/figures/heal.tree");
    assert_eq!(String::from_utf8_lossy(&output.stdout), fs::read_to_string(shown).unwrap_or_default());
}

#[cfg(unix)]
#[test]
fn the_application_serves_until_it_is_told_to_stop() -> io::Result<()> {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let mut server =
        Command::new(KV).args(["serve", "--set", &format!("kv.port={port}")]).stderr(Stdio::piped()).spawn()?;
    // It logs when it is there.
    let mut log = BufReader::new(server.stderr.take().expect("it was asked for"));
    let mut client = loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(client) => break client,
            Err(_) => assert!(server.try_wait()?.is_none(), "it has ended: {}", rest(&mut log)),
        }
    };
    client.write_all(b"SET tea 3\r\nINCR tea\r\n")?;
    let mut replies = BufReader::new(client.try_clone()?).lines();
    assert_eq!(
        (replies.next().transpose()?.as_deref(), replies.next().transpose()?.as_deref()),
        (Some("+OK"), Some(":4"))
    );
    assert!(Command::new("kill").arg(server.id().to_string()).status()?.success());
    assert_eq!(server.wait()?.code(), Some(0), "{}", rest(&mut log));
    assert_eq!(client.read(&mut [0])?, 0, "it has hung up");
    Ok(())
}

#[cfg(unix)]
fn rest(log: &mut impl Read) -> String {
    let mut text = String::new();
    let _ = log.read_to_string(&mut text);
    text
}
