//! `watchfire run` over a real hub to real agents and their runners: what is signed with one's own
//! key runs where the server's policy lets it, once, and nothing else does.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use watchfire_identity::SystemRandomness;
use watchfire_identity::command::{CommandId, Envelope, SIGNATURE_NAMESPACE, Targets, What};
use watchfire_model::ServerName;
use watchfire_testkit::ask::Ask;
use watchfire_testkit::smtp::Sink;

use crate::fixture::{
    Enrolled, Hub, LONG, Lab, PASSWORD, Plan, eventually, password_hash, token, watchfire,
};

/// What is signed runs; beside it one runbook that needs no signature.
const SIGNED: &str = r#"
policy = "signed"
allowed_signers = "SIGNERS"

[runbook.greet]
argv = ["printf", "hello %s", "{whom}"]
params.whom = { type = "word" }
signed = false
"#;

/// A hub, its agents, and operators with keys.
struct Field {
    lab: Lab,
    hub: Hub,
    plan: Plan,
    agents: Vec<Enrolled>,
    _sink: Sink,
}

/// What a command of an operator came to.
struct Ended {
    code: Option<i32>,
    output: String,
    words: String,
}

impl Field {
    /// Agents with these policies, called web-1 and so on.
    fn new(policies: &[&str]) -> Self {
        let (lab, sink) = (Lab::new(), Sink::start());
        // The commands' user has to be able to get here.
        fs::set_permissions(lab.path(""), fs::Permissions::from_mode(0o755)).expect("ours");
        make_key(&lab, "olga");
        make_key(&lab, "mallory");
        let public = fs::read_to_string(lab.path("olga.pub")).expect("it was made");
        let signers = lab.write(
            "allowed_signers",
            &format!("olga namespaces=\"{SIGNATURE_NAMESPACE}\" {public}"),
        );
        let user = |name: &str, role: &str| {
            let hash = password_hash();
            format!(
                "[[user]]\nname = \"{name}\"\nrole = \"{role}\"\nservers = [\"*\"]\n\
                 password_hash = \"{hash}\"\n"
            )
        };
        // Nobody has a second factor here; see `people`.
        let plan = Plan::mailing(&sink).set("unsigned_runs = \"login\"");
        let plan = plan.with(&user("olga", "operator")).with(&user("vic", "viewer"));
        let hub = lab.hub(&plan);
        let config = lab.path("hub.toml").display().to_string();
        let mut agents = Vec::new();
        for (number, policy) in (1..).zip(policies) {
            let name = format!("web-{number}");
            let (address, token) = token(&config, &name);
            let mut agent = Enrolled::new(&lab, &name);
            let file =
                lab.write(&format!("{name}-policy.toml"), &policy.replace("SIGNERS", &signers));
            let more = format!("\n[run]\npolicy_file = \"{file}\"\nrunner_socket = \"/nowhere\"\n");
            let text = fs::read_to_string(&agent.config).expect("it was written") + &more;
            fs::write(&agent.config, text).expect("ours");
            let joined = agent.join(address, &token);
            assert!(joined.well, "{}", joined.words);
            agent.start();
            agents.push(agent);
        }
        hub.wait_until_all_are_up();
        let field = Self { lab, hub, plan, agents, _sink: sink };
        for user in ["olga", "vic"] {
            let at = format!("http://{}", field.hub.api.address());
            let login = field.by(user, &["login", &at, "--user", user]);
            assert_eq!(login.code, Some(0), "{}", login.words);
        }
        // Each has said by then that it takes commands.
        let first = field.run(&["-l", "role=\"web\"", "--when-up", "1m", "--", "true"]);
        assert!(matches!(first.code, Some(0 | 3)), "{}{}", first.words, first.output);
        field
    }

    /// A command of somebody who keeps logins in the lab's folder.
    fn by(&self, user: &str, arguments: &[&str]) -> Ended {
        let folder = self.lab.path(&format!("config-of-{user}"));
        let program = watchfire([]).args(arguments.iter().copied()).called(user);
        let program = program.env("XDG_CONFIG_HOME", folder).input(format!("{PASSWORD}\n"));
        let (status, output, words) = program.run(LONG);
        Ended { code: status.code(), output, words }
    }

