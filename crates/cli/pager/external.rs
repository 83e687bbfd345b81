//! The pager that `PAGER` names, if the user asks for it: run without a shell, without options, and told not to run
//! anything itself.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// Programs that show text and do nothing else if they are told so.
const KNOWN: [&str; 7] = ["less", "more", "most", "bat", "batcat", "moar", "ov"];

/// What makes a pager run commands or let control sequences through.
const REMOVED: [&str; 9] = [
    "LESS",
    "LESSOPEN",
    "LESSCLOSE",
    "LESSKEY",
    "LESSKEYIN",
    "LESSKEY_CONTENT",
    "LESSKEYIN_SYSTEM",
    "MORE",
    "BAT_PAGER",
];

/// A program that may be run as a pager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct External {
    program: String,
}

impl External {
    /// Takes it from `PAGER`.
    ///
    /// # Errors
    /// There is none, or it is no plain name of a pager.
    pub fn from_environment() -> anyhow::Result<Self> {
        Self::parse(&std::env::var("PAGER").unwrap_or_default())
    }

    fn parse(pager: &str) -> anyhow::Result<Self> {
        let mut words = pager.split_ascii_whitespace();
        let Some(program) = words.next() else {
            bail!(
                "pager = \"external\" needs the variable PAGER; leave the setting out for the built-in pager"
            );
        };
        let name = Path::new(program).file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let plain = |word: &str| word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./+=,".contains(&b));
        if !KNOWN.contains(&name)
            || !plain(program)
            || !words.all(|word| word.starts_with('-') && plain(word))
        {
            bail!(
                "PAGER is not run: only {} are, without a shell and without options; \
                 leave out pager = \"external\" for the built-in pager",
                KNOWN.join(", ")
            );
        }
        Ok(Self { program: program.to_owned() })
    }

    /// Runs it on a text.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn show(&self, text: &str) -> anyhow::Result<()> {
        let mut command = Command::new(&self.program);
        for name in REMOVED {
            command.env_remove(name);
        }
        command.env("LESSSECURE", "1").env("LESSHISTFILE", "-").stdin(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("run the pager {}", self.program))?;
        if let Some(mut input) = child.stdin.take() {
            match input.write_all(text.as_bytes()) {
                // The reader has seen enough.
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error.into()),
                _ => {}
            }
        }
        child.wait()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_pagers_are_run() {
        for pager in ["less", "/usr/bin/less -R", "more"] {
            assert!(External::parse(pager).is_ok(), "{pager}");
        }
        for pager in
            ["", "sh -c 'touch x'", "less -R; touch /tmp/x", "less +!id", "vim -", "less $(id)", "./x|less"]
        {
            assert!(External::parse(pager).is_err(), "{pager}");
        }
    }
}
