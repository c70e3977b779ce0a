//! A program of the hub's administrator, which gets the message as JSON:
//! `exec:///usr/local/bin/tell?arg=ops&arg=loud`
//!
//! It ends with 0 when it took the message, with 75 (`EX_TEMPFAIL`) when it wants to be asked
//! again, and with anything else when it never will take it.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use watchfire_model::DeliveryOutcome;
use watchfire_runtime::Clock;

use crate::channel::document::document;
use crate::channel::list::Parsed;
use crate::channel::{Address, OwnChannel, Sending};
use crate::{Outgoing, Timeouts, clean};

use self::trusted::NotTrusted;

mod trusted;

pub(crate) const SHAPES: &[&str] = &["exec:///usr/local/bin/PROGRAM?arg=FIRST&arg=SECOND"];

/// All of the environment that the program gets: the hub's own may hold secrets.
const ENVIRONMENT: [(&str, &str); 2] =
    [("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), ("LANG", "C.UTF-8")];

/// How much of what it writes is kept, in bytes; the rest is read and dropped.
const MAX_KEPT_BYTES: usize = 16 * 1024;

/// How long what it left behind may go on writing before nobody reads it any more.
const LINGER: Duration = Duration::from_secs(1);

/// `EX_TEMPFAIL` of `sysexits.h`.
const TRY_AGAIN: i32 = 75;

#[derive(Debug)]
struct Exec {
    program: PathBuf,
    arguments: Vec<String>,
}

/// Reads such a URL.
pub(crate) fn parse(address: &Address) -> Parsed<dyn OwnChannel> {
    if !address.host.is_empty() || address.path.is_empty() {
        return Err("the program's path begins with three slashes".to_owned());
    }
    if address.query.iter().any(|(key, _)| key != "arg") {
        return Err("there is nothing but arg= for its arguments".to_owned());
    }
    let program = PathBuf::from(format!("/{}", address.path.join("/")));
    let arguments = address.query.iter().map(|(_, value)| value.clone()).collect();
    Ok(Box::new(Exec { program, arguments }))
}

impl OwnChannel for Exec {
    fn send<'a>(
        &'a self,
        message: &'a Outgoing<'a>,
        clock: &'a Clock,
        limits: Timeouts,
    ) -> Sending<'a> {
        Box::pin(self.deliver(message, clock, limits.whole))
    }

    /// One that is not there yet may come; one that others may change is none.
    fn check(&self) -> Result<(), String> {
        match trusted::open(&self.program) {
            Err(NotTrusted::Changeable(why)) => Err(why),
            Ok(_) | Err(NotTrusted::Missing(_)) => Ok(()),
        }
    }

    fn does(&self) -> String {
        format!("runs {}", self.program.display())
    }
}

impl Exec {
    async fn deliver(
        &self,
        message: &Outgoing<'_>,
        clock: &Clock,
        limit: Duration,
    ) -> DeliveryOutcome {
        let not_now = |why: &str, maybe_accepted| DeliveryOutcome::Retry {
            why: clean::line(&format!("the program {why}")),
            maybe_accepted,
        };
        // What is wrong with the file somebody will mend.
        let mut group = match self.start() {
            Ok(group) => group,
            Err(why) => return not_now(&format!("cannot be run: {why}"), false),
        };
        let document = document(message).to_string();
        match clock.within(limit, group.converse(document.as_bytes(), clock)).await {
            Some(Ok(ended)) => ended.outcome(),
            Some(Err(error)) => not_now(&format!("is not heard of: {error}"), true),
            None => not_now(&format!("was ended after {} s", limit.as_secs_f64()), true),
        }
    }

    fn start(&self) -> Result<Group, String> {
        let program = trusted::open(&self.program).map_err(|why| why.to_string())?;
        let started = Command::new(&program.path)
            .arg0(&self.program)
            .args(&self.arguments)
            .env_clear()
            .envs(ENVIRONMENT)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        started.map(Group).map_err(|error| error.to_string())
    }
}

/// A running program and all that it started. They are killed when this is dropped before the
/// program has ended.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // The number is the program's for as long as nobody has waited for it.
        let id = self.0.id().and_then(|id| i32::try_from(id).ok());
        if let Some(group) = id.and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// How a program ended, and what it wrote.
struct Ended {
    status: ExitStatus,
    output: Vec<u8>,
    errors: Vec<u8>,
}

impl Group {
    /// Gives the program its message and reads what it writes until it ends.
    async fn converse(&mut self, document: &[u8], clock: &Clock) -> std::io::Result<Ended> {
        let child = &mut self.0;
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let status = {
            let talk = async {
                tokio::join!(
                    feed(stdin, document),
                    listen(stdout, &mut output),
                    listen(stderr, &mut errors)
                );
            };
            let mut talk = std::pin::pin!(talk);
            let mut status = None;
            tokio::select! {
                biased;
                () = &mut talk => {}
                ended = child.wait() => status = Some(ended?),
            }
            match status {
                Some(status) => {
                    // Something that it started may hold its output open for ever.
                    clock.within(LINGER, talk).await;
                    status
                }
                None => child.wait().await?,
            }
        };
        Ok(Ended { status, output, errors })
    }
}

async fn feed(stdin: Option<ChildStdin>, document: &[u8]) {
    let Some(mut stdin) = stdin else { return };
    // A program that does not read its message may still take it.
    let _ = stdin.write_all(document).await;
    let _ = stdin.shutdown().await;
}

/// Reads to the end and keeps the beginning.
async fn listen(pipe: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut pipe) = pipe else { return };
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        let room = MAX_KEPT_BYTES.saturating_sub(kept.len());
        kept.extend_from_slice(&buffer[..count.min(room)]);
    }
}

impl Ended {
    fn outcome(&self) -> DeliveryOutcome {
        let words = |text: &str| clean::line(text);
        match (self.status.code(), self.status.signal()) {
            (Some(0), _) => {
                let said = first_line(&self.output);
                let reply = said.unwrap_or_else(|| "the program ended with 0".to_owned());
                DeliveryOutcome::Accepted { reply: words(&reply) }
            }
            (Some(TRY_AGAIN), _) => DeliveryOutcome::Retry {
                why: words(&format!("the program asks to be tried again{}", self.said())),
                maybe_accepted: false,
            },
            (Some(code), _) => DeliveryOutcome::Refused {
                why: words(&format!("the program ended with {code}{}", self.said())),
            },
            (None, signal) => DeliveryOutcome::Retry {
                why: words(&format!(
                    "the program was ended by signal {}{}",
                    signal.unwrap_or_default(),
                    self.said()
                )),
                maybe_accepted: true,
            },
        }
    }

    /// What it said was wrong.
    fn said(&self) -> String {
        let said = first_line(&self.errors).or_else(|| first_line(&self.output));
        said.map(|line| format!(": {line}")).unwrap_or_default()
    }
}

fn first_line(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines().map(clean::line);
    lines.find(|line| !line.is_empty())
}

#[cfg(test)]
mod tests;
