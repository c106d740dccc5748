//! A small client of the server, over TCP like any other.

use std::io;
use std::net::SocketAddr;

use smol::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use smol::net::TcpStream;

pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub(crate) async fn connect(server: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        Ok(Client { stream: BufReader::new(stream) })
    }

    /// Sends a command as a person would type it, and gives the reply as `redis-cli` would show it; of arrays, how long.
    ///
    /// # Errors
    /// If the server has closed the connection, or closes it instead of a reply.
    pub(crate) async fn ask(&mut self, command: &str) -> io::Result<String> {
        let line = format!("{command}\r\n");
        self.stream.get_mut().write_all(line.as_bytes()).await?;
        let reply = self.line().await?;
        match (reply.get(..1), reply.get(1..).unwrap_or_default()) {
            (Some("$"), "-1") => Ok("(nil)".to_owned()),
            (Some("$"), length) => self.bulk(length.parse().map_err(io::Error::other)?).await,
            (_, text) => Ok(text.to_owned()),
        }
    }

    /// Waits until the server closes the connection.
    ///
    /// # Errors
    /// If it says something instead.
    pub(crate) async fn closed(&mut self) -> io::Result<()> {
        match self.stream.fill_buf().await {
            Ok([]) => Ok(()),
            Ok(_) => Err(io::Error::other("the server said something that nobody asked")),
            // The way of a server that closes before it has read everything.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }

    async fn bulk(&mut self, length: usize) -> io::Result<String> {
        let mut bytes = vec![0; length + b"\r\n".len()];
        self.stream.read_exact(&mut bytes).await?;
        bytes.truncate(length);
        String::from_utf8(bytes).map_err(io::Error::other)
    }
}
