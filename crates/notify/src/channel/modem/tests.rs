//! Conversations with a scripted modem behind a pseudo-terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use watchfire_model::Moment;
use watchfire_testkit::scratch::Scratch;

use super::*;
use crate::testing::{self, content, outgoing};

const LONG: Duration = Duration::from_secs(60);
const LIMITS: Timeouts = Timeouts { connect: LONG, verb: LONG, whole: LONG };

/// What an untroubled modem says.
const USUAL: [(&str, &str); 4] = [
    ("AT+CPIN?", "\r\n+CPIN: READY\r\n\r\nOK\r\n"),
    ("AT+CMGS=", "\r\n> "),
    ("AT", "\r\nOK\r\n"),
    ("00", "\r\n+CMGS: 12\r\n\r\nOK\r\n"),
];

/// A modem that answers as a script says, and remembers what it heard.
struct Fake {
    device: String,
    heard: Arc<Mutex<Vec<String>>>,
    /// While it is open the modem lives: a terminal that nobody has open is at its end.
    _open: OwnedFd,
}

impl Fake {
    /// `script` goes before what is usual: the beginning of a line, and the answer to it. Each
    /// is used once.
    fn start(script: &[(&'static str, &'static str)]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let device = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let open = open_again(&device);
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let (ears, script) = (heard.clone(), script.to_vec());
        std::thread::spawn(move || answer(File::from(master), &ears, script));
        Self { device, heard, _open: open }
    }

    fn channel(&self, more: &str) -> Box<dyn OwnChannel> {
        channel(&format!("modem://{}?to=+46708251358{more}", self.device))
    }

    /// What it heard, without what is said each time before a message.
    fn heard(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap().clone();
        let always = ["AT", "ATE0", "AT+CMEE=1", "AT+CPIN?", "AT+CMGF=0"];
        heard.into_iter().filter(|line| !always.contains(&line.as_str())).collect()
    }
}

