use watchfire_model::Server;

/// How many neighbours are asked about one silence.
const MOST: usize = 3;

/// The neighbours to be asked about a quiet server: up to three, those with most
/// labels in common first. Among equals it differs from server to server who is
/// asked, so that a storm does not put all questions to the same three.
///
/// `candidates` must be `up` and on other machines than the hub; the server itself is
/// left out here. The work grows with their number, so a large fleet gives a part.
#[must_use]
pub fn nearest<'a>(
    server: &Server,
    candidates: impl IntoIterator<Item = &'a Server>,
) -> Vec<&'a Server> {
    let mut best: Vec<(usize, u64, &Server)> = Vec::new();
    for candidate in candidates.into_iter().filter(|other| other.name != server.name) {
        let entry = (shared(server, candidate), mix(server, candidate), candidate);
        let rank = |(shared, mix, _): &(usize, u64, &Server)| (*shared, *mix);
        let place = best.partition_point(|known| rank(known) >= rank(&entry));
        if place < MOST {
            best.insert(place, entry);
            best.truncate(MOST);
        }
    }
    best.into_iter().map(|(_, _, server)| server).collect()
}

/// How many labels the two have in common, their names aside.
fn shared(a: &Server, b: &Server) -> usize {
    let own = |(label, _): &(&str, &str)| !matches!(*label, "name" | "instance");
    a.labels.iter().filter(own).filter(|(label, value)| b.labels.get(label) == Some(value)).count()
}

/// FNV-1a over both names: the same on every machine, another one for each pair.
fn mix(a: &Server, b: &Server) -> u64 {
    let bytes = a.name.as_str().bytes().chain([0]).chain(b.name.as_str().bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::fixtures::server;

    #[test]
    fn those_with_most_labels_in_common_are_asked() {
        let web = server("web-1", &[("role", "web"), ("site", "fra")]);
        let fleet = [
            server("far", &[("role", "db"), ("site", "nyc")]),
            server("web-2", &[("role", "web"), ("site", "nyc")]),
            server("web-1", &[("role", "web"), ("site", "fra")]),
            server("web-3", &[("role", "web"), ("site", "fra")]),
            server("db-1", &[("role", "db"), ("site", "fra")]),
        ];
        let asked: Vec<&str> = nearest(&web, &fleet).iter().map(|s| s.name.as_str()).collect();
        assert_eq!(asked[0], "web-3");
        assert_eq!(asked[1..].iter().collect::<HashSet<_>>(), HashSet::from([&"web-2", &"db-1"]));
        assert!(nearest(&web, &fleet[2..3]).is_empty(), "a fleet of one has no neighbour");
    }

    #[test]
    fn a_storm_asks_many_different_neighbours() {
        let fleet: Vec<_> = (0..60).map(|n| server(&format!("web-{n}"), &[])).collect();
        let asked: HashSet<&str> = fleet
            .iter()
            .flat_map(|quiet| nearest(quiet, &fleet))
            .map(|server| server.name.as_str())
            .collect();
        assert!(asked.len() > 30, "only {} of 60", asked.len());
    }
}
