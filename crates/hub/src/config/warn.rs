//! What a whole config says that no single line of it does.

use std::net::IpAddr;

use watchfire_model::{Server, ServerName};
use watchfire_runtime::http::Plain;

use super::HubConfig;

impl HubConfig {
    /// What is allowed and an administrator should know, one sentence each.
    #[must_use]
    pub fn cautions(&self) -> Vec<String> {
        let mut cautions: Vec<String> = self
            .untold()
            .iter()
            .map(|server| format!("nobody is told about server {:?}", server.as_str()))
            .collect();
        if self.plain == Plain::Anywhere && !self.listen.ip().to_canonical().is_loopback() {
            cautions.push(format!(
                "the page is served at {} without TLS as well: write plain = \"loopback\" and use \
                 https:// there, or put a proxy that speaks TLS before it",
                self.listen
            ));
        }
        let logs_in = self.servers.iter().filter(|watched| watched.login.is_some());
        let open = logs_in.filter_map(|watched| watched.address.as_deref());
        let open = open.filter(|address| !is_loopback(address)).count();
        if open > 0 {
            cautions.push(format!(
                "the logins at {open} agents cross the network without TLS: enrol these servers \
                 with `watchfire hub token` and leave `login` out, or use a tunnel or a VPN"
            ));
        }
        cautions
    }

    /// The servers about which nobody would be told.
    fn untold(&self) -> Vec<&ServerName> {
        let told = |server: &Server| {
            self.users.iter().any(|user| user.scope.holds(&server.labels) && user.has_channel())
        };
        let servers = self.servers.iter().map(|watched| &watched.server);
        servers.filter(|server| !told(server)).map(|server| &server.name).collect()
    }
}

/// True for an agent's address on this machine.
pub(crate) fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// True for an address of plain HTTP on this machine.
pub(crate) fn is_loopback_url(url: &str) -> bool {
    let host = url.strip_prefix("http://").and_then(|rest| rest.split('/').next());
    host.is_some_and(|host| is_loopback(host) || is_loopback(&format!("{host}:80")))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use watchfire_runtime::config::{Outside, Overrides, Source};

    use super::*;

    fn cautions(text: &str) -> Vec<String> {
        let source = Source::from_text(Path::new("hub.toml"), text);
        let outside = <dyn Outside>::machine(Path::new("."));
        let config = HubConfig::from_source(&source, &Overrides::none(), &outside);
        config.expect("a good config").cautions()
    }

    #[test]
    fn what_crosses_a_network_in_the_clear_is_told() {
        let server = |address: &str| {
            format!(
                "[[server]]\nname = \"web-1\"\naddress = \"{address}\"\n\
                 login = {{ user = \"hub\", password = \"x\" }}\n\
                 [[user]]\nname = \"ada\"\nservers = [\"*\"]\nchannels = [\"terminal:\"]\n"
            )
        };
        for here in ["127.0.0.1:5000", "[::1]:5000", "localhost:5000"] {
            assert_eq!(cautions(&server(here)), [""; 0], "{here}");
        }
        assert!(cautions(&server("10.0.0.11:5000"))[0].contains("the logins at 1 agents"));
        let open = format!("listen = \"0.0.0.0:5100\"\n{}", server("127.0.0.1:5000"));
        assert!(cautions(&open)[0].contains("0.0.0.0:5100 without TLS"));
        for closed in ["loopback", "never"] {
            assert_eq!(cautions(&format!("plain = \"{closed}\"\n{open}")), [""; 0], "{closed}");
        }
    }

    #[test]
    fn a_server_without_a_person_is_told() {
        let text = "[[server]]\nname = \"web-1\"\naddress = \"127.0.0.1:5000\"\n\
                    login = { user = \"hub\", password = \"x\" }\n";
        assert_eq!(cautions(text), ["nobody is told about server \"web-1\""]);
    }
}
