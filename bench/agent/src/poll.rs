//! Asking a program for what it knows, as its server would.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use watchfire_testkit::ask::Ask;

const PATIENCE: Duration = Duration::from_secs(10);
const PERIOD: Duration = Duration::from_secs(1);
/// The first bytes of a message of Zabbix: its name and one for "plain".
const ZABBIX_HEAD: &[u8] = b"ZBXD\x01";
const ZABBIX_HEAD_BYTES: usize = 13;
const ZABBIX_MAX_BYTES: u64 = 1024 * 1024;

/// One question, or one set of questions.
#[derive(Debug, Clone)]
pub(crate) enum Poll {
    /// `GET`, on a connection of its own.
    Http { address: SocketAddr, target: &'static str },
    /// Passive checks of Zabbix: one connection for each item.
    Zabbix { address: SocketAddr, items: Arc<Vec<String>> },
}

impl Poll {
    /// Asks; what was answered.
    pub(crate) fn once(&self) -> anyhow::Result<String> {
        match self {
            Self::Http { address, target } => {
                let answer = Ask::get(target).send(*address, PATIENCE)?;
                ensure!(answer.status == 200, "{target} was answered {}", answer.status);
                ensure!(!answer.body.is_empty(), "{target} was answered with nothing");
                Ok(answer.text())
            }
            Self::Zabbix { address, items } => {
                items.iter().map(|item| ask_zabbix(*address, item)).collect()
            }
        }
    }

    /// Asks; how long it took until the last byte was there.
    pub(crate) fn timed(&self) -> anyhow::Result<Duration> {
        let began = Instant::now();
        self.once()?;
        Ok(began.elapsed())
    }
}

/// See Zabbix' manual, "Passive checks" and "Header".
fn ask_zabbix(address: SocketAddr, item: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = u64::try_from(item.len())?.to_le_bytes();
    stream.write_all(&[ZABBIX_HEAD, &length, item.as_bytes()].concat())?;
    let mut answer = Vec::new();
    stream.take(ZABBIX_MAX_BYTES).read_to_end(&mut answer)?;
    let value = answer.get(ZABBIX_HEAD_BYTES..).with_context(|| format!("{item}: no answer"))?;
    // "ZBX_NOTSUPPORTED" is an answer, too: it took the agent its time.
    Ok(format!("{item} {}\n", String::from_utf8_lossy(value)))
}

/// Asks once a second until it is dropped.
#[derive(Debug)]
pub(crate) struct Polling {
    end: Option<SyncSender<()>>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Polling {
    pub(crate) fn start(poll: Poll) -> Self {
        // Nothing is ever sent: its end is the message.
        let (end, ended) = sync_channel(0);
        let thread = std::thread::spawn(move || {
            let mut next = Instant::now();
            loop {
                poll.once()?;
                next = (next + PERIOD).max(Instant::now());
                let pause = next.saturating_duration_since(Instant::now());
                match ended.recv_timeout(pause) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
                }
            }
        });
        Self { end: Some(end), thread: Some(thread) }
    }

    /// True when a question was not answered.
    pub(crate) fn has_failed(&self) -> bool {
        self.thread.as_ref().is_some_and(JoinHandle::is_finished)
    }

    /// Ends it; an error when a question was not answered.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        self.end = None;
        let thread = self.thread.take().context("it was stopped before")?;
        thread.join().ok().context("the asking thread panicked")?
    }
}

impl Drop for Polling {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
