//! What agents hold for the day without a hub. Nothing of it is cut: it would be another secret.

use std::net::SocketAddr;

use super::{at_most, bounded_unix_ms, sane_unix_ms};
use crate::limits::{
    AGENT_ID_BYTES, FALLBACK_PART_BYTES, MAX_ADDRESS_BYTES, MAX_FALLBACK_BOX_BYTES,
    MAX_FALLBACK_BOXES, MAX_FALLBACK_BYTES, MAX_FALLBACK_MEMBERS, MAX_FALLBACK_S, MAX_SERVER_BYTES,
    MAX_TEXT_BYTES,
};
use crate::{
    Fallback, FallbackBox, FallbackHeard, FallbackMember, FallbackSeat, FallbackTold, WireError,
    proto,
};

pub(crate) fn to_wire(fallback: &Fallback) -> Result<proto::Fallback, WireError> {
    check(fallback)?;
    let one = |one: &FallbackBox| proto::FallbackBox {
        members: one.members.clone(),
        sealed: one.sealed.clone(),
    };
    let member = |member: &FallbackMember| proto::FallbackMember {
        id: member.id.clone(),
        server: member.server.clone(),
        address: member.address.clone(),
    };
    Ok(proto::Fallback {
        deal: fallback.deal.to_vec(),
        after_s: fallback.after_s,
        after_stop_s: fallback.after_stop_s,
        quorum: fallback.quorum,
        hub: fallback.hub.clone(),
        part: fallback.part.clone(),
        boxes: fallback.boxes.iter().map(one).collect(),
        sealed: fallback.sealed.clone(),
        members: fallback.members.iter().map(member).collect(),
    })
}

pub(crate) fn from_wire(wire: proto::Fallback) -> Result<Fallback, WireError> {
    let one = |one: proto::FallbackBox| FallbackBox { members: one.members, sealed: one.sealed };
    let member = |one: proto::FallbackMember| FallbackMember {
        id: one.id,
        server: one.server,
        address: one.address,
    };
    let fallback = Fallback {
        deal: id(&wire.deal, "deal")?,
        after_s: wire.after_s,
        after_stop_s: wire.after_stop_s,
        quorum: wire.quorum,
        hub: wire.hub,
        part: wire.part,
        boxes: wire.boxes.into_iter().map(one).collect(),
        sealed: wire.sealed,
        members: wire.members.into_iter().map(member).collect(),
    };
    check(&fallback)?;
    Ok(fallback)
}

/// Both ways the same, so that what goes out is never refused.
fn check(fallback: &Fallback) -> Result<(), WireError> {
    at_most(fallback.after_s, MAX_FALLBACK_S, "time of a fallback")?;
    at_most(fallback.after_stop_s, MAX_FALLBACK_S, "time of a fallback")?;
    within(fallback.hub.len(), "hub's name", MAX_TEXT_BYTES)?;
    if fallback.part.len() != FALLBACK_PART_BYTES {
        return Err(WireError::BadValue { what: "part of a fallback's key" });
    }
    within(fallback.sealed.len(), "sealed fallback", MAX_FALLBACK_BYTES)?;
    few(fallback.members.len(), "members of a fallback", MAX_FALLBACK_MEMBERS)?;
    few(fallback.boxes.len(), "boxes of a fallback", MAX_FALLBACK_BOXES)?;
    at_most(fallback.quorum as usize, fallback.members.len(), "quorum")?;
    for member in &fallback.members {
        agent_id(&member.id)?;
        within(member.server.len(), "server name", MAX_SERVER_BYTES)?;
        within(member.address.len(), "address of a member", MAX_ADDRESS_BYTES)?;
        let is_one = member.address.is_empty() || member.address.parse::<SocketAddr>().is_ok();
        if !is_one {
            return Err(WireError::BadValue { what: "address of a member" });
        }
    }
    for one in &fallback.boxes {
        within(one.sealed.len(), "box of a fallback", MAX_FALLBACK_BOX_BYTES)?;
        let rising = one.members.is_sorted_by(|a, b| a < b);
        let known = one.members.iter().all(|place| (*place as usize) < fallback.members.len());
        if !rising || !known || one.members.len() != fallback.quorum as usize {
            return Err(WireError::BadValue { what: "members of a box" });
        }
    }
    Ok(())
}

pub(crate) fn seat_to_wire(seat: FallbackSeat) -> proto::FallbackSeat {
    let deal = seat.deal.map(|deal| deal.to_vec()).unwrap_or_default();
    proto::FallbackSeat { port: u32::from(seat.port), deal }
}

pub(crate) fn seat_from_wire(seat: &proto::FallbackSeat) -> Result<FallbackSeat, WireError> {
    let port = u16::try_from(seat.port).map_err(|_| WireError::BadValue { what: "port" })?;
    let deal = if seat.deal.is_empty() { None } else { Some(id(&seat.deal, "deal")?) };
    Ok(FallbackSeat { port, deal })
}

pub(crate) fn told_to_wire(told: &FallbackTold) -> Result<proto::FallbackTold, WireError> {
    agent_id(&told.by)?;
    at_most(told.agreed as usize, MAX_FALLBACK_MEMBERS, "agreeing agents")?;
    Ok(proto::FallbackTold {
        outage: told.outage.to_vec(),
        by: told.by.clone(),
        agreed: told.agreed,
        since_unix_ms: bounded_unix_ms(told.since_unix_ms),
        told_unix_ms: bounded_unix_ms(told.told_unix_ms),
    })
}

pub(crate) fn told_from_wire(told: proto::FallbackTold) -> Result<FallbackTold, WireError> {
    agent_id(&told.by)?;
    at_most(told.agreed as usize, MAX_FALLBACK_MEMBERS, "agreeing agents")?;
    Ok(FallbackTold {
        outage: id(&told.outage, "outage")?,
        by: told.by,
        agreed: told.agreed,
        since_unix_ms: sane_unix_ms(told.since_unix_ms, "wall clock")?,
        told_unix_ms: sane_unix_ms(told.told_unix_ms, "wall clock")?,
    })
}

pub(crate) fn heard_to_wire(heard: FallbackHeard) -> proto::FallbackHeard {
    proto::FallbackHeard { outage: heard.outage.to_vec() }
}

pub(crate) fn heard_from_wire(heard: &proto::FallbackHeard) -> Result<FallbackHeard, WireError> {
    Ok(FallbackHeard { outage: id(&heard.outage, "outage")? })
}

fn id(bytes: &[u8], what: &'static str) -> Result<[u8; 16], WireError> {
    bytes.try_into().map_err(|_| WireError::BadValue { what })
}

fn agent_id(text: &str) -> Result<(), WireError> {
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_id = text.len() == AGENT_ID_BYTES && text.bytes().all(hex);
    if is_id { Ok(()) } else { Err(WireError::BadValue { what: "id of an agent" }) }
}

fn within(length: usize, what: &'static str, most: usize) -> Result<(), WireError> {
    if length > most { Err(WireError::TooLong { what, most }) } else { Ok(()) }
}

fn few(count: usize, what: &'static str, most: usize) -> Result<(), WireError> {
    if count > most { Err(WireError::TooMany { what, most }) } else { Ok(()) }
}
