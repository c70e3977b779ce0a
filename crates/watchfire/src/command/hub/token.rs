use std::ffi::OsString;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use watchfire_hub::{MadeToken, TokenWish, join_address};
use watchfire_runtime::config::{Located, Place, duration};

use super::super::beside::{Beside, pairs};
use super::super::past::local;

#[derive(clap::Args)]
#[command(
    after_help = "The printed line is run on the server, as root. It works once. Its last word \
    is a secret: whoever has it can enrol one server."
)]
pub(in crate::command) struct Token {
    /// The one server that may use it [default: any]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// A label that the server gets, as in role=web; may be given several times
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,
    /// For how long it is good, at most 7d
    #[arg(long, value_name = "DURATION", default_value = "15m")]
    valid: String,
    /// Where servers find the hub, as in hub.example.org:5100 [default: by `public_url` and `listen`]
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
    #[command(flatten)]
    beside: Beside,
}

impl Token {
    pub(in crate::command) fn run(self) -> anyhow::Result<()> {
        let valid = valid(&self.valid)?;
        let labels = pairs(&self.labels)?;
        if let Some(address) = &self.address
            && !is_host_and_port(address)
        {
            anyhow::bail!("{address:?} is no address: write HOST:PORT, as in hub.example.org:5100");
        }
        let config = self.beside.config()?;
        let admin = Beside::open(&config, || self.arguments(), None)?;
        let address = match self.address {
            Some(address) => address,
            None => {
                let usual = || join_address(&config.public_url, config.listen);
                admin.join_address()?.unwrap_or_else(usual)
            }
        };
        let made = admin.token(&TokenWish { name: self.name, labels, valid })?;
        println!("watchfire join {address} {}", made.token);
        tell(&address, &made);
        Ok(())
    }

    /// The same wish for a process that begins anew.
    fn arguments(&self) -> Vec<OsString> {
        let mut all: Vec<OsString> =
            ["hub", "token", "--valid", &self.valid].map(Into::into).into();
        let one = |flag: &str, value: &String| [flag.into(), value.into()];
        all.extend(self.name.iter().flat_map(|name| one("--name", name)));
        all.extend(self.labels.iter().flat_map(|label| one("--label", label)));
        all.extend(self.address.iter().flat_map(|address| one("--address", address)));
        all
    }
}

fn tell(address: &str, made: &MadeToken) {
    let key = STANDARD.encode(made.hub_key.as_bytes());
    eprintln!(
        "Run this line on the server, as root. It works once, until {}.\n\
         Where Watchfire is not installed yet, this fetches it from the hub first, as root:\n  \
         curl -fsSk --pinnedpubkey 'sha256//{key}' https://{address}/install | \
         WATCHFIRE_TOKEN={} sh",
        local(made.expires_unix_ms),
        made.token
    );
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    if matches!(host, "localhost" | "127.0.0.1" | "[::1]") {
        eprintln!(
            "The hub is at {address}, which only this machine reaches: for other servers set \
             `listen` in hub.toml, or name another address with --address."
        );
    }
}

fn valid(text: &str) -> anyhow::Result<Duration> {
    let place = Place::Flag("--valid".to_owned());
    Ok(duration(&Located { value: text.to_owned(), place })?)
}

fn is_host_and_port(address: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    let parts = address.rsplit_once(':');
    parts.is_some_and(|(host, port)| {
        !host.is_empty() && host.chars().all(plain) && port.parse::<u16>().is_ok_and(|p| p > 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for good in ["hub.test:5100", "10.0.0.5:443", "[2001:db8::7]:5100"] {
            assert!(is_host_and_port(good), "{good}");
        }
        for bad in ["", "hub.test", "hub.test:0", ":5100", "https://x:1", "a b:1", "x';reboot;':1"]
        {
            assert!(!is_host_and_port(bad), "{bad}");
        }
    }

    #[test]
    fn the_time_is_told_by_its_flag() {
        assert_eq!(valid("15m").expect("fine"), Duration::from_secs(900));
        let error = valid("soon").expect_err("no duration").to_string();
        assert!(error.contains("flag --valid") && error.contains("hint"), "{error}");
    }
}
