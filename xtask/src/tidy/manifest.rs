use toml::{Table, Value};

/// Which table of a manifest a dependency stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    /// `[dependencies]`, also below `[target.…]`.
    Normal,
    /// `[build-dependencies]`.
    Build,
    /// `[dev-dependencies]`.
    Dev,
}

/// One dependency of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dependency {
    /// The crate's name in the registry, or of the member.
    pub(super) name: String,
    /// Where it stands.
    pub(super) section: Section,
    /// True when its version comes from the workspace.
    pub(super) from_workspace: bool,
    /// True when it is given by a path.
    pub(super) by_path: bool,
    /// Its line in the manifest, from 1; 0 when it could not be told.
    pub(super) line: usize,
}

/// A `Cargo.toml`, as far as the checks need it.
pub(super) struct Manifest {
    /// Its path, relative to the project's folder.
    pub(super) path: String,
    /// The folder's last name: `hub` for `crates/hub/Cargo.toml`.
    pub(super) folder: String,
    /// The dependencies of the member.
    pub(super) dependencies: Vec<Dependency>,
    /// `[workspace.dependencies]`, for the workspace's own manifest.
    pub(super) workspace_dependencies: Vec<Dependency>,
    /// The whole, for checks that look at other tables.
    pub(super) table: Table,
}

impl Manifest {
    /// Reads a manifest.
    pub(super) fn parse(path: &str, text: &str) -> Result<Self, toml::de::Error> {
        let table: Table = toml::from_str(text)?;
        let mut dependencies = members(&table, text);
        if let Some(Value::Table(targets)) = table.get("target") {
            for target in targets.values().filter_map(Value::as_table) {
                dependencies.extend(members(target, text));
            }
        }
        let workspace_dependencies = table
            .get("workspace")
            .and_then(|workspace| workspace.get("dependencies"))
            .and_then(Value::as_table)
            .map(|listed| list(listed, Section::Normal, text))
            .unwrap_or_default();
        let folder = path.rsplit('/').nth(1).unwrap_or_default().to_owned();
        Ok(Self { path: path.to_owned(), folder, dependencies, workspace_dependencies, table })
    }

    /// What ends up in the built crate, or builds it.
    pub(super) fn normal(&self) -> impl Iterator<Item = &Dependency> {
        self.dependencies.iter().filter(|dependency| dependency.section != Section::Dev)
    }
}

/// The folder's name of one of our own crates, when `name` is one: `hub` for `watchfire-hub`.
pub(super) fn own_crate(name: &str) -> Option<&str> {
    if name == "watchfire" { Some(name) } else { name.strip_prefix("watchfire-") }
}

fn members(table: &Table, text: &str) -> Vec<Dependency> {
    [
        ("dependencies", Section::Normal),
        ("build-dependencies", Section::Build),
        ("dev-dependencies", Section::Dev),
    ]
    .into_iter()
    .filter_map(|(key, section)| Some((table.get(key)?.as_table()?, section)))
    .flat_map(|(listed, section)| list(listed, section, text))
    .collect()
}

fn list(listed: &Table, section: Section, text: &str) -> Vec<Dependency> {
    let flag = |value: &Value, key: &str| value.get(key).is_some();
    listed
        .iter()
        .map(|(key, value)| Dependency {
            // `web = { package = "axum" }` is axum, whatever it is called here.
            name: value.get("package").and_then(Value::as_str).unwrap_or(key).to_owned(),
            section,
            from_workspace: flag(value, "workspace"),
            by_path: flag(value, "path"),
            line: line_of(key, text),
        })
        .collect()
}

fn line_of(key: &str, text: &str) -> usize {
    text.lines()
        .position(|line| {
            line.trim_start()
                .strip_prefix(key)
                .is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
        })
        .map_or(0, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
[dependencies]
watchfire-model.workspace = true
web = { package = \"axum\", version = \"1\" }
[target.'cfg(unix)'.dependencies]
rustix = \"1\"
[dev-dependencies]
tempfile.workspace = true
";

    #[test]
    fn finds_every_dependency_with_section_name_and_line() {
        let manifest = Manifest::parse("crates/hub/Cargo.toml", TEXT).expect("it is TOML");
        assert_eq!(manifest.folder, "hub");
        let mut seen: Vec<_> = manifest
            .dependencies
            .iter()
            .map(|dependency| {
                (dependency.name.as_str(), dependency.section, dependency.from_workspace)
            })
            .collect();
        seen.sort_unstable_by_key(|(name, ..)| *name);
        assert_eq!(
            seen,
            [
                ("axum", Section::Normal, false),
                ("rustix", Section::Normal, false),
                ("tempfile", Section::Dev, true),
                ("watchfire-model", Section::Normal, true),
            ]
        );
        let line = |name: &str| {
            let found = manifest.dependencies.iter().find(|dependency| dependency.name == name);
            found.expect("it is there").line
        };
        assert_eq!((line("watchfire-model"), line("axum"), line("tempfile")), (3, 4, 8));
    }

    #[test]
    fn tells_own_crates_from_others() {
        assert_eq!(own_crate("watchfire-hub"), Some("hub"));
        assert_eq!(own_crate("watchfire"), Some("watchfire"));
        assert_eq!(own_crate("watchman"), None);
    }
}
