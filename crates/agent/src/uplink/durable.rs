use std::fmt;
use std::sync::OnceLock;

type Witness = Box<dyn Fn(u64) + Send + Sync>;

/// Whom to tell of each record that the hub acknowledged as durable.
#[derive(Default)]
pub(crate) struct Durable(OnceLock<Witness>);

impl Durable {
    /// Calls `witness` from now on; only the first one.
    pub(crate) fn call(&self, witness: impl Fn(u64) + Send + Sync + 'static) {
        self.0.get_or_init(|| Box::new(witness));
    }

    pub(crate) fn tell(&self, sequence: u64) {
        if let Some(witness) = self.0.get() {
            witness(sequence);
        }
    }
}

impl fmt::Debug for Durable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Durable").field(&self.0.get().is_some()).finish()
    }
}
