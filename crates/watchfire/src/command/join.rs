use std::ffi::OsString;
use std::io::{BufRead, IsTerminal, Read};
use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use watchfire_agent::{AgentConfig, JoinRequest, join, parse_hub};
use watchfire_identity::enrol::EnrolToken;
use watchfire_model::{Labels, ServerName};
use watchfire_runtime::Clock;

use super::agent::{Place, host_name};
use super::block_on;
use super::relaunch::{other_owner, relaunch};

/// What stands for a token that comes over stdin.
const FROM_STDIN: &str = "-";
/// The longest line that is read for a token, in bytes.
const MAX_LINE: u64 = 1024;

#[derive(clap::Args)]
#[command(
    after_help = "The token is made at the hub by `watchfire hub token`. It holds the hub's \
    fingerprint, and is sent to no other hub.\n\nTo keep it out of the shell's history:\n  \
    watchfire join hub.example.org:5100 -"
)]
pub(super) struct Join {
    /// Where the hub is, as in hub.example.org:5100
    #[arg(value_name = "HUB")]
    hub: String,
    /// The token of `watchfire hub token`; - asks for it, or reads it from a pipe
    #[arg(value_name = "TOKEN")]
    token: String,
    /// What the server is called [default: the config's name, else the host name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// A label, as in role=web; may be given several times
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,
    #[command(flatten)]
    place: Place,
}

impl Join {
    pub(super) fn run(self) -> anyhow::Result<()> {
        if self.token != FROM_STDIN {
            return Err(hide_token(&self.token));
        }
        let hub = parse_hub(&self.hub).map_err(|words| anyhow!(words))?;
        let config = self.place.config()?;
        let labels = labels(&config, &self.labels)?;
        let name = name(self.name, &config)?;
        let token = read_token()?;
        if let Some(owner) = other_owner(&config.data)? {
            let arguments = resolved(&hub, &name, &labels, &config);
            return Err(relaunch(arguments, Some(token.to_string().as_str()), Some(owner)));
        }
        let request = JoinRequest { data: config.data.clone(), hub, token, name, labels };
        let clock = Clock::system();
        let joined = block_on(async move { Ok(join(request, &clock).await?) })?;
        println!("joined {} as {}", joined.hub, joined.name);
        eprintln!(
            "This server's id is {}. An agent that runs with {} takes it within two seconds; \
             where none runs, start one: watchfire agent",
            joined.id,
            config.data.display()
        );
        Ok(())
    }
}

/// Every user of the machine can read arguments, so this process begins anew
/// without the token among them.
fn hide_token(token: &str) -> anyhow::Error {
    // One that is none is told at once, without its letters.
    if let Err(error) = token.parse::<EnrolToken>() {
        return anyhow::Error::new(error);
    }
    let hidden = |argument: OsString| {
        if argument.to_str() == Some(token) { OsString::from(FROM_STDIN) } else { argument }
    };
    relaunch(std::env::args_os().skip(1).map(hidden), Some(token), None)
}

fn read_token() -> anyhow::Result<EnrolToken> {
    let line = if std::io::stdin().is_terminal() {
        rpassword::prompt_password("Token: ").context("the terminal cannot be read")?
    } else {
        let mut line = String::new();
        let mut input = std::io::stdin().lock().take(MAX_LINE);
        input.read_line(&mut line).context("the token cannot be read from the pipe")?;
        line
    };
    Ok(line.parse()?)
}

fn name(given: Option<String>, config: &AgentConfig) -> anyhow::Result<ServerName> {
    if let Some(name) = given {
        return Ok(ServerName::new(&name)?);
    }
    if let Some(name) = &config.name {
        return Ok(name.clone());
    }
    ServerName::new(&host_name()).context("the host name is no server's name: give --name")
}

/// The config's labels, and those of the command line above them.
fn labels(config: &AgentConfig, given: &[String]) -> anyhow::Result<Labels> {
    let mut pairs: std::collections::BTreeMap<_, _> = config.labels.iter().collect();
    for label in given {
        let Some((key, value)) = label.split_once('=') else {
            bail!("{label:?} is no label: write KEY=VALUE, as in --label role=web");
        };
        pairs.insert(key, value);
    }
    let mut labels = Labels::new();
    for (key, value) in pairs {
        labels.insert(key, value).with_context(|| format!("the label {key}={value}"))?;
    }
    Ok(labels)
}

/// The same command with all that was read, so that whoever goes on needs
/// neither config nor environment.
fn resolved(hub: &str, name: &ServerName, labels: &Labels, config: &AgentConfig) -> Vec<OsString> {
    let mut arguments = vec!["join".into(), hub.into(), FROM_STDIN.into()];
    arguments.extend(["--name".into(), name.as_str().into()]);
    for (key, value) in labels.iter() {
        arguments.extend(["--label".into(), format!("{key}={value}").into()]);
    }
    arguments.extend(Place::resolved(config));
    arguments
}

/// Where the agent's files are.
impl Place {
    /// The arguments that stand for this place without a config.
    pub(super) fn resolved(config: &AgentConfig) -> Vec<OsString> {
        let data =
            std::path::absolute(&config.data).unwrap_or_else(|_| PathBuf::from(&config.data));
        vec!["--data".into(), data.into(), "--without-config".into()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_the_command_line_stand_above_the_configs() {
        let mut config = AgentConfig::new("data");
        config.labels.insert("role", "db").expect("a label");
        config.labels.insert("site", "fra").expect("a label");
        let labels = labels(&config, &["role=web".to_owned(), "x=a=b".to_owned()]).expect("fine");
        let pairs: Vec<_> = labels.iter().collect();
        assert_eq!(pairs, [("role", "web"), ("site", "fra"), ("x", "a=b")]);
        let name = ServerName::new("web-1").expect("a name");
        let arguments = resolved("hub:5100", &name, &labels, &config);
        assert_eq!(arguments[..5], ["join", "hub:5100", "-", "--name", "web-1"]);
        assert_eq!(arguments.last().expect("some"), "--without-config");
    }

    #[test]
    fn a_label_without_a_value_is_told() {
        let error = labels(&AgentConfig::new("data"), &["role".to_owned()]).expect_err("no value");
        assert!(error.to_string().contains("--label role=web"), "{error}");
    }

    #[test]
    fn a_wrong_token_is_told_without_its_letters() {
        let error = hide_token("wft1_abcdefgh").to_string();
        assert!(error.contains("70 letters") && !error.contains("abcdefgh"), "{error}");
    }
}
