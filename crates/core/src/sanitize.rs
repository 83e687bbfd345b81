//! The one way from hostile text to a terminal, a failure list, a file name or a message.
//!
//! Transcripts, object keys and names of users are written by people who may wish to drive the reader's
//! terminal, to hide text or to reorder it. What is printable passes; everything else becomes visible:
//!
//! | in | out |
//! | --- | --- |
//! | TAB | spaces to the next column that is a multiple of 8 |
//! | LF | itself where lines are expected, otherwise `^J` |
//! | other C0 controls, DEL | `^[`, `^?` |
//! | C1 controls | `<U+009B>` |
//! | bidirectional controls, invisible characters, line separators | `<U+202E>` |
//! | private use, noncharacters | `<U+E000>` |
//! | combining marks and variation selectors at the start of a line | `<U+0301>` |
//! | more than 8 marks on one character | 8 of them and `<+9992 marks>` |
//!
//! The output holds no control except LF, and passing it through again changes nothing. Text that
//! already holds `^[` or `<U+202E>` literally looks the same; only the bytes can tell them apart.

use std::borrow::Cow;
use std::fmt::Write;

use unicode_width::UnicodeWidthChar;

/// How many combining marks one character may carry; living languages need fewer.
pub const MAX_MARKS: usize = 8;

/// The distance between tab stops, as terminals set them.
pub const TAB_COLUMNS: usize = 8;

/// Makes text safe for one line: LF becomes `^J`.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    sanitize(text, false)
}

/// Makes text safe for several lines: LF stays.
#[must_use]
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    sanitize(text, true)
}

fn sanitize(text: &str, keep_lf: bool) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') || (keep_lf && byte == b'\n')) {
        return Cow::Borrowed(text);
    }
    let mut rewriter = Rewriter::new(text);
    for (at, c) in text.char_indices() {
        match classify(c) {
            Class::Lf if keep_lf => rewriter.start_line(),
            Class::Mark => rewriter.mark(at, c),
            Class::Shown(columns) => rewriter.show(columns),
            Class::Tab => rewriter.tab(at),
            Class::Lf | Class::C0 => rewriter.caret(at, c),
            Class::CodePoint => rewriter.code_point(at, c),
        }
    }
    rewriter.finish()
}

/// What becomes of a character.
enum Class {
    /// It stays, and takes this many columns.
    Shown(usize),
    /// It stays if it has a character to stand on that does not carry too many already.
    Mark,
    Tab,
    Lf,
    /// It is written as `^X`.
    C0,
    /// It is written as `<U+NNNN>`.
    CodePoint,
}

fn classify(c: char) -> Class {
    match c {
        ' '..='~' => Class::Shown(1),
        '\t' => Class::Tab,
        '\n' => Class::Lf,
        '\0'..='\x1f' | '\x7f' => Class::C0,
        _ if is_unprintable(c) => Class::CodePoint,
        _ => match c.width() {
            Some(0) => Class::Mark,
            Some(columns) => Class::Shown(columns),
            None => Class::CodePoint,
        },
    }
}

/// Characters beyond ASCII that show nothing by themselves, change the order of others, or mean
/// something else to everybody (Unicode properties `Bidi_Control`, `Default_Ignorable_Code_Point` and
/// `Noncharacter_Code_Point`, and private use), without variation selectors, which are marks.
fn is_unprintable(c: char) -> bool {
    matches!(
        c,
        '\u{80}'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{e000}'..='\u{f8ff}'
            | '\u{fdd0}'..='\u{fdef}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e00ff}'
            | '\u{e01f0}'..='\u{e0fff}'
            | '\u{f0000}'..='\u{10ffff}'
    ) || u32::from(c) & 0xfffe == 0xfffe
}

/// Copies text up to each change, so that text without one is never copied.
struct Rewriter<'a> {
    text: &'a str,
    out: String,
    /// Everything before this offset is in `out`, or left out.
    done: usize,
    column: usize,
    /// Whether the line has a character that a mark can stand on.
    has_base: bool,
    /// Marks since that character.
    marks: usize,
}

impl<'a> Rewriter<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, out: String::new(), done: 0, column: 0, has_base: false, marks: 0 }
    }

    fn start_line(&mut self) {
        self.end_marks();
        self.column = 0;
        self.has_base = false;
    }

    fn show(&mut self, columns: usize) {
        self.end_marks();
        self.column += columns;
        self.has_base = true;
    }

    fn mark(&mut self, at: usize, c: char) {
        if !self.has_base {
            return self.code_point(at, c);
        }
        self.marks += 1;
        if self.marks > MAX_MARKS {
            self.leave_out(at, c.len_utf8());
        }
    }

    fn tab(&mut self, at: usize) {
        self.end_marks();
        let columns = TAB_COLUMNS - self.column % TAB_COLUMNS;
        self.replace(at, 1, format_args!("{:columns$}", ""));
    }

    fn caret(&mut self, at: usize, c: char) {
        self.end_marks();
        // Flipping this bit maps NUL to `@`, ESC to `[` and DEL to `?`.
        let letter = char::from(c as u8 ^ 0x40);
        self.replace(at, 1, format_args!("^{letter}"));
    }

    fn code_point(&mut self, at: usize, c: char) {
        self.end_marks();
        self.replace(at, c.len_utf8(), format_args!("<U+{:04X}>", u32::from(c)));
    }

    /// Tells how many marks were left out behind the last character.
    fn end_marks(&mut self) {
        let left_out = std::mem::take(&mut self.marks).saturating_sub(MAX_MARKS);
        if left_out > 0 {
            self.write(format_args!("<+{left_out} marks>"));
        }
    }

    fn replace(&mut self, at: usize, len: usize, visible: std::fmt::Arguments<'_>) {
        self.leave_out(at, len);
        self.write(visible);
        self.has_base = true;
    }

    fn leave_out(&mut self, at: usize, len: usize) {
        self.out.push_str(&self.text[self.done..at]);
        self.done = at + len;
    }

    /// Writes ASCII that is not in the text, at `done`.
    fn write(&mut self, visible: std::fmt::Arguments<'_>) {
        let before = self.out.len();
        self.out.write_fmt(visible).expect("writing to a string does not fail");
        self.column += self.out.len() - before;
    }

    fn finish(mut self) -> Cow<'a, str> {
        self.end_marks();
        if self.done == 0 {
            return Cow::Borrowed(self.text);
        }
        self.out.push_str(&self.text[self.done..]);
        Cow::Owned(self.out)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
