//! What a scripted mail server can be told to do.

use std::time::Duration;

/// A point in an SMTP exchange at which a script can step in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// The connection, before the greeting.
    Connect,
    /// The TLS handshake, implicit or after STARTTLS.
    Handshake,
    /// EHLO or HELO.
    Ehlo,
    /// STARTTLS, before the handshake.
    StartTls,
    /// AUTH, before the credentials are looked at.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA, before the message.
    Data,
    /// Inside the message, once its first line has come.
    MidBody,
    /// The whole message has come; the answer to the final dot.
    Body,
    /// RSET.
    Rset,
    /// NOOP.
    Noop,
    /// QUIT.
    Quit,
}

/// How the server behaves. At every verb that a behaviour does not name, the
/// server acts as a good one does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// A good server.
    Accept,
    /// The connection is closed as soon as it is made, without a greeting.
    /// (For "connection refused" see `Sink::stop_listening`.)
    CloseAtOnce,
    /// Answers one verb with this reply instead of doing it. After 421 the
    /// connection is closed.
    Reply {
        /// Where.
        at: Verb,
        /// The reply code, 451 for example.
        code: u16,
        /// The words after the code.
        text: String,
    },
    /// Does the verb but sends exactly these bytes as the answer.
    Raw {
        /// Where.
        at: Verb,
        /// The bytes, line ends included.
        bytes: Vec<u8>,
    },
    /// Closes the connection at a verb instead of answering it. At
    /// [`Verb::Body`] the message has been received in full.
    Drop(Verb),
    /// Says nothing more from this verb on; the connection stays open.
    Hang(Verb),
    /// Does not offer STARTTLS, as if somebody on the way had taken it out,
    /// and does not understand it.
    NoStartTls,
    /// Waits this long before every reply.
    Slow(Duration),
}

impl Behaviour {
    /// [`Behaviour::Reply`] in short.
    #[must_use]
    pub fn reply(at: Verb, code: u16, text: &str) -> Self {
        Self::Reply { at, code, text: text.to_owned() }
    }

    /// Receives the message, then closes the connection before the reply.
    #[must_use]
    pub fn drop_after_data() -> Self {
        Self::Drop(Verb::Body)
    }
}