fn open_again(device: &str) -> OwnedFd {
    open(device, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap()
}

fn answer(mut master: File, heard: &Mutex<Vec<String>>, mut script: Vec<(&str, &str)>) {
    let mut line = Vec::new();
    // What follows an announcement is text until it is sent or left.
    let mut in_message = false;
    let mut byte = [0];
    while let Ok(1) = master.read(&mut byte) {
        match byte[0] {
            0x1b => {
                line.clear();
                in_message = false;
            }
            b'\r' if in_message => line.push(b'\r'),
            b'\r' | 0x1a => {
                let said = String::from_utf8(std::mem::take(&mut line)).unwrap();
                if said.is_empty() {
                    continue;
                }
                let matches = |(start, _): &(&str, &str)| said.starts_with(start);
                let reply = match script.iter().position(matches) {
                    Some(at) => script.remove(at).1,
                    None => {
                        USUAL.iter().find(|usual| matches(usual)).map_or("", |(_, reply)| reply)
                    }
                };
                in_message = said.starts_with("AT+CMGS") && !reply.contains("ERROR");
                // It repeats what it hears, as modems do until they are told not to.
                let echo = format!("{said}\r");
                heard.lock().unwrap().push(said);
                if master.write_all(format!("{echo}{reply}").as_bytes()).is_err() {
                    return;
                }
            }
            byte => line.push(byte),
        }
    }
}

fn channel(url: &str) -> Box<dyn OwnChannel> {
    parse(&Address::parse(url).unwrap()).unwrap()
}

async fn say(channel: &dyn OwnChannel, clock: &Clock, subject: &str) -> DeliveryOutcome {
    let content = content(subject, "");
    channel.send(&outgoing(&content), clock, LIMITS).await
}

/// No time passes, however slow the machine is.
async fn send(channel: &dyn OwnChannel, subject: &str) -> String {
    let (clock, _hand) = Clock::manual(Moment::default());
    let sent = tokio::time::timeout(LONG, say(channel, &clock, subject));
    told(sent.await.expect("the modem and the hub wait for each other"))
}

fn told(outcome: DeliveryOutcome) -> String {
    let (word, words) = testing::told(outcome);
    format!("{word}: {words}")
}

fn is_accepted(outcome: &DeliveryOutcome) -> bool {
    matches!(outcome, DeliveryOutcome::Accepted { .. })
}

/// Lets time pass whenever nothing else happens and `may` says so.
async fn send_while(channel: &dyn OwnChannel, may: impl Fn() -> bool) -> String {
    timed_while(channel, may).await.0
}

/// The same, and how long it took.
async fn timed_while(channel: &dyn OwnChannel, may: impl Fn() -> bool) -> (String, Duration) {
    let (clock, hand) = Clock::manual(Moment::default());
    let mut sending = std::pin::pin!(say(channel, &clock, "hellohello"));
    loop {
        tokio::select! {
            biased;
            outcome = &mut sending => return (told(outcome), clock.now().monotonic),
            () = tokio::task::yield_now() => {
                if may() {
                    hand.advance(Duration::from_millis(100));
                }
            }
        }
    }
}

#[tokio::test]
async fn a_short_message_is_one_pdu() {
    let fake = Fake::start(&[]);
    assert_eq!(send(&*fake.channel(""), "hellohello").await, "accepted: the modem sent it as 12");
    let heard = fake.heard();
    assert_eq!(heard, ["AT+CMGS=23", "0011000B916407281553F80000A70AE8329BFD4697D9EC37"]);
}

#[tokio::test]
async fn a_long_message_is_two_and_more_is_cut() {
    let fake = Fake::start(&[("00", "\r\n+CMGS: 7\r\n\r\nOK\r\n")]);
    let told = send(&*fake.channel(""), &"щ".repeat(10_000)).await;
    assert_eq!(told, "accepted: the modem sent it as 7 and 12");
    let heard = fake.heard();
    assert_eq!(heard.len(), 4);
    assert!(heard.iter().all(|line| line.len() <= 2 * (14 + 140 + 1)), "{heard:?}");
}

#[tokio::test]
async fn what_nobody_asked_for_is_passed_over() {
    let fake = Fake::start(&[
        ("AT", "\r\nRING\r\n\r\n+CMTI: \"SM\",1\r\n\r\nOK\r\n"),
        ("AT+CMGS=", "\r\n^RSSI: 20\r\n\r\n> "),
        ("00", "\r\n+CREG: 1\r\n\r\n+CMGS: 3\r\n\r\n^BOOT\r\n\r\nOK\r\n"),
    ]);
    assert_eq!(send(&*fake.channel(""), "x").await, "accepted: the modem sent it as 3");
}

#[tokio::test]
async fn an_error_is_judged() {
    for (script, expected) in [
        (
            ("00", "\r\n+CMS ERROR: 30\r\n"),
            "refused: the modem: CMS ERROR 30: the subscriber is not",
        ),
        (
            ("00", "\r\n+CMS ERROR: 42\r\n"),
            "retry: the modem: CMS ERROR 42: the network is congested",
        ),
        (("00", "\r\n+CMS ERROR: 332\r\n"), "maybe: the modem: CMS ERROR 332: the network did not"),
        (
            ("AT+CMGS=", "\r\n+CMS ERROR: 310\r\n"),
            "retry: the modem: CMS ERROR 310: there is no SIM",
        ),
        (("AT+CMGF=0", "\r\nERROR\r\n"), "retry: the modem: it says ERROR"),
        (("AT+CPIN?", "\r\n+CME ERROR: SIM busy\r\n"), "retry: the modem: CME ERROR: SIM busy"),
        (("AT+CPIN?", "\r\n+CPIN: SIM PUK\r\n\r\nOK\r\n"), "retry: the SIM wants its SIM PUK"),
        (("AT+CPIN?", "\r\n+CPIN: SIM PIN\r\n\r\nOK\r\n"), "retry: the SIM wants a PIN: add pin="),
        // A modem need know no comfort, and no PIN.
        (("ATE0", "\r\nERROR\r\n"), "accepted: the modem sent it as 12"),
        (("AT+CPIN?", "\r\nERROR\r\n"), "accepted: the modem sent it as 12"),
    ] {
        let fake = Fake::start(&[script]);
        let told = send(&*fake.channel(""), "x").await;
        assert!(told.starts_with(expected), "{script:?}: {told}");
    }
}

#[tokio::test]
async fn the_second_part_failing_leaves_the_first_in_doubt() {
    let ok = ("00", "\r\n+CMGS: 1\r\n\r\nOK\r\n");
    let fake = Fake::start(&[ok, ("00", "\r\n+CMS ERROR: 42\r\n")]);
    let told = send(&*fake.channel(""), &"x".repeat(300)).await;
    assert!(told.starts_with("maybe: the modem: CMS ERROR 42"), "{told}");
}

#[tokio::test]
async fn a_modem_that_says_nothing_is_given_up() {
    let fake = Fake::start(&[("AT", ""), ("AT", ""), ("AT", "")]);
    let told = send_while(&*fake.channel(""), || true).await;
    assert_eq!(told, "retry: the modem: it says nothing");
}

#[tokio::test]
async fn one_that_falls_silent_with_a_message_in_hand_may_have_sent_it() {
    let fake = Fake::start(&[("00", "")]);
    let has_it = || fake.heard().len() == 2;
    let (told, took) = timed_while(&*fake.channel(""), has_it).await;
    assert_eq!(told, "maybe: the modem: it says nothing");
    assert!(took >= Duration::from_secs(180), "a slow network has its time: {took:?}");
    assert_eq!(send(&*fake.channel(""), "x").await, "accepted: the modem sent it as 12");
}

#[tokio::test]
async fn a_message_that_was_begun_is_left_before_the_next() {
    // It waits for the text, and the hub never hears that it does.
    let fake = Fake::start(&[("AT+CMGS=", "")]);
    let told = send_while(&*fake.channel(""), || fake.heard().len() == 1).await;
    assert_eq!(told, "retry: the modem: it says nothing");
    assert_eq!(send(&*fake.channel(""), "hellohello").await, "accepted: the modem sent it as 12");
    let again = ["AT+CMGS=23", "AT+CMGS=23", "0011000B916407281553F80000A70AE8329BFD4697D9EC37"];
    assert_eq!(fake.heard(), again);
}

#[tokio::test]
async fn one_that_never_ends_its_answer_is_no_modem() {
    let garbage: &'static str = Box::leak("x".repeat(5000).into_boxed_str());
    let fake = Fake::start(&[("AT+CMGF", garbage)]);
    let told = send(&*fake.channel(""), "x").await;
    assert!(told.starts_with("retry: the modem: it says what no modem says"), "{told}");
}

#[tokio::test]
async fn one_message_at_a_time_is_at_the_device() {
    let fake = Fake::start(&[]);
    let other = open_again(&fake.device);
    flock(&other, FlockOperation::NonBlockingLockExclusive).unwrap();
    let told = send_while(&*fake.channel(""), || true).await;
    assert_eq!(told, "retry: the serial port: another program has it");
    assert_eq!(fake.heard.lock().unwrap().len(), 0);
    drop(other);
    let channel = fake.channel("");
    let (clock, hand) = Clock::manual(Moment::default());
    let first = async {
        let told = send(&*channel, "one").await;
        // The other one looks again.
        hand.advance(BUSY_PAUSE);
        told
    };
    let (first, second) = tokio::join!(first, say(&*channel, &clock, "two"));
    assert!(first.starts_with("accepted"), "{first}");
    assert!(is_accepted(&second), "{second:?}");
    assert_eq!(fake.heard().len(), 4);
}

#[tokio::test]
async fn a_wrong_pin_is_tried_once() {
    let scratch = Scratch::new();
    let file = scratch.path().join("pin");
    let wants = ("AT+CPIN?", "\r\n+CPIN: SIM PIN\r\n\r\nOK\r\n");
    let wrong = ("AT+CPIN=", "\r\n+CME ERROR: 16\r\n");
    let fake = Fake::start(&[wants, wants, wants, wrong]);
    let channel = fake.channel(&format!("&pin={}", file.display()));
    std::fs::write(&file, "0000\n").unwrap();
    assert_eq!(send(&*channel, "x").await, "retry: the SIM does not take the PIN");
    let told = send(&*channel, "x").await;
    assert!(told.contains("not tried again until the file changes"), "{told}");
    assert_eq!(fake.heard(), ["AT+CPIN=\"0000\""]);
    // Somebody mends it.
    std::fs::write(&file, "1234").unwrap();
    assert_eq!(send(&*channel, "x").await, "accepted: the modem sent it as 12");
    std::fs::write(&file, "12\"+34").unwrap();
    let fake = Fake::start(&[wants]);
    let told = send(&*fake.channel(&format!("&pin={}", file.display())), "x").await;
    assert!(told.contains("four to eight digits"), "{told}");
}

#[tokio::test]
async fn what_is_no_serial_port_is_told() {
    let told = send(&*channel("modem:///dev/null?to=+4917012345678"), "x").await;
    assert_eq!(told, "retry: the serial port: it is no serial port");
    let told = send(&*channel("modem:///dev/there-is-none?to=+4917012345678"), "x").await;
    assert!(told.starts_with("retry: the serial port: cannot open it: No such"), "{told}");
}

#[test]
fn urls_are_checked_with_a_hint() {
    for (url, hint) in [
        ("modem://ttyUSB0?to=+49170", "three slashes"),
        ("modem:///etc/passwd?to=+49170", "three slashes"),
        ("modem:///dev/../etc/passwd?to=+49170", "under /dev"),
        ("modem:///dev/ttyUSB0", "add ?to="),
        ("modem:///dev/ttyUSB0?to=ada", "telephone number"),
        ("modem:///dev/ttyUSB0?to=+49170&baud=fast", "115200"),
        ("modem:///dev/ttyUSB0?to=+49170&pin=1234", "whole path"),
        ("modem:///dev/ttyUSB0?to=+49170&boud=9600", "nothing but"),
    ] {
        let why = parse(&Address::parse(url).unwrap()).unwrap_err();
        assert!(why.contains(hint), "{url}: {why}");
    }
}
