//! Which series a selector wants, asked once of each server and once of each key.
//!
//! A label of a series is the key's own where the key has it, and else the server's. So of
//! each matcher a key either decides itself, or leaves it to the server: what is left is a
//! set of bits, and whether a key of a server fits is one comparison.

use watchfire_model::{LabelPair, Matcher, NAME_LABEL, SeriesKey, SourceError};

use super::labels::{INSTANCE, own_label};

/// The most different labels that one selector may name.
const MAX_LABELS: usize = 128;

/// Matchers, by label.
#[derive(Debug, Clone)]
pub(super) struct Matching<'m>(Vec<(&'m str, Vec<&'m Matcher>)>);

/// A set of labels of a [`Matching`], by their places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Labels(u128);

impl<'m> Matching<'m> {
    /// The matchers of one selector.
    ///
    /// # Errors
    /// [`SourceError`] when they name too many labels.
    pub(super) fn new(matchers: &'m [Matcher]) -> Result<Self, SourceError> {
        let mut by_label: Vec<(&str, Vec<&Matcher>)> = Vec::new();
        for matcher in matchers {
            match by_label.iter_mut().find(|(label, _)| *label == matcher.label()) {
                Some((_, known)) => known.push(matcher),
                None => by_label.push((matcher.label(), vec![matcher])),
            }
        }
        if by_label.len() > MAX_LABELS {
            let why = format!("a selector names more than {MAX_LABELS} labels");
            return Err(SourceError::Unreadable(why));
        }
        Ok(Self(by_label))
    }

    /// The labels that `key` leaves to its server; `None` when no series of the key fits.
    pub(super) fn left_by(&self, key: &SeriesKey) -> Option<Labels> {
        let mut left = 0;
        for (place, (label, matchers)) in self.0.iter().enumerate() {
            let own = match *label {
                NAME_LABEL => Some(key.name()),
                INSTANCE => None,
                label => own_label(key, label),
            };
            match own {
                Some(value) if !all_hold(matchers, value) => return None,
                Some(_) => {}
                None => left |= 1 << place,
            }
        }
        Some(Labels(left))
    }

    /// The labels whose matchers hold for a server with these labels, sorted by name.
    pub(super) fn held_by(&self, server: &[LabelPair]) -> Labels {
        let value = |label: &str| {
            let at = server.binary_search_by(|(name, _)| (**name).cmp(label));
            at.map_or("", |at| &*server[at].1)
        };
        let holds = self.0.iter().enumerate().filter(|(_, (label, matchers))| {
            // No server has a metric's name.
            *label != NAME_LABEL && all_hold(matchers, value(label))
        });
        Labels(holds.fold(0, |held, (place, _)| held | 1 << place))
    }

    /// False when no key at all fits a server of which these hold.
    pub(super) fn may_fit(&self, held: Labels) -> bool {
        let instance = self.0.iter().position(|(label, _)| *label == INSTANCE);
        instance.is_none_or(|place| held.0 & 1 << place != 0)
    }

    /// The only metric name that fits, when there is but one.
    pub(super) fn name(&self) -> Option<&'m str> {
        let (_, matchers) = self.0.iter().find(|(label, _)| *label == NAME_LABEL)?;
        let equal = matchers.iter().find(|matcher| matcher.op() == watchfire_model::MatchOp::Equal);
        equal.map(|matcher| matcher.value())
    }
}

impl Labels {
    /// True when all of these are in `held`.
    pub(super) fn are_in(self, held: Labels) -> bool {
        self.0 & !held.0 == 0
    }
}

fn all_hold(matchers: &[&Matcher], value: &str) -> bool {
    matchers.iter().all(|matcher| matcher.holds(value))
}

#[cfg(test)]
mod tests {
    use watchfire_model::{LabelSet, MatchOp};

    use super::super::labels::label_set;
    use super::*;

    fn key(name: &str, labels: &[(&str, &str)]) -> SeriesKey {
        SeriesKey::new(name, labels.iter().copied()).expect("a good key")
    }

    /// The two ways to the answer are one: bit by bit, and on the whole set of labels.
    #[test]
    fn keys_and_servers_together_decide_as_the_whole_set_would() {
        let servers = [
            LabelSet::of(&[("instance", "a"), ("job", "node"), ("role", "web")]),
            LabelSet::of(&[("instance", "b"), ("job", "db")]),
        ];
        let keys = [
            key("up", &[]),
            key("up", &[("role", "own")]),
            key("cpu", &[("mode", "idle"), ("instance", "else")]),
            key("cpu", &[("mode", "user")]),
        ];
        let matchers = [
            (NAME_LABEL, MatchOp::Equal, "cpu"),
            (NAME_LABEL, MatchOp::Matches, "u.*"),
            ("instance", MatchOp::Equal, "a"),
            ("instance", MatchOp::NotEqual, "a"),
            ("instance", MatchOp::Equal, "else"),
            ("exported_instance", MatchOp::Equal, "else"),
            ("role", MatchOp::Equal, ""),
            ("role", MatchOp::Matches, "web|own"),
            ("mode", MatchOp::NotEqual, "idle"),
            ("nothing", MatchOp::NotEqual, ""),
        ];
        let matchers = matchers
            .map(|(label, op, value)| Matcher::new(label, op, value).expect("a good matcher"));
        let (mut fitting, mut not) = (0, 0);
        for pair in matchers.windows(2).chain(matchers.chunks(1)) {
            let matching = Matching::new(pair).expect("few labels");
            for server in &servers {
                let held = matching.held_by(server.pairs());
                for key in &keys {
                    let fits = matching.left_by(key).is_some_and(|left| left.are_in(held));
                    let whole = label_set(&super::super::labels::pairs_of(key), server.pairs());
                    assert_eq!(fits, whole.fits(pair), "{pair:?} {key} {server:?}");
                    assert!(matching.may_fit(held) || !fits);
                    *if fits { &mut fitting } else { &mut not } += 1;
                }
            }
        }
        assert!(fitting > 20 && not > 20, "{fitting} {not}");
    }

    #[test]
    fn a_selector_of_very_many_labels_is_refused() {
        let of = |count: usize| -> Vec<Matcher> {
            let one = |n| Matcher::new(&format!("l{n}"), MatchOp::Equal, "").expect("good");
            (0..count).map(one).collect()
        };
        assert!(Matching::new(&of(128)).is_ok());
        assert!(Matching::new(&of(129)).is_err());
    }
}
