use anyhow::bail;
use clap::ValueEnum;
use watchfire_model::{Content, DeliveryOutcome, NotificationKind};
use watchfire_runtime::Clock;

use super::super::block_on;
use super::{Ground, Untold, urls};

#[derive(clap::Args)]
pub(super) struct Test {
    /// The channel as in hub.toml; - reads it from stdin
    #[arg(long, value_name = "URL", allow_hyphen_values = true)]
    url: String,
    /// The subject
    #[arg(long, default_value = "A test of Watchfire", value_name = "TEXT")]
    title: String,
    /// The text
    #[arg(long, default_value = "This channel works.", value_name = "TEXT")]
    body: String,
    /// How grave it is, which decides on sound and colour
    #[arg(long = "type", default_value = "info", value_name = "TYPE")]
    tone: Tone,
    #[command(flatten)]
    ground: Ground,
}

#[derive(Clone, Copy, ValueEnum)]
enum Tone {
    Info,
    Success,
    Warning,
    Failure,
}

impl Tone {
    /// A kind of news that channels show in this tone.
    fn kind(self) -> NotificationKind {
        match self {
            Self::Info => NotificationKind::Report,
            Self::Success => NotificationKind::Recovered,
            Self::Warning => NotificationKind::Changed,
            Self::Failure => NotificationKind::Down,
        }
    }
}

impl Test {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let urls = urls(vec![self.url])?;
        if urls.len() != 1 {
            bail!("a test needs one URL, and there are {}", urls.len());
        }
        let clock = Clock::system();
        let trial = self.ground.trial(&urls, clock.clone())?;
        let content = Content { subject: self.title, text: self.body, html: String::new() };
        let kind = self.tone.kind();
        let worst = block_on(async {
            let mut worst = None;
            for tried in trial.channels() {
                let untold = match &tried.does {
                    Ok(does) => {
                        println!("{does}");
                        told(trial.send(tried, &content, kind, &clock).await)
                    }
                    Err(why) => {
                        eprintln!("{}: {why}", tried.scheme);
                        Some(Untold::BadUrl)
                    }
                };
                worst = worst.max(untold);
            }
            Ok(worst)
        })?;
        worst.map_or(Ok(()), |untold| Err(untold.into()))
    }
}

/// Says what came of it.
fn told(outcome: DeliveryOutcome) -> Option<Untold> {
    match outcome {
        DeliveryOutcome::Accepted { reply } => {
            println!("accepted: {reply}");
            None
        }
        DeliveryOutcome::Refused { why } => {
            eprintln!("refused: {why}");
            Some(Untold::Refused)
        }
        DeliveryOutcome::Retry { why, maybe_accepted } => {
            let perhaps =
                if maybe_accepted { " (it may have been taken all the same)" } else { "" };
            eprintln!("not taken: {why}{perhaps}");
            Some(Untold::NotNow)
        }
        DeliveryOutcome::Unknown => Some(Untold::NotNow),
    }
}
