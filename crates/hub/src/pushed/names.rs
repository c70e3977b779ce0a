//! In whose name a series speaks.

use watchfire_model::{LabelPair, LabelSet, ServerName};

use crate::archive::{INSTANCE, exported};
use crate::fleet::Fleet;

/// The labels of a pushed series, and whether they had to be changed: a sender does not speak in
/// the name of a server of the fleet, so that what stands there as `instance` is told as
/// `exported_instance`.
pub(crate) fn in_own_name(fleet: &Fleet, labels: LabelSet) -> (LabelSet, bool) {
    let claimed = labels.get(INSTANCE);
    let is_server = ServerName::new(claimed).is_ok_and(|name| fleet.index(&name).is_some());
    if !is_server {
        return (labels, false);
    }
    let other = exported(|name| !labels.get(name).is_empty());
    let renamed = |(name, value): &LabelPair| match &**name {
        INSTANCE => (other.as_str().into(), value.clone()),
        _ => (name.clone(), value.clone()),
    };
    (LabelSet::new(labels.pairs().iter().map(renamed)), true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{fleet_of, manual_clock};

    #[test]
    fn no_sender_speaks_in_the_name_of_a_server() {
        let fleet = fleet_of(&["web-1"], &[], &manual_clock().0);
        let of = |pairs: &[(&str, &str)]| in_own_name(&fleet, LabelSet::of(pairs));
        for own in [
            &[("__name__", "up")][..],
            &[("__name__", "up"), ("instance", "web-1:9100")],
            &[("__name__", "up"), ("instance", "web-2"), ("exported_instance", "web-1")],
            &[("__name__", "up"), ("instance", "no server/at all")],
        ] {
            assert_eq!(of(own), (LabelSet::of(own), false));
        }
        let forged = of(&[("__name__", "up"), ("instance", "web-1"), ("z", "1")]);
        let told = [("__name__", "up"), ("exported_instance", "web-1"), ("z", "1")];
        assert_eq!(forged, (LabelSet::of(&told), true));
        let twice = of(&[("instance", "web-1"), ("exported_instance", "x")]);
        let told = [("exported_exported_instance", "web-1"), ("exported_instance", "x")];
        assert_eq!(twice, (LabelSet::of(&told), true));
    }
}
