//! Commands and what comes of them.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use watchfire_wire::{
    CancelCommand, Command, CommandRefused, CommandStarted, Exit, Message, OpenWork, Output,
    OutputAck, OutputStream, RunPolicy, Runbook, RunbookParam, RunbookWork, Runbooks, SignedWork,
    Work,
};

use super::{text, unix_ms};

fn run() -> impl Strategy<Value = u64> {
    1..=u64::MAX
}

fn work() -> impl Strategy<Value = Work> {
    let bytes = || vec(any::<u8>(), 0..200);
    let signed = (bytes(), vec(text(), 0..4), any::<u32>(), vec(any::<[u8; 32]>(), 0..4)).prop_map(
        |(envelope, signatures, index, hashes)| {
            Work::Signed(SignedWork { envelope, signatures, index, hashes })
        },
    );
    let runbook = (text(), btree_map(text(), text(), 0..4), text())
        .prop_map(|(name, params, asker)| Work::Runbook(RunbookWork { name, params, asker }));
    let open = (vec(text(), 0..5), text(), text(), any::<u32>(), any::<u64>(), text()).prop_map(
        |(argv, user, folder, timeout_s, output_bytes, asker)| {
            Work::Open(OpenWork { argv, user, folder, timeout_s, output_bytes, asker })
        },
    );
    prop_oneof![signed, runbook, open]
}

fn command() -> impl Strategy<Value = Message> {
    (run(), any::<[u8; 16]>(), work(), vec(any::<u8>(), 0..100)).prop_map(
        |(run, command_id, work, stdin)| {
            Message::Command(Box::new(Command { run, command_id, work, stdin }))
        },
    )
}

fn output() -> impl Strategy<Value = Message> {
    let stream = prop_oneof![Just(OutputStream::Stdout), Just(OutputStream::Stderr)];
    (run(), stream, 0..=u64::MAX - 100, vec(any::<u8>(), 0..100)).prop_map(
        |(run, stream, offset, bytes)| Message::Output(Output { run, stream, offset, bytes }),
    )
}

fn exit() -> impl Strategy<Value = Message> {
    let end = prop_oneof![
        option::of(any::<i32>()).prop_map(|code| (code, None)),
        any::<u32>().prop_map(|signal| (None, Some(signal))),
    ];
    (run(), end, (unix_ms(), unix_ms()), any::<[u64; 4]>(), any::<[bool; 4]>()).prop_map(
        |(run, (code, signal), (began_unix_ms, ended_unix_ms), numbers, flags)| {
            Message::Exit(Exit {
                run,
                code,
                signal,
                began_unix_ms,
                ended_unix_ms,
                user_us: numbers[0],
                system_us: numbers[1],
                peak_rss_bytes: numbers[2],
                truncated: flags[0],
                timed_out: flags[1],
                canceled: flags[2],
                output_bytes: numbers[3],
                output_lost: flags[3],
            })
        },
    )
}

fn runbooks() -> impl Strategy<Value = Message> {
    let param =
        (text(), text(), text()).prop_map(|(name, kind, hint)| RunbookParam { name, kind, hint });
    let one = (text(), text(), vec(param, 0..3), any::<bool>()).prop_map(
        |(name, description, params, confirm)| Runbook { name, description, params, confirm },
    );
    (proptest::sample::select(&RunPolicy::ALL[..]), vec(one, 0..4))
        .prop_map(|(policy, list)| Message::Runbooks(Runbooks { policy, list }))
}

/// Any of them that is within the limits.
pub(crate) fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        command(),
        output(),
        exit(),
        runbooks(),
        run().prop_map(|run| Message::CancelCommand(CancelCommand { run })),
        (run(), text()).prop_map(|(run, why)| Message::CommandRefused(CommandRefused { run, why })),
        (run(), unix_ms())
            .prop_map(|(run, unix_ms)| Message::CommandStarted(CommandStarted { run, unix_ms })),
        (run(), any::<u64>(), any::<bool>())
            .prop_map(|(run, offset, done)| Message::OutputAck(OutputAck { run, offset, done })),
    ]
}
