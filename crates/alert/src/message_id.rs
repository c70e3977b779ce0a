use watchfire_model::NotificationKind;

/// The longest part taken over as it is; with kind, incident and host the whole stays
/// far below the 998 bytes of a header line.
const MAX_PART_BYTES: usize = 64;

/// The mail `Message-ID` of a notification, without brackets: `down.17.ada@hub.example.org`.
///
/// It is the same for the same arguments, so that every try of a delivery carries it
/// (RFC 5322, 3.6.4: `dot-atom "@" dot-atom`), and holds only `[a-z0-9.-]` beside the
/// `@`. Two notifications of one kind about one incident to one user need different
/// `incident_or_date`s, `17-2` for the second change for example. A part that does
/// not fit is made to fit and gets a fingerprint of the whole, so that different
/// users never share an id.
#[must_use]
pub fn message_id(
    kind: NotificationKind,
    incident_or_date: &str,
    user: &str,
    host: &str,
) -> String {
    let (incident, user) = (part(incident_or_date), part(user));
    format!("{}.{incident}.{user}@{}", kind.as_str(), domain(host))
}

fn part(text: &str) -> String {
    let plain = text.len() <= MAX_PART_BYTES
        && !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if plain {
        return text.to_owned();
    }
    let fits = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let mut shown: String = text.chars().take(MAX_PART_BYTES - 17).map(fits).collect();
    shown.push_str(&format!("-{:016x}", fingerprint(text)));
    shown
}

/// A host name's letters; a port and all that is no host name is left out.
fn domain(host: &str) -> String {
    let name = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
    let name = name.map_or(host, |(name, _)| name).to_ascii_lowercase();
    let fits = |label: &str| -> String {
        let kept = label.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-');
        kept.take(MAX_PART_BYTES - 1).collect()
    };
    let labels: Vec<String> =
        name.split(['.', ':']).map(fits).filter(|l| !l.is_empty()).take(8).collect();
    if labels.is_empty() { "localhost".to_owned() } else { labels.join(".") }
}

/// FNV-1a, 64 bits: the same on every machine and in every version.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn valid(id: &str) -> bool {
        let atoms = |side: &str| {
            side.split('.').all(|atom| {
                !atom.is_empty() && atom.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-'))
            })
        };
        id.split_once('@').is_some_and(|(left, right)| atoms(left) && atoms(right))
            && id.len() < 900
    }

    #[test]
    fn plain_names_stay_readable() {
        let id = |incident: &str, user: &str, host: &str| {
            message_id(NotificationKind::Down, incident, user, host)
        };
        assert_eq!(id("17", "ada", "hub.example.org"), "down.17.ada@hub.example.org");
        assert_eq!(id("2025-11-22", "ada", "HUB:5100"), "down.2025-11-22.ada@hub");
        assert_eq!(id("1", "ada", "[::1]:5100"), "down.1.ada@1");
        assert_eq!(id("1", "ada", ""), "down.1.ada@localhost");
        assert!(id("1", "Ada", "h").starts_with("down.1.ada-"));
        assert_ne!(id("1", "Ada", "h"), id("1", "aDa", "h"));
        assert_ne!(id("1", "2.ada", "h"), id("1.2", "ada", "h"));
    }

    proptest! {
        #[test]
        fn always_valid_and_never_shared(a in ".{0,300}", b in ".{0,300}", host in ".{0,900}") {
            let id = |user: &str| message_id(NotificationKind::Recovered, "17", user, &host);
            prop_assert!(valid(&id(&a)), "{}", id(&a));
            prop_assert_eq!(id(&a), id(&a));
            prop_assert_eq!(a == b, id(&a) == id(&b));
        }
    }
}
