use watchfire_model::{Evidence, Presence, Sight, Transition};

use crate::human;
use crate::others::other_servers;
use crate::sights::{HUB, opinions, reached_by_other, verdict_of};

/// What happened, in one plain sentence that can stand alone.
///
/// The part before the first `: ` says what is wrong and is short enough for a
/// subject; what follows, where there is more to say, says how we know or what to do.
/// The names of observers are marked: [`crate::for_reader`] makes it for each reader.
#[must_use]
pub fn cause(transition: &Transition) -> String {
    let words = match transition.to {
        Presence::Down | Presence::AgentDown | Presence::Unreachable => trouble(transition),
        Presence::Up => "it gives signs of life".to_owned(),
        Presence::Late => "it has been quiet for a moment".to_owned(),
        Presence::Leaving => leaving(transition),
        Presence::Unknown => "the hub has not heard of it yet".to_owned(),
    };
    human::capitalised(&words) + "."
}

/// What one sight was, for a line of a timeline.
pub(crate) fn sight_words(saw: Sight) -> &'static str {
    match saw {
        Sight::Refused => "the connection was refused",
        Sight::Silent => "the connection was taken, but nothing was said",
        Sight::LoginRefused => "the agent refused the hub's login",
        Sight::LoginLimited => "the agent refused the hub's login: too many attempts",
        Sight::NotAnAgent => "something answered that is no agent",
        Sight::NoAnswer => "no answer",
        Sight::NoRoute => "the network has no way to the host",
        Sight::NameUnknown => "the name has no address",
        Sight::StreamClosed => "the stream was closed",
        Sight::Reached => "the agent answered",
        Sight::PingAnswered => "the host answered a ping, the agent did not answer",
        Sight::SaidStop => "the agent said that it is being stopped",
        Sight::SaidReboot => "the agent said that the machine reboots",
        Sight::SaidUpgrade => "the agent said that a new release takes over",
    }
}

fn leaving(transition: &Transition) -> String {
    goodbye(transition).unwrap_or("it said goodbye").to_owned()
}

/// What the agent said in this silence of its going away for a while.
fn goodbye(transition: &Transition) -> Option<&'static str> {
    transition.evidence.iter().find_map(|seen| match seen.saw {
        Sight::SaidReboot => Some("it said that it reboots"),
        Sight::SaidUpgrade => Some("it said that it is upgraded"),
        _ => None,
    })
}

fn trouble(transition: &Transition) -> String {
    let why = match transition.to {
        Presence::Unreachable => unreachable_words(&transition.evidence),
        Presence::AgentDown => agent_down(transition),
        _ => down(transition),
    };
    if transition.from == Presence::Leaving {
        let said = goodbye(transition).unwrap_or("it said goodbye");
        format!("{said} and did not come back in time: {why}")
    } else {
        why
    }
}

fn unreachable_words(evidence: &[Evidence]) -> String {
    let seen = opinions(evidence);
    let (reached, not): (Vec<&Evidence>, Vec<&Evidence>) = seen
        .into_iter()
        .filter(|seen| seen.observer != HUB)
        .partition(|seen| reached_by_other(seen));
    if reached.is_empty() {
        return "other servers reach it, the hub does not: the path between them is cut".to_owned();
    }
    let others = match names(&not) {
        Some(names) => format!(" ({names} {} not)", do_or_does(not.len())),
        None => String::new(),
    };
    let who = names(&reached).unwrap_or_default();
    let verb = do_or_does(reached.len());
    format!("the hub does not reach it, {who} {verb}: the path between them is cut{others}")
}

fn agent_down(transition: &Transition) -> String {
    if transition.evidence.iter().any(|seen| seen.saw == Sight::SaidStop) {
        return "the agent was stopped on the server: it said so, and is not running since"
            .to_owned();
    }
    let seen = opinions(&transition.evidence);
    let telling: Vec<&Evidence> = seen
        .iter()
        .copied()
        .filter(|seen| verdict_of(seen.saw) == Some(Presence::AgentDown))
        .collect();
    // What the hub itself saw says most; else what the newest of the others saw.
    let own = telling.iter().find(|seen| seen.observer == HUB);
    match own.or(telling.first()) {
        None => "the host answers, the agent does not".to_owned(),
        Some(seen) if seen.observer == HUB => sight_cause(seen.saw).to_owned(),
        Some(seen) => {
            let who = names(&telling).unwrap_or_default();
            format!("{} (seen by {who}, not by the hub)", sight_cause(seen.saw))
        }
    }
}

fn down(transition: &Transition) -> String {
    let seen = opinions(&transition.evidence);
    let (own, others): (Vec<&Evidence>, Vec<&Evidence>) = seen
        .into_iter()
        .filter(|seen| verdict_of(seen.saw) == Some(Presence::Down))
        .partition(|seen| seen.observer == HUB);
    let why = match (own.first(), names(&others)) {
        (None, None) => unseen(transition).to_owned(),
        (Some(own), None) => sight_cause(own.saw).to_owned(),
        (own, Some(names)) => nobody(own.map(|own| own.saw), &names),
    };
    if transition.evidence.iter().any(|seen| seen.saw == Sight::SaidStop) {
        format!("it said that it is being stopped, and its host went too: {why}")
    } else {
        why
    }
}

