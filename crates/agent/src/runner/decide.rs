//! Whether a command runs, and how: the server's own policy, and nothing of what a hub says.

use std::path::PathBuf;
use std::time::Duration;

use watchfire_identity::command::{
    AllowedSigners, CommandId, SignedCommand, TargetProof, Verified, What, verify_command,
};
use watchfire_identity::sha256;
use watchfire_model::ServerName;
use watchfire_wire::limits::{MAX_ARGS, MAX_ARGV_BYTES};
use watchfire_wire::{Command, OpenWork, RunPolicy, SignedWork, Work};

use super::plan::Plan;
use super::users::User;
use crate::policy::{NOBODY, Policy, Runbook};

/// What is decided of a command that runs.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) plan: Plan,
    pub(super) who: Vec<String>,
    pub(super) runbook: String,
    pub(super) purpose: String,
    /// The life's end of what was signed: it must not run again.
    pub(super) once_until_unix_s: Option<i64>,
}

/// Who decides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judge<'a> {
    pub(super) policy: &'a Policy,
    pub(super) server: &'a ServerName,
    /// The runner's own user.
    pub(super) me: u32,
    pub(super) now_unix_s: i64,
}

/// What is asked for, whatever way it came.
#[derive(Debug, Default)]
struct Wish {
    argv: Vec<String>,
    user: Option<String>,
    folder: Option<String>,
    timeout_s: u32,
    output: u64,
}

