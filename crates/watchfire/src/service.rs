//! What the service manager is told, as sd_notify(3) describes: datagrams of
//! text to a socket that the environment names.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use watchfire_runtime::task::{self, Task};
use watchfire_runtime::{Clock, Shutdown};

/// The service manager, when there is one that listens.
#[derive(Debug)]
pub(crate) struct Supervisor {
    line: Option<Line>,
    /// How long it waits for a sign of life before it starts the service anew.
    watchdog: Option<Duration>,
    keeps_output: bool,
}

#[derive(Debug)]
struct Line {
    socket: UnixDatagram,
    manager: SocketAddr,
}

impl Supervisor {
    /// As the environment has it.
    pub(crate) fn from_environment() -> Self {
        let line = std::env::var_os("NOTIFY_SOCKET").and_then(|name| match Line::to(&name) {
            Ok(line) => Some(line),
            Err(error) => {
                tracing::warn!(%error, "the service manager cannot be told anything");
                None
            }
        });
        let (pid, micros) = (std::env::var("WATCHDOG_PID"), std::env::var("WATCHDOG_USEC"));
        let watchdog = watchdog(pid.ok().as_deref(), micros.ok().as_deref(), std::process::id());
        let keeps_output = std::env::var_os("JOURNAL_STREAM").is_some();
        Self { line, watchdog, keeps_output }
    }

    /// True when what is printed is stored by a service manager.
    pub(crate) fn keeps_output(&self) -> bool {
        self.keeps_output
    }

    /// Says that the service is ready, gives a sign of life twice as often as
    /// needed, and says when the service ends. The signs come from the runtime
    /// that does the service's work, so they end when it hangs.
    pub(crate) fn follow(self, clock: Clock, shutdown: Shutdown) -> Task<()> {
        task::spawn("service manager", async move {
            let Some(line) = self.line else { return };
            line.say("READY=1");
            let beats = async {
                let Some(period) = self.watchdog else { return std::future::pending().await };
                loop {
                    clock.sleep(period / 2).await;
                    line.say("WATCHDOG=1");
                }
            };
            tokio::select! {
                biased;
                () = shutdown.requested() => line.say("STOPPING=1"),
                () = beats => {}
            }
        })
    }
}

impl Line {
    /// To a path, or to a name of the abstract space, which begins with `@`.
    fn to(name: &OsStr) -> io::Result<Self> {
        let manager = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(OsString::from(name))?,
        };
        let socket = UnixDatagram::unbound()?;
        // A manager that does not read must not hold the service up.
        socket.set_nonblocking(true)?;
        Ok(Self { socket, manager })
    }

    fn say(&self, words: &str) {
        if let Err(error) = self.socket.send_to_addr(words.as_bytes(), &self.manager) {
            tracing::debug!(%error, words, "the service manager does not hear");
        }
    }
}

/// The watchdog's time, where it is meant for this process.
fn watchdog(pid: Option<&str>, micros: Option<&str>, me: u32) -> Option<Duration> {
    if pid.is_some_and(|pid| pid.parse() != Ok(me)) {
        return None;
    }
    let micros = micros?.parse().ok().filter(|micros| *micros > 0)?;
    Some(Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use watchfire_model::Moment;

    use super::*;

    #[test]
    fn a_watchdog_of_another_process_is_not_ours() {
        let second = Some(Duration::from_secs(1));
        assert_eq!(watchdog(None, Some("1000000"), 7), second);
        assert_eq!(watchdog(Some("7"), Some("1000000"), 7), second);
        assert_eq!(watchdog(Some("8"), Some("1000000"), 7), None);
        for micros in [None, Some("0"), Some("x")] {
            assert_eq!(watchdog(None, micros, 7), None);
        }
    }

    /// What the manager hears next.
    async fn heard(manager: &tokio::net::UnixDatagram) -> String {
        let mut bytes = [0; 64];
        let read = manager.recv(&mut bytes).await.expect("it listens");
        String::from_utf8_lossy(&bytes[..read]).into_owned()
    }

    #[tokio::test]
    async fn the_manager_hears_of_begin_life_and_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let manager = tokio::net::UnixDatagram::bind(&path).expect("a socket");
        let (clock, hand) = Clock::manual(Moment::default());
        let (shutdown, end) = Shutdown::new();
        let supervisor = Supervisor {
            line: Some(Line::to(path.as_os_str()).expect("a line")),
            watchdog: Some(Duration::from_secs(30)),
            keeps_output: false,
        };
        let following = supervisor.follow(clock, shutdown);
        assert_eq!(heard(&manager).await, "READY=1");
        for _ in 0..2 {
            tokio::task::yield_now().await;
            hand.advance(Duration::from_secs(15));
            assert_eq!(heard(&manager).await, "WATCHDOG=1");
        }
        end.request();
        assert_eq!(heard(&manager).await, "STOPPING=1");
        following.join().await.expect("it ends");
    }

    #[test]
    fn a_name_of_the_abstract_space_is_one() {
        let name = format!("watchfire-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let manager = UnixDatagram::bind_addr(&address).expect("a socket");
        Line::to(OsStr::new(&format!("@{name}"))).expect("a line").say("READY=1");
        let mut bytes = [0; 16];
        let read = manager.recv(&mut bytes).expect("it was said");
        assert_eq!(&bytes[..read], b"READY=1");
    }
}
