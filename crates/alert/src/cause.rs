use watchfire_model::{Presence, Sight, Transition};

use crate::human;

/// What happened, in one plain sentence that can stand alone.
///
/// The part before the first `: ` says what is wrong and is short enough for a
/// subject; what follows, where there is more to say, says how we know or what to do.
#[must_use]
pub fn cause(transition: &Transition) -> String {
    let words = match transition.to {
        Presence::Down | Presence::AgentDown => trouble(transition),
        Presence::Unreachable => {
            "other servers reach it, the hub does not: the path between them is cut".to_owned()
        }
        Presence::Up => "it gives signs of life".to_owned(),
        Presence::Late => "it has been quiet for a moment".to_owned(),
        Presence::Leaving => "it said goodbye".to_owned(),
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
    }
}

fn trouble(transition: &Transition) -> String {
    let why = match telling_sight(transition) {
        Some(saw) => sight_cause(saw).to_owned(),
        None => unseen(transition).to_owned(),
    };
    if transition.from == Presence::Leaving {
        format!("it said goodbye and did not come back in time: {why}")
    } else {
        why
    }
}

/// The newest sight that speaks for the verdict.
fn telling_sight(transition: &Transition) -> Option<Sight> {
    let speaks = |saw: &Sight| {
        let verdict = crate::sights::verdict_of(*saw);
        verdict == Some(transition.to)
    };
    transition.evidence.iter().rev().map(|evidence| evidence.saw).find(speaks)
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
    }
}

/// Words for a verdict that no sight speaks for.
fn unseen(transition: &Transition) -> &'static str {
    if transition.to == Presence::AgentDown {
        "the host answers, the agent does not"
    } else if transition.evidence.iter().any(|e| e.saw == Sight::StreamClosed) {
        sight_cause(Sight::StreamClosed)
    } else if transition.last_sign.is_none() {
        "it gave no sign of life since the hub started"
    } else {
        "it gives no sign of life"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{seen, transition};

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
}
