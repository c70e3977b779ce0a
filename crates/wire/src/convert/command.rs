//! Commands and what comes of them. What is run is never cut: it would be another command.

use std::collections::BTreeMap;

use super::{bounded_unix_ms, cut, sane_unix_ms, short};
use crate::limits::{
    MAX_ARGS, MAX_ARGV_BYTES, MAX_ENVELOPE_BYTES, MAX_NAME_BYTES, MAX_OUTPUT_CHUNK, MAX_PARAMS,
    MAX_PATH_BYTES, MAX_PROOF_HASHES, MAX_RUNBOOKS, MAX_SIGNATURE_BYTES, MAX_SIGNATURES,
    MAX_STDIN_BYTES, MAX_TEXT_BYTES,
};
use crate::proto::command as proto;
use crate::{
    CancelCommand, Command, CommandRefused, CommandStarted, Exit, OpenWork, Output, OutputAck,
    OutputStream, RunPolicy, Runbook, RunbookParam, RunbookWork, Runbooks, SignedWork, WireError,
    Work,
};

/// The length of a hash, in bytes.
const HASH: usize = 32;

pub(crate) fn to_wire(command: &Command) -> Result<proto::Command, WireError> {
    check(command)?;
    let work = match &command.work {
        Work::Signed(signed) => proto::Work::Signed(proto::SignedWork {
            envelope: signed.envelope.clone(),
            signatures: signed.signatures.clone(),
            index: signed.index,
            hashes: signed.hashes.concat(),
        }),
        Work::Runbook(asked) => proto::Work::Runbook(proto::RunbookWork {
            name: asked.name.clone(),
            params: asked
                .params
                .iter()
                .map(|(name, value)| proto::Param { name: name.clone(), value: value.clone() })
                .collect(),
            asker: asked.asker.clone(),
        }),
        Work::Open(open) => proto::Work::Open(proto::OpenWork {
            argv: open.argv.clone(),
            user: open.user.clone(),
            folder: open.folder.clone(),
            timeout_s: open.timeout_s,
            output_bytes: open.output_bytes,
            asker: open.asker.clone(),
        }),
    };
    Ok(proto::Command {
        run: command.run,
        command_id: command.command_id.to_vec(),
        work: Some(work),
        stdin: command.stdin.clone(),
    })
}

pub(crate) fn from_wire(wire: proto::Command) -> Result<Command, WireError> {
    let bad = |what| WireError::BadValue { what };
    let work = match wire.work.ok_or_else(|| bad("work of a command"))? {
        proto::Work::Signed(signed) => {
            let (hashes, rest) = signed.hashes.as_chunks::<HASH>();
            if !rest.is_empty() {
                return Err(bad("proof of a target"));
            }
            let (index, hashes) = (signed.index, hashes.to_vec());
            let proto::SignedWork { envelope, signatures, .. } = signed;
            Work::Signed(SignedWork { envelope, signatures, index, hashes })
        }
        proto::Work::Runbook(asked) => {
            let mut params = BTreeMap::new();
            for param in asked.params {
                if params.insert(param.name, param.value).is_some() {
                    return Err(bad("parameter of a runbook"));
                }
            }
            Work::Runbook(RunbookWork { name: asked.name, params, asker: asked.asker })
        }
        proto::Work::Open(open) => Work::Open(OpenWork {
            argv: open.argv,
            user: open.user,
            folder: open.folder,
            timeout_s: open.timeout_s,
            output_bytes: open.output_bytes,
            asker: open.asker,
        }),
    };
    let command_id = wire.command_id.try_into().map_err(|_| bad("id of a command"))?;
    let command = Command { run: wire.run, command_id, work, stdin: wire.stdin };
    check(&command)?;
    Ok(command)
}

