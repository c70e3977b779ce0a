use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write;

use clap::Subcommand;
use serde::Serialize;
use watchfire_hub::{EnrolledServer, HubConfig, WatchedServer};

use super::beside::Beside;
use super::past::{local, rfc3339};
use crate::screen;

#[derive(clap::Args)]
#[command(after_help = "A running hub sees every change within a second. Servers of hub.toml are \
    renamed and removed there.")]
pub(super) struct Server {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Show the servers: those that enrolled, and those of hub.toml
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        beside: Beside,
    },
    /// Give a server that enrolled another name; its history stays its own
    Rename {
        /// Its name, or its agent's id
        #[arg(value_name = "SERVER")]
        server: String,
        /// The new name
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        beside: Beside,
    },
    /// Let a server's agent speak an older protocol than before, after it was put back
    /// to an older release
    AllowOlder {
        /// Its name, or its agent's id
        #[arg(value_name = "SERVER")]
        server: String,
        #[command(flatten)]
        beside: Beside,
    },
    /// Remove a server that enrolled: its certificate is not accepted any more
    Remove {
        /// Its name, or its agent's id
        #[arg(value_name = "SERVER")]
        server: String,
        #[command(flatten)]
        beside: Beside,
    },
}

impl Server {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.action {
            Action::List { json, beside } => list(json, &beside),
            Action::Rename { server, name, beside } => {
                let config = beside.config()?;
                let own = || arguments(&["rename", &server, &name]);
                Beside::open(&config, own, None)?.rename(&server, &name)?;
                if stands_in(&config, &server) {
                    eprintln!(
                        "hub.toml has a server {server:?} too: it stays, and waits for its agent. \
                         Change the name there as well."
                    );
                }
                eprintln!("{server} is called {name} now.");
                Ok(())
            }
            Action::AllowOlder { server, beside } => {
                let config = beside.config()?;
                let own = || arguments(&["allow-older", &server]);
                Beside::open(&config, own, None)?.allow_older(&server)?;
                eprintln!(
                    "{server} may speak an older version of the protocol: its agent is back within \
                     five minutes, or at once when it is started anew."
                );
                Ok(())
            }
            Action::Remove { server, beside } => {
                let config = beside.config()?;
                let own = || arguments(&["remove", &server]);
                Beside::open(&config, own, None)?.remove(&server)?;
                if stands_in(&config, &server) {
                    eprintln!(
                        "hub.toml has a server {server:?} too: it stays watched until it is taken out there."
                    );
                }
                eprintln!("{server} is removed.");
                Ok(())
            }
        }
    }
}

fn arguments(words: &[&str]) -> Vec<OsString> {
    ["server"].iter().chain(words).map(Into::into).collect()
}

fn stands_in(config: &HubConfig, name: &str) -> bool {
    config.servers.iter().any(|watched| watched.server.name.as_str() == name)
}

fn list(json: bool, beside: &Beside) -> anyhow::Result<()> {
    let config = beside.config()?;
    let own = || arguments(if json { &["list", "--json"] } else { &["list"] });
    let enrolled = Beside::open(&config, own, None)?.servers()?;
    let rows = rows(&config, enrolled);
    if json { screen::print_json(&rows) } else { screen::print(&text(&rows)) }
}

/// One server, as `--json` shows it.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    /// `agent_dials`, `hub_dials`, `password` or `waits`.
    link: &'static str,
    address: Option<String>,
    agent: Option<String>,
    enrolled_unix_ms: Option<i64>,
    certificate_not_after_unix_ms: Option<i64>,
    labels: BTreeMap<String, String>,
    /// Its token came again from another agent.
    token_misused: bool,
}

/// Those that enrolled, and those of the config that did not.
fn rows(config: &HubConfig, enrolled: Vec<EnrolledServer>) -> Vec<Row> {
    let has_agent = |name: &str| enrolled.iter().any(|server| server.name == name);
    let others = config.servers.iter().filter(|one| !has_agent(one.server.name.as_str()));
    let mut rows: Vec<Row> = others.map(configured).collect();
    rows.extend(enrolled.into_iter().map(|server| Row {
        name: server.name,
        link: if server.address.is_some() { "hub_dials" } else { "agent_dials" },
        address: server.address,
        agent: Some(server.agent),
        enrolled_unix_ms: Some(server.enrolled_unix_ms),
        certificate_not_after_unix_ms: Some(server.certificate_not_after_unix_ms),
        labels: owned(server.labels.iter()),
        token_misused: server.token_misused,
    }));
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    rows
}

