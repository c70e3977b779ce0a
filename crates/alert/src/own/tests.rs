use watchfire_model::{
    Content, IncidentState, LabelSet, NotificationKind, Presence, Server, Severity,
};

use super::*;
use crate::fixtures::{berlin, incident, moment, server};
use crate::{AlertFacts, Facts, ToldAlert, alert_content, content};

const LINK: &str = "https://hub.example.org/#/incident/7";

fn template(text: &str) -> Option<Template> {
    Some(Template::parse_message(text).expect("a good template"))
}

/// Two disks of one server, told with these templates.
fn disks(own: &OwnWords, kind: NotificationKind) -> Worded {
    let server = server("db-1", &[("role", "db")]);
    let labels = ["/", "/var"].map(|mount_point| {
        let name = ("alertname", "DiskFull");
        LabelSet::of(&[name, ("instance", "db-1"), ("mountpoint", mount_point), ("team", "ops")])
    });
    let told = labels.each_ref().map(|labels| ToldAlert {
        name: "DiskFull",
        severity: Severity::Critical,
        server: Some(&server),
        labels,
        summary: "{{ 7*7 }} it is full",
        description: "",
        runbook_url: "",
        value: Some(0.5),
        since_ms: moment(0).unix_ms,
        ended_ms: None,
        generator_url: "",
    });
    let zone = berlin();
    let facts = AlertFacts {
        kind,
        alerts: &told,
        link: LINK,
        acknowledge: None,
        time_zone: &zone,
        at_ms: moment(60_000).unix_ms,
        repeats: false,
    };
    own.of_alerts(&facts, alert_content(&facts))
}

#[test]
fn templates_of_alertmanager_are_read() {
    let subject = "[{{ .Status | toUpper }}{{ if eq .Status \"firing\" }}:{{ .Alerts.Firing | len }}\
                   {{ end }}] {{ .GroupLabels.SortedPairs.Values | join \" \" }} \
                   {{ if gt (len .CommonLabels) (len .GroupLabels) }}({{ with .CommonLabels.Remove \
                   .GroupLabels.Names }}{{ .Values | join \" \" }}{{ end }}){{ end }}";
    let text = "{{ define \"one\" }}{{ range . }}{{ .Labels.mountpoint }} since \
                {{ .StartsAt.Format \"15:04\" }}: {{ .Annotations.summary | reReplaceAll \"is\" \
                \"was\" }}\n{{ end }}{{ end -}}\n{{ template \"one\" .Alerts.Firing }}\
                {{ .CommonLabels.team | title }} {{ .ExternalURL }} {{ match \"^db\" \
                .CommonLabels.server }} {{ .Alerts.Resolved | len }}\n{{ .Link }}";
    let own = OwnWords::new(template(subject), template(text));
    let Worded { content, failed } = disks(&own, NotificationKind::Firing);
    assert_eq!(failed, Vec::<String>::new());
    assert_eq!(content.subject, "[FIRING:2] DiskFull (db-1 db-1 critical ops)");
    let wanted = "/ since 02:12: {{ 7*7 }} it was full\n/var since 02:12: {{ 7*7 }} it was full\n\
                  Ops https://hub.example.org true 0\nhttps://hub.example.org/#/incident/7\n";
    assert_eq!(content.text, wanted);
    assert!(content.html.contains("it was full"), "{}", content.html);
    let over = disks(&own, NotificationKind::Resolved).content;
    assert!(over.subject.starts_with("[RESOLVED] DiskFull"), "{}", over.subject);
}

