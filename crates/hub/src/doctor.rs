//! Looking a hub over for an operator: every page and checksum of its databases, its keys,
//! and who may read them. It mends nothing, and the hub may run meanwhile.

use std::path::Path;

use watchfire_identity::certificate::not_after;
use watchfire_model::Moment;
use watchfire_store::{Findings, examine_history, examine_store};

use crate::identity::{
    CA, CA_KEY, FOLDER as IDENTITY, HUB, HUB_KEY, HubIdentity, check_data_folder,
};

const STORE: &str = "watchfire.db";
const HISTORY: &str = "history.db";
/// How the folders of damaged databases begin, which the hub keeps.
const SET_ASIDE: &str = "damaged-";

/// What was found, part by part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkup {
    /// The parts, in the order that they were looked at.
    pub parts: Vec<Examination>,
}

/// What was found of one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examination {
    /// The part: a file or folder of the data folder.
    pub part: String,
    /// What is so, a few words each.
    pub facts: Vec<String>,
    /// What is wrong, a sentence each; nothing where all is well.
    pub wrong: Vec<String>,
    /// What is no fault and still worth knowing.
    pub notes: Vec<String>,
}

impl Checkup {
    /// True when nothing is wrong.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.parts.iter().all(|part| part.wrong.is_empty())
    }
}

impl Examination {
    fn of(part: &str) -> Self {
        let (part, facts, wrong, notes) = (part.to_owned(), Vec::new(), Vec::new(), Vec::new());
        Self { part, facts, wrong, notes }
    }

    fn database(data: &Path, file: &str, found: Result<Findings, String>) -> Self {
        let mut examination = Self::of(file);
        if let Ok(metadata) = std::fs::metadata(data.join(file)) {
            examination.facts.push(format!("{} bytes", metadata.len()));
        }
        match found {
            Ok(found) if found.are_good() => {
                examination.facts.push("every page and index is sound".to_owned());
                if found.rows > 0 {
                    examination.facts.push(format!("{} checksums are right", found.rows));
                }
                examination.notes = found.told;
            }
            Ok(found) => {
                let more = found.wrong.saturating_sub(found.told.len() as u64);
                examination.wrong = found.told;
                if more > 0 {
                    examination.wrong.push(format!("and {more} more of the kind"));
                }
            }
            Err(why) => examination.wrong.push(why),
        }
        examination
    }
}

/// Looks over the hub in the data folder `data`. `told` hears which part is next. It reads
/// every page, so it takes as long as reading the files does.
pub fn examine(data: &Path, now: Moment, told: &mut dyn FnMut(&str)) -> Checkup {
    let mut parts = vec![folder(data)];
    if parts[0].wrong.is_empty() {
        told(IDENTITY);
        parts.push(identity(data, now));
        told(STORE);
        let found = examine_store(data).map_err(|error| error.to_string());
        parts.push(Examination::database(data, STORE, found));
        if data.join(HISTORY).exists() {
            told(HISTORY);
            let found = examine_history(data).map_err(|error| error.to_string());
            parts.push(Examination::database(data, HISTORY, found));
        }
    }
    Checkup { parts }
}

fn folder(data: &Path) -> Examination {
    let mut found = Examination::of(&data.display().to_string());
    if !data.join(STORE).exists() {
        let words = "there is no hub's data in it: name the hub's folder with --data or its config \
            with --config";
        found.wrong.push(words.to_owned());
        return found;
    }
    // Others who may enter are told; what is wrong of the rest can be seen all the same.
    match check_data_folder(data) {
        Ok(()) => found.facts.push("for its owner alone".to_owned()),
        Err(error) => found.notes.push(error.to_string()),
    }
    let entries = std::fs::read_dir(data).into_iter().flatten().flatten();
    let aside = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut aside: Vec<_> = aside.filter(|name| name.starts_with(SET_ASIDE)).collect();
    aside.sort();
    found.notes.extend(aside.into_iter().map(|name| {
        format!("{name} holds a database that was damaged and replaced: delete it once you are done with it")
    }));
    found
}

fn identity(data: &Path, now: Moment) -> Examination {
    let mut found = Examination::of(IDENTITY);
    let folder = data.join(IDENTITY);
    let missing = [CA_KEY, CA, HUB_KEY].into_iter().filter(|file| !folder.join(file).exists());
    found.wrong.extend(missing.map(|file| {
        format!("{file} is missing: restore it from a backup (`watchfire restore` tells how)")
    }));
    if !found.wrong.is_empty() {
        return found;
    }
    match HubIdentity::open_beside(data, 0, now) {
        Ok(identity) => {
            found.facts.push(format!("authority {}", identity.fingerprint()));
            hub_certificate(&folder.join(HUB), now, &mut found);
        }
        Err(error) => found.wrong.push(error.to_string()),
    }
    found
}

