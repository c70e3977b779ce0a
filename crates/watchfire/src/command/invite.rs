use std::ffi::OsString;
use std::net::SocketAddr;

use anyhow::bail;
use watchfire_agent::{INVITE_LIVES, invite};
use watchfire_runtime::Clock;

use super::agent::{Place, host_name};
use super::relaunch::{other_owner, relaunch};

#[derive(clap::Args)]
#[command(
    after_help = "Run it on the server, where an agent listens that the hub can reach, and the \
    printed line at the hub. The line is good for one adoption within 15 minutes."
)]
pub(super) struct Invite {
    /// Where the hub reaches this agent, as in 192.0.2.7:5000 [default: by `listen`]
    #[arg(long, value_name = "ADDRESS")]
    address: Option<String>,
    #[command(flatten)]
    place: Place,
}

impl Invite {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let config = self.place.config()?;
        let told = self.address.is_some();
        let address = self.address.unwrap_or_else(|| reached_at(config.listen));
        if address.is_empty() || address.contains(char::is_whitespace) {
            bail!("{address:?} is no address: write host:port, as in 192.0.2.7:5000");
        }
        if let Some(owner) = other_owner(&config.data)? {
            let own: [OsString; 3] = ["invite".into(), "--address".into(), address.into()];
            return Err(relaunch(
                own.into_iter().chain(Place::resolved(&config)),
                None,
                Some(owner),
            ));
        }
        let invitation = invite(&config.data, Clock::system().now())?;
        println!("watchfire adopt {address} {}", invitation.code);
        let minutes = INVITE_LIVES.as_secs() / 60;
        eprintln!("Run this line at the hub within {minutes} minutes. It works once.");
        if let Some(name) = invitation.enrolled_as {
            eprintln!(
                "This agent belongs to a hub already, as {name}: adopting replaces that hub."
            );
        }
        if !told && config.listen.ip().is_loopback() {
            eprintln!(
                "The config lets the agent listen on {} alone: a hub on another machine does not \
                 reach it. Set `listen` in agent.toml.",
                config.listen
            );
        }
        Ok(())
    }
}

/// The address in the config, with the host's name where it is every address.
fn reached_at(listen: SocketAddr) -> String {
    if listen.ip().is_unspecified() {
        format!("{}:{}", host_name(), listen.port())
    } else {
        listen.to_string()
    }
}
