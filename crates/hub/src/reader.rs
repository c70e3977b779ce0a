//! Words as one user may read them (invariant I7).

use watchfire_alert::for_reader;
use watchfire_model::{Incident, Scope, ServerName, TimelineEntry};

use crate::fleet::Fleet;
use crate::foreign::Foreign;

/// Somebody who reads what is stored of incidents. It names the servers that looked at
/// the one in trouble, and those may be others' servers.
pub(crate) struct Reader<'a> {
    fleet: &'a Fleet,
    scope: &'a Scope,
}

impl<'a> Reader<'a> {
    /// A reader who may know of the servers in `scope`.
    pub(crate) fn new(fleet: &'a Fleet, scope: &'a Scope) -> Self {
        Self { fleet, scope }
    }

    /// The stored words `text` as the reader may read them.
    pub(crate) fn words(&self, text: &str) -> String {
        let words = for_reader(text, |name| self.knows(name));
        Foreign::new(self.fleet, self.scope).redact(&words).into_owned()
    }

    /// True when nothing of `text` is hidden from the reader.
    pub(crate) fn reads_all_of(&self, text: &str) -> bool {
        self.words(text) == for_reader(text, |_| true)
    }

    /// The incident in the reader's words.
    pub(crate) fn incident(&self, incident: &Incident) -> Incident {
        Incident { cause: self.words(&incident.cause), ..incident.clone() }
    }

    /// The timeline in the reader's words.
    pub(crate) fn timeline(&self, mut timeline: Vec<TimelineEntry>) -> Vec<TimelineEntry> {
        timeline.iter_mut().for_each(|entry| entry.text = self.words(&entry.text));
        timeline
    }

    /// Whether the reader may know of that server. The labels of one that is not in the
    /// fleet any more are gone, so only who sees every server is told its name.
    fn knows(&self, name: &str) -> bool {
        let index = ServerName::new(name).ok().and_then(|name| self.fleet.index(&name));
        match index {
            Some(index) => self.scope.holds(&self.fleet.config(index).server.labels),
            None => self.scope.selectors().iter().any(|selector| selector.as_str() == "*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use watchfire_alert::other_server;
    use watchfire_model::Selector;

    use super::*;
    use crate::testing::{fleet_of, manual_clock, team};

    #[test]
    fn a_server_that_is_gone_is_named_only_to_those_who_see_every_server() {
        let fleet = fleet_of(&["a-1", "b-1"], &[], &manual_clock().0);
        let not_b = Scope::new(vec![Selector::parse(r#"team!="b""#).expect("a matcher")]);
        for (scope, of_a, of_b, of_gone) in [
            (Scope::everything(), "a-1", "b-1", "b-9"),
            (team("a"), "a-1", "another server", "another server"),
            (not_b, "a-1", "another server", "another server"),
            (Scope::default(), "another server", "another server", "another server"),
        ] {
            let reader = Reader::new(&fleet, &scope);
            for (name, words) in [("a-1", of_a), ("b-1", of_b), ("b-9", of_gone)] {
                let text = other_server(name);
                assert_eq!(reader.words(&text), words, "{name}: {scope:?}");
                assert_eq!(reader.reads_all_of(&text), words == name, "{name}: {scope:?}");
            }
        }
    }
}
