//! The command line's side of the control socket.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::runtime;

use super::SOCKET_NAME;

/// The longest text of a refusal that is read; the rest of it is dropped.
const MAX_REFUSAL_LEN: usize = 64 * 1024;

/// One running server, reached through its state directory. Blocks; for use outside the server.
#[derive(Debug)]
pub struct Client {
    socket: PathBuf,
    runtime: runtime::Runtime,
}

/// Why the server could not be asked.
#[derive(Debug)]
pub enum ClientError {
    /// Nobody listens: no server runs on this state directory.
    NotRunning {
        /// Where a server would listen.
        socket: PathBuf,
    },
    /// The socket belongs to somebody else.
    NotAllowed {
        /// The socket.
        socket: PathBuf,
    },
    /// The server refused the question; its own words.
    Refused(String),
    /// The connection broke, or what came back is not HTTP.
    Broken(String),
    /// Whatever was done with the answer failed.
    Output(io::Error),
}

impl Client {
    /// A client of the server on `state_dir`. Connects with each question.
    ///
    /// # Errors
    /// The operating system has no descriptors left.
    pub fn new(state_dir: &Path) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        Ok(Self { socket: state_dir.join(SOCKET_NAME), runtime })
    }

    /// Asks for `path_and_query` and hands over the answer piece by piece as it comes, however
    /// long it is.
    ///
    /// # Errors
    /// See [`ClientError`]; an error of `each` ends the reading and comes back as `Output`.
    pub fn get(
        &self,
        path_and_query: &str,
        each: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), ClientError> {
        self.ask(Method::GET, path_and_query, each)
    }

    /// Has the server do what `path_and_query` names, and gives back what it says to that.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn post(&self, path_and_query: &str) -> Result<Vec<u8>, ClientError> {
        let mut answer = Vec::new();
        self.ask(Method::POST, path_and_query, |piece| {
            answer.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(answer)
    }

    fn ask(
        &self,
        method: Method,
        path_and_query: &str,
        mut each: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), ClientError> {
        self.runtime.block_on(async {
            let mut body = self.send(method, path_and_query).await?.into_body();
            while let Some(frame) = body.frame().await {
                if let Some(piece) = frame.map_err(broken)?.data_ref() {
                    each(piece).map_err(ClientError::Output)?;
                }
            }
            Ok(())
        })
    }

    async fn send(
        &self,
        method: Method,
        path_and_query: &str,
    ) -> Result<Response<Incoming>, ClientError> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| {
            let socket = self.socket.clone();
            match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                    ClientError::NotRunning { socket }
                }
                io::ErrorKind::PermissionDenied => ClientError::NotAllowed { socket },
                _ => broken(error),
            }
        })?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // Its end is seen through the response, or through the response not coming.
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path_and_query)
            .header(hyper::header::HOST, "tandem")
            .body(Empty::<Bytes>::new())
            .map_err(broken)?;
        let response = sender.send_request(request).await.map_err(broken)?;
        if response.status() == StatusCode::OK {
            return Ok(response);
        }
        Err(ClientError::Refused(refusal(response.into_body()).await))
    }
}

async fn refusal(mut body: Incoming) -> String {
    let mut text = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        if let Some(piece) = frame.data_ref() {
            text.extend_from_slice(&piece[..piece.len().min(MAX_REFUSAL_LEN - text.len())]);
        }
        if text.len() == MAX_REFUSAL_LEN {
            break;
        }
    }
    String::from_utf8_lossy(&text).trim_end().to_owned()
}

fn broken(error: impl std::fmt::Display) -> ClientError {
    ClientError::Broken(error.to_string())
}

impl std::fmt::Display for ClientError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotRunning { socket } => write!(
                f,
                "no server answers at {}: start one with `tandem serve`, or name another state \
                 directory with --state-dir",
                socket.display()
            ),
            Self::NotAllowed { socket } => write!(
                f,
                "{} belongs to another user: run this as the user that the server runs as",
                socket.display()
            ),
            Self::Refused(text) => f.write_str(text),
            Self::Broken(text) => write!(f, "the control socket gave no whole answer: {text}"),
            Self::Output(error) => write!(f, "output: {error}"),
        }
    }
}

impl std::error::Error for ClientError {}
