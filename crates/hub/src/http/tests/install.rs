//! What the hub hands out to servers that have nothing yet.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use watchfire_identity::certificate::Fingerprint;

use super::*;

async fn script(house: &House) -> String {
    let mut request = asking(Method::GET, "/install", None);
    // A11: whatever a request says, the script names the configured hub.
    request.headers_mut().insert(header::HOST, HeaderValue::from_static("evil.test"));
    request.headers_mut().insert("x-forwarded-host", HeaderValue::from_static("evil.test"));
    let answer = house.send_over_tls(1, request).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(answer.header("content-type").starts_with("text/x-shellscript"));
    answer.body
}

#[tokio::test]
async fn the_script_names_the_configured_hub_and_what_it_hands_out() {
    let house = House::new();
    let script = script(&house).await;
    assert!(script.contains("hub='hub.test:5100'") && !script.contains("evil.test"));
    for place in ["@HUB@", "@SHA256@", "@ARCH@"] {
        assert!(!script.contains(place), "{place} was not filled");
    }
    assert!(script.contains(&Fingerprint::of(PROGRAM).to_string()));
    let program = house.send_over_tls(1, asking(Method::GET, "/install/watchfire", None)).await;
    assert_eq!(program.body.as_bytes(), PROGRAM);
    assert_eq!(program.header("content-length"), PROGRAM.len().to_string());
}

#[tokio::test]
async fn it_is_handed_out_only_where_nobody_on_the_way_can_change_it() {
    let house = House::new();
    for path in ["/install", "/install/watchfire"] {
        let of = |remote: &str| Peer { remote: remote.parse().expect("an address"), tls: None };
        for (remote, expected) in [
            ("192.0.2.1:9", StatusCode::UPGRADE_REQUIRED),
            ("127.0.0.1:9", StatusCode::OK),
            ("[::1]:9", StatusCode::OK),
            // The proxy that the hub trusts.
            ("192.0.2.200:9", StatusCode::OK),
        ] {
            let answer = house.send_as(of(remote), asking(Method::GET, path, None)).await;
            assert_eq!(answer.status, expected, "{path} {remote}");
        }
    }
}

#[tokio::test]
async fn downloads_are_limited() {
    let house = House::new();
    let mut open = Vec::new();
    for host in 1..=4 {
        for _ in 0..2 {
            let answer = download(&house, host, None).await;
            assert_eq!(answer.status(), StatusCode::OK, "to {host}");
            open.push(answer);
        }
        let third = download(&house, host, None).await;
        assert_eq!(third.status(), StatusCode::TOO_MANY_REQUESTS, "a third one to {host}");
        assert_eq!(third.headers()["retry-after"], "10");
    }
    let ninth = download(&house, 5, None).await;
    assert_eq!(ninth.status(), StatusCode::TOO_MANY_REQUESTS, "there is a limit for all");
    drop(open.pop());
    let after = download(&house, 5, None).await;
    assert_eq!(after.status(), StatusCode::OK, "one that ended makes room");
    // Behind a proxy each client has its own places.
    drop((after, open.drain(..4)));
    for (forwarded, expected) in [
        ("203.0.113.1", StatusCode::OK),
        ("203.0.113.1", StatusCode::OK),
        ("203.0.113.1", StatusCode::TOO_MANY_REQUESTS),
        ("203.0.113.2", StatusCode::OK),
    ] {
        let answer = download(&house, 200, Some(forwarded)).await;
        assert_eq!(answer.status(), expected, "{forwarded}");
        open.push(answer);
    }
    let slow = open.pop().expect("some are open");
    house.hand.advance(Duration::from_secs(601));
    assert!(to_bytes(slow.into_body(), 1 << 20).await.is_err(), "none takes for ever");
}

/// Begins a download to 192.0.2.`host`, or to whom that speaks for.
async fn download(
    house: &House,
    host: u8,
    forwarded_for: Option<&'static str>,
) -> axum::http::Response<Body> {
    let mut request = asking(Method::GET, "/install/watchfire", None);
    if let Some(client) = forwarded_for {
        request.headers_mut().insert("x-forwarded-for", HeaderValue::from_static(client));
    }
    let tls = TlsPeer { certificate: None, pulse_key: [0; 32] };
    request.extensions_mut().insert(Peer { tls: Some(Arc::new(tls)), ..peer(host) });
    house.app.clone().oneshot(request).await.expect("a router answers always")
}

/// A machine without anything but what the script needs, and a `watchfire` that
/// writes down how it was called.
struct Machine {
    folder: tempfile::TempDir,
    script: String,
}

impl Machine {
    fn new(script: &str, fetched: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for name in ["bin", "into"] {
            std::fs::create_dir(at(name)).expect("ours");
        }
        std::fs::write(at("fetched"), fetched).expect("ours");
        let into = at("into").display().to_string();
        let script = script.replace("into=/usr/local/bin", &format!("into={into}"));
        let machine = Self { folder, script };
        machine.program("id", "echo 0");
        machine.program("curl", &machine.fetching());
        machine
    }

