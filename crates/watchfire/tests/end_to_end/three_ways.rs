//! The main job: a server goes quiet, and its people know within five seconds.

use watchfire_api::hub::IncidentDetail;
use watchfire_testkit::smtp::{Mail, Options, Sink, Tls};

use crate::fixture::{
    Hub, Lab, PASSWORD, Plan, assert_judged_on_time, assert_told_on_time, notifications,
};

/// Each server with its presence, and the beginning of the mail's subject and
/// a part of the cause that say so.
const CASES: [(&str, &str, &str, &str); 3] = [
    ("frozen-1", "agent_down", "[AGENT DOWN] frozen-1: ", "the agent says nothing"),
    ("killed-1", "agent_down", "[AGENT DOWN] killed-1: ", "the connection was refused"),
    ("cut-1", "down", "[DOWN] cut-1: ", "Nothing at its address answers."),
];

#[test]
fn three_ways_to_go_quiet() {
    let lab = Lab::new();
    let sink = tls_sink();
    lab.write("sink.pem", sink.root_pem());
    let frozen = lab.agent("frozen-1");
    let mut killed = lab.agent("killed-1");
    let cut = lab.agent("cut-1").behind_link();
    let way = format!(
        "smtp = \"smtps://hub@example.org:${{file:agent-password}}@{}\"\nca = \"sink.pem\"",
        sink.addr()
    );
    let plan = Plan::with_mail(&way)
        .watches(&frozen)
        .watches(&killed)
        .watches(&cut)
        // Nobody cares for two of them: what happens to many at once is one message.
        .tells("ada", "name=\"frozen-1\"", &["mailto:ada@example.org"])
        .tells("cleo", "name=\"killed-1\"", &["mailto:cleo@example.org"])
        .tells("bob", "name=\"cut-1\"", &["mailto:bob@example.org"])
        .tells("dan", "name=\"cut-1\"", &["mailto:dan@example.org"]);
    let hub = lab.hub(&plan);
    hub.wait_until_all_are_up();

    frozen.freeze();
    killed.kill();
    cut.link().cut();
    for (server, presence, subject, cause) in CASES {
        let incident = told(&hub, server, "down");
        assert_eq!(incident.row.presence, presence, "{incident:#?}");
        assert!(incident.row.cause.contains(cause), "{incident:#?}");
        assert_judged_on_time(&incident);
        for user in users_of(server) {
            assert_told_on_time(&incident, user, "down", &lab.lateness);
            let mail = the_mail(&sink, user, subject);
            assert_says_what_happened(&mail, &incident);
        }
    }
    assert_eq!(sink.mails().len(), 4, "one a server and user");

    frozen.thaw();
    killed.restart();
    cut.link().heal();
    for (server, _, down_subject, _) in CASES {
        let incident = told(&hub, server, "recovered");
        for user in users_of(server) {
            assert_told_on_time(&incident, user, "recovered", &lab.lateness);
            let down = the_mail(&sink, user, down_subject);
            let up = the_mail(&sink, user, &format!("[UP] {server}: "));
            assert_eq!(up.header("References"), Some(down.message_id()));
            assert!(down.accepted < up.accepted, "the recovery came after the trouble");
        }
    }
    hub.wait_until_all_is_sent();
    let mails = sink.mails();
    assert_eq!(mails.len(), 8, "each down and each recovery, once to each of its users");
    let mut ids: Vec<&str> = mails.iter().map(Mail::message_id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 8, "every message has an id of its own");
}

/// A mail server as people have it: TLS from the first byte, and a login.
fn tls_sink() -> Sink {
    let login = Some(("hub@example.org".to_owned(), PASSWORD.to_owned()));
    Sink::with(Options { tls: Tls::Implicit, login, ..Options::default() })
}

fn users_of(server: &str) -> &'static [&'static str] {
    match server {
        "cut-1" => &["bob", "dan"],
        "killed-1" => &["cleo"],
        _ => &["ada"],
    }
}

/// The server's one incident, once all its users were told this of it.
fn told(hub: &Hub, server: &str, kind: &str) -> IncidentDetail {
    hub.wait_for_incident(server, &format!("told as {kind}"), |incident| {
        users_of(server).iter().all(|user| {
            let all = notifications(incident, user, kind);
            !all.is_empty() && all.iter().all(|one| one.state == "delivered")
        })
    })
}

/// The one mail to this user whose subject begins so.
#[track_caller]
fn the_mail(sink: &Sink, user: &str, subject: &str) -> Mail {
    let mails = sink.mails();
    let to = [format!("{user}@example.org")];
    let fit = |mail: &&Mail| mail.to == to && mail.subject().starts_with(subject);
    let mut found = mails.iter().filter(fit);
    let one = found.next().unwrap_or_else(|| panic!("{user} has no {subject:?}: {mails:#?}"));
    assert!(found.next().is_none(), "{user} has {subject:?} twice");
    one.clone()
}

/// What, since when, why, the last readings, the top processes, and a link.
fn assert_says_what_happened(mail: &Mail, incident: &IncidentDetail) {
    assert!(mail.tls, "it came under TLS");
    assert_eq!(mail.login.as_deref(), Some("hub@example.org"));
    let link = format!("/#/incident/{}", incident.row.id);
    let words = [
        incident.row.cause.as_str(),
        "Silent since: ",
        "Why we think so",
        "Last reading, ",
        "CPU: ",
        "Memory: ",
        "Disk: ",
        "Top 5 of ",
        "(pid ",
        &link,
    ];
    for part in words {
        assert!(mail.text.contains(part), "{part:?} is missing in:\n{}", mail.text);
    }
    assert_eq!(mail.text.matches("(pid ").count(), 5, "{}", mail.text);
    assert!(mail.html.contains(&incident.row.server), "{}", mail.html);
    assert_eq!(mail.html.matches(">pid ").count(), 5, "{}", mail.html);
}
