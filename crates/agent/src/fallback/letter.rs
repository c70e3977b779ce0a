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
    pub(crate) members: usize,
    /// The server that tells it.
    pub(crate) by: &'a str,
}

impl Letter {
    pub(crate) fn new(facts: Facts<'_>) -> Self {
        let Facts { hub, gone_for, left, agreeing, members, by } = facts;
        let hub = clean(hub);
        let gone_for = words(gone_for);
        let subject = format!("[HUB DOWN] Watchfire's hub {hub} is gone for {gone_for}");
        let names: Vec<String> = agreeing.iter().take(MAX_NAMES).map(|name| clean(name)).collect();
        let end = if left {
            "Before that it said that it was told to stop: somebody may have forgotten to start it."
        } else {
            "It did not say that it stops: its machine, its process or its network broke."
        };
        let text = format!(
            "Nobody watches your servers now, and no other alert reaches you.\n\n\
             For {gone_for} these agents have heard nothing of the hub {hub}: {} ({} of the {members} \
             that were asked to look after it). They reach one another, so it is not their own \
             network alone. {end}\n\n\
             Start the hub, or see why it cannot be reached. The agents keep what they record \
             and hand it in when it is back. This is told once.\n\nTold by the agent of {}.\n",
            names.join(", "),
            agreeing.len(),
            clean(by),
        );
        Self { subject, text }
    }
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
            members: 5,
            by: "web-1",
        });
        assert_eq!(
            letter.subject,
            "[HUB DOWN] Watchfire's hub https://hub.example.org is gone for 2 min"
        );
        assert!(
            letter.text.contains("hub https://hub.example.org: web-1, db -1, db-2 (3 of the 5")
        );
        assert!(letter.text.contains("It did not say that it stops"), "{}", letter.text);
    }

    #[test]
    fn a_hub_that_was_stopped_is_told_as_one() {
        let letter = Letter::new(Facts {
            hub: "h",
            gone_for: Duration::from_secs(1830),
            left: true,
            agreeing: &["a"],
            members: 1,
            by: "a",
        });
        assert!(letter.text.contains("told to stop"), "{}", letter.text);
        assert!(letter.subject.ends_with("30 min"), "{}", letter.subject);
        assert_eq!(words(Duration::from_secs(90_000)), "25 h");
        assert_eq!(words(Duration::from_secs(30)), "30 s");
    }
}
