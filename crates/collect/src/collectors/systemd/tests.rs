//! The collector against a service that speaks the protocol, alone and behind
//! a real `dbus-daemon`.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use watchfire_model::Moment;

use super::super::local_socket::LocalStream;
use super::super::testing::{Bench, below};
use super::*;
use crate::Fault;
use crate::series::Ledger;

/// What the fake systemd does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mood {
    Well,
    /// Answers the list and then nothing.
    SilentOnDetails,
    /// Refuses our user.
    Refusing,
    /// Announces a huge message.
    Lying,
    /// Sends signals between answers, and answers in another order.
    Chatty,
    /// Refuses every call.
    Denying,
    /// Has [`CROWD`] services.
    Crowded,
}

/// More than are asked for their restarts at once.
const CROWD: usize = 300;

/// When the unit failed that did.
const FAILED_AT: u64 = 1_700_000_000_250_000;

const UNITS_OF_BUS: [[&str; 4]; 5] = [
    ["ssh.service", "loaded", "active", "running"],
    ["web.service", "loaded", "failed", "failed"],
    ["backup.timer", "loaded", "active", "waiting"],
    ["sys-x.device", "loaded", "active", "plugged"],
    ["gone.service", "not-found", "inactive", "dead"],
];

fn pad(out: &mut Vec<u8>, to: usize) {
    out.resize(out.len().next_multiple_of(to), 0);
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    pad(out, 4);
    out.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
    out.extend(text.as_bytes());
    out.push(0);
}

fn list_body<'a>(rows: impl IntoIterator<Item = [&'a str; 4]>) -> Vec<u8> {
    let mut units = vec![0; 8];
    for [name, load, active, sub] in rows {
        pad(&mut units, 8);
        for text in [name, "Description", load, active, sub, ""] {
            put_string(&mut units, text);
        }
        let path = format!("/org/freedesktop/systemd1/unit/{}", name.replace(['.', '-'], "_"));
        put_string(&mut units, &path);
        pad(&mut units, 4);
        units.extend(0_u32.to_le_bytes());
        put_string(&mut units, "");
        put_string(&mut units, "/");
    }
    let length = u32::try_from(units.len() - 8).unwrap();
    units[..4].copy_from_slice(&length.to_le_bytes());
    units
}

fn variant(kind: u8, value: &[u8]) -> Vec<u8> {
    let mut body = vec![1, kind, 0];
    pad(&mut body, if kind == b't' { 8 } else { 4 });
    body.extend(value);
    body
}

fn text_variant(text: &str) -> Vec<u8> {
    let mut value = Vec::new();
    put_string(&mut value, text);
    variant(b's', &value)
}

/// The body of the answer to a call, and what it is made of.
fn answer(call: &[u8]) -> (&'static str, Vec<u8>) {
    let asks = |word: &str| call.windows(word.len()).any(|part| part == word.as_bytes());
    match () {
        () if asks("ListUnits") => ("a(ssssssouso)", list_body(UNITS_OF_BUS)),
        () if asks("SystemState") => ("v", text_variant("degraded")),
        () if asks("Version") => ("v", text_variant("252.22-1~deb12u1")),
        () if asks("StateChangeTimestamp") => ("v", variant(b't', &FAILED_AT.to_le_bytes())),
        () if asks("NRestarts") => ("v", variant(b'u', &7_u32.to_le_bytes())),
        () if asks("LastTriggerUSec") => {
            ("v", variant(b't', &1_700_000_000_500_000_u64.to_le_bytes()))
        }
        () if asks("Type") => ("v", text_variant("notify")),
        () => ("s", {
            let mut body = Vec::new();
            put_string(&mut body, ":1.7");
            body
        }),
    }
}

fn message(
    kind: u8,
    fields: &[(u8, u8, &str)],
    reply_to: u32,
    signature: &str,
    body: &[u8],
) -> Vec<u8> {
    let mut out = vec![b'l', kind, 1, 1];
    out.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
    out.extend(9_u32.to_le_bytes());
    out.extend([0; 4]);
    for &(code, kind, text) in fields {
        pad(&mut out, 8);
        out.extend([code, 1, kind, 0]);
        put_string(&mut out, text);
    }
    if reply_to > 0 {
        pad(&mut out, 8);
        out.extend([5, 1, b'u', 0]);
        out.extend(reply_to.to_le_bytes());
    }
    if !signature.is_empty() {
        pad(&mut out, 8);
        out.extend([8, 1, b'g', 0, u8::try_from(signature.len()).unwrap()]);
        out.extend(signature.as_bytes());
        out.push(0);
    }
    let length = u32::try_from(out.len() - 16).unwrap();
    out[12..16].copy_from_slice(&length.to_le_bytes());
    pad(&mut out, 8);
    out.extend(body);
    out
}

