use std::time::Duration;

use super::{Line, Script, ScriptError, Whom};
use crate::seeded::Seeded;
use crate::trouble::Trouble;

/// So many names are shown of a fleet that does not have the one in a script.
const SHOWN_NAMES: usize = 5;

/// Something that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Act {
    /// When, from the begin of the simulation.
    pub(crate) at: Duration,
    /// When it is over.
    pub(crate) until: Duration,
    /// What.
    pub(crate) trouble: Trouble,
    /// To which servers, by their places in the fleet.
    pub(crate) servers: Vec<usize>,
}

/// Plays a script for a fleet: one act after the other, without an end where
/// something comes again. The same seed gives the same acts.
#[derive(Debug)]
pub(crate) struct Director {
    seed: u64,
    lines: Vec<Playing>,
    /// When the trouble of each server is over.
    busy_until: Vec<Duration>,
}

#[derive(Debug)]
struct Playing {
    line: Line,
    /// The place of the server that is named.
    named: Option<usize>,
    /// When it happens next; `None` when it will not.
    next: Option<Duration>,
    /// How often it has happened.
    times: u64,
}

impl Director {
    /// For a fleet of these names.
    ///
    /// # Errors
    /// [`ScriptError::NoServer`] when the script names another one.
    pub(crate) fn new(script: &Script, seed: u64, names: &[&str]) -> Result<Self, ScriptError> {
        let lines = script.lines.iter().map(|line| {
            let named = match &line.whom {
                Whom::Named(name) => Some(place(line.number, name, names)?),
                _ => None,
            };
            Ok(Playing { line: line.clone(), named, next: Some(line.at), times: 0 })
        });
        let lines = lines.collect::<Result<_, _>>()?;
        Ok(Self { seed, lines, busy_until: vec![Duration::ZERO; names.len()] })
    }
}

impl Iterator for Director {
    type Item = Act;

    fn next(&mut self) -> Option<Act> {
        let due = |playing: &Playing| playing.next.map(|next| (next, playing.line.number));
        let playing =
            self.lines.iter_mut().filter(|one| one.next.is_some()).min_by_key(|one| due(one))?;
        let (at, line) = (playing.next?, &playing.line);
        let mut draw = Seeded::part(self.seed ^ playing.times, "script", line.number as u64);
        let free = |place: &usize| self.busy_until[*place] <= at;
        let count = self.busy_until.len();
        let servers: Vec<usize> = match (&line.whom, playing.named) {
            (_, Some(place)) => vec![place].into_iter().filter(free).collect(),
            (Whom::All | Whom::Named(_), None) => (0..count).filter(free).collect(),
            (Whom::Count(wanted), None) => {
                let wanted = usize::try_from(*wanted).unwrap_or(count);
                drawn(&mut draw, (0..count).filter(free).collect(), wanted)
            }
            (Whom::Share(percent), None) => {
                let wanted = (count * *percent as usize).div_ceil(100);
                drawn(&mut draw, (0..count).filter(free).collect(), wanted)
            }
        };
        let (until, trouble) = (at + line.lasts, line.trouble);
        for place in &servers {
            self.busy_until[*place] = until;
        }
        playing.times += 1;
        playing.next = playing.line.every.and_then(|every| at.checked_add(every));
        Some(Act { at, until, trouble, servers })
    }
}

/// So many of `places`, in rising order.
fn drawn(draw: &mut Seeded, mut places: Vec<usize>, wanted: usize) -> Vec<usize> {
    let wanted = wanted.min(places.len());
    for chosen in 0..wanted {
        let other = chosen + draw.below((places.len() - chosen) as u64) as usize;
        places.swap(chosen, other);
    }
    places.truncate(wanted);
    places.sort_unstable();
    places
}

fn place(line: usize, name: &str, names: &[&str]) -> Result<usize, ScriptError> {
    let found = names.iter().position(|known| *known == name);
    found.ok_or_else(|| {
        let more = if names.len() > SHOWN_NAMES { ", …" } else { "" };
        let shown = names.iter().take(SHOWN_NAMES).copied().collect::<Vec<_>>().join(", ") + more;
        ScriptError::NoServer { line, name: name.to_owned(), count: names.len(), shown }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 20] = [
        "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r",
        "s", "t",
    ];

    fn acts(script: &str, seed: u64, count: usize) -> Vec<Act> {
        let script = Script::parse(script).expect("a good script");
        Director::new(&script, seed, &NAMES).expect("good names").take(count).collect()
    }

    #[test]
    fn acts_come_in_order_and_again() {
        let acts = acts("10s killed a every 20s\n5s cut 25% for 2s\n30s disk all for 1s", 1, 10);
        let told: Vec<_> =
            acts.iter().map(|act| (act.at.as_secs(), act.trouble, act.servers.len())).collect();
        let killed = |at| (at, Trouble::Killed, 1);
        // At 30 s the first of the two lines goes first; the server it hits is then in trouble.
        let expected =
            [(5, Trouble::Cut, 5), killed(10), (30, Trouble::Killed, 0), (30, Trouble::Disk, 19)];
        assert_eq!(told[..4], expected);
        assert_eq!(told[4..6], [killed(50), (70, Trouble::Killed, 0)]);
    }

    #[test]
    fn a_seed_repeats_whom_it_hits() {
        let script = "1s cut 3 for 1s every 5s\n2s frozen 10% every 50s";
        assert_eq!(acts(script, 4, 50), acts(script, 4, 50));
        assert_ne!(acts(script, 4, 50), acts(script, 5, 50));
        let hit: std::collections::BTreeSet<_> =
            acts(script, 4, 50).into_iter().flat_map(|act| act.servers).collect();
        assert_eq!(hit.len(), NAMES.len(), "in time everybody is hit");
    }

    #[test]
    fn an_unknown_server_is_told() {
        let script = Script::parse("\n1s cut z").expect("a good script");
        let refused = Director::new(&script, 1, &NAMES).expect_err("there is no z");
        let expected = "line 2: there is no server \"z\" in this fleet of 20: a, b, c, d, e, …";
        assert_eq!(refused.to_string(), expected);
    }
}
