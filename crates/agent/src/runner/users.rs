//! Users and their groups, as `/etc/passwd` and `/etc/group` have them. Whoever is only in a
//! directory service is not found: a runner must not wait for a network.

use std::fs;
use std::io;
use std::path::PathBuf;

use watchfire_runtime::child::Ids;

/// Somebody whom a command may run as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) home: PathBuf,
    pub(super) ids: Ids,
}

impl User {
    /// The user with this name.
    pub(super) fn named(name: &str) -> io::Result<Option<Self>> {
        Self::find(|fields| fields[0] == name)
    }

    /// The user with this id.
    pub(super) fn with_id(id: u32) -> io::Result<Option<Self>> {
        Self::find(|fields| fields[2].parse() == Ok(id))
    }

    fn find(is: impl Fn(&[&str]) -> bool) -> io::Result<Option<Self>> {
        let (users, groups) =
            (fs::read_to_string("/etc/passwd")?, fs::read_to_string("/etc/group")?);
        Ok(find(&users, &groups, is))
    }
}

fn find(users: &str, groups: &str, is: impl Fn(&[&str]) -> bool) -> Option<User> {
    let fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let fields = fields.filter(|fields| fields.len() >= 7).find(|fields| is(fields))?;
    let (name, user, group) = (fields[0], fields[2].parse().ok()?, fields[3].parse().ok()?);
    let of_user = |line: &str| {
        let fields: Vec<_> = line.split(':').collect();
        let is_member = fields.len() == 4 && fields[3].split(',').any(|member| member == name);
        is_member.then(|| fields[2].parse().ok()).flatten()
    };
    let mut all: Vec<u32> = groups.lines().filter_map(of_user).collect();
    all.push(group);
    all.sort_unstable();
    all.dedup();
    let ids = Ids { user, group, groups: all };
    Some(User { name: name.to_owned(), home: fields[5].into(), ids })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_all_its_groups_and_no_others() {
        let users = "root:x:0:0::/root:/bin/sh\nbad\nada:x:1000:100:A:/home/ada:/bin/sh\n";
        let groups = "users:x:100:\nwheel:x:10:ada,bob\nadam:x:11:adam\nsudo:x:27:bob\n";
        let ada = find(users, groups, |fields| fields[0] == "ada").expect("she is there");
        assert_eq!(ada.ids, Ids { user: 1000, group: 100, groups: vec![10, 100] });
        assert_eq!(ada.home, PathBuf::from("/home/ada"));
        assert_eq!(find(users, groups, |fields| fields[0] == "bob"), None);
    }
}
