use std::collections::BTreeMap;
use std::io::Read;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use watchfire_hub::{Admin, TokenWish};
use watchfire_identity::enrol::EnrolToken;
use watchfire_runtime::{Clock, Shutdown, task};
use watchfire_sim::{
    Counts, Fleet, Happening, MAX_SERVERS, Members, Progress, Script, Settings, SimError, Told,
    read_tokens,
};

use super::END;
use crate::screen;

/// The hub's usual port.
const HUB_PORT: u16 = 5100;
/// How often it is told how the fleet does.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// How long tokens are good that are used at once.
const TOKENS_VALID: Duration = Duration::from_secs(3600);

#[derive(clap::Args)]
#[command(
    after_help = "Each server enrols with a token of its own, as a real one does, and is kept in --folder: \
    at the next start it is the same one and needs no token. Where the hub's data is on this machine, --hub-data \
    makes the tokens; else make one for each server at the hub and hand them over with --tokens.\n\n  \
    A script has one event a line: WHEN WHAT WHOM [for TIME] [every TIME], such as\n    \
    10s   killed   web-3   for 40s\n    \
    1m    cut      5%      for 30s   every 5m"
)]
pub(super) struct Sim {
    /// The hub, as in hub.example.org:5100
    #[arg(long, value_name = "ADDRESS")]
    hub: String,
    /// How many servers there are
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10)]
    servers: usize,
    /// A file of enrolment tokens, one a line; - reads them from stdin
    #[arg(long, value_name = "FILE")]
    tokens: Option<PathBuf>,
    /// The data folder of the hub, when it runs on this machine: tokens are made there
    #[arg(long, value_name = "FOLDER", conflicts_with = "tokens")]
    hub_data: Option<PathBuf>,
    /// Where the servers' keys are kept
    #[arg(long, value_name = "FOLDER", default_value = "watchfire-sim")]
    folder: PathBuf,
    /// What happens: a file, or calm, demo, trouble or storm
    #[arg(long, value_name = "SCRIPT", default_value = "calm")]
    script: String,
    /// How many threads work for the fleet [default: one for each core]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// What everything is drawn from that is left to chance
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Print what happens as JSON, one event a line, and what the fleet did, every ten seconds
    #[arg(long)]
    json: bool,
}

impl Sim {
    pub(super) fn run(self) -> anyhow::Result<()> {
        ensure!(
            (1..=MAX_SERVERS).contains(&self.servers),
            "--servers {}: a fleet has from 1 to {MAX_SERVERS} servers",
            self.servers
        );
        let script = read_script(&self.script)?;
        let mut members = Members::open(&self.folder)?;
        let missing = self.servers.saturating_sub(members.all().len());
        let mut tokens = match (&self.tokens, &self.hub_data) {
            (Some(path), _) => tokens_in(path)?,
            (None, Some(data)) => make_tokens(data, missing)?,
            (None, None) => Vec::new(),
        };
        if tokens.len() < missing {
            let error = SimError::TooFewTokens { servers: missing, tokens: tokens.len() };
            return Err(anyhow::Error::new(error).context(
                "name tokens with --tokens, or the data folder of a hub on this machine with --hub-data",
            ));
        }
        tokens.truncate(missing);
        let threads = self.threads.map_or_else(cores, NonZeroUsize::get);
        on_threads(threads, self.simulate(script, &mut members, tokens))
    }

    async fn simulate(
        &self,
        script: Script,
        members: &mut Members,
        tokens: Vec<EnrolToken>,
    ) -> anyhow::Result<()> {
        let clock = Clock::system();
        let (shutdown, _end) = Shutdown::on_signals()?;
        let hub = address_of(&self.hub).await?;
        let settings = Settings { hub, seed: self.seed, script };
        let known = &members.all()[..self.servers.min(members.all().len())];
        let fleet = Fleet::new(&settings, known, tokens, clock.clone())?;
        let progress = fleet.progress();
        let (telling, json) = (progress.clone(), self.json);
        let _telling =
            task::spawn("progress", async move { tell_progress(&telling, &clock, json).await });
        eprintln!("{} servers stream to {hub}. Ctrl-C ends.", self.servers);
        fleet.run(shutdown, |told| take(told, members, self.json)).await;
        if self.json {
            show_counts(progress.counts());
        }
        Ok(())
    }
}

/// A built-in script by its name, or else a file.
pub(super) fn read_script(named: &str) -> anyhow::Result<Script> {
    if let Some(script) = Script::built_in(named) {
        return Ok(script);
    }
    let known = Script::built_in_names().collect::<Vec<_>>().join(", ");
    let text = std::fs::read_to_string(named).with_context(|| {
        format!("the script {named} cannot be read, and it is none of the built-in ones: {known}")
    })?;
    Script::parse(&text).with_context(|| format!("the script {named}"))
}

fn tokens_in(path: &Path) -> anyhow::Result<Vec<EnrolToken>> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    let text = text.with_context(|| format!("the tokens in {} cannot be read", path.display()))?;
    Ok(read_tokens(&text)?)
}

