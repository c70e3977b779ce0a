use std::cell::RefCell;
use std::path::{Path, PathBuf};

use watchfire_runtime::Secret;
use watchfire_runtime::config::{Located, Outside, Problem, expand_with};

use super::Checker;

/// Passes on what a value asks of the world, and remembers the files.
struct Noted<'a> {
    outside: &'a dyn Outside,
    files: RefCell<Vec<PathBuf>>,
}

impl Outside for Noted<'_> {
    fn file(&self, path: &Path) -> Result<String, String> {
        self.files.borrow_mut().push(path.to_owned());
        self.outside.file(path)
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.outside.variable(name)
    }
}

impl Checker<'_> {
    /// The value with what its `${…}` stand for.
    pub(super) fn expanded(&mut self, value: &Located<String>) -> Result<Secret, Problem> {
        self.expanded_with(value, str::to_owned)
    }

    /// The same with `encode` applied to what is put in. It warns, once for each
    /// file, of secrets that everybody on the machine may read.
    pub(super) fn expanded_with(
        &mut self,
        value: &Located<String>,
        encode: impl Fn(&str) -> String,
    ) -> Result<Secret, Problem> {
        let noted = Noted { outside: self.outside, files: RefCell::default() };
        let expanded = expand_with(value, &noted, encode)?;
        for file in noted.files.into_inner() {
            let Some(file) = self.outside.open_to_others(&file) else { continue };
            let hint = format!("chmod 600 {}", file.display());
            if self.open_files.insert(file) {
                let what = "everybody on this machine may read or change the secret in that file";
                self.warnings.push(value.problem(what).hint(hint));
            }
        }
        Ok(expanded)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::PermissionsExt;

    use watchfire_runtime::config::Overrides;

    use crate::HubConfig;

    #[test]
    fn a_secret_that_others_may_read_is_warned_of_once() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, mode) in [("open", 0o644), ("written", 0o602), ("group", 0o640), ("own", 0o600)]
        {
            let path = folder.path().join(name);
            write(&path, "hunter2\n").expect("room");
            set_permissions(&path, Permissions::from_mode(mode)).expect("it is ours");
        }
        let server = |name: &str, file: &str| {
            format!(
                "[[server]]\nname = \"{name}\"\naddress = \"127.0.0.1:5000\"\n\
                 login = {{ user = \"hub\", password = \"${{file:{file}}}\" }}\n"
            )
        };
        let own = folder.path().join("own");
        let text = [
            "[mail]\nfrom = \"hub@example.org\"\n".to_owned(),
            "smtp = \"smtps://hub:${file:./open}@mail.example.org\"\n".to_owned(),
            server("web-1", "open"),
            server("web-2", "group"),
            server("web-3", "written"),
            server("web-4", own.to_str().expect("text")),
        ];
        let path = folder.path().join("hub.toml");
        write(&path, text.concat()).expect("room");
        let config = HubConfig::load(&path, &Overrides::none()).expect("it is no mistake");
        let warnings: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
        let warning = |line: usize, column: usize, file: &str| {
            format!(
                "{}:{line}:{column}: everybody on this machine may read or change the secret in \
                 that file\n  hint: chmod 600 {}",
                path.display(),
                folder.path().join(file).display()
            )
        };
        assert_eq!(warnings, [warning(3, 8, "./open"), warning(15, 36, "written")]);
    }
}
