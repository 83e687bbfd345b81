//! Reads the command lines of Unix shells.
//!
//! One walk over the bytes with two stacks: what the bytes stand in (code, quotes, an expansion), and for each piece
//! of code how far its current command has come. Nothing recurses on the input.

mod command;

use command::{Code, State, Word};
use smallvec::{SmallVec, smallvec};

use super::Reading;
use crate::transcript::here_document::{Line, Pending};
use crate::transcript::words::base_name;

/// How deep quotes, expansions and subshells are followed; what is deeper counts as text.
const MAX_DEPTH: usize = 64;

/// How deep they usually are.
const USUAL_DEPTH: usize = 8;

/// What the bytes stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Commands, up to this byte.
    Code(u8),
    /// The words of an array or a pattern, up to `)`.
    Data,
    /// Double quotes.
    Quotes,
    /// `${…}`
    Expansion,
}

/// Bytes that are nothing but text in code.
static PLAIN: [bool; 256] = {
    let mut table = [true; 256];
    let special = b" \t\n\r\\'\"$`()<>|&;#";
    let mut at = 0;
    while at < special.len() {
        table[special[at] as usize] = false;
        at += 1;
    }
    table
};

struct Lexer<'a> {
    reading: &'a mut Reading,
    text: &'a str,
    at: usize,
    depth: usize,
    modes: SmallVec<[Mode; USUAL_DEPTH]>,
    codes: SmallVec<[Code; 1]>,
    here: Pending,
    /// Up to here stands no arithmetic that was not stepped over.
    looked: usize,
}

/// Reads one command line into `reading`.
pub(super) fn read(reading: &mut Reading, text: &str, depth: usize) {
    if let Some(name) = lone_name(text) {
        return reading.name(name);
    }
    let lexer = Lexer {
        reading,
        text,
        at: 0,
        depth,
        modes: smallvec![Mode::Code(0)],
        codes: smallvec![Code::default()],
        here: Pending::default(),
        looked: 0,
    };
    lexer.run();
}

/// The name in a line that is one name with its arguments, none of which can name another: most lines are.
fn lone_name(text: &str) -> Option<&str> {
    let first = &text[..memchr::memchr(b' ', text.as_bytes()).unwrap_or(text.len())];
    let plain = text.bytes().fold(true, |all, byte| all & (PLAIN[usize::from(byte)] | (byte == b' ')));
    let name = base_name(first);
    (plain && !first.is_empty() && !command::says_more(first, name)).then_some(name)
}