/// Both ways the same, so that what goes out is never refused.
fn check(command: &Command) -> Result<(), WireError> {
    numbered(command.run)?;
    within(command.stdin.len(), "input of a command", MAX_STDIN_BYTES)?;
    match &command.work {
        Work::Signed(signed) => {
            within(signed.envelope.len(), "envelope of a command", MAX_ENVELOPE_BYTES)?;
            few(signed.signatures.len(), "signatures", MAX_SIGNATURES)?;
            few(signed.hashes.len(), "hashes of a proof", MAX_PROOF_HASHES)?;
            let mut lengths = signed.signatures.iter().map(String::len);
            lengths.try_for_each(|length| within(length, "signature", MAX_SIGNATURE_BYTES))
        }
        Work::Runbook(asked) => {
            within(asked.name.len(), "name of a runbook", MAX_NAME_BYTES)?;
            within(asked.asker.len(), "asker of a command", MAX_NAME_BYTES)?;
            few(asked.params.len(), "parameters of a runbook", MAX_PARAMS)?;
            asked.params.iter().try_for_each(|(name, value)| {
                within(name.len(), "name of a parameter", MAX_NAME_BYTES)?;
                within(value.len(), "parameter of a runbook", MAX_PATH_BYTES)
            })
        }
        Work::Open(open) => {
            few(open.argv.len(), "arguments of a command", MAX_ARGS)?;
            let bytes = open.argv.iter().map(String::len).sum();
            within(bytes, "arguments of a command", MAX_ARGV_BYTES)?;
            within(open.asker.len(), "asker of a command", MAX_NAME_BYTES)?;
            within(open.user.len(), "user of a command", MAX_NAME_BYTES)?;
            within(open.folder.len(), "folder of a command", MAX_PATH_BYTES)
        }
    }
}

pub(crate) fn output_to_wire(output: &Output) -> Result<proto::Output, WireError> {
    check_output(output)?;
    let stream = match output.stream {
        OutputStream::Stdout => 1,
        OutputStream::Stderr => 2,
    };
    let Output { run, offset, .. } = *output;
    Ok(proto::Output { run, stream, offset, bytes: output.bytes.clone() })
}

pub(crate) fn output_from_wire(wire: proto::Output) -> Result<Output, WireError> {
    let stream = match wire.stream {
        1 => OutputStream::Stdout,
        2 => OutputStream::Stderr,
        _ => return Err(WireError::BadValue { what: "stream of an output" }),
    };
    let output = Output { run: wire.run, stream, offset: wire.offset, bytes: wire.bytes };
    check_output(&output)?;
    Ok(output)
}

fn check_output(output: &Output) -> Result<(), WireError> {
    numbered(output.run)?;
    within(output.bytes.len(), "output of a command", MAX_OUTPUT_CHUNK)?;
    let ends = output.offset.checked_add(output.bytes.len() as u64);
    ends.map(drop).ok_or(WireError::BadValue { what: "place of an output" })
}

pub(crate) fn exit_to_wire(exit: &Exit) -> Result<proto::Exit, WireError> {
    check_exit(exit)?;
    Ok(proto::Exit {
        run: exit.run,
        code: exit.code,
        signal: exit.signal,
        began_unix_ms: bounded_unix_ms(exit.began_unix_ms),
        ended_unix_ms: bounded_unix_ms(exit.ended_unix_ms),
        user_us: exit.user_us,
        system_us: exit.system_us,
        peak_rss_bytes: exit.peak_rss_bytes,
        truncated: exit.truncated,
        timed_out: exit.timed_out,
        canceled: exit.canceled,
        output_bytes: exit.output_bytes,
        output_lost: exit.output_lost,
    })
}

pub(crate) fn exit_from_wire(wire: &proto::Exit) -> Result<Exit, WireError> {
    let exit = Exit {
        run: wire.run,
        code: wire.code,
        signal: wire.signal,
        began_unix_ms: sane_unix_ms(wire.began_unix_ms, "wall clock")?,
        ended_unix_ms: sane_unix_ms(wire.ended_unix_ms, "wall clock")?,
        user_us: wire.user_us,
        system_us: wire.system_us,
        peak_rss_bytes: wire.peak_rss_bytes,
        truncated: wire.truncated,
        timed_out: wire.timed_out,
        canceled: wire.canceled,
        output_bytes: wire.output_bytes,
        output_lost: wire.output_lost,
    };
    check_exit(&exit)?;
    Ok(exit)
}

/// A program ends by itself or by a signal, not by both.
fn check_exit(exit: &Exit) -> Result<(), WireError> {
    numbered(exit.run)?;
    match (exit.code, exit.signal) {
        (Some(_), Some(_)) => Err(WireError::BadValue { what: "end of a command" }),
        _ => Ok(()),
    }
}

pub(crate) fn cancel_to_wire(cancel: CancelCommand) -> Result<proto::CancelCommand, WireError> {
    Ok(proto::CancelCommand { run: numbered(cancel.run)? })
}

pub(crate) fn cancel_from_wire(wire: &proto::CancelCommand) -> Result<CancelCommand, WireError> {
    Ok(CancelCommand { run: numbered(wire.run)? })
}

pub(crate) fn refused_to_wire(
    refused: &CommandRefused,
) -> Result<proto::CommandRefused, WireError> {
    let why = cut(&refused.why, MAX_TEXT_BYTES);
    Ok(proto::CommandRefused { run: numbered(refused.run)?, why })
}

