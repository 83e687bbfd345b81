//! Where results go: how wide it is, whether it takes colours, and whether a pager stands in between.

use std::io::{self, BufWriter, IsTerminal, Write};

use crate::args::ScreenArgs;
use crate::config::Config;
use crate::pager::{self, External};
use crate::paint::{ColorChoice, Paint};

/// Most bytes that a pager is given; more is told, and can be written to a file.
const MAX_PAGED_BYTES: usize = 64 << 20;

/// Whether something failed because nobody reads what we print any more.
#[must_use]
pub fn is_closed(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

/// Prints. Who has seen enough (`| head`) closes the pipe: what follows the answer, that it is not complete for one, is
/// told all the same.
///
/// # Errors
/// Whatever else goes wrong.
pub fn while_read(print: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    match print() {
        Err(error) if is_closed(&error) => Ok(()),
        printed => printed,
    }
}

/// Columns of a line of a transcript where no terminal says how many there are.
const UNLIMITED_COLUMNS: usize = 400;

/// The size of a terminal that does not know its own: serial consoles, containers and `script` say 0.
pub const COLUMNS: usize = 80;
/// Its rows.
pub const ROWS: usize = 24;

/// What results are printed on.
#[derive(Clone, Debug)]
pub struct Screen {
    /// Colours, or none.
    pub paint: Paint,
    /// Whether it is a terminal.
    pub is_terminal: bool,
    /// Columns, if anything limits them.
    columns: Option<usize>,
    rows: usize,
    pager: Pager,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pager {
    None,
    Builtin,
    External(External),
}

impl Screen {
    /// What standard output is, and what the flags make of it.
    ///
    /// # Errors
    /// An external pager is asked for that may not be run.
    pub fn for_stdout(args: &ScreenArgs, config: &Config) -> anyhow::Result<Self> {
        let is_terminal = io::stdout().is_terminal();
        let size = is_terminal.then(|| size_of_terminal(crossterm::terminal::size().ok()));
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let choice = if args.no_pager { PagerChoice::Never } else { config.pager.unwrap_or_default() };
        let pager = match choice {
            _ if !is_terminal => Pager::None,
            PagerChoice::Builtin if !dumb => Pager::Builtin,
            PagerChoice::Never | PagerChoice::Builtin => Pager::None,
            PagerChoice::External => Pager::External(External::from_environment()?),
        };
        // Another pager shows colours only with an option that lets every control sequence through.
        let plain = matches!(pager, Pager::External(_)) && args.color != ColorChoice::Always;
        Ok(Self {
            paint: if plain { Paint::none() } else { Paint::for_stdout(args.color) },
            is_terminal,
            columns: args.width.or(size.map(|(columns, _)| columns)),
            rows: size.map_or(ROWS, |(_, rows)| rows),
            pager,
        })
    }

    /// A screen without a terminal, this wide.
    #[cfg(test)]
    pub fn of_columns(columns: Option<usize>) -> Self {
        Self { paint: Paint::none(), is_terminal: false, columns, rows: 24, pager: Pager::None }
    }

    /// How many columns a line takes that begins with `indent` of ours and is cut; without a terminal a generous number.
    #[must_use]
    pub fn columns_for_cut(&self, indent: usize) -> usize {
        self.columns.map_or(UNLIMITED_COLUMNS, |columns| columns.saturating_sub(indent).max(10))
    }

    /// How many columns there are, if anything limits them.
    #[must_use]
    pub fn columns(&self) -> Option<usize> {
        self.columns
    }

    /// Opens it for text of people, with the pager if there is one.
    #[must_use]
    pub fn open(&self) -> Output {
        match &self.pager {
            Pager::None => self.open_for_programs(),
            pager => Output {
                sink: Sink::Paged { text: Vec::new(), cut: false },
                screen: Some((self.clone(), pager.clone())),
            },
        }
    }

    /// Opens it for lines that programs read.
    #[must_use]
    pub fn open_for_programs(&self) -> Output {
        Output { sink: Sink::Stream(BufWriter::new(io::stdout())), screen: None }
    }
}

/// Columns and rows of a terminal, of what it says.
fn size_of_terminal(said: Option<(u16, u16)>) -> (usize, usize) {
    let (columns, rows) = said.map_or((0, 0), |(columns, rows)| (usize::from(columns), usize::from(rows)));
    let known = |number: usize, least: usize, unknown| if number == 0 { unknown } else { number.max(least) };
    (known(columns, 20, COLUMNS), known(rows, 3, ROWS))
}

/// Which pager to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PagerChoice {
    /// Our own, which knows nothing but to show text.
    #[default]
    Builtin,
    /// The one that `PAGER` names.
    External,
    /// None.
    Never,
}

/// Standard output, or a pager in front of it.
#[derive(Debug)]
pub struct Output {
    sink: Sink,
    screen: Option<(Screen, Pager)>,
}

#[derive(Debug)]
enum Sink {
    Stream(BufWriter<io::Stdout>),
    Paged { text: Vec<u8>, cut: bool },
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.sink {
            Sink::Stream(out) => out.write(bytes).map_err(to_stdout),
            Sink::Paged { text, cut } => {
                *cut |= text.len() + bytes.len() > MAX_PAGED_BYTES;
                if !*cut {
                    text.extend_from_slice(bytes);
                }
                Ok(bytes.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Stream(out) => out.flush().map_err(to_stdout),
            Sink::Paged { .. } => Ok(()),
        }
    }
}

impl Output {
    /// Shows what was written.
    ///
    /// # Errors
    /// As standard output, or the external pager cannot be run.
    pub fn finish(self) -> anyhow::Result<()> {
        let (mut text, cut, screen, pager) = match (self.sink, self.screen) {
            (Sink::Paged { text, cut }, Some((screen, pager))) => (text, cut, screen, pager),
            (Sink::Stream(mut out), _) => return Ok(out.flush().map_err(to_stdout)?),
            (Sink::Paged { .. }, None) => return Ok(()),
        };
        if cut {
            text.truncate(text.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1));
            writeln!(
                text,
                "(cut here: more than {} MiB; write it to a file to read all)",
                MAX_PAGED_BYTES >> 20
            )?;
        }
        let text = String::from_utf8_lossy(&text);
        let columns = screen.columns.unwrap_or(80);
        let is_long = || pager::rows_of(&text, columns, screen.rows) >= screen.rows;
        match pager {
            Pager::External(external) => return external.show(&text),
            // A terminal that takes no keys still takes text.
            Pager::Builtin if is_long() && pager::show(&text).is_ok() => return Ok(()),
            Pager::Builtin | Pager::None => {}
        }
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(to_stdout)?;
        Ok(())
    }
}

/// Names the place where the answer should have gone.
fn to_stdout(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("write to standard output: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_without_a_size_has_an_ordinary_one() {
        for (said, size) in [
            (Some((200, 50)), (200, 50)),
            (Some((5, 1)), (20, 3)),
            (Some((0, 0)), (80, 24)),
            (Some((0, 50)), (80, 50)),
            (None, (80, 24)),
        ] {
            assert_eq!(size_of_terminal(said), size, "{said:?}");
        }
    }
}
