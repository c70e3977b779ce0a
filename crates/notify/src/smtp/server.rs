use std::fmt;
use std::net::SocketAddr;

use crate::ChannelError;
use crate::url::{host_and_port, is_loopback, percent_decoded};

/// Where mail is handed in, and how. `Debug` hides the password.
#[derive(Clone, PartialEq, Eq)]
pub struct SmtpServer {
    /// The host, as its certificate names it; an IPv6 address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// True for TLS from the first byte (`smtps`); otherwise STARTTLS is
    /// required, unless the host is loopback, where it is used when offered.
    pub implicit_tls: bool,
    /// User and password.
    pub login: Option<(String, String)>,
    /// Certificates, as PEM, that are trusted besides the system's: for a
    /// private authority.
    pub tls_roots: Vec<String>,
    /// Where to connect instead of looking `host` up. It changes nothing about
    /// what is required of the server: `host` is still what must be proven.
    pub connect_to: Option<SocketAddr>,
}

impl fmt::Debug for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpServer")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("implicit_tls", &self.implicit_tls)
            .field("login", &self.login.as_ref().map(|(user, _)| (user, "…")))
            .field("tls_roots", &self.tls_roots.len())
            .field("connect_to", &self.connect_to)
            .finish()
    }
}

impl SmtpServer {
    /// Reads `smtps://user:password@host:port` or `smtp://…`. Without a port
    /// it is 465 for `smtps`, 587 for `smtp`, and 25 for `smtp` on loopback.
    ///
    /// User and password may be percent-encoded. The last `@` ends them, and
    /// the first `:` ends the user, so a mail address as user and most
    /// passwords need no escapes; a `%` before two hexadecimal digits does.
    ///
    /// # Errors
    /// [`ChannelError::BadServer`]; its words never hold the password.
    pub fn parse(url: &str) -> Result<Self, ChannelError> {
        let bad = |why: &str| ChannelError::BadServer(why.to_owned());
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| bad("write it like smtps://user:password@mail.example.org"))?;
        let implicit_tls = match scheme.to_ascii_lowercase().as_str() {
            "smtps" => true,
            "smtp" => false,
            _ => return Err(bad("it begins with smtps:// or, for STARTTLS, smtp://")),
        };
        let (login, host) = match rest.rsplit_once('@') {
            Some((login, host)) => (Some(read_login(login)?), host),
            None => (None, rest),
        };
        let host = host.strip_suffix('/').unwrap_or(host);
        if host.contains(['/', '?', '#']) {
            return Err(bad("nothing follows the host and port"));
        }
        let (host, port) = host_and_port(host).map_err(ChannelError::BadServer)?;
        let port = port.unwrap_or_else(|| default_port(implicit_tls, &host));
        Ok(Self { host, port, implicit_tls, login, tls_roots: Vec::new(), connect_to: None })
    }

    /// True when the host is this machine, so that nobody listens in between.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }
}

fn default_port(implicit_tls: bool, host: &str) -> u16 {
    match (implicit_tls, is_loopback(host)) {
        (true, _) => 465,
        (false, false) => 587,
        (false, true) => 25,
    }
}

fn read_login(text: &str) -> Result<(String, String), ChannelError> {
    let bad = |why: &str| ChannelError::BadServer(why.to_owned());
    let (user, password) = text
        .split_once(':')
        .ok_or_else(|| bad("a user needs a password: smtps://user:password@host"))?;
    let decode = |text: &str| {
        percent_decoded(text).ok_or_else(|| bad("user and password are UTF-8 once decoded"))
    };
    let (user, password) = (decode(user)?, decode(password)?);
    if user.is_empty() || password.is_empty() {
        return Err(bad("user and password are not empty; leave both out, with the @, for none"));
    }
    // AUTH PLAIN separates the two with NUL (RFC 4616).
    if [&user, &password].iter().any(|text| text.contains(['\0', '\r', '\n'])) {
        return Err(bad("user and password are one line each: is there a newline in the file?"));
    }
    Ok((user, password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read() {
        let server =
            SmtpServer::parse("smtps://hub@example.org:p%40ss:/w@mail.example.org").unwrap();
        assert_eq!((server.host.as_str(), server.port), ("mail.example.org", 465));
        assert!(server.implicit_tls && !server.is_loopback());
        let login = Some(("hub".to_owned() + "@example.org", "p@ss:/w".to_owned()));
        assert_eq!(server.login, login);
        assert_eq!(SmtpServer::parse("smtp://mail.example.org").unwrap().port, 587);
        assert_eq!(SmtpServer::parse("smtp://localhost").unwrap().port, 25);
        let six = SmtpServer::parse("SMTP://[::1]:2525/").unwrap();
        assert_eq!((six.host.as_str(), six.port, six.is_loopback()), ("::1", 2525, true));
    }

    #[test]
    fn mistakes_are_named_without_the_password() {
        for bad in [
            "mail.example.org",
            "http://mail.example.org",
            "smtp://",
            "smtp://user:HUNTER2@",
            "smtp://user@mail.example.org",
            "smtp://:HUNTER2@mail.example.org",
            "smtp://user:@mail.example.org",
            "smtp://user:HUNTER2\n@mail.example.org",
            "smtp://user:HUNTER2@mail.example.org:0",
            "smtp://user:HUNTER2@mail.example.org/inbox",
            "smtp://user:HUNTER2@mail.example.org?tls=no",
            "smtp://user:HUNTER2@::1",
        ] {
            let error = SmtpServer::parse(bad).unwrap_err().to_string();
            assert!(!error.contains("HUNTER2"), "{bad}: {error}");
        }
    }

    #[test]
    fn debug_hides_the_password() {
        let server = SmtpServer::parse("smtps://ada:HUNTER2@mail.example.org").unwrap();
        let shown = format!("{server:?}");
        assert!(!shown.contains("HUNTER2") && shown.contains("ada"), "{shown}");
    }
}
