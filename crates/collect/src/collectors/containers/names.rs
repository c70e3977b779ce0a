//! What containers are called, and which image they are made of.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use super::super::Reading;
use super::super::local_socket::{Deadline, WITHIN};
use super::{api, files};
use crate::container::ContainerRef;
use crate::source::Source;
use crate::text::{lines, printable, unescape};
use crate::{CollectError, Root};

/// Where names are, below a recorded root.
///
/// One line a container, three fields between tabs, white space and
/// backslashes as octal escapes as in `mountinfo`: the id, the name and the
/// image.
pub const CONTAINERS_PATH: &str = "recorded/containers";

/// Nobody is asked more often than this.
const REST: Duration = Duration::from_secs(15);
/// A container can be renamed, so all are asked for again after this time.
const RENEWAL: Duration = Duration::from_secs(600);
/// A container that nobody knows by now keeps its id as its name.
const TRIES: u8 = 3;

/// The runtimes that answer, and where, below the root. The sockets of users
/// are not asked: who owns one could give any name to any container.
const SOCKETS: [(&str, &str); 2] =
    [("docker", "run/docker.sock"), ("podman", "run/podman/podman.sock")];

/// What a container is called. What is not known is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) image: String,
}

#[derive(Debug, Default)]
struct Known {
    named: Named,
    tries: u8,
    seen: u64,
}

/// The names of containers that run now, by id.
#[derive(Debug)]
pub(super) struct Names {
    recorded: Source,
    known: BTreeMap<Vec<u8>, Known>,
    asked: Option<Duration>,
    round: u64,
}

impl Names {
    pub(super) fn new() -> Self {
        Self {
            recorded: Source::new(CONTAINERS_PATH),
            known: BTreeMap::new(),
            asked: None,
            round: 0,
        }
    }

