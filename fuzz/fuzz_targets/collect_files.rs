//! What a process says of itself: its command line is masked without a panic,
//! comes out as text, and grows no arguments.

#![no_main]

use watchfire_collect::mask_arguments;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let masked = mask_arguments(bytes);
    assert!(std::str::from_utf8(&masked).is_ok());
    let arguments = |line: &[u8]| line.iter().filter(|&&byte| byte == 0).count();
    assert!(arguments(&masked) <= arguments(bytes) + 1);
});
