use std::collections::BTreeMap;

use watchfire_model::{Labels, Server, ServerName};
use watchfire_runtime::config::{Located, Place, Problem, Spanned};

use super::super::file::{LoginTable, ServerTable};
use super::super::{Login, WatchedServer};
use super::Checker;

impl Checker<'_> {
    pub(super) fn server(&mut self, table: Spanned<ServerTable>) -> Option<(WatchedServer, Place)> {
        let whole = self.source.locate(table);
        let place = whole.place.clone();
        let table = whole.value;
        let name = self.source.locate(table.name);
        let name_place = name.place.clone();
        let name = self.noted(ServerName::new(&name.value).map_err(|error| {
            name.problem(error.to_string()).hint("a host name does well: \"web-1\"")
        }));
        if let Some(name) = &name {
            self.note_twice("server", name.as_str(), &name_place);
        }
        let labels = self.labels(table.labels);
        let address = table.address.map(|address| {
            let address = self.source.locate(address);
            self.noted(check_address(&address))
        });
        let login = table.login.map(|login| self.login(login));
        if login.is_some() && address.is_none() {
            let problem = Problem::new(place, "this server has a login and no address");
            let hint = "add address = \"10.0.0.11:5000\": the hub dials it to log in";
            self.problems.push(problem.hint(hint));
        }
        // What is there and wrong was told; without it there is no server.
        let address = or_wrong(address)?;
        let login = or_wrong(login)?;
        let watched =
            WatchedServer { server: Server::new(name?, labels?), address, login, agent: None };
        Some((watched, name_place))
    }

    pub(super) fn labels(
        &mut self,
        table: BTreeMap<Spanned<String>, Spanned<String>>,
    ) -> Option<Labels> {
        let mut labels = Labels::new();
        let before = self.problems.as_slice().len();
        for (name, value) in table {
            let name = self.source.locate(name);
            if matches!(name.value.as_str(), "name" | "instance") {
                let problem =
                    name.problem(format!("the label {:?} is Watchfire's own", name.value));
                self.problems.push(problem.hint("it is the server's name always; choose another"));
            } else if let Err(error) = labels.insert(&name.value, value.get_ref()) {
                self.problems
                    .push(name.problem(error.to_string()).hint("role = \"web\" for example"));
            }
        }
        (self.problems.as_slice().len() == before).then_some(labels)
    }

    fn login(&mut self, login: Spanned<LoginTable>) -> Option<Login> {
        let login = login.into_inner();
        let user = self.source.locate(login.user);
        let password = self.source.locate(login.password);
        let expanded = self.expanded(&password);
        let secret = self.noted(expanded)?;
        if secret.expose().is_empty() {
            let problem = password.problem("the password is empty");
            self.problems.push(problem.hint("the agent's first start printed one"));
            return None;
        }
        if user.value.is_empty() {
            self.problems.push(user.problem("the user has no name").hint("\"hub\" for example"));
            return None;
        }
        Some(Login { user: user.value, password: secret })
    }
}

/// What is left out is right; what is there may be wrong, and is `None` then.
fn or_wrong<T>(given: Option<Option<T>>) -> Option<Option<T>> {
    given.map_or(Some(None), |checked| checked.map(Some))
}

/// A host name or IP address and a port; IPv6 addresses stand in brackets.
fn check_address(address: &Located<String>) -> Result<String, Problem> {
    let text = address.value.trim();
    let bad = |why: &str| {
        let problem = address.problem(format!("{:?} is no agent's address: {why}", address.value));
        problem.hint("write host:port, as in \"10.0.0.11:5000\", \"web-1.example.org:5000\" or \"[2001:db8::1]:5000\"")
    };
    if text.contains("://") {
        return Err(bad("it stands without http://"));
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(|| bad("the port is missing"))?;
    if !port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Err(bad("the port is a number from 1 to 65535"));
    }
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let fits = match bracketed {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        // What ends in a number is no name, and would be sent to a resolver in vain.
        None if host.rsplit('.').next().is_some_and(is_number) => {
            host.parse::<std::net::Ipv4Addr>().is_ok()
        }
        None => {
            !host.is_empty()
                && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        }
    };
    if fits { Ok(text.to_owned()) } else { Err(bad("the host is no name and no IP address")) }
}

fn is_number(label: &str) -> bool {
    !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit())
}
