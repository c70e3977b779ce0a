use std::time::Duration;

use proptest::prelude::*;
use rcgen::{CertificateParams, Issuer, KeyPair, PKCS_ECDSA_P384_SHA384};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use watchfire_model::Moment;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::*;

/// The 23rd of November 2026.
const NOW: Moment = Moment { monotonic: Duration::from_secs(1000), unix_ms: 1_795_392_000_123 };
const DAY_MS: i64 = 86_400_000;

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate")
}

/// What a handshake checks: the chain, the time, the usage and the name.
fn verify(
    leaf: &str,
    authority: &Authority,
    name: &str,
    at_ms: i64,
    usage: KeyUsage,
) -> Result<(), webpki::Error> {
    let (leaf, ca) = (der(leaf), der(authority.certificate_pem()));
    let anchors = [anchor_from_trusted_cert(&ca).expect("an anchor")];
    let leaf = EndEntityCert::try_from(&leaf)?;
    let at = UnixTime::since_unix_epoch(Duration::from_millis(at_ms.unsigned_abs()));
    leaf.verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &anchors, &[], at, usage, None, None)?;
    leaf.verify_is_valid_for_subject_name(&ServerName::try_from(name).expect("a name"))
}

fn agent(authority: &Authority) -> (MachineKey, Issued) {
    let key = MachineKey::generate();
    let issued = authority.issue_agent(&key.signing_request(), NOW).expect("is issued");
    (key, issued)
}

#[test]
fn an_agents_certificate_is_of_its_key_and_serves_both_ways() {
    let authority = Authority::generate(NOW);
    let (key, issued) = agent(&authority);
    assert_eq!(issued.id, key.id());
    assert_eq!(peer_of(&der(&issued.certificate_pem)), Ok(Peer::Agent(key.id())));
    let name = agent_name(key.id());
    for usage in [KeyUsage::client_auth(), KeyUsage::server_auth()] {
        verify(&issued.certificate_pem, &authority, &name, NOW.unix_ms, usage).expect("holds");
    }
    let usage = KeyUsage::server_auth;
    let other = agent_name(MachineKey::generate().id());
    for (authority, name) in
        [(&authority, other.as_str()), (&authority, HUB_NAME), (&Authority::generate(NOW), &name)]
    {
        assert!(verify(&issued.certificate_pem, authority, name, NOW.unix_ms, usage()).is_err());
    }
}

#[test]
fn a_certificate_holds_for_ninety_days() {
    let authority = Authority::generate(NOW);
    let (key, issued) = agent(&authority);
    let (pem, name) = (&issued.certificate_pem, agent_name(key.id()));
    let at = |ms| verify(pem, &authority, &name, ms, KeyUsage::client_auth());
    assert_eq!(issued.not_after, NOW.unix_ms / 1000 * 1000 + 90 * DAY_MS);
    assert_eq!(not_after(&der(pem)), Ok(issued.not_after));
    assert!(at(issued.not_after).is_ok());
    assert!(at(issued.not_after + 1000).is_err());
    let begin = NOW.unix_ms - 25 * 3_600_000;
    assert!(at(begin + 1000).is_ok());
    assert!(at(begin - 1000).is_err());
    assert!(!needs_renewal(issued.not_after, NOW));
    assert!(needs_renewal(issued.not_after, NOW.after(Duration::from_secs(61 * 86_400))));
}

#[test]
fn what_a_request_asks_for_is_ignored() {
    let authority = Authority::generate(NOW);
    let key = KeyPair::generate().expect("a key");
    let names = [HUB_NAME, "evil.example.org", &agent_name(MachineKey::generate().id())];
    let mut params = CertificateParams::new(names.map(str::to_owned)).expect("names");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let request = params.serialize_request(&key).expect("a request").pem().expect("PEM");
    let issued = authority.issue_agent(&request, NOW).expect("is issued");
    assert_eq!(peer_of(&der(&issued.certificate_pem)), Ok(Peer::Agent(issued.id)));
    for name in names {
        let checked =
            verify(&issued.certificate_pem, &authority, name, NOW.unix_ms, KeyUsage::server_auth());
        assert!(checked.is_err(), "{name}");
    }
}

#[test]
fn a_request_without_its_key_is_refused() {
    let authority = Authority::generate(NOW);
    let issue = |pem: &str| authority.issue_agent(pem, NOW).map(|issued| issued.id);
    let request = MachineKey::generate().signing_request();
    let mut bytes =
        rustls_pki_types::CertificateSigningRequestDer::from_pem_slice(request.as_bytes())
            .expect("a request")
            .to_vec();
    let wrap = |bytes: &[u8]| {
        use base64::Engine;
        let text = base64::engine::general_purpose::STANDARD.encode(bytes);
        format!("-----BEGIN CERTIFICATE REQUEST-----\n{text}\n-----END CERTIFICATE REQUEST-----\n")
    };
    assert!(issue(&wrap(&bytes)).is_ok());
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    assert_eq!(issue(&wrap(&bytes)), Err(CertificateError::NotSigned));
    bytes.push(0);
    assert_eq!(issue(&wrap(&bytes)), Err(CertificateError::NotARequest));
    assert_eq!(issue(""), Err(CertificateError::NotARequest));
    let long =
        request.replace("-----END", &format!("{}\n-----END", "\n".repeat(MAX_REQUEST_BYTES)));
    assert_eq!(issue(&long), Err(CertificateError::NotARequest));
    let other = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("a key");
    let params = CertificateParams::default();
    let request = params.serialize_request(&other).expect("a request").pem().expect("PEM");
    assert_eq!(issue(&request), Err(CertificateError::OtherKindOfKey));
}

