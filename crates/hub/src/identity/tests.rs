use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::testing::moment;

fn opened(data: &Path) -> Result<HubIdentity, IdentityError> {
    HubIdentity::open(data, moment(0))
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
    let error = HubIdentity::open_as(me, data.path(), moment(0)).expect_err("not ours");
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
