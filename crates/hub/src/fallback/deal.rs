use std::net::SocketAddr;

use watchfire_api::fallback::Whom;
use watchfire_identity::certificate::AgentId;
use watchfire_identity::{Randomness, SealKey, hmac_sha256_hex};
use watchfire_wire::{self as wire, FallbackBox, FallbackMember};

use crate::config::Fallback;

/// How many members must find the hub gone, where there are so many.
const QUORUM: usize = 3;

/// What is dealt out, but for the keys.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(super) after_s: u32,
    pub(super) after_stop_s: u32,
    pub(super) hub: String,
    pub(super) whom: Whom,
}

/// An agent that holds a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(super) agent: AgentId,
    pub(super) server: String,
    pub(super) address: Option<SocketAddr>,
}

/// What each member holds.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Deal {
    /// Tells by what terms it was made, and nothing of them.
    pub(super) terms: String,
    /// One for each member, in their order.
    pub(super) hands: Vec<wire::Fallback>,
}

impl Terms {
    pub(crate) fn new(fallback: &Fallback, allow: Vec<String>, hub: &str) -> Self {
        let seconds = |time: std::time::Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        let channels = fallback.channels.iter().map(|one| one.as_str().to_owned()).collect();
        let most = hub.floor_char_boundary(wire::limits::MAX_TEXT_BYTES);
        Self {
            after_s: seconds(fallback.after),
            after_stop_s: seconds(fallback.after_stop),
            hub: hub[..most].to_owned(),
            whom: Whom { channels, allow },
        }
    }

    fn whom(&self) -> Vec<u8> {
        serde_json::to_vec(&self.whom).unwrap_or_default()
    }

    /// Differs with every change of the terms.
    fn print(&self, salt: &[u8]) -> String {
        let mut all = self.whom();
        all.extend(format!("\n{} {} {}", self.after_s, self.after_stop_s, self.hub).into_bytes());
        hmac_sha256_hex(salt, &all)
    }
}

impl Deal {
    /// Deals a new key out to `members`, which are in the order of their ids.
    pub(super) fn new(
        terms: &Terms,
        members: Vec<Member>,
        randomness: &mut impl Randomness,
    ) -> Self {
        let mut deal = [0; 16];
        randomness.fill(&mut deal);
        let key = SealKey::generate(randomness);
        let sealed = key.seal(&terms.whom(), &deal, randomness);
        let parts: Vec<SealKey> = members.iter().map(|_| SealKey::generate(randomness)).collect();
        let quorum = members.len().min(QUORUM);
        let boxes: Vec<FallbackBox> = sets(members.len(), quorum)
            .into_iter()
            .map(|set| {
                let given: Vec<&[u8]> =
                    set.iter().map(|member| &parts[*member].as_bytes()[..]).collect();
                let sealed = SealKey::of_parts(&given).seal(key.as_bytes(), &deal, randomness);
                let members = set.into_iter().filter_map(|one| u32::try_from(one).ok()).collect();
                FallbackBox { members, sealed }
            })
            .collect();
        let named: Vec<FallbackMember> = members.iter().map(to_wire).collect();
        let hands = parts.iter().enumerate().map(|(place, part)| {
            let is_own =
                |one: &&FallbackBox| one.members.contains(&u32::try_from(place).unwrap_or(0));
            wire::Fallback {
                deal,
                after_s: terms.after_s,
                after_stop_s: terms.after_stop_s,
                quorum: u32::try_from(quorum).unwrap_or(u32::MAX),
                hub: terms.hub.clone(),
                part: part.as_bytes().to_vec(),
                boxes: boxes.iter().filter(is_own).cloned().collect(),
                sealed: sealed.clone(),
                members: named.clone(),
            }
        });
        Self { terms: terms.print(&deal), hands: hands.collect() }
    }

    pub(super) fn id(&self) -> [u8; 16] {
        self.hands.first().map_or([0; 16], |hand| hand.deal)
    }

    pub(super) fn quorum(&self) -> u32 {
        self.hands.first().map_or(0, |hand| hand.quorum)
    }

    pub(super) fn is_of(&self, terms: &Terms) -> bool {
        self.terms == terms.print(&self.id())
    }

    pub(super) fn members(&self) -> Vec<Member> {
        self.hands
            .first()
            .map_or(Vec::new(), |hand| hand.members.iter().filter_map(from_wire).collect())
    }

    pub(super) fn agents(&self) -> Vec<AgentId> {
        self.members().into_iter().map(|member| member.agent).collect()
    }

