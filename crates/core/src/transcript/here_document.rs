//! Here-documents: the words that end them, and the lines that are their bodies.
//!
//! Both the question whether a line asks for another (`syntax`) and the reading of a whole command (`programs`) meet
//! them, so that the rules stand here once.

use std::collections::VecDeque;

/// Most here-documents that may be open at once; a line that opens more is not a command line.
const MAX_OPEN: usize = 64;

/// The here-documents that a line has opened and that still wait for their text, first to come first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pending(VecDeque<Delimiter>);

/// How a here-document ends.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Delimiter {
    word: String,
    /// Tabs at the start of its lines are no part of them (`<<-`).
    tabs: bool,
}

/// What a line is while a here-document waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// A line of the body.
    Body(&'a str),
    /// The delimiter.
    End,
}

impl Pending {
    /// Takes a here-document from what stands behind `<<`; how many bytes that took. No word, no here-document.
    pub(crate) fn open(&mut self, rest: &str) -> usize {
        let tabs = rest.starts_with('-');
        let start = usize::from(tabs);
        let blanks = rest[start..].bytes().take_while(|&byte| byte == b' ' || byte == b'\t').count();
        let mut word = String::new();
        let mut quote = None;
        let mut quoted = false;
        let mut end = rest.len();
        let mut characters = rest[start + blanks..].char_indices();
        while let Some((at, character)) = characters.next() {
            match (character, quote) {
                ('\n', _) => {
                    end = start + blanks + at;
                    break;
                }
                (_, Some(open)) if character == open => quote = None,
                (_, Some(_)) => word.push(character),
                ('\'' | '"', None) => {
                    quote = Some(character);
                    quoted = true;
                }
                ('\\', None) => word.extend(characters.next().map(|(_, escaped)| escaped)),
                (' ' | '\t' | ';' | '|' | '&' | '<' | '>' | '(' | ')' | '`', None) => {
                    end = start + blanks + at;
                    break;
                }
                (_, None) => word.push(character),
            }
        }
        if (!word.is_empty() || quoted) && self.0.len() < MAX_OPEN {
            self.0.push_back(Delimiter { word, tabs });
        }
        end
    }

    /// Whether one still waits for its text.
    pub(crate) fn is_open(&self) -> bool {
        !self.0.is_empty()
    }

    /// Gives the next line to the first one that waits; `None` if none does.
    pub(crate) fn line<'a>(&mut self, line: &'a str) -> Option<Line<'a>> {
        let delimiter = self.0.front()?;
        let body = if delimiter.tabs { line.trim_start_matches('\t') } else { line };
        if body != delimiter.word {
            return Some(Line::Body(body));
        }
        self.0.pop_front();
        Some(Line::End)
    }
}

/// The bodies of a command's here-documents, in order, each without its delimiter; the last one may be unfinished.
#[must_use]
pub fn here_documents(command: &str) -> Vec<String> {
    if memchr::memmem::find(command.as_bytes(), b"<<").is_none() {
        return Vec::new();
    }
    super::programs::read(command).here_documents
}

#[cfg(test)]
mod tests {
    use super::here_documents;

    #[test]
    fn bodies_are_what_the_program_reads() {
        let table: [(&str, &[&str]); 18] = [
            ("cat <<EOF\nline one\nEOF", &["line one"]),
            ("cat <<EOF\na\n\nb\nEOF\necho after", &["a\n\nb"]),
            ("cat <<'EOF' > /tmp/x\n$HOME `id`\nEOF", &["$HOME `id`"]),
            ("cat << \"E O F\"\na\nE O F\n", &["a"]),
            ("cat <<\\EOF\na\nEOF", &["a"]),
            ("cat <<E\"O\"F\na\nEOF", &["a"]),
            ("cat <<-EOF\n\t\ta\n\tb c\n\tEOF\nid", &["a\nb c"]),
            ("cat <<EOF\n\tEOF\nEOF", &["\tEOF"]),
            ("cat <<A <<B\na\nA\nb\nB", &["a", "b"]),
            ("cat <<A; cat <<B | wc\na\nA\nb\nB", &["a", "b"]),
            ("cat <<EOF\nno end", &["no end"]),
            ("cat <<EOF", &[]),
            ("cat <<EOF\nEOF", &[""]),
            ("cat <<< word\nnot a body", &[]),
            ("echo '<<EOF'\nid", &[]),
            ("echo $((1 << 2))\nid", &[]),
            ("# cat <<EOF\nid", &[]),
            ("x=$(cat <<EOF\nin $(id)\nEOF\n)", &["in $(id)"]),
        ];
        for (command, expected) in table {
            assert_eq!(here_documents(command), expected, "{command}");
        }
    }

    #[test]
    fn an_empty_delimiter_ends_at_an_empty_line() {
        assert_eq!(here_documents("cat <<''\na\n\nid"), ["a"]);
    }
}