#[test]
fn a_server_that_is_down_is_an_alert_as_well() {
    let text = "{{ range .Alerts }}{{ .Labels.alertname }} {{ .Labels.server }} {{ .Status }} \
                {{ .Labels.role }} {{ .Annotations.description }}{{ end }}|{{ .Subject }}";
    let own = OwnWords::new(None, template(text));
    let mut incident = incident(Presence::Down);
    let server = server("web-1", &[("role", "web")]);
    let zone = berlin();
    let tell = |incident: &watchfire_model::Incident, server: &Server, kind| {
        let facts = Facts {
            kind,
            server,
            address: None,
            incident,
            timeline: &[],
            ended: None,
            last_status: None,
            last_status_at: None,
            last_processes: None,
            around: None,
            link: LINK,
            acknowledge: None,
            time_zone: &zone,
        };
        own.of_server(&facts, content(&facts))
    };
    let down = tell(&incident, &server, NotificationKind::Down);
    assert_eq!(down.failed, Vec::<String>::new());
    let subject = "[DOWN] web-1: nothing at its address answers";
    assert_eq!(down.content.subject, subject, "there is no template for it");
    let wanted = "ServerDown web-1 firing web Nothing at its address answers.|";
    assert_eq!(down.content.text, format!("{wanted}{subject}\n"));
    incident.state = IncidentState::Closed(moment(60_000));
    let up = tell(&incident, &server, NotificationKind::Recovered).content;
    assert!(up.text.starts_with("ServerDown web-1 resolved web"), "{}", up.text);
}

/// Abuse A33: whatever a template does, the alert goes out, and soon.
#[test]
fn a_template_that_fails_costs_its_own_words_only() {
    let ours = disks(&OwnWords::default(), NotificationKind::Firing).content;
    for bad in [
        "{{ .NoSuchThing }}",
        "{{ index .Alerts 7 }}",
        "{{ query \"up\" | first }}",
        "{{ define \"x\" }}{{ template \"x\" . }}{{ end }}{{ template \"x\" . }}",
        "{{ range .Alerts }}{{ range $.Alerts }}{{ range $.Alerts }}{{ range $.Alerts }}\
         {{ printf \"%9999999d\" 1 }}{{ end }}{{ end }}{{ end }}{{ end }}",
        "{{ reReplaceAll \"(a*)*(b*)*(c*){100}{100}\" \"$1$1$1\" .Text }}",
        "  ",
    ] {
        let own = OwnWords::new(template(bad), template(bad));
        let worded = disks(&own, NotificationKind::Firing);
        assert_eq!(worded.content, ours, "{bad}");
        assert_eq!(worded.failed.len(), 2, "{bad}: {:?}", worded.failed);
        let half = OwnWords::new(template("all is {{ .Status }}"), template(bad));
        let worded = disks(&half, NotificationKind::Firing);
        assert_eq!((&*worded.content.subject, worded.failed.len()), ("all is firing", 1));
        assert_eq!(worded.content.text, ours.text);
    }
}

/// Abuse A32: what a label says is no markup, and no second line of a header.
#[test]
fn what_templates_say_is_cleaned() {
    let words = "a\r\nBcc: e@x\u{202e}\u{1b}[2J<img src=http://c/>";
    let own = OwnWords::new(template(words), template(words));
    let Content { subject, text, html } = disks(&own, NotificationKind::Firing).content;
    assert_eq!(subject, "a Bcc: e@x[2J<img src=http://c/>");
    assert_eq!(text, "a\nBcc: e@x[2J<img src=http://c/>\n");
    assert!(html.contains("&lt;img") && !html.contains("<img"), "{html}");
}

#[test]
fn ten_thousand_alerts_are_counted() {
    let labels = LabelSet::of(&[("alertname", "X")]);
    let one = ToldAlert {
        name: "X",
        severity: Severity::Info,
        server: None,
        labels: &labels,
        summary: "",
        description: "",
        runbook_url: "",
        value: None,
        since_ms: 0,
        ended_ms: None,
        generator_url: "",
    };
    let zone = berlin();
    let facts = AlertFacts {
        kind: NotificationKind::Firing,
        alerts: &vec![one; 10_000],
        link: LINK,
        acknowledge: None,
        time_zone: &zone,
        at_ms: 0,
        repeats: false,
    };
    let own = OwnWords::new(template("{{ len .Alerts }} and {{ .TruncatedAlerts }}"), None);
    let worded = own.of_alerts(&facts, Content::default());
    assert_eq!(worded.content.subject, "100 and 9900");
}
