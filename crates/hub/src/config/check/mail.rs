use std::path::Path;

use watchfire_notify::{MailServer, MailSettings, SmtpServer};
use watchfire_runtime::config::{Located, Problem, Spanned, expand, expand_with};

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
        let server = match (smtp, mailgun) {
            (Some(smtp), None) => self.smtp(smtp, ca),
            (None, Some(mailgun)) => self.mailgun(mailgun),
            (Some(_), Some(_)) => {
                let problem = Problem::new(place, "[mail] has both smtp and mailgun");
                self.problems.push(problem.hint("keep the one that is to send the mail"));
                None
            }
            (None, None) => {
                let problem = Problem::new(place, "[mail] names no way to send");
                self.problems.push(problem.hint("add smtp = \"smtps://user:${file:…}@mail.example.org\" or mailgun = { … }"));
                None
            }
        }?;
        let settings = MailSettings { from: from.value.clone(), server };
        match watchfire_notify::Notifier::new(Some(settings.clone())) {
            Ok(_) => Some(settings),
            Err(error) => {
                let problem = from.problem(format!("[mail] does not work: {error}"));
                self.problems.push(problem.hint("from = \"Watchfire <hub@example.org>\""));
                None
            }
        }
    }

    fn smtp(
        &mut self,
        smtp: Spanned<String>,
        ca: Option<Spanned<String>>,
    ) -> Option<MailServer> {
        let smtp = self.source.locate(smtp);
        let expanded = expand_with(&smtp, self.outside, |text| text.replace('%', "%25"));
        let url = self.noted(expanded)?;
        let mut server = match SmtpServer::parse(url.expose()) {
            Ok(server) => server,
            Err(error) => {
                let problem = smtp.problem(format!("smtp is not understood: {error}"));
                self.problems.push(problem.hint(
                    "write \"smtps://user:${file:/path}@mail.example.org\"; in a password, write @ as %40 and / as %2F",
                ));
                return None;
            }
        };
        if let Some(ca) = ca {
            let ca = self.source.locate(ca);
            let pem = self.outside.file(Path::new(&ca.value));
            let pem = pem.map_err(|why| {
                ca.problem(format!("the file {:?} cannot be read: {why}", ca.value))
                    .hint("name the PEM file of the authority that signed the mail server's certificate")
            });
            server.tls_roots.push(self.noted(pem)?);
        }
        Some(MailServer::Smtp(server))
    }

    fn mailgun(&mut self, table: Spanned<MailgunTable>) -> Option<MailServer> {
        let table = table.into_inner();
        let domain = self.source.locate(table.domain);
        let key = self.source.locate(table.key);
        let expanded = expand(&key, self.outside);
        let key = self.noted(expanded)?;
        let base = table.base.map(|base| self.source.locate(base));
        let base = base.unwrap_or_else(|| Located::default_value(MAILGUN_BASE.to_owned()));
        let url = base.value.trim().trim_end_matches('/').to_owned();
        if !(url.starts_with("https://") || url.starts_with("http://")) {
            let problem = base.problem(format!("{:?} is no address of an HTTP API", base.value));
            self.problems.push(problem.hint("\"https://api.mailgun.net\" or \"https://api.eu.mailgun.net\""));
            return None;
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if domain.value.is_empty() || !domain.value.chars().all(fits) {
            let problem = domain.problem(format!("{:?} is no domain", domain.value));
            self.problems.push(problem.hint("the domain that Mailgun sends for: \"mg.example.org\""));
            return None;
        }
        Some(MailServer::Mailgun { base: url, domain: domain.value, key: key.expose().to_owned() })
    }
}
