use thiserror::Error;

/// Why a channel or the mail settings were refused. The words say what to do
/// and hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChannelError {
    /// The channel's scheme is none that this version knows.
    #[error("no channel {scheme:?}: this version has {}", known.join(", "))]
    UnknownScheme {
        /// The part before the first colon.
        scheme: String,
        /// The schemes there are, as one would write them.
        known: &'static [&'static str],
    },
    /// A mail channel without a mail server.
    #[error("a mailto: channel needs a mail server: set smtp and from under [mail]")]
    MailNotConfigured,
    /// A mail address is none.
    #[error("{address:?} is no mail address: {why}")]
    BadAddress {
        /// The refused text.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// The mail server's URL is none.
    #[error("the mail server's address is not understood: {0}")]
    BadServer(String),
    /// TLS or HTTP could not be set up on this machine.
    #[error("the connection to the mail server cannot be prepared: {0}")]
    Setup(String),
}
