//! The boxes in which the key of a fallback lies: one for each set of members that is a quorum,
//! and each opens with all their parts together.

use watchfire_api::fallback::Whom;
use watchfire_identity::SealKey;
use watchfire_identity::certificate::AgentId;
use watchfire_wire::Fallback;

/// Where this agent stands in the list of members.
pub(super) fn own_place(fallback: &Fallback, who: AgentId) -> Option<usize> {
    let who = who.to_string();
    fallback.members.iter().position(|member| member.id == who)
}

/// Whom to tell, if a box opens with the parts of these members.
pub(super) fn open(
    fallback: &Fallback,
    agreeing: &[usize],
    parts: &[Option<[u8; 32]>],
) -> Option<Whom> {
    fallback.boxes.iter().find_map(|one| {
        let mut given: Vec<&[u8]> = Vec::new();
        for member in &one.members {
            let member = usize::try_from(*member).ok()?;
            let part = parts.get(member)?.as_ref().filter(|_| agreeing.contains(&member))?;
            given.push(part);
        }
        let key = SealKey::of_parts(&given).open(&one.sealed, &fallback.deal).ok()?;
        let key = SealKey::from_bytes(key.as_slice().try_into().ok()?);
        let whom = key.open(&fallback.sealed, &fallback.deal).ok()?;
        serde_json::from_slice(&whom).ok()
    })
}
