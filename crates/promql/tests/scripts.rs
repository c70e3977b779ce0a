//! Every script in `tests/scripts` gives what it says.

mod runner;

use std::fs;
use std::path::Path;

#[test]
fn every_script_gives_what_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut scripts: Vec<_> = fs::read_dir(folder)
        .expect("the folder of scripts")
        .map(|entry| entry.expect("a readable entry").path())
        .collect();
    scripts.sort();
    let (mut cases, mut wrong) = (0, Vec::new());
    for script in &scripts {
        let text = fs::read_to_string(script).expect("a readable script");
        match runner::run(&text) {
            Ok(count) => cases += count,
            Err(why) => wrong.push(format!("{}:\n{why}", script.display())),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(cases >= 1400, "only {cases} questions in {} scripts", scripts.len());
}

#[test]
fn a_wrong_answer_is_noticed() {
    let load = "load 1m\n  up{a=\"b\"} 1x5\n";
    for wrong in [
        "eval instant at 1m up\n  up{a=\"b\"} 2\n",
        "eval instant at 1m up\n  up 1\n",
        "eval instant at 1m up\n",
        "eval instant at 1m up\n  expect fail never\n",
        "eval instant at 1m up\n  up{a=\"b\"} 1\n  expect warn something\n",
        "eval range from 0 to 2m step 1m up\n  up{a=\"b\"} 1 _ 1\n",
        "eval instant at 1m sum(\n  {} 1\n",
        "eval instant at 1m 1\n  2\n",
        "eval instant at 1m 1\n  Inf\n",
        "eval instant at 1m Inf\n  1e308\n",
    ] {
        assert!(runner::run(&format!("{load}{wrong}")).is_err(), "{wrong}");
    }
    assert_eq!(runner::run(&format!("{load}eval instant at 1m up\n  up{{a=\"b\"}} 1\n")), Ok(1));
}
