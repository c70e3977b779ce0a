use watchfire_model::Scope;
use watchfire_runtime::Secret;
use watchfire_runtime::config::{Located, Problem, Spanned};

use super::super::file::{HistoryTable, RemoteWriteTable};
use super::super::warn::is_loopback;
use super::super::{RemoteWrite, Service, ServiceLogin};
use super::Checker;

/// The login of a service, as the file has it.
struct LoginWords {
    token: Option<Spanned<String>>,
    user: Option<Spanned<String>>,
    password: Option<Spanned<String>>,
}

impl Checker<'_> {
    pub(super) fn remote_writes(
        &mut self,
        tables: Vec<Spanned<RemoteWriteTable>>,
    ) -> Vec<RemoteWrite> {
        if tables.len() > watchfire_store::MAX_TARGETS {
            let most = watchfire_store::MAX_TARGETS;
            let place = self.source.locate(tables[most].clone()).place;
            let problem = Problem::new(place, format!("there are more than {most} remote_write"));
            self.problems.push(problem.hint("let one of them hand on to the others"));
        }
        let places: Vec<_> =
            tables.iter().map(|one| self.source.locate(one.clone()).place).collect();
        let all: Vec<_> =
            tables.into_iter().map(|table| self.remote_write(table.into_inner())).collect();
        let url = |at: usize| all[at].as_ref().map(|one: &RemoteWrite| one.service.url.as_str());
        for at in (0..all.len()).filter(|&at| url(at).is_some()) {
            // By its address it is known what a store has.
            if (0..at).any(|before| url(before) == url(at)) {
                let problem = Problem::new(places[at].clone(), "this address has its own already");
                self.problems.push(problem.hint("name all its servers in one [[remote_write]]"));
            }
        }
        all.into_iter().flatten().collect()
    }

    fn remote_write(&mut self, table: RemoteWriteTable) -> Option<RemoteWrite> {
        let RemoteWriteTable { url, token, user, password, servers } = table;
        let hint = "\"https://metrics.example.org/api/v1/write\"";
        let service = self.service(url, LoginWords { token, user, password }, hint);
        let scope = match servers {
            Some(servers) => self.scope(Some(servers)),
            None => Some(Scope::everything()),
        };
        let service = service?;
        Some(RemoteWrite { service, scope: scope? })
    }

    /// Where questions about the history are asked instead of here.
    pub(super) fn history(&mut self, table: HistoryTable) -> Option<Service> {
        let HistoryTable { read, token, user, password } = table;
        self.service(read, LoginWords { token, user, password }, "\"https://metrics.example.org\"")
    }

    fn service(
        &mut self,
        url: Spanned<String>,
        words: LoginWords,
        example: &str,
    ) -> Option<Service> {
        let url = self.source.locate(url);
        let login = self.service_login(words);
        let checked = self.service_url(&url, example)?;
        let service = Service { url: checked, login: login? };
        let host = service.url.split('/').nth(2).unwrap_or("");
        if service.is_plain() && service.login.is_some() && !is_loopback(host) {
            let problem = url.problem("the login would cross the network without TLS");
            self.problems.push(problem.hint("write https://, or leave the login out"));
            return None;
        }
        Some(service)
    }

    /// `Some(None)`: there is none, and none is needed.
    fn service_login(&mut self, words: LoginWords) -> Option<Option<ServiceLogin>> {
        match words {
            LoginWords { token: None, user: None, password: None } => Some(None),
            LoginWords { token: Some(token), user: None, password: None } => {
                let token = self.service_secret(token)?;
                Some(Some(ServiceLogin::Bearer(token)))
            }
            LoginWords { token: None, user: Some(user), password: Some(password) } => {
                let user = self.source.locate(user);
                let password = self.service_secret(password)?;
                if user.value.contains(':') || user.value.contains(char::is_control) {
                    let problem = user.problem("a user has no colon and no control character");
                    self.problems.push(problem);
                    return None;
                }
                Some(Some(ServiceLogin::Basic { user: user.value, password }))
            }
            LoginWords { token, user, password } => {
                let one = token.or(user).or(password)?;
                let problem = self.source.locate(one).problem("this is half a login, or two");
                self.problems.push(problem.hint("write a token, or a user and a password"));
                None
            }
        }
    }

    fn service_secret(&mut self, secret: Spanned<String>) -> Option<Secret> {
        let located = self.source.locate(secret);
        let expanded = self.expanded(&located);
        let secret = self.noted(expanded)?;
        let text = secret.expose();
        if text.is_empty() || text.contains(|c: char| c.is_control()) {
            let problem = located.problem("this secret is empty, or has a line break");
            self.problems.push(problem.hint("is there a newline within the file?"));
            return None;
        }
        Some(secret)
    }

    fn service_url(&mut self, url: &Located<String>, example: &str) -> Option<String> {
        let text = url.value.trim();
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let host = rest.map(|rest| rest.split('/').next().unwrap_or(""));
        if host.is_some_and(|host| host.contains('@')) {
            // What stands before the @ may be a password.
            let problem = url.problem("there is no login in this address");
            self.problems.push(problem.hint("write user and password, or token, beside it"));
            return None;
        }
        // Behind a question mark secrets would stand, and addresses are shown.
        let odd = |c: char| c.is_whitespace() || c.is_control() || "?#\"'<>".contains(c);
        if host.is_none_or(str::is_empty) || text.contains(odd) {
            let shown = text.split('?').next().unwrap_or("");
            let problem = url.problem(format!("{shown:?} is no address of a service"));
            self.problems.push(problem.hint(format!("write {example}")));
            return None;
        }
        Some(text.trim_end_matches('/').to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use watchfire_runtime::config::{Outside, Overrides, Source};

    use crate::{HubConfig, show};

    fn config(text: &str) -> Result<HubConfig, String> {
        let source = Source::from_text(Path::new("hub.toml"), text);
        let outside = <dyn Outside>::machine(Path::new("."));
        HubConfig::from_source(&source, &Overrides::none(), &outside)
            .map_err(|problems| problems.to_string())
    }

    const URL: &str = "[[remote_write]]\nurl = \"https://vm.example.org/api/v1/write\"\n";

    #[test]
    fn services_are_read_and_their_secrets_are_not_shown() {
        let text = format!(
            "[history]\nread = \"http://127.0.0.1:8428/\"\nuser = \"ada\"\npassword = \"hunter2\"\n\
             {URL}token = \"hunter3\"\nservers = ['role=\"web\"']\n"
        );
        let config = config(&text).expect("a good config");
        let [target] = &config.remote_writes[..] else { panic!("one") };
        let header =
            |service: &crate::Service| service.authorization().map(|one| one.expose().to_owned());
        assert_eq!(header(&target.service).as_deref(), Some("Bearer hunter3"));
        let read = config.read_from.as_ref().expect("one");
        assert_eq!(read.url, "http://127.0.0.1:8428");
        assert_eq!(header(read).as_deref(), Some("Basic YWRhOmh1bnRlcjI="));
        let shown = show(&config);
        assert!(shown.contains("url = \"https://vm.example.org/api/v1/write\"\ntoken = \"***\""));
        assert!(shown.contains("read = \"http://127.0.0.1:8428\"\nuser = \"ada\""), "{shown}");
        assert!(!shown.contains("hunter") && !format!("{config:?}").contains("hunter"));
    }

    #[test]
    fn mistakes_are_told_without_secrets() {
        let plain = "[[remote_write]]\nurl = \"http://vm.example.org/api/v1/write\"\n";
        for (text, why) in [
            (format!("{plain}token = \"hunter2\"\n"), "cross the network without TLS"),
            (URL.replace("//", "//ada:hunter2@"), "no login in this address"),
            (URL.replace("https://", ""), "no address of a service"),
            (format!("{URL}user = \"ada\"\n"), "half a login"),
            (format!("{URL}token = \"hunter2\"\nuser = \"ada\"\n"), "half a login"),
            (format!("{URL}token = \"\"\n"), "empty"),
            (format!("{URL}servers = ['x']\n"), "no matcher"),
            (URL.repeat(9), "more than 8"),
            (URL.repeat(2), "has its own already"),
            (URL.replace("v1/write", "v1/write?key=hunter2"), "no address of a service"),
            ("[history]\nread = \"/here\"\n".to_owned(), "no address of a service"),
        ] {
            let told = config(&text).expect_err(why);
            assert!(told.contains(why), "{told}");
            assert!(!told.contains("hunter2"), "{told}");
        }
        assert!(config(plain).is_ok());
    }
}
