//! Real programs, written by the test.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use watchfire_model::Moment;
use watchfire_testkit::scratch::Scratch;

use super::*;
use crate::testing::{self, content, outgoing};

const LONG: Duration = Duration::from_secs(60);

/// The shell, with a script of the test's: a folder in memory may be one that nothing runs from.
fn script(scratch: &Scratch, script: &str, arguments: &str) -> Box<dyn OwnChannel> {
    let path = scratch.path().join("tell");
    fs::write(&path, script).unwrap();
    channel(&format!("/bin/sh?arg={}{arguments}", path.display()))
}

fn channel(rest: &str) -> Box<dyn OwnChannel> {
    parse(&Address::parse(&format!("exec://{rest}")).unwrap()).unwrap()
}

async fn run_within(channel: &dyn OwnChannel, clock: &Clock, whole: Duration) -> DeliveryOutcome {
    let content = content("[DOWN] web-1\r\n$(id)", "since 03:12\n");
    let message = Outgoing { server: Some("web-1"), ..outgoing(&content) };
    channel.send(&message, clock, Timeouts { whole, ..Timeouts::default() }).await
}

async fn run(channel: &dyn OwnChannel) -> DeliveryOutcome {
    run_within(channel, &Clock::system(), LONG).await
}

#[tokio::test]
async fn the_program_gets_the_message_as_json_and_nothing_of_the_hubs_environment() {
    let scratch = Scratch::new();
    let told = scratch.path().join("told");
    let words = "cat > TOLD.json; env > TOLD.env; pwd >> TOLD.env; echo \"as $1 $2\"";
    let words = words.replace("TOLD", &told.to_string_lossy());
    let outcome = run(&*script(&scratch, &words, "&arg=a%20b&arg=$HOME")).await;
    assert_eq!(outcome, DeliveryOutcome::Accepted { reply: "as a b $HOME".to_owned() });
    let document = fs::read_to_string(told.with_extension("json")).unwrap();
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["version"], 1);
    assert_eq!(document["subject"], "[DOWN] web-1  $(id)");
    assert_eq!((&document["action"], &document["server"]), (&"open".into(), &"web-1".into()));
    let environment = fs::read_to_string(told.with_extension("env")).unwrap();
    let names: Vec<&str> = environment.lines().filter_map(|line| line.split('=').next()).collect();
    // The shell itself adds PWD and the like.
    for name in names {
        assert!(["PATH", "LANG", "PWD", "OLDPWD", "SHLVL", "_", "/"].contains(&name), "{name}");
    }
    assert!(environment.ends_with("\n/\n"), "{environment}");
}

#[tokio::test]
async fn how_it_ends_says_what_became_of_it() {
    for (words, expected) in [
        ("exit 0", "accepted: the program ended with 0"),
        ("echo; echo 'id 17'; echo more", "accepted: id 17"),
        ("echo busy >&2; exit 75", "retry: the program asks to be tried again: busy"),
        ("echo no such group >&2; exit 3", "refused: the program ended with 3: no such group"),
        ("printf 'a\\033[31mb'; exit 1", "refused: the program ended with 1: a[31mb"),
        ("kill -9 $$", "maybe: the program was ended by signal 9"),
        // It neither reads its message nor stops writing before its time.
        (
            "exec 0<&-; head -c 1000000 /dev/zero | tr '\\0' x; exit 4",
            "refused: the program ended with 4: xxx",
        ),
    ] {
        let scratch = Scratch::new();
        let told = told(run(&*script(&scratch, words, "")).await);
        assert!(told.starts_with(expected) && told.len() < 1200, "{words}: {told}");
    }
}

fn told(outcome: DeliveryOutcome) -> String {
    let (word, words) = testing::told(outcome);
    format!("{word}: {words}")
}

#[tokio::test]
async fn at_the_time_limit_it_ends_with_all_that_it_started() {
    let scratch = Scratch::new();
    let pipe = scratch.path().join("alive");
    // The grandchild holds the pipe open for as long as it lives.
    let words = format!("mkfifo {0}; sleep 1000 > {0} & wait", pipe.display());
    let (clock, hand) = Clock::manual(Moment::default());
    let channel = script(&scratch, &words, "");
    let sending = run_within(&*channel, &clock, LONG);
    let mut sending = std::pin::pin!(sending);
    // The fifo is there once the program runs; opening it for reading waits for its writer.
    let reader = async {
        while !pipe.exists() {
            tokio::task::yield_now().await;
        }
        let path = pipe.clone();
        tokio::task::spawn_blocking(move || fs::File::open(path).unwrap()).await.unwrap()
    };
    let mut reader = std::pin::pin!(reader);
    let opened = tokio::select! {
        biased;
        outcome = &mut sending => panic!("{outcome:?}"),
        opened = &mut reader => opened,
    };
    hand.advance(LONG);
    let told = told(sending.await);
    assert_eq!(told, "maybe: the program was ended after 60 s");
    // The end of the fifo is that of its last writer.
    let (end, ended) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut opened = opened;
        end.send(std::io::Read::read(&mut opened, &mut [0; 8]).unwrap())
    });
    assert_eq!(ended.recv_timeout(LONG), Ok(0), "what it started is still there");
}

#[tokio::test]
async fn what_it_leaves_behind_holds_nobody_up() {
    let scratch = Scratch::new();
    let pipe = scratch.path().join("pipe");
    // What is left behind has the program's output open and waits for a writer, who never comes.
    let words = format!("mkfifo {0}; cat {0} & echo told", pipe.display());
    let outcome = run(&*script(&scratch, &words, "")).await;
    assert_eq!(outcome, DeliveryOutcome::Accepted { reply: "told".to_owned() });
    let writer = fs::OpenOptions::new().read(true).write(true).open(pipe).unwrap();
    drop(writer);
}

#[tokio::test]
async fn a_program_that_is_not_there_or_anybodys_is_not_run() {
    let scratch = Scratch::new();
    let path = scratch.path().join("tell");
    let at_path = channel(&path.to_string_lossy());
    assert!(told(run(&*at_path).await).starts_with("retry: the program cannot be run: No such"));
    assert_eq!(at_path.check(), Ok(()), "it may come yet");
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o757)).unwrap();
    assert!(at_path.check().unwrap_err().contains("chmod go-w"));
    assert!(told(run(&*at_path).await).contains("chmod go-w"));
    for bad in ["exec://relative/path", "exec:///", "exec:///bin/true?shell=yes"] {
        assert!(parse(&Address::parse(bad).unwrap()).is_err(), "{bad}");
    }
}
