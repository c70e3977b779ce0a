//! The past of a server, read back on the server itself.

use std::process::ExitStatus;

use serde_json::Value;

use watchfire_testkit::ports;

use crate::fixture::{LONG, Lab, eventually, watchfire};

/// Runs `watchfire COMMAND --data FOLDER --at TIME --json`.
fn ask(command: &str, data: &str, at: &str) -> (ExitStatus, String, String) {
    watchfire([command, "--data", data, "--at", at, "--json"]).run(LONG)
}

fn answer(command: &str, data: &str, at: &str) -> Option<Value> {
    let (ended, out, _) = ask(command, data, at);
    ended.success().then(|| serde_json::from_str(&out).expect("JSON"))
}

#[test]
fn a_killed_agent_leaves_its_past_behind() {
    let lab = Lab::new();
    let agent = lab.agent("web-1");
    let data = lab.path("web-1-data").display().to_string();
    // Rates need two readings, so two were recorded then.
    let status = eventually("a recorded status", LONG, || {
        answer("stats", &data, "now").filter(|status| status["cpu_percent"].is_number())
    });
    let table = eventually("a recorded table", LONG, || answer("ps", &data, "now"));
    assert!(status["memory"]["total_bytes"].as_u64().is_some_and(|bytes| bytes > 0));
    let rows = table["processes"].as_array().expect("an array");
    assert!(table["at"].as_str().is_some_and(|at| at.ends_with('Z')), "{}", table["at"]);
    assert!(table["total"].as_u64().is_some_and(|total| total >= rows.len() as u64));
    assert!(rows.iter().any(|row| row["command"].as_str().is_some_and(|c| c.contains("web-1"))));

    agent.kill();
    // What could be read before the kill can be read after it, the same.
    let at = status["at"].as_str().expect("a time");
    assert_eq!(answer("stats", &data, at), Some(status.clone()));
    assert!(answer("ps", &data, "now").is_some());
    let (ended, out, words) = watchfire(["events", "--data", &data, "--json"]).run(LONG);
    assert!(ended.success() && out.starts_with('['), "{out} {words}");
}

#[test]
fn a_time_without_record_says_where_the_record_begins() {
    let lab = Lab::new();
    let _agent = lab.agent("web-1");
    let data = lab.path("web-1-data").display().to_string();
    eventually("a record", LONG, || answer("stats", &data, "now"));
    let (ended, _, words) = ask("stats", &data, "-1h");
    assert!(!ended.success() && words.contains("hint: the record begins at"), "{words}");
    let (ended, _, words) = ask("ps", &data, "noonish");
    assert!(!ended.success() && words.contains("is no time"), "{words}");
    let nowhere = lab.path("nowhere").display().to_string();
    let (ended, _, words) = ask("ps", &nowhere, "now");
    assert!(!ended.success() && words.contains("nothing is recorded in"), "{words}");
}

#[test]
fn this_machine_is_shown_without_an_agent() {
    let (ended, out, _) = watchfire(["ps", "--top", "3"]).run(LONG);
    assert!(ended.success());
    assert_eq!(out.lines().count(), 2 + 3, "{out}");
    let (ended, _, words) = watchfire(["ps", "--top", "0"]).run(LONG);
    assert!(ended.code() == Some(2) && words.contains("from 1 on"), "{words}");
    let (ended, out, _) = watchfire(["stats"]).run(LONG);
    assert!(ended.success() && out.contains("memory") && out.contains("cores"), "{out}");
}

#[test]
fn arguments_that_the_config_turns_off_are_not_shown() {
    let lab = Lab::new();
    let config = lab.write("off.toml", "[collect]\narguments = false\n");
    let (ended, out, words) = watchfire(["ps", "--json", "--config", &config]).run(LONG);
    assert!(ended.success(), "{words}");
    let rows: Value = serde_json::from_str(&out).expect("JSON");
    let rows = rows["processes"].as_array().expect("an array");
    assert!(!rows.is_empty() && rows.iter().all(|row| row["command"] == ""), "{out}");
}

/// Two runs whose series stand in another order, killed: no value of one may
/// be read under a name of the other.
#[test]
fn another_config_does_not_mix_up_what_was_recorded() {
    let lab = Lab::new();
    let data = lab.path("data").display().to_string();
    let mut readings = Vec::new();
    for (run, without) in
        [r#"["cpu", "vmstat", "uname"]"#, "[]", r#"["meminfo", "loadavg"]"#].into_iter().enumerate()
    {
        let listen = format!("127.0.0.1:{}", ports::free());
        let text =
            format!("listen = \"{listen}\"\ndata = \"data\"\n[collect]\nwithout = {without}\n");
        let config = lab.write(&format!("{run}.toml"), &text);
        let agent = watchfire(["agent", "--config", &config]).called("agent").start();
        agent.wait_for_line("http://", LONG);
        let last = readings.last().map(|(_, status): &(bool, Value)| status["at"].clone());
        let first = eventually("a tick of this run", LONG, || {
            answer("stats", &data, "now").filter(|status| Some(&status["at"]) != last.as_ref())
        });
        agent.kill();
        readings.push((run == 2, first));
    }
    let total = readings[0].1["memory"]["total_bytes"].clone();
    assert!(total.as_u64().is_some_and(|bytes| bytes > 0));
    for (without_memory, status) in &readings {
        // Each is told by its own names only, and reads the same after the kill.
        let expected = if *without_memory { Value::from(0) } else { total.clone() };
        assert_eq!(status["memory"]["total_bytes"], expected, "{status}");
        let load = status["load"]["one"].as_f64().expect("a number");
        assert!((0.0..10_000.0).contains(&load), "{status}");
        let at = status["at"].as_str().expect("a time");
        assert_eq!(answer("stats", &data, at).as_ref(), Some(status));
    }
    assert_eq!(readings[0].1["host"]["hostname"], "");
    assert_ne!(readings[1].1["host"]["hostname"], "");
}
