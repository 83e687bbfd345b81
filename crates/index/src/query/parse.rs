//! From text to a tree.
//!
//! ```text
//! or   := and (OR and)*
//! and  := not (AND? not)*          AND may be left out beside a field, and in front of NOT
//! not  := NOT not | atom
//! atom := ( or ) | field:value | "text" | /regex/ | text
//! ```
//!
//! A text without quotes goes on to the next operator, so a query without operators is one literal, as it was typed.
//! It ends at `AND` and `OR` that stand alone, at a `field:`, and at the `)` of a group that is open. Brackets inside a
//! word belong to it. What could be meant in two ways is an error that says how to write either: beside operators and
//! fields a `name:value` that is no field, too, for as a text it would be found nowhere and look like an answer.

use jiff::Timestamp;

use crate::query::limits::{MAX_ATOMS, MAX_DEPTH, MAX_QUERY_BYTES};
use crate::query::words::{NoField, Word, field_at, no_field_at, word_at};
use crate::query::{
    Case, Fact, FactLeaf, Field, Pattern, PatternOptions, Query, QueryError, TextLeaf, Within,
};

/// How a query is to be read.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What ages (`36h`) count from.
    pub now: Timestamp,
    /// The whole query is one regular expression.
    pub regex: bool,
    /// The whole query is one literal.
    pub fixed: bool,
    /// How case counts in texts.
    pub case: Case,
    /// Matches have no word character at either side.
    pub word: bool,
    /// Invisible characters do not count, and look-alikes of ASCII letters are those.
    pub fold: bool,
    /// Where texts without a field are looked for.
    pub within: Within,
}

impl Options {
    /// Everything as it is without flags.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        let (case, within) = (Case::Smart, Within::Any);
        Self { now, regex: false, fixed: false, case, word: false, fold: false, within }
    }

    pub(crate) fn pattern(&self) -> PatternOptions {
        PatternOptions { regex: self.regex, case: self.case, word: self.word, fold: self.fold }
    }
}

/// Reads a query.
///
/// # Errors
/// It is broken, too large, or cannot be true of anything. Nothing is ever left out in silence.
pub fn parse(text: &str, options: &Options) -> Result<Query, QueryError> {
    if text.len() > MAX_QUERY_BYTES {
        let message = format!("the query is longer than {MAX_QUERY_BYTES} bytes");
        return Err(QueryError::new(message, MAX_QUERY_BYTES..text.len()));
    }
    if options.regex && options.fixed {
        return Err(QueryError::new("a query is a regular expression or a literal, not both", 0..text.len()));
    }
    let whole = |text: &str| {
        let pattern = Pattern::new(text, &options.pattern())?;
        Ok(Query::Text(TextLeaf { within: options.within, pattern, span: Some(0..text.len()) }))
    };
    if options.regex || options.fixed {
        return whole(text);
    }
    let mut parser = Parser {
        text,
        at: 0,
        options,
        depth: 0,
        open: 0,
        atoms: 0,
        groups: 0,
        nots: 0,
        bare: None,
        no_field: None,
    };
    parser.skip_blanks();
    if parser.at == text.len() {
        return Err(QueryError::new("the query is empty; every record would match", 0..text.len()));
    }
    let (query, kind) = parser.or()?;
    if parser.at < text.len() {
        return Err(parser.stray());
    }
    let is_simple = parser.atoms == 1 && parser.groups + parser.nots == 0;
    if is_simple && kind == Kind::Bare {
        return whole(text);
    }
    match (parser.bare, parser.no_field) {
        (_, Some(no_field)) if !(is_simple && kind == Kind::Bare) => Err(there_is_no(&no_field)),
        (Some(at), _) if !is_simple => {
            Err(QueryError::new("this bracket has no partner in its text", at..at + 1)
                .hint("put the text in quotes; to group, write the bracket behind AND, OR or NOT"))
        }
        _ => Ok(query),
    }
}

