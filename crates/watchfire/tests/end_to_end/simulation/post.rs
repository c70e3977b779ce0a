//! A mail server on the hub's machine, in the simulated network.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::time::Instant;
use watchfire_runtime::task::{Process, Task};
use watchfire_testkit::link::network::Host;
use watchfire_testkit::link::stream::End;
use watchfire_testkit::smtp::Mail;

/// Where it listens.
pub(crate) const PORT: u16 = 2525;

/// The mail server. It lives until it is dropped.
pub(crate) struct Post {
    box_: Arc<Mutex<Box_>>,
    process: Process,
    _task: Task<()>,
}

#[derive(Default)]
struct Box_ {
    mails: Vec<Mail>,
    refuses: bool,
}

impl Post {
    pub(crate) fn open(host: &Host, began: Instant) -> Self {
        let box_ = Arc::<Mutex<Box_>>::default();
        let listener = host.listen(PORT).expect("a free port");
        let process = Process::new(0);
        let (guests, mails) = (process.clone(), box_.clone());
        let task = process.spawn("post", async move {
            loop {
                let (end, _) = listener.accept().await;
                let mails = mails.clone();
                guests.spawn("post guest", serve(end, mails, began)).detach();
            }
        });
        Self { box_, process, _task: task }
    }

    /// Says that it cannot take mail now, or can again.
    pub(crate) fn refuse(&self, refuses: bool) {
        lock(&self.box_).refuses = refuses;
    }

    /// The mails that it accepted, from the `from`th on.
    pub(crate) fn mails(&self, from: usize) -> Vec<Mail> {
        lock(&self.box_).mails[from..].to_vec()
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        self.process.kill();
    }
}

fn lock(box_: &Mutex<Box_>) -> std::sync::MutexGuard<'_, Box_> {
    box_.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One conversation (RFC 5321). Whoever hangs up is done.
async fn serve(end: End, box_: Arc<Mutex<Box_>>, began: Instant) {
    let mut stream = BufReader::new(end);
    let mut to = Vec::new();
    let mut reply = "220 sim".to_owned();
    loop {
        if stream.write_all(format!("{reply}\r\n").as_bytes()).await.is_err() {
            return;
        }
        let mut line = String::new();
        if !matches!(stream.read_line(&mut line).await, Ok(1..)) {
            return;
        }
        let verb = line.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        reply = match verb.as_str() {
            "EHLO" => "250-sim\r\n250 8BITMIME".to_owned(),
            "MAIL" if lock(&box_).refuses => "451 not now".to_owned(),
            "RCPT" => {
                let address = line.split(['<', '>']).nth(1).unwrap_or_default();
                to.push(address.to_owned());
                "250 ok".to_owned()
            }
            "DATA" => {
                if stream.write_all(b"354 go on\r\n").await.is_err() {
                    return;
                }
                let Some(raw) = content(&mut stream).await else { return };
                let mail = Mail::of(std::mem::take(&mut to), raw, began.elapsed());
                lock(&box_).mails.push(mail);
                "250 taken".to_owned()
            }
            "QUIT" => {
                let _ = stream.write_all(b"221 bye\r\n").await;
                return;
            }
            _ => "250 ok".to_owned(),
        };
    }
}

async fn content(stream: &mut BufReader<End>) -> Option<Vec<u8>> {
    let mut raw = Vec::new();
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await.ok()? == 0 {
            return None;
        }
        if line == b".\r\n" {
            return Some(raw);
        }
        raw.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}
