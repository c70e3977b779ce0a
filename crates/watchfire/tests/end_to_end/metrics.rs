//! `watchfire metrics` and `GET /metrics`: valid to Prometheus' own checker, the
//! same each time on a recorded machine, and of that machine alone.

use std::collections::BTreeSet;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use watchfire_testkit::ask::{Answered, Ask};
use watchfire_testkit::ports;
use watchfire_testkit::process::Program;

use crate::fixture::{LONG, Lab, PASSWORD, password_hash, watchfire};

const OK: Option<i32> = Some(0);
const FAILED: Option<i32> = Some(1);
/// What promtool answers when it can read all and dislikes a name.
const DISLIKED: Option<i32> = Some(3);

/// Metrics that have the names of node_exporter, which the checker dislikes
/// there as well: words of the kernel in camel case, and bits of entropy.
const AS_NODE_EXPORTER_HAS_THEM: [&str; 3] = ["node_entropy_", "node_memory_", "node_netstat_"];

fn recorded() -> PathBuf {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../collect/testdata/recorded");
    Path::new(data).join("two-core-vm/0").canonicalize().unwrap()
}

/// What `watchfire metrics ARGUMENTS…` prints.
fn printed<'a>(arguments: impl IntoIterator<Item = &'a str>) -> String {
    let (ended, text, words) = watchfire(["metrics"]).args(arguments).run(LONG);
    assert_eq!((ended.code(), words.as_str()), (OK, ""));
    text
}

/// Asks promtool, where it is there. What it cannot read fails the test, and so
/// does a name of ours that it dislikes.
fn check_by_promtool(text: &str) {
    let Some(promtool) = on_path("promtool") else {
        eprintln!("promtool is not here, so its opinion is not asked for");
        return;
    };
    let program = Program::new(promtool).args(["check", "metrics"]).input(text);
    let (ended, out, words) = program.run(LONG);
    assert!([OK, DISLIKED].contains(&ended.code()), "{ended}: {out}{words}");
    for line in out.lines().chain(words.lines()) {
        let allowed = AS_NODE_EXPORTER_HAS_THEM.iter().any(|name| line.starts_with(name));
        assert!(allowed, "{line}");
    }
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file())
}

#[test]
fn a_recorded_machine_gives_the_same_bytes_each_time() {
    let root = recorded().display().to_string();
    let text = printed(["--root", &root]);
    assert_eq!(printed(["--root", &root]), text);
    let lab = Lab::new();
    let elsewhere =
        watchfire(["metrics", "--root", &root]).folder(lab.path("")).env("TZ", "Asia/Tokyo");
    assert_eq!(elsewhere.run(LONG).1, text);
    for line in [
        "# TYPE node_cpu_seconds_total counter",
        "# TYPE node_memory_MemTotal_bytes gauge",
        "node_scrape_collector_duration_seconds{collector=\"cpu\"} 0",
        "node_scrape_collector_success{collector=\"cpu\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}");
    }
    check_by_promtool(&text);

    let open = printed(["--root", &root, "--openmetrics"]);
    assert_eq!(printed(["--openmetrics", "--root", &root]), open);
    assert!(open.ends_with("\n# EOF\n") && open.contains("# TYPE node_cpu_seconds counter\n"));
    let samples = |text: &str| -> BTreeSet<String> {
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    };
    assert_eq!(samples(&open), samples(&text));
}

#[test]
fn this_machine_is_read_without_an_agent() {
    let text = printed([]);
    assert!(text.lines().count() > 100, "{text}");
    let started = text.lines().find_map(|line| line.strip_prefix("node_boot_time_seconds "));
    assert!(
        started.and_then(|at| at.parse::<f64>().ok()).is_some_and(|at| at > 1e9),
        "{started:?}"
    );
    check_by_promtool(&text);
    assert!(printed(["--openmetrics"]).ends_with("\n# EOF\n"));
}

#[test]
fn what_cannot_be_read_is_told_when_asked_for() {
    let lab = Lab::new();
    let root = lab.path("root").display().to_string();
    let says = |arguments: &[&str], code: Option<i32>, word: &str| {
        let (ended, text, words) =
            watchfire(["metrics", "--root", &root]).args(arguments.iter().copied()).run(LONG);
        assert_eq!(ended.code(), code, "{words}");
        assert_eq!(text.is_empty(), code != OK, "{text}");
        assert!(words.contains(word) && words.is_empty() == word.is_empty(), "{words}");
    };
    says(&[], FAILED, "hint: name a folder that holds proc");
    lab.write("root/sys/x", "");
    says(&[], FAILED, "hint: name the folder above proc");
    lab.write("root/proc/loadavg", "garbage\n");
    says(&[], OK, "");
    says(&["--verbose"], OK, "cannot read: loadavg: ");
}

