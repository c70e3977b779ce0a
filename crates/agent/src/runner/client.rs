//! The agent's side: starts a runner, or finds the one that the service manager keeps, and hands
//! commands to it.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Program, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use watchfire_runtime::Clock;
use watchfire_wire::{CancelCommand, Command, Message, Runbooks};

use super::frames;

/// How long a runner may take to answer what it offers.
const ANSWER_TIME: Duration = Duration::from_secs(5);
const SOCKET: &str = "runner.sock";

/// The way to the runner. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Runner(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    socket: PathBuf,
    /// The process, where the agent started it itself.
    child: Option<Mutex<Child>>,
}

/// A runner to start.
#[derive(Debug, Clone)]
pub struct StartRunner {
    /// The program and its arguments.
    pub program: (PathBuf, Vec<OsString>),
    /// A folder that nobody else may look into, for the socket.
    pub folder: PathBuf,
}

impl Runner {
    /// The runner that listens there.
    #[must_use]
    pub fn at(socket: impl Into<PathBuf>) -> Self {
        Self(Arc::new(Inner { socket: socket.into(), child: None }))
    }

    /// Starts a runner; it listens by the time this returns. To be called before the agent gives
    /// the right to start programs up.
    ///
    /// # Errors
    /// The kernel's reason.
    pub fn start(how: &StartRunner) -> io::Result<Self> {
        let socket = how.folder.join(SOCKET);
        match std::fs::remove_file(&socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = StdListener::bind(&socket)?;
        let (program, arguments) = &how.program;
        let child = Program::new(program)
            .args(arguments)
            .stdin(Stdio::from(OwnedFd::from(listener)))
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Self(Arc::new(Inner { socket, child: Some(Mutex::new(child)) })))
    }

    /// Where it listens.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.0.socket
    }

    /// Hands a command over. What comes of it is told by [`Running`].
    ///
    /// # Errors
    /// When there is no runner, or it does not take it.
    pub async fn run(&self, command: Command) -> io::Result<Running> {
        let run = command.run;
        let (from, mut to) = UnixStream::connect(&self.0.socket).await?.into_split();
        frames::write(&mut to, &Message::Command(Box::new(command))).await?;
        Ok(Running { events: RunningEvents(from), control: RunningControl { run, to } })
    }

    /// What the server's policy offers; nothing when the runner does not say.
    pub async fn runbooks(&self, clock: &Clock) -> Runbooks {
        let ask = async {
            let (mut from, mut to) = UnixStream::connect(&self.0.socket).await?.into_split();
            frames::write(&mut to, &Message::Runbooks(Runbooks::default())).await?;
            frames::read(&mut from).await
        };
        match clock.within(ANSWER_TIME, ask).await {
            Some(Ok(Some(Message::Runbooks(runbooks)))) => runbooks,
            other => {
                tracing::debug!(?other, "the runner does not say what may be run");
                Runbooks::default()
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let Some(child) = &self.child else { return };
        let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
        // It ends what runs when it ends: its supervisors hear that it is gone.
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// A command that was handed over.
#[derive(Debug)]
pub struct Running {
    /// What it says.
    pub events: RunningEvents,
    /// What ends it.
    pub control: RunningControl,
}

/// What a command says.
#[derive(Debug)]
pub struct RunningEvents(OwnedReadHalf);

/// The word that ends a command, which ends as well when this and its events are dropped.
#[derive(Debug)]
pub struct RunningControl {
    run: u64,
    to: OwnedWriteHalf,
}

impl RunningEvents {
    /// What comes next: it began, it says something, and at last that it ended or was refused.
    /// `None` when the runner is gone. It must not be cancelled.
    pub async fn next(&mut self) -> Option<Message> {
        frames::read(&mut self.0).await.unwrap_or_default()
    }
}

impl RunningControl {
    /// Asks for its end. More than once does no harm.
    pub async fn cancel(&mut self) {
        let cancel = Message::CancelCommand(CancelCommand { run: self.run });
        if let Ok(frame) = frames::framed(&cancel) {
            let _ = self.to.write_all(&frame).await;
        }
    }
}
