//! Other ways to read a stream: with a pool of keys, and without its values.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use common::{frames, processes, ticks};
use proptest::prelude::*;
use proptest::sample::Index;
use watchfire_codec::{
    Checked, Checker, CodecError, Decoder, Frame, KeptTable, KeyPool, MAX_KEPT_CHAIN_BYTES,
    ProcessEncoder, TableChain, check, peek,
};
use watchfire_model::{ProcessRow, ProcessTable, Schema, Tick};

fn decode(decoder: &mut Decoder, mut bytes: &[u8]) -> Vec<(Schema, Tick)> {
    let mut seen = Vec::new();
    while let Some(frame) = decoder.next(&mut bytes).unwrap() {
        if let Frame::Tick(tick) = frame {
            let tick = tick.clone();
            assert_eq!(*decoder.tick(), tick);
            seen.push((decoder.schema().clone(), tick));
        }
    }
    seen
}

/// How many frames are sound, how many bytes are left after them, and the first error.
type Told = (usize, usize, Option<CodecError>);

fn told(mut bytes: &[u8], mut next: impl FnMut(&mut &[u8]) -> Result<bool, CodecError>) -> Told {
    let mut sound = 0;
    loop {
        match next(&mut bytes) {
            Ok(true) => sound += 1,
            Ok(false) => return (sound, bytes.len(), None),
            Err(error) => return (sound, bytes.len(), Some(error)),
        }
    }
}

proptest! {
    #[test]
    fn a_pool_changes_nothing_but_memory(a in ticks::steps(40), b in ticks::steps(40)) {
        let pool = KeyPool::new();
        let streams = [ticks::stream(&a), ticks::stream(&b), ticks::stream(&a)];
        let mut decoders = [(); 3].map(|()| Decoder::with_pool(pool.clone()));
        for (decoder, (truth, bytes)) in decoders.iter_mut().zip(&streams) {
            prop_assert_eq!(&decode(decoder, bytes), truth);
        }
        let [first, second, third] = &decoders;
        prop_assert!(first.schema().is_empty() || first.schema().shares_memory_with(third.schema()));
        for key in second.schema().keys() {
            let same = first.schema().keys().iter().find(|other| *other == key);
            prop_assert!(same.is_none_or(|same| same.shares_memory_with(key)));
        }
    }

    #[test]
    fn a_checker_says_what_a_decoder_says(
        steps in ticks::steps(24),
        changes in processes::changes(12),
        damage in prop::option::of((any::<Index>(), any::<u8>())),
    ) {
        let mut bytes = ticks::stream(&steps).1;
        bytes.extend(processes::stream(&changes).1);
        if let Some((at, byte)) = damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let (mut checker, mut decoder) = (Checker::new(), Decoder::new());
        let checked = told(&bytes, |input| Ok(checker.next(input)?.is_some()));
        let decoded = told(&bytes, |input| Ok(decoder.next(input)?.is_some()));
        // A changed kind that is not known is passed over by a decoder, when the rest is right.
        prop_assert_eq!((checked.1, &checked.2), (decoded.1, &decoded.2));
    }

    #[test]
    fn batches_are_checked_one_after_the_other(steps in ticks::steps(40), cut: Index) {
        let (truth, bytes) = ticks::stream(&steps);
        let all = frames(&bytes);
        let cut = all[cut.index(all.len())].start;
        let whole = check(&bytes).unwrap();
        prop_assert_eq!(whole.ticks as usize, truth.len());
        prop_assert_eq!(whole.from_ms, truth.iter().map(|(_, tick)| tick.at.unix_ms).min());
        prop_assert_eq!(whole.to_ms, truth.iter().map(|(_, tick)| tick.at.unix_ms).max());
        let mut checker = Checker::new();
        let parts = [checker.check(&bytes[..cut]).unwrap(), checker.check(&bytes[cut..]).unwrap()];
        prop_assert_eq!(parts[0].ticks + parts[1].ticks, whole.ticks);
        prop_assert_eq!(parts[0].schemas + parts[1].schemas, whole.schemas);
        if cut > 0 {
            prop_assert!(check(&bytes[..cut - 1]).is_err(), "a frame is cut");
            let starts = peek(&bytes[cut..]).unwrap().unwrap().starts_chain;
            prop_assert!(starts || check(&bytes[cut..]).is_err(), "the start is missing");
        }
    }

    #[test]
    fn a_kept_chain_gives_what_a_decoder_gives(
        changes in processes::changes(20),
        damage in prop::option::of((any::<Index>(), any::<Index>(), any::<u8>())),
    ) {
        let (truth, bytes) = processes::stream(&changes);
        let mut all: Vec<Vec<u8>> =
            frames(&bytes).into_iter().map(|range| bytes[range].to_vec()).collect();
        let damaged = damage.map(|(frame, at, byte)| {
            let frame = frame.index(all.len());
            let at = at.index(all[frame].len());
            let changes = all[frame][at] != byte;
            all[frame][at] = byte;
            (frame, changes)
        });
        let (mut chain, mut newest, mut broken) = (TableChain::default(), None, false);
        for (number, frame) in all.iter().enumerate() {
            let kept = chain.push(frame);
            if let Some((at, true)) = damaged && at == number {
                prop_assert!(kept.is_err());
                broken = true;
            } else {
                let starts = peek(frame).unwrap().unwrap().starts_chain;
                broken &= !starts;
                prop_assert_eq!(kept, if broken { Err(CodecError::ChainBroken) } else { Ok(KeptTable::Newest) });
                newest = if broken { newest } else { Some(number) };
            }
            match (chain.newest().unwrap(), newest) {
                (Some(table), Some(newest)) => prop_assert!(processes::same(&table, &truth[newest])),
                (table, newest) => prop_assert!(table.is_none() && newest.is_none()),
            }
        }
    }
}

