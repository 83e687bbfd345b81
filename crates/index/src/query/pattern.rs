//! What a text must contain: a literal or a regular expression.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::time::Instant;

use regex_automata::meta::{self, Regex};
use regex_automata::util::syntax;
use regex_syntax::ast::{self, Ast};
use regex_syntax::hir::translate::TranslatorBuilder;
use regex_syntax::hir::{Hir, Look};

use crate::fold::{fold, fold_char};
use crate::literal::{Literal, conditions};
use crate::query::limits::{MAX_QUERY_BYTES, MAX_REGEX_BYTES, MAX_REGEX_CACHE_BYTES, MAX_REGEX_DEPTH};
use crate::query::look_alike::{folded as look_alikes, look_alike};
use crate::query::{Matches, Need, QueryError};

/// How case counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Case {
    /// It counts if the pattern has an upper-case letter.
    #[default]
    Smart,
    /// It never counts.
    Ignore,
    /// It always counts.
    Exact,
}

/// How a pattern is to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PatternOptions {
    /// It is a regular expression, not a literal.
    pub regex: bool,
    /// How case counts.
    pub case: Case,
    /// A match has no word character at either side.
    pub word: bool,
    /// Characters without width are ignored, and letters that look like ASCII letters are those
    /// (see `--fold`).
    pub fold: bool,
}

/// A pattern, ready to be looked for.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: String,
    kind: Kind,
    options: PatternOptions,
    need: Need,
}

#[derive(Clone, Debug)]
enum Kind {
    Literal(Box<Literal>),
    Regex(Box<Regex>),
}

/// After how many matches the clock is looked at.
const MATCHES_PER_LOOK: usize = 16;

impl Pattern {
    /// A literal in smart case. It must not be empty.
    #[must_use]
    pub fn literal(text: &str) -> Self {
        let kind = Kind::Literal(Box::new(Literal::new(text)));
        let need = Need::terms(conditions(&fold(text)));
        Self { source: text.to_owned(), kind, options: PatternOptions::default(), need }
    }

    /// Reads a pattern.
    ///
    /// # Errors
    /// It is empty, or a regular expression that is broken or too large. Spans count in the pattern.
    pub fn new(source: &str, options: &PatternOptions) -> Result<Self, QueryError> {
        let whole = 0..source.len();
        if source.is_empty() {
            return Err(QueryError::new("the text is empty; every record would match", whole));
        }
        if source.len() > MAX_QUERY_BYTES {
            return Err(QueryError::new(
                format!("the pattern is longer than {MAX_QUERY_BYTES} bytes"),
                whole,
            ));
        }
        let (kind, need) = if options.regex {
            let hir = hir(source, options)?;
            let need = Need::of_regex(&hir);
            (Kind::Regex(Box::new(compile(&hir, source)?)), need)
        } else {
            let text = if options.fold { look_alikes(source) } else { Cow::Borrowed(source) };
            if text.is_empty() {
                let message = "folding leaves nothing of the text: all of its characters are invisible";
                return Err(QueryError::new(message, whole));
            }
            (
                Kind::Literal(Box::new(Literal::with(&text, options.case))),
                Need::terms(conditions(&fold(&text))),
            )
        };
        let need = if options.fold { need.or_non_ascii() } else { need };
        Ok(Self { source: source.to_owned(), kind, options: *options, need })
    }

    /// As it was typed.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// How it was read.
    #[must_use]
    pub fn options(&self) -> &PatternOptions {
        &self.options
    }

    /// What every text that matches must hold, for the index.
    pub(crate) fn need(&self) -> &Need {
        &self.need
    }

    /// Whether a text matches: the definition that every faster way must equal.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        let text = if self.options.fold { look_alikes(text) } else { Cow::Borrowed(text) };
        match &self.kind {
            Kind::Regex(regex) => regex.is_match(text.as_bytes()),
            Kind::Literal(literal) if self.options.word => {
                let text = if literal.ignores_case() { fold(&text) } else { text };
                find_word(literal, &text, 0).is_some()
            }
            Kind::Literal(literal) => literal.is_in(&text),
        }
    }

    /// Adds the matches in a text, at most `max` and none after the deadline.
    pub(crate) fn find_in(&self, text: &str, max: usize, deadline: Option<Instant>, matches: &mut Matches) {
        let ignore_case = matches!(&self.kind, Kind::Literal(literal) if literal.ignores_case());
        let view = View::new(text, self.options.fold, ignore_case);
        let mut at = 0;
        for found in 0.. {
            if found % MATCHES_PER_LOOK == 0 && deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                matches.cut = true;
                return;
            }
            let Some(range) = self.find_at(view.text(), at) else { return };
            if found >= max {
                matches.cut = true;
                return;
            }
            if !range.is_empty() {
                matches.ranges.push(view.original(range.clone()));
            }
            at = match range.is_empty() {
                false => range.end,
                true => view.text().ceil_char_boundary(range.end + 1),
            };
            if at > view.text().len() {
                return;
            }
        }
    }

    fn find_at(&self, text: &str, at: usize) -> Option<Range<usize>> {
        match &self.kind {
            Kind::Regex(regex) => {
                let input = regex_automata::Input::new(text).range(at.min(text.len())..);
                regex.find(input).map(|found| found.range())
            }
            Kind::Literal(literal) if self.options.word => find_word(literal, text, at),
            Kind::Literal(literal) => literal.find_folded(text, at),
        }
    }
}

