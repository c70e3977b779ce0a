//! What containers and services use, from the tree of cgroups version 2.

mod api;
mod files;
mod names;
mod stats;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::HashSet;
use std::fmt::Write;
use std::time::Duration;

use watchfire_model::Moment;

pub use self::names::CONTAINERS_PATH;
use self::names::{Named, Names};
use self::stats::Group;
use self::tree::{Kind, MAX_GROUPS, Tree};
use super::{Collector, Outcome, Pace, Reading, whole};
use crate::container::{ContainerRef, identify};
use crate::folder::Folder;
use crate::record::RecordedPath;
use crate::series::{Family, Ledger};
use crate::text::{escape, printable};
use crate::{CollectError, Root};

/// The most containers in groups that were handed to users, who can make groups
/// of any name. They never take the place of the others.
const MAX_OF_USERS: usize = 64;

static INFO: Family = Family::gauge(
    "watchfire_container_info",
    "What is known of a container that runs.",
    &["id", "image", "name", "runtime"],
);

/// Containers and services: processor time, memory, input and output, tasks.
///
/// A container is known by its cgroup's path. Its name comes from the socket of
/// Docker or Podman or from the files of the runtime where we may read them;
/// else its short id is its name.
#[derive(Debug)]
pub(super) struct ContainerCollector {
    tree: Tree,
    names: Names,
    folder: Folder,
}

impl ContainerCollector {
    pub(super) fn new() -> Self {
        Self { tree: Tree::new(), names: Names::new(), folder: Folder::new("") }
    }

    fn put_containers(&mut self, reading: &mut Reading<'_>) -> usize {
        let all = self
            .tree
            .found(Kind::Container)
            .filter_map(|path| identify(path).map(|container| (path, container)));
        let (mut found, mut of_users): (Vec<_>, Vec<_>) =
            all.partition(|(path, _)| self.tree.is_of_root(reading.root, path));
        let count = found.len() + of_users.len();
        found.truncate(reading.limit(found.len()));
        if let Some(more @ 1..) = of_users.len().checked_sub(MAX_OF_USERS) {
            let what = format!(
                "{more} containers were left out, because {MAX_OF_USERS} are the most in cgroups of users"
            );
            reading.note(&CollectError::malformed(std::path::Path::new("cgroup2"), what));
            of_users.truncate(MAX_OF_USERS);
        }
        // They come last, so that they cannot take the name of another.
        found.append(&mut of_users);
        let containers: Vec<ContainerRef<'_>> =
            found.iter().map(|(_, container)| *container).collect();
        self.names.refresh(&containers, reading);
        let mut used = HashSet::new();
        for (path, container) in &found {
            let named = self.names.of(container);
            let name = own_name(container, named, &mut used);
            let image = named.map_or("", |named| &named.image);
            let runtime = container.runtime.as_bytes();
            let labels = [container.id, image.as_bytes(), &name, runtime];
            reading.put(&INFO, &labels, 1.0);
            let mut group = Group { folder: &mut self.folder, mount: self.tree.mount(), path };
            group.put_container([&name, runtime], reading);
        }
        count
    }

    fn put_units(&mut self, reading: &mut Reading<'_>) -> usize {
        let all = self.tree.found(Kind::Unit).count();
        let taken = reading.limit(all);
        for path in self.tree.found(Kind::Unit).take(taken) {
            let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
            let mut group = Group { folder: &mut self.folder, mount: self.tree.mount(), path };
            group.put_unit(name, reading);
        }
        all
    }
}

impl Collector for ContainerCollector {
    fn name(&self) -> &'static str {
        "containers"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        PATHS
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        if !self.tree.walk(reading.root)? || !self.folder.open(reading.root)? {
            return Ok(Outcome::NotHere);
        }
        let containers = self.put_containers(reading);
        let units = self.put_units(reading);
        if self.tree.left_out() {
            let what = format!("more than {MAX_GROUPS} cgroups, the rest was left out");
            reading.note(&CollectError::malformed(std::path::Path::new("cgroup2"), what));
        }
        Ok(if containers + units > 0 { Outcome::Read } else { Outcome::NotHere })
    }
}

/// The content of [`CONTAINERS_PATH`] for this machine: empty where no
/// container runs.
///
/// # Errors
///
/// When the cgroups cannot be listed.
pub fn container_table() -> Result<String, CollectError> {
    let root = Root::live();
    let mut tree = Tree::new();
    let mut table = String::new();
    tree.walk(&root)?;
    let containers: Vec<ContainerRef<'_>> =
        tree.found(Kind::Container).filter_map(identify).collect();
    let (mut ledger, mut faults, mut names) = (Ledger::new(3, 1), Vec::new(), Names::new());
    let now = Moment { monotonic: Duration::ZERO, unix_ms: 0 };
    let mut reading = Reading::new(&root, now, "containers", 0, &mut ledger, &mut faults);
    names.refresh(&containers, &mut reading);
    for container in &containers {
        if let Some(Named { name, image }) =
            names.of(container).filter(|named| !named.name.is_empty())
        {
            let [id, name, image] = [container.id, name.as_bytes(), image.as_bytes()].map(escape);
            let _ = writeln!(table, "{id}\t{name}\t{image}");
        }
    }
    Ok(table)
}

/// The name, as it is shown, that no other container of the same runtime has:
/// one that comes second has its short id behind it, then its whole id, then a
/// number.
fn own_name(
    container: &ContainerRef<'_>,
    named: Option<&Named>,
    used: &mut HashSet<(&'static str, String)>,
) -> Vec<u8> {
    let short = printable(&container.short_name());
    let name = match named {
        Some(named) if !named.name.is_empty() => printable(named.name.as_bytes()),
        _ => short.clone(),
    };
    let id = printable(container.id);
    let others = [format!("{name}-{short}"), format!("{name}-{id}"), id.clone()];
    let numbered = (2_u32..).map(|number| format!("{id}-{number}"));
    let mut names = [name].into_iter().chain(others).chain(numbered);
    let own = names.find(|name| used.insert((container.runtime, name.clone())));
    own.unwrap_or(id).into_bytes()
}

/// The files of a group, at each depth at which groups usually are.
macro_rules! paths {
    ($($depth:literal)*) => {
        &[$(
            whole(concat!("sys/fs/cgroup/", $depth, "/cpu.stat")),
            whole(concat!("sys/fs/cgroup/", $depth, "/cpu.max")),
            whole(concat!("sys/fs/cgroup/", $depth, "/cpu.pressure")),
            whole(concat!("sys/fs/cgroup/", $depth, "/memory.current")),
            whole(concat!("sys/fs/cgroup/", $depth, "/memory.max")),
            whole(concat!("sys/fs/cgroup/", $depth, "/memory.stat")),
            whole(concat!("sys/fs/cgroup/", $depth, "/memory.swap.current")),
            whole(concat!("sys/fs/cgroup/", $depth, "/memory.events")),
            whole(concat!("sys/fs/cgroup/", $depth, "/memory.pressure")),
            whole(concat!("sys/fs/cgroup/", $depth, "/io.stat")),
            whole(concat!("sys/fs/cgroup/", $depth, "/io.pressure")),
            whole(concat!("sys/fs/cgroup/", $depth, "/pids.current")),
            whole(concat!("sys/fs/cgroup/", $depth, "/pids.max")),
        )*]
    };
}

const PATHS: &[RecordedPath] = paths!["*" "*/*" "*/*/*" "*/*/*/*" "*/*/*/*/*" "*/*/*/*/*/*"];