#[test]
fn a_kept_chain_has_its_limit() {
    let (mut encoder, mut chain) = (ProcessEncoder::new(), TableChain::default());
    let (mut kept, mut newest, mut refused) = (0, 0, 0);
    for total in 0..13 {
        // Numbers that jump take ten bytes each.
        let size = |pid: u32| u64::from(pid ^ total).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let row = |pid| ProcessRow {
            pid,
            rss_bytes: size(pid),
            virtual_bytes: size(!pid),
            ..ProcessRow::default()
        };
        let processes = (0..8000).map(row).collect();
        let table = ProcessTable { processes, total, ..ProcessTable::default() };
        let mut bytes = Vec::new();
        let key = encoder.encode(&table, &mut bytes).key;
        kept = if key { 0 } else { kept };
        if chain.push(&bytes).unwrap() == KeptTable::Newest {
            (kept, newest) = (kept + bytes.len(), total);
            assert!(kept <= MAX_KEPT_CHAIN_BYTES);
        } else {
            assert!(kept + bytes.len() > MAX_KEPT_CHAIN_BYTES || refused > 0);
            refused += 1;
        }
        assert_eq!(chain.newest().unwrap().unwrap().total, newest);
    }
    assert!(refused > 3 && newest == 12, "the last one begins a chain: {refused} {newest}");
}

#[test]
fn nothing_is_checked_as_nothing() {
    assert_eq!(check(&[]), Ok(Checked::default()));
}

#[test]
fn forgotten_tables_begin_with_a_key_table() {
    let (mut encoder, mut decoder) = (ProcessEncoder::new(), Decoder::new());
    let next = |encoder: &mut ProcessEncoder| {
        let mut bytes = Vec::new();
        encoder.encode(&ProcessTable::default(), &mut bytes);
        bytes
    };
    decoder.next(&mut next(&mut encoder).as_slice()).unwrap();
    decoder.next(&mut next(&mut encoder).as_slice()).unwrap();
    decoder.forget_processes();
    let lost = decoder.next(&mut next(&mut encoder).as_slice()).map(|_| ());
    assert_eq!(lost, Err(CodecError::ChainBroken));
    encoder.restart();
    assert!(decoder.next(&mut next(&mut encoder).as_slice()).is_ok());
}