async fn address_of(hub: &str) -> anyhow::Result<SocketAddr> {
    let has_port = hub.parse::<SocketAddr>().is_ok()
        || hub.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let with_port = if has_port { hub.to_owned() } else { format!("{hub}:{HUB_PORT}") };
    let mut found = tokio::net::lookup_host(&with_port)
        .await
        .with_context(|| format!("--hub {hub}: no such address"))?;
    found.next().with_context(|| format!("--hub {hub}: the name has no address"))
}

/// So many new tokens of the hub whose data is in this folder.
pub(super) fn make_tokens(data: &Path, count: usize) -> anyhow::Result<Vec<EnrolToken>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let admin = Admin::open(data, Clock::system())?;
    let wish = TokenWish { name: None, labels: BTreeMap::new(), valid: TOKENS_VALID };
    (0..count).map(|_| Ok(admin.token(&wish)?.token)).collect()
}

/// Keeps who enrolled and shows what happens.
pub(super) fn take(told: Told, members: &mut Members, json: bool) {
    match told {
        Told::Happening(happening) => show(&happening, json),
        Told::Enrolled(member) => {
            let name = member.name.clone();
            if let Err(error) = members.add(vec![*member]) {
                tracing::error!(server = name, %error, "the server's key is not kept");
            }
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// On one thread a server costs a little less; on several, thousands are back sooner
/// after the hub was started anew.
fn on_threads(
    threads: usize,
    work: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(threads).enable_all().build()?;
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(END);
    done
}

/// Shows what happens, on a line of its own.
fn show(happening: &Happening, json: bool) {
    let (at, lasts) = (happening.at.as_secs_f64(), happening.lasts.as_secs_f64());
    let (what, servers) = (happening.trouble.as_str(), &happening.servers);
    let line = if json {
        let begun_ns = u64::try_from(happening.begun.monotonic.as_nanos()).unwrap_or(u64::MAX);
        serde_json::json!({
            "at_s": at,
            "begun_monotonic_ns": begun_ns,
            "lasts_s": lasts,
            "what": what,
            "servers": servers,
        })
        .to_string()
    } else {
        format!("{at:>8.1} s  {what:<9} for {lasts:>4.0} s  {}", few(servers))
    };
    // Whoever does not read on has no less of a simulation.
    let _ = screen::print_exactly(&format!("{line}\n"));
}

/// Shows what the fleet did so far, on a line of its own.
fn show_counts(counts: Counts) {
    let line = serde_json::to_string(&counts).expect("numbers can be written as JSON");
    let _ = screen::print_exactly(&format!("{line}\n"));
}

/// The first names, and how many there are more.
fn few(names: &[String]) -> String {
    const SHOWN: usize = 6;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

async fn tell_progress(progress: &Progress, clock: &Clock, json: bool) {
    let mut before = Counts::default();
    loop {
        clock.sleep(TELL_EVERY).await;
        let now = progress.counts();
        if json {
            show_counts(now);
        }
        let each_second = |count: u64| count / TELL_EVERY.as_secs();
        let mean_us = |sum: u64, count: u64| sum.checked_div(count).unwrap_or(0);
        let echoes = now.echoes - before.echoes;
        tracing::info!(
            connected = now.connected,
            ticks_a_second = each_second(now.ticks - before.ticks),
            tick_late_us = mean_us(now.late_us - before.late_us, now.ticks - before.ticks),
            bytes_a_second = each_second(now.stream_bytes - before.stream_bytes),
            pulses_a_second = each_second(now.pulses - before.pulses),
            echoes_a_second = each_second(echoes),
            round_trip_us = mean_us(now.round_trip_us - before.round_trip_us, echoes),
            failed_dials = now.failed_dials,
            lost_streams = now.lost_streams,
            missed_ticks = now.missed_ticks,
            "the simulated fleet"
        );
        before = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_built_in_or_files() {
        assert!(read_script("storm").is_ok());
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("script.txt");
        std::fs::write(&path, "1s explode all").expect("it can be written");
        let told =
            format!("{:#}", read_script(&path.display().to_string()).expect_err("it is wrong"));
        assert!(told.contains("script.txt: line 1: \"explode\" cannot happen"), "{told}");
        let told = format!("{:#}", read_script("no-such-thing").expect_err("there is none"));
        assert!(told.contains("none of the built-in ones: calm, demo, trouble, storm"), "{told}");
    }

    #[tokio::test]
    async fn the_hubs_port_may_be_left_out() {
        let at = async |hub| address_of(hub).await.expect("an address").to_string();
        assert_eq!(at("127.0.0.1").await, "127.0.0.1:5100");
        assert_eq!(at("127.0.0.1:7").await, "127.0.0.1:7");
        assert_eq!(at("[::1]:7").await, "[::1]:7");
    }

    #[test]
    fn many_names_are_cut() {
        let names: Vec<_> = (1..=8).map(|number| format!("s{number}")).collect();
        assert_eq!(few(&names), "s1, s2, s3, s4, s5, s6 and 2 more");
        assert_eq!(few(&names[..2]), "s1, s2");
    }
}
