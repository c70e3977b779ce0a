//! The other part: how soon somebody is told of a server that was killed.

use std::time::{Duration, Instant};

use anyhow::ensure;
use watchfire_testkit::smtp::Mail;

use crate::field::Field;
use crate::told::{Happening, Told, told};

/// How long a mail may be on its way before it counts as lost.
const LOST_AFTER: Duration = Duration::from_secs(40);
/// How long the kills themselves may take to come.
const PATIENCE: Duration = Duration::from_secs(1800);

/// What came of the kills.
pub(crate) struct Kills {
    /// Killed -> mail accepted, in seconds.
    pub(crate) to_mail: Vec<f64>,
    /// Mails that call a server down that was not killed.
    pub(crate) false_alarms: usize,
    /// Mails in all.
    pub(crate) mails: usize,
}

impl Kills {
    /// True when each kill was told once, and nothing else was.
    pub(crate) fn is_exact(&self, trials: usize) -> bool {
        self.to_mail.len() == trials && self.false_alarms == 0
    }
}

/// Waits until all servers were killed that are to be, and for the mails about
/// them. Those from before `since`, when the fleet was still coming, do not count.
pub(crate) fn wait(field: &Field, trials: usize, since: Duration) -> anyhow::Result<Kills> {
    let until = Instant::now() + PATIENCE;
    while killed(field).len() < trials {
        ensure!(field.fleet.ended().is_none(), "the fleet ended: {}", field.fleet.text());
        ensure!(Instant::now() < until, "only {} servers were killed", killed(field).len());
        std::thread::sleep(Duration::from_secs(1));
    }
    std::thread::sleep(LOST_AFTER);
    let (killed, mut mails) = (killed(field), field.sink.mails());
    mails.retain(|mail| mail.accepted.is_some_and(|accepted| accepted >= since));
    let to_mail = killed.iter().filter_map(|kill| to_mail(kill, &mails)).collect();
    let names: Vec<_> = killed.iter().flat_map(|kill| &kill.servers).collect();
    let known = |mail: &&Mail| names.iter().any(|name| is_about(mail, name));
    let down = |mail: &&Mail| mail.subject().contains("DOWN]");
    let false_alarms = mails.iter().filter(down).filter(|mail| !known(mail));
    let false_alarms = false_alarms.inspect(|mail| eprintln!("false: {}", mail.subject())).count();
    Ok(Kills { to_mail, false_alarms, mails: mails.len() })
}

fn killed(field: &Field) -> Vec<Happening> {
    let lines = field.fleet.lines();
    let told = lines.iter().filter_map(|line| told(&line.text));
    let happened = told.filter_map(|told| match told {
        Told::Happening(one) if one.what == "killed" => Some(one),
        _ => None,
    });
    happened.collect()
}

/// From the kill to the first mail that calls the server down.
fn to_mail(kill: &Happening, mails: &[Mail]) -> Option<f64> {
    let begun = Duration::from_nanos(kill.begun_monotonic_ns);
    let about = |mail: &&Mail| {
        mail.subject().contains("DOWN]") && kill.servers.iter().any(|name| is_about(mail, name))
    };
    let accepted = mails.iter().filter(about).filter_map(|mail| mail.accepted);
    let first = accepted.filter(|accepted| *accepted >= begun).min()?;
    Some((first - begun).as_secs_f64())
}

fn is_about(mail: &Mail, name: &str) -> bool {
    mail.subject().contains(&format!(" {name}: "))
}