/// The first occurrence in a folded text that has no word character at either side.
fn find_word(literal: &Literal, text: &str, at: usize) -> Option<Range<usize>> {
    let mut from = at;
    loop {
        let found = literal.find_folded(text, from)?;
        let before = text[..found.start].chars().next_back();
        let after = text[found.end..].chars().next();
        if !before.is_some_and(is_word_character) && !after.is_some_and(is_word_character) {
            return Some(found);
        }
        from = text.ceil_char_boundary(found.start + 1);
    }
}

/// `\w` of regular expressions.
fn is_word_character(c: char) -> bool {
    regex_syntax::is_word_character(c)
}

/// A text as the matcher sees it, and the way back.
struct View<'a> {
    text: Cow<'a, str>,
    /// For each byte of `text` the character that it came from; empty if offsets are the same.
    origins: Vec<Range<usize>>,
}

impl<'a> View<'a> {
    fn new(text: &'a str, fold_look_alikes: bool, ignore_case: bool) -> Self {
        if text.is_ascii() {
            let seen = if ignore_case { fold(text) } else { text.into() };
            return Self { text: seen, origins: Vec::new() };
        }
        if !fold_look_alikes && !ignore_case {
            return Self { text: text.into(), origins: Vec::new() };
        }
        let mut seen = String::with_capacity(text.len());
        let mut origins = Vec::with_capacity(text.len());
        for (start, c) in text.char_indices() {
            let folded = if fold_look_alikes { look_alike(c) } else { Some(c) };
            let Some(folded) = folded else { continue };
            seen.push(if ignore_case { fold_char(folded) } else { folded });
            origins.resize(seen.len(), start..start + c.len_utf8());
        }
        Self { text: seen.into(), origins }
    }

    fn text(&self) -> &str {
        &self.text
    }

    fn original(&self, range: Range<usize>) -> Range<usize> {
        match (self.origins.get(range.start), self.origins.get(range.end.wrapping_sub(1))) {
            (Some(first), Some(last)) => first.start..last.end,
            _ => range,
        }
    }
}

/// The regular expression as its parser understands it.
fn hir(source: &str, options: &PatternOptions) -> Result<Hir, QueryError> {
    let parser = ast::parse::ParserBuilder::new().nest_limit(MAX_REGEX_DEPTH).build().parse(source);
    let ast = parser.map_err(|error| broken(&error.kind().to_string(), error.span()))?;
    let ignore_case = match options.case {
        Case::Smart => !has_upper_case(&ast),
        Case::Ignore => true,
        Case::Exact => false,
    };
    let translated = TranslatorBuilder::new()
        .case_insensitive(ignore_case)
        .multi_line(true)
        .utf8(true)
        .build()
        .translate(source, &ast)
        .map_err(|error| broken(&error.kind().to_string(), error.span()))?;
    Ok(match options.word {
        false => translated,
        true => Hir::concat(vec![
            Hir::look(Look::WordStartHalfUnicode),
            translated,
            Hir::look(Look::WordEndHalfUnicode),
        ]),
    })
}

fn broken(message: &str, span: &ast::Span) -> QueryError {
    QueryError::new(
        format!("the regular expression is broken: {message}"),
        span.start.offset..span.end.offset,
    )
    .hint("to search for the text itself, put it in quotes")
}

fn compile(hir: &Hir, source: &str) -> Result<Regex, QueryError> {
    let config = meta::Config::new()
        .nfa_size_limit(Some(MAX_REGEX_BYTES))
        .hybrid_cache_capacity(MAX_REGEX_CACHE_BYTES)
        .utf8_empty(true);
    meta::Builder::new().configure(config).syntax(syntax::Config::new()).build_from_hir(hir).map_err(
        |error| {
            let message = match error.size_limit() {
                Some(limit) => {
                    format!("the regular expression is too large: it would take more than {limit} bytes")
                }
                None => "the regular expression cannot be compiled".to_owned(),
            };
            QueryError::new(message, 0..source.len()).hint("use fewer or smaller repetitions and classes")
        },
    )
}

/// Whether an upper-case letter stands for itself anywhere (`\S` does not).
fn has_upper_case(ast: &Ast) -> bool {
    struct Upper(bool);
    impl Upper {
        fn see(&mut self, literal: &ast::Literal) {
            self.0 |= literal.c.is_uppercase();
        }
    }
    impl ast::Visitor for Upper {
        type Output = bool;
        type Err = std::convert::Infallible;
        fn finish(self) -> Result<bool, Self::Err> {
            Ok(self.0)
        }
        fn visit_pre(&mut self, ast: &Ast) -> Result<(), Self::Err> {
            if let Ast::Literal(literal) = ast {
                self.see(literal);
            }
            Ok(())
        }
        fn visit_class_set_item_pre(&mut self, item: &ast::ClassSetItem) -> Result<(), Self::Err> {
            match item {
                ast::ClassSetItem::Literal(literal) => self.see(literal),
                ast::ClassSetItem::Range(range) => {
                    self.see(&range.start);
                    self.see(&range.end);
                }
                _ => {}
            }
            Ok(())
        }
    }
    match ast::visit(ast, Upper(false)) {
        Ok(upper) => upper,
        Err(never) => match never {},
    }
}

/// As the query language writes it.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Literal(_) => write!(f, "\"{}\"", self.source.replace('\\', "\\\\").replace('"', "\\\"")),
            Kind::Regex(_) => write!(f, "/{}/", self.source),
        }
    }
}
