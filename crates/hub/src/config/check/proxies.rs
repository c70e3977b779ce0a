use watchfire_runtime::config::{Located, Problem, Spanned};
use watchfire_runtime::net::{Network, NetworkError};

use super::Checker;

impl Checker<'_> {
    /// The proxies that are understood; mistakes in the others are noted.
    pub(super) fn trusted_proxies(&mut self, proxies: Vec<Spanned<String>>) -> Vec<Network> {
        let mut known = Vec::with_capacity(proxies.len());
        for proxy in proxies {
            let proxy = self.source.locate(proxy);
            known.extend(self.noted(trusted(&proxy)));
        }
        known
    }
}

fn trusted(proxy: &Located<String>) -> Result<Network, Problem> {
    let network: Network = proxy.value.trim().parse().map_err(|error: NetworkError| {
        let hint = match &error {
            NetworkError::Inside(address, network) => {
                format!("write \"{address}\" for the one proxy, or \"{network}\" for all of them")
            }
            NetworkError::Address(_) | NetworkError::Bits(..) => {
                "write the proxy's IP address or its network: \"127.0.0.1\", \"10.0.0.0/8\" or \
                 \"2001:db8::/32\""
                    .to_owned()
            }
        };
        proxy.problem(error.to_string()).hint(hint)
    })?;
    if network.is_everything() {
        let problem = proxy.problem(format!("{:?} trusts everybody", proxy.value));
        return Err(problem.hint(
            "anybody could then log in under any address; name the proxy itself: \"10.0.0.2\"",
        ));
    }
    Ok(network)
}
