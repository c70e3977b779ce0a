use jiff::tz::TimeZone;
use watchfire_model::{Channel, Scope, Server};

/// A user as far as being told is concerned.
#[derive(Debug, Clone)]
pub struct Recipient {
    /// The user's name.
    pub name: String,
    /// Whose news the user gets.
    pub scope: Scope,
    /// The ways to reach the user, preferred first.
    pub channels: Vec<Channel>,
    /// The zone in which the user reads times.
    pub time_zone: TimeZone,
}

/// All users who are told about `server`: every one whose scope holds it and who has
/// a channel, in the order of `users`.
#[must_use]
pub fn recipients<'a>(server: &Server, users: &'a [Recipient]) -> Vec<&'a Recipient> {
    let told = |user: &&Recipient| !user.channels.is_empty() && user.scope.holds(&server.labels);
    users.iter().filter(told).collect()
}

#[cfg(test)]
mod tests {
    use watchfire_model::{Labels, Selector, ServerName};

    use super::*;

    fn user(name: &str, selectors: &[&str], channels: &[&str]) -> Recipient {
        Recipient {
            name: name.to_owned(),
            scope: Scope::new(selectors.iter().map(|s| Selector::parse(s).unwrap()).collect()),
            channels: channels.iter().map(|url| Channel::new(url)).collect(),
            time_zone: TimeZone::UTC,
        }
    }

    #[test]
    fn every_matching_user_with_a_channel_is_told() {
        let mut labels = Labels::new();
        labels.insert("role", "web").unwrap();
        let server = Server::new(ServerName::new("web-1").unwrap(), labels);
        let mail = ["mailto:a@example.org"];
        let users = [
            user("all", &["*"], &mail),
            user("by-role", &[r#"role="web""#], &mail),
            user("by-name", &[r#"role="db""#, r#"name="web-1""#], &mail),
            user("other", &[r#"role="db""#], &mail),
            user("nothing", &[], &mail),
            user("unreachable", &["*"], &[]),
        ];
        let told: Vec<_> = recipients(&server, &users).iter().map(|u| u.name.as_str()).collect();
        assert_eq!(told, ["all", "by-role", "by-name"]);
    }
}
