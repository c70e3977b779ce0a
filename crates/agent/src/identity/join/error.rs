use watchfire_api::agent::Message;
use watchfire_runtime::task::TaskFailed;
use watchfire_runtime::tls::TlsError;

use crate::error::AgentError;

/// The longest words of a hub that are shown.
const MAX_WORDS: usize = 300;

/// Why a server could not join.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// There is no way to the hub.
    #[error(
        "the hub at {hub} is not reached: {why}\n  hint: the hub runs there, and a firewall lets \
         this machine through? Where this machine may not dial out, run `watchfire invite` here \
         and the line that it prints at the hub"
    )]
    NotReached {
        /// Its address.
        hub: String,
        /// The kernel's or resolver's reason.
        why: String,
    },
    /// Something else answers there.
    #[error(
        "this is not the hub that made the token: {why}\n  hint: the token was not sent. Check the \
         address {hub}; if it is right, somebody is between this machine and the hub"
    )]
    WrongHub {
        /// The address that was dialled.
        hub: String,
        /// What was found there.
        why: String,
    },
    /// The hub's certificate is of the right authority and yet not good.
    #[error(
        "the certificate of the hub at {hub} does not hold: {why}\n  hint: the token was not sent. \
         Compare the clocks of this machine and the hub (`date -u` on both)"
    )]
    NotTrusted {
        /// The address that was dialled.
        hub: String,
        /// What is wrong with it.
        why: String,
    },
    /// No TLS is spoken there.
    #[error("there is no TLS at {hub}: {why}\n  hint: give the hub's own port, 5100 unless set")]
    NoTls {
        /// The address that was dialled.
        hub: String,
        /// What came instead.
        why: String,
    },
    /// The token is not taken: unknown, over, or used.
    #[error(
        "the hub refuses the token: {words}\n  hint: make another one with `watchfire hub token`"
    )]
    TokenRefused {
        /// The hub's words.
        words: String,
    },
    /// Another server has the name.
    #[error(
        "the hub refuses the name: {words}\n  hint: choose another with --name, or free this one at \
         the hub with `watchfire server remove` or `rename`"
    )]
    NameTaken {
        /// The hub's words.
        words: String,
    },
    /// The hub wants no more tries at the moment.
    #[error("the hub is too busy for this: {words}\n  hint: try again in a minute")]
    Busy {
        /// The hub's words.
        words: String,
    },
    /// The hub answers with another status.
    #[error("the hub at {hub} does not enrol this server: {words} (status {status})")]
    Refused {
        /// Its address.
        hub: String,
        /// The status of HTTP.
        status: u16,
        /// The hub's words.
        words: String,
    },
    /// The hub does not answer.
    #[error("the hub at {hub} took the request and does not answer: look at its log")]
    Silent {
        /// Its address.
        hub: String,
    },
    /// The hub's answer is none.
    #[error("the hub's answer is not understood: {0}\n  hint: update the older one of the two")]
    Unclear(String),
    /// What the hub gave is not valid at this machine's time.
    #[error(
        "the certificate that the hub gave does not hold at this machine's time\n  hint: compare \
         the clocks of this machine and the hub (`date -u` on both), and make another token"
    )]
    NotNow,
    /// The data folder cannot be used.
    #[error("{0}")]
    Agent(#[from] AgentError),
    /// A task failed.
    #[error("{0}")]
    Task(#[from] TaskFailed),
}

impl JoinError {
    pub(super) fn of_tls(hub: &str, error: TlsError) -> Self {
        let hub = hub.to_owned();
        match error {
            TlsError::OtherIdentity(why) => Self::WrongHub { hub, why },
            TlsError::NotTrusted(why) => Self::NotTrusted { hub, why },
            TlsError::Io(kind) => Self::NotReached { hub, why: kind.to_string() },
            TlsError::Timeout => Self::NotReached { hub, why: TlsError::Timeout.to_string() },
            other => Self::NoTls { hub, why: other.to_string() },
        }
    }
}

/// What an answer that is not 200 means.
pub(super) fn told(status: u16, body: &[u8], hub: &str) -> JoinError {
    let words = match serde_json::from_slice::<Message>(body) {
        Ok(said) => clean(&said.message),
        Err(_) => "it gave no reason".to_owned(),
    };
    match status {
        401 => JoinError::TokenRefused { words },
        409 => JoinError::NameTaken { words },
        429 | 503 => JoinError::Busy { words },
        _ => JoinError::Refused { hub: hub.to_owned(), status, words },
    }
}

/// What another machine says goes to a terminal.
fn clean(words: &str) -> String {
    words.chars().filter(|letter| !letter.is_control()).take(MAX_WORDS).collect()
}
