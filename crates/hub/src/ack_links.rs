//! The links by which letters let their user acknowledge an incident.

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Duration;

use watchfire_identity::token::TokenKey;
use watchfire_identity::{Action, LinkClaims, LinkError, LinkKey, Role, role_allows};
use watchfire_model::{Incident, Moment};

use crate::address::host_and_port;

/// How long a link may be used.
const LIVES: Duration = Duration::from_secs(7 * 86_400);

/// Makes such links, for those alone whose role lets them acknowledge.
#[derive(Debug)]
pub(crate) struct AckLinks {
    key: LinkKey,
    /// `None` where nobody but this machine could follow them.
    public_url: Option<String>,
    users: HashSet<String>,
}

impl AckLinks {
    pub(crate) fn new<'a>(
        tokens: &TokenKey,
        public_url: &str,
        users: impl IntoIterator<Item = (&'a str, Role)>,
    ) -> Self {
        let may = |(_, role): &(&str, Role)| role_allows(*role, Action::Acknowledge);
        let users = users.into_iter().filter(may).map(|(name, _)| name.to_owned());
        let public_url = (!is_this_machine(public_url)).then(|| public_url.to_owned());
        Self { key: LinkKey::of(tokens), public_url, users: users.collect() }
    }

    /// Where `user` acknowledges the incident, for a letter that is written `now`.
    pub(crate) fn acknowledge_url(
        &self,
        incident: &Incident,
        user: &str,
        now: Moment,
    ) -> Option<String> {
        let public_url = self.public_url.as_ref().filter(|_| self.users.contains(user))?;
        let claims = LinkClaims {
            incident: incident.id.0,
            judged_unix_ms: incident.judged.unix_ms,
            user: user.to_owned(),
        };
        Some(format!("{public_url}/ack?s={}", self.key.sign(&claims, now, LIVES)))
    }

    /// What a link is for, as long as its user may acknowledge at all.
    ///
    /// # Errors
    /// [`LinkError`] when it is not to be followed.
    pub(crate) fn verify(&self, mark: &str, now: Moment) -> Result<LinkClaims, LinkError> {
        let claims = self.key.verify(mark, now)?;
        if self.users.contains(&claims.user) { Ok(claims) } else { Err(LinkError::NotOurs) }
    }
}

fn is_this_machine(url: &str) -> bool {
    let host = host_and_port(url).0;
    let loopback = host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback());
    host.is_empty() || loopback || host.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{moment, open_row};

    fn links(public_url: &str) -> AckLinks {
        let users = [("ada", Role::Operator), ("vic", Role::Viewer)];
        AckLinks::new(&TokenKey::from_bytes([7; 32]), public_url, users)
    }

    #[test]
    fn a_link_is_for_one_user_and_one_incident_for_a_week() {
        let (links, incident) = (links("https://hub.test/watch"), open_row("a-1", 7, 0));
        let url = links.acknowledge_url(&incident, "ada", moment(0)).expect("a link");
        let mark = url.strip_prefix("https://hub.test/watch/ack?s=").expect("it leads to the hub");
        let week = LIVES.as_secs() * 1000;
        let claims = links.verify(mark, moment(week - 1000)).expect("it may be followed");
        assert_eq!((claims.incident, claims.user.as_str()), (7, "ada"));
        assert_eq!(claims.judged_unix_ms, incident.judged.unix_ms);
        assert_eq!(links.verify(mark, moment(week)), Err(LinkError::Expired));
        // Her role was taken from her meanwhile.
        let later = AckLinks::new(&TokenKey::from_bytes([7; 32]), "https://hub.test", []);
        assert_eq!(later.verify(mark, moment(0)), Err(LinkError::NotOurs));
    }

    #[test]
    fn who_may_not_acknowledge_or_cannot_get_here_has_no_link() {
        let incident = open_row("a-1", 7, 0);
        let open = links("https://hub.test");
        assert_eq!(open.acknowledge_url(&incident, "vic", moment(0)), None);
        assert_eq!(open.acknowledge_url(&incident, "nobody", moment(0)), None);
        for near in ["http://127.0.0.1:5100", "http://localhost:5100/x", "http://[::1]:5100", ""] {
            assert_eq!(links(near).acknowledge_url(&incident, "ada", moment(0)), None, "{near}");
        }
        let lan = links("http://10.0.0.5:5100").acknowledge_url(&incident, "ada", moment(0));
        assert!(lan.is_some_and(|url| url.starts_with("http://10.0.0.5:5100/ack?s=")));
    }
}