    /// What `curl` does: it notes what was asked for, and hands it out.
    fn fetching(&self) -> String {
        let fetched = self.folder.path().join("fetched").display().to_string();
        format!(
            "for last; do :; done; echo \"$last\" >>{fetched}.asked; while [ \"$1\" != -o ]; do shift; done; cp {fetched} \"$2\""
        )
    }

    /// Gives the machine another program under this name.
    fn program(&self, name: &str, text: &str) {
        let path = self.folder.path().join("bin").join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("ours");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("ours");
    }

    fn run(&self, arguments: &[&str], token: Option<&str>) -> (bool, String) {
        let path = std::env::var("PATH").expect("there is one");
        let path = format!("{}:{path}", self.folder.path().join("bin").display());
        let mut command = Command::new("sh");
        command.arg("-s").arg("--").args(arguments).env("PATH", path);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(token) = token {
            command.env("WATCHFIRE_TOKEN", token);
        }
        let mut running = command.spawn().expect("there is a shell");
        let mut stdin = running.stdin.take().expect("it is piped");
        stdin.write_all(self.script.as_bytes()).expect("it reads");
        drop(stdin);
        let output = running.wait_with_output().expect("it ends");
        let words = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&words).into_owned())
    }

    fn text(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(Path::new(self.folder.path()).join(name)).ok()
    }
}

/// A program that stands for ours.
fn own(notes: &str) -> String {
    format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && exit 0\n\
         [ -z \"${{WATCHFIRE_TOKEN-}}\" ] || exit 7\n\
         echo \"$*\" >>{notes}\n[ \"$1\" = join ] && cat >>{notes}\nexit 0\n"
    )
}

#[tokio::test]
async fn the_script_installs_what_was_promised_and_joins() {
    let house = House::new();
    let notes = house.folder.path().join("notes");
    let program = own(&notes.display().to_string());
    let promised = Fingerprint::of(PROGRAM).to_string();
    let script = script(&house).await;
    let script = script.replace(&promised, &Fingerprint::of(program.as_bytes()).to_string());
    for (arguments, token, more) in [
        (&["wft1_abc", "--label", "role=web"][..], None, " --label role=web"),
        (&[], Some("wft1_abc"), ""),
    ] {
        let machine = Machine::new(&script, &program);
        let (done, words) = machine.run(arguments, token);
        assert!(done, "{words}");
        assert_eq!(machine.text("into/watchfire").as_deref(), Some(program.as_str()));
        assert_eq!(
            machine.text("fetched.asked").as_deref(),
            Some("https://hub.test:5100/install/watchfire\n")
        );
        let told = std::fs::read_to_string(&notes).expect("it was run");
        assert_eq!(told, format!("join hub.test:5100 -{more}\nwft1_abc\nagent install\n"));
        std::fs::remove_file(&notes).expect("ours");
    }
}

/// Many machines behind one address have the program in turn.
#[tokio::test]
async fn the_script_waits_while_too_many_fetch() {
    let house = House::new();
    let script = script(&house).await;
    let machine = Machine::new(&script, "what comes in the end");
    let waited = machine.folder.path().join("waited").display().to_string();
    let refusal = |status: &str| {
        let fetch = machine.fetching();
        format!(
            "if [ \"$(cat {waited} 2>/dev/null | wc -l)\" -lt 2 ]; then \
             echo 'curl: (22) The requested URL returned error: {status}' >&2; exit 22; fi\n{fetch}"
        )
    };
    machine.program("sleep", &format!("echo \"$1\" >>{waited}"));
    machine.program("curl", &refusal("429"));
    let (_, words) = machine.run(&["wft1_abc"], None);
    assert_eq!(machine.text("waited").as_deref(), Some("5\n5\n"), "{words}");
    assert!(words.contains("waiting for a turn") && words.contains("SHA-256 differs"), "{words}");
    std::fs::remove_file(&waited).expect("ours");
    // What will not pass is told at once.
    machine.program("curl", &refusal("426"));
    let (done, words) = machine.run(&["wft1_abc"], None);
    assert!(!done && words.contains("error: 426"), "{words}");
    assert_eq!(machine.text("waited"), None);
}

#[tokio::test]
async fn the_script_installs_nothing_else() {
    let house = House::new();
    let script = script(&house).await;
    let machine = Machine::new(&script, "another program");
    let (done, words) = machine.run(&["wft1_abc"], None);
    assert!(!done && words.contains("SHA-256 differs"), "{words}");
    assert_eq!(machine.text("into/watchfire"), None);
    // Half a script does nothing.
    let half = Machine::new(&script[..script.len() - 20], "another program");
    half.run(&["wft1_abc"], None);
    assert_eq!(half.text("fetched.asked"), None);
}