    pub(super) fn member(&self, agent: AgentId) -> Option<Member> {
        self.members().into_iter().find(|member| member.agent == agent)
    }

    /// What this agent holds, if it is a member.
    pub(super) fn hand(&self, agent: AgentId) -> Option<&wire::Fallback> {
        let place = self.members().iter().position(|member| member.agent == agent)?;
        self.hands.get(place)
    }
}

fn to_wire(member: &Member) -> FallbackMember {
    FallbackMember {
        id: member.agent.to_string(),
        server: member.server.clone(),
        address: member.address.map(|address| address.to_string()).unwrap_or_default(),
    }
}

fn from_wire(member: &FallbackMember) -> Option<Member> {
    Some(Member {
        agent: member.id.parse().ok()?,
        server: member.server.clone(),
        address: member.address.parse().ok(),
    })
}

/// All sets of `size` out of `count`, each rising.
fn sets(count: usize, size: usize) -> Vec<Vec<usize>> {
    let mut sets = vec![Vec::new()];
    for _ in 0..size {
        sets = sets
            .into_iter()
            .flat_map(|set: Vec<usize>| {
                let from = set.last().map_or(0, |last| last + 1);
                (from..count).map(move |next| {
                    let mut set = set.clone();
                    set.push(next);
                    set
                })
            })
            .collect();
    }
    sets
}

#[cfg(test)]
mod tests {
    use watchfire_identity::SystemRandomness;

    use super::*;

    fn terms() -> Terms {
        let whom = Whom { channels: vec!["json://secret".to_owned()], allow: Vec::new() };
        Terms { after_s: 120, after_stop_s: 1800, hub: "hub".to_owned(), whom }
    }

    fn members(count: u8) -> Vec<Member> {
        let member = |number: u8| Member {
            agent: AgentId::of_public_key(&[number]),
            server: format!("web-{number}"),
            address: number
                .is_multiple_of(2)
                .then(|| format!("192.0.2.{number}:5000"))
                .map(|a| a.parse().expect("an address")),
        };
        let mut members: Vec<Member> = (1..=count).map(member).collect();
        members.sort_by_key(|one| one.agent);
        members
    }

    /// What these members learn together: whom to tell, if a box opens.
    fn opened(deal: &Deal, together: &[usize]) -> Option<Whom> {
        let hands: Vec<&wire::Fallback> = together.iter().map(|one| &deal.hands[*one]).collect();
        let boxes = hands.iter().flat_map(|hand| &hand.boxes);
        boxes.into_iter().find_map(|one| {
            let given: Option<Vec<&[u8]>> = one
                .members
                .iter()
                .map(|member| {
                    let at = together.iter().position(|have| *have == *member as usize)?;
                    Some(hands[at].part.as_slice())
                })
                .collect();
            let key = SealKey::of_parts(&given?).open(&one.sealed, &hands[0].deal).ok()?;
            let key = SealKey::from_bytes(key.as_slice().try_into().ok()?);
            serde_json::from_slice(&key.open(&hands[0].sealed, &hands[0].deal).ok()?).ok()
        })
    }

    #[test]
    fn three_together_learn_whom_to_tell_and_no_two() {
        for count in 1..=9_u8 {
            let deal = Deal::new(&terms(), members(count), &mut SystemRandomness);
            let count = usize::from(count);
            let quorum = count.min(3);
            for size in 1..=quorum {
                for set in sets(count, size) {
                    let learnt = opened(&deal, &set);
                    assert_eq!(learnt.is_some(), size == quorum, "{set:?} of {count}");
                }
            }
            for hand in &deal.hands {
                let message = wire::Message::Fallback(Box::new(hand.clone()));
                let frame = wire::encode(&message).expect("it is within the limits");
                assert!(frame.len() < 8 << 10, "{} bytes", frame.len());
                assert!(!frame.windows(6).any(|window| window == b"secret"));
            }
        }
    }

    #[test]
    fn a_deal_is_of_its_terms_alone_and_no_two_are_alike() {
        let deal = Deal::new(&terms(), members(4), &mut SystemRandomness);
        assert!(deal.is_of(&terms()));
        assert!(!deal.is_of(&Terms { after_s: 60, ..terms() }));
        let whom = Whom { channels: vec!["json://other".to_owned()], allow: Vec::new() };
        assert!(!deal.is_of(&Terms { whom, ..terms() }));
        assert_eq!(deal.members(), members(4));
        let other = Deal::new(&terms(), members(4), &mut SystemRandomness);
        assert!(deal.id() != other.id() && deal.hands[0].part != other.hands[0].part);
    }
}
