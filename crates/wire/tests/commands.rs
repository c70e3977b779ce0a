//! A command is never cut: it goes as it is or not at all.

use watchfire_wire::limits::{
    MAX_ARGS, MAX_ARGV_BYTES, MAX_ENVELOPE_BYTES, MAX_OUTPUT_CHUNK, MAX_PARAMS, MAX_PATH_BYTES,
    MAX_PROOF_HASHES, MAX_RUNBOOKS, MAX_SIGNATURE_BYTES, MAX_SIGNATURES, MAX_STDIN_BYTES,
    MAX_TEXT_BYTES,
};
use watchfire_wire::{
    CancelCommand, Command, CommandRefused, Exit, MAX_FRAME_BYTES, Message, OpenWork, Output,
    Runbook, RunbookWork, Runbooks, SignedWork, WireError, Work, decode, encode,
};

fn command(work: Work, stdin: usize) -> Message {
    let stdin = vec![1; stdin];
    Message::Command(Box::new(Command { run: 1, command_id: [1; 16], work, stdin }))
}

fn signed(envelope: usize, signatures: usize, length: usize, hashes: usize) -> Message {
    let signatures = vec!["x".repeat(length); signatures];
    let (envelope, hashes) = (vec![1; envelope], vec![[1; 32]; hashes]);
    command(Work::Signed(SignedWork { envelope, signatures, index: 0, hashes }), MAX_STDIN_BYTES)
}

fn open(count: usize, length: usize) -> Message {
    let argv = vec!["x".repeat(length); count];
    command(Work::Open(OpenWork { argv, ..OpenWork::default() }), 0)
}

fn runbook(params: usize, length: usize) -> Message {
    let params = (0..params).map(|number| (number.to_string(), "x".repeat(length))).collect();
    command(Work::Runbook(RunbookWork { params, ..RunbookWork::default() }), 0)
}

fn output(length: usize) -> Message {
    Message::Output(Output { run: 1, bytes: vec![1; length], ..Output::default() })
}

fn runbooks(count: usize) -> Message {
    Message::Runbooks(Runbooks { list: vec![Runbook::default(); count], ..Runbooks::default() })
}

#[test]
fn the_largest_command_fits_a_frame_and_nothing_larger_goes() {
    let largest = signed(MAX_ENVELOPE_BYTES, MAX_SIGNATURES, MAX_SIGNATURE_BYTES, MAX_PROOF_HASHES);
    let bytes = encode(&largest).expect("it is within the limits");
    assert!(bytes.len() <= MAX_FRAME_BYTES);
    assert_eq!(decode(&bytes), Ok(Some(largest)));
    for good in [
        open(MAX_ARGS, 1),
        open(1, MAX_ARGV_BYTES),
        runbook(MAX_PARAMS, MAX_PATH_BYTES),
        output(MAX_OUTPUT_CHUNK),
        runbooks(MAX_RUNBOOKS),
    ] {
        let bytes = encode(&good).expect("it is within the limits");
        assert_eq!(decode(&bytes), Ok(Some(good)));
    }
    for bad in [
        signed(MAX_ENVELOPE_BYTES + 1, 0, 0, 0),
        signed(0, MAX_SIGNATURES + 1, 0, 0),
        signed(0, 1, MAX_SIGNATURE_BYTES + 1, 0),
        signed(0, 0, 0, MAX_PROOF_HASHES + 1),
        command(Work::default(), MAX_STDIN_BYTES + 1),
        open(MAX_ARGS + 1, 1),
        open(2, MAX_ARGV_BYTES / 2 + 1),
        runbook(MAX_PARAMS + 1, 0),
        runbook(1, MAX_PATH_BYTES + 1),
        output(MAX_OUTPUT_CHUNK + 1),
        runbooks(MAX_RUNBOOKS + 1),
    ] {
        assert!(encode(&bad).is_err(), "{bad:?}");
    }
}

#[test]
fn what_cannot_be_is_refused_both_ways() {
    let nothing = Message::CancelCommand(CancelCommand { run: 0 });
    let wrong = WireError::BadValue { what: "number of a run" };
    assert_eq!(encode(&nothing), Err(wrong.clone()));
    // Its number in the frame takes two bytes, and its content none.
    assert_eq!(decode(&[0xb2, 1, 0]), Err(wrong));
    let both = Exit { run: 1, code: Some(0), signal: Some(9), ..Exit::default() };
    assert_eq!(encode(&Message::Exit(both)), Err(WireError::BadValue { what: "end of a command" }));
    let far = Output { run: 1, offset: u64::MAX, bytes: vec![1], ..Output::default() };
    assert_eq!(
        encode(&Message::Output(far)),
        Err(WireError::BadValue { what: "place of an output" })
    );
}

#[test]
fn only_words_are_cut() {
    let why = "ü".repeat(MAX_TEXT_BYTES);
    let refused = Message::CommandRefused(CommandRefused { run: 1, why });
    let bytes = encode(&refused).expect("it is cut");
    let Ok(Some(Message::CommandRefused(back))) = decode(&bytes) else { panic!("a refusal") };
    assert_eq!(back.why, "ü".repeat(MAX_TEXT_BYTES / 2));
}