fn configured(watched: &WatchedServer) -> Row {
    let own = |(name, _): &(&str, &str)| !matches!(*name, "name" | "instance");
    Row {
        name: watched.server.name.to_string(),
        link: if watched.login.is_some() { "password" } else { "waits" },
        address: watched.address.clone(),
        agent: None,
        enrolled_unix_ms: None,
        certificate_not_after_unix_ms: None,
        labels: owned(watched.server.labels.iter().filter(own)),
        token_misused: false,
    }
}

fn owned<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, String> {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn text(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "no server has enrolled: `watchfire hub token` makes the line for one\n".to_owned();
    }
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0).max(4);
    let mut out = format!("{:<width$} {:<34} {:<23} AGENT / LABELS\n", "NAME", "LINK", "ENROLLED");
    for row in rows {
        let enrolled = row.enrolled_unix_ms.map_or_else(|| "-".to_owned(), local);
        let labels: Vec<_> =
            row.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let agent = row.agent.as_deref().unwrap_or("-");
        // Writing to a String cannot fail, so the results are not looked at.
        let _ = writeln!(
            out,
            "{:<width$} {:<34} {enrolled:<23} {agent} {}",
            row.name,
            screen::fit(&link(row), 34),
            labels.join(" ")
        );
        if row.token_misused {
            let _ = writeln!(
                out,
                "{:width$} ! its token came again from another agent: remove it if you do not know it",
                ""
            );
        }
        if let Some(end) = row.certificate_not_after_unix_ms.filter(|_| row.token_misused) {
            let _ = writeln!(out, "{:width$}   its certificate holds until {}", "", rfc3339(end));
        }
    }
    out
}

fn link(row: &Row) -> String {
    let address = row.address.as_deref().unwrap_or("");
    match row.link {
        "hub_dials" => format!("the hub dials {address}"),
        "agent_dials" => "its agent dials the hub".to_owned(),
        "password" => format!("login at {address}"),
        _ => "waits for its agent".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use watchfire_model::Labels;
    use watchfire_runtime::config::{Outside, Overrides, Source};

    use super::*;

    fn config(text: &str) -> HubConfig {
        let source = Source::from_text(Path::new("hub.toml"), text);
        let outside = <dyn Outside>::machine(Path::new("."));
        HubConfig::from_source(&source, &Overrides::none(), &outside).expect("a good config")
    }

    fn enrolled(name: &str, address: Option<&str>) -> EnrolledServer {
        let mut labels = Labels::new();
        labels.insert("role", "web").expect("a label");
        EnrolledServer {
            name: name.to_owned(),
            agent: "0a".repeat(20),
            labels,
            address: address.map(str::to_owned),
            enrolled_unix_ms: 1_700_000_000_000,
            certificate_not_after_unix_ms: 1_707_776_000_000,
            token_misused: address.is_none(),
        }
    }

    #[test]
    fn all_servers_are_listed_once_and_say_how_they_are_reached() {
        let config = config(
            "[[server]]\nname = \"db-1\"\naddress = \"10.0.0.1:5000\"\n\
             login = { user = \"hub\", password = \"x\" }\nlabels = { role = \"db\" }\n\
             [[server]]\nname = \"new-1\"\n[[server]]\nname = \"web-1\"\n",
        );
        let rows =
            rows(&config, vec![enrolled("web-1", None), enrolled("web-2", Some("10.0.0.2:5000"))]);
        let links: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.link)).collect();
        let expected = [
            ("db-1", "password"),
            ("new-1", "waits"),
            ("web-1", "agent_dials"),
            ("web-2", "hub_dials"),
        ];
        assert_eq!(links, expected);
        let shown = text(&rows);
        for words in
            ["login at 10.0.0.1:5000", "role=db", "the hub dials 10.0.0.2:5000", "! its token"]
        {
            assert!(shown.contains(words), "{words}: {shown}");
        }
        assert!(!shown.contains("instance="), "{shown}");
        assert!(text(&[]).contains("watchfire hub token"));
    }
}
