//! A server that fails a second time soon after the first: whether and when that is told, beside
//! Prometheus and Alertmanager, which watch the same agents.

use std::path::Path;
use std::thread;
use std::time::Duration;

use watchfire_testkit::clock::monotonic;
use watchfire_testkit::smtp::Mail;

use crate::field::{Field, Plan, name};
use crate::peers::{MISSING, Peers, Target};
use crate::times::{HEAD, Times, first, lost, names, row};

/// Both outages last so long: Alertmanager with its own times tells the first one after 36 to 43 s.
const AWAY: Duration = Duration::from_secs(45);
/// The server is back so long between them.
const BACK: Duration = Duration::from_secs(15);
/// From one server's first failure to the next one's: what falls at once is told at once.
const STAGGER: Duration = Duration::from_secs(3);
/// A mail may come so long after the server is back.
const GRACE: Duration = Duration::from_secs(10);
const RULE: &str = "groups:
- name: presence
  interval: 1s
  rules:
  - alert: Down
    expr: up == 0
    for: 5s
";

#[derive(Clone, Copy)]
enum Act {
    Kill,
    Restart,
}

struct Outage {
    server: String,
    is_second: bool,
    from: Duration,
    until: Duration,
}

/// For each kind of watcher: its name, and the times of the first and of the second outages.
pub(crate) struct Again(Vec<(&'static str, Times, Times)>);

pub(crate) fn measure(binary: &Path, servers: usize) -> anyhow::Result<Again> {
    eprintln!("again: {servers} servers fail twice");
    let plan = Plan { users: &["ada"], data: None, agents: servers, rules: None };
    let mut field = Field::with(binary, &plan)?;
    let targets: Vec<Target> = field
        .agents
        .iter()
        .zip(1..)
        .map(|(address, number)| Target { instance: name(number), address: *address })
        .collect();
    let peers = Peers::start(field.folder(), &targets, RULE)?;
    thread::sleep(Duration::from_secs(10));
    let outages = hurt(&mut field, servers);
    thread::sleep(GRACE);
    let down = |mail: &Mail| mail.subject().contains("DOWN]");
    let mut all = vec![told("watchfire", &outages, &field.sink.mails(), down)];
    if let Some(peers) = &peers {
        let firing = |mail: &Mail| mail.subject().contains("[FIRING");
        all.push(told(
            "Alertmanager, `group_wait: 0s`, `group_interval: 1s`",
            &outages,
            &peers.tuned.mails(),
            firing,
        ));
        all.push(told(
            "Alertmanager with its own times (30 s, 5 min)",
            &outages,
            &peers.usual.mails(),
            firing,
        ));
    }
    Ok(Again(all))
}

/// Does it to one server after the other.
fn hurt(field: &mut Field, servers: usize) -> Vec<Outage> {
    let mut acts = Vec::new();
    for (number, lead) in (1..=servers).zip(0_u32..) {
        let begin = STAGGER * lead;
        for (act, after) in [
            (Act::Kill, Duration::ZERO),
            (Act::Restart, AWAY),
            (Act::Kill, AWAY + BACK),
            (Act::Restart, AWAY + BACK + AWAY),
        ] {
            acts.push((begin + after, number, act));
        }
    }
    acts.sort_by_key(|(at, number, _)| (*at, *number));
    let (began, mut outages) = (monotonic(), Vec::<Outage>::new());
    for (at, number, act) in acts {
        thread::sleep((began + at).saturating_sub(monotonic()));
        let server = name(number);
        match act {
            Act::Kill => {
                let from = field.kill_agent_number(number);
                let is_second = outages.iter().any(|one| one.server == server);
                outages.push(Outage { server, is_second, from, until: Duration::MAX });
            }
            Act::Restart => {
                field.start_agent_number(number);
                let last = outages.iter_mut().rfind(|one| one.server == server);
                if let Some(last) = last {
                    last.until = monotonic() + GRACE;
                }
            }
        }
    }
    outages
}

fn told(
    watcher: &'static str,
    outages: &[Outage],
    mails: &[Mail],
    is_bad: impl Fn(&Mail) -> bool,
) -> (&'static str, Times, Times) {
    let of = |is_second| {
        let some = outages.iter().filter(move |one| one.is_second == is_second);
        some.map(|one| {
            first(mails, one.from, one.until, |mail| is_bad(mail) && names(mail, &one.server))
        })
        .collect()
    };
    (watcher, of(false), of(true))
}

impl Again {
    /// Ours told all.
    pub(crate) fn is_exact(&self) -> bool {
        self.0.first().is_some_and(|(_, once, twice)| lost(once) + lost(twice) == 0)
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = format!(
            "Servers that are killed for {} s, back for {} s, and killed for {} s again; killed → mail accepted, while it is \
             away and {} s longer. To hold: none is not told.\n\n{HEAD}",
            AWAY.as_secs(),
            BACK.as_secs(),
            AWAY.as_secs(),
            GRACE.as_secs()
        );
        for (watcher, once, twice) in &self.0 {
            row(&mut text, &format!("{watcher}: first outage"), once);
            row(&mut text, &format!("{watcher}: second outage"), twice);
        }
        if self.0.len() == 1 {
            text.push_str(MISSING);
        }
        text
    }
}
