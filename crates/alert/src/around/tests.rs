use watchfire_model::{DiskIo, NetworkIo, Status};

use super::*;
use crate::fixtures::{berlin, moment, processes, status};

/// A minute in which the processors fill up.
fn minute() -> Vec<Status> {
    let second = |n: u32| {
        let mut status = status();
        status.cpu.total.busy_percent = Some(f64::from(n) * 1.6);
        let device = NetworkIo {
            received_bytes_per_s: Some(f64::from(n) * 1024.0),
            sent_bytes_per_s: Some(1024.0),
            ..NetworkIo::default()
        };
        status.networks = vec![NetworkIo::default(), device];
        status.disks = vec![DiskIo { busy_percent: None, ..DiskIo::default() }];
        status
    };
    (0..60).map(second).collect()
}

#[test]
fn what_is_not_known_has_no_curve() {
    let curves = curves(&minute());
    let kinds: Vec<CurveKind> = curves.iter().map(|curve| curve.kind).collect();
    assert_eq!(kinds, [CurveKind::Cpu, CurveKind::Memory, CurveKind::Network]);
    let words: Vec<Option<String>> = curves.iter().map(Curve::words).collect();
    assert_eq!(words[0].as_deref(), Some("94.4 %"));
    assert_eq!(words[1].as_deref(), Some("93.8 %"));
    assert_eq!(words[2].as_deref(), Some("60.0 KiB/s"));
    assert!(super::curves(&[]).is_empty());
}

#[test]
fn numbers_that_are_none_make_no_curve() {
    let mut statuses = minute();
    for status in &mut statuses {
        status.cpu.total.busy_percent = Some(f64::NAN);
        status.networks[1].sent_bytes_per_s = Some(f64::INFINITY);
    }
    let kinds: Vec<CurveKind> = curves(&statuses).iter().map(|curve| curve.kind).collect();
    assert_eq!(kinds, [CurveKind::Memory]);
}

#[test]
fn a_processs_hour_is_told_where_it_is_known() {
    let mut before = processes();
    before.at = moment(-3_600_000);
    before.processes.retain(|row| row.name != "sshd");
    before.processes[0].cpu_percent = Some(2.5);
    let mut now = processes();
    let new = now.processes.iter_mut().find(|row| row.name == "php-fpm8.2").expect("there");
    new.start_time_ms = moment(-60_000).unix_ms;
    let around = Around { hour_ago: Some(Arc::new(before)), ..Around::default() };
    let mut shown = view::top_processes(&now);
    compare(&mut shown, Some(&around));
    let then = |name: &str| {
        shown.iter().find(|process| process.name == name).map(|process| process.then.as_str())
    };
    assert_eq!(then("postgres"), Some("an hour ago 2.5 % cpu, 1.2 GiB"));
    assert_eq!(then("php-fpm8.2"), Some("not there an hour ago"));
    compare(&mut shown, Some(&Around { hour_ago: Some(Arc::default()), ..Around::default() }));
}

#[test]
fn a_letter_has_the_latest_changes() {
    let change = |n: i64| Change { at_ms: moment(n).unix_ms, text: format!("line\r\n{n}") };
    let around = Around { changes: (0..20).map(change).collect(), ..Around::default() };
    let view = AroundView::of(Some(&around), &berlin());
    let values: Vec<&str> = view.changes.iter().map(|row| row.value.as_str()).collect();
    assert_eq!((values.len(), values[0], values[7]), (MAX_CHANGES, "line 12", "line 19"));
}

#[test]
fn pictures_have_a_limit_together() {
    let curve = curves(&minute()).remove(0);
    let mut room = 10;
    let view = CurveView::of(&curve, &mut room).expect("it has values");
    assert_eq!((view.picture.as_str(), room), ("", 10));
    let mut room = MAX_PICTURES;
    let view = CurveView::of(&curve, &mut room).expect("it has values");
    assert!(view.picture.len() < MAX_PICTURES / 8, "{} bytes", view.picture.len());
    assert_eq!(room, MAX_PICTURES - view.picture.len());
}
