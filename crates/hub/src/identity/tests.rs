use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::testing::moment;

fn opened(data: &Path) -> Result<HubIdentity, IdentityError> {
    HubIdentity::open(data, 0, moment(0))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("exists").permissions().mode() & 0o777
}

#[test]
fn a_first_start_makes_it_and_the_next_one_finds_it() {
    let data = tempfile::tempdir().expect("a folder");
    let first = opened(data.path()).expect("is made");
    first.certify(&["hub.test".to_owned()], moment(0)).expect("is made");
    let folder = data.path().join(FOLDER);
    assert_eq!(mode(&folder), 0o700);
    for file in [CA_KEY, CA, HUB_KEY, HUB] {
        assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
    }
    assert!(!data.path().join(FRESH).exists());
    let second = opened(data.path()).expect("is read");
    assert_eq!(second.fingerprint(), first.fingerprint());
    assert_eq!(second.key_fingerprint(), first.key_fingerprint());
}

#[test]
fn a_first_start_that_was_cut_off_is_no_obstacle() {
    let data = tempfile::tempdir().expect("a folder");
    fs::create_dir(data.path().join(FRESH)).expect("ours");
    fs::write(data.path().join(FRESH).join(CA_KEY), "half a ke").expect("ours");
    opened(data.path()).expect("is made");
}

#[test]
fn keys_that_others_may_read_are_refused() {
    let data = tempfile::tempdir().expect("a folder");
    opened(data.path()).expect("is made");
    for (file, bits) in [(CA_KEY, 0o640), (CA_KEY, 0o604), (HUB_KEY, 0o644)] {
        let path = data.path().join(FOLDER).join(file);
        fs::set_permissions(&path, fs::Permissions::from_mode(bits)).expect("ours");
        let error = opened(data.path()).expect_err("others may read it").to_string();
        assert!(error.contains(file) && error.contains("hint: chmod 600"), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("ours");
    }
    let folder = data.path().join(FOLDER);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o770)).expect("ours");
    let error = opened(data.path()).expect_err("others may write").to_string();
    assert!(error.contains("hint: chmod 700"), "{error}");
}

#[test]
fn what_is_anothers_is_refused() {
    let data = tempfile::tempdir().expect("a folder");
    opened(data.path()).expect("is made");
    let me = geteuid().as_raw() + 1;
    let error = HubIdentity::open_as(me, data.path(), 0, moment(0), true).expect_err("not ours");
    assert!(error.to_string().contains("hint: run it as that user"), "{error}");
}

#[test]
fn a_lost_authority_is_not_made_anew() {
    for lost in [CA_KEY, CA] {
        let data = tempfile::tempdir().expect("a folder");
        opened(data.path()).expect("is made");
        let path = data.path().join(FOLDER).join(lost);
        fs::remove_file(&path).expect("ours");
        let error = opened(data.path()).expect_err("it is gone");
        assert!(matches!(error, IdentityError::Missing { .. }), "{error}");
        write_private(&path, b"no PEM").expect("ours");
        let error = opened(data.path()).expect_err("it is broken");
        assert!(matches!(&error, IdentityError::Broken { path: told, .. } if *told == path));
    }
    let data = tempfile::tempdir().expect("a folder");
    let before = opened(data.path()).expect("is made");
    fs::remove_file(data.path().join(FOLDER).join(HUB_KEY)).expect("ours");
    let after = opened(data.path()).expect("the hub's own key is made anew");
    assert_eq!(after.fingerprint(), before.fingerprint());
    assert_ne!(after.key_fingerprint(), before.key_fingerprint());
}

#[test]
fn a_new_authority_is_made_only_where_nobody_would_miss_the_old_one() {
    let data = tempfile::tempdir().expect("a folder");
    let before = opened(data.path()).expect("is made").fingerprint();
    fs::remove_dir_all(data.path().join(FOLDER)).expect("ours");
    let again = |enrolled| HubIdentity::open(data.path(), enrolled, moment(0));
    let error = again(3).expect_err("three servers know the old one").to_string();
    let wanted = data.path().join(WANTED);
    assert!(error.contains("number is 3") && error.contains("backup"), "{error}");
    assert!(error.contains(&format!("touch {}", wanted.display())), "{error}");
    assert!(!data.path().join(FOLDER).exists(), "nothing was made");
    fs::write(&wanted, "").expect("ours");
    assert_ne!(again(3).expect("it is wanted").fingerprint(), before);
    assert!(!wanted.exists(), "it serves once");
    // Nor does it wait for the day on which the authority is lost.
    fs::write(&wanted, "").expect("ours");
    again(3).expect("it is there");
    assert!(!wanted.exists(), "the authority was there");
    fs::remove_dir_all(data.path().join(FOLDER)).expect("ours");
    assert!(matches!(again(3), Err(IdentityError::Lost { .. })));
    fs::write(&wanted, "").expect("ours");
    let command = HubIdentity::open_beside(data.path(), 3, moment(0));
    let command = command.expect_err("only a hub makes another");
    assert!(matches!(command, IdentityError::Lost { .. }), "{command}");
    fs::remove_file(&wanted).expect("ours");
    again(0).expect("nobody has enrolled");
    HubIdentity::open_beside(data.path(), 3, moment(0)).expect("there is one");
}

#[test]
fn a_data_folder_that_others_may_enter_is_closed_to_them() {
    let data = tempfile::tempdir().expect("a folder");
    close_data_folder(&data.path().join("not there yet")).expect("it will be made");
    let open = |bits| {
        fs::set_permissions(data.path(), fs::Permissions::from_mode(bits)).expect("ours");
    };
    for bits in [0o777, 0o770, 0o755, 0o750, 0o701] {
        open(bits);
        let log = crate::testing::Log::new();
        close_data_folder(data.path()).expect("it is empty, and ours");
        assert_eq!(mode(data.path()), 0o700, "{bits:o}");
        assert!(log.holds("0700"), "it is told");
    }
    // What else lies there may be for others.
    fs::write(data.path().join("letter.txt"), "").expect("ours");
    open(0o755);
    let error = close_data_folder(data.path()).expect_err("others may enter").to_string();
    assert!(error.contains("chmod 700"), "{error}");
    assert_eq!(mode(data.path()), 0o755);
    fs::write(data.path().join("watchfire.db"), "").expect("ours");
    close_data_folder(data.path()).expect("a hub ran here");
    assert_eq!(mode(data.path()), 0o700);
}

#[test]
fn names_that_cannot_be_carried_are_left_out() {
    let data = tempfile::tempdir().expect("a folder");
    let identity = opened(data.path()).expect("is made");
    let log = crate::testing::Log::new();
    let names = ["a b", "evil.watchfire.internal", "hub.test"].map(str::to_owned);
    let issued = identity.issue_hub(names.to_vec(), moment(0));
    assert!(log.holds("a b") && log.holds("evil.watchfire.internal"));
    let (credentials, _) = identity.certify(&["hub.test".to_owned()], moment(0)).expect("works");
    assert!(issued.certificate_pem.contains("BEGIN CERTIFICATE"));
    watchfire_runtime::tls::TlsServer::new(&credentials).expect("can be used");
    let key = MachineKey::generate();
    let agent = identity.issue_agent(&key.signing_request(), moment(0)).expect("is issued");
    assert_eq!(agent.id, key.id());
    assert_eq!(agent.public_key, key.public_key_fingerprint());
}
