use watchfire_notify::{Allowed, AllowedHost};
use watchfire_runtime::config::{Located, Problem, Spanned};

use super::super::file::NotifyTable;
use super::Checker;
use crate::courier::Budget;

/// The largest budget of a channel, in messages an hour.
const MOST_PER_HOUR: u32 = 100_000;

impl Checker<'_> {
    /// Where channels may lead, and how much may go by each; mistakes are noted.
    pub(super) fn notify(&mut self, table: Option<NotifyTable>) -> (Allowed, Budget) {
        let table = table.unwrap_or_default();
        let mut hosts = Vec::new();
        for host in table.allow {
            let host = self.source.locate(host);
            hosts.extend(self.noted(allowed(&host)));
        }
        let usual = Budget::default();
        let texts = self.per_hour(table.texts_per_hour, usual.texts);
        let others = self.per_hour(table.messages_per_hour, usual.others);
        (Allowed::new(hosts), Budget { texts, others })
    }

    fn per_hour(&mut self, number: Option<Spanned<i64>>, usual: u32) -> u32 {
        let Some(number) = number else { return usual };
        let number = self.source.locate(number);
        let fits = u32::try_from(number.value).ok().filter(|n| (1..=MOST_PER_HOUR).contains(n));
        let problem = || {
            let what = format!("{} messages an hour is no budget", number.value);
            let hint = format!(
                "write a number from 1 to {MOST_PER_HOUR}; a fifth of it is kept \
                 back for news of new trouble"
            );
            number.problem(what).hint(hint)
        };
        self.noted(fits.ok_or_else(problem)).unwrap_or(usual)
    }
}

fn allowed(host: &Located<String>) -> Result<AllowedHost, Problem> {
    host.value.parse().map_err(|why| {
        let hint = "write a network, an address or a name: \"10.1.2.0/24\", \"10.1.2.3\" or \
                    \"chat.intern.example\"";
        host.problem(format!("{:?} allows nothing: {why}", host.value)).hint(hint)
    })
}
