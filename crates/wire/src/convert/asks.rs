//! The messages with which one side asks the other for something, and the
//! answers to them.

use std::net::SocketAddr;

use super::{at_most, short};
use crate::limits::{
    AGENT_ID_BYTES, MAX_ADDRESS_BYTES, MAX_PEM_BYTES, MAX_PROBE_MS, MAX_SERVER_BYTES,
};
use crate::{
    Backfill, BackfillEnd, Probe, ProbeResult, ProbeSaw, Renew, Renewed, WireError, proto,
};

/// A request that can be asked and answered: 0 stands for live records.
fn numbered(request: u64) -> Result<u64, WireError> {
    if request == 0 { Err(WireError::BadValue { what: "backfill request" }) } else { Ok(request) }
}

pub(crate) fn backfill_to_wire(ask: Backfill) -> Result<proto::Backfill, WireError> {
    let from = at_most(ask.from, ask.to, "backfill range")?;
    Ok(proto::Backfill { request: numbered(ask.request)?, from, to: ask.to })
}

pub(crate) fn backfill_from_wire(ask: &proto::Backfill) -> Result<Backfill, WireError> {
    let from = at_most(ask.from, ask.to, "backfill range")?;
    Ok(Backfill { request: numbered(ask.request)?, from, to: ask.to })
}

pub(crate) fn backfill_end_to_wire(end: BackfillEnd) -> Result<proto::BackfillEnd, WireError> {
    Ok(proto::BackfillEnd { request: numbered(end.request)?, missing: end.missing })
}

pub(crate) fn backfill_end_from_wire(end: &proto::BackfillEnd) -> Result<BackfillEnd, WireError> {
    Ok(BackfillEnd { request: numbered(end.request)?, missing: end.missing })
}

pub(crate) fn probe_to_wire(probe: &Probe) -> Result<proto::Probe, WireError> {
    Ok(proto::Probe {
        id: probe.id,
        server: short(probe.server.clone(), "server name", MAX_SERVER_BYTES)?,
        address: address(probe.address.clone())?,
        key: key(probe.key.clone())?,
    })
}

pub(crate) fn probe_from_wire(probe: proto::Probe) -> Result<Probe, WireError> {
    Ok(Probe {
        id: probe.id,
        server: short(probe.server, "server name", MAX_SERVER_BYTES)?,
        address: address(probe.address)?,
        key: key(probe.key)?,
    })
}

/// Cut, it would be another address.
fn address(text: String) -> Result<String, WireError> {
    let text = short(text, "address of a probe", MAX_ADDRESS_BYTES)?;
    let parsed = text.parse::<SocketAddr>();
    parsed.map_err(|_| WireError::BadValue { what: "address of a probe" })?;
    Ok(text)
}

/// Empty or the id of an agent.
fn key(text: String) -> Result<String, WireError> {
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_id = text.len() == AGENT_ID_BYTES && text.bytes().all(hex);
    if text.is_empty() || is_id {
        Ok(text)
    } else {
        Err(WireError::BadValue { what: "key of a probe" })
    }
}

pub(crate) fn probe_result_to_wire(result: ProbeResult) -> proto::ProbeResult {
    let took_ms = result.took_ms.min(MAX_PROBE_MS);
    proto::ProbeResult { id: result.id, saw: saw_code(result.saw), took_ms }
}

pub(crate) fn probe_result_from_wire(
    result: &proto::ProbeResult,
) -> Result<ProbeResult, WireError> {
    let took_ms = at_most(result.took_ms, MAX_PROBE_MS, "time of a probe")?;
    Ok(ProbeResult { id: result.id, saw: saw_of(result.saw), took_ms })
}

fn saw_code(saw: ProbeSaw) -> u32 {
    match saw {
        ProbeSaw::Declined => 0,
        ProbeSaw::Reached => 1,
        ProbeSaw::Refused => 2,
        ProbeSaw::Silent => 3,
        ProbeSaw::NoAnswer => 4,
        ProbeSaw::NoRoute => 5,
        ProbeSaw::PingAnswered => 6,
    }
}

fn saw_of(code: u32) -> ProbeSaw {
    ProbeSaw::ALL.into_iter().find(|saw| saw_code(*saw) == code).unwrap_or_default()
}

pub(crate) fn renew_to_wire(renew: &Renew) -> Result<proto::Renew, WireError> {
    Ok(proto::Renew { csr_pem: pem(renew.csr_pem.clone(), "signing request")? })
}

pub(crate) fn renew_from_wire(renew: proto::Renew) -> Result<Renew, WireError> {
    Ok(Renew { csr_pem: pem(renew.csr_pem, "signing request")? })
}

pub(crate) fn renewed_to_wire(renewed: &Renewed) -> Result<proto::Renewed, WireError> {
    Ok(proto::Renewed { certificate_pem: pem(renewed.certificate_pem.clone(), "certificate")? })
}

pub(crate) fn renewed_from_wire(renewed: proto::Renewed) -> Result<Renewed, WireError> {
    Ok(Renewed { certificate_pem: pem(renewed.certificate_pem, "certificate")? })
}

/// Whether it is PEM is for those to say who can read it.
fn pem(text: String, what: &'static str) -> Result<String, WireError> {
    short(text, what, MAX_PEM_BYTES)
}
