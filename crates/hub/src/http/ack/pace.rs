use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use watchfire_model::Moment;

/// The time that tries are counted in.
const MINUTE: Duration = Duration::from_secs(60);
/// Tries of one address in that time: a person presses one button, a mail scanner looks at a
/// letter's few links.
const MOST: u32 = 60;
/// Addresses that are counted at a time; the one that began first makes room.
const MAX_ADDRESSES: usize = 1024;

/// How often links are tried. Nobody guesses a signature; this bounds what trying costs.
#[derive(Debug, Default)]
pub(in crate::http) struct Pace(Mutex<HashMap<IpAddr, (Moment, u32)>>);

impl Pace {
    /// True when one more try may come from there now.
    pub(in crate::http) fn take(&self, address: IpAddr, now: Moment) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let address = network(address);
        let is_new = counts.get(&address).is_none_or(|(began, _)| now.since(*began) >= MINUTE);
        if is_new {
            counts.retain(|_, (began, _)| now.since(*began) < MINUTE);
            if counts.len() >= MAX_ADDRESSES {
                let first = counts.iter().min_by_key(|(_, (began, _))| began.monotonic);
                first.map(|(address, _)| *address).and_then(|first| counts.remove(&first));
            }
            counts.insert(address, (now, 0));
        }
        let Some((_, count)) = counts.get_mut(&address) else { return false };
        *count = count.saturating_add(1);
        *count <= MOST
    }
}

/// Whoever has one address of IPv6 has all that begin alike.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(whole) => {
            let bits = whole.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(bits))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_slowed_and_no_other() {
        let (pace, now) = (Pace::default(), Moment::default());
        let here: IpAddr = "2001:db8::1".parse().expect("an address");
        let near: IpAddr = "2001:db8::ffff".parse().expect("an address");
        let there: IpAddr = "192.0.2.1".parse().expect("an address");
        let taken = (0..MOST + 9).filter(|_| pace.take(here, now)).count();
        assert_eq!(taken, 60);
        assert!(!pace.take(near, now) && pace.take(there, now));
        assert!(pace.take(here, now.after(MINUTE)));
    }

    #[test]
    fn there_is_a_limit_to_what_is_counted() {
        let pace = Pace::default();
        for number in 0..3000_u32 {
            let address = IpAddr::from(number.to_be_bytes());
            assert!(pace.take(address, Moment::default().after(Duration::from_millis(1))));
        }
        assert_eq!(pace.0.lock().expect("whole").len(), MAX_ADDRESSES);
    }
}