/// What an atom looks like: it decides what may stand beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A text without quotes.
    Bare,
    /// `field:value`.
    Field,
    /// Anything else.
    Closed,
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    options: &'a Options,
    depth: usize,
    /// Groups that are open here.
    open: usize,
    atoms: usize,
    groups: usize,
    nots: usize,
    /// Where a text without quotes has a bracket without a partner.
    bare: Option<usize>,
    /// The first word of a text without quotes that may be meant as a field.
    no_field: Option<NoField>,
}

type Parsed = Result<(Query, Kind), QueryError>;

impl<'a> Parser<'a> {
    fn or(&mut self) -> Parsed {
        let (first, mut kind) = self.and()?;
        let mut queries = vec![first];
        while self.word() == Some(Word::Or) {
            self.at += 2;
            queries.push(self.and()?.0);
            kind = Kind::Closed;
        }
        Ok((if queries.len() == 1 { queries.remove(0) } else { Query::Or(queries) }, kind))
    }

    fn and(&mut self) -> Parsed {
        let (first, mut kind) = self.not()?;
        let mut queries = vec![first];
        let mut joined = false;
        while !self.is_at_end_of_list() {
            match self.word() {
                Some(Word::Or) => break,
                Some(Word::And) => self.at += 3,
                Some(Word::Not) => {}
                None if kind == Kind::Field || field_at(self.text, self.at).is_some() => {}
                None => return Err(self.side_by_side()),
            }
            let (query, next) = self.not()?;
            queries.push(query);
            (kind, joined) = (next, true);
        }
        if !joined {
            return Ok((queries.remove(0), kind));
        }
        possible(&queries)?;
        Ok((Query::And(queries), Kind::Closed))
    }

    fn not(&mut self) -> Parsed {
        self.skip_blanks();
        if self.word() != Some(Word::Not) {
            return self.atom();
        }
        let at = self.at;
        self.nots += 1;
        self.at += 3;
        self.deeper(at)?;
        let (query, kind) = self.not()?;
        self.depth -= 1;
        // Two NOTs are none.
        let kind = if kind == Kind::Field { Kind::Field } else { Kind::Closed };
        Ok((query.not(), kind))
    }

    fn atom(&mut self) -> Parsed {
        let at = self.at;
        let rest = &self.text[at..];
        if let Some(word) = self.word() {
            let message = format!("there is nothing in front of {}", word.name());
            return Err(QueryError::new(message, at..at + word.name().len())
                .hint(format!("to search for the word, write \"{}\"", word.name())));
        }
        if rest.is_empty() {
            return Err(QueryError::new("something is missing at the end of the query", at..at)
                .hint("to search for AND, OR or NOT, put it in quotes"));
        }
        if rest.starts_with(')') && self.open > 0 {
            return Err(QueryError::new("there is nothing in front of this bracket", at..at + 1)
                .hint("to search for a bracket, put it in quotes"));
        }
        if rest.starts_with('(') {
            return self.group();
        }
        if self.atoms == MAX_ATOMS {
            let message = format!("the query has more than {MAX_ATOMS} texts and facts");
            return Err(QueryError::new(message, at..self.text.len()));
        }
        self.atoms += 1;
        match field_at(self.text, at) {
            Some(Ok((field, value))) => {
                self.at = value;
                let query = self.value(field, at)?;
                Ok((query, Kind::Field))
            }
            Some(Err(error)) => Err(error),
            None => self.text(self.options.within, at),
        }
    }

    fn group(&mut self) -> Parsed {
        let at = self.at;
        self.at += 1;
        self.groups += 1;
        self.open += 1;
        self.deeper(at)?;
        let (query, _) = self.or()?;
        self.skip_blanks();
        if !self.text[self.at..].starts_with(')') {
            return Err(QueryError::new("this bracket is not closed", at..at + 1)
                .hint("to search for a bracket, put the text in quotes"));
        }
        self.at += 1;
        self.depth -= 1;
        self.open -= 1;
        self.must_end(at, "a group")?;
        Ok((query, Kind::Closed))
    }

