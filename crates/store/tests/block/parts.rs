//! A store that reads only the parts of a block that it needs.

use std::collections::BTreeSet;

use watchfire_store::block::{Directory, Head, Scratch, seal};

use crate::made::{TAG, bits, known, options};

#[test]
fn a_key_is_read_from_its_group_alone() {
    let columns = known();
    let bytes = seal(&columns, &options()).unwrap();
    let end = Head::parse(&bytes[..Head::BYTES]).unwrap().directory_end();
    let directory = Directory::open(bytes[..end].to_vec(), TAG).unwrap();
    let mut scratch = Scratch::new();
    let mut times = Vec::new();
    let part = &bytes[directory.timestamps_range()];
    directory.timestamps(part, &mut scratch, &mut times).unwrap();
    assert_eq!(times, columns.timestamps);
    let mut groups = BTreeSet::new();
    for (key, truth) in &columns.series {
        let place = directory.place(*key).unwrap().unwrap();
        let part = &bytes[directory.group_range(place.group)];
        let mut group = directory.group(place.group, part).unwrap();
        let mut values = Vec::new();
        for ticks in [0..0, 0..1, 10..20, 60..70, 1..129, 100..130, 0..130] {
            group.read(place.slot, ticks.clone(), &mut scratch, &mut values).unwrap();
            assert_eq!(bits(&values), bits(&truth[ticks]));
        }
        groups.insert(place.group);
    }
    assert_eq!(groups.len(), directory.groups());
    assert_eq!(directory.place(5).unwrap(), None);
    assert!(directory.group_range(99).is_empty());
}

#[test]
fn a_group_in_the_place_of_another_is_refused() {
    let bytes = seal(&known(), &options()).unwrap();
    let directory = Directory::open(&bytes[..], TAG).unwrap();
    assert!(directory.group(0, &bytes[directory.group_range(0)]).is_ok());
    assert!(directory.group(1, &bytes[directory.group_range(0)]).is_err());
    let mut other = known();
    other.timestamps[0] -= 1;
    let other = seal(&other, &options()).unwrap();
    let of_other = Directory::open(&other[..], TAG).unwrap();
    assert!(directory.group(0, &other[of_other.group_range(0)]).is_err());
}
