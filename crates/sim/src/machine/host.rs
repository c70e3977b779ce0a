use std::time::Duration;

use watchfire_model::{Labels, Moment, Schema, SeriesKey};

use crate::seeded::Seeded;

/// What servers do, and so their names.
const ROLES: [&str; 5] = ["web", "db", "cache", "worker", "mail"];
/// Where they stand.
const SITES: [&str; 3] = ["fra", "ams", "nyc"];
/// How long a server may have been up when the simulation begins, in seconds.
const UPTIME: (u64, u64) = (3600, 200 * 86_400);

/// Who a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    /// Its place in the fleet, from 0.
    pub(crate) number: u64,
    /// Its name.
    pub(crate) name: String,
    /// What it does.
    pub(crate) role: &'static str,
    /// Where it stands.
    pub(crate) site: &'static str,
    address: String,
}

/// One start of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Boot {
    /// Which one it is; the generation of its schema too.
    pub(crate) generation: u64,
    /// When it was, in milliseconds since 1970.
    pub(crate) unix_ms: i64,
    /// The moment at which the machine's own monotonic clock would be zero, on
    /// this machine's, less than nothing when it is longer up than this one.
    ahead: i128,
}

impl Host {
    /// The server with this number.
    pub(crate) fn of(seed: u64, number: u64) -> Self {
        let place = number as usize;
        let role = ROLES[place % ROLES.len()];
        let bytes = Seeded::part(seed, "address", number).next().to_be_bytes();
        let [a, b, c, ..] = bytes;
        Self {
            number,
            name: format!("{role}-{}", place / ROLES.len() + 1),
            role,
            site: SITES[place / ROLES.len() % SITES.len()],
            address: format!("52:54:00:{a:02x}:{b:02x}:{c:02x}"),
        }
    }

    /// What it tells the hub of itself.
    pub(crate) fn labels(&self) -> Labels {
        let mut labels = Labels::new();
        for (name, value) in [("role", self.role), ("site", self.site)] {
            labels.insert(name, value).expect("both are good names");
        }
        labels
    }

    /// The recorded series under this server's name. What is the same for all
    /// servers is in memory once.
    pub(super) fn schema(&self, recorded: &Schema, generation: u64) -> Schema {
        let mut schema = Schema::new(generation);
        for key in recorded.keys() {
            schema.push(self.own(key));
        }
        schema
    }

    fn own(&self, key: &SeriesKey) -> SeriesKey {
        let (label, value) = match key.name() {
            "node_uname_info" => ("nodename", &self.name),
            "node_network_info" if key.label("device") != Some("lo") => ("address", &self.address),
            _ => return key.clone(),
        };
        let others = key.labels().filter(|(name, _)| *name != label);
        SeriesKey::new(key.name(), others.chain([(label, value.as_str())]))
            .expect("the names are those of a key")
    }
}

impl Boot {
    /// The start that was longest ago when the simulation began, at `now`.
    pub(crate) fn before(seed: u64, number: u64, now: Moment) -> Self {
        let seconds = Seeded::part(seed, "uptime", number).within(UPTIME.0, UPTIME.1);
        let up = Duration::from_secs(seconds);
        Self::at(1, now, up)
    }

    /// The next start, at `now`.
    pub(crate) fn again(self, now: Moment) -> Self {
        Self::at(self.generation + 1, now, Duration::ZERO)
    }

    fn at(generation: u64, now: Moment, up: Duration) -> Self {
        let unix_ms = now.before(up).unix_ms;
        Self { generation, unix_ms, ahead: nanos(up) - nanos(now.monotonic) }
    }

    /// A moment of this machine on the clocks of the simulated one.
    pub(crate) fn moment(self, now: Moment) -> Moment {
        let up = u64::try_from(nanos(now.monotonic) + self.ahead).unwrap_or(0);
        Moment { monotonic: Duration::from_nanos(up), unix_ms: now.unix_ms }
    }

    /// An id that each start has for itself, in the form of the kernel's.
    pub(crate) fn id(self, seed: u64, number: u64) -> String {
        let mut draw = Seeded::part(seed ^ self.unix_ms as u64, "boot", number);
        let (a, b) = (draw.next(), draw.next());
        let [c, d, e] = [a >> 32, (a >> 16) & 0xffff, a & 0xfff];
        let [f, g] = [(b >> 48) & 0xfff, b & 0xffff_ffff_ffff];
        format!("{c:08x}-{d:04x}-4{e:03x}-8{f:03x}-{g:012x}")
    }
}

fn nanos(duration: Duration) -> i128 {
    i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_have_names_of_their_own() {
        let mut names: Vec<_> = (0..1000).map(|number| Host::of(1, number).name).collect();
        assert_eq!(names[..6], ["web-1", "db-1", "cache-1", "worker-1", "mail-1", "web-2"]);
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 1000);
        assert_eq!(Host::of(1, 0).labels().get("role"), Some("web"));
    }

    #[test]
    fn a_server_may_be_up_for_longer_than_this_machine() {
        let now = Moment { monotonic: Duration::from_secs(5), unix_ms: 1_700_000_000_000 };
        let boot = Boot::before(1, 0, now);
        let up = boot.moment(now).monotonic;
        assert!(up >= Duration::from_secs(UPTIME.0), "{up:?}");
        assert_eq!(
            boot.moment(now.after(Duration::from_secs(2))).monotonic - up,
            Duration::from_secs(2)
        );
        assert_eq!(boot.unix_ms + up.as_millis() as i64, now.unix_ms);
        let again = boot.again(now);
        assert_eq!((again.moment(now).monotonic, again.generation), (Duration::ZERO, 2));
        assert_ne!(boot.id(1, 0), again.id(1, 0));
        assert_eq!(boot.id(1, 0).len(), 36);
    }
}
