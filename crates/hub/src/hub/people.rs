//! Who is told, as the config's users say.

use watchfire_alert::Recipient;
use watchfire_identity::Role;
use watchfire_model::Channel;

use crate::config::User;
use crate::{escalate, terminal};

/// Without mail, whoever has no other channel is told on the terminal.
pub(super) fn tell_on_terminal(users: &mut [User]) {
    for user in users.iter_mut().filter(|user| !user.has_channel()) {
        user.channels.push(Channel::new(terminal::URL));
    }
}

/// Who is told of the hub's own troubles: administrators, or all where none can be reached.
pub(super) fn admins(users: &[User]) -> Vec<Recipient> {
    let reached = || users.iter().filter(|user| user.has_channel());
    let admins: Vec<&User> = reached().filter(|user| user.role == Role::Admin).collect();
    if admins.is_empty() { recipients(reached(), users) } else { recipients(admins, users) }
}

/// As far as being told is concerned; `all` may have escalations that lead to them.
pub(super) fn recipients<'a>(
    users: impl IntoIterator<Item = &'a User>,
    all: &[User],
) -> Vec<Recipient> {
    users
        .into_iter()
        .map(|user| Recipient {
            name: user.name.clone(),
            scope: user.scope.clone(),
            channels: user.channels.clone(),
            ways: user.ways.clone(),
            escalated: escalate::channels_to(&user.name, all),
            awake: user.awake.clone(),
            time_zone: user.time_zone.clone(),
        })
        .collect()
}
