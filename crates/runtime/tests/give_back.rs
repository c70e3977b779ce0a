//! Memory that was given back. It has a process of its own, because other
//! tests' memory would be taken for what was kept.
#![cfg(target_env = "gnu")]

use watchfire_runtime::memory::give_back_early;

#[test]
fn large_blocks_go_back_to_the_system() {
    give_back_early();
    for _ in 0..4 {
        // Without the fixed threshold the second block comes from a heap and stays.
        drop(std::hint::black_box(vec![1_u8; 19 << 20]));
    }
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).expect("Linux");
    let kib: u64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("KiB");
    assert!(kib < 19 << 10, "{line}");
}
