//! How the process's descriptors are shared out: the servers' links come first,
//! the page has the rest.

use watchfire_runtime::http::HttpLimits;
use watchfire_runtime::limits;
use watchfire_runtime::net::Network;

/// Descriptors that one server may take: its link, and a second address tried
/// beside the first, a quick try beside a slow one, or the login before the stream.
const A_SERVER: usize = 2;
/// Descriptors for all else: the database, deliveries, the log, the runtime.
const RESERVE: usize = 100;
/// What the page has in any case.
const LEAST_CONNECTIONS: usize = 32;

/// The limits of the hub's own listener, beside the links of `servers`. It
/// warns when the process may open too few files for all. One client has half of the
/// connections at the most, unless it is one of the trusted `proxies`.
pub(crate) fn page_limits(servers: usize, proxies: &[Network]) -> HttpLimits {
    let usual = HttpLimits::default();
    let limit = limits::descriptors();
    let connections = connections(limit, servers, usual.connections);
    let wanted = wanted(servers, usual.connections);
    if limit < wanted {
        tracing::warn!(
            limit,
            wanted,
            page_connections = connections,
            "the hub may open too few files for all its servers and the page: raise `ulimit -n` \
             or LimitNOFILE"
        );
    }
    HttpLimits { connections, per_client: connections / 2, shared: proxies.into(), ..usual }
}

fn wanted(servers: usize, connections: usize) -> usize {
    servers.saturating_mul(A_SERVER).saturating_add(connections).saturating_add(RESERVE)
}

fn connections(limit: usize, servers: usize, most: usize) -> usize {
    limit.saturating_sub(wanted(servers, 0)).clamp(LEAST_CONNECTIONS, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_what_the_servers_leave() {
        assert_eq!(connections(20_000, 500, 512), 512);
        assert_eq!(connections(1024, 300, 512), 324);
        assert_eq!(connections(1024, 500, 512), 32, "the page is never shut out");
        assert_eq!(connections(64, 10_000, 512), 32);
        assert_eq!(connections(usize::MAX, usize::MAX, 512), 32);
        assert_eq!(wanted(500, 512), 1612);
    }

    #[test]
    fn few_descriptors_are_warned_of() {
        let log = crate::testing::Log::new();
        assert_eq!(page_limits(1_000_000_000, &[]).connections, LEAST_CONNECTIONS);
        assert!(log.holds("LimitNOFILE"));
    }
}
