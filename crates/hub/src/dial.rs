//! Reaching an agent: TCP, login, stream. Every step has its own time limit,
//! and every failure is a [`Sight`], which is what the verdict rests on.

mod login;
mod stream;

use std::io::ErrorKind;
use std::time::Duration;

use tokio::net::TcpStream;
use watchfire_model::Sight;
use watchfire_runtime::Clock;

pub(crate) use login::log_in;
pub(crate) use stream::open_stream;

/// How long name resolution and connecting may take together.
const CONNECT_LIMIT: Duration = Duration::from_millis(1500);
/// When an agent that took the connection and says nothing is called silent.
const SILENT_AFTER: Duration = Duration::from_millis(1000);
/// How long the answer may take all the same: a frozen agent that goes on
/// answers the question that is waiting for it, and is back at once.
const ANSWER_LIMIT: Duration = Duration::from_secs(4);

/// Why a dial failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failed {
    /// What it proves of the host.
    pub(crate) saw: Sight,
    /// The details, for the log.
    pub(crate) why: String,
}

impl Failed {
    fn new(saw: Sight, why: impl Into<String>) -> Self {
        Self { saw, why: why.into() }
    }
}

/// Connects to `host:port`, trying each of its addresses within one limit.
pub(crate) async fn connect(address: &str, clock: &Clock) -> Result<TcpStream, Failed> {
    let resolved = clock.within(CONNECT_LIMIT, tokio::net::lookup_host(address)).await;
    let addresses: Vec<_> = match resolved {
        Some(Ok(addresses)) => addresses.collect(),
        Some(Err(error)) => return Err(Failed::new(Sight::NameUnknown, error.to_string())),
        None => return Err(Failed::new(Sight::NameUnknown, "the resolver does not answer")),
    };
    if addresses.is_empty() {
        return Err(Failed::new(Sight::NameUnknown, "the name has no address"));
    }
    let connecting = TcpStream::connect(addresses.as_slice());
    match clock.within(CONNECT_LIMIT, connecting).await {
        Some(Ok(stream)) => {
            // Signs of life are small and must not wait for one another.
            let _ = stream.set_nodelay(true);
            Ok(stream)
        }
        Some(Err(error)) => Err(Failed::new(sight(error.kind()), error.to_string())),
        None => Err(Failed::new(Sight::NoAnswer, "connecting took too long")),
    }
}

/// Waits for an agent's answer; `silent` is called once when it takes long.
async fn answer<F: Future>(
    clock: &Clock,
    asking: F,
    silent: &mut (impl FnMut() + Send),
) -> Result<F::Output, Failed> {
    let mut asking = std::pin::pin!(asking);
    if let Some(answer) = clock.within(SILENT_AFTER, asking.as_mut()).await {
        return Ok(answer);
    }
    silent();
    let rest = ANSWER_LIMIT.saturating_sub(SILENT_AFTER);
    let late = clock.within(rest, asking).await;
    late.ok_or_else(|| Failed::new(Sight::Silent, "the agent does not answer"))
}

fn sight(kind: ErrorKind) -> Sight {
    match kind {
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => Sight::Refused,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Sight::NoRoute,
        _ => Sight::NoAnswer,
    }
}

#[cfg(test)]
mod tests;
