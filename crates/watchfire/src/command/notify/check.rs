use std::fmt::Write;

use anyhow::bail;
use watchfire_hub::Tried;
use watchfire_runtime::Clock;

use super::{Ground, Untold, urls};
use crate::screen;

#[derive(clap::Args)]
pub(super) struct Check {
    /// Channels as in hub.toml; - reads them from stdin
    #[arg(value_name = "URL", required = true)]
    urls: Vec<String>,
    #[command(flatten)]
    ground: Ground,
}

impl Check {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let urls = urls(self.urls)?;
        if urls.is_empty() {
            bail!("there is no URL to check");
        }
        let trial = self.ground.trial(&urls, Clock::system())?;
        screen::print(&text(trial.channels()))?;
        if trial.channels().iter().any(|tried| tried.does.is_err()) {
            return Err(Untold::BadUrl.into());
        }
        Ok(())
    }
}

/// One line for each channel, with its number, for its URL holds secrets.
fn text(channels: &[Tried]) -> String {
    let mut out = String::new();
    for (at, tried) in channels.iter().enumerate() {
        let (word, what) = match &tried.does {
            Ok(does) => ("ok", does),
            Err(why) => ("bad", why),
        };
        // Writing to a String cannot fail, so the results are not looked at.
        let _ = writeln!(out, "{:<3} {} {}: {what}", word, at + 1, tried.scheme);
    }
    out
}
