//! Files that are made while the hub runs.

use super::*;

const NAME: &str = "page/more";

fn text(rule: &str) -> String {
    format!("groups: [{{ name: m, interval: 10s, rules: [{rule}] }}]\n")
}

impl Rig {
    async fn make(&self, rule: &str, expected: Expected) -> Arc<MadeFile> {
        let made = self.made.put(NAME, text(rule), "root", expected).await;
        let (file, is_taken_up) = made.expect("it is good");
        assert!(is_taken_up);
        settle().await;
        file
    }

    /// A hub whose rules are evaluated.
    async fn ruling(&mut self) -> Task<()> {
        let engine = self.not_begun();
        let nudges = self.nudges.take().expect("once");
        let ruling = task::spawn("rules", engine.run(None, nudges, self.shutdown.clone()));
        until("it began", || (!self.board.groups().is_empty()).then_some(())).await;
        settle().await;
        ruling
    }
}

#[tokio::test]
async fn a_made_file_fires_at_once_keeps_its_alerts_and_ends_them() {
    let mut rig = Rig::new(RULES);
    let ruling = rig.ruling().await;
    let other = rig.group("g");
    let first = rig.make("{ alert: Odd, expr: used > 50 }", Expected::Nothing).await;
    rig.fill("web-1", 60.0);
    rig.turn_of(NAME, "m").await;
    assert_eq!(rig.states("m"), [AlertState::Firing]);
    let since = rig.alerts("m")[0].since_ms;
    let expected = Expected::Version(first.version.clone());
    rig.make("{ alert: Odd, expr: used > 40 }", expected).await;
    let kept = &rig.alerts("m")[0];
    assert_eq!((kept.state, kept.since_ms), (AlertState::Firing, since));
    assert!(Arc::ptr_eq(&other, &rig.group("g")), "the others go on untouched");
    assert!(rig.made.remove(NAME, "root", Expected::Anything).await.expect("it is there"));
    settle().await;
    assert_eq!(rig.heard("rules/page/more/m").last(), Some(&Vec::new()));
    assert_eq!(rig.board.groups().len(), 1);
    rig.end.request();
    ruling.join().await.expect("it ends");
}

#[tokio::test]
async fn what_is_made_is_there_after_a_restart() {
    let mut rig = Rig::new(RULES);
    let ruling = rig.ruling().await;
    rig.make("{ alert: Odd, expr: used > 50 }", Expected::Nothing).await;
    rig.end.request();
    ruling.join().await.expect("it ends");
    let (again, _) = Made::open(rig.store.clone(), rig.board.clone(), rig.clock.clone());
    let names: Vec<String> = again.groups().iter().map(|group| group.name.clone()).collect();
    assert_eq!(names, ["m"]);
}

#[tokio::test]
async fn two_that_change_one_file_do_not_overwrite_each_other() {
    let mut rig = Rig::new(RULES);
    let ruling = rig.ruling().await;
    let first = rig.make("{ alert: A, expr: used > 1 }", Expected::Nothing).await;
    let seen = Expected::Version(first.version.clone());
    rig.make("{ alert: B, expr: used > 1 }", seen.clone()).await;
    let put = |rule: &str, expected| rig.made.put(NAME, text(rule), "bob", expected);
    for expected in [seen.clone(), Expected::Nothing] {
        let late = put("{ alert: C, expr: used > 1 }", expected).await;
        assert!(matches!(late, Err(NoFile::Stale)), "{late:?}");
    }
    assert!(matches!(rig.made.remove(NAME, "bob", seen).await, Err(NoFile::Stale)));
    let bad = put("{ alert: C, expr: used > }", Expected::Anything).await;
    let Err(NoFile::Faults(faults)) = bad else { panic!("{bad:?}") };
    assert_eq!((faults[0].place.line, &*faults[0].file), (1, NAME));
    assert_eq!(&*rig.group("m").group().rules[0].name, "B", "a bad one changes nothing");
    let stored = rig.store.rule_files().expect("it is readable");
    assert_eq!((stored.len(), stored[0].author.as_str()), (1, "root"));
    rig.end.request();
    ruling.join().await.expect("it ends");
}

#[tokio::test]
async fn one_that_is_read_no_more_is_left_out_and_the_others_go_on() {
    let rig = Rig::new(RULES);
    let of = |name: &str, text: String| watchfire_store::StoredRuleFile {
        name: name.to_owned(),
        text,
        author: "ada".to_owned(),
        changed_unix_ms: 0,
    };
    let good = of("page/good", text("{ alert: A, expr: used }"));
    let bad = of("page/bad", "groups: x".to_owned());
    rig.store
        .write(|batch| [&good, &bad].into_iter().try_for_each(|one| batch.put_rule_file(one)))
        .expect("there is room");
    let (made, _) = Made::open(rig.store.clone(), rig.board.clone(), rig.clock.clone());
    assert_eq!(made.groups().len(), 1);
    assert!(made.find("page/bad").is_some_and(|one| one.read.is_err()));
}
