mod token;

use std::path::PathBuf;

use anyhow::{Context, bail};
use watchfire_hub::{FirstPassword, Hub as HubRole, HubConfig, OVERRIDABLE, show};
use watchfire_runtime::{Clock, Shutdown};

use super::block_on;
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
        let mut overrides = settings::environment(&OVERRIDABLE)?;
        overrides.flag("listen", "--listen", self.listen);
        overrides.flag("data", "--data", self.data);
        overrides.flag("down_after", "--down-after", self.down_after);
        let config = load(self.config, &overrides)?;
        for caution in config.cautions() {
            eprintln!("warning: {caution}");
        }
        if self.check {
            print!("{}", show(&config));
            eprintln!("The config is fine.");
            return Ok(());
        }
        block_on(serve(config))
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

async fn serve(config: HubConfig) -> anyhow::Result<()> {
    let (shutdown, end) = Shutdown::on_signals()?;
    let has_mail = config.mail.is_some();
    let url = config.public_url.clone();
    let hub = HubRole::bind(config, Clock::system()).await.context("the hub cannot start")?;
    println!("http://{}", hub.local_addr());
    show_first(hub.first_password());
    if !has_mail {
        eprintln!("No mail is configured: notifications appear on the page ({url}) and here.");
    }
    hub.run(shutdown, end).await;
    Ok(())
}