    /// The value of a field that begins at `field_at`.
    fn value(&mut self, field: Field, field_at: usize) -> Result<Query, QueryError> {
        let at = self.at;
        let next = self.text[at..].chars().next();
        if next.is_none_or(|c| c.is_ascii_whitespace() || (c == ')' && self.open > 0)) {
            let message = format!("`{}:` has no value", field.name());
            return Err(QueryError::new(message, field_at..at).hint(format!(
                "write the value right behind the colon ({}); to search for the text, put it in quotes",
                field.meaning()
            )));
        }
        if let Some(within) = field.within() {
            return self.text(within, field_at).map(|(query, _)| query);
        }
        let value = if next == Some('"') {
            self.quoted()?
        } else {
            let end = self.end_of_token(at);
            self.at = end;
            self.text[at..end].to_owned()
        };
        let fact = Fact::parse(field, &value, self.options.now).map_err(|error| {
            // Behind a quote and escapes the places in the value are others.
            let exact = self.text[at..].starts_with(&value);
            if exact { error.moved(at) } else { QueryError { span: at..self.at, ..error } }
        })?;
        Ok(Query::Is(FactLeaf { fact, span: Some(field_at..self.at) }))
    }

    /// A text, with or without quotes, or a regular expression; `from` is where the atom began.
    fn text(&mut self, within: Within, from: usize) -> Parsed {
        let at = self.at;
        let mut options = self.options.pattern();
        let mut end = None;
        let (pattern, kind) = if self.text[at..].starts_with('"') {
            let text = self.quoted()?;
            let pattern = Pattern::new(&text, &options);
            (pattern.map_err(|error| QueryError { span: at..self.at, ..error })?, Kind::Closed)
        } else if let Some(end) = self.end_of_regex() {
            options.regex = true;
            self.at = end + 1;
            let pattern = Pattern::new(&self.text[at + 1..end], &options);
            (pattern.map_err(|error| error.moved(at + 1))?, Kind::Closed)
        } else {
            let text = self.bare(from == at)?;
            // The blanks behind it are passed already.
            end = Some(at + text.len());
            (Pattern::new(text, &options).map_err(|error| error.moved(at))?, Kind::Bare)
        };
        Ok((Query::Text(TextLeaf { within, pattern, span: Some(from..end.unwrap_or(self.at)) }), kind))
    }

    /// Takes a text in quotes.
    fn quoted(&mut self) -> Result<String, QueryError> {
        let at = self.at;
        let mut text = String::new();
        let mut chars = self.text[at + 1..].char_indices().peekable();
        while let Some((offset, c)) = chars.next() {
            match c {
                '"' => {
                    self.at = at + 1 + offset + 1;
                    self.must_end(at, "a text in quotes")?;
                    return Ok(text);
                }
                '\\' if chars.peek().is_some_and(|(_, next)| matches!(next, '"' | '\\')) => {
                    text.extend(chars.next().map(|(_, next)| next));
                }
                _ => text.push(c),
            }
        }
        Err(QueryError::new("this quote is not closed", at..at + 1)
            .hint("to search for a quote, write \\\" between quotes, or use --fixed"))
    }

    /// Where the second `/` of a regular expression is, if one begins here.
    fn end_of_regex(&self) -> Option<usize> {
        let pattern = self.text[self.at..].strip_prefix('/')?;
        let mut escaped = false;
        let end = pattern.bytes().position(|byte| {
            let ends = byte == b'/' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        })?;
        let behind = pattern[end + 1..].chars().next();
        let ends = behind.is_none_or(|c| c.is_ascii_whitespace() || (c == ')' && self.open > 0));
        (ends && end > 0).then_some(self.at + 1 + end)
    }

