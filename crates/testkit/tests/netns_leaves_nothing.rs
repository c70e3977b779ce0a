//! A process of its own, because it looks at all files of its process, and the
//! kernel soon gives the number of a namespace that is gone to another.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use watchfire_testkit::netns::Namespaces;

/// The files that keep namespaces and TUN devices, and the threads.
fn kept() -> (Vec<PathBuf>, usize) {
    let files = std::fs::read_dir("/proc/self/fd").expect("this process has files");
    let links = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
    let is_ours = |link: &PathBuf| {
        let link = link.to_string_lossy();
        link.starts_with("net:[") || link.contains("net/tun") || link.contains("eventfd")
    };
    let threads = std::fs::read_dir("/proc/self/task").expect("this process has threads").count();
    (links.filter(is_ours).collect(), threads)
}

#[test]
fn namespaces_devices_and_the_forwarder_are_gone_after_a_panic() {
    let (before, threads) = kept();
    assert_eq!(before, Vec::<PathBuf>::new());
    let mut during = None;
    let test = AssertUnwindSafe(|| {
        let Some(net) = Namespaces::or_skip(&["hub", "db-1"], 1) else { return };
        during = Some(kept());
        let _net = net;
        panic!("the test is red");
    });
    let ended = catch_unwind(test);
    let Some((files, more_threads)) = during else { return };
    assert!(ended.is_err());
    assert_eq!(files.len(), 5, "two namespaces, two devices and the bell: {files:?}");
    assert!(more_threads > threads);
    assert_eq!(kept().0, Vec::<PathBuf>::new());
}
