use std::path::Path;

use watchfire_notify::{ChannelError, MailServer, MailSettings, Notifier, SmtpServer};
use watchfire_runtime::Clock;
use watchfire_runtime::Secret;
use watchfire_runtime::config::{Located, Problem, Spanned};

use super::super::file::{MailTable, MailgunTable};
use super::Checker;

/// Where Mailgun answers when no base is configured.
const MAILGUN_BASE: &str = "https://api.mailgun.net";

impl Checker<'_> {
    pub(super) fn mail(&mut self, table: Spanned<MailTable>) -> Option<MailSettings> {
        let whole = self.source.locate(table);
        let place = whole.place.clone();
        let MailTable { from, smtp, ca, mailgun } = whole.value;
        let from = self.source.locate(from);
        let from = self.sender(&from);
        let server = match (smtp, mailgun) {
            (Some(smtp), None) => self.smtp(smtp, ca),
            (None, Some(mailgun)) => {
                self.no_ca_for_mailgun(ca);
                self.mailgun(mailgun)
            }
            (Some(_), Some(_)) => {
                let problem = Problem::new(place.clone(), "[mail] has both smtp and mailgun");
                self.problems.push(problem.hint("keep the one that is to send the mail"));
                None
            }
            (None, None) => {
                let problem = Problem::new(place.clone(), "[mail] names no way to send");
                self.problems.push(problem.hint(
                    "add smtp = \"smtps://user:${file:…}@mail.example.org\" or mailgun = { … }",
                ));
                None
            }
        }?;
        let settings = MailSettings { from: from?, server };
        match Notifier::new(Some(settings.clone()), Clock::system()) {
            Ok(_) => Some(settings),
            Err(error) => {
                let problem = Problem::new(place, format!("[mail] does not work: {error}"));
                self.problems.push(problem.hint("look at smtp and ca, or at mailgun"));
                None
            }
        }
    }

    /// The sender is checked with a stand-in for the server, so that a mistake
    /// in either hides none in the other.
    fn sender(&mut self, from: &Located<String>) -> Option<String> {
        let hint = "from = \"Watchfire <hub@example.org>\"";
        if from.value.contains(char::is_control) {
            let problem = from.problem("the sender holds a line break or control character");
            self.problems.push(problem.hint(hint));
            return None;
        }
        let server = SmtpServer::parse("smtp://localhost").ok()?;
        let server = MailServer::Smtp(server);
        match Notifier::new(
            Some(MailSettings { from: from.value.clone(), server }),
            Clock::system(),
        ) {
            Ok(_) => Some(from.value.clone()),
            Err(error) => {
                self.problems.push(from.problem(error.to_string()).hint(hint));
                None
            }
        }
    }

    fn smtp(&mut self, smtp: Spanned<String>, ca: Option<Spanned<String>>) -> Option<MailServer> {
        let smtp = self.source.locate(smtp);
        // What is put inside a URL is no part of its encoding; what is the whole URL is.
        let inside = smtp.value.contains("://");
        let fit = |text: &str| if inside { text.replace('%', "%25") } else { text.to_owned() };
        let expanded = self.expanded_with(&smtp, fit);
        let url = self.noted(expanded)?;
        let mut server = match SmtpServer::parse(url.expose()) {
            Ok(server) => server,
            Err(error) => {
                let why = match error {
                    ChannelError::BadServer(why) => why,
                    other => other.to_string(),
                };
                let problem = smtp.problem(format!("smtp is not understood: {why}"));
                self.problems.push(problem.hint(
                    "write \"smtps://user:${file:/path}@mail.example.org\"; in a password that stands here itself, write % as %25",
                ));
                return None;
            }
        };
        if let Some(ca) = ca {
            let ca = self.source.locate(ca);
            let pem = self.outside.file(Path::new(&ca.value));
            let pem = pem.map_err(|why| format!("cannot be read: {why}")).and_then(|pem| {
                let holds = pem.contains("-----BEGIN CERTIFICATE-----");
                if holds { Ok(pem) } else { Err("holds no certificate".to_owned()) }
            });
            let pem = pem.map_err(|why| {
                ca.problem(format!("the file {:?} {why}", ca.value)).hint(
                    "name the PEM file of the authority that signed the mail server's certificate",
                )
            });
            server.tls_roots.push(self.noted(pem)?);
        }
        Some(MailServer::Smtp(server))
    }

    fn no_ca_for_mailgun(&mut self, ca: Option<Spanned<String>>) {
        if let Some(ca) = ca.map(|ca| self.source.locate(ca)) {
            let problem = ca.problem("ca is for smtp; Mailgun is trusted as the system trusts it");
            self.problems.push(problem.hint("remove the line"));
        }
    }

    fn mailgun(&mut self, table: Spanned<MailgunTable>) -> Option<MailServer> {
        let table = table.into_inner();
        let domain = self.source.locate(table.domain);
        let domain = self.noted(mailgun_domain(&domain));
        let key = self.source.locate(table.key);
        let expanded = self.expanded(&key).and_then(|secret| mailgun_key(&key, &secret));
        let key = self.noted(expanded);
        let base = table.base.map(|base| self.source.locate(base));
        let base = base.unwrap_or_else(|| Located::default_value(MAILGUN_BASE.to_owned()));
        let base = self.noted(mailgun_base(&base));
        Some(MailServer::Mailgun { base: base?, domain: domain?, key: key? })
    }
}

fn mailgun_domain(domain: &Located<String>) -> Result<String, Problem> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if !domain.value.is_empty() && domain.value.chars().all(fits) {
        return Ok(domain.value.clone());
    }
    let problem = domain.problem(format!("{:?} is no domain", domain.value));
    Err(problem.hint("the domain that Mailgun sends for: \"mg.example.org\""))
}

fn mailgun_key(key: &Located<String>, secret: &Secret) -> Result<String, Problem> {
    let text = secret.expose().trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    let problem = key.problem("the key is empty, or not one word");
    Err(problem
        .hint("Mailgun's page shows it under \"API keys\"; \"${file:/path}\" reads it from a file"))
}

fn mailgun_base(base: &Located<String>) -> Result<String, Problem> {
    let url = base.value.trim().trim_end_matches('/');
    if url.starts_with("https://") || url.starts_with("http://") {
        return Ok(url.to_owned());
    }
    let problem = base.problem(format!("{:?} is no address of an HTTP API", base.value));
    Err(problem.hint("\"https://api.mailgun.net\" or \"https://api.eu.mailgun.net\""))
}
