//! Real agents beside what runs commands over SSH: the same command on as many servers, by turns.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::ensure;
use watchfire_testkit::process::Program;

use crate::agents::{self, Agents};
use crate::cage::Cage;
use crate::house::{House, PATIENCE};
use crate::sshd::{self, Sshds};
use crate::table::median;

const COMMAND: &str = "uptime";
/// How long our rest is measured.
const REST: Duration = Duration::from_secs(10);
/// Slow ones are measured no oftener.
const SLOW_TURNS: usize = 2;
/// The design's figure: at this many targets so many times less than `pssh`.
const TARGETS_TO_HOLD: usize = 50;
const TIMES_LESS: f64 = 10.0;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Peer {
    Pssh,
    PsshKept,
    Clush,
    Ansible,
}

const PEERS: [Peer; 4] = [Peer::Pssh, Peer::PsshKept, Peer::Clush, Peer::Ansible];

/// What one program took, turn by turn.
#[derive(Default)]
struct Taken {
    time: Vec<f64>,
    cpu: Vec<f64>,
}

impl Peer {
    fn name(self) -> &'static str {
        match self {
            Self::Pssh => "pssh",
            Self::PsshKept => "pssh, connections kept open (`ControlPersist`)",
            Self::Clush => "clush",
            Self::Ansible => "Ansible ad hoc (`command`)",
        }
    }

    /// Its program, and the package that has it.
    fn comes_from(self) -> (&'static str, &'static str) {
        match self {
            Self::Pssh | Self::PsshKept => ("parallel-ssh", "pssh"),
            Self::Clush => ("clush", "clustershell"),
            Self::Ansible => ("ansible", "ansible-core"),
        }
    }

    fn turns(self, turns: usize) -> usize {
        if self == Self::Ansible { turns.min(SLOW_TURNS) } else { turns }
    }

    fn command(self, cage: &Cage, program: &Path, sshds: &Sshds, targets: usize) -> Program {
        let program = cage.program(program);
        let all = targets.to_string();
        let config = sshds.client(self == Self::PsshKept).display().to_string();
        let hosts = sshds.path(&format!("hosts-{targets}")).display().to_string();
        match self {
            Self::Pssh | Self::PsshKept => {
                let options = format!("-F {config}");
                program.args(["-h", &hosts, "-p", &all, "-x", &options, "-i", COMMAND])
            }
            Self::Clush => {
                let (options, nodes) = (format!("-F {config}"), format!("127.0.0.[1-{all}]"));
                program.args(["-S", "-b", "-f", &all, "-o", &options, "-w", &nodes, COMMAND])
            }
            Self::Ansible => {
                let ssh = format!("-F {config} -C -o ControlMaster=auto -o ControlPersist=60s");
                let temporary = |name: &str| sshds.path(name).display().to_string();
                program
                    .args(["all", "-i", &hosts, "-f", &all, "-m", "command", "-a", COMMAND])
                    .args(["-e", "ansible_python_interpreter=/usr/bin/python3"])
                    .env("ANSIBLE_SSH_ARGS", ssh)
                    .env("ANSIBLE_CONFIG", temporary("ansible.cfg"))
                    .env("ANSIBLE_LOCAL_TEMP", temporary("ansible"))
                    .env("ANSIBLE_REMOTE_TEMP", temporary("ansible-there"))
                    .env("ANSIBLE_SSH_CONTROL_PATH_DIR", temporary("cp"))
            }
        }
    }
}

pub(crate) fn measure(binary: &Path, targets: &[usize], turns: usize) -> anyhow::Result<String> {
    let most = targets.iter().copied().max().unwrap_or(1);
    eprintln!("peers: {most} agents enrol");
    let (ours, theirs) = (Cage::new("ours")?, Cage::new("theirs")?);
    let house = House::start(binary, &ours)?;
    let agents = Agents::start(binary, &ours, &house, most)?;
    let mut missing = Vec::new();
    let found = installed(&mut missing);
    let sshds = if found.is_empty() { None } else { Some(Sshds::start(&theirs, &house, most)?) };

    let mut text = format!("#### `{COMMAND}` on real servers, beside what goes over SSH\n");
    for &count in targets {
        eprintln!("peers: {count} targets");
        let (began, before) = (Instant::now(), ours.cpu()?);
        std::thread::sleep(REST);
        let rest = (ours.cpu()? - before) / began.elapsed().as_secs_f64();
        let field =
            Field { ours: &ours, theirs: &theirs, house: &house, sshds: sshds.as_ref(), rest };
        let rows = field.by_turns(&found, count, turns)?;
        write_table(&mut text, count, &rows);
        let _ = writeln!(
            text,
            "\nAt rest just before, the hub and {most} agents, which look at their machine each second, \
             used {:.1} % of a core together; that is taken off ours.",
            rest * 100.0
        );
        ensure!(agents.are_there(), "an agent ended");
    }
    for line in missing {
        let _ = writeln!(text, "\n{line}");
    }
    Ok(text)
}

