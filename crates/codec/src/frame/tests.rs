use super::*;

fn frame(kind: FrameKind, starts: bool, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, kind, starts, Sum::START, payload);
    out
}

#[test]
fn a_head_tells_kind_length_and_time() {
    let bytes = frame(FrameKind::Tick, true, &[0xd0, 0x0f, 1, 2]);
    let head = peek(&bytes).unwrap().unwrap();
    assert_eq!(head.kind, FrameKind::Tick);
    assert!(head.starts_chain);
    assert_eq!((head.bytes, head.unix_ms), (bytes.len(), Some(1000)));
    let later = frame(FrameKind::Unknown(9), false, &[]);
    let head = peek(&later).unwrap().unwrap();
    assert_eq!((head.kind, head.unix_ms), (FrameKind::Unknown(9), None));
}

#[test]
fn an_unfinished_frame_is_no_error_and_no_frame() {
    let bytes = frame(FrameKind::Tick, true, &[2; 200]);
    for length in 0..bytes.len() {
        assert_eq!(peek(&bytes[..length]), Ok(None), "{length} bytes");
    }
}

#[test]
fn other_versions_and_zeros_are_told_apart() {
    assert_eq!(peek(&[0; 64]), Err(CodecError::NoFrame(0)));
    assert_eq!(peek(&[0x22; 64]), Err(CodecError::Version { found: 2, known: 1 }));
    assert_eq!(peek(b"\x92WFx...."), Err(CodecError::NoFrame(0x92)));
}

#[test]
fn a_large_size_is_refused_before_its_bytes_come() {
    let mut bytes = vec![0x12];
    put_size(&mut bytes, MAX_FRAME_BYTES);
    assert!(matches!(peek(&bytes), Err(CodecError::TooLarge { .. })));
    let largest = frame(FrameKind::Tick, true, &vec![0; max_payload()]);
    assert_eq!(largest.len(), MAX_FRAME_BYTES);
    assert!(peek(&largest).unwrap().is_some());
}

#[test]
fn the_sum_covers_head_payload_and_seed() {
    let bytes = frame(FrameKind::Tick, false, &[2; 20]);
    assert!(split(&bytes).unwrap().unwrap().check(Sum::START).is_ok());
    assert_eq!(split(&bytes).unwrap().unwrap().check(Sum(1)), Err(CodecError::Checksum));
    for at in 2..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 0x10;
        assert!(split(&bad).unwrap().unwrap().check(Sum::START).is_err());
    }
}
