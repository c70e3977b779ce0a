mod utmp;

use super::{Collector, MAX_DEVICES, Outcome, Pace, Reading};
use crate::CollectError;
use crate::folder::{Folder, Names};
use crate::rate::as_f64;
use crate::record::{RecordedPath, Rewrite};
use crate::series::Family;
use crate::source::Source;
use crate::text::lines;

static SESSIONS: Family = Family::gauge(
    "node_logind_sessions",
    "Number of sessions registered in logind.",
    &["seat", "remote", "type", "class"],
);
static USERS: Family =
    Family::gauge("watchfire_users_logged_in", "Users who are logged in, each counted once.", &[]);

/// What is recorded of a session: nothing that names a person or a host.
const RECORDED_LINES: &[&str] = &["UID=", "STATE=", "REMOTE=", "TYPE=", "CLASS=", "SEAT="];

/// Sessions of users, from the files that systemd-logind keeps for them.
///
/// Where there are none, users are counted in the table of logins, which is
/// not part of a recorded root, because it cannot be kept without their names.
#[derive(Debug)]
pub(super) struct LogindCollector {
    sessions: Folder,
    names: Names,
    utmp: Source,
    /// How many sessions there are of each sort.
    sorts: Vec<(Sort, u64)>,
    users: Vec<Vec<u8>>,
}

/// What tells one sort of session from another.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Sort {
    seat: Vec<u8>,
    remote: bool,
    kind: Vec<u8>,
    class: Vec<u8>,
}

impl LogindCollector {
    pub(super) fn new() -> Self {
        Self {
            sessions: Folder::new("run/systemd/sessions"),
            names: Names::default(),
            utmp: Source::new("run/utmp"),
            sorts: Vec::new(),
            users: Vec::new(),
        }
    }

    /// Looks at all sessions. False when nobody keeps any.
    fn look(&mut self, reading: &mut Reading<'_>) -> Result<bool, CollectError> {
        let Self { sessions, names, sorts, users, .. } = self;
        if !sessions.open(reading.root)? {
            return Ok(false);
        }
        sessions.list(&[], names);
        // Beside each session is a pipe, which is not to be opened.
        let is_session = |name: &&[u8]| !name.contains(&b'.');
        let all = names.iter().filter(is_session).count();
        for name in names.iter().filter(is_session).take(reading.limit(all)) {
            // A session may end between the two calls.
            let Some(text) = sessions.read(&[name]) else { continue };
            let sort = Sort::of(text);
            if sort.class.starts_with(b"user") && value(text, b"STATE") != b"closing" {
                note_user(users, value(text, b"UID"));
            }
            match sorts.iter_mut().find(|(known, _)| *known == sort) {
                Some((_, count)) => *count += 1,
                None => sorts.push((sort, 1)),
            }
        }
        sorts.sort();
        Ok(true)
    }

    /// Looks at the table of logins. False when there is none.
    fn look_at_logins(&mut self, reading: &mut Reading<'_>) -> Result<bool, CollectError> {
        // Some programs put a new file in its place.
        self.utmp.close();
        let Some(content) = self.utmp.read_if_there(reading.root)? else { return Ok(false) };
        for user in utmp::users(content).take(MAX_DEVICES) {
            note_user(&mut self.users, user);
        }
        Ok(true)
    }
}

impl Collector for LogindCollector {
    fn name(&self) -> &'static str {
        "logind"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        &[RecordedPath {
            pattern: "run/systemd/sessions/*",
            rewrite: Rewrite::Lines(RECORDED_LINES),
        }]
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        self.sorts.clear();
        self.users.clear();
        // The folder is there without logind too, and is empty then.
        let mut known = self.look(reading)?;
        if self.sorts.is_empty() {
            known |= self.look_at_logins(reading)?;
        }
        if !known {
            return Ok(Outcome::NotHere);
        }
        for (sort, count) in &self.sorts {
            let remote: &[u8] = if sort.remote { b"true" } else { b"false" };
            let labels: [&[u8]; 4] = [&sort.seat, remote, &sort.kind, &sort.class];
            reading.put(&SESSIONS, &labels, as_f64(*count));
        }
        let users = u64::try_from(self.users.len()).unwrap_or(u64::MAX);
        reading.put(&USERS, &[], as_f64(users));
        Ok(Outcome::Read)
    }
}

