use std::time::Duration;

/// The names that a message lists; more are counted.
const MAX_NAMES: usize = 9;

/// What a fallback is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// One line that says all.
    pub subject: String,
    /// The facts, and what to do.
    pub text: String,
}

/// What is known of a hub that is gone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) hub: &'a str,
    pub(crate) gone_for: Duration,
    /// It said that it stops.
    pub(crate) left: bool,
    /// The servers whose agents agree.
    pub(crate) agreeing: &'a [&'a str],
    /// Those whose agents say that they hear it.
    pub(crate) hearing: &'a [&'a str],
    /// Those whose agents are not heard, or do not know.
    pub(crate) unheard: &'a [&'a str],
    /// The server that tells it.
    pub(crate) by: &'a str,
}

impl Letter {
    /// Only where all agents agree it says that the hub is down. Else those who agree may be
    /// behind one broken link, and the hub beyond it: they cannot know, so it says what they do.
    pub(crate) fn new(facts: Facts<'_>) -> Self {
        let Facts { hub, gone_for, left, agreeing, hearing, unheard, by } = facts;
        let (hub, gone_for) = (clean(hub), words(gone_for));
        let (agreed, members) = (agreeing.len(), agreeing.len() + hearing.len() + unheard.len());
        let is_sure = agreed == members;
        let subject = if is_sure {
            format!("[HUB DOWN] Watchfire's hub {hub} is gone for {gone_for}")
        } else {
            format!(
                "[HUB UNREACHABLE] Watchfire's hub {hub}: {agreed} of {members} agents hear \
                 nothing of it for {gone_for}"
            )
        };
        let begin = if is_sure {
            "Nobody watches your servers now, and no other alert reaches you."
        } else {
            "If the hub is down, nobody watches your servers now, and no other alert reaches you."
        };
        let end = if left {
            "Before that it said that it was told to stop: somebody may have forgotten to start it."
        } else if is_sure {
            "It did not say that it stops: its machine, its process or its network broke."
        } else {
            "It did not say that it stops."
        };
        let mut text = format!(
            "{begin}\n\n\
             For {gone_for} these agents have heard nothing of the hub {hub}: {} ({agreed} of the \
             {members} that were asked to look after it). They reach one another, so it is not \
             their own network alone. {end}\n\n",
            list(agreeing),
        );
        if !unheard.is_empty() {
            text.push_str(&format!(
                "Not heard, or not sure: {}. Where these are behind the same broken link as the \
                 hub, it may still work there.\n\n",
                list(unheard)
            ));
        }
        if !hearing.is_empty() {
            text.push_str(&format!(
                "These say that they still hear it: {}. The others have waited long for it.\n\n",
                list(hearing)
            ));
        }
        text.push_str(&format!(
            "Start the hub, or see why it cannot be reached. The agents keep what they record \
             and hand it in when it is back. This is told once.\n\nTold by the agent of {}.\n",
            clean(by),
        ));
        Self { subject, text }
    }
}

fn list(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().take(MAX_NAMES).map(|name| clean(name)).collect();
    names.join(", ")
}

/// Without what could steer a terminal or break a line.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn words(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_is_known_and_no_more() {
        let letter = Letter::new(Facts {
            hub: "https://hub.example.org",
            gone_for: Duration::from_secs(125),
            left: false,
            agreeing: &["web-1", "db\n-1", "db-2"],
            hearing: &[],
            unheard: &[],
            by: "web-1",
        });
        assert_eq!(
            letter.subject,
            "[HUB DOWN] Watchfire's hub https://hub.example.org is gone for 2 min"
        );
        assert!(
            letter.text.contains("hub https://hub.example.org: web-1, db -1, db-2 (3 of the 3")
        );
        assert!(letter.text.contains("It did not say that it stops"), "{}", letter.text);
    }

    #[test]
    fn where_not_all_agree_it_does_not_say_that_the_hub_is_down() {
        let facts = Facts {
            hub: "h",
            gone_for: Duration::from_secs(125),
            left: false,
            agreeing: &["a", "b", "c"],
            hearing: &[],
            unheard: &["d", "e\n"],
            by: "a",
        };
        let letter = Letter::new(facts);
        assert_eq!(
            letter.subject,
            "[HUB UNREACHABLE] Watchfire's hub h: 3 of 5 agents hear nothing of it for 2 min"
        );
        assert!(letter.text.starts_with("If the hub is down"), "{}", letter.text);
        assert!(letter.text.contains("not sure: d, e . Where"), "{}", letter.text);
        assert!(!letter.text.contains("broke.") && !letter.text.contains("still hear it"));
        let letter = Letter::new(Facts { hearing: &["d"], unheard: &[], ..facts });
        assert!(letter.subject.starts_with("[HUB UNREACHABLE]"), "{}", letter.subject);
        assert!(letter.text.contains("still hear it: d."), "{}", letter.text);
    }

    #[test]
    fn a_hub_that_was_stopped_is_told_as_one() {
        let letter = Letter::new(Facts {
            hub: "h",
            gone_for: Duration::from_secs(1830),
            left: true,
            agreeing: &["a"],
            hearing: &[],
            unheard: &[],
            by: "a",
        });
        assert!(letter.text.contains("told to stop"), "{}", letter.text);
        assert!(letter.subject.ends_with("30 min"), "{}", letter.subject);
        assert_eq!(words(Duration::from_secs(90_000)), "25 h");
        assert_eq!(words(Duration::from_secs(30)), "30 s");
    }
}
