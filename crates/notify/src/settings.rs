use std::fmt;
use std::time::Duration;

use crate::SmtpServer;

/// Mailgun's address for accounts in the United States; the European one is
/// `https://api.eu.mailgun.net`.
pub const MAILGUN_BASE: &str = "https://api.mailgun.net";

/// The `[mail]` part of the hub's config.
#[derive(Debug, Clone)]
pub struct MailSettings {
    /// The sender: `Watchfire <hub@example.org>` or an address alone.
    pub from: String,
    /// Who takes the mail.
    pub server: MailServer,
}

/// Who takes the mail. `Debug` shows no secret.
#[derive(Clone)]
pub enum MailServer {
    /// A mail server that speaks SMTP.
    Smtp(SmtpServer),
    /// Mailgun's HTTP API.
    Mailgun {
        /// Scheme and host, [`MAILGUN_BASE`] unless set; `https`, or `http`
        /// where the host is loopback.
        base: String,
        /// The sending domain.
        domain: String,
        /// The API key.
        key: String,
    },
}

impl fmt::Debug for MailServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Smtp(server) => server.fmt(f),
            Self::Mailgun { base, domain, key: _ } => f
                .debug_struct("Mailgun")
                .field("base", base)
                .field("domain", domain)
                .field("key", &"…")
                .finish(),
        }
    }
}

/// How long a provider may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Looking up a name, and connecting to one address.
    pub connect: Duration,
    /// The answer to one verb, or one pause inside an HTTP answer.
    pub verb: Duration,
    /// One try from its begin to its end.
    pub whole: Duration,
}

impl Default for Timeouts {
    /// 10 s to connect, 10 s for every verb, 30 s for the whole.
    fn default() -> Self {
        let ten = Duration::from_secs(10);
        Self { connect: ten, verb: ten, whole: Duration::from_secs(30) }
    }
}
