//! Desks that exchange what they see, without a network between them.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use watchfire_api::fallback::{Exchange, Told, View, Whom};
use watchfire_identity::certificate::MachineKey;
use watchfire_identity::{SealKey, SystemRandomness};
use watchfire_model::Moment;
use watchfire_wire::{Fallback, FallbackBox, FallbackMember};

use super::desk::Work;
use super::*;

#[derive(Debug, Default)]
struct Nobody;

impl Messenger for Nobody {
    fn open(&self, _: &[String], _: &[String]) -> Result<Box<dyn Post>, String> {
        Err("nobody is told here".to_owned())
    }
}

/// Three agents that hold a deal of three, and their keys.
struct Group {
    keys: Vec<MachineKey>,
    desks: Vec<Arc<Desk>>,
    deal: Vec<Fallback>,
    folders: Vec<TempDir>,
}

fn second(second: u64) -> Moment {
    Moment::default().after(Duration::from_secs(1000 + second))
}

fn deal(keys: &[MachineKey]) -> Vec<Fallback> {
    let (deal, mut dice) = ([5; 16], SystemRandomness);
    let key = SealKey::generate(&mut dice);
    let parts: Vec<SealKey> = keys.iter().map(|_| SealKey::generate(&mut dice)).collect();
    let given: Vec<&[u8]> = parts.iter().map(|part| &part.as_bytes()[..]).collect();
    let all = SealKey::of_parts(&given).seal(key.as_bytes(), &deal, &mut dice);
    let whom = Whom { channels: vec!["json://hunter2".to_owned()], allow: Vec::new() };
    let whom = serde_json::to_vec(&whom).expect("it is plain");
    let member = |(number, key): (usize, &MachineKey)| FallbackMember {
        id: key.id().to_string(),
        server: format!("web-{number}"),
        address: String::new(),
    };
    let members: Vec<FallbackMember> = keys.iter().enumerate().map(member).collect();
    let sealed = key.seal(&whom, &deal, &mut dice);
    let hand = |part: &SealKey| Fallback {
        deal,
        after_s: 120,
        after_stop_s: 1800,
        quorum: 3,
        hub: "hub".to_owned(),
        part: part.as_bytes().to_vec(),
        boxes: vec![FallbackBox { members: vec![0, 1, 2], sealed: all.clone() }],
        sealed: sealed.clone(),
        members: members.clone(),
    };
    parts.iter().map(hand).collect()
}

/// What one says that has nothing to say, of the deal of a group.
fn unsure() -> Exchange {
    Exchange {
        deal: "05".repeat(16),
        view: View::Unsure,
        part: None,
        told: None,
        waits: false,
        left_s: None,
    }
}

impl Group {
    fn new() -> Self {
        let keys: Vec<MachineKey> = (0..3).map(|_| MachineKey::generate()).collect();
        let deal = deal(&keys);
        let folders: Vec<TempDir> =
            (0..3).map(|_| tempfile::tempdir().expect("a folder")).collect();
        let mut group = Self { keys, desks: Vec::new(), deal, folders };
        group.desks = (0..3).map(|number| group.open(number)).collect();
        for (desk, hand) in group.desks.iter().zip(&group.deal) {
            desk.take(hand.clone());
        }
        group.hub_at(0);
        group
    }

    fn open(&self, number: usize) -> Arc<Desk> {
        let folder = self.folders[number].path();
        std::fs::create_dir_all(folder).expect("ours");
        let key = &self.keys[number];
        Desk::open(folder, &key.pem(), key.id(), Arc::<Nobody>::default())
    }

    fn hub_at(&self, at: u64) {
        for desk in &self.desks {
            desk.sight.heard(second(at));
        }
    }

    /// One asks another one; what was answered.
    fn ask(&self, from: usize, to: usize, at: u64) -> Option<Exchange> {
        self.desks.iter().for_each(|desk| desk.looked());
        let said = self.desks[from].exchange(second(at))?;
        let answer = self.desks[to].answer(self.keys[from].id(), &said, second(at))?;
        self.desks[from].heard(to, &answer, second(at));
        Some(answer)
    }
}

#[tokio::test]
async fn a_part_is_given_away_only_by_one_that_sees_the_hub_gone() {
    let group = Group::new();
    let answer = group.ask(0, 1, 100).expect("a member is answered");
    assert_eq!((answer.view, answer.part), (View::Unsure, None));
    // Whatever the other one says it sees.
    let part = Some("5e".repeat(32));
    let liar = Exchange { view: View::Gone, part, ..unsure() };
    let answer = group.desks[1].answer(group.keys[0].id(), &liar, second(100));
    assert_eq!(answer.and_then(|answer| answer.part), None);
    let answer = group.ask(0, 1, 130).expect("a member is answered");
    let part: String = group.deal[1].part.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((answer.view, answer.part), (View::Gone, Some(part)));
}

