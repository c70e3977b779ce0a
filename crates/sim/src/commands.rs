//! What a server that is not there answers to commands: a few programs and runbooks of its own,
//! which it has made up. It has no policy and looks at no signature, since nothing is run.

use watchfire_identity::command::{Envelope, What};
use watchfire_model::Moment;
use watchfire_wire::{
    Command, CommandRefused, CommandStarted, Exit, Message, Output, OutputStream, RunPolicy,
    Runbook, RunbookParam, Runbooks, Work,
};

/// What may be run there.
pub(crate) fn offered() -> Message {
    let unit = RunbookParam {
        name: "unit".to_owned(),
        kind: "word".to_owned(),
        hint: "the name of a unit".to_owned(),
    };
    let book = |name: &str, description: &str, params: Vec<RunbookParam>, confirm| Runbook {
        name: name.to_owned(),
        description: description.to_owned(),
        params,
        confirm,
    };
    Message::Runbooks(Runbooks {
        policy: RunPolicy::Open,
        list: vec![
            book("clean-up", "Removes old packages and logs", Vec::new(), false),
            book("restart", "Restarts a unit", vec![unit], true),
        ],
    })
}

/// Everything that it says of a command.
pub(crate) fn answers(command: &Command, now: Moment) -> Vec<Message> {
    let (run, unix_ms) = (command.run, now.unix_ms);
    let Some(argv) = argv(&command.work) else {
        let why = "this is no command that a simulated server knows".to_owned();
        return vec![Message::CommandRefused(CommandRefused { run, why })];
    };
    let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
    let (code, stream, said) = match argv[..] {
        ["true"] => (0, OutputStream::Stdout, String::new()),
        ["false"] => (1, OutputStream::Stdout, String::new()),
        ["echo", ref words @ ..] => (0, OutputStream::Stdout, format!("{}\n", words.join(" "))),
        [program, ..] => {
            let said = format!("{program}: a simulated server has no such program\n");
            (127, OutputStream::Stderr, said)
        }
        [] => (127, OutputStream::Stderr, String::new()),
    };
    let most = watchfire_wire::limits::MAX_OUTPUT_CHUNK;
    let chunks = (0_u64..).zip(said.as_bytes().chunks(most)).map(|(number, bytes)| {
        let offset = number * most as u64;
        Message::Output(Output { run, stream, offset, bytes: bytes.to_vec() })
    });
    let exit = Exit {
        run,
        code: Some(code),
        began_unix_ms: unix_ms,
        ended_unix_ms: unix_ms,
        output_bytes: said.len() as u64,
        ..Exit::default()
    };
    let started = Message::CommandStarted(CommandStarted { run, unix_ms });
    [started].into_iter().chain(chunks).chain([Message::Exit(exit)]).collect()
}

/// The command line; that of a runbook is an echo of what it would do.
fn argv(work: &Work) -> Option<Vec<String>> {
    let echo = |name: &str, unit: Option<&String>| {
        let words = match (name, unit) {
            ("clean-up", None) => "nothing was left to remove".to_owned(),
            ("restart", Some(unit)) => format!("restarted {unit}"),
            _ => return None,
        };
        Some(vec!["echo".to_owned(), words])
    };
    match work {
        Work::Open(open) => Some(open.argv.clone()),
        Work::Runbook(asked) => echo(&asked.name, asked.params.get("unit")),
        Work::Signed(signed) => match Envelope::from_bytes(&signed.envelope).ok()?.what {
            What::Argv(argv) => Some(argv),
            What::Runbook { name, params } => echo(&name, params.get("unit")),
        },
    }
}

#[cfg(test)]
mod tests {
    use watchfire_wire::{OpenWork, RunbookWork};

    use super::*;

    fn said(work: Work) -> (Option<i32>, String) {
        let command = Command { run: 7, work, ..Command::default() };
        let (mut code, mut text) = (None, String::new());
        for message in answers(&command, Moment::default()) {
            match message {
                Message::Output(output) => {
                    assert_eq!(output.offset, text.len() as u64);
                    text.push_str(std::str::from_utf8(&output.bytes).expect("text"));
                }
                Message::Exit(exit) => {
                    assert_eq!(exit.output_bytes, text.len() as u64);
                    code = exit.code;
                }
                _ => {}
            }
        }
        (code, text)
    }

    fn open(argv: &[&str]) -> Work {
        let argv = argv.iter().map(|word| (*word).to_owned()).collect();
        Work::Open(OpenWork { argv, ..OpenWork::default() })
    }

    #[test]
    fn a_few_programs_and_runbooks_are_answered() {
        assert_eq!(said(open(&["true"])), (Some(0), String::new()));
        assert_eq!(said(open(&["false"])).0, Some(1));
        assert_eq!(said(open(&["echo", "a", "b"])), (Some(0), "a b\n".to_owned()));
        assert_eq!(said(open(&["rm", "-rf", "/"])).0, Some(127));
        let long = "x".repeat(100_000);
        assert_eq!(said(open(&["echo", &long])).1.len(), 100_001);
        let params = [("unit".to_owned(), "nginx".to_owned())].into();
        let restart = RunbookWork { name: "restart".to_owned(), params, ..RunbookWork::default() };
        assert_eq!(said(Work::Runbook(restart)).1, "restarted nginx\n");
        assert_eq!(said(Work::Runbook(RunbookWork::default())).0, None, "it is refused");
    }
}
