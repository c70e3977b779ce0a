use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};

use watchfire_identity::certificate::AgentId;
use watchfire_wire::limits::MAX_FALLBACK_MEMBERS;

use super::deal::Member;

/// An agent that could be a member.
pub(super) type Candidate = Member;

/// Who keeps the fallback: those that do already, and others up to nine, rather such that can be
/// reached and are in networks where no other one is. In the order of their ids.
pub(super) fn choose(mut candidates: Vec<Candidate>, now_in: &HashSet<AgentId>) -> Vec<Member> {
    candidates.sort_by_key(|one| one.agent);
    let (mut members, mut others): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|one| now_in.contains(&one.agent));
    members.truncate(MAX_FALLBACK_MEMBERS);
    let mut taken: HashMap<Option<[u8; 6]>, usize> = HashMap::new();
    members.iter().for_each(|one| *taken.entry(network(one.address)).or_default() += 1);
    while members.len() < MAX_FALLBACK_MEMBERS {
        let crowd = |one: &Candidate| {
            let network = network(one.address);
            (network.is_none(), taken.get(&network).copied().unwrap_or(0), one.agent)
        };
        let best = others.iter().enumerate().min_by_key(|(_, one)| crowd(one));
        let Some((at, _)) = best else { break };
        let one = others.swap_remove(at);
        *taken.entry(network(one.address)).or_default() += 1;
        members.push(one);
    }
    members.sort_by_key(|one| one.agent);
    members
}

/// The network that an address is in, as far as an address tells: /24 or /48.
fn network(address: Option<SocketAddr>) -> Option<[u8; 6]> {
    Some(match address?.ip().to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            [a, b, c, 0, 0, 4]
        }
        IpAddr::V6(ip) => {
            let octets = ip.octets();
            [octets[0], octets[1], octets[2], octets[3], octets[4], octets[5]]
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(number: u8, address: &str) -> Candidate {
        Candidate {
            agent: AgentId::of_public_key(&[number]),
            server: format!("web-{number}"),
            address: address.parse().ok(),
        }
    }

    #[test]
    fn nine_are_taken_and_they_stay() {
        let all: Vec<_> = (0..30).map(|n| candidate(n, &format!("192.0.2.{n}:5000"))).collect();
        let members = choose(all.clone(), &HashSet::new());
        assert_eq!(members.len(), 9);
        assert!(members.is_sorted_by_key(|one| one.agent));
        let now_in: HashSet<AgentId> = all[10..19].iter().map(|one| one.agent).collect();
        let chosen: HashSet<AgentId> =
            choose(all, &now_in).into_iter().map(|one| one.agent).collect();
        assert_eq!(chosen, now_in);
    }

    #[test]
    fn they_are_as_far_apart_as_can_be_and_can_be_reached() {
        let mut all: Vec<_> = (0..20).map(|n| candidate(n, "192.0.2.7:5000")).collect();
        all.extend((20..24).map(|n| candidate(n, &format!("198.51.{n}.1:5000"))));
        all.extend((30..34).map(|n| candidate(n, "")));
        let members = choose(all, &HashSet::new());
        let far = members.iter().filter(|one| {
            one.address.is_some_and(|address| address.to_string().starts_with("198"))
        });
        assert_eq!((members.len(), far.count()), (9, 4));
        assert!(members.iter().all(|one| one.address.is_some()));
        let hidden = (30..34).map(|n| candidate(n, "")).collect();
        assert_eq!(choose(hidden, &HashSet::new()).len(), 4, "better than none");
    }
}
