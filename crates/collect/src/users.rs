use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use crate::Root;
use crate::source::Source;
use crate::text::{lines, number, printable};

const PASSWD: &str = "etc/passwd";

/// Names of local users by number, from `/etc/passwd`. Users that only a
/// directory service knows have their number as name, because asking such a
/// service can wait for another machine.
#[derive(Debug)]
pub(crate) struct Users {
    passwd: Source,
    modified: Option<SystemTime>,
    names: HashMap<u32, Arc<str>>,
}

impl Users {
    pub(crate) fn new() -> Self {
        Self { passwd: Source::new(PASSWD), modified: None, names: HashMap::new() }
    }

    /// Reads the file again when it changed. Returns true when it did, so that
    /// names taken before can be thrown away.
    pub(crate) fn refresh(&mut self, root: &Root) -> bool {
        let metadata = if root.is_live() {
            std::fs::metadata(root.join(PASSWD))
        } else {
            root.open_file(PASSWD).and_then(|file| file.metadata())
        };
        let modified = metadata.and_then(|metadata| metadata.modified()).ok();
        if modified == self.modified {
            return false;
        }
        self.modified = modified;
        // Programs that change this file put a new one in its place, so it is
        // opened anew.
        self.passwd = Source::new(PASSWD);
        self.names = self.passwd.read(root).map(parse).unwrap_or_default();
        true
    }

    /// The user's name, or its number where it has none.
    pub(crate) fn name(&self, uid: u32) -> Arc<str> {
        self.names.get(&uid).cloned().unwrap_or_else(|| uid.to_string().into())
    }
}

/// Of two users with one number the first counts, as in `getpwuid`.
fn parse(text: &[u8]) -> HashMap<u32, Arc<str>> {
    let mut names = HashMap::new();
    for line in lines(text) {
        let mut fields = line.split(|&byte| byte == b':');
        let (Some(name), Some(uid)) = (fields.next(), fields.nth(1).and_then(number)) else {
            continue;
        };
        if let (false, Ok(uid)) = (name.is_empty(), u32::try_from(uid)) {
            names.entry(uid).or_insert_with(|| printable(name).into());
        }
    }
    names
}

/// The accounts with their names and numbers only.
pub(crate) fn without_people(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in lines(text) {
        let fields: Vec<&[u8]> = line.split(|&byte| byte == b':').collect();
        if let [name, _, uid, gid, ..] = fields[..] {
            out.extend_from_slice(&[name, b":x:", uid, b":", gid, b":::\n"].concat());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn names_are_found_and_numbers_stand_in() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::recorded(dir.path());
        let path = dir.path().join(PASSWD);
        std::fs::create_dir(dir.path().join("etc")).unwrap();
        std::fs::write(&path, "root:x:0:0::/:\ntoor:x:0:0::/:\nada:x:1000:1::/:\nbad line\n")
            .unwrap();
        let mut users = Users::new();
        assert!(users.refresh(&root));
        assert_eq!(&*users.name(0), "root");
        assert_eq!(&*users.name(1000), "ada");
        assert_eq!(&*users.name(7), "7");
        assert!(!users.refresh(&root), "an unchanged file is not read again");

        std::fs::write(&path, "eve:x:7:7::/:\n").unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(5)).unwrap();
        assert!(users.refresh(&root));
        assert_eq!(&*users.name(7), "eve");
        assert_eq!(&*users.name(1000), "1000");
    }

    #[test]
    fn people_are_taken_out_of_accounts() {
        let text = b"ada:x:1000:1000:Ada Lovelace,Room 5:/home/ada:/bin/sh\nhalf:x\n";
        assert_eq!(without_people(text), b"ada:x:1000:1000:::\n");
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            parse(&bytes);
            without_people(&bytes);
        }
    }
}
