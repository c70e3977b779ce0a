use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use watchfire_model::Moment;
use watchfire_store::Store;

use super::*;
use crate::identity::HubIdentity;
use crate::testing::{moment, open_incident};

/// A hub's data with an incident in it, and the fingerprint of its authority.
fn hub(data: &Path) -> String {
    let store = Store::open(data).expect("a new store");
    open_incident(&store, "web-1", 0);
    drop(watchfire_store::History::open(data, 1 << 30).expect("a new history"));
    fs::set_permissions(data, fs::Permissions::from_mode(0o700)).expect("ours");
    let identity = HubIdentity::open(data, 0, moment(0)).expect("is made");
    identity.fingerprint().to_string()
}

fn back_up_to(data: &Path, to: &Path) -> Result<BackedUp, BackupError> {
    back_up(&BackupWish { data, config: None, to }, moment(0), &mut |_| {})
}

fn put_back(from: &Path, data: &Path) -> Result<Restored, BackupError> {
    restore(from, data, &mut |_| {})
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("is there").mode() & 0o777
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    let mut names: Vec<_> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_hub_is_copied_while_it_runs_and_put_back_the_same() {
    let lab = tempfile::tempdir().expect("a folder");
    let (data, to, back) =
        (lab.path().join("data"), lab.path().join("to"), lab.path().join("back"));
    let authority = hub(&data);
    // As a running hub does.
    let _lock = lock(&data);
    let store = Store::open(&data).expect("opens");
    let _history = watchfire_store::History::open(&data, 1 << 30).expect("opens");
    let config = lab.path().join("hub.toml");
    fs::write(&config, "listen = \"127.0.0.1:5100\"\n").expect("room");
    let wish = BackupWish { data: &data, config: Some(&config), to: &to };
    let mut told = Vec::new();
    let made = back_up(&wish, moment(0), &mut |next| told.push(next.to_owned())).expect("is made");
    assert_eq!(told, ["watchfire.db", "history.db", "checksums"]);
    assert_eq!(made.authority, authority);
    assert_eq!(made.files.len(), 6);
    assert!(made.files.iter().all(|(_, bytes)| *bytes > 0), "{made:?}");
    // What came later is not in it.
    open_incident(&store, "web-2", 0);

    assert_eq!(mode(&to), 0o700);
    assert_eq!(names(&to), ["history.db", "hub.toml", "identity", "manifest.json", "watchfire.db"]);
    for file in ["history.db", "hub.toml", "manifest.json", "watchfire.db", "identity/ca-key.pem"] {
        assert_eq!(mode(&to.join(file)), 0o600, "{file}");
    }

    let restored = put_back(&to, &back).expect("is put back");
    assert_eq!((restored.authority, restored.files), (authority.clone(), 5));
    assert_eq!(restored.config, Some(to.join("hub.toml")));
    assert_eq!(mode(&back), 0o700);
    let incidents = Store::open(&back).expect("opens").open_incidents().expect("reads");
    let servers: Vec<_> = incidents.iter().map(|one| one.server.as_str()).collect();
    assert_eq!(servers, ["web-1"]);
    let identity = HubIdentity::open(&back, 1, Moment::default()).expect("opens");
    assert_eq!(identity.fingerprint().to_string(), authority);
}

fn lock(data: &Path) -> crate::hub::FolderLock {
    crate::hub::lock(data).expect("nobody has it")
}

/// Abuse row A46.
#[test]
fn no_token_of_before_opens_after_a_restore() {
    let lab = tempfile::tempdir().expect("a folder");
    let (data, to, back) =
        (lab.path().join("data"), lab.path().join("to"), lab.path().join("back"));
    hub(&data);
    let store = Store::open(&data).expect("opens");
    let token = watchfire_store::StoredApiToken {
        id: "1".to_owned(),
        user: "ada".to_owned(),
        name: "ci".to_owned(),
        hash: "h".to_owned(),
        epoch: "e".to_owned(),
        scopes: "read".to_owned(),
        servers: None,
        made_unix_ms: 0,
        ends_unix_ms: 9,
        used_unix_ms: None,
    };
    let put = |batch: &watchfire_store::Batch<'_>| {
        batch.add_api_token(&token)?;
        batch.put_secret(crate::hub::TOKEN_KEY, &[7; 32])
    };
    store.write(put).expect("room");
    back_up_to(&data, &to).expect("is made");
    put_back(&to, &back).expect("is put back");
    let restored = Store::open(&back).expect("opens");
    assert_eq!(restored.api_tokens(), Ok(vec![]));
    let key = restored.secret(crate::hub::TOKEN_KEY).expect("readable").expect("there is one");
    assert!(key.len() == 32 && key != [7; 32]);
    assert_eq!(store.api_tokens(), Ok(vec![token]), "the hub that was copied goes on");
}

