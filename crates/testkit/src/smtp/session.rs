//! One SMTP connection as a state machine (RFC 5321, 3207, 4954).

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::mail::Mail;
use super::script::{Behaviour, Verb};
use super::sink::{Event, Shared, Tls};
use super::stream::Stream;
use crate::clock;

/// The largest message taken, in bytes.
const MAX_MESSAGE_BYTES: usize = 32 * 1024 * 1024;

pub(crate) struct Session<'a> {
    shared: &'a Shared,
    connection: u64,
    own: Option<Behaviour>,
    stream: Stream,
    greeted: bool,
    login: Option<String>,
    from: Option<String>,
    to: Vec<String>,
}

/// Whether the session goes on.
enum Next {
    Go,
    Close,
}

impl<'a> Session<'a> {
    pub(crate) fn new(
        shared: &'a Shared,
        connection: u64,
        own: Option<Behaviour>,
        stream: TcpStream,
    ) -> Self {
        let stream = Stream::new(stream);
        Self {
            shared,
            connection,
            own,
            stream,
            greeted: false,
            login: None,
            from: None,
            to: Vec::new(),
        }
    }

    /// Speaks with the client until one of them has enough.
    pub(crate) fn run(mut self) -> io::Result<()> {
        self.note(Verb::Connect, "");
        if self.behaviour() == Behaviour::CloseAtOnce {
            return Ok(());
        }
        if self.shared.options.tls == Tls::Implicit {
            self.handshake()?;
        }
        if let Next::Close = self.at(Verb::Connect, "220 sink.test ESMTP", |_| ())? {
            return Ok(());
        }
        while let Some(line) = self.stream.line()? {
            let line = String::from_utf8_lossy(&line).into_owned();
            if let Next::Close = self.command(&line)? {
                break;
            }
        }
        Ok(())
    }

    fn command(&mut self, line: &str) -> io::Result<Next> {
        let word = line.split([' ', ':']).next().unwrap_or("").to_ascii_uppercase();
        let verb = match word.as_str() {
            "EHLO" | "HELO" => Verb::Ehlo,
            "STARTTLS" => Verb::StartTls,
            "AUTH" => Verb::Auth,
            "MAIL" => Verb::Mail,
            "RCPT" => Verb::Rcpt,
            "DATA" => Verb::Data,
            "RSET" => Verb::Rset,
            "NOOP" => Verb::Noop,
            "QUIT" => Verb::Quit,
            _ => return self.say("500 5.5.2 what is that?"),
        };
        // Credentials stay out of the record, as a panic prints it.
        let shown = if verb == Verb::Auth { line.split(' ').take(2).collect() } else { vec![line] };
        self.note(verb, &shown.join(" "));
        match verb {
            Verb::Ehlo => self.ehlo(&word),
            Verb::StartTls => self.starttls(),
            Verb::Auth => self.auth(line),
            Verb::Mail => self.mail(line),
            Verb::Rcpt => self.rcpt(line),
            Verb::Data => self.data(),
            Verb::Rset => self.at(Verb::Rset, "250 2.0.0 forgotten", Session::forget),
            Verb::Noop => self.at(Verb::Noop, "250 2.0.0 nothing done", |_| ()),
            _ => {
                self.at(Verb::Quit, "221 2.0.0 bye", |_| ())?;
                Ok(Next::Close)
            }
        }
    }

