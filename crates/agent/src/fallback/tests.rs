//! Desks that exchange what they see, without a network between them.

use std::sync::{Arc, Mutex};
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
struct Nobody(Mutex<Vec<String>>);

impl Messenger for Nobody {
    fn send<'a>(&'a self, channel: &'a str, _: &'a [String], _: &'a Letter) -> Sending<'a> {
        Box::pin(async move {
            self.0.lock().expect("whole").push(channel.to_owned());
            Ok(())
        })
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
    let liar = Exchange { deal: "05".repeat(16), view: View::Gone, part, told: None };
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
    let Some(Work::Tell { fallback, agreeing, parts }) = gathered(&group) else {
        panic!("nothing is told")
    };
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
    let deal = "05".repeat(16);
    let said = Exchange { deal, view: View::Told, part: None, told: Some(told.clone()) };
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
    assert_eq!(again.exchange(second(3500)).map(|said| said.view), Some(View::Gone));
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