    /// `watchfire run`, signed by olga's key.
    fn run(&self, arguments: &[&str]) -> Ended {
        let key = self.key("olga");
        let mut all = vec!["run", "--sign-with", &key];
        all.extend(arguments);
        self.by("olga", &all)
    }

    fn key(&self, whose: &str) -> String {
        self.lab.path(whose).display().to_string()
    }

    /// What whoever holds the hub can have it relay: this, whatever it is.
    fn relay(&self, body: &Value) -> (u16, Value) {
        let basic = STANDARD.encode(format!("olga:{PASSWORD}"));
        let ask = Ask::post_json("/api/runs", &body.to_string());
        let ask = ask.header("Authorization", &format!("Basic {basic}"));
        let answer = ask.send(self.hub.api.address(), LONG).expect("an answer");
        (answer.status, serde_json::from_slice(&answer.body).expect("JSON"))
    }

    /// The same, and what its first server said in the end.
    fn relayed(&self, body: &Value) -> Value {
        let (status, run) = self.relay(body);
        assert_eq!(status, 201, "{run}");
        let id = run["id"].as_str().expect("a name").to_owned();
        eventually("the run is over", LONG, || {
            let run = self.shown(&id)["run"].clone();
            run["ended_unix_ms"].is_i64().then(|| run["targets"][0].clone())
        })
    }

    fn shown(&self, id: &str) -> Value {
        let shown = self.by("olga", &["runs", "show", id, "--json"]);
        serde_json::from_str(&shown.output).unwrap_or_else(|_| panic!("{}", shown.words))
    }

    /// The audit of an agent's runner.
    fn audit_of(&self, agent: usize) -> (PathBuf, String) {
        let path = self.agents[agent].data.join("runner/audit.jsonl");
        (path.clone(), fs::read_to_string(path).expect("it is there"))
    }
}

fn make_key(lab: &Lab, whose: &str) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", whose, "-f"])
        .arg(lab.path(whose))
        .status();
    assert!(made.expect("openssh-client is installed").success());
}

/// An envelope for these servers.
fn envelope(servers: &[&str], argv: &[&str]) -> Envelope {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let now = i64::try_from(now).expect("before the end of time");
    let names: Vec<_> = servers.iter().map(|name| ServerName::new(name).expect("one")).collect();
    Envelope {
        id: CommandId::new(&mut SystemRandomness),
        what: What::Argv(argv.iter().map(ToString::to_string).collect()),
        user: None,
        folder: None,
        stdin_sha256: None,
        timeout_s: 20,
        output_bytes: 10_000,
        signed_unix_s: now,
        not_after_unix_s: now + 120,
        purpose: "to see".to_owned(),
        targets: Targets::new(&names).expect("servers").root(),
    }
}

/// Signed as `ssh-keygen` does it.
fn signature(field: &Field, whose: &str, bytes: &[u8]) -> String {
    let file = field.lab.path("to-sign");
    fs::write(&file, bytes).expect("ours");
    let _ = fs::remove_file(field.lab.path("to-sign.sig"));
    let signed = Command::new("ssh-keygen")
        .args(["-q", "-Y", "sign", "-n", SIGNATURE_NAMESPACE, "-f", &field.key(whose)])
        .arg(&file)
        .status();
    assert!(signed.expect("openssh-client is installed").success());
    fs::read_to_string(field.lab.path("to-sign.sig")).expect("it was signed")
}

fn body(servers: &[&str], bytes: &[u8], signature: &str) -> Value {
    let signed = json!({ "envelope": STANDARD.encode(bytes), "signatures": [signature] });
    // An agent that was started just now says a little later that it takes commands.
    json!({ "servers": servers, "work": { "signed": signed }, "when_up_s": 60 })
}

