use std::time::Duration;

use watchfire_model::{Evidence, Presence, Sight};

/// How many sights of one silence are kept.
///
/// It is well above the number of kinds of sights, so a full list always holds
/// something that can go before the hub's only sight of a kind.
pub(crate) const MAX_SIGHTS: usize = 32;

/// The observer that is the hub itself.
pub(crate) const HUB: &str = "hub";

/// How long an answer to a ping outweighs a connection that got none. A host may
/// answer the one and drop the other, and both looks of the hub come at their own time.
const PING_HOLDS: Duration = Duration::from_secs(3);

/// How much older than the newest sight a neighbour's may be and still count. It is
/// asked again each minute while a verdict rests on it, so two answers may be lost.
const OPINION_HOLDS: Duration = Duration::from_secs(150);

/// What observers saw in the present silence, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sights(Vec<Evidence>);

impl Sights {
    /// Adds a sight in its place in time. When the list is full, the oldest goes of
    /// those that say again what the same observer said: of the newcomer's kind
    /// first. Where there is none, the oldest of a neighbour goes.
    pub(crate) fn add(&mut self, evidence: Evidence) {
        let newcomer = evidence.clone();
        let later = |known: &Evidence| known.at.monotonic > evidence.at.monotonic;
        let place = self.0.iter().position(later).unwrap_or(self.0.len());
        self.0.insert(place, evidence);
        if self.0.len() > MAX_SIGHTS {
            self.drop_one(&newcomer);
        }
    }

    pub(crate) fn clear(&mut self) {
        // The room is given back: ten thousand servers share the hub's memory.
        self.0 = Vec::new();
    }

    pub(crate) fn to_vec(&self) -> Vec<Evidence> {
        self.0.clone()
    }

    /// What all sights together say.
    pub(crate) fn verdict(&self) -> Presence {
        verdict(&self.0)
    }

    /// True when the hub's own sights alone would say something else.
    pub(crate) fn rest_on_neighbours(&self) -> bool {
        let own = verdict_from(&opinions_of(&self.0, |seen| seen.observer == HUB));
        own != self.verdict()
    }

    fn drop_one(&mut self, newcomer: &Evidence) {
        let same = |a: &Evidence, b: &Evidence| a.observer == b.observer && a.saw == b.saw;
        let comes_again = |i: &usize| self.0[i + 1..].iter().any(|e| same(e, &self.0[*i]));
        let of_kind = (0..self.0.len()).filter(|i| same(&self.0[*i], newcomer)).find(comes_again);
        let oldest = of_kind
            .or_else(|| (0..self.0.len()).find(comes_again))
            .or_else(|| self.0.iter().position(|e| e.observer != HUB))
            .unwrap_or(0);
        self.0.remove(oldest);
    }
}

/// The verdict that `evidence`, oldest first, speaks for.
///
/// The newest telling sight of each observer counts. One neighbour that reached the
/// agent is enough for `Unreachable`, however many did not: that something was
/// reached is a fact, and that others did not reach it says as much about their
/// paths. A neighbour that lies can so choose between the words of an incident, and
/// never keep one from being opened. `Down` when there is nothing, because a server
/// that nobody sees is not reached by anybody.
pub(crate) fn verdict(evidence: &[Evidence]) -> Presence {
    verdict_from(&opinions(evidence))
}

fn verdict_from(counted: &[&Evidence]) -> Presence {
    if counted.iter().any(|seen| reached_by_other(seen)) {
        Presence::Unreachable
    } else if counted.iter().any(|seen| verdict_of(seen.saw) == Some(Presence::AgentDown)) {
        Presence::AgentDown
    } else {
        Presence::Down
    }
}

/// The newest telling sight of each observer, newest first.
pub(crate) fn opinions(evidence: &[Evidence]) -> Vec<&Evidence> {
    opinions_of(evidence, |_| true)
}

