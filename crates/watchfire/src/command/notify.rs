//! `watchfire notify`: channels by hand.

mod check;
mod test;

use std::fmt;
use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, bail};
use watchfire_hub::{HubConfig, OVERRIDABLE, Trial};
use watchfire_runtime::Clock;

use super::hub::USUAL_CONFIG;
use crate::{exit, settings};

/// How much is read from a pipe, in bytes: some hundred URLs.
const MAX_INPUT: u64 = 256 * 1024;

#[derive(clap::Args)]
#[command(after_help = "Write - for a URL to read URLs from stdin, one a line, so that no secret \
    stands in the list of processes:\n  \
    watchfire notify check - < urls\n\n\
    Exit codes: 0 well, 1 failed, 2 wrong usage, 3 a URL that is not understood or not allowed, \
    4 refused by the provider, 5 not taken now or no answer, 78 wrong config.")]
pub(super) struct Notify {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Say of each channel's URL whether it is understood, what it does, and what to write instead
    Check(check::Check),
    /// Send one message through one channel, and say what came of it
    Test(test::Test),
}

/// What both do with the hub's config.
#[derive(clap::Args)]
struct Ground {
    /// The hub's config file, for its [mail] and [notify] [default: /etc/watchfire/hub.toml
    /// where it can be read]
    #[arg(long, short, env = "WATCHFIRE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// A network, address or name that channels may lead to as well, as in [notify] allow
    #[arg(long, value_name = "HOST")]
    allow: Vec<String>,
}

impl Notify {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.action {
            Action::Check(check) => check.run(),
            Action::Test(test) => test.run(),
        }
    }
}

impl Ground {
    fn trial(self, urls: &[String], clock: Clock) -> anyhow::Result<Trial> {
        let config = self.config()?;
        let trial = Trial::new(urls, config.as_ref(), &self.allow, clock);
        trial.map_err(|why| anyhow::anyhow!(why))
    }

    /// The config that was named must be good. The usual one is of use where it can be read.
    fn config(&self) -> anyhow::Result<Option<HubConfig>> {
        let overrides = settings::environment(&OVERRIDABLE)?;
        if self.config.is_some() {
            return Ok(Some(super::hub::load(self.config.clone(), &overrides)?));
        }
        let Some(usual) = settings::config_file(None, USUAL_CONFIG) else { return Ok(None) };
        match HubConfig::load(&usual, &overrides) {
            Ok(config) => Ok(Some(config)),
            Err(_) => {
                eprintln!("{USUAL_CONFIG} cannot be used, so its [mail] and [notify] do not count");
                Ok(None)
            }
        }
    }
}

/// The URLs, with those of stdin in the place of a `-`.
fn urls(named: Vec<String>) -> anyhow::Result<Vec<String>> {
    let mut urls = Vec::with_capacity(named.len());
    let mut input = None;
    for url in named {
        if url != "-" {
            urls.push(url);
        } else if input.replace(()).is_some() {
            bail!("stdin is read once: write - once");
        } else {
            urls.extend(from_stdin()?);
        }
    }
    Ok(urls)
}

fn from_stdin() -> anyhow::Result<Vec<String>> {
    let mut text = String::new();
    let mut input = std::io::stdin().lock().take(MAX_INPUT + 1);
    input.read_to_string(&mut text).context("the URLs cannot be read from stdin")?;
    if u64::try_from(text.len())? > MAX_INPUT {
        bail!("stdin has more than {MAX_INPUT} bytes");
    }
    let lines = text.lines().map(str::trim);
    Ok(lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect())
}

/// What became of channels, where it is no success. What is wrong was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Untold {
    NotNow,
    Refused,
    BadUrl,
}

impl Untold {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::BadUrl => exit::BAD_URL,
            Self::Refused => exit::REFUSED,
            Self::NotNow => exit::NOT_NOW,
        }
    }
}

impl fmt::Display for Untold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadUrl => "not every URL can be used",
            Self::Refused => "the provider refuses it",
            Self::NotNow => "it was not taken; a hub would try it again",
        })
    }
}

impl std::error::Error for Untold {}