impl Sort {
    fn of(text: &[u8]) -> Self {
        Self {
            seat: value(text, b"SEAT").to_vec(),
            remote: value(text, b"REMOTE") == b"1",
            kind: value(text, b"TYPE").to_vec(),
            class: value(text, b"CLASS").to_vec(),
        }
    }
}

fn note_user(users: &mut Vec<Vec<u8>>, user: &[u8]) {
    if !user.is_empty() && !users.iter().any(|known| known == user) {
        users.push(user.to_vec());
    }
}

/// The value of a line `KEY=value`, which may be empty.
fn value<'a>(text: &'a [u8], key: &[u8]) -> &'a [u8] {
    let of = |line: &'a [u8]| line.strip_prefix(key)?.strip_prefix(b"=");
    lines(text).find_map(of).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    fn session(bench: &Bench, name: &str, lines: &str) {
        bench.write(&format!("run/systemd/sessions/{name}"), lines);
    }

    const LOCAL: &str = "# Private data. Do not parse.\nUID=1000\nUSER=ada\nACTIVE=1\n\
        STATE=active\nREMOTE=0\nTYPE=tty\nCLASS=user\nSEAT=seat0\nTTY=tty1\n";
    const REMOTE: &str = "UID=1001\nUSER=eve\nSTATE=online\nREMOTE=1\nREMOTE_HOST=10.0.0.7\n\
        TYPE=tty\nCLASS=user\nSERVICE=sshd\n";

    #[test]
    fn sessions_are_counted_by_their_sort_and_users_once() {
        let mut bench = Bench::new(&[]);
        session(&bench, "1", LOCAL);
        session(&bench, "2", REMOTE);
        session(&bench, "c3", REMOTE);
        session(&bench, "4", "UID=0\nCLASS=manager\nTYPE=unspecified\nREMOTE=0\n");
        session(&bench, "5", &LOCAL.replace("active\n", "closing\n").replace("1000", "1002"));
        session(&bench, "2.ref", REMOTE);
        let expected = [
            r#"node_logind_sessions{class="manager",remote="false",type="unspecified"} 1"#,
            r#"node_logind_sessions{class="user",remote="false",seat="seat0",type="tty"} 2"#,
            r#"node_logind_sessions{class="user",remote="true",type="tty"} 2"#,
            "watchfire_users_logged_in 2",
        ];
        let mut collector = LogindCollector::new();
        assert_eq!(bench.read(&mut collector, 0), expected);
        std::fs::remove_file(bench.dir.path().join("run/systemd/sessions/1")).unwrap();
        let lines = bench.read(&mut collector, 15_000);
        assert_eq!(lines.last().map(String::as_str), Some("watchfire_users_logged_in 1"));
    }

    #[test]
    fn logins_stand_in_where_there_are_no_sessions() {
        let mut bench = Bench::new(&[]);
        std::fs::create_dir_all(bench.dir.path().join("run/systemd/sessions")).unwrap();
        let mut content = Vec::new();
        for user in ["ada", "eve", "ada"] {
            let mut record = vec![0; 384];
            record[0] = 7;
            record[44..47].copy_from_slice(user.as_bytes());
            content.extend(record);
        }
        std::fs::write(bench.dir.path().join("run/utmp"), content).unwrap();
        let lines = bench.read(&mut LogindCollector::new(), 0);
        assert_eq!(lines, ["watchfire_users_logged_in 2"]);
    }

    #[test]
    fn nobody_is_logged_in_or_nobody_knows() {
        let mut bench = Bench::new(&[]);
        assert!(bench.read(&mut LogindCollector::new(), 0).is_empty());
        assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::NotHere), 0));
        std::fs::create_dir_all(bench.dir.path().join("run/systemd/sessions")).unwrap();
        let lines = bench.read(&mut LogindCollector::new(), 0);
        assert_eq!(lines, ["watchfire_users_logged_in 0"]);
    }

    #[test]
    fn no_name_of_a_person_or_host_is_recorded() {
        let path = LogindCollector::new().paths()[0];
        let kept = String::from_utf8(path.rewrite(REMOTE.as_bytes())).unwrap();
        assert_eq!(kept, "UID=1001\nSTATE=online\nREMOTE=1\nTYPE=tty\nCLASS=user\n");
    }
}
