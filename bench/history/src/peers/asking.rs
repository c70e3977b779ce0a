use watchfire_testkit::figures::percentile;

use super::answers::Answer;
use super::engine::{Engine, NOTHING};
use super::fleet::Fleet;
use super::kind::Kind;

const STEP_SECONDS: i64 = 15;
/// The median of so many rounds counts; in each all engines are asked by turns.
const ROUNDS: usize = 7;
/// The kernel counts CPU in hundredths of a second, so a round takes so much of it.
const ROUND_SECONDS: f64 = 0.4;
const MOST_ASKED: usize = 1000;
/// What two programs may differ in that add the same numbers in another order.
const ROUNDING: f64 = 1e-9;

/// A question, and where it goes.
pub(super) struct Question {
    pub(super) what: String,
    pub(super) hold: &'static str,
    pub(super) target: String,
}

/// The questions of the design. The last one finds all servers.
pub(super) fn questions(fleet: &Fleet<'_>) -> Vec<Question> {
    let busy = "rate(node_cpu_seconds_total{mode!=\"idle\"}[1m])";
    let one = "node_cpu_seconds_total{instance=\"server-7\",cpu=\"0\",mode=\"user\"}";
    let (begin, end) = (fleet.span.begin_ms / 1000, fleet.span.end_ms() / 1000);
    // Half a second beside the ticks: before its version 3 Prometheus counted a tick that lies
    // exactly on the begin of a window.
    let half = |second: i64| format!("{second}.5");
    let last = half(end - 1);
    // VictoriaMetrics keeps answers; the others do not.
    let now = |query: &str| format!("/api/v1/query?query={}&time={last}&nocache=1", encoded(query));
    let range = |query: &str| {
        let (query, from) = (encoded(query), half(begin + STEP_SECONDS));
        format!(
            "/api/v1/query_range?query={query}&start={from}&end={last}&step={STEP_SECONDS}&nocache=1"
        )
    };
    let servers = fleet.servers;
    let minutes = (end - begin) / 60;
    let question = |what: String, hold, target| Question { what, hold, target };
    vec![
        question("no data at all (`vector(1)`): HTTP alone, CPU ms".into(), "", NOTHING.into()),
        question(format!("one series, {minutes} min at 15 s, CPU ms"), "0.2", range(one)),
        question(
            format!(
                "`avg by (instance) ({busy})`, {servers} servers, {minutes} min at 15 s, CPU ms"
            ),
            "10",
            range(&format!("avg by (instance) ({busy})")),
        ),
        question(
            format!("`topk(5, sum by (instance) ({busy}))` at the end, CPU ms"),
            "2",
            now(&format!("topk(5, sum by (instance) ({busy}))")),
        ),
        question(
            format!("last value of one metric on {servers} servers, CPU ms"),
            "0.5",
            now("node_load1"),
        ),
    ]
}

/// Looks whether all answer the same, and says where not. Prometheus must; VictoriaMetrics
/// counts rates its own way, from the sample before the window on.
pub(super) fn compare(question: &Question, engines: &[Option<Engine>]) -> bool {
    let there: Vec<&Engine> = engines.iter().flatten().collect();
    let answer = |engine: &Engine| Answer::read(&engine.ask(&question.target).unwrap().body);
    let ours = answer(there[0]);
    let mut is_equal = ours.series() > 0;
    eprintln!("{}: {} series, {} points", question.what, ours.series(), ours.points());
    for peer in &there[1..] {
        let difference = ours.difference(&answer(peer));
        let name = peer.kind.name();
        match &difference {
            Ok(difference) => eprintln!("  {name} differs by {difference:.1e} at the most"),
            Err(why) => eprintln!("  {name} DIFFERS: {why}"),
        }
        let is_rounding = difference.is_ok_and(|difference| difference <= ROUNDING);
        is_equal &= is_rounding || matches!(peer.kind, Kind::VictoriaMetrics(_));
    }
    is_equal
}

/// The CPU of one answer, in milliseconds, of each engine.
pub(super) fn costs(question: &Question, engines: &[Option<Engine>]) -> Vec<Option<f64>> {
    let times: Vec<Option<usize>> =
        engines.iter().map(|one| one.as_ref().map(|engine| enough(engine, question))).collect();
    let mut rounds = vec![Vec::new(); engines.len()];
    for _ in 0..ROUNDS {
        for (place, engine) in engines.iter().enumerate() {
            if let (Some(engine), Some(times)) = (engine, times[place]) {
                rounds[place].push(cost(engine, question, times));
            }
        }
    }
    rounds.iter().map(|costs| percentile(costs, 0.5)).collect()
}

/// How often it must be asked to fill a round.
fn enough(engine: &Engine, question: &Question) -> usize {
    let seconds = cost(engine, question, 20) / 1e3;
    ((ROUND_SECONDS / seconds.max(1e-6)) as usize).clamp(5, MOST_ASKED)
}

fn cost(engine: &Engine, question: &Question, times: usize) -> f64 {
    let before = engine.cpu();
    for _ in 0..times {
        engine.ask(&question.target).unwrap();
    }
    (engine.cpu() - before) * 1e3 / times as f64
}

/// As in an address, "Percent-Encoding" of RFC 3986.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}