fn read_message(stream: &mut UnixStream) -> Option<Vec<u8>> {
    let mut bytes = vec![0; 16];
    stream.read_exact(&mut bytes).ok()?;
    let length = super::message::message_bytes(&bytes).unwrap().unwrap();
    bytes.resize(length, 0);
    stream.read_exact(&mut bytes[16..]).ok()?;
    Some(bytes)
}

fn serial(message: &[u8]) -> u32 {
    u32::from_le_bytes(message[8..12].try_into().unwrap())
}

/// Serves one connection until the other side closes it.
fn serve(mut stream: UnixStream, mood: Mood) {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        line.push(byte[0]);
    }
    let user: String = rustix::process::geteuid()
        .as_raw()
        .to_string()
        .bytes()
        .map(|digit| format!("{digit:02x}"))
        .collect();
    assert_eq!(line, format!("\0AUTH EXTERNAL {user}\r\n").as_bytes());
    if mood == Mood::Refusing {
        stream.write_all(b"REJECTED EXTERNAL\r\n").unwrap();
        return;
    }
    stream.write_all(b"OK 0123456789abcdef\r\n").unwrap();
    let mut begin = [0; 7];
    stream.read_exact(&mut begin).unwrap();
    assert_eq!(&begin, b"BEGIN\r\n");
    let mut held = None;
    while let Some(call) = read_message(&mut stream) {
        let details = [&b"NRestarts"[..], b"LastTrigger", b"Service\0"];
        let is_detail =
            details.iter().any(|word| call.windows(word.len()).any(|part| part == *word));
        let (signature, body) = answer(&call);
        let reply = match mood {
            Mood::SilentOnDetails if is_detail => continue,
            Mood::Denying if !call.windows(5).any(|part| part == b"Hello") => message(
                3,
                &[(4, b's', "org.freedesktop.DBus.Error.AccessDenied")],
                serial(&call),
                "",
                &[],
            ),
            Mood::Crowded if signature == "a(ssssssouso)" => {
                let names: Vec<String> =
                    (0..CROWD).map(|number| format!("{number:03}.service")).collect();
                let rows = names.iter().map(|name| [name, "loaded", "active", "running"]);
                message(2, &[], serial(&call), signature, &list_body(rows))
            }
            Mood::Lying => [&b"l\x02\x01\x01"[..], &[0xff; 12]].concat(),
            _ => message(2, &[], serial(&call), signature, &body),
        };
        if mood == Mood::Chatty {
            let signal =
                message(4, &[(1, b'o', "/x"), (2, b's', "a.b"), (3, b's', "C")], 0, "", &[]);
            let stray = message(2, &[], 4000, "", &[]);
            stream.write_all(&[signal, stray].concat()).unwrap();
            // Every second answer comes before the one that was due.
            match held.take() {
                None if !call.windows(5).any(|part| part == b"Hello") && serial(&call) == 2 => {
                    held = Some(reply);
                    continue;
                }
                None => stream.write_all(&reply).unwrap(),
                Some(due) => stream.write_all(&[reply, due].concat()).unwrap(),
            }
        } else if stream.write_all(&reply).is_err() {
            return;
        }
    }
}

/// What the collector tells after one conversation.
fn converse(
    collector: &mut SystemdCollector,
    mood: Mood,
    within: Duration,
) -> (Vec<String>, Vec<Fault>) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let server = std::thread::spawn(move || serve(theirs, mood));
    let deadline = Deadline::begin(within).unwrap();
    let outcome = tell(collector, |collector, reading| {
        let stream = LocalStream::over(ours, &deadline);
        let path = Path::new("bus");
        let bus = Bus::begin(stream, Some("org.freedesktop.systemd1"));
        let mut bus = bus.map_err(|error| CollectError::unreadable(path, error))?;
        collector.ask_on(&mut bus, path, reading)
    });
    server.join().unwrap();
    outcome
}

