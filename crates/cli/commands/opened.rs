//! An index that is open for questions, and the place where they are written down.

use std::path::PathBuf;

use anyhow::Context;
use shelltrail_index::Searcher;

use crate::args::{Args, ReadArgs, ScreenArgs};
use crate::audit::Audit;
use crate::config::Config;
use crate::screen::Screen;

/// Everything that a question needs.
pub struct Opened {
    /// Where the index is.
    pub index: PathBuf,
    /// What answers.
    pub searcher: Searcher,
    /// Where the question is written down before the answer is printed.
    pub audit: Audit,
    /// What the answer is printed on.
    pub screen: Screen,
    /// Under which passwords get a fingerprint, if the index has a key.
    pub mask_key: Option<[u8; 32]>,
}

impl Opened {
    /// Opens the index and the audit file. What the user typed was checked before.
    ///
    /// # Errors
    /// The configuration makes no sense, there is no index, or the question cannot be written down.
    pub fn new(args: &Args, read: &ReadArgs, screen: &ScreenArgs) -> anyhow::Result<Self> {
        let config = Config::load(args)?;
        let screen = Screen::for_stdout(screen, &config)?;
        let index = config.index(&read.index)?;
        let searcher = Searcher::open(&index)?;
        let audit = Audit::open(&index, &config, read.audit.audit.as_deref())?;
        let mask_key = shelltrail_index::mask_key(&index).context("read the key of the index")?;
        Ok(Self { index, searcher, audit, screen, mask_key })
    }
}