#[test]
fn what_is_signed_runs_and_its_answers_stand_together() {
    let field = Field::new(&[SIGNED, SIGNED, "policy = \"off\"\n"]);
    let said = field.run(&["web-1", "web-2", "-m", "to see", "--", "printf", r"a\033[2Jb\n"]);
    assert_eq!(said.code, Some(0), "{}{}", said.words, said.output);
    assert!(said.output.contains("web-1, web-2"), "{}", said.output);
    assert!(said.output.contains(r"a\x1b[2Jb") && !said.output.contains('\u{1b}'));

    let said = field.run(&["-l", "role=\"web\"", "--json", "--", "true"]);
    assert_eq!(said.code, Some(3), "web-3 lets nothing run: {}{}", said.words, said.output);
    let json: Value = serde_json::from_str(&said.output).expect("JSON");
    let states: Vec<_> =
        (0..3).map(|at| json["run"]["targets"][at]["state"].as_str().unwrap_or("")).collect();
    assert_eq!(states, ["done", "done", "refused"], "{json}");
    assert!(json["run"]["targets"][2]["why"].as_str().is_some_and(|why| why.contains("off")));

    // Both sides wrote it down, by the same name.
    let command = json["run"]["command_id"].as_str().expect("an id");
    let data = field.lab.path("hub-data").display().to_string();
    let listed = field.by("root", &["audit", "ls", "--data", &data]);
    let run_of = |action: &str| {
        let mut lines = listed.output.lines();
        lines.any(|line| line.contains(action) && line.contains("olga") && line.contains(command))
    };
    assert!(run_of("  run  ") && run_of("run.end"), "{}", listed.output);
    assert_eq!(field.by("root", &["audit", "verify", "--data", &data]).code, Some(0));
    let (path, text) = field.audit_of(0);
    assert!(text.contains(command) && text.contains("\"olga\""), "{text}");
    assert_eq!(field.by("root", &["audit", "verify", &path.display().to_string()]).code, Some(0));
    assert!(field.audit_of(2).1.contains(command), "a refusal is written down as well");
}

#[test]
fn whoever_holds_the_hub_can_run_nothing_of_their_own() {
    let mut field = Field::new(&[SIGNED, SIGNED]);
    let good = envelope(&["web-1"], &["printf", "one"]).to_bytes().expect("an envelope");
    let by_olga = signature(&field, "olga", &good);
    let ran = field.relayed(&body(&["web-1"], &good, &by_olga));
    assert_eq!((ran["state"].as_str(), ran["exit"]["code"].as_i64()), (Some("done"), Some(0)));

    let refused = |field: &Field, body: &Value, word: &str| {
        let said = field.relayed(body);
        assert_eq!(said["state"], "refused", "{said}");
        assert!(said["why"].as_str().is_some_and(|why| why.contains(word)), "{word}: {said}");
    };
    refused(&field, &body(&["web-1"], &good, &by_olga), "twice");
    field.agents[0].stop();
    field.agents[0].start();
    field.hub.wait_until_all_are_up();
    refused(&field, &body(&["web-1"], &good, &by_olga), "twice");

    let text = String::from_utf8(good.clone()).expect("JSON");
    let changed = text.replace("one", "two").into_bytes();
    refused(&field, &body(&["web-1"], &changed, &by_olga), "signature");
    let fresh = envelope(&["web-1"], &["true"]).to_bytes().expect("an envelope");
    refused(&field, &body(&["web-1"], &fresh, &signature(&field, "mallory", &fresh)), "sign");
    let open = json!({ "servers": ["web-1"], "work": { "open": { "argv": ["true"] } } });
    refused(&field, &open, "policy");

    // What every agent would refuse the hub says at once.
    for (servers, bytes) in [
        (["web-2"], fresh.clone()),
        (["web-1"], {
            let mut late = envelope(&["web-1"], &["true"]);
            (late.signed_unix_s, late.not_after_unix_s) =
                (late.signed_unix_s - 90, late.signed_unix_s - 60);
            late.to_bytes().expect("an envelope")
        }),
    ] {
        let (status, said) =
            field.relay(&body(&servers, &bytes, &signature(&field, "olga", &bytes)));
        assert_eq!(status, 422, "{said}");
    }

    let unsigned = ["run", "--unsigned", "--runbook", "greet", "whom=olga", "web-1"];
    let greeted = field.by("olga", &unsigned);
    assert_eq!(greeted.code, Some(0), "{}{}", greeted.words, greeted.output);
    assert!(greeted.output.contains("hello olga"), "{}", greeted.output);
    let watched = field.by("vic", &unsigned);
    assert_eq!(watched.code, Some(1), "{}", watched.words);
    assert!(watched.words.contains("role"), "{}", watched.words);
}