impl Lexer<'_> {
    fn run(mut self) {
        while self.at < self.text.len() {
            match self.modes.last() {
                Some(Mode::Quotes) => self.in_quotes(),
                Some(Mode::Expansion) => self.in_expansion(),
                _ => self.in_code(),
            }
        }
        // What is open at the end of the text ends there, innermost first.
        while self.codes.len() > 1 {
            self.end_command();
            self.codes.pop();
        }
        self.end_command();
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn code(&mut self) -> Option<&mut Code> {
        self.codes.last_mut()
    }

    fn state(&self) -> State {
        self.codes.last().map_or(State::Start, |code| code.state)
    }

    fn set(&mut self, state: State) {
        if let Some(code) = self.code() {
            code.state = state;
        }
    }

    fn forget_word(&mut self) {
        if let Some(code) = self.code() {
            code.word = Word::default();
        }
    }

    /// Adds the next `count` bytes to the word.
    fn take(&mut self, count: usize) {
        let end = self.text.ceil_char_boundary((self.at + count).min(self.text.len()));
        let text = &self.text[self.at..end];
        self.at = end;
        if let Some(code) = self.codes.last_mut() {
            code.word.begun = true;
            code.word.text.push_str(text);
        }
    }

    /// Begins a word, or marks it as quoted.
    fn quote(&mut self) {
        if let Some(code) = self.code() {
            code.word.begun = true;
            code.word.quoted = true;
        }
    }

    /// Steps over a backslash and takes what it quotes; a line that continues leaves nothing.
    fn escape(&mut self) {
        self.at += 1;
        if self.byte(0) == Some(b'\n') {
            self.at += 1;
        } else {
            self.quote();
            self.take(1);
        }
    }

    fn open(&mut self, mode: Mode) {
        if self.modes.len() >= MAX_DEPTH {
            return;
        }
        self.modes.push(mode);
        if matches!(mode, Mode::Code(_)) {
            self.codes.push(Code::default());
        }
    }

    /// Leaves the innermost mode, and with code its last command.
    fn close(&mut self) {
        if self.modes.len() < 2 {
            return;
        }
        if let Some(Mode::Code(_)) = self.modes.pop() {
            self.end_command();
            self.codes.pop();
        }
    }

    fn in_quotes(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        let run =
            rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | b'$' | b'`')).unwrap_or(rest.len());
        if run > 0 {
            return self.take(run);
        }
        match (rest[0], rest.get(1)) {
            (b'"', _) => {
                self.at += 1;
                self.close();
            }
            (b'\\', Some(b'"' | b'\\' | b'$' | b'`' | b'\n')) => self.escape(),
            (b'$' | b'`', _) => self.dollar(),
            _ => self.take(1),
        }
    }

    fn in_expansion(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        match rest[0] {
            b'}' => {
                self.take(1);
                self.close();
            }
            b'\\' => self.escape(),
            b'\'' if !self.modes.ends_with(&[Mode::Quotes, Mode::Expansion]) => self.single(),
            b'"' => {
                self.at += 1;
                self.open(Mode::Quotes);
            }
            b'$' | b'`' => self.dollar(),
            _ => self.take(1),
        }
    }

    fn in_code(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        let run = rest.iter().position(|&byte| !PLAIN[usize::from(byte)]).unwrap_or(rest.len());
        if run > 0 {
            return self.take(run);
        }
        let data = self.modes.last() == Some(&Mode::Data);
        let begun = self.codes.last().is_some_and(|code| code.word.begun);
        match rest[0] {
            b'\\' => self.escape(),
            b'\'' => self.single(),
            b'"' => {
                self.at += 1;
                self.quote();
                self.open(Mode::Quotes);
            }
            b'$' | b'`' => self.dollar(),
            b'#' if !begun => {
                self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            }
            b'#' => self.take(1),
            b')' if data => {
                self.at += 1;
                self.close();
            }
            b'(' if data => {
                self.at += 1;
                self.open(Mode::Data);
            }
            _ if data => self.take(1),
            b' ' | b'\t' | b'\r' => {
                self.at += 1;
                self.end_word();
            }
            b'\n' => self.newline(),
            b'(' => self.bracket(begun),
            b')' => self.end_bracket(),
            b'<' | b'>' => self.redirection(),
            _ => self.separator(),
        }
    }

    /// Text in single quotes, up to the end if they are open.
    fn single(&mut self) {
        self.at += 1;
        self.quote();
        let rest = &self.text.as_bytes()[self.at..];
        let end = memchr::memchr(b'\'', rest);
        self.take(end.unwrap_or(rest.len()));
        self.at += usize::from(end.is_some());
    }

    /// `$` and backticks: expansions and substitutions.
    fn dollar(&mut self) {
        if self.byte(0) == Some(b'`') {
            // The same character opens and closes; it closes what was opened last, quotes in between or not.
            if let Some(open) = self.modes.iter().rposition(|&mode| mode == Mode::Code(b'`')) {
                self.at += 1;
                while self.modes.len() > open {
                    self.close();
                }
                return;
            }
            self.take(1);
            return self.open(Mode::Code(b'`'));
        }
        match (self.byte(1), self.byte(2)) {
            (Some(b'('), Some(b'(')) if self.arithmetic(3) => {}
            (Some(b'('), _) => {
                self.take(2);
                self.open(Mode::Code(b')'));
            }
            (Some(b'{'), _) => {
                self.take(2);
                self.open(Mode::Expansion);
            }
            (Some(b'\''), _) if self.modes.last() != Some(&Mode::Quotes) => self.ansi(),
            (Some(b'"'), _) if self.modes.last() != Some(&Mode::Quotes) => self.at += 1,
            _ => self.take(1),
        }
    }

    /// `$'…'`, in which a backslash quotes.
    fn ansi(&mut self) {
        self.at += 2;
        self.quote();
        while let Some(byte) = self.byte(0) {
            match byte {
                b'\'' => {
                    self.at += 1;
                    return;
                }
                b'\\' => {
                    self.at += 1;
                    self.take(1);
                }
                _ => self.take(1),
            }
        }
    }

    /// Steps over arithmetic that begins `skip` bytes ahead, if that is what stands there: two words side by side are
    /// none, and what it may run has to be read.
    fn arithmetic(&mut self, skip: usize) -> bool {
        let start = self.at + skip;
        if start < self.looked {
            return false;
        }
        let rest = &self.text.as_bytes()[start..];
        let (mut word, mut blank) = (false, false);
        for (at, &byte) in rest.iter().enumerate() {
            let next = rest.get(at + 1).copied();
            let stop = match byte {
                b')' if next == Some(b')') => {
                    let more = rest[at + 2..].iter().take_while(|&&byte| byte == b')').count();
                    self.take(skip + at + 2 + more);
                    return true;
                }
                b'`' | b'\n' | b';' | b'"' | b'\'' => true,
                b'$' => next == Some(b'('),
                _ if byte.is_ascii_alphanumeric() || byte == b'_' => {
                    word = true;
                    blank
                }
                _ => {
                    let space = byte == b' ' || byte == b'\t';
                    blank = space && (word || blank);
                    word = false;
                    false
                }
            };
            if stop {
                self.looked = start + at;
                return false;
            }
        }
        self.looked = self.text.len();
        false
    }

    /// Steps over the three parts of a loop that counts.
    fn counting(&mut self) -> bool {
        if self.at < self.looked || self.byte(1) != Some(b'(') {
            return false;
        }
        let Some(end) = memchr::memmem::find(&self.text.as_bytes()[self.at..], b"))") else {
            self.looked = self.text.len();
            return false;
        };
        self.at += end + 2;
        true
    }

    /// `(` in code: a subshell, a list of words, the brackets of a function.
    fn bracket(&mut self, begun: bool) {
        let empty = self.byte(1) == Some(b')');
        let Some(Code { state, alone, equals, .. }) = self.codes.last() else { return };
        let (state, alone, equals) = (*state, *alone, *equals);
        match state {
            State::Pattern | State::Test => self.at += 1,
            State::Start if empty => {
                self.forget_word();
                self.at += 2;
            }
            State::Arguments if empty && alone && !begun => {
                self.reading.programs.pop();
                self.set(State::Start);
                self.at += 2;
            }
            State::Function => {
                self.at += 1 + usize::from(empty);
                self.end_word();
            }
            State::Start if !begun && self.byte(1) == Some(b'(') && self.arithmetic(2) => {
                self.forget_word();
                self.set(State::Arguments);
            }
            State::Words { .. } if self.counting() => {}
            State::Words { csh: true } => {
                self.take(1);
                self.open(Mode::Data);
            }
            _ if begun || equals => {
                self.take(1);
                self.open(Mode::Data);
            }
            _ => {
                self.at += 1;
                self.open(Mode::Code(b')'));
            }
        }
    }

    fn end_bracket(&mut self) {
        self.at += 1;
        match self.state() {
            State::Pattern => {
                self.forget_word();
                return self.set(State::Start);
            }
            State::Test => return self.end_word(),
            _ => {}
        }
        self.end_command();
        if self.modes.last() == Some(&Mode::Code(b')')) {
            self.close();
        }
    }

    fn newline(&mut self) {
        self.at += 1;
        self.end_command();
        while self.here.is_open() && self.at < self.text.len() {
            self.here_document();
        }
    }

    /// Takes the lines of one here-document.
    fn here_document(&mut self) {
        let mut body: Vec<&str> = Vec::new();
        while self.at < self.text.len() {
            let rest = &self.text[self.at..];
            let end = memchr::memchr(b'\n', rest.as_bytes());
            self.at += end.map_or(rest.len(), |end| end + 1);
            match self.here.line(&rest[..end.unwrap_or(rest.len())]) {
                Some(Line::Body(line)) => body.push(line),
                _ => break,
            }
        }
        if self.depth == 0 {
            self.reading.here_documents.push(body.join("\n"));
        }
    }

    fn redirection(&mut self) {
        let (first, second, third) = (self.byte(0), self.byte(1), self.byte(2));
        let descriptor = self.codes.last().is_some_and(|code| {
            !code.word.quoted && code.word.text.bytes().all(|byte| byte.is_ascii_digit())
        });
        if descriptor {
            self.forget_word();
        } else {
            self.end_word();
        }
        if second == Some(b'(') {
            self.at += 2;
            if let Some(code) = self.code() {
                code.word.begun = true;
                code.word.text.push_str("$()");
            }
            return self.open(Mode::Code(b')'));
        }
        if first == Some(b'<') && second == Some(b'<') && third != Some(b'<') {
            self.at += 2;
            self.at += self.here.open(&self.text[self.at..]);
            return;
        }
        while matches!(self.byte(0), Some(b'<' | b'>')) {
            self.at += 1;
        }
        if matches!(self.byte(0), Some(b'&' | b'|')) {
            self.at += 1;
        }
        if let Some(code) = self.code() {
            code.target = true;
        }
    }

    /// `;`, `&` and `|` with what doubles them.
    fn separator(&mut self) {
        let byte = self.byte(0);
        let doubled = self.byte(1) == byte;
        match self.state() {
            State::Test if byte != Some(b';') => {
                self.at += 1;
                return self.end_word();
            }
            State::Pattern => {
                // The word may be the one that ends the case.
                self.end_word();
                if self.state() == State::Pattern {
                    self.at += 1;
                    return;
                }
            }
            _ => {}
        }
        if byte == Some(b'&') && self.byte(1) == Some(b'>') {
            self.end_word();
            self.at += 1;
            return self.redirection();
        }
        self.at += 1;
        self.end_command();
        let ends_case = byte == Some(b';') && matches!(self.byte(0), Some(b';' | b'&' | b'|'));
        self.at += usize::from(doubled || (byte == Some(b'|') && self.byte(0) == Some(b'&')));
        if ends_case && self.codes.last().is_some_and(|code| code.cases > 0) {
            while matches!(self.byte(0), Some(b';' | b'&')) {
                self.at += 1;
            }
            self.set(State::Pattern);
        }
    }

    /// Ends the word, and what it belongs to.
    fn end_command(&mut self) {
        self.end_word();
        let Some(code) = self.codes.last_mut() else { return };
        let next = if code.state == State::Pattern { State::Pattern } else { State::Start };
        let state = std::mem::replace(&mut code.state, next);
        code.find = false;
        code.alone = false;
        code.target = false;
        code.equals = false;
        if let State::Starts(starting) = state
            && !starting.starter.listed
        {
            self.reading.name(starting.starter.name);
        }
    }

    fn end_word(&mut self) {
        let Some(code) = self.codes.last_mut() else { return };
        if !code.word.begun {
            return;
        }
        let mut word = std::mem::take(&mut code.word);
        if code.target {
            code.target = false;
        } else {
            self.word(&word);
        }
        // The buffer serves the next word.
        if let Some(code) = self.codes.last_mut() {
            code.equals = word.text == "=";
            word.text.clear();
            code.word.text = word.text;
        }
    }
}