/// All that asks and is asked.
struct Field<'a> {
    ours: &'a Cage,
    theirs: &'a Cage,
    house: &'a House,
    sshds: Option<&'a Sshds>,
    /// The CPU that ours uses at rest, of a core.
    rest: f64,
}

impl Field<'_> {
    /// Ours and each peer in each turn; the first turn warms all up and does not count.
    fn by_turns(
        &self,
        found: &[(Peer, PathBuf)],
        targets: usize,
        turns: usize,
    ) -> anyhow::Result<Vec<(&'static str, Taken)>> {
        let mut words: Vec<String> = (1..=targets).map(agents::name).collect();
        words.extend(["--".to_owned(), COMMAND.to_owned()]);
        let mut rows = vec![("watchfire run", Taken::default())];
        rows.extend(found.iter().map(|(peer, _)| (peer.name(), Taken::default())));
        for turn in 0..=turns {
            let own = self.own(&words, targets)?;
            let mut all = vec![Some(own)];
            for (peer, program) in found {
                let is_in = turn <= peer.turns(turns);
                all.push(if is_in { self.peer(*peer, program, targets)? } else { None });
            }
            for ((_, taken), (time, cpu)) in
                rows.iter_mut().zip(all).filter_map(|(row, one)| Some((row, one?)))
            {
                if turn > 0 {
                    taken.time.push(time);
                    taken.cpu.push(cpu);
                }
            }
        }
        Ok(rows)
    }

    fn own(&self, words: &[String], targets: usize) -> anyhow::Result<(f64, f64)> {
        let before = self.ours.cpu()?;
        let ran = self.house.run(self.ours, words, true)?;
        let time = ran.took.as_secs_f64();
        ensure!(
            ran.run.counts.ok as usize == targets && ran.outputs.len() == targets,
            "not every server said its uptime: {:?}",
            ran.run.counts
        );
        Ok((time, self.ours.cpu()? - before - self.rest * time))
    }

    fn peer(
        &self,
        peer: Peer,
        program: &Path,
        targets: usize,
    ) -> anyhow::Result<Option<(f64, f64)>> {
        let Some(sshds) = self.sshds else { return Ok(None) };
        let hosts: String = (1..=targets).map(|one| format!("{}\n", sshd::address(one))).collect();
        std::fs::write(sshds.path(&format!("hosts-{targets}")), hosts)?;
        let (began, before) = (Instant::now(), self.theirs.cpu()?);
        let (ended, output, words) =
            peer.command(self.theirs, program, sshds, targets).run(PATIENCE);
        let time = began.elapsed().as_secs_f64();
        ensure!(ended.success(), "{} ended with {ended}: {words}\n{output}", peer.name());
        Ok(Some((time, self.theirs.cpu()? - before)))
    }
}

/// The peers that are here, and a line for each that is not.
fn installed(missing: &mut Vec<String>) -> Vec<(Peer, PathBuf)> {
    if !sshd::is_installed() {
        missing.push("No peer was measured: `sshd` is not installed (openssh-server).".to_owned());
        return Vec::new();
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let find = |program: &str| {
        let places = std::env::split_paths(&folders).map(|folder| folder.join(program));
        places.into_iter().find(|path| path.exists())
    };
    let mut found = Vec::new();
    for peer in PEERS {
        let (program, package) = peer.comes_from();
        match find(program) {
            Some(path) => found.push((peer, path)),
            None => missing.push(format!(
                "{} was not measured: it is not installed (package {package}).",
                peer.name()
            )),
        }
    }
    found
}

fn write_table(text: &mut String, targets: usize, rows: &[(&str, Taken)]) {
    let _ = write!(
        text,
        "\n| {targets} targets | times | time, median, s | max, s | × ours | CPU of both ends, median, s | × ours |\n\
         |---|--:|--:|--:|--:|--:|--:|\n"
    );
    let Some((_, own)) = rows.first() else { return };
    let (own_time, own_cpu) = (median(&own.time), median(&own.cpu));
    for (name, taken) in rows {
        let (time, cpu) = (median(&taken.time), median(&taken.cpu));
        let most = taken.time.iter().copied().fold(0.0, f64::max);
        let _ = writeln!(
            text,
            "| {name} | {} | {time:.3} | {most:.3} | {:.1} | {cpu:.3} | {:.1} |",
            taken.time.len(),
            time / own_time,
            cpu / own_cpu
        );
    }
    let pssh = rows.iter().find(|(name, _)| *name == Peer::Pssh.name());
    if let (TARGETS_TO_HOLD, Some((_, pssh))) = (targets, pssh) {
        let (time, cpu) = (median(&pssh.time) / own_time, median(&pssh.cpu) / own_cpu);
        let word = if time >= TIMES_LESS && cpu >= TIMES_LESS { "held" } else { "**not held**" };
        let _ = writeln!(
            text,
            "\nTo hold: {TIMES_LESS:.0} × less time and CPU than pssh. It is {time:.1} and {cpu:.1}: {word}."
        );
    }
}