pub(crate) fn refused_from_wire(wire: proto::CommandRefused) -> Result<CommandRefused, WireError> {
    let why = short(wire.why, "reason of a refusal", MAX_TEXT_BYTES)?;
    Ok(CommandRefused { run: numbered(wire.run)?, why })
}

pub(crate) fn started_to_wire(started: CommandStarted) -> Result<proto::CommandStarted, WireError> {
    let unix_ms = bounded_unix_ms(started.unix_ms);
    Ok(proto::CommandStarted { run: numbered(started.run)?, unix_ms })
}

pub(crate) fn started_from_wire(wire: &proto::CommandStarted) -> Result<CommandStarted, WireError> {
    let unix_ms = sane_unix_ms(wire.unix_ms, "wall clock")?;
    Ok(CommandStarted { run: numbered(wire.run)?, unix_ms })
}

pub(crate) fn ack_to_wire(ack: OutputAck) -> Result<proto::OutputAck, WireError> {
    Ok(proto::OutputAck { run: numbered(ack.run)?, offset: ack.offset, done: ack.done })
}

pub(crate) fn ack_from_wire(wire: &proto::OutputAck) -> Result<OutputAck, WireError> {
    Ok(OutputAck { run: numbered(wire.run)?, offset: wire.offset, done: wire.done })
}

pub(crate) fn runbooks_to_wire(runbooks: &Runbooks) -> Result<proto::Runbooks, WireError> {
    check_runbooks(runbooks)?;
    let param = |param: &RunbookParam| proto::RunbookParam {
        name: param.name.clone(),
        kind: param.kind.clone(),
        hint: cut(&param.hint, MAX_TEXT_BYTES),
    };
    let one = |one: &Runbook| proto::Runbook {
        name: one.name.clone(),
        description: cut(&one.description, MAX_TEXT_BYTES),
        params: one.params.iter().map(param).collect(),
        confirm: one.confirm,
    };
    let policy = match runbooks.policy {
        RunPolicy::Off => 0,
        RunPolicy::Runbooks => 1,
        RunPolicy::Signed => 2,
        RunPolicy::Open => 3,
    };
    Ok(proto::Runbooks { policy, list: runbooks.list.iter().map(one).collect() })
}

pub(crate) fn runbooks_from_wire(wire: proto::Runbooks) -> Result<Runbooks, WireError> {
    let param = |param: proto::RunbookParam| {
        let hint = short(param.hint, "hint of a parameter", MAX_TEXT_BYTES)?;
        Ok(RunbookParam { name: param.name, kind: param.kind, hint })
    };
    let one = |one: proto::Runbook| {
        let description = short(one.description, "description of a runbook", MAX_TEXT_BYTES)?;
        let params = one.params.into_iter().map(param).collect::<Result<_, WireError>>()?;
        Ok(Runbook { name: one.name, description, params, confirm: one.confirm })
    };
    let policy = match wire.policy {
        1 => RunPolicy::Runbooks,
        2 => RunPolicy::Signed,
        3 => RunPolicy::Open,
        _ => RunPolicy::Off,
    };
    let list = wire.list.into_iter().map(one).collect::<Result<_, WireError>>()?;
    let runbooks = Runbooks { policy, list };
    check_runbooks(&runbooks)?;
    Ok(runbooks)
}

fn check_runbooks(runbooks: &Runbooks) -> Result<(), WireError> {
    few(runbooks.list.len(), "runbooks", MAX_RUNBOOKS)?;
    for one in &runbooks.list {
        within(one.name.len(), "name of a runbook", MAX_NAME_BYTES)?;
        few(one.params.len(), "parameters of a runbook", MAX_PARAMS)?;
        for param in &one.params {
            within(param.name.len(), "name of a parameter", MAX_NAME_BYTES)?;
            within(param.kind.len(), "type of a parameter", MAX_NAME_BYTES)?;
        }
    }
    Ok(())
}

/// 0 would be left out, and names nothing.
fn numbered(run: u64) -> Result<u64, WireError> {
    if run == 0 { Err(WireError::BadValue { what: "number of a run" }) } else { Ok(run) }
}

fn within(length: usize, what: &'static str, most: usize) -> Result<(), WireError> {
    if length > most { Err(WireError::TooLong { what, most }) } else { Ok(()) }
}

fn few(count: usize, what: &'static str, most: usize) -> Result<(), WireError> {
    if count > most { Err(WireError::TooMany { what, most }) } else { Ok(()) }
}
