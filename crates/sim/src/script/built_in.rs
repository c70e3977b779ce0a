/// Every built-in script: its name and its text.
pub(super) const ALL: &[(&str, &str)] = &[
    ("calm", "# Nothing happens.\n"),
    ("demo", include_str!("built_in/demo.txt")),
    ("trouble", include_str!("built_in/trouble.txt")),
    ("storm", include_str!("built_in/storm.txt")),
];
