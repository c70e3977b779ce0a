//! Commands at the agent itself: `POST /run` under the policy of the server, by a runner that the
//! confined agent started before it was confined.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use watchfire_identity::password;
use watchfire_testkit::ask::Ask;
use watchfire_testkit::ports;
use watchfire_testkit::process::Running;

use crate::fixture::{LONG, Lab, watchfire};

const POLICY: &str = r#"
policy = "runbooks"

[runbook.say]
argv = ["printf", "%s", "{what}"]
params.what = { type = "pattern", pattern = "[a-z ]+" }
"#;

#[test]
fn a_runbook_runs_and_the_agent_itself_could_not() {
    let lab = Lab::new();
    let address = SocketAddr::from(([127, 0, 0, 1], ports::free()));
    let agent = start(&lab, address, POLICY);
    let token = login(address);

    let (status, said) =
        run(address, &token, &json!({ "runbook": "say", "params": { "what": "hello there" } }));
    assert_eq!(
        (status, said["stdout"].as_str(), said["exit_code"].as_i64()),
        (200, Some("hello there"), Some(0)),
        "{said}"
    );
    for (asked, word) in [
        (json!({ "argv": ["true"] }), "its policy is runbooks"),
        (json!({ "runbook": "say", "params": { "what": "$(id)" } }), "is to be like [a-z ]+"),
        (json!({ "runbook": "other" }), "no runbook"),
    ] {
        let (status, said) = run(address, &token, &asked);
        assert_eq!(status, 403, "{said}");
        assert!(said["message"].as_str().is_some_and(|why| why.contains(word)), "{said}");
    }
    for nonsense in [json!({}), json!({ "argv": ["a"], "runbook": "b" }), json!({ "x": 1 })] {
        assert_eq!(run(address, &token, &nonsense).0, 422, "{nonsense}");
    }

    // A policy that is opened later holds for the next command; the agent cannot change it.
    fs::write(lab.path("policy.toml"), "policy = \"open\"\n").expect("ours");
    let (status, said) = run(address, &token, &json!({ "argv": ["wc", "-c"], "stdin": "four" }));
    assert_eq!((status, said["stdout"].as_str()), (200, Some("4\n")), "{said}");
    let (_, said) = run(address, &token, &json!({ "argv": ["sleep", "99"], "timeout_s": 1 }));
    assert_eq!(
        (said["timed_out"].as_bool(), said["signal"].as_i64()),
        (Some(true), Some(15)),
        "{said}"
    );

    let status = fs::read_to_string(format!("/proc/{}/status", agent.id())).expect("it runs");
    let of = |key: &str| {
        status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or("").trim().to_owned()
    };
    assert_eq!(of("NoNewPrivs:"), "1");
    if of("Seccomp:") == "0" {
        eprintln!("left out: this kernel has no seccomp");
    } else {
        assert_eq!(of("Seccomp:"), "2", "it filters its own calls");
    }

    let audit = lab.path("agent-data/runner/audit.jsonl");
    let verify =
        || watchfire(["audit", "verify", audit.to_str().expect("text")]).run(LONG).0.success();
    assert!(verify(), "the chain is whole");
    let text = fs::read_to_string(&audit).expect("ours");
    assert!(text.contains("ada (at the agent)"), "{text}");
    fs::write(&audit, text.replacen("no runbook", "on runbook", 1)).expect("ours");
    assert!(!verify(), "a line was changed");
}

fn start(lab: &Lab, address: SocketAddr, policy: &str) -> Running {
    // The command's user has to be able to get here.
    fs::set_permissions(lab.path(""), fs::Permissions::from_mode(0o755)).expect("ours");
    fs::write(lab.path("policy.toml"), policy).expect("ours");
    let hash = password::hash("a password for ada").expect("a hash");
    let config = format!(
        "listen = \"{address}\"\ndata = \"agent-data\"\n\
         [run]\npolicy_file = \"{}\"\nrunner_socket = \"/nowhere/runner.sock\"\n\
         [[user]]\nname = \"ada\"\npassword_hash = \"{hash}\"\nscopes = [\"run\"]\n",
        lab.path("policy.toml").display()
    );
    fs::write(lab.path("agent.toml"), config).expect("ours");
    let config = lab.path("agent.toml").display().to_string();
    let program = watchfire(["agent", "--config", &config]);
    let running = program.folder(lab.path("")).log(lab.path("agent.log")).start();
    running.wait_for_line("http://", LONG);
    running
}

fn login(address: SocketAddr) -> String {
    let body = json!({ "username": "ada", "password": "a password for ada" }).to_string();
    let answer = Ask::post_json("/login", &body).send(address, LONG).expect("an answer");
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    body["token"].as_str().expect("a token").to_owned()
}

fn run(address: SocketAddr, token: &str, asked: &Value) -> (u16, Value) {
    let ask = Ask::post_json("/run", &asked.to_string());
    let answer = ask.header("Authorization", &format!("Bearer {token}")).send(address, LONG);
    let answer = answer.expect("an answer");
    (answer.status, serde_json::from_slice(&answer.body).expect("JSON"))
}
