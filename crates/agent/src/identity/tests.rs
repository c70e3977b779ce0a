use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use watchfire_identity::certificate::{Authority, MachineKey};
use watchfire_model::Moment;
use watchfire_runtime::{Clock, ManualClock};

use super::folder::{Folder, Given, HubFile};
use super::*;
use crate::error::AgentError;

/// The 23rd of November 2026.
const NOW: Moment = Moment { monotonic: Duration::from_secs(1000), unix_ms: 1_795_392_000_000 };
const DAY: Duration = Duration::from_secs(86_400);

struct Place {
    folder: tempfile::TempDir,
    clock: Clock,
    hand: ManualClock,
}

impl Place {
    fn new() -> Self {
        let (clock, hand) = Clock::manual(NOW);
        Self { folder: tempfile::tempdir().expect("a folder"), clock, hand }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.data().join("identity").join(name)
    }

    fn open(&self) -> Result<Arc<Identity>, AgentError> {
        Identity::open(&self.data(), None, self.clock.clone())
    }

    fn key(&self) -> MachineKey {
        Folder::open(&self.data()).and_then(|folder| folder.key()).expect("a key")
    }

    /// As `watchfire join` in another process.
    fn keep(&self, given: &Given) {
        let folder = Folder::open(&self.data()).expect("opens");
        folder.lock().and_then(|locked| locked.keep(given)).expect("is kept");
    }
}

fn given_at(authority: &Authority, key: &MachineKey, at: Moment) -> Given {
    let issued = authority.issue_agent(&key.signing_request(), at).expect("is issued");
    Given {
        certificate_pem: issued.certificate_pem,
        ca_pem: authority.certificate_pem().to_owned(),
        hub: HubFile {
            hub: Some("hub:5100".to_owned()),
            name: "web-1".to_owned(),
            hub_id: authority.fingerprint().to_string(),
        },
    }
}

fn given(authority: &Authority, key: &MachineKey) -> Given {
    given_at(authority, key, NOW)
}

fn hub_of(identity: &Identity) -> Option<String> {
    identity.enrolled().borrow().as_ref().map(|enrolled| enrolled.hub_id.clone())
}

