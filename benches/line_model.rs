//! The plain way to read a transcript as a terminal showed it: a line of cells driven by the `vte` parser. It is what
//! parsing is compared with, in speed and, where it claims to know, in text.

use vte::{Params, Parser, Perform};

/// What a transcript shows to someone who knows lines only.
#[derive(Default)]
pub struct LineModel {
    /// All lines that were ended.
    pub text: String,
    line: Vec<char>,
    column: usize,
    /// The cursor left its line, or a program took the screen: then the text is no one's claim.
    pub beyond_lines: bool,
}

impl LineModel {
    /// Reads a transcript, frame and all.
    pub fn read(bytes: &[u8]) -> Self {
        let mut model = Self::default();
        Parser::new().advance(&mut model, bytes);
        model.end_line();
        model
    }

    fn end_line(&mut self) {
        self.text.extend(self.line.drain(..));
        self.text.push('\n');
        self.column = 0;
    }
}

impl Perform for LineModel {
    fn print(&mut self, character: char) {
        if self.column < self.line.len() {
            self.line[self.column] = character;
        } else {
            self.line.resize(self.column, ' ');
            self.line.push(character);
        }
        self.column += 1;
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' => self.end_line(),
            b'\r' => self.column = 0,
            0x08 => self.column = self.column.saturating_sub(1),
            b'\t' => self.print('\t'),
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], _ignore: bool, action: char) {
        let parameter = params.iter().next().and_then(|values| values.first().copied()).unwrap_or(0);
        let count = usize::from(parameter.max(1));
        if !intermediates.is_empty() {
            self.beyond_lines |= matches!(action, 'h' | 'l') && matches!(parameter, 1 | 47 | 1047 | 1049);
            return;
        }
        let (column, end) = (self.column, self.line.len());
        match action {
            'C' => self.column += count,
            'D' => self.column = column.saturating_sub(count),
            'G' => self.column = count - 1,
            'K' if parameter == 0 => self.line.truncate(column),
            'K' if parameter == 2 => self.line.clear(),
            'P' if column < end => drop(self.line.drain(column..end.min(column + count))),
            '@' if column < end => drop(self.line.splice(column..column, std::iter::repeat_n(' ', count))),
            'J' if parameter == 0 => self.line.truncate(column),
            'A' | 'B' | 'E' | 'F' | 'H' | 'f' | 'd' | 'J' | 'L' | 'M' | 'K' | 'X' | 'S' | 'T' | 'r' | 's'
            | 'u' => self.beyond_lines = true,
            _ => {}
        }
    }

    fn esc_dispatch(&mut self, intermediates: &[u8], _ignore: bool, byte: u8) {
        self.beyond_lines |=
            intermediates.is_empty() && matches!(byte, b'7' | b'8' | b'D' | b'E' | b'M' | b'c');
    }
}