#[test]
fn a_name_of_another_key_makes_nobody_that_agent() {
    let authority = Authority::generate(NOW);
    let key = MachineKey::from_pem(&authority.key_pem()).expect("a key");
    let issuer_params = CertificateParams::default();
    let issuer = Issuer::from_params(&issuer_params, key.pair());
    let (mine, theirs) = (MachineKey::generate(), MachineKey::generate());
    let peer = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let params = CertificateParams::new(names).expect("names");
        peer_of(params.signed_by(mine.pair(), &issuer).expect("signs").der())
    };
    let (my_name, their_name) = (agent_name(mine.id()), agent_name(theirs.id()));
    assert_eq!(peer(&[&my_name]), Ok(Peer::Agent(mine.id())));
    let other = CertificateError::OtherKey { named: theirs.id(), is: mine.id() };
    assert_eq!(peer(&[&their_name]), Err(other));
    for nobody in [
        &[][..],
        &["example.org"],
        &["x.agent.watchfire.internal"],
        &["*.watchfire.internal"],
        &["hub2.watchfire.internal"],
        &[&my_name, HUB_NAME],
        &[&my_name, &their_name],
    ] {
        assert_eq!(peer(nobody), Err(CertificateError::Nobody), "{nobody:?}");
    }
    assert_eq!(peer_of(b"no certificate"), Err(CertificateError::NotACertificate));
}

#[test]
fn the_hub_has_its_own_name_and_the_public_ones() {
    let authority = Authority::generate(NOW);
    let key = MachineKey::generate();
    let names = ["fire.example.org", "192.0.2.7", "2001:db8::7", "fire.example.org"];
    let issued = authority.issue_hub(&key, &names.map(str::to_owned), NOW).expect("is issued");
    assert_eq!(peer_of(&der(&issued.certificate_pem)), Ok(Peer::Hub));
    for name in names.into_iter().chain([HUB_NAME]) {
        verify(&issued.certificate_pem, &authority, name, NOW.unix_ms, KeyUsage::server_auth())
            .expect(name);
    }
    let refused = |name: &str| authority.issue_hub(&key, &[name.to_owned()], NOW).map(|_| ());
    for bad in ["", "two words", "https://fire.example.org", "fire.example.org:5100"] {
        assert_eq!(refused(bad), Err(CertificateError::BadName(bad.to_owned())));
    }
    for own in [agent_name(key.id()), "Hub2.Watchfire.Internal".to_owned()] {
        assert_eq!(refused(&own), Err(CertificateError::ReservedName(own.clone())));
    }
}

#[test]
fn an_authority_is_read_back_as_itself() {
    let authority = Authority::generate(NOW);
    let again = Authority::from_pem(&authority.key_pem(), authority.certificate_pem())
        .expect("is read back");
    assert_eq!(again.fingerprint(), authority.fingerprint());
    assert_eq!(authority.fingerprint(), Fingerprint::of(&der(authority.certificate_pem())));
    let (key, issued) = agent(&again);
    let name = agent_name(key.id());
    verify(&issued.certificate_pem, &authority, &name, NOW.unix_ms, KeyUsage::client_auth())
        .expect("both are one authority");

    let other = Authority::generate(NOW);
    let read = |key: &str, certificate: &str| Authority::from_pem(key, certificate).map(|_| ());
    let (key_pem, pem) = (authority.key_pem(), authority.certificate_pem());
    assert_eq!(read(&other.key_pem(), pem), Err(CertificateError::NotOnePair));
    // A certificate of the same key that is not the authority's own.
    let own = MachineKey::from_pem(&key_pem).expect("a key").self_signed(NOW);
    assert_eq!(read(&key_pem, &own), Err(CertificateError::NotOnePair));
    // A certificate of the same name and another key.
    let name = format!("Watchfire CA {:.8}", own_name(&key_pem));
    let forged = template::authority(&name, NOW).self_signed(MachineKey::generate().pair());
    let forged = forged.expect("signs").pem();
    assert_eq!(read(&key_pem, &forged), Err(CertificateError::NotOnePair));
    assert_eq!(read(pem, pem), Err(CertificateError::NotAKey));
    assert_eq!(read(&key_pem, &key_pem), Err(CertificateError::NotACertificate));
}

fn own_name(key_pem: &str) -> String {
    MachineKey::from_pem(key_pem).expect("a key").public_key_fingerprint().to_string()
}