#[test]
fn servers_are_waited_for_cancelled_and_left_out() {
    let mut field = Field::new(&[SIGNED, SIGNED, SIGNED]);
    let some = field.run(&[
        "-l",
        "role=\"web\"",
        "--at-most",
        "1",
        "--stop-after",
        "1",
        "--json",
        "--",
        "false",
    ]);
    assert_eq!(some.code, Some(3), "{}", some.words);
    let json: Value = serde_json::from_str(&some.output).expect("JSON");
    let counts = &json["run"]["counts"];
    assert_eq!((counts["failed"].as_i64(), counts["other"].as_i64()), (Some(1), Some(2)), "{json}");

    field.agents[1].stop();
    eventually("web-2 is known to be away", LONG, || {
        let servers = field.hub.api.servers();
        servers.iter().any(|row| row.name == "web-2" && row.presence != "up").then_some(())
    });
    let away = field.run(&["web-2", "--", "true"]);
    assert_eq!(away.code, Some(4), "{}{}", away.words, away.output);
    let begun = field.run(&["web-2", "--when-up", "4m", "--detach", "--", "printf", "back"]);
    assert_eq!(begun.code, Some(0), "{}", begun.words);
    let id = begun.output.trim().to_owned();
    assert_eq!(field.shown(&id)["run"]["targets"][0]["state"], "waiting");
    field.agents[1].start();
    eventually("it ran when the server was back", LONG, || {
        (field.shown(&id)["run"]["targets"][0]["state"] == "done").then_some(())
    });

    // The whole tree ends, and what left its session too.
    let mark = format!("{}.25", 50_000 + std::process::id() % 10_000);
    let script = format!("setsid sleep {mark} & sleep {mark}");
    let begun = field.run(&["web-1", "--detach", "--timeout", "10m", "--", "sh", "-c", &script]);
    let id = begun.output.trim().to_owned();
    let sleepers = || running(&["sleep", &mark]);
    eventually("both sleep", LONG, || (sleepers() == 2).then_some(()));
    let cancelled = field.by("olga", &["runs", "cancel", &id]);
    assert_eq!(cancelled.code, Some(0), "{}", cancelled.words);
    eventually("none is left", LONG, || (sleepers() == 0).then_some(()));
    eventually("the run is over", LONG, || {
        (field.shown(&id)["run"]["targets"][0]["exit"]["canceled"] == true).then_some(())
    });
}

#[test]
fn a_schedule_runs_what_servers_take_unsigned_and_says_what_came_of_it() {
    // It is nearly always time.
    let tables = "[[schedule]]\nname = \"greeting\"\nrunbook = \"greet\"\n\
         params = { whom = \"all\" }\nservers = ['role=\"web\"']\nuser = \"olga\"\n\
         each = \"mon-sat, sun 00:00-23:59\"\n";
    let mut field = Field::new(&[SIGNED]);
    let address = field.hub.api.address();
    field.hub.process.kill();
    field.hub = Hub::start_at(&field.lab, &field.plan.clone().with(tables), address);
    let data = field.lab.path("hub-data").display().to_string();
    let line = eventually("it ran", LONG, || {
        let listed = field.by("root", &["audit", "ls", "--data", &data]).output;
        let mut lines = listed.lines();
        lines.find(|line| line.contains("  run  ") && line.contains("schedule")).map(str::to_owned)
    });
    assert!(line.contains("olga") && line.contains("greet"), "{line}");
    eventually("the server's own audit has it", LONG, || {
        let (_, text) = field.audit_of(0);
        (text.contains("greet") && text.contains("olga (schedule")).then_some(())
    });
}

/// How many processes of this machine have exactly these arguments.
fn running(argv: &[&str]) -> usize {
    let wanted = format!("{}\0", argv.join("\0"));
    let processes = fs::read_dir("/proc").expect("it is mounted").flatten();
    let fits =
        |path: PathBuf| fs::read(path.join("cmdline")).is_ok_and(|own| own == wanted.as_bytes());
    processes.filter(|entry| fits(entry.path())).count()
}