/// That neither the hub nor the others reach it; the hub's own reason where it is
/// more than that nothing came back.
fn nobody(own: Option<Sight>, names: &str) -> String {
    let all = format!("nobody reaches it: neither the hub nor {names}");
    match own {
        Some(saw @ (Sight::NoRoute | Sight::NameUnknown)) => {
            format!("{all} ({})", sight_words(saw))
        }
        _ => all,
    }
}

fn sight_cause(saw: Sight) -> &'static str {
    match saw {
        Sight::Refused => "the host answers, the agent does not run: the connection was refused",
        Sight::Silent => {
            "the host takes connections, but the agent says nothing: it may be frozen or starved"
        }
        Sight::LoginRefused => "the agent refuses the hub's login: check `login` in hub.toml",
        Sight::LoginLimited => "the agent refuses the hub's login: too many attempts",
        Sight::NotAnAgent => "what answers there is no agent: check `address` in hub.toml",
        Sight::NoAnswer => "nothing at its address answers",
        Sight::NoRoute => "the network has no way to its host",
        Sight::NameUnknown => "its name has no address: check `address` in hub.toml, and DNS",
        Sight::StreamClosed => "its stream ended, and it gave no sign of life since",
        Sight::Reached => "its agent answers when it is asked, but gives no signs of life",
        Sight::PingAnswered => "the host answers pings, the agent does not answer",
        Sight::SaidStop => "the agent was stopped on the server",
        Sight::SaidReboot | Sight::SaidUpgrade => "it said goodbye",
    }
}

/// Words for a verdict that no sight speaks for.
fn unseen(transition: &Transition) -> &'static str {
    if transition.evidence.iter().any(|e| e.saw == Sight::StreamClosed) {
        sight_cause(Sight::StreamClosed)
    } else if transition.last_sign.is_none() {
        "it gave no sign of life since the hub started"
    } else {
        "it gives no sign of life"
    }
}

/// The observers, as words for each reader; `None` for nobody.
fn names(seen: &[&Evidence]) -> Option<String> {
    other_servers(seen.iter().map(|seen| seen.observer.as_str()))
}

