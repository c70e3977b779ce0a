use std::fmt;
use std::str::FromStr;

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
    /// Make, change and remove files of rules.
    EditRules,
}

/// A word that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no role: use viewer, operator or admin")]
pub struct RoleError(pub String);

/// True when a user of `role` may do `action`. Which servers the user may do it
/// to is decided by the user's matchers, not here.
#[must_use]
pub fn authorize(role: Role, action: Action) -> bool {
    let needed = match action {
        Action::ViewFleet | Action::ViewIncidents => Role::Viewer,
        Action::ViewDeliveries | Action::Acknowledge | Action::Silence | Action::PostAlerts => {
            Role::Operator
        }
        Action::EditRules => Role::Admin,
    };
    role >= needed
}

/// True when a user of `role` may do anything besides looking: only then a token may change.
#[must_use]
pub fn may_change(role: Role) -> bool {
    [Action::Acknowledge, Action::Silence, Action::PostAlerts]
        .iter()
        .any(|action| authorize(role, *action))
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
            (Action::EditRules, [false, false, true]),
        ];
        for (action, expected) in table {
            assert_eq!(Role::ALL.map(|role| authorize(role, action)), expected, "{action:?}");
        }
        assert_eq!(Role::ALL.map(may_change), [false, true, true]);
    }
}