#[tokio::test]
async fn strangers_and_those_who_ask_too_much_are_not_answered() {
    let group = Group::new();
    let said = group.desks[0].exchange(second(130)).expect("it has a deal");
    let stranger = MachineKey::generate().id();
    assert!(!group.desks[1].knows(stranger));
    assert_eq!(group.desks[1].answer(stranger, &said, second(130)), None);
    let answered = (0..100)
        .filter(|_| group.desks[1].answer(group.keys[0].id(), &said, second(130)).is_some())
        .count();
    assert_eq!(answered, 20);
    assert!(group.desks[1].answer(group.keys[2].id(), &said, second(130)).is_some());
}

/// The parts that the first one gathers, in the steps that it takes.
fn gathered(group: &Group) -> Option<Work> {
    let mut work = None;
    for at in 125..200 {
        for (from, to) in [(1, 2), (0, 1), (0, 2)] {
            group.ask(from, to, at);
        }
        let step = group.desks[0].step(second(at));
        if matches!(step, Work::Tell { .. }) {
            work = Some(step);
        }
    }
    work
}

#[tokio::test]
async fn three_that_agree_open_whom_to_tell() {
    let group = Group::new();
    let Some(Work::Tell { fallback, evidence, parts }) = gathered(&group) else {
        panic!("nothing is told")
    };
    let agreeing = evidence.agreeing;
    assert_eq!(agreeing, [0, 1, 2]);
    let whom = boxes::open(&fallback, &agreeing, &parts).expect("it opens");
    assert_eq!(whom.channels, ["json://hunter2"]);
    assert_eq!(boxes::open(&fallback, &agreeing[..2], &parts), None, "not without the third");
    let wrong = vec![parts[0], parts[1], Some([1; 32])];
    assert_eq!(boxes::open(&fallback, &agreeing, &wrong), None);
}

#[tokio::test]
async fn an_agent_of_another_deal_has_no_part_in_it() {
    let group = Group::new();
    let other = deal(&group.keys);
    let other = Fallback { deal: [6; 16], ..other[2].clone() };
    group.desks[2].take(other);
    assert!(gathered(&group).is_none());
}

#[tokio::test]
async fn what_was_told_is_believed_by_those_who_see_the_hub_gone_and_outlives_a_restart() {
    let mut group = Group::new();
    let told = Told {
        outage: "0e".repeat(16),
        by: group.keys[0].id().to_string(),
        agreed: 3,
        since_unix_ms: 1,
        told_unix_ms: 2,
    };
    let said = Exchange { view: View::Told, told: Some(told.clone()), ..unsure() };
    // One that hears the hub does not care.
    group.desks[2].heard(0, &said, second(5));
    assert!(group.desks[2].news().is_empty());
    group.desks[0].told(told);
    group.desks[1].heard(0, &said, second(130));
    for number in 0..2 {
        assert_eq!(group.desks[number].news().len(), 1);
        assert!(matches!(group.desks[number].step(second(131)), Work::Ask(..) | Work::Rest));
    }
    group.desks[0] = group.open(0);
    let again = &group.desks[0];
    assert_eq!(again.seat(true).deal, Some([5; 16]));
    assert_eq!(again.exchange(second(2000)).map(|said| said.view), Some(View::Told));
    assert_eq!(again.news().len(), 1, "the hub does not know yet");
    again.hub_knows([0x0e; 16]);
    assert!(again.news().is_empty());
    // The hub is back for good, and goes again: that is another outage.
    (0..90).for_each(|at| again.sight.heard(second(3000 + at)));
    assert!(matches!(again.step(second(3090)), Work::Rest));
    let said = |at| again.exchange(second(at)).map(|said| said.view);
    assert_eq!(said(3500), Some(View::Unsure), "it has to ask the others first");
    again.looked();
    assert_eq!(said(3500), Some(View::Gone));
}

#[tokio::test]
async fn only_what_is_for_this_agent_is_taken_and_the_hub_can_take_it_back() {
    let group = Group::new();
    let stranger = MachineKey::generate();
    let folder = tempfile::tempdir().expect("a folder");
    let desk = Desk::open(folder.path(), &stranger.pem(), stranger.id(), Arc::<Nobody>::default());
    desk.take(group.deal[0].clone());
    assert_eq!(desk.seat(true).deal, None);
    group.desks[0].forget();
    assert_eq!(group.desks[0].seat(true).deal, None);
    assert_eq!(group.desks[0].exchange(second(5000)), None);
    assert!(matches!(group.desks[0].step(second(5000)), Work::Rest));
    group.desks[1].listens("127.0.0.1:5000".parse().expect("an address"));
    assert_eq!([true, false].map(|local| group.desks[1].seat(local).port), [5000, 0]);
}

