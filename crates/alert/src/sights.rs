use watchfire_model::{Evidence, Presence, Sight};

/// How many sights of one silence are kept.
///
/// It is well above the number of kinds of sights, so a full list always holds
/// some kind twice, and dropping never loses the only sight of a kind.
pub(crate) const MAX_SIGHTS: usize = 16;

/// What observers saw in the present silence, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sights(Vec<Evidence>);

impl Sights {
    /// Adds a sight in its place in time. When the list is full, the oldest sight of
    /// the same kind goes, or else the oldest of a kind that is there twice.
    pub(crate) fn add(&mut self, evidence: Evidence) {
        let saw = evidence.saw;
        let later = |known: &Evidence| known.at.monotonic > evidence.at.monotonic;
        let place = self.0.iter().position(later).unwrap_or(self.0.len());
        self.0.insert(place, evidence);
        if self.0.len() > MAX_SIGHTS {
            self.drop_one(saw);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn to_vec(&self) -> Vec<Evidence> {
        self.0.clone()
    }

    /// What the newest telling sight says; `Down` when there is none, because a
    /// server that nobody sees is not reached by anybody.
    pub(crate) fn verdict(&self) -> Presence {
        self.0.iter().rev().find_map(|seen| verdict_of(seen.saw)).unwrap_or(Presence::Down)
    }

    fn drop_one(&mut self, newcomer: Sight) {
        let comes_again = |i: &usize| self.0[i + 1..].iter().any(|e| e.saw == self.0[*i].saw);
        let of_kind = (0..self.0.len()).filter(|i| self.0[*i].saw == newcomer).find(comes_again);
        let oldest = of_kind.or_else(|| (0..self.0.len()).find(comes_again)).unwrap_or(0);
        self.0.remove(oldest);
    }
}

/// The verdict that one sight speaks for; `None` when it says nothing about the host,
/// as the end of a stream does: a dying host and a dying agent both end it.
pub(crate) fn verdict_of(saw: Sight) -> Option<Presence> {
    match saw {
        Sight::StreamClosed => None,
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
        ] {
            assert_eq!(sights(&list).verdict(), verdict, "{list:?}");
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
        fn no_kind_is_ever_lost(seconds in proptest::collection::vec((0_u64..50, 0..Sight::ALL.len()), 0..200)) {
            let mut list = Sights::default();
            let mut kinds = std::collections::HashSet::new();
            for (second, kind) in seconds {
                list.add(saw(second, Sight::ALL[kind]));
                kinds.insert(Sight::ALL[kind]);
                let kept = list.to_vec();
                prop_assert!(kept.len() <= MAX_SIGHTS);
                prop_assert!(kept.is_sorted_by_key(|e| e.at.monotonic));
                prop_assert_eq!(&kept.iter().map(|e| e.saw).collect::<std::collections::HashSet<_>>(), &kinds);
            }
        }
    }
}
