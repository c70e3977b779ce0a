use watchfire_notify::{Allowed, AllowedHost};
use watchfire_runtime::config::{Located, Problem};

use super::super::file::NotifyTable;
use super::Checker;

impl Checker<'_> {
    /// Where channels may lead; mistakes are noted.
    pub(super) fn allowed(&mut self, table: Option<NotifyTable>) -> Allowed {
        let mut hosts = Vec::new();
        for host in table.map(|table| table.allow).unwrap_or_default() {
            let host = self.source.locate(host);
            hosts.extend(self.noted(allowed(&host)));
        }
        Allowed::new(hosts)
    }
}

fn allowed(host: &Located<String>) -> Result<AllowedHost, Problem> {
    host.value.parse().map_err(|why| {
        let hint = "write a network, an address or a name: \"10.1.2.0/24\", \"10.1.2.3\" or \
                    \"chat.intern.example\"";
        host.problem(format!("{:?} allows nothing: {why}", host.value)).hint(hint)
    })
}