    /// Takes a text without quotes, up to the next operator; `is_atom` if no field stands in front of it.
    fn bare(&mut self, is_atom: bool) -> Result<&'a str, QueryError> {
        let text = self.text;
        let start = self.at;
        let mut end = start;
        loop {
            // Behind `cmd:` stands a text, so what begins it is one.
            if self.no_field.is_none() && (is_atom || end > start) {
                self.no_field = no_field_at(text, end, end == start);
            }
            end = self.end_of_token(end);
            self.at = end;
            self.skip_blanks();
            if self.is_at_end_of_list() {
                break;
            }
            match self.word() {
                Some(Word::Not) => {
                    return Err(QueryError::new("NOT stands behind a text", self.at..self.at + 3).hint(
                        "write AND NOT to leave out what follows; to search for the word, put the text in quotes",
                    ));
                }
                Some(_) => break,
                None => {}
            }
            match field_at(text, self.at) {
                Some(Ok(_)) => break,
                Some(Err(error)) => return Err(error),
                None => end = self.at,
            }
        }
        let bare = &text[start..end];
        if let Some(offset) = without_partner(bare) {
            self.bare.get_or_insert(start + offset);
        }
        Ok(bare)
    }

    /// Where the word that begins at `from` ends: at a blank, or at the bracket that closes the group around it.
    fn end_of_token(&self, from: usize) -> usize {
        let mut depth = 0_usize;
        for (offset, c) in self.text[from..].char_indices() {
            match c {
                '(' => depth += 1,
                ')' if depth > 0 => depth -= 1,
                ')' if self.open > 0 => return from + offset,
                c if c.is_ascii_whitespace() => return from + offset,
                _ => {}
            }
        }
        self.text.len()
    }

    fn word(&self) -> Option<Word> {
        word_at(self.text, self.at, self.open > 0)
    }

    fn skip_blanks(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_ascii_start().len();
    }

    /// Whether nothing can follow in this group or in the query.
    fn is_at_end_of_list(&mut self) -> bool {
        self.skip_blanks();
        let rest = &self.text[self.at..];
        rest.is_empty() || (rest.starts_with(')') && self.open > 0)
    }

    fn deeper(&mut self, at: usize) -> Result<(), QueryError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = format!("groups and NOTs are nested deeper than {MAX_DEPTH}");
            return Err(QueryError::new(message, at..at + 1));
        }
        Ok(())
    }

    /// What is closed must be followed by a blank.
    fn must_end(&self, began: usize, what: &str) -> Result<(), QueryError> {
        match self.text[self.at..].chars().next() {
            None => Ok(()),
            Some(c) if c.is_ascii_whitespace() || (c == ')' && self.open > 0) => Ok(()),
            Some(c) => Err(QueryError::new(
                format!("{what} ends here, and something follows without a blank"),
                self.at..self.at + c.len_utf8(),
            )
            .hint(format!(
                "to search for the text from byte {began} on as it stands, quote all of it, with \\\" inside, or use --fixed"
            ))),
        }
    }

    fn side_by_side(&self) -> QueryError {
        QueryError::new("two texts stand side by side", self.at..self.end_of_token(self.at))
            .hint("write AND or OR between them; to search for both as one text, put one pair of quotes around them")
    }

    fn stray(&self) -> QueryError {
        QueryError::new("this does not belong to the query", self.at..self.text.len())
            .hint("write AND or OR in front of it, or put the whole text in quotes")
    }
}

fn there_is_no(field: &NoField) -> QueryError {
    let meant = field.meant.map_or_else(
        || Field::ALL.map(|field| format!("{}:", field.name())).join(" "),
        |meant| format!("did you mean `{}:`?", meant.name()),
    );
    QueryError::new(format!("there is no field `{}:`", field.name), field.span.clone())
        .hint(format!("to search for the text, put it in quotes; {meant}"))
}

/// The first bracket of a text that has no partner in it.
fn without_partner(text: &str) -> Option<usize> {
    let mut open = Vec::new();
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => open.push(at),
            b')' if open.pop().is_none() => return Some(at),
            _ => {}
        }
    }
    open.first().copied()
}

/// Ranges that stand side by side must leave something.
pub(super) fn possible(queries: &[Query]) -> Result<(), QueryError> {
    let leaves: Vec<&FactLeaf> = queries
        .iter()
        .filter_map(|query| if let Query::Is(leaf) = query { Some(leaf) } else { None })
        .collect();
    for (at, leaf) in leaves.iter().enumerate() {
        if let Some(other) = leaves[..at].iter().find(|other| leaf.fact.excludes(&other.fact)) {
            let message = format!("nothing is in this range and in {} as well", other.fact);
            return Err(QueryError::new(message, leaf.span.clone().unwrap_or_default()));
        }
    }
    Ok(())
}