#[test]
fn a_key_is_made_once_and_is_the_owners_alone() {
    let place = Place::new();
    let first = place.open().expect("opens").id();
    assert_eq!(place.open().expect("opens").id(), first);
    let mode = fs::metadata(place.file("key.pem")).expect("is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(place.open().expect("opens").enrolled().borrow().is_none());
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    for (file, bits) in [("key.pem", 0o644), ("key.pem", 0o640), ("hub.json", 0o622)] {
        let place = Place::new();
        place.keep(&given(&Authority::generate(NOW), &place.key()));
        fs::set_permissions(place.file(file), fs::Permissions::from_mode(bits)).expect("ours");
        let error = place.open().expect_err("is open to others");
        assert!(error.is_about_trust(), "{error}");
        assert!(matches!(error, AgentError::Exposed { mode, .. } if mode == bits), "{file}");
    }
    let place = Place::new();
    place.key();
    let open = fs::Permissions::from_mode(0o777);
    fs::set_permissions(place.data().join("identity"), open).expect("ours");
    assert!(matches!(place.open(), Err(AgentError::OpenFolder { .. })));
}

#[test]
fn an_enrolment_is_whole_or_none() {
    let place = Place::new();
    let authority = Authority::generate(NOW);
    place.keep(&given(&authority, &place.key()));
    let identity = place.open().expect("opens");
    let enrolled = identity.enrolled().borrow().clone().expect("is enrolled");
    assert_eq!((enrolled.id, enrolled.name.as_str()), (identity.id(), "web-1"));
    assert_eq!(enrolled.hub.as_deref(), Some("hub:5100"));
    assert_eq!(enrolled.not_after_ms, NOW.unix_ms + 90 * 86_400_000);
    // What a crash leaves: hub.json goes first and comes last.
    fs::remove_file(place.file("hub.json")).expect("ours");
    assert_eq!(hub_of(&place.open().expect("opens")), None);
}

#[test]
fn a_hub_of_the_config_goes_before_the_one_that_was_joined() {
    let place = Place::new();
    place.keep(&given(&Authority::generate(NOW), &place.key()));
    let hub = Some("other:5100".to_owned());
    let identity = Identity::open(&place.data(), hub, place.clock.clone()).expect("opens");
    let enrolled = identity.enrolled().borrow().clone().expect("is enrolled");
    assert_eq!(enrolled.hub.as_deref(), Some("other:5100"));
}

#[test]
fn anothers_certificate_is_no_enrolment() {
    let place = Place::new();
    place.key();
    place.keep(&given(&Authority::generate(NOW), &MachineKey::generate()));
    let error = place.open().expect_err("another's").to_string();
    assert!(error.contains("not the certificate of this machine's key"), "{error}");
    assert!(error.contains("hint: ") && error.contains("watchfire join"), "{error}");
    for (file, content) in [("key.pem", "x"), ("hub.json", "{}"), ("certificate.pem", "")] {
        let place = Place::new();
        place.keep(&given(&Authority::generate(NOW), &place.key()));
        fs::write(place.file(file), content).expect("ours");
        let error = place.open().expect_err(file).to_string();
        assert!(error.contains(file) && error.contains("hint: "), "{error}");
    }
}

#[test]
fn what_another_process_changes_is_taken_and_damage_is_not() {
    let place = Place::new();
    let identity = place.open().expect("opens");
    let mut enrolled = identity.enrolled();
    identity.look().expect("nothing new");
    assert!(!enrolled.has_changed().expect("is open"));

    let first = Authority::generate(NOW);
    place.keep(&given(&first, &place.key()));
    identity.look().expect("is taken");
    assert!(enrolled.has_changed().expect("is open"));
    assert_eq!(hub_of(&identity), Some(first.fingerprint().to_string()));
    enrolled.mark_unchanged();

    // Damaged: told once, and the agent goes on as it was.
    place.keep(&given(&first, &MachineKey::generate()));
    identity.look().expect_err("another's");
    identity.look().expect("told already");
    assert_eq!(hub_of(&identity), Some(first.fingerprint().to_string()));
    assert!(!enrolled.has_changed().expect("is open"));

    let second = Authority::generate(NOW);
    place.keep(&given(&second, &place.key()));
    identity.look().expect("is taken");
    assert_eq!(hub_of(&identity), Some(second.fingerprint().to_string()));
}

#[test]
fn only_a_certificate_of_this_key_and_this_hub_renews() {
    let place = Place::new();
    let authority = Authority::generate(NOW);
    place.keep(&given(&authority, &place.key()));
    let identity = place.open().expect("opens");
    let needs = |at| identity.enrolled().borrow().as_ref().is_some_and(|e| e.needs_renewal(at));
    assert!(!needs(NOW.after(59 * DAY)) && needs(NOW.after(61 * DAY)));
    place.hand.advance(61 * DAY);
    let later = place.clock.now();
    let refused = |given: Given| {
        let error = identity.take_renewed(&given.certificate_pem).expect_err("is refused");
        assert!(matches!(error, AgentError::Identity { .. }), "{error}");
    };
    refused(given_at(&Authority::generate(later), &place.key(), later));
    refused(given_at(&authority, &MachineKey::generate(), later));
    refused(given_at(&authority, &place.key(), later.before(91 * DAY)));
    assert!(needs(later), "the old one stays");
    let renewed = given_at(&authority, &place.key(), later);
    identity.take_renewed(&renewed.certificate_pem).expect("is taken");
    assert!(!needs(later));
    let again = place.open().expect("opens").enrolled().borrow().clone().expect("is enrolled");
    assert_eq!(again.credentials.certificate_pem, renewed.certificate_pem, "it is kept");
}

fn offer(authority: &Authority, csr: &str) -> Offer {
    let issued = authority.issue_agent(csr, NOW).expect("is issued");
    Offer {
        certificate_pem: issued.certificate_pem,
        ca_pem: authority.certificate_pem().to_owned(),
        hub_id: Some(authority.fingerprint().to_string()),
        name: "web-1".to_owned(),
    }
}

#[tokio::test]
async fn an_invitation_is_taken_once() {
    let place = Place::new();
    let identity = place.open().expect("opens");
    let authority = Authority::generate(NOW);
    let invitation = invite(&place.data(), NOW).expect("is made");
    let secret = || invitation.code.secret().to_owned();
    let not_invited = |step| assert!(matches!(step, Err(AdoptionRefused::NotInvited)), "{step:?}");
    let stored = fs::read_to_string(place.file("invite.json")).expect("is there");
    assert!(!stored.contains(&secret()), "only what the secret can be known by is kept");

    not_invited(identity.adopt("wrong".to_owned(), None).await);
    let step = identity.adopt(secret(), None).await;
    let Ok(Adoption::Request(csr)) = step else { panic!("{step:?}") };
    // A hub whose CA did not sign it, or that says to be another, gets no agent.
    for wrong in [
        Offer {
            ca_pem: Authority::generate(NOW).certificate_pem().to_owned(),
            hub_id: None,
            ..offer(&authority, &csr)
        },
        Offer { hub_id: Some("x".to_owned()), ..offer(&authority, &csr) },
        Offer { certificate_pem: "x".to_owned(), ..offer(&authority, &csr) },
        offer(&authority, &MachineKey::generate().signing_request()),
    ] {
        let step = identity.adopt(secret(), Some(wrong)).await;
        assert!(matches!(step, Err(AdoptionRefused::Bad(_))), "{step:?}");
    }
    assert_eq!(hub_of(&identity), None);

    let step = identity.adopt(secret(), Some(offer(&authority, &csr))).await;
    assert!(matches!(step, Ok(Adoption::Done)), "{step:?}");
    let enrolled = identity.enrolled().borrow().clone().expect("is enrolled");
    assert_eq!((enrolled.hub.as_deref(), enrolled.name.as_str()), (None, "web-1"));
    not_invited(identity.adopt(secret(), None).await);
    not_invited(identity.adopt(secret(), Some(offer(&authority, &csr))).await);
    assert_eq!(hub_of(&place.open().expect("opens")), hub_of(&identity), "it is kept");
}

#[tokio::test]
async fn an_invitation_ends_and_no_clock_brings_it_back() {
    let place = Place::new();
    let identity = place.open().expect("opens");
    let secret = |invitation: &Invitation| invitation.code.secret().to_owned();
    let invitation = invite(&place.data(), place.clock.now()).expect("is made");
    place.hand.advance(INVITE_LIVES);
    let step = identity.adopt(secret(&invitation), None).await;
    assert!(matches!(step, Err(AdoptionRefused::NotInvited)), "{step:?}");
    assert!(!place.file("invite.json").exists());
    // One from the future: the clock was set back.
    let invitation = invite(&place.data(), place.clock.now().after(DAY)).expect("is made");
    let step = identity.adopt(secret(&invitation), None).await;
    assert!(matches!(step, Err(AdoptionRefused::NotInvited)), "{step:?}");
    assert!(!place.file("invite.json").exists());
    // A new one ends the one before.
    let old = invite(&place.data(), place.clock.now()).expect("is made");
    let new = invite(&place.data(), place.clock.now()).expect("is made");
    assert!(identity.adopt(secret(&old), None).await.is_err());
    assert!(identity.adopt(secret(&new), None).await.is_ok());
}