    /// Learns the names of `containers` where that is due, and forgets others.
    pub(super) fn refresh(&mut self, containers: &[ContainerRef<'_>], reading: &mut Reading<'_>) {
        self.round += 1;
        for container in containers {
            match self.known.get_mut(container.id) {
                Some(known) => known.seen = self.round,
                None => {
                    let known = Known { seen: self.round, ..Known::default() };
                    self.known.insert(container.id.to_vec(), known);
                }
            }
        }
        let round = self.round;
        self.known.retain(|_, known| known.seen == round);
        if !reading.root.is_live() {
            self.read_recorded(reading);
        } else if self.is_due(containers, reading.now.monotonic) {
            self.asked = Some(reading.now.monotonic);
            self.ask(containers, reading);
        }
    }

    /// What is known of a container.
    pub(super) fn of(&self, container: &ContainerRef<'_>) -> Option<&Named> {
        self.known.get(container.id).map(|known| &known.named)
    }

    fn is_due(&self, containers: &[ContainerRef<'_>], now: Duration) -> bool {
        let since = self.asked.map(|asked| now.saturating_sub(asked));
        let mut askable = containers.iter().filter(|container| has_hidden_name(container));
        let unknown = |container: &ContainerRef<'_>| {
            self.known
                .get(container.id)
                .is_some_and(|known| known.named.name.is_empty() && known.tries < TRIES)
        };
        match since {
            None => askable.next().is_some(),
            Some(since) if since >= RENEWAL => askable.next().is_some(),
            Some(since) => since >= REST && askable.any(unknown),
        }
    }

    fn ask(&mut self, containers: &[ContainerRef<'_>], reading: &mut Reading<'_>) {
        if let Err((path, error)) = self.ask_sockets(containers, reading.root) {
            reading.note(&CollectError::unreadable(&reading.root.join(path), error));
        }
        let unnamed = containers.iter().filter(|container| {
            has_hidden_name(container)
                && self.of(container).is_some_and(|named| named.name.is_empty())
        });
        let found = files::look(reading.root, unnamed);
        for container in containers {
            if let Some(known) = self.known.get_mut(container.id) {
                known.tries = known.tries.saturating_add(1);
            }
        }
        for (id, named) in found {
            self.learn(&id, named);
        }
    }

    /// Sockets that are not there or closed to us are passed over: the files
    /// or the ids stand in.
    fn ask_sockets(
        &mut self,
        containers: &[ContainerRef<'_>],
        root: &Root,
    ) -> Result<(), (&'static str, io::Error)> {
        let mut failed = Ok(());
        let deadline = Deadline::begin(WITHIN).map_err(|error| (SOCKETS[0].1, error))?;
        for (runtime, path) in SOCKETS {
            if containers.iter().all(|container| container.runtime != runtime) {
                continue;
            }
            match api::running(&root.join(path), &deadline) {
                Ok(all) => {
                    for (id, named) in all {
                        self.learn(id.as_bytes(), named);
                    }
                }
                Err(error) if is_closed(&error) => {}
                Err(error) => failed = Err((path, error)),
            }
        }
        failed
    }

    fn learn(&mut self, id: &[u8], named: Named) {
        if let Some(known) = self.known.get_mut(id) {
            known.named = named;
        }
    }

    fn read_recorded(&mut self, reading: &mut Reading<'_>) {
        let table = match self.recorded.read_if_there(reading.root) {
            Ok(table) => table.unwrap_or_default().to_vec(),
            Err(error) => return reading.note(&error),
        };
        for line in lines(&table) {
            let mut fields = line.split(|&byte| byte == b'\t').map(unescape);
            if let (Some(id), Some(name), image) = (fields.next(), fields.next(), fields.next()) {
                let image = printable(&image.unwrap_or_default());
                self.learn(&id, Named { name: printable(&name), image });
            }
        }
    }
}

/// True when the path holds an id and not the name.
fn has_hidden_name(container: &ContainerRef<'_>) -> bool {
    !matches!(container.runtime, "lxc" | "nspawn" | "libvirt")
}

fn is_closed(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, NotADirectory, NotFound, PermissionDenied};
    matches!(error.kind(), NotFound | NotADirectory | PermissionDenied | ConnectionRefused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(runtime: &'static str, id: &'static [u8]) -> ContainerRef<'static> {
        ContainerRef { runtime, id, end: 0 }
    }

    /// Names that know of `containers`, which were asked for `tries` times, the
    /// last time at 100 s.
    fn names(containers: &[ContainerRef<'_>], tries: u8) -> Names {
        let mut names = Names::new();
        names.asked = Some(Duration::from_secs(100));
        for container in containers {
            let known = Known { tries, ..Known::default() };
            names.known.insert(container.id.to_vec(), known);
        }
        names
    }

    #[test]
    fn nobody_is_asked_without_need() {
        let docker = [container("docker", b"ab")];
        let due = |names: &Names, containers: &[ContainerRef<'_>], seconds| {
            names.is_due(containers, Duration::from_secs(seconds))
        };
        assert!(due(&Names::new(), &docker, 0), "the first time");
        let unknown = names(&docker, 1);
        assert!(!due(&unknown, &docker, 110), "too soon");
        assert!(due(&unknown, &docker, 115));
        assert!(!due(&names(&docker, TRIES), &docker, 115), "nobody knows it");
        let mut known = names(&docker, 1);
        known.learn(b"ab", Named { name: "web".to_owned(), image: String::new() });
        assert!(!due(&known, &docker, 115));
        assert!(due(&known, &docker, 700), "it can have another name by now");
        let lxc = [container("lxc", b"web")];
        assert!(!due(&names(&lxc, 0), &lxc, 9999) && !due(&Names::new(), &lxc, 0));
    }

    #[test]
    fn closed_doors_are_no_fault() {
        for kind in [io::ErrorKind::NotFound, io::ErrorKind::PermissionDenied] {
            assert!(is_closed(&kind.into()));
        }
        assert!(!is_closed(&io::ErrorKind::TimedOut.into()));
    }
}
