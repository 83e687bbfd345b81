//! A line of the user's own: `{ended_at} {account} {command}`.

use shelltrail_core::sanitize::{printable, printable_lines};

use super::{Row, Value};

/// A parsed template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Field(String),
}

impl Template {
    /// Reads a template. `{{` and `}}` are braces; `\t` and `\n` are a tab and a line feed.
    ///
    /// # Errors
    /// A brace is unbalanced, or a field has no such name; the message says where, and lists the names.
    pub fn parse(text: &str, fields: &[&str]) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let place = text[..text.len() - rest.len()].chars().count() + 1;
            rest = &rest[c.len_utf8()..];
            match c {
                '{' | '}' if rest.starts_with(c) => {
                    literal.push(c);
                    rest = &rest[1..];
                }
                '{' => {
                    let Some((name, after)) = rest.split_once('}') else {
                        return Err(format!(
                            "the brace at character {place} is not closed; write {{{{ for a brace"
                        ));
                    };
                    if !fields.contains(&name) {
                        return Err(unknown(name, place, fields));
                    }
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                    parts.push(Part::Field(name.to_owned()));
                    rest = after;
                }
                '}' => {
                    return Err(format!(
                        "the brace at character {place} closes nothing; write }}}} for a brace"
                    ));
                }
                '\\' if rest.starts_with(['n', 't', '\\']) => {
                    literal.push(match rest.as_bytes()[0] {
                        b'n' => '\n',
                        b't' => '\t',
                        _ => '\\',
                    });
                    rest = &rest[1..];
                }
                c => literal.push(c),
            }
        }
        parts.push(Part::Literal(literal));
        Ok(Self(parts))
    }

    /// The line of a row, with its line feed. What is unknown is `-`; line feeds within a field are `^J`.
    #[must_use]
    pub fn line(&self, row: &Row<'_>) -> String {
        let mut line = String::new();
        for part in &self.0 {
            match part {
                // Tabs are the user's own.
                Part::Literal(text) => {
                    let shown: Vec<_> = text.split('\t').map(printable_lines).collect();
                    line += &shown.join("\t");
                }
                Part::Field(name) => match row.field(name) {
                    Some(Value::Text(text)) => line += &printable(&text),
                    Some(Value::Number(number)) => line += &number.to_string(),
                    Some(Value::Unknown) | None => line.push('-'),
                },
            }
        }
        line.push('\n');
        line
    }
}

fn unknown(name: &str, place: usize, fields: &[&str]) -> String {
    let near = fields.iter().find(|field| {
        !name.is_empty() && (field.starts_with(name) || name.starts_with(*field) || field.contains(name))
    });
    let hint = near.map(|field| format!("do you mean {{{field}}}? ")).unwrap_or_default();
    format!("there is no field {{{name}}} (at character {place}); {hint}fields: {}", fields.join(", "))
}

#[cfg(test)]
mod tests {
    use shelltrail_core::session::Marks;
    use shelltrail_core::{CommandRecord, ObjectRef, Session, TranscriptId};

    use super::*;
    use crate::formats::fields::{FOUND_FIELDS, RECORD_FIELDS, SESSION_FIELDS};

    fn fields() -> Vec<&'static str> {
        SESSION_FIELDS.into_iter().chain(RECORD_FIELDS).collect()
    }

    fn session() -> Session {
        Session {
            kind: Default::default(),
            id: TranscriptId::of_file("k", b"x"),
            object: ObjectRef { bucket: None, key: "k".into(), version: None, etag: None },
            account: None,
            region: None,
            session: "alice-0".into(),
            principal: Some("alice".into()),
            target: None,
            ended_at: None,
            time_source: None,
            bytes: 12,
            unread_bytes: 0,
            records: Vec::new(),
            defects: Vec::new(),
            sequencer: None,
            last_modified: None,
        }
    }

    #[test]
    fn every_field_has_a_value() {
        let (session, record) = (session(), CommandRecord::default());
        let row = Row {
            session: &session,
            records: 1,
            marks: &Marks::default(),
            record: Some(&record),
            found: None,
            output_bytes: 0,
            neighbour: false,
            decoded: None,
        };
        assert!(fields().iter().all(|field| row.field(field).is_some()));
        for column in super::super::csv::RECORD_COLUMNS.iter().chain(&super::super::csv::SESSION_COLUMNS) {
            assert!(fields().contains(column) || FOUND_FIELDS.contains(column), "{column}");
        }
    }

    #[test]
    fn a_line_is_what_was_asked_for_and_printable() {
        let session = session();
        let record =
            CommandRecord { command: Some("a\x1b[2J\nb".into()), seq: 3, ..CommandRecord::default() };
        let row = Row {
            session: &session,
            records: 1,
            marks: &Marks::default(),
            record: Some(&record),
            found: None,
            output_bytes: 0,
            neighbour: false,
            decoded: None,
        };
        let line = |text: &str| Template::parse(text, &fields()).map(|template| template.line(&row));
        assert_eq!(
            line("{ref}\\t{account} {{{principal}}}: {command}").as_deref(),
            Ok("alice-0@3\t- {alice}: a^[[2J^Jb\n")
        );
        assert_eq!(line("").as_deref(), Ok("\n"));
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let error = |text: &str| Template::parse(text, &fields()).unwrap_err();
        assert!(error("x {acount}").contains("{acount} (at character 3)"));
        assert!(error("{prog}").contains("{programs}"));
        assert!(error("{}").contains("fields: ended_at"));
        assert!(error("{a").contains("not closed") && error("a}").contains("closes nothing"));
    }
}