/// From the first look into the root on, nothing of this machine is opened, and no
/// call that asks it is made.
#[test]
fn nothing_of_this_machine_is_asked_for_a_recorded_one() {
    let Some(strace) = on_path("strace") else {
        eprintln!("strace is not here, so what is asked for is not watched");
        return;
    };
    let (lab, root) = (Lab::new(), recorded());
    let calls = calls(&lab, &strace, &["metrics", "--root", &root.display().to_string()]);
    let Some(calls) = calls else {
        eprintln!("strace may not watch here, so what is asked for is not watched");
        return;
    };
    let asking =
        ["socket", "connect", "statfs", "fstatfs", "uname", "sysinfo", "adjtimex", "clock_adjtime"];
    let root = root.display().to_string();
    let after_start = calls
        .iter()
        .skip_while(|call| !(call.contains("openat(") && call.contains(&format!("\"{root}"))));
    let mut below = 0;
    for call in after_start {
        let name = call.split('(').next().and_then(|start| start.split(' ').next_back());
        assert!(!asking.iter().any(|asked| name == Some(asked)), "{call}");
        let Some((_, path)) = call.split_once("open").and_then(|(_, rest)| rest.split_once('"'))
        else {
            continue;
        };
        if path.starts_with(&root) {
            below += 1;
        } else {
            let live = ["/proc/", "/sys/", "/etc/", "/run/", "/var/", "/dev/"];
            assert!(!live.iter().any(|folder| path.starts_with(folder)), "{call}");
        }
    }
    assert!(below > 10, "the watching works: {below}");
}

/// The system calls of a run, one a line; `None` when watching is not allowed.
fn calls(lab: &Lab, strace: &Path, arguments: &[&str]) -> Option<Vec<String>> {
    let trace = lab.path("trace");
    let binary = env!("CARGO_BIN_EXE_watchfire");
    let shown = trace.display().to_string();
    let program = Program::new(strace).args(["-f", "-qq", "-s", "400", "-o", &shown, binary]);
    let (ended, ..) = program.args(arguments.iter().copied()).run(LONG);
    let text = std::fs::read_to_string(trace).unwrap_or_default();
    (ended.code() == OK && !text.is_empty()).then(|| text.lines().map(str::to_owned).collect())
}

#[test]
fn a_scraper_gets_metrics_from_a_running_agent() {
    let lab = Lab::new();
    let address = SocketAddr::from(([127, 0, 0, 1], ports::free()));
    let config = format!(
        "listen = \"{address}\"\ndata = \"data\"\n\n[[user]]\nname = \"prometheus\"\n\
         password_hash = \"{}\"\nscopes = [\"metrics\"]\n",
        password_hash()
    );
    let config = lab.write("agent.toml", &config);
    let program = watchfire(["agent", "--config", &config]).log(lab.path("agent.log"));
    let agent = program.start();
    agent.wait_for_line("http://", LONG);

    let basic = STANDARD.encode(format!("prometheus:{PASSWORD}"));
    let scrape = || Ask::get("/metrics").header("Authorization", &format!("Basic {basic}"));
    let text = sent(address, &scrape());
    assert_eq!(text.status, 200, "{}", text.text());
    check_by_promtool(&text.text());
    assert!(text.text().contains("\nnode_load1 "));

    let packed = scrape()
        .header("Accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
        .header("Accept-Encoding", "gzip");
    let packed = sent(address, &packed);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let mut open = String::new();
    flate2::read::GzDecoder::new(&packed.body[..]).read_to_string(&mut open).unwrap();
    assert!(open.ends_with("\n# EOF\n"), "{open}");
    for closed in [Ask::get("/metrics"), Ask::get("/stats").header("Authorization", "Basic x")] {
        assert_eq!(sent(address, &closed).status, 401);
    }
}

fn sent(address: SocketAddr, ask: &Ask) -> Answered {
    ask.send(address, LONG).unwrap()
}
