/// A figure of the table. Its rows are printed when they are known: a run that is broken off has
/// told what it had.
pub(super) struct Row {
    pub(super) what: String,
    pub(super) hold: &'static str,
    pub(super) digits: usize,
    pub(super) better: Better,
}

/// Which figures are good ones.
#[derive(Clone, Copy)]
pub(super) enum Better {
    Low,
    High,
}

pub(super) fn head() {
    println!(
        "| figure | ours | to hold | Prometheus | ratio | VictoriaMetrics | ratio |\n\
         |---|--:|--:|--:|--:|--:|--:|"
    );
}

impl Row {
    /// Prints what each has, in the order of [`Kind::installed`](super::kind::Kind::installed):
    /// a row for each of our ways, beside the peers.
    pub(super) fn print(&self, values: &[Option<f64>]) {
        let (ours, peers) = values.split_at(2);
        for (value, way, hold) in [(ours[0], "", self.hold), (ours[1], ", pushed to us", "")] {
            let Some(value) = value else { continue };
            let peers: String = peers.iter().map(|peer| self.beside(value, *peer)).collect();
            println!("| {}{way} | {} | {hold} |{peers}", self.what, self.text(value));
        }
    }

    fn beside(&self, ours: f64, peer: Option<f64>) -> String {
        let Some(peer) = peer else { return " not installed | |".to_owned() };
        let ratio = match self.better {
            Better::Low => peer / ours,
            Better::High => ours / peer,
        };
        format!(" {} | {ratio:.1} |", self.text(peer))
    }

    fn text(&self, value: f64) -> String {
        format!("{value:.*}", self.digits)
    }
}