#[tokio::test]
async fn who_was_a_member_until_the_keys_were_dealt_anew_still_hears_what_others_see() {
    let mut group = Group::new();
    // The hub deals to the last two, and the first one is cut off from it alone.
    let next = |number: usize| {
        let old = &group.deal[number];
        let (members, boxes) = (old.members[1..].to_vec(), Vec::new());
        Fallback { deal: [6; 16], quorum: 2, members, boxes, ..old.clone() }
    };
    let hands = [next(1), next(2)];
    for (number, hand) in [1, 2].into_iter().zip(hands) {
        group.desks[number].take(hand);
    }
    group.hub_at(50);
    (51..200).for_each(|at| group.desks[1].sight.heard(second(at)));
    let answer = group.ask(0, 1, 199).expect("it was a member");
    assert_eq!((answer.view, answer.part), (View::Hears, None));
    assert!(group.desks[0].exchange(second(199)).is_some_and(|said| said.waits));
    // Its own word has no weight, and it gets no part when the hub is gone.
    let liar = Exchange { view: View::Hears, waits: true, ..unsure() };
    group.desks[2].looked();
    let answer = group.desks[2].answer(group.keys[0].id(), &liar, second(400));
    let answer = answer.expect("it was a member");
    assert_eq!((answer.view, answer.part), (View::Gone, None));
    assert!(!group.desks[2].exchange(second(400)).is_some_and(|said| said.waits));
    let allowed = (0..100)
        .filter(|_| group.desks[2].answer(group.keys[0].id(), &liar, second(401)).is_some())
        .count();
    assert_eq!(allowed, 19, "it is no freer than a member");
    // That holds for one that was started anew, and for one that has no deal any more.
    group.desks[1].write_now();
    group.desks[1] = group.open(1);
    let own = |group: &Group| group.desks[1].answer(group.keys[0].id(), &unsure(), second(402));
    assert!(own(&group).is_some());
    group.desks[1].forget();
    (403..450).for_each(|at| group.desks[1].sight.heard(second(at)));
    let answer = group.desks[1].answer(group.keys[0].id(), &unsure(), second(450));
    assert_eq!(answer.map(|answer| answer.view), Some(View::Hears));
}

#[tokio::test]
async fn one_that_told_for_a_later_deal_told_for_the_earlier_one_as_well() {
    let group = Group::new();
    let told = |told_at: u64| Told {
        outage: "0e".repeat(16),
        by: group.keys[1].id().to_string(),
        agreed: 3,
        since_unix_ms: 1,
        told_unix_ms: second(told_at).unix_ms,
    };
    let said =
        |at| Exchange { deal: "06".repeat(16), view: View::Told, told: Some(told(at)), ..unsure() };
    group.hub_at(60);
    group.desks[0].heard(1, &said(50), second(300));
    assert!(group.desks[0].news().is_empty(), "that was an outage before this one");
    group.desks[0].heard(1, &said(200), second(300));
    assert_eq!(group.desks[0].news().len(), 1);
}

#[tokio::test]
async fn that_the_hub_said_goodbye_outlives_a_restart_and_is_told_to_those_who_missed_it() {
    let mut group = Group::new();
    group.desks[0].hub_leaves(second(0));
    // The others missed it.
    for at in 125..600 {
        for (from, to) in [(1, 2), (1, 0), (2, 0)] {
            group.ask(from, to, at);
        }
        assert!(!matches!(group.desks[1].step(second(at)), Work::Tell { .. }), "{at}");
    }
    group.desks[0].write_now();
    group.desks[0] = group.open(0);
    group.desks[0].sight.blind_until(second(600));
    let said = |group: &Group, at| group.desks[0].exchange(second(at)).expect("a deal");
    group.desks[0].looked();
    let after = said(&group, 1000);
    assert_eq!((after.view, after.left_s), (View::Unsure, Some(1000)));
    let later = said(&group, 600 + 1801);
    assert_eq!((later.view, later.left_s), (View::Gone, None));
    // The hub is there again: the goodbye is of the past.
    group.desks[0].sight.heard(second(3000));
    let _ = group.desks[0].step(second(3000));
    group.desks[0].looked();
    let gone = said(&group, 3000 + 121);
    assert_eq!((gone.view, gone.left_s), (View::Gone, None));
    group.desks[0].write_now();
    group.desks[0] = group.open(0);
    group.desks[0].sight.blind_until(second(4000));
    group.desks[0].looked();
    assert_eq!(said(&group, 4121).view, View::Gone);
}
