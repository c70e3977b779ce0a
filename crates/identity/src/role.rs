use std::fmt;
use std::str::FromStr;

use watchfire_model::{Labels, Scope as Servers};

/// What a user of the hub may do. Each role may do all that the one before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Sees.
    Viewer,
    /// Sees, and acts on servers and channels that exist.
    Operator,
    /// Does everything.
    Admin,
}

/// Something that a user asks the hub to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// See the servers of one's scope, their status and their processes.
    ViewFleet,
    /// See the incidents of one's scope, their timelines, and how oneself was told.
    ViewIncidents,
    /// See how others were told as well: their addresses, and what providers said.
    ViewDeliveries,
    /// Acknowledge incidents of one's scope, and write notes to them.
    Acknowledge,
    /// Make and end silences of servers of one's scope.
    Silence,
    /// Say that alerts fire which concern servers of one's scope.
    PostAlerts,
    /// Have commands run on servers of one's scope, as far as their own policies let, and see what
    /// came of them.
    Run,
    /// Make, change and remove files of rules.
    EditRules,
    /// Read who did what on the hub.
    ReadAudit,
    /// List and end the sessions and tokens of other users.
    EndSessions,
    /// Make, change and end users.
    ManageUsers,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 11] = [
        Self::ViewFleet,
        Self::ViewIncidents,
        Self::ViewDeliveries,
        Self::Acknowledge,
        Self::Silence,
        Self::PostAlerts,
        Self::Run,
        Self::EditRules,
        Self::ReadAudit,
        Self::EndSessions,
        Self::ManageUsers,
    ];
}

/// A word that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no role: use viewer, operator or admin")]
pub struct RoleError(pub String);

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// What the user may do.
    pub role: Role,
    /// To which servers.
    pub servers: &'a Servers,
}

/// What it is asked of.
#[derive(Debug, Clone, Copy)]
pub enum Object<'a> {
    /// A server, or something that concerns one, by the labels that say who may know of it.
    Labelled(&'a Labels),
    /// Nothing in particular, or what is the user's own: a list, of which each thing is asked
    /// for once more.
    Any,
    /// What is about all servers together.
    Whole,
    /// What does not exist.
    Missing,
}

/// What is said to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Yes,
    /// The role does not allow it, whatever it is asked of.
    Forbidden,
    /// There is no such thing, or none that the user may know of: nobody learns which.
    NotFound,
}

/// Whether somebody may do something to something. Every route and every stream of the hub goes
/// through here.
///
/// The role is looked at first, so that a no to the role says nothing of what there is.
#[must_use]
pub fn authorize(subject: &Subject<'_>, action: Action, object: &Object<'_>) -> Verdict {
    if !role_allows(subject.role, action) {
        return Verdict::Forbidden;
    }
    match object {
        Object::Any => Verdict::Yes,
        Object::Whole if subject.servers.is_everything() => Verdict::Yes,
        Object::Whole => Verdict::Forbidden,
        Object::Labelled(labels) if subject.servers.holds(labels) => Verdict::Yes,
        Object::Labelled(_) | Object::Missing => Verdict::NotFound,
    }
}

/// True when a user of `role` may do `action` to something.
#[must_use]
pub fn role_allows(role: Role, action: Action) -> bool {
    let needed = match action {
        Action::ViewFleet | Action::ViewIncidents => Role::Viewer,
        Action::ViewDeliveries
        | Action::Acknowledge
        | Action::Silence
        | Action::PostAlerts
        | Action::Run => Role::Operator,
        Action::EditRules | Action::ReadAudit | Action::EndSessions | Action::ManageUsers => {
            Role::Admin
        }
    };
    role >= needed
}

/// True when a user of `role` may do anything besides looking: only then a token may change.
#[must_use]
pub fn may_change(role: Role) -> bool {
    [Action::Acknowledge, Action::Silence, Action::PostAlerts, Action::Run]
        .iter()
        .any(|action| role_allows(role, *action))
}

impl Role {
    /// Every role, from the least to the most.
    pub const ALL: [Role; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The word used in the config and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| RoleError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchfire_model::Selector;

    #[test]
    fn words_round_trip() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert_eq!("root".parse::<Role>(), Err(RoleError("root".to_owned())));
    }

    #[test]
    fn the_whole_table() {
        let table = [
            (Action::ViewFleet, [true, true, true]),
            (Action::ViewIncidents, [true, true, true]),
            (Action::ViewDeliveries, [false, true, true]),
            (Action::Acknowledge, [false, true, true]),
            (Action::Silence, [false, true, true]),
            (Action::PostAlerts, [false, true, true]),
            (Action::Run, [false, true, true]),
            (Action::EditRules, [false, false, true]),
            (Action::ReadAudit, [false, false, true]),
            (Action::EndSessions, [false, false, true]),
            (Action::ManageUsers, [false, false, true]),
        ];
        for (action, expected) in table {
            assert_eq!(Role::ALL.map(|role| role_allows(role, action)), expected, "{action:?}");
        }
        assert_eq!(Role::ALL.map(may_change), [false, true, true]);
    }

    #[test]
    fn what_is_foreign_is_answered_like_what_is_missing() {
        let team = |name: &str| {
            let mut labels = Labels::new();
            labels.insert("team", name).expect("a label");
            labels
        };
        let (own, foreign) = (team("a"), team("b"));
        let few = Servers::new(vec![Selector::parse("team=\"a\"").expect("matchers")]);
        let all = Servers::everything();
        for role in Role::ALL {
            for action in Action::ALL {
                let say = |servers: &Servers, object: &Object<'_>| {
                    authorize(&Subject { role, servers }, action, object)
                };
                let yes_if = |fits: bool, no: Verdict| match (role_allows(role, action), fits) {
                    (false, _) => Verdict::Forbidden,
                    (true, true) => Verdict::Yes,
                    (true, false) => no,
                };
                let none = Servers::default();
                for (servers, sees_own, sees_all) in
                    [(&few, true, false), (&all, true, true), (&none, false, false)]
                {
                    let not_found = Verdict::NotFound;
                    assert_eq!(say(servers, &Object::Labelled(&own)), yes_if(sees_own, not_found));
                    let foreign = say(servers, &Object::Labelled(&foreign));
                    assert_eq!(foreign, yes_if(sees_all, not_found));
                    assert_eq!(say(servers, &Object::Missing), yes_if(false, not_found));
                    let whole = say(servers, &Object::Whole);
                    assert_eq!(whole, yes_if(sees_all, Verdict::Forbidden));
                    assert_eq!(say(servers, &Object::Any), yes_if(true, not_found));
                }
            }
        }
    }
}
