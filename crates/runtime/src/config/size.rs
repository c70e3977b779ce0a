use super::{Located, Problem};

/// Reads a size in bytes: `64MiB`, `10GB`, `512KiB` or `4096`.
///
/// # Errors
/// A [`Problem`] with an example.
pub fn size(value: &Located<String>) -> Result<u64, Problem> {
    parse(value.value.trim()).ok_or_else(|| {
        value
            .problem(format!("{:?} is no size", value.value))
            .hint("write a whole number with its unit: 64MiB, 512KiB, 10GB or 4096 for bytes")
    })
}

fn parse(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        "kB" | "KB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        let read = |text: &str| size(&Located::default_value(text.to_owned())).ok();
        assert_eq!(read("64MiB"), Some(64 << 20));
        assert_eq!(read("10 GB"), Some(10_000_000_000));
        assert_eq!(read("4096"), Some(4096));
        for bad in ["", "MiB", "-1MiB", "1.5GB", "64Mib", "99999999999TB", "1 MiB B"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