    fn ehlo(&mut self, word: &str) -> io::Result<Next> {
        let mut lines = vec!["sink.test"];
        if word == "EHLO" {
            lines.extend(["8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]);
            if self.offers_starttls() {
                lines.push("STARTTLS");
            }
            if self.offers_auth() {
                lines.push("AUTH PLAIN LOGIN");
            }
        }
        let last = lines.len() - 1;
        let reply: Vec<String> = (lines.iter().enumerate())
            .map(|(i, line)| format!("250{}{line}", if i == last { ' ' } else { '-' }))
            .collect();
        self.at(Verb::Ehlo, &reply.join("\r\n"), |session| {
            session.greeted = true;
            session.forget();
        })
    }

    fn offers_starttls(&self) -> bool {
        self.shared.options.tls == Tls::StartTls
            && !self.stream.is_tls()
            && self.behaviour() != Behaviour::NoStartTls
    }

    fn offers_auth(&self) -> bool {
        let secure = self.shared.options.tls == Tls::None || self.stream.is_tls();
        self.shared.options.login.is_some() && secure
    }

    fn starttls(&mut self) -> io::Result<Next> {
        if !self.offers_starttls() {
            return self.say("502 5.5.1 no STARTTLS here");
        }
        let mut begun = false;
        let next = self.at(Verb::StartTls, "220 2.0.0 go ahead", |_| begun = true)?;
        if begun {
            self.greeted = false;
            self.forget();
            self.handshake()?;
        }
        Ok(next)
    }

    fn handshake(&mut self) -> io::Result<()> {
        self.note(Verb::Handshake, "");
        match self.behaviour() {
            Behaviour::Drop(Verb::Handshake) => Err(io::ErrorKind::ConnectionAborted.into()),
            Behaviour::Hang(Verb::Handshake) => {
                self.stream.swallow();
                Err(io::ErrorKind::ConnectionAborted.into())
            }
            _ => self.stream.start_tls(self.shared.tls.clone()),
        }
    }

    fn auth(&mut self, line: &str) -> io::Result<Next> {
        let Some((user, password)) = self.shared.options.login.clone() else {
            return self.say("503 5.5.1 no login here");
        };
        if !self.offers_auth() {
            return self.say("538 5.7.11 not without encryption");
        }
        if let Some(next) = self.scripted(Verb::Auth)? {
            return Ok(next);
        }
        let mut words = line.split(' ').skip(1);
        let mechanism = words.next().unwrap_or("").to_ascii_uppercase();
        let given = match (mechanism.as_str(), words.next()) {
            ("PLAIN", Some(initial)) => plain(initial),
            ("PLAIN", None) => plain(&self.challenge("")?),
            ("LOGIN", initial) => {
                let name = match initial {
                    Some(initial) => initial.to_owned(),
                    None => self.challenge("Username:")?,
                };
                let secret = self.challenge("Password:")?;
                Some((decoded(&name), decoded(&secret)))
            }
            _ => return self.say("504 5.5.4 PLAIN or LOGIN"),
        };
        if given == Some((user.clone(), password)) {
            self.login = Some(user);
            self.say("235 2.7.0 welcome")
        } else {
            self.say("535 5.7.8 wrong name or password")
        }
    }

    fn challenge(&mut self, text: &str) -> io::Result<String> {
        self.say(&format!("334 {}", STANDARD.encode(text)))?;
        let line = self.stream.line()?.ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    fn mail(&mut self, line: &str) -> io::Result<Next> {
        if !self.greeted || self.from.is_some() {
            return self.say("503 5.5.1 not now");
        }
        if self.shared.options.login.is_some() && self.login.is_none() {
            return self.say("530 5.7.0 log in first");
        }
        let Some(from) = path(line) else { return self.say("501 5.5.4 MAIL FROM:<address>") };
        self.at(Verb::Mail, "250 2.1.0 fine", |session| session.from = Some(from))
    }

    fn rcpt(&mut self, line: &str) -> io::Result<Next> {
        if self.from.is_none() {
            return self.say("503 5.5.1 MAIL first");
        }
        let Some(to) = path(line) else { return self.say("501 5.5.4 RCPT TO:<address>") };
        self.at(Verb::Rcpt, "250 2.1.5 fine", |session| session.to.push(to))
    }

    fn data(&mut self) -> io::Result<Next> {
        if self.to.is_empty() {
            return self.say("503 5.5.1 RCPT first");
        }
        let mut begun = false;
        let next = self.at(Verb::Data, "354 end with a dot", |_| begun = true)?;
        if begun { self.body() } else { Ok(next) }
    }

    fn body(&mut self) -> io::Result<Next> {
        let mut raw = Vec::new();
        let mut first = true;
        loop {
            let line = self.stream.line()?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if line == b"." {
                break;
            }
            // A leading dot was doubled by the client (RFC 5321, 4.5.2).
            raw.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            raw.extend_from_slice(b"\r\n");
            if raw.len() > MAX_MESSAGE_BYTES {
                return Err(io::Error::other("message too long"));
            }
            if std::mem::take(&mut first) {
                self.note(Verb::MidBody, "");
                if self.behaviour() == Behaviour::Drop(Verb::MidBody) {
                    return Ok(Next::Close);
                }
                if self.scripted(Verb::MidBody)?.is_some() {
                    // Closing with unread bytes would reset the connection and
                    // take the reply back before the client could read it.
                    self.stream.swallow();
                    return Ok(Next::Close);
                }
            }
        }
        self.note(Verb::Body, "");
        let mut mail = Mail::new(&mut self.from, &mut self.to, raw, clock::monotonic());
        mail.connection = self.connection;
        mail.tls = self.stream.is_tls();
        mail.login.clone_from(&self.login);
        self.shared.receive(&mail);
        self.at(Verb::Body, "250 2.0.0 taken", |session| {
            mail.accepted = Some(clock::monotonic());
            session.shared.accept(mail);
        })
    }

    /// Does `act` and sends `reply`, unless the script has other plans here.
    fn at(&mut self, verb: Verb, reply: &str, act: impl FnOnce(&mut Self)) -> io::Result<Next> {
        if let Some(next) = self.scripted(verb)? {
            return Ok(next);
        }
        act(self);
        match self.behaviour() {
            Behaviour::Raw { at, bytes } if at == verb => {
                self.stream.send(&bytes)?;
                Ok(Next::Go)
            }
            _ => self.say(reply),
        }
    }

    /// What the script does instead of the verb, if it does.
    fn scripted(&mut self, verb: Verb) -> io::Result<Option<Next>> {
        match self.behaviour() {
            Behaviour::Reply { at, code, text } if at == verb => {
                self.say(&format!("{code} {text}"))?;
                Ok(Some(if code == 421 { Next::Close } else { Next::Go }))
            }
            Behaviour::Drop(at) if at == verb => Ok(Some(Next::Close)),
            Behaviour::Hang(at) if at == verb => {
                self.stream.swallow();
                Ok(Some(Next::Close))
            }
            Behaviour::Slow(by) => {
                self.pause(by);
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    fn behaviour(&self) -> Behaviour {
        self.own.clone().unwrap_or_else(|| self.shared.always())
    }

    fn pause(&self, by: Duration) {
        self.shared.state.wait(by, |state| state.stopping.then_some(()));
    }

    fn say(&mut self, reply: &str) -> io::Result<Next> {
        self.stream.send(format!("{reply}\r\n").as_bytes())?;
        Ok(Next::Go)
    }

    fn forget(&mut self) {
        self.from = None;
        self.to.clear();
    }

    fn note(&self, verb: Verb, line: &str) {
        let at = clock::monotonic();
        self.shared.note(Event { at, connection: self.connection, verb, line: line.to_owned() });
    }
}

/// The address between the angle brackets.
fn path(line: &str) -> Option<String> {
    let (_, rest) = line.split_once('<')?;
    let (address, _) = rest.split_once('>')?;
    Some(address.to_owned())
}

/// User and password of an AUTH PLAIN response (RFC 4616).
fn plain(response: &str) -> Option<(String, String)> {
    let text = decoded(response);
    let mut parts = text.split('\0').skip(1);
    Some((parts.next()?.to_owned(), parts.next()?.to_owned()))
}

fn decoded(text: &str) -> String {
    let bytes = STANDARD.decode(text).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
