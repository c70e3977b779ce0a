use axum::extract::Query;
use axum::http::Uri;
use watchfire_model::{ProcessQuery, ProcessRow, ProcessSort};

/// What `/processlist` is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Question {
    rows: ProcessQuery,
    details: bool,
}

impl Question {
    /// Reads `top`, `sort`, `name` and `details`; the first system's other parameters are
    /// passed over.
    ///
    /// # Errors
    /// What is wrong, and what would do.
    pub(super) fn read(uri: &Uri) -> Result<Self, String> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| "the query is not understood: top=10&sort=cpu&name=ssh".to_owned())?;
        let one = |name: &str| {
            let mut values = pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value);
            match (values.next(), values.next()) {
                (value, None) => Ok(value.cloned()),
                _ => Err(format!("{name} is there twice: send it once")),
            }
        };
        let rows = ProcessQuery {
            top: one("top")?.map(|top| read_top(&top)).transpose()?,
            sort: one("sort")?.map_or(Ok(ProcessSort::default()), |sort| read_sort(&sort))?,
            name: one("name")?,
        };
        let details = one("details")?.map_or(Ok(false), |word| read_flag(&word))?;
        Ok(Self { rows, details })
    }

    /// The rows that were asked for, in the order that was asked for.
    pub(super) fn answer<'a>(&self, rows: &'a [ProcessRow]) -> Vec<&'a ProcessRow> {
        self.rows.choose(rows)
    }

    /// True when memory shares and open files are wanted too.
    pub(super) fn details(&self) -> bool {
        self.details
    }
}

fn read_top(text: &str) -> Result<usize, String> {
    let number = text.parse::<usize>().ok().filter(|top| *top > 0);
    number.ok_or_else(|| "top is a number from 1 on: top=10".to_owned())
}

fn read_sort(text: &str) -> Result<ProcessSort, String> {
    ProcessSort::from_word(text)
        .ok_or_else(|| "sort is one of cpu, rss, pid, name and io: sort=cpu".to_owned())
}

fn read_flag(text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err("details is true or false: details=true".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(pid: u32, name: &str, cpu_percent: Option<f64>, rss_bytes: u64) -> ProcessRow {
        ProcessRow { pid, name: name.to_owned(), cpu_percent, rss_bytes, ..ProcessRow::default() }
    }

    fn ask(query: &str) -> Result<Vec<u32>, String> {
        let rows = [
            row(1, "init", Some(0.0), 50),
            row(30, "sshd", Some(7.5), 10),
            row(2, "kthreadd", None, 0),
            row(31, "sshd", Some(7.5), 900),
            row(8, "a b", Some(120.0), 70),
        ];
        let uri = format!("/processlist?{query}").parse().expect("a target");
        let question = Question::read(&uri)?;
        Ok(question.answer(&rows).into_iter().map(|row| row.pid).collect())
    }

    #[test]
    fn every_order_is_total() {
        assert_eq!(ask(""), Ok(vec![8, 30, 31, 1, 2]));
        assert_eq!(ask("sort=cpu"), ask(""));
        assert_eq!(ask("sort=rss"), Ok(vec![31, 8, 1, 30, 2]));
        assert_eq!(ask("sort=pid"), Ok(vec![1, 2, 8, 30, 31]));
        assert_eq!(ask("sort=io"), ask("sort=pid"));
        assert_eq!(ask("sort=name"), Ok(vec![8, 1, 2, 30, 31]));
    }

    #[test]
    fn top_and_name_choose() {
        assert_eq!(ask("top=2"), Ok(vec![8, 30]));
        assert_eq!(ask("top=999&source=internal"), ask(""));
        assert_eq!(ask("name=ssh&sort=pid"), Ok(vec![30, 31]));
        assert_eq!(ask("name=a+b"), Ok(vec![8]));
        assert_eq!(ask("name=a%20b"), Ok(vec![8]));
        assert_eq!(ask("name=nobody"), Ok(vec![]));
        assert_eq!(ask("name="), ask(""));
    }

    #[test]
    fn bad_questions_are_told_what_would_do() {
        for bad in ["top=0", "top=-1", "top=ten", "top=", "top=1&top=2", "top=99999999999999999999"]
        {
            assert!(ask(bad).expect_err(bad).contains("top"), "{bad}");
        }
        for bad in ["details=yes", "details=", "details=1&details=1"] {
            assert!(ask(bad).expect_err(bad).contains("details"), "{bad}");
        }
        for bad in ["sort=memory", "sort=CPU", "sort="] {
            assert!(ask(bad).expect_err(bad).contains("cpu, rss, pid, name and io"), "{bad}");
        }
    }
}