/// The hub makes its own certificate anew at each start and in time, so one that has ended
/// says that no hub ran lately.
fn hub_certificate(path: &Path, now: Moment, found: &mut Examination) {
    let Ok(pem) = std::fs::read_to_string(path) else { return };
    match watchfire_identity::certificate::certificate_der(&pem).and_then(|der| not_after(&der)) {
        Ok(end) if end > now.unix_ms => {
            found.facts.push(format!("the hub's certificate holds until {}", day(end)));
        }
        Ok(end) => found.notes.push(format!(
            "the hub's certificate ended on {}; the hub makes another when it starts",
            day(end)
        )),
        Err(error) => {
            found.notes.push(format!("{HUB}: {error}; the hub makes another when it starts"))
        }
    }
}

fn day(unix_ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(unix_ms).unwrap_or_default();
    at.strftime("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use watchfire_store::{History, Store};

    use super::*;
    use crate::testing::moment;

    fn hub(data: &Path) -> HubIdentity {
        drop((Store::open(data).expect("new"), History::open(data, 1 << 30).expect("new")));
        fs::set_permissions(data, fs::Permissions::from_mode(0o700)).expect("ours");
        HubIdentity::open(data, 0, moment(0)).expect("is made")
    }

    fn looked_over(data: &Path) -> Checkup {
        examine(data, moment(0), &mut |_| {})
    }

    fn wrong(checkup: &Checkup) -> Vec<(&str, &str)> {
        let of = |part: &'_ Examination| part.wrong.len();
        assert_eq!(checkup.is_well(), checkup.parts.iter().all(|part| of(part) == 0));
        let all = checkup.parts.iter();
        all.flat_map(|part| part.wrong.iter().map(|one| (part.part.as_str(), one.as_str())))
            .collect()
    }

    #[test]
    fn a_hub_that_runs_and_is_well_is_told_to_be() {
        let data = tempfile::tempdir().expect("a folder");
        let identity = hub(data.path());
        identity.certify(&[], moment(0)).expect("is made");
        let _held = (
            crate::hub::lock(data.path()).expect("free"),
            Store::open(data.path()).expect("opens"),
            History::open(data.path(), 1 << 30).expect("free"),
        );
        let checkup = looked_over(data.path());
        assert_eq!(wrong(&checkup), []);
        let parts: Vec<_> = checkup.parts[1..].iter().map(|part| part.part.as_str()).collect();
        assert_eq!(parts, ["identity", "watchfire.db", "history.db"]);
        let facts = checkup.parts[1].facts.join("\n");
        assert!(facts.contains(&identity.fingerprint().to_string()), "{facts}");
        assert!(facts.contains("holds until 202"), "{facts}");
    }

    #[test]
    fn what_is_broken_is_found_and_not_touched() {
        let data = tempfile::tempdir().expect("a folder");
        hub(data.path());
        let path = data.path().join("history.db");
        let mut bytes = fs::read(&path).expect("is there");
        let middle = bytes.len() / 2 / 4096 * 4096;
        bytes[middle..middle + 64].fill(0xff);
        fs::write(&path, &bytes).expect("room");
        fs::remove_file(data.path().join("identity/ca-key.pem")).expect("is there");
        fs::create_dir(data.path().join("damaged-1")).expect("room");
        let checkup = looked_over(data.path());
        let found = wrong(&checkup);
        assert!(found.iter().any(|(part, _)| *part == "history.db"), "{found:?}");
        assert!(
            found.iter().any(|(_, words)| words.contains("ca-key.pem is missing")),
            "{found:?}"
        );
        assert!(checkup.parts[0].notes.iter().any(|note| note.contains("damaged-1")));
        assert_eq!(fs::read(&path).expect("is there"), bytes);
        assert!(!data.path().join("identity/ca-key.pem").exists());
    }

    #[test]
    fn a_folder_without_a_hub_is_told() {
        let data = tempfile::tempdir().expect("a folder");
        let checkup = looked_over(data.path());
        assert_eq!(wrong(&checkup).len(), 1);
        assert_eq!(fs::read_dir(data.path()).expect("a folder").count(), 0);
    }
}
