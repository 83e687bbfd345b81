//! Blanks for columns that the cursor skipped: a few bytes of the source may stand for hundreds of them.

use super::Renderer;
use crate::terminal::page::{Edit, Heads};

/// By how many bytes the text may be longer than the source: in multiples of its size, and in any case.
const MAX_GROWTH: usize = 4;
const FREE_BYTES: usize = 64 * 1024;

/// Longest run of blanks beyond that, which only a hostile transcript reaches.
const MAX_RUN: usize = 8;

impl<H: Heads> Renderer<'_, H> {
    /// Looks at the text from `start` on, which stands for so many bytes of the source.
    pub(super) fn bound_blanks(&mut self, start: usize, source: usize) {
        if self.may_grow(self.page.text.len() - start, source) {
            return;
        }
        let text = squeezed(&self.page.text[start..]);
        if text.len() < self.page.text.len() - start {
            self.page.text.truncate(start);
            self.page.text.extend_from_slice(&text);
            self.page.blanks_cut = true;
            (self.line.prompt_end, self.line.styled) = (None, 0);
        }
    }

    /// The same for an edit.
    pub(super) fn bound_blanks_of_edit(&mut self, edit: &mut Edit, source: usize) {
        let lines = edit.lines.iter().map(|line| &line.text).chain(&edit.cleared);
        if self.may_grow(lines.map(String::len).sum(), source) {
            return;
        }
        for line in &mut edit.lines {
            if let Some(text) = self.squeezed_line(&line.text) {
                line.text = text;
                (line.prompt_end, line.styled) = (None, None);
            }
        }
        for line in &mut edit.cleared {
            if let Some(text) = self.squeezed_line(line) {
                *line = text;
            }
        }
    }

    /// Whether as much text may stand for so many bytes as it does; it is counted.
    fn may_grow(&mut self, text: usize, source: usize) -> bool {
        self.skipped += text.saturating_sub(source);
        self.skipped <= self.source.len().saturating_mul(MAX_GROWTH) + FREE_BYTES
    }

    fn squeezed_line(&mut self, line: &str) -> Option<String> {
        let text =
            String::from_utf8(squeezed(line.as_bytes())).ok().filter(|text| text.len() < line.len())?;
        self.page.blanks_cut = true;
        Some(text)
    }
}

/// A text without what is too long in its runs of blanks.
fn squeezed(text: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(text.len().min(FREE_BYTES));
    let mut run = 0;
    for &byte in text {
        run = if byte == b' ' { run + 1 } else { 0 };
        if run <= MAX_RUN {
            kept.push(byte);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::FREE_BYTES;
    use crate::session::Defect;
    use crate::transcript::{ParseLimits, Parsed, parse};

    fn parsed(unit: &str) -> (Parsed, usize, usize) {
        let source = "$ id\r\n".to_owned() + &unit.repeat(200_000 / unit.len());
        let parsed = parse(source.as_bytes(), &ParseLimits::default());
        let text = parsed
            .records
            .iter()
            .map(|record| record.output.len() + record.command.as_ref().map_or(0, String::len));
        let text = text.sum();
        (parsed, source.len(), text)
    }

    #[test]
    fn skipped_columns_cost_no_more_than_the_source() {
        for unit in [
            "\x1b[1000Cx\r\n",
            "\x1b[?2004h$ \x1b[250Cx\x1b[250Cy\r\n\x1b[?2004l\r",
            "\x1b[200C\x1b[200Cx\x08\x08z\r\n",
        ] {
            let (parsed, source, text) = parsed(unit);
            assert!(text <= 6 * source + 2 * FREE_BYTES, "{unit:?}: {text} of {source}");
            assert!(parsed.defects.contains(&Defect::BlanksCut), "{unit:?}");
            assert!(parsed.records.iter().any(|record| record.output.contains(['x', 'z'])
                || record.command.as_deref().is_some_and(|command| command.contains('x'))));
        }
    }

    #[test]
    fn usual_columns_are_kept() {
        let (parsed, _, _) = parsed("Starting web\x1b[60C[ OK ]\r\n");
        assert!(!parsed.defects.contains(&Defect::BlanksCut));
    }
}
