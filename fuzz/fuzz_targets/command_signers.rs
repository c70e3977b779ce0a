//! Any text as a file of allowed signers: no panic, no endless loop, and a mistake has its line.

#![no_main]

use watchfire_identity::command::AllowedSigners;

libfuzzer_sys::fuzz_target!(|text: &str| {
    match AllowedSigners::parse(text, "allowed_signers") {
        Ok(signers) => assert!(signers.len() <= text.lines().count()),
        Err(error) => assert!((1..=text.lines().count().max(1)).contains(&error.line), "{error}"),
    }
});
