//! Names of chips, made as node_exporter makes them.

use crate::folder::Folder;

/// Where the class stands below the root.
const CLASS: &[u8] = b"sys/class/hwmon";

/// One folder of the class, by its label and its driver's name.
#[derive(Debug)]
pub(super) struct Chip {
    /// `hwmon3`.
    pub(super) folder: Vec<u8>,
    /// `platform_coretemp_0`.
    pub(super) label: Vec<u8>,
    /// `coretemp`; empty when the driver gives none.
    pub(super) name: Vec<u8>,
}

/// The chips of the folders, with labels that tell them apart.
pub(super) fn chips<'a>(class: &mut Folder, folders: impl Iterator<Item = &'a [u8]>) -> Vec<Chip> {
    let mut chips: Vec<Chip> = folders.map(|folder| chip(class, folder)).collect();
    // A device may have more than one chip; their names tell which is which,
    // and where they do not, the folders do.
    for tell in [|chip: &Chip| chip.name.clone(), |chip: &Chip| chip.folder.clone()] {
        let labels: Vec<Vec<u8>> = chips.iter().map(|chip| chip.label.clone()).collect();
        for chip in &mut chips {
            let alike = labels.iter().filter(|label| **label == chip.label).count() > 1;
            let more = tell(chip);
            if alike && !more.is_empty() {
                chip.label.push(b'_');
                chip.label.extend_from_slice(&more);
            }
        }
    }
    chips
}

fn chip(class: &mut Folder, folder: &[u8]) -> Chip {
    let name = cleaned(class.read(&[folder, b"name"]).unwrap_or_default());
    let label = match device(class, folder) {
        Some(label) => label,
        None if name.is_empty() => folder.to_vec(),
        None => name.clone(),
    };
    Chip { folder: folder.to_vec(), label, name }
}

/// The device's type and name, from the path that its link leads to:
/// `/sys/devices/platform/coretemp.0` is `platform_coretemp_0`.
fn device(class: &mut Folder, folder: &[u8]) -> Option<Vec<u8>> {
    let mut base = CLASS.to_vec();
    // The folder is a link itself, except in a recorded root.
    if let Some(link) = class.link(&[folder]) {
        base = resolved(&base, link);
    } else {
        base.push(b'/');
        base.extend_from_slice(folder);
    }
    let path = resolved(&base, class.link(&[folder, b"device"])?);
    let mut names = path.rsplit(|&byte| byte == b'/');
    let device = cleaned(names.next()?);
    let kind = cleaned(names.next().unwrap_or_default());
    match (kind.is_empty(), device.is_empty()) {
        (_, true) => None,
        (true, false) => Some(device),
        (false, false) => Some([&kind[..], b"_", &device].concat()),
    }
}

/// Where `link` leads that stands in the folder `base`, by its text alone.
fn resolved(base: &[u8], link: &[u8]) -> Vec<u8> {
    let base = if link.starts_with(b"/") { b"" } else { base };
    let mut names: Vec<&[u8]> = Vec::new();
    for name in base.split(|&byte| byte == b'/').chain(link.split(|&byte| byte == b'/')) {
        match name {
            b"" | b"." => {}
            b".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    names.join(&b'/')
}

/// Small letters, and `_` for whatever is no letter, digit or colon.
fn cleaned(name: &[u8]) -> Vec<u8> {
    let clean = |byte: &u8| match byte.to_ascii_lowercase() {
        byte @ (b'a'..=b'z' | b'0'..=b'9' | b':') => byte,
        _ => b'_',
    };
    let name: Vec<u8> = name.iter().map(clean).collect();
    let start = name.iter().position(|&byte| byte != b'_').unwrap_or(name.len());
    let end = name.iter().rposition(|&byte| byte != b'_').map_or(start, |last| last + 1);
    name[start..end].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_by_their_text() {
        let base = b"sys/class/hwmon";
        let real = resolved(base, b"../../devices/platform/coretemp.0/hwmon/hwmon0");
        assert_eq!(real, b"sys/devices/platform/coretemp.0/hwmon/hwmon0");
        assert_eq!(resolved(&real, b"../../../coretemp.0"), b"sys/devices/platform/coretemp.0");
        assert_eq!(resolved(base, b"/x/./y//z"), b"x/y/z");
        assert_eq!(resolved(b"a", b"../../../b"), b"b");
    }

    #[test]
    fn names_are_cleaned() {
        assert_eq!(cleaned(b"coretemp.0"), b"coretemp_0");
        assert_eq!(cleaned(b"0000:01:00.0"), b"0000:01:00_0");
        assert_eq!(cleaned(b"--A-b--"), b"a_b");
        assert_eq!(cleaned(b"--"), b"");
    }
}