#[test]
fn nothing_is_overwritten() {
    let lab = tempfile::tempdir().expect("a folder");
    let (data, to) = (lab.path().join("data"), lab.path().join("to"));
    hub(&data);
    back_up_to(&data, &to).expect("is made");
    let before = names(&to);
    assert!(matches!(back_up_to(&data, &to), Err(BackupError::NotEmpty { .. })));
    assert!(matches!(put_back(&to, &data), Err(BackupError::NotEmpty { .. })));
    let held = lock(&data);
    assert!(matches!(put_back(&to, &data), Err(BackupError::Running { .. })));
    drop(held);
    assert_eq!(names(&to), before);
    let inside = data.join("a/backup");
    assert!(matches!(back_up_to(&data, &inside), Err(BackupError::Inside { .. })));
    assert!(!data.join("a").exists());
    let nowhere = lab.path().join("nowhere");
    assert!(matches!(back_up_to(&nowhere, &inside), Err(BackupError::NoHub { .. })));
    assert!(!nowhere.exists());
}

#[test]
fn a_backup_that_changed_is_not_put_back() {
    let lab = tempfile::tempdir().expect("a folder");
    let (data, back) = (lab.path().join("data"), lab.path().join("back"));
    hub(&data);
    for (number, (file, change)) in [
        ("watchfire.db", 4096_usize),
        ("history.db", 0),
        ("identity/ca-key.pem", 40),
        ("watchfire.db", usize::MAX),
    ]
    .into_iter()
    .enumerate()
    {
        let to = lab.path().join(format!("to-{number}"));
        back_up_to(&data, &to).expect("is made");
        let path = to.join(file);
        let mut bytes = fs::read(&path).expect("is there");
        match bytes.get_mut(change) {
            Some(byte) => *byte ^= 1,
            None => bytes.truncate(bytes.len() / 2),
        }
        fs::write(&path, bytes).expect("room");
        let error = put_back(&to, &back).expect_err("it changed");
        assert!(
            matches!(&error, BackupError::Changed { path: told, .. } if *told == path),
            "{error}"
        );
        assert!(!back.exists(), "nothing is left of it");
    }
}

#[test]
fn a_copy_that_was_cut_short_is_no_backup() {
    let lab = tempfile::tempdir().expect("a folder");
    let (data, to, back) =
        (lab.path().join("data"), lab.path().join("to"), lab.path().join("back"));
    hub(&data);
    back_up_to(&data, &to).expect("is made");
    let manifest = fs::read_to_string(to.join("manifest.json")).expect("is there");
    let strange = manifest.replace("identity/hub-key.pem", "../../evil");
    let lacking = manifest.replace("identity/ca-key.pem", "hub.toml");
    for broken in ["", "{}", &manifest[..manifest.len() / 2], &strange, &lacking] {
        fs::write(to.join("manifest.json"), broken).expect("room");
        let error = put_back(&to, &back).expect_err("no manifest");
        assert!(matches!(error, BackupError::NotWhole { .. }), "{broken}: {error}");
    }
    let newer = manifest.replace("\"format\": 1", "\"format\": 2");
    fs::write(to.join("manifest.json"), newer).expect("room");
    assert!(matches!(put_back(&to, &back), Err(BackupError::Newer { .. })));
    fs::remove_file(to.join("manifest.json")).expect("is there");
    let error = put_back(&to, &back).expect_err("no manifest").to_string();
    assert!(error.contains("manifest.json is missing") && error.contains("hint"), "{error}");
    assert!(!back.exists());
}

#[test]
fn a_copy_that_fails_leaves_nothing() {
    let lab = tempfile::tempdir().expect("a folder");
    let (data, to) = (lab.path().join("data"), lab.path().join("to"));
    hub(&data);
    fs::remove_file(data.join("identity/ca.pem")).expect("is there");
    assert!(matches!(back_up_to(&data, &to), Err(BackupError::Io { .. })));
    assert!(!to.exists());
    // A folder that was there stays, empty.
    fs::create_dir(&to).expect("room");
    assert!(back_up_to(&data, &to).is_err());
    assert_eq!(names(&to), [""; 0]);
}