fn opinions_of(evidence: &[Evidence], counts: fn(&Evidence) -> bool) -> Vec<&Evidence> {
    let Some(last) = evidence.last() else { return Vec::new() };
    let current =
        |seen: &&Evidence| seen.observer == HUB || last.at.since(seen.at) <= OPINION_HOLDS;
    let telling = |seen: &&Evidence| counts(seen) && verdict_of(seen.saw).is_some();
    let mut found: Vec<&Evidence> = Vec::new();
    for seen in evidence.iter().rev().filter(telling).filter(current) {
        match found.iter_mut().find(|newer| newer.observer == seen.observer) {
            None => found.push(seen),
            Some(newer) if outlasts(seen, newer) => *newer = seen,
            Some(_) => {}
        }
    }
    found
}

/// True when an answered ping speaks louder than the connection after it.
fn outlasts(seen: &Evidence, newer: &Evidence) -> bool {
    seen.saw == Sight::PingAnswered
        && newer.saw == Sight::NoAnswer
        && newer.at.since(seen.at) <= PING_HOLDS
}

/// True when someone other than the hub reached the agent.
pub(crate) fn reached_by_other(seen: &Evidence) -> bool {
    seen.saw == Sight::Reached && seen.observer != HUB
}

/// The verdict that one sight of the hub speaks for; `None` when it says nothing
/// about the host, as the end of a stream does: a dying host and a dying agent both
/// end it. An agent that said that it stops leaves a host that runs.
pub(crate) fn verdict_of(saw: Sight) -> Option<Presence> {
    match saw {
        Sight::StreamClosed | Sight::SaidReboot | Sight::SaidUpgrade => None,
        Sight::SaidStop => Some(Presence::AgentDown),
        _ if saw.host_answers() => Some(Presence::AgentDown),
        _ => Some(Presence::Down),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use watchfire_model::Moment;

    use super::*;

    fn saw(second: u64, saw: Sight) -> Evidence {
        let at = Moment { monotonic: Duration::from_secs(second), unix_ms: 0 };
        Evidence { observer: "hub".to_owned(), at, saw }
    }

    fn by(second: u64, observer: &str, saw: Sight) -> Evidence {
        let at = Moment { monotonic: Duration::from_secs(second), unix_ms: 0 };
        Evidence { observer: observer.to_owned(), at, saw }
    }

    fn sights(list: &[(u64, Sight)]) -> Sights {
        let mut sights = Sights::default();
        for (second, sight) in list {
            sights.add(saw(*second, *sight));
        }
        sights
    }

    #[test]
    fn the_newest_telling_sight_decides() {
        use Sight::{NoAnswer, NoRoute, Refused, Silent, StreamClosed};
        for (list, verdict) in [
            (vec![], Presence::Down),
            (vec![(1, StreamClosed)], Presence::Down),
            (vec![(1, Refused)], Presence::AgentDown),
            (vec![(1, Refused), (2, StreamClosed)], Presence::AgentDown),
            (vec![(1, Refused), (2, NoAnswer)], Presence::Down),
            (vec![(1, NoRoute), (2, Silent)], Presence::AgentDown),
            (vec![(2, Silent), (1, NoRoute)], Presence::AgentDown),
            (vec![(1, Sight::LoginRefused)], Presence::AgentDown),
            (vec![(1, Sight::LoginLimited)], Presence::AgentDown),
            (vec![(1, Sight::NotAnAgent)], Presence::AgentDown),
            (vec![(1, Sight::NameUnknown)], Presence::Down),
            (vec![(1, Sight::SaidReboot)], Presence::Down),
            (vec![(1, Sight::SaidStop), (2, StreamClosed)], Presence::AgentDown),
            (vec![(1, Sight::SaidStop), (2, NoAnswer)], Presence::Down),
            (vec![(1, Sight::PingAnswered), (4, NoAnswer)], Presence::AgentDown),
            (vec![(1, Sight::PingAnswered), (5, NoAnswer)], Presence::Down),
            (vec![(1, Sight::PingAnswered), (2, NoRoute)], Presence::Down),
            (vec![(1, Sight::Reached)], Presence::AgentDown),
        ] {
            assert_eq!(sights(&list).verdict(), verdict, "{list:?}");
        }
    }

    #[test]
    fn all_observers_together_decide() {
        use Sight::{NoAnswer, PingAnswered, Reached, Refused, StreamClosed};
        let verdict = |list: &[(u64, &str, Sight)]| {
            let mut sights = Sights::default();
            for (second, observer, saw) in list {
                sights.add(by(*second, observer, *saw));
            }
            (sights.verdict(), sights.rest_on_neighbours())
        };
        for (list, expected) in [
            (vec![(3, "hub", NoAnswer), (3, "a", NoAnswer)], (Presence::Down, false)),
            (vec![(3, "hub", NoAnswer), (3, "a", Reached)], (Presence::Unreachable, true)),
            (vec![(3, "a", Reached), (4, "hub", Refused)], (Presence::Unreachable, true)),
            // One against all others: the words are its, the incident is not.
            (
                vec![
                    (3, "hub", NoAnswer),
                    (3, "a", NoAnswer),
                    (3, "b", NoAnswer),
                    (3, "c", Reached),
                ],
                (Presence::Unreachable, true),
            ),
            // Its newest sight is what an observer says.
            (vec![(3, "a", Reached), (4, "a", NoAnswer)], (Presence::Down, false)),
            (vec![(4, "a", NoAnswer), (3, "a", Reached)], (Presence::Down, false)),
            (vec![(3, "hub", NoAnswer), (3, "a", Refused)], (Presence::AgentDown, true)),
            (vec![(3, "hub", NoAnswer), (3, "a", PingAnswered)], (Presence::AgentDown, true)),
            (vec![(3, "hub", Refused), (3, "a", NoAnswer)], (Presence::AgentDown, false)),
            (vec![(3, "hub", Refused), (3, "a", StreamClosed)], (Presence::AgentDown, false)),
            // A neighbour that is never heard again does not speak for ever.
            (vec![(3, "a", Reached), (153, "hub", NoAnswer)], (Presence::Unreachable, true)),
            (vec![(3, "a", Reached), (154, "hub", NoAnswer)], (Presence::Down, false)),
        ] {
            assert_eq!(verdict(&list), expected, "{list:?}");
        }
    }

    #[test]
    fn a_flood_of_one_kind_keeps_the_others() {
        let mut list =
            sights(&[(0, Sight::StreamClosed), (1, Sight::NoRoute), (1, Sight::NoRoute)]);
        for second in 2..1000 {
            list.add(saw(second, Sight::Refused));
        }
        let kept = list.to_vec();
        assert_eq!(kept.len(), MAX_SIGHTS);
        assert_eq!(kept[0].saw, Sight::StreamClosed);
        assert_eq!((kept[1].saw, kept[2].saw), (Sight::NoRoute, Sight::NoRoute));
        assert_eq!(kept.last().map(|e| e.at.monotonic.as_secs()), Some(999));
    }

    proptest! {
        #[test]
        fn no_kind_that_the_hub_saw_is_ever_lost(
            seen in proptest::collection::vec((0_u64..50, 0..Sight::ALL.len(), 0_usize..6), 0..300),
        ) {
            let mut list = Sights::default();
            let mut kinds = std::collections::HashSet::new();
            for (second, kind, observer) in seen {
                let observer = ["hub", "hub", "a", "b", "c", "d"][observer];
                list.add(by(second, observer, Sight::ALL[kind]));
                if observer == HUB {
                    kinds.insert(Sight::ALL[kind]);
                }
                let kept = list.to_vec();
                prop_assert!(kept.len() <= MAX_SIGHTS);
                prop_assert!(kept.is_sorted_by_key(|e| e.at.monotonic));
                let own = kept.iter().filter(|e| e.observer == HUB);
                prop_assert_eq!(&own.map(|e| e.saw).collect::<std::collections::HashSet<_>>(), &kinds);
            }
        }
    }
}
