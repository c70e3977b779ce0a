use thiserror::Error;

/// Why a channel or the mail settings were refused. The words say what to do
/// and hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChannelError {
    /// The channel's scheme is none that this version knows.
    #[error("no channel {scheme:?}: {}", instead(shapes))]
    UnknownScheme {
        /// The part before the first colon.
        scheme: String,
        /// What may have been meant, as one would write it; it may be empty.
        shapes: Vec<&'static str>,
    },
    /// The URL of a channel is not one that its provider would understand.
    #[error("this is no {channel} channel: {why}; write {}", shapes.join(" or "))]
    BadUrl {
        /// The provider.
        channel: &'static str,
        /// What is wrong, with nothing of the URL.
        why: String,
        /// What to write instead.
        shapes: &'static [&'static str],
    },
    /// The channel leads to where the hub's administrator lets none lead.
    #[error(
        "{host} is {what}: channels lead there only when hub.toml has [notify] allow = [\"{host}\"]"
    )]
    Blocked {
        /// The host.
        host: String,
        /// What is special about it.
        what: &'static str,
    },
    /// The proxy that the environment names is of a kind that is not understood.
    #[error(
        "the environment names a proxy of {scheme}://: SOCKS is not supported, only http:// and \
         https:// are; set HTTPS_PROXY to one, or NO_PROXY"
    )]
    Proxy {
        /// How its URL begins.
        scheme: String,
    },
    /// The channel can do more than tell, and the hub's config file does not name it.
    #[error("{channel} channels {what}: only the hub's own config file may name such a one")]
    OnlyFromFile {
        /// The kind of channel.
        channel: &'static str,
        /// What they can.
        what: &'static str,
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

fn instead(shapes: &[&str]) -> String {
    if shapes.is_empty() {
        format!("this version has {}", crate::schemes().join(", "))
    } else {
        format!("write {}", shapes.join(" or "))
    }
}
