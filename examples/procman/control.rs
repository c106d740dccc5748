//! The socket by which another procman asks the one that runs.
//!
//! A question is a line, the answer all that comes after it, the first word of which is `ok` or `error`.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use proscenium::prelude::*;
use proscenium::tree::{TreePath, TreeRef};
use smol::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use smol::net::unix;

use super::board::Board;
use super::view::table;

/// Where the socket of the procman is that runs with a file.
fn socket(file: &Path) -> PathBuf {
    file.with_extension("sock")
}

/// Asks the procman that runs with `file`.
pub(super) fn ask(file: &Path, question: &str) -> io::Result<String> {
    let socket = socket(file);
    let mut stream = UnixStream::connect(&socket)
        .map_err(|error| io::Error::new(error.kind(), format!("nobody listens at {}: {error}", socket.display())))?;
    writeln!(stream, "{question}")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.split_once('\n') {
        Some(("ok", text)) => Ok(text.to_owned()),
        Some(("error", text)) => Err(io::Error::other(text.trim_end().to_owned())),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Removes the socket when its process ends, however it does.
struct Bound(PathBuf);

impl Drop for Bound {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Takes connections, each in a process of its own.
pub(super) async fn listen(mut ctx: Context<()>, file: PathBuf, services: TreeRef) -> Result<(), ExitReason> {
    let path = socket(&file);
    if UnixStream::connect(&path).is_ok() {
        return Err(ExitReason::error(format!("another procman listens at {}", path.display())));
    }
    let _ = fs::remove_file(&path);
    let listener = unix::UnixListener::bind(&path)?;
    let _bound = Bound(path);
    loop {
        let (stream, _) = listener.accept().await?;
        let services = services.clone();
        ctx.spawn(move |ctx: Context<()>| async move { Ok(serve(&ctx, stream, &services).await?) });
    }
}

async fn serve(ctx: &Context<()>, stream: unix::UnixStream, services: &TreeRef) -> io::Result<()> {
    let mut question = String::new();
    BufReader::new(stream.clone()).read_line(&mut question).await?;
    let answer = match answer(ctx, question.trim(), services).await {
        Ok(text) => format!("ok\n{text}\n"),
        Err(error) => format!("error\n{error}\n"),
    };
    let mut stream = stream;
    stream.write_all(answer.as_bytes()).await
}

async fn answer(ctx: &Context<()>, question: &str, services: &TreeRef) -> Result<String, ExitReason> {
    match question.split_once(' ') {
        None if question == "status" => {
            let rows = ctx.system().named("board").call(Board::Rows).await?;
            Ok(table(&rows, ctx.system().now()))
        }
        Some(("restart", name)) => restart(name, services).await,
        _ => Err(ExitReason::error(format!("there is no answer to {question:?}"))),
    }
}

async fn restart(name: &str, services: &TreeRef) -> Result<String, ExitReason> {
    let paths = services.tree().paths();
    let path = paths.iter().find(|path| path.id() == Some(name));
    let path = path.ok_or_else(|| ExitReason::error(format!("there is no service {name:?}")))?;
    let above = services.supervisor(&path.parent().unwrap_or(TreePath::top()));
    let above = above.ok_or_else(|| ExitReason::error("its supervisor does not run"))?;
    above.terminate_child(name).await?;
    above.restart_child(name).await?;
    Ok(format!("{name} was restarted"))
}
