mod token;

use std::path::PathBuf;

use anyhow::{Context, bail};
use watchfire_hub::{FirstPassword, Hub as HubRole, HubConfig, OVERRIDABLE, RuleFiles, show};
use watchfire_runtime::{Clock, Hangups, Shutdown};

use super::block_on;
use super::up::nothing_but_overrides;
use crate::settings;

pub(super) const USUAL_CONFIG: &str = "/etc/watchfire/hub.toml";

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Hub {
    #[command(subcommand)]
    action: Option<Action>,
    /// The config file [default: /etc/watchfire/hub.toml]
    #[arg(long, short, env = "WATCHFIRE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen, as in 0.0.0.0:5100
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The folder of the database
    #[arg(long, value_name = "FOLDER")]
    data: Option<String>,
    /// How long a server may be silent before it is called down
    #[arg(long, value_name = "DURATION")]
    down_after: Option<String>,
    /// Read everything, print the effective config with secrets hidden, and end
    #[arg(long)]
    check: bool,
    /// A file of rules to evaluate in place of all others, the built-in ones too; may be repeated
    #[arg(long, value_name = "FILE")]
    rules: Vec<PathBuf>,
    /// Keep no samples of the hub itself; this version keeps none in any case
    #[arg(long = "no-self")]
    _no_self: bool,
    /// Let programs on this machine read and push without a login: for tests and tools
    #[arg(long)]
    open_loopback: bool,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Make a token and print the line that enrols a server with it
    Token(token::Token),
}

impl Hub {
    pub(super) fn run(self) -> anyhow::Result<()> {
        if let Some(Action::Token(token)) = self.action {
            return token.run();
        }
        // Whoever says both needs no file, and does not mean that of a hub that is installed here.
        let is_bare = self.config.is_none() && self.listen.is_some() && self.data.is_some();
        let mut overrides = settings::environment(&OVERRIDABLE)?;
        overrides.flag("listen", "--listen", self.listen);
        overrides.flag("data", "--data", self.data);
        overrides.flag("down_after", "--down-after", self.down_after);
        let mut config = if is_bare {
            nothing_but_overrides(&overrides)?
        } else {
            load(self.config, &overrides)?
        };
        if !self.rules.is_empty() {
            config.rules = RuleFiles::alone(&self.rules)?;
        }
        if self.open_loopback {
            check_open(&config)?;
        }
        for caution in config.cautions() {
            eprintln!("warning: {caution}");
        }
        if self.check {
            print!("{}", show(&config));
            eprintln!("The config is fine.");
            return Ok(());
        }
        block_on(serve(config, is_bare, self.open_loopback))
    }
}

/// Loads `hub.toml` and tells its warnings.
pub(super) fn load(
    named: Option<PathBuf>,
    overrides: &watchfire_runtime::config::Overrides,
) -> anyhow::Result<HubConfig> {
    let Some(path) = settings::config_file(named, USUAL_CONFIG) else {
        bail!(
            "there is no {USUAL_CONFIG}\n  hint: name a config with --config hub.toml, \
             or start with: watchfire up"
        );
    };
    let config = HubConfig::load(&path, overrides)?;
    for warning in &config.warnings {
        eprintln!("warning: {warning}");
    }
    Ok(config)
}

/// Shows the password of a first start, once.
pub(super) fn show_first(first: Option<&FirstPassword>) {
    if let Some(FirstPassword { user, password }) = first {
        eprintln!(
            "This is the first start, so a user was made. It is shown this once:\n  \
             user:     {user}\n  password: {password}"
        );
    }
}

/// Without a login, nobody may come who is not on this machine.
fn check_open(config: &HubConfig) -> anyhow::Result<()> {
    if !config.listen.ip().to_canonical().is_loopback() {
        bail!(
            "--open-loopback is for a hub that listens on loopback, and {} is not\n  hint: \
             --listen 127.0.0.1:5100",
            config.listen
        );
    }
    if !config.trusted_proxies.is_empty() {
        bail!(
            "--open-loopback and trusted_proxies do not go together: who comes by a proxy on this \
             machine would need no login either\n  hint: leave one of them out"
        );
    }
    Ok(())
}

async fn serve(config: HubConfig, is_bare: bool, is_open: bool) -> anyhow::Result<()> {
    let (shutdown, end) = Shutdown::on_signals()?;
    let hangups = Hangups::listen()?;
    let has_mail = config.mail.is_some();
    let url = config.public_url.clone();
    let data = config.data.display().to_string();
    let hub = HubRole::bind(config, Clock::system()).await.context("the hub cannot start")?;
    let hub = if is_open { hub.open_on_loopback()? } else { hub };
    let hub = hub.reloading_on(hangups);
    println!("http://{}", hub.local_addr());
    if is_bare {
        eprintln!("No config file is read; everything is kept in {data}.");
    }
    if is_open {
        eprintln!(
            "Every program on this machine may read without a login, and push series as the sender \
             \"local\". Put no proxy before it."
        );
    }
    show_first(hub.first_password());
    if !has_mail {
        eprintln!("No mail is configured: notifications appear on the page ({url}) and here.");
    }
    hub.run(shutdown, end).await;
    Ok(())
}
