//! Colours. Nothing but this file writes a control sequence beside the pager, and it does so around text that has passed
//! the sanitiser.

use std::io::{self, IsTerminal};

use clap::ValueEnum;

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`
    #[default]
    Auto,
    /// Everywhere
    Always,
    /// Nowhere
    Never,
}

/// What a stretch of a transcript is, beside its text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// It is what was asked for.
    pub matched: bool,
    /// It stands for characters that cannot be shown. Text that holds `^[` literally lacks this.
    pub visible: bool,
    /// It stands for a secret.
    pub masked: bool,
}

/// Colours, or none.
#[derive(Clone, Copy, Debug)]
pub struct Paint(bool);

impl Paint {
    /// What the user wishes; by default colours if standard output is a terminal and nobody objects
    /// (<https://no-color.org>).
    #[must_use]
    pub fn for_stdout(choice: ColorChoice) -> Self {
        let objection = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self(match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => io::stdout().is_terminal() && !objection && !dumb,
        })
    }

    /// No colours.
    #[must_use]
    pub fn none() -> Self {
        Self(false)
    }

    /// Colours.
    #[cfg(test)]
    pub fn always() -> Self {
        Self(true)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.0 && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Text that is there to be overlooked.
    #[must_use]
    pub fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    /// Text that is there to be found.
    #[must_use]
    pub fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    /// Something that changes what the text beside it means.
    #[must_use]
    pub fn warning(self, text: &str) -> String {
        self.with("33", text)
    }

    /// A stretch of a transcript.
    #[must_use]
    pub fn styled(self, style: Style, text: &str) -> String {
        let code = match (style.matched, style.visible, style.masked) {
            (false, false, false) => return text.to_owned(),
            (false, true, _) => "35",
            (false, false, true) => "33",
            (true, false, false) => "1;31",
            (true, _, _) => "1;31;4",
        };
        self.with(code, text)
    }
}