fn tell(
    collector: &mut SystemdCollector,
    ask: impl FnOnce(&mut SystemdCollector, &mut Reading<'_>) -> Result<(), CollectError>,
) -> (Vec<String>, Vec<Fault>) {
    let (root, mut ledger, mut faults) = (crate::Root::live(), Ledger::new(3, 1), Vec::new());
    ledger.begin(Moment::default());
    ledger.open(0);
    let mut reading =
        Reading::new(&root, Moment::default(), "systemd", 0, &mut ledger, &mut faults);
    match ask(collector, &mut reading) {
        Ok(()) => collector.put(&mut reading),
        Err(error) => reading.note(&error),
    }
    ledger.close(0);
    let keys = ledger.schema().keys().iter().enumerate();
    let mut lines: Vec<String> = keys
        .filter_map(|(number, key)| Some(format!("{key} {}", ledger.tick().value(number)?)))
        .collect();
    lines.sort();
    (lines, faults)
}

/// Longer than any conversation takes, so that a fault fails instead of hanging.
const LONG: Duration = Duration::from_secs(20);

fn expected() -> Vec<String> {
    let mut lines = vec![
        r#"node_systemd_service_restart_total{name="ssh.service"} 7"#.to_owned(),
        r#"node_systemd_service_restart_total{name="web.service"} 7"#.to_owned(),
        "node_systemd_system_running 0".to_owned(),
        r#"node_systemd_timer_last_trigger_seconds{name="backup.timer"} 1700000000.5"#.to_owned(),
        r#"node_systemd_version{version="252.22-1~deb12u1"} 252.22"#.to_owned(),
        r#"watchfire_systemd_unit_failed{name="web.service",type="notify"} 1"#.to_owned(),
    ];
    for (state, count) in STATES.iter().zip([3, 0, 0, 1, 1]) {
        lines.push(format!(r#"node_systemd_units{{state="{state}"}} {count}"#));
    }
    let units = [
        ("backup.timer", "active", ""),
        ("ssh.service", "active", r#",type="notify""#),
        ("web.service", "failed", r#",type="notify""#),
    ];
    for (name, active, kind) in units {
        for state in STATES {
            let value = u8::from(state == active);
            lines.push(format!(
                r#"node_systemd_unit_state{{name="{name}",state="{state}"{kind}}} {value}"#
            ));
        }
    }
    lines.sort();
    lines
}

#[test]
fn units_are_told_with_their_details() {
    let (lines, faults) = converse(&mut SystemdCollector::new(), Mood::Well, LONG);
    assert_eq!(faults, []);
    assert_eq!(lines, expected());
}

#[test]
fn signals_and_another_order_do_no_harm() {
    let (lines, faults) = converse(&mut SystemdCollector::new(), Mood::Chatty, LONG);
    assert_eq!(faults, []);
    assert_eq!(lines, expected());
}

#[test]
fn states_are_told_without_the_details() {
    let mut collector = SystemdCollector::new();
    let (lines, faults) =
        converse(&mut collector, Mood::SilentOnDetails, Duration::from_millis(300));
    assert!(faults[0].error.contains("in time"), "{faults:?}");
    assert_eq!(below(&lines, "node_systemd_unit_state").len(), 15);
    let (lines, _) = converse(&mut collector, Mood::Well, LONG);
    let untyped = expected().into_iter().map(|line| line.replace(r#",type="notify""#, ""));
    let mut untyped: Vec<String> = untyped.collect();
    untyped.sort();
    assert_eq!(lines, untyped, "details are asked again, and no series changes its name");
}

#[test]
fn series_have_their_type_from_the_first_reading_on() {
    let mut collector = SystemdCollector::new();
    let states = |lines: &[String]| below(lines, "node_systemd_unit_state").join("\n");
    let (first, faults) = converse(&mut collector, Mood::Crowded, LONG);
    assert_eq!(faults, []);
    assert_eq!(states(&first).matches(r#"type="notify""#).count(), CROWD * STATES.len());
    for _ in 0..3 {
        let (later, _) = converse(&mut collector, Mood::Crowded, LONG);
        assert_eq!(states(&later), states(&first));
    }
}

#[test]
fn a_refusal_is_a_fault() {
    for (mood, text) in [
        (Mood::Refusing, "refused our user"),
        (Mood::Lying, "absurd"),
        (Mood::Denying, "AccessDenied"),
    ] {
        let (lines, faults) = converse(&mut SystemdCollector::new(), mood, LONG);
        assert!(lines.is_empty(), "{lines:?}");
        assert!(faults[0].error.contains(text), "{faults:?}");
    }
}

#[test]
fn a_recorded_root_gives_the_same_answer() {
    let mut collector = SystemdCollector::new();
    converse(&mut collector, Mood::Well, LONG);
    let table = recorded::write(&collector.manager, &collector.units);
    let mut bench = Bench::new(&[(SYSTEMD_PATH, &table)]);
    let mut again = SystemdCollector::new();
    assert_eq!(bench.read(&mut again, 0), expected());
    assert_eq!(bench.faults, []);
    assert_eq!(again.failed_unit().as_deref(), Some("web.service"));
    let failed = FailedUnit { name: "web.service".to_owned(), since_us: Some(FAILED_AT) };
    assert_eq!(again.told_failures(), std::slice::from_ref(&failed));
    let mut next = SystemdCollector::new();
    next.resume_failures(&[failed]);
    bench.read(&mut next, 0);
    assert_eq!(next.failed_unit(), None, "an earlier run told it");
}

#[test]
fn a_recorded_root_may_hold_anything() {
    let mut bench = Bench::new(&[]);
    assert!(bench.read(&mut SystemdCollector::new(), 0).is_empty());
    assert_eq!(bench.outcome, Some(Outcome::NotHere));
    let table = "unit\ta\\040b.service\tloaded\treloading\tx\nunit\nunit\tc.service\ncount\tactive\tx\nversion\nstate\trunning\n\u{1}\n";
    let mut bench = Bench::new(&[(SYSTEMD_PATH, table)]);
    let lines = bench.read(&mut SystemdCollector::new(), 0);
    assert_eq!(below(&lines, "node_systemd_system_running"), [" 1"]);
    assert_eq!(below(&lines, r#"node_systemd_units{state="reloading"}"#), [" 1"]);
    let units = below(&lines, r#"node_systemd_unit_state{name="a b.service""#);
    assert!(units.len() == 5 && units.iter().all(|line| line.ends_with(" 0")), "{units:?}");
}

#[test]
fn versions_are_numbers() {
    for (text, number) in [
        ("252.22-1~deb12u1", Some(252.22)),
        ("v257-rc1", Some(257.0)),
        ("249.", Some(249.0)),
        ("systemd", None),
        ("", None),
    ] {
        assert_eq!(version_number(text), number, "{text}");
    }
}

/// The live root would ask this machine, so the test has a folder of its own.
#[test]
fn the_bus_is_found_below_the_root_when_systemd_itself_refuses() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("run/dbus")).unwrap();
    std::fs::create_dir_all(dir.path().join("run/systemd")).unwrap();
    let private = UnixListener::bind(dir.path().join("run/systemd/private")).unwrap();
    let system = UnixListener::bind(dir.path().join("run/dbus/system_bus_socket")).unwrap();
    let server = std::thread::spawn(move || {
        serve(private.accept().unwrap().0, Mood::Refusing);
        serve(system.accept().unwrap().0, Mood::Well);
    });
    let deadline = Deadline::begin(LONG).unwrap();
    let root = crate::Root::recorded(dir.path());
    let (bus, path) = Bus::open(&root, &deadline).unwrap();
    assert!(path.ends_with("system_bus_socket"));
    drop(bus);
    server.join().unwrap();
}

proptest::proptest! {
    /// Whatever comes instead of answers is an error and nothing worse.
    #[test]
    fn any_bytes_are_an_error(
        head in proptest::sample::select(vec![&b""[..], b"OK x\r\n", b"OK x\r\nl\x02\x01\x01"]),
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..120),
    ) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(&[head, &bytes].concat()).unwrap();
        theirs.shutdown(std::net::Shutdown::Write).unwrap();
        let deadline = Deadline::begin(LONG).unwrap();
        let (_, faults) = tell(&mut SystemdCollector::new(), |collector, reading| {
            let path = Path::new("bus");
            let bus = Bus::begin(LocalStream::over(ours, &deadline), None);
            let mut bus = bus.map_err(|error| CollectError::unreadable(path, error))?;
            collector.ask_on(&mut bus, path, reading)
        });
        proptest::prop_assert_eq!(faults.len(), 1);
    }
}

/// Where a `dbus-daemon` is installed, it stands between.
#[test]
fn a_real_bus_carries_the_answers() {
    let Some(daemon) = Daemon::start() else {
        eprintln!("no dbus-daemon is installed: nothing was tested");
        return;
    };
    let mut service = UnixStream::connect(&daemon.socket).unwrap();
    service.set_read_timeout(Some(LONG)).unwrap();
    service.set_write_timeout(Some(LONG)).unwrap();
    let user: String = rustix::process::geteuid()
        .as_raw()
        .to_string()
        .bytes()
        .map(|digit| format!("{digit:02x}"))
        .collect();
    service.write_all(format!("\0AUTH EXTERNAL {user}\r\n").as_bytes()).unwrap();
    let mut line = [0; 256];
    let read = service.read(&mut line).expect("the daemon lets us in within the limit");
    assert!(read > 3 && line.starts_with(b"OK "));
    service.write_all(b"BEGIN\r\n").unwrap();
    let bus = "org.freedesktop.DBus";
    let call = |member, signature, body: &[u8]| {
        let fields =
            [(1, b'o', "/org/freedesktop/DBus"), (2, b's', bus), (3, b's', member), (6, b's', bus)];
        message(1, &fields, 0, signature, body)
    };
    let mut name = Vec::new();
    put_string(&mut name, "org.freedesktop.systemd1");
    pad(&mut name, 4);
    // No flags.
    name.extend([0; 4]);
    service.write_all(&call("Hello", "", &[])).unwrap();
    service.write_all(&call("RequestName", "su", &name)).unwrap();
    // The answer to the hello, the signal of our name, that of the other name, and the answer.
    for _ in 0..4 {
        read_message(&mut service).expect("the daemon greets and gives the name within the limit");
    }
    let mut lines = None;
    std::thread::scope(|scope| {
        // Dropped in a panic too, so that the other thread ends with this one.
        let _closer = Closer(service.try_clone().unwrap());
        scope.spawn(move || serve_on_bus(service));
        let deadline = Deadline::begin(LONG).unwrap();
        lines = Some(tell(&mut SystemdCollector::new(), |collector, reading| {
            let stream = LocalStream::connect(&daemon.socket, &deadline).unwrap();
            let mut bus = Bus::begin(stream, Some("org.freedesktop.systemd1")).unwrap();
            collector.ask_on(&mut bus, &daemon.socket, reading)
        }));
    });
    let (lines, faults) = lines.unwrap();
    assert_eq!(faults, []);
    assert_eq!(lines, expected());
}

struct Closer(UnixStream);

impl Drop for Closer {
    fn drop(&mut self) {
        let _ = self.0.shutdown(std::net::Shutdown::Both);
    }
}

fn serve_on_bus(mut service: UnixStream) {
    while let Some(call) = read_message(&mut service) {
        if call[1] != 1 {
            continue;
        }
        let (signature, body) = answer(&call);
        let sender = sender(&call);
        service
            .write_all(&message(2, &[(6, b's', &sender)], serial(&call), signature, &body))
            .unwrap();
    }
}

/// The name `:1.N` of who called, which the daemon wrote into the header.
fn sender(call: &[u8]) -> String {
    let field = [7, 1, b's', 0];
    let at = call.windows(4).position(|part| part == field).expect("the daemon names senders") + 4;
    let length = u32::from_le_bytes(call[at..at + 4].try_into().unwrap());
    String::from_utf8(call[at + 4..at + 4 + usize::try_from(length).unwrap()].to_vec()).unwrap()
}

struct Daemon {
    child: std::process::Child,
    socket: std::path::PathBuf,
    _dir: tempfile::TempDir,
}

impl Daemon {
    /// Ready when it has printed its address; `None` where none is installed.
    fn start() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("bus");
        let config = dir.path().join("bus.conf");
        let text = format!(
            "<busconfig><type>system</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>\
             <policy context=\"default\"><allow send_destination=\"*\"/><allow own=\"*\"/>\
             <allow user=\"*\"/><allow receive_sender=\"*\"/>\
             <allow send_requested_reply=\"true\"/><allow receive_requested_reply=\"true\"/>\
             </policy></busconfig>",
            socket.display()
        );
        std::fs::write(&config, text).unwrap();
        let said = dir.path().join("said");
        let spawned = std::process::Command::new("dbus-daemon")
            .arg("--nofork")
            .arg("--print-address")
            .arg(format!("--config-file={}", config.display()))
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .stderr(std::fs::File::create(&said).unwrap())
            .spawn();
        let child = match spawned {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            spawned => spawned.expect("dbus-daemon can be run"),
        };
        // From here on it is killed whatever happens.
        let mut daemon = Self { child, socket, _dir: dir };
        let address = daemon.address();
        let said = std::fs::read_to_string(said).unwrap_or_default();
        assert!(address.starts_with("unix:"), "dbus-daemon is not ready: {address:?} {said}");
        Some(daemon)
    }

    /// The first line that it prints, or why there is none.
    fn address(&mut self) -> String {
        let mut output = BufReader::new(self.child.stdout.take().unwrap());
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        // Nothing limits the time to read a pipe, so another thread waits for
        // it; it ends at the latest when the daemon is killed.
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = output.read_line(&mut line);
            let _ = sender.send(read.map_or_else(|error| error.to_string(), |_| line));
            // The pipe stays open for what it prints later.
            let _ = output.read_to_end(&mut Vec::new());
        });
        receiver.recv_timeout(LONG).unwrap_or_else(|_| format!("it printed nothing for {LONG:?}"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