fn do_or_does(count: usize) -> &'static str {
    if count == 1 { "does" } else { "do" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{seen, transition};
    use crate::for_reader;

    #[test]
    fn each_verdict_has_its_sentence() {
        use Presence::{AgentDown, Down, Late, Leaving};
        let cases: [(_, _, &[Sight], &str); 13] = [
            (
                Late,
                AgentDown,
                &[Sight::StreamClosed, Sight::Refused],
                "The host answers, the agent does not run: the connection was refused.",
            ),
            (
                Late,
                AgentDown,
                &[Sight::Silent],
                "The host takes connections, but the agent says nothing: it may be frozen or starved.",
            ),
            (
                Late,
                AgentDown,
                &[Sight::LoginRefused],
                "The agent refuses the hub's login: check `login` in hub.toml.",
            ),
            (
                Late,
                AgentDown,
                &[Sight::StreamClosed, Sight::LoginLimited],
                "The agent refuses the hub's login: too many attempts.",
            ),
            (
                Late,
                AgentDown,
                &[Sight::NotAnAgent],
                "What answers there is no agent: check `address` in hub.toml.",
            ),
            (Late, AgentDown, &[], "The host answers, the agent does not."),
            (Late, Down, &[Sight::Refused, Sight::NoAnswer], "Nothing at its address answers."),
            (Late, Down, &[Sight::NoRoute], "The network has no way to its host."),
            (
                Late,
                Down,
                &[Sight::NameUnknown],
                "Its name has no address: check `address` in hub.toml, and DNS.",
            ),
            (
                Late,
                Down,
                &[Sight::StreamClosed],
                "Its stream ended, and it gave no sign of life since.",
            ),
            (Late, Down, &[], "It gives no sign of life."),
            (
                Leaving,
                Down,
                &[Sight::NoAnswer],
                "It said goodbye and did not come back in time: nothing at its address answers.",
            ),
            (Down, Presence::Up, &[Sight::NoAnswer], "It gives signs of life."),
        ];
        for (from, to, saw, words) in cases {
            let evidence = saw.iter().zip(100..).map(|(saw, ms)| seen(ms, *saw)).collect();
            assert_eq!(cause(&transition(from, to, evidence)), words);
        }
        let mut never = transition(Presence::Unknown, Down, Vec::new());
        never.last_sign = None;
        assert_eq!(cause(&never), "It gave no sign of life since the hub started.");
    }

    fn by(observer: &str, saw: Sight) -> Evidence {
        Evidence { observer: observer.to_owned(), ..seen(3000, saw) }
    }

    #[test]
    fn the_sentence_says_what_each_observer_saw() {
        use Presence::{AgentDown, Down, Late, Leaving, Unreachable};
        use Sight::{NoAnswer, NoRoute, PingAnswered, Reached, Refused};
        let hub = |saw| by("hub", saw);
        let cases: [(_, _, Vec<Evidence>, &str); 15] = [
            (
                Late,
                Down,
                vec![hub(NoAnswer), by("db-2", NoAnswer), by("db-1", NoRoute)],
                "Nobody reaches it: neither the hub nor db-1 and db-2.",
            ),
            (
                Late,
                Down,
                vec![hub(NoRoute), by("db-1", NoAnswer)],
                "Nobody reaches it: neither the hub nor db-1 (the network has no way to the host).",
            ),
            (
                Late,
                Down,
                vec![by("db-1", NoAnswer)],
                "Nobody reaches it: neither the hub nor db-1.",
            ),
            (
                Late,
                Unreachable,
                vec![hub(NoAnswer), by("db-1", Reached)],
                "The hub does not reach it, db-1 does: the path between them is cut.",
            ),
            (
                Late,
                Unreachable,
                vec![hub(NoAnswer), by("a", Reached), by("b", NoAnswer), by("c", NoAnswer)],
                "The hub does not reach it, a does: the path between them is cut (b and c do not).",
            ),
            (
                Late,
                Unreachable,
                ["a", "b", "c", "d", "e"].map(|name| by(name, Reached)).to_vec(),
                "The hub does not reach it, a, b, c and 2 more do: the path between them is cut.",
            ),
            (
                Late,
                Unreachable,
                vec![],
                "Other servers reach it, the hub does not: the path between them is cut.",
            ),
            (
                Late,
                AgentDown,
                vec![hub(NoAnswer), by("db-1", Refused)],
                "The host answers, the agent does not run: the connection was refused \
                 (seen by db-1, not by the hub).",
            ),
            (
                Late,
                AgentDown,
                vec![hub(Refused), by("db-1", PingAnswered)],
                "The host answers, the agent does not run: the connection was refused.",
            ),
            (
                Late,
                AgentDown,
                vec![hub(PingAnswered), hub(NoAnswer)],
                "The host answers pings, the agent does not answer.",
            ),
            (
                Late,
                AgentDown,
                vec![hub(Sight::SaidStop), hub(Sight::StreamClosed), hub(Refused)],
                "The agent was stopped on the server: it said so, and is not running since.",
            ),
            (
                Late,
                Down,
                vec![hub(Sight::SaidStop), hub(NoAnswer)],
                "It said that it is being stopped, and its host went too: \
                 nothing at its address answers.",
            ),
            (
                Leaving,
                Down,
                vec![hub(Sight::SaidReboot), hub(NoAnswer)],
                "It said that it reboots and did not come back in time: \
                 nothing at its address answers.",
            ),
            (
                Leaving,
                AgentDown,
                vec![hub(Sight::SaidUpgrade), hub(Refused)],
                "It said that it is upgraded and did not come back in time: the host answers, \
                 the agent does not run: the connection was refused.",
            ),
            (Presence::Up, Leaving, vec![], "It said goodbye."),
        ];
        for (from, to, evidence, words) in cases {
            assert_eq!(for_reader(&cause(&transition(from, to, evidence)), |_| true), words);
        }
    }

    #[test]
    fn a_reader_who_may_not_know_an_observer_is_told_that_there_was_one() {
        use Presence::{AgentDown, Down, Late, Unreachable};
        use Sight::{NoAnswer, Reached, Refused};
        let cases: [(_, Vec<Evidence>, &str); 4] = [
            (
                Down,
                vec![by("hub", NoAnswer), by("db-1", NoAnswer), by("db-2", NoAnswer)],
                "Nobody reaches it: neither the hub nor 2 other servers.",
            ),
            (
                Unreachable,
                vec![by("db-1", Reached)],
                "The hub does not reach it, another server does: the path between them is cut.",
            ),
            (
                Unreachable,
                vec![by("web-2", Reached), by("db-1", NoAnswer), by("web-3", NoAnswer)],
                "The hub does not reach it, web-2 does: the path between them is cut \
                 (web-3 and another server do not).",
            ),
            (
                AgentDown,
                vec![by("hub", NoAnswer), by("db-1", Refused)],
                "The host answers, the agent does not run: the connection was refused \
                 (seen by another server, not by the hub).",
            ),
        ];
        for (to, evidence, words) in cases {
            let stored = cause(&transition(Late, to, evidence));
            assert_eq!(for_reader(&stored, |name| name.starts_with("web")), words);
        }
    }

    #[test]
    fn a_neighbours_name_is_an_outside_string() {
        let evil = "x\r\nBcc: e@x".repeat(100);
        let words = cause(&transition(
            Presence::Late,
            Presence::Unreachable,
            vec![by(&evil, Sight::Reached)],
        ));
        let words = for_reader(&words, |_| true);
        assert!(!words.contains(char::is_control), "{words:?}");
        assert!(words.chars().count() < 120, "{words}");
    }
}
