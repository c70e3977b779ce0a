//! What the commands about users share: which hub, how it is changed, how its no is told.

use anyhow::bail;
use clap::Args;
use serde::de::DeserializeOwned;
use watchfire_api::agent::Message;
use watchfire_runtime::Clock;

use super::block_on;
use crate::hub_client::{Hub, Question};
use crate::screen;

#[derive(Args)]
pub(super) struct AtHub {
    /// The hub, as it was named to `watchfire login` [default: that of the last login]
    #[arg(long, value_name = "HUB")]
    hub: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl AtHub {
    pub(super) fn hub(&self) -> anyhow::Result<Hub> {
        Hub::known(self.hub.as_deref(), &Clock::system())
    }

    /// What the hub lists at `path`.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        block_on(self.hub()?.get(path))
    }

    /// Has the hub change something.
    pub(super) fn change<T: DeserializeOwned>(&self, question: &Question<'_>) -> anyhow::Result<T> {
        let hub = self.hub()?;
        let answer = block_on(hub.send(question))?;
        if !matches!(answer.status, 200 | 201) {
            bail!("{}", hub.words(&answer));
        }
        hub.read(&answer)
    }

    /// The same where the answer is a sentence.
    pub(super) fn told(&self, question: &Question<'_>) -> anyhow::Result<()> {
        let message: Message = self.change(question)?;
        if self.json {
            return screen::print_json(&message);
        }
        eprintln!("{}", screen::line(&message.message));
        Ok(())
    }
}

/// The id of those that begins so, when it is one alone.
pub(super) fn whole_id<'a>(
    begin: &'a str,
    ids: impl IntoIterator<Item = &'a str>,
) -> anyhow::Result<&'a str> {
    let mut fitting = ids.into_iter().filter(|id| !begin.is_empty() && id.starts_with(begin));
    match (fitting.next(), fitting.next()) {
        (Some(id), None) => Ok(id),
        (Some(_), Some(_)) => bail!("{begin:?} is the begin of several: write more of it"),
        (None, _) => Ok(begin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_begin_of_an_id_will_do_when_it_is_one_alone() {
        let ids = ["abc1", "abd2"];
        assert_eq!(whole_id("abc", ids).expect("one"), "abc1");
        assert!(whole_id("ab", ids).is_err());
        assert_eq!(whole_id("zz", ids).expect("the hub knows"), "zz");
        assert!(whole_id("", ids).expect("none").is_empty());
    }
}