#[test]
fn a_leaf_signs_nothing() {
    let authority = Authority::generate(NOW);
    let (key, issued) = agent(&authority);
    let mut params = CertificateParams::new([HUB_NAME.to_owned()]).expect("a name");
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let mut issuer_params = CertificateParams::default();
    issuer_params.distinguished_name = template::called(&key.id().to_string());
    let issuer = Issuer::from_params(&issuer_params, key.pair());
    let forged = params.signed_by(&KeyPair::generate().expect("a key"), &issuer).expect("signs");
    let ca = der(authority.certificate_pem());
    let anchors = [anchor_from_trusted_cert(&ca).expect("an anchor")];
    let between = [der(&issued.certificate_pem)];
    let forged = EndEntityCert::try_from(forged.der()).expect("a certificate");
    let at = UnixTime::since_unix_epoch(Duration::from_millis(NOW.unix_ms.unsigned_abs()));
    let all = webpki::ALL_VERIFICATION_ALGS;
    let usage = KeyUsage::server_auth();
    let checked = forged.verify_for_usage(all, &anchors, &between, at, usage, None, None);
    assert!(matches!(checked, Err(webpki::Error::EndEntityUsedAsCa)), "{:?}", checked.err());
}

#[test]
fn a_key_is_read_back_and_not_shown() {
    let key = MachineKey::generate();
    let again = MachineKey::from_pem(&key.pem()).expect("is read back");
    assert_eq!(again.id(), key.id());
    assert_eq!(again.public_key_fingerprint(), key.public_key_fingerprint());
    assert_eq!(format!("{key:?}"), format!("MachineKey(of {})", key.id()));
    let own = der(&key.self_signed(NOW));
    assert_eq!(peer_of(&own), Ok(Peer::Agent(key.id())));
    assert_eq!(not_after(&own), Ok(NOW.unix_ms / 1000 * 1000 + DAY_MS));
    assert_eq!(key.public_key_fingerprint().to_string()[..40], key.id().to_string());
    let serial = |der: &CertificateDer<'_>| {
        EndEntityCert::try_from(der).map(|certificate| certificate.serial().to_vec())
    };
    assert_ne!(serial(&own), serial(&der(&key.self_signed(NOW))));
}

#[test]
fn a_broken_clock_breaks_no_certificate() {
    for unix_ms in [i64::MIN, 0, i64::MAX] {
        let now = Moment { unix_ms, ..NOW };
        let authority = Authority::generate(now);
        let request = MachineKey::generate().signing_request();
        let issued = authority.issue_agent(&request, now).expect("is issued");
        assert_eq!(not_after(&der(&issued.certificate_pem)), Ok(issued.not_after));
        assert!(not_after(&der(authority.certificate_pem())).is_ok());
    }
}

#[test]
fn a_fingerprint_is_the_same_in_pieces() {
    let bytes: Vec<u8> = (0..200_000_u32).map(|at| at.to_le_bytes()[0]).collect();
    assert_eq!(Fingerprint::of_reader(&bytes[..]).expect("memory"), Fingerprint::of(&bytes));
    assert_eq!(Fingerprint::of_reader(&[][..]).expect("memory"), Fingerprint::of(b""));
}

#[test]
fn ids_and_fingerprints_have_one_spelling() {
    let id = MachineKey::generate().id();
    assert_eq!(id.to_string().parse(), Ok(id));
    let fingerprint = Fingerprint::of(b"x");
    assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
    let upper = "A".repeat(40);
    let sign = format!("+{}", "a".repeat(39));
    for bad in ["", "ab", &upper, &sign, &"a".repeat(64)] {
        let error = bad.parse::<AgentId>().expect_err(bad);
        assert_eq!(
            error.to_string(),
            "an agent's id has 40 hexadecimal digits in lower case: copy the whole of it"
        );
    }
    assert!(id.to_string().parse::<Fingerprint>().is_err());
}

#[test]
fn an_address_is_no_host_name() {
    let authority = Authority::generate(NOW);
    let key = MachineKey::generate();
    let issued = authority.issue_hub(&key, &["10.0.0.1".to_owned()], NOW).expect("is issued");
    let der = der(&issued.certificate_pem);
    let certificate = EndEntityCert::try_from(&der).expect("a certificate");
    assert_eq!(certificate.valid_dns_names().collect::<Vec<_>>(), [HUB_NAME]);
}

proptest! {
    #[test]
    fn no_bytes_make_the_readers_panic(bytes: Vec<u8>, text: String) {
        let _ = (not_after(&bytes), peer_of(&bytes));
        let _ = (request::read(&text), MachineKey::from_pem(&text));
    }

    #[test]
    fn a_changed_request_is_refused(at in 0_usize..300, flip in 1_u8..) {
        use base64::Engine;
        let engine = base64::engine::general_purpose::STANDARD;
        let key = MachineKey::generate();
        let request = key.signing_request();
        let der = rustls_pki_types::CertificateSigningRequestDer::from_pem_slice(request.as_bytes());
        let mut der = der.expect("a request").to_vec();
        let at = at % der.len();
        der[at] ^= flip;
        let text = engine.encode(&der);
        let pem = format!(
            "-----BEGIN CERTIFICATE REQUEST-----\n{text}\n-----END CERTIFICATE REQUEST-----\n"
        );
        prop_assert!(request::read(&pem).is_err());
    }
}