impl Judge<'_> {
    /// What is to run; or why not, for a person.
    pub(super) fn decide(&self, command: &Command) -> Result<Decided, String> {
        let level = self.policy.level;
        if level == RunPolicy::Off {
            return Err("this server runs no commands: its policy is off".to_owned());
        }
        let id = CommandId::from_bytes(command.command_id);
        match &command.work {
            Work::Signed(signed) => self.signed(command, signed),
            Work::Runbook(work) => {
                let (wish, runbook) = self.runbook(&work.name, &work.params)?;
                if runbook.signed {
                    return Err(format!("the runbook {:?} must be signed here", work.name));
                }
                let plan = self.plan(command, id, wish, Some(runbook))?;
                let (who, runbook) = (vec![work.asker.clone()], work.name.clone());
                Ok(Decided { plan, who, runbook, purpose: String::new(), once_until_unix_s: None })
            }
            Work::Open(_) if level != RunPolicy::Open => Err(format!(
                "this server runs no command of a hub's own: its policy is {}",
                level.as_str()
            )),
            Work::Open(work) => {
                let plan = self.plan(command, id, open_wish(work), None)?;
                let (runbook, purpose) = (String::new(), String::new());
                Ok(Decided {
                    plan,
                    who: vec![work.asker.clone()],
                    runbook,
                    purpose,
                    once_until_unix_s: None,
                })
            }
        }
    }

    fn signed(&self, command: &Command, signed: &SignedWork) -> Result<Decided, String> {
        let Verified { envelope, principals } = self.verify(signed)?;
        let said = envelope.stdin_sha256;
        let is_as_said =
            said.map_or(command.stdin.is_empty(), |said| said == sha256(&command.stdin));
        if !is_as_said {
            return Err("its input is not the one that was signed".to_owned());
        }
        let own = Wish {
            user: envelope.user.clone(),
            folder: envelope.folder.clone(),
            timeout_s: envelope.timeout_s,
            output: envelope.output_bytes,
            argv: Vec::new(),
        };
        let (wish, runbook, name) = match &envelope.what {
            What::Argv(argv) => {
                if self.policy.level == RunPolicy::Runbooks {
                    return Err("this server runs only its runbooks".to_owned());
                }
                (Wish { argv: argv.clone(), ..own }, None, String::new())
            }
            What::Runbook { name, params } => {
                let (of_runbook, runbook) = self.runbook(name, params)?;
                if own.user.is_some() || own.folder.is_some() {
                    return Err("a runbook has a user and a folder of its own".to_owned());
                }
                (Wish { argv: of_runbook.argv, ..own }, Some(runbook), name.clone())
            }
        };
        Ok(Decided {
            plan: self.plan(command, envelope.id, wish, runbook)?,
            who: principals,
            runbook: name,
            purpose: envelope.purpose,
            once_until_unix_s: Some(envelope.not_after_unix_s),
        })
    }

    fn verify(&self, signed: &SignedWork) -> Result<Verified, String> {
        let (path, text) = self.policy.signers(self.me).map_err(|problem| problem.to_string())?;
        let allowed = AllowedSigners::parse(&text, &path.display().to_string())
            .map_err(|error| error.to_string())?;
        let signed = SignedCommand {
            envelope: signed.envelope.clone(),
            signatures: signed.signatures.clone(),
            proof: TargetProof { index: signed.index, hashes: signed.hashes.clone() },
        };
        let (needed, life) = (self.policy.signatures, self.policy.longest_life);
        verify_command(&signed, &allowed, self.server, needed, life, self.now_unix_s)
            .map_err(|refusal| refusal.to_string())
    }

    fn runbook(
        &self,
        name: &str,
        params: &std::collections::BTreeMap<String, String>,
    ) -> Result<(Wish, &Runbook), String> {
        let runbook = self.policy.runbooks.get(name);
        let runbook = runbook.ok_or_else(|| format!("this server has no runbook {name:?}"))?;
        let argv = runbook.arguments(params).map_err(|error| error.to_string())?;
        Ok((Wish { argv, ..Wish::default() }, runbook))
    }

    fn plan(
        &self,
        command: &Command,
        id: CommandId,
        wish: Wish,
        runbook: Option<&Runbook>,
    ) -> Result<Plan, String> {
        check_argv(&wish.argv)?;
        let limits = &self.policy.limits;
        let user = self.user(wish.user, runbook)?;
        let folder = wish.folder.or_else(|| runbook.and_then(|runbook| runbook.folder.clone()));
        let folder = match folder {
            Some(folder) if folder.starts_with('/') && !folder.contains('\0') => {
                PathBuf::from(folder)
            }
            Some(folder) => return Err(format!("{folder:?} is no absolute folder")),
            None if user.home.is_dir() => user.home.clone(),
            None => PathBuf::from("/"),
        };
        let of_runbook = runbook.and_then(|runbook| runbook.timeout);
        let longest = of_runbook.unwrap_or(limits.longest_timeout);
        let timeout = match wish.timeout_s {
            0 => of_runbook.unwrap_or(limits.timeout),
            asked => Duration::from_secs(asked.into()).min(longest),
        };
        let most = runbook.and_then(|runbook| runbook.output).unwrap_or(limits.output);
        let ids = (self.me == 0).then(|| (user.ids.user, user.ids.group, user.ids.groups.clone()));
        Ok(Plan {
            run: command.run,
            id: id.to_string(),
            argv: wish.argv,
            user: user.name,
            home: user.home,
            ids,
            folder,
            timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
            output: if wish.output == 0 { most } else { wish.output.min(most) },
            processes: limits.processes,
            files: limits.files,
            memory: limits.memory,
            no_new_privs: !runbook.is_some_and(|runbook| runbook.may_gain_rights),
            cgroup: None,
            stdin: command.stdin.len() as u64,
        })
    }

    fn user(&self, asked: Option<String>, runbook: Option<&Runbook>) -> Result<User, String> {
        let limits = &self.policy.limits;
        let usual =
            runbook.and_then(|runbook| runbook.user.clone()).or_else(|| limits.user.clone());
        if let Some(asked) = &asked
            && usual.as_ref() != Some(asked)
            && !limits.users.contains(asked)
        {
            return Err(format!("the policy lets nothing run as the user {asked:?}"));
        }
        let unreadable = |error: std::io::Error| format!("the users cannot be read: {error}");
        let name = asked.or(usual).or_else(|| (self.me == 0).then(|| NOBODY.to_owned()));
        let user = match &name {
            Some(name) => User::named(name).map_err(unreadable)?,
            None => User::with_id(self.me).map_err(unreadable)?,
        };
        let user = match (user, &name) {
            (Some(user), _) => user,
            (None, Some(name)) => return Err(format!("this server has no user {name:?}")),
            (None, None) => User {
                name: self.me.to_string(),
                home: PathBuf::from("/"),
                ids: watchfire_runtime::child::Ids { user: self.me, ..Default::default() },
            },
        };
        if self.me != 0 && user.ids.user != self.me {
            return Err(format!("the runner is not root, and cannot become {:?}", user.name));
        }
        Ok(user)
    }
}

fn open_wish(work: &OpenWork) -> Wish {
    let said = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    Wish {
        argv: work.argv.clone(),
        user: said(&work.user),
        folder: said(&work.folder),
        timeout_s: work.timeout_s,
        output: work.output_bytes,
    }
}

fn check_argv(argv: &[String]) -> Result<(), String> {
    if argv.first().is_none_or(String::is_empty) {
        return Err("there is no program to run".to_owned());
    }
    if argv.len() > MAX_ARGS || argv.iter().map(|one| one.len() + 1).sum::<usize>() > MAX_ARGV_BYTES
    {
        return Err(format!(
            "there are more than {MAX_ARGS} arguments or {MAX_ARGV_BYTES} bytes of them"
        ));
    }
    if argv.iter().any(|argument| argument.contains('\0')) {
        return Err("no argument can hold a NUL".to_owned());
    }
    Ok(())
}
