//! Diagnostics: one event per line on stderr, as text or as JSON.
//!
//! Transcripts, keys and messages are hostile and may be in what an error says. So a line is written here, not by
//! the library: every value is cut, made printable, and quoted where it is not one plain word.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal};
use std::sync::OnceLock;

use anyhow::Context;
use jiff::Timestamp;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use shelltrail_core::sanitize::printable;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{FilterExt, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::json;

/// The variable that says what is logged.
const VARIABLE: &str = "SHELLTRAIL_LOG";

/// The longest value of a field; the rest is cut off, and the line says so.
const MAX_VALUE_BYTES: usize = 2048;

/// How events are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people: time, level, message, fields
    #[default]
    Text,
    /// One JSON object per line
    Json,
}

static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// Begins to log. To be called once.
///
/// # Errors
/// `SHELLTRAIL_LOG` cannot be understood.
pub fn init(format: LogFormat, verbose: u8) -> anyhow::Result<()> {
    let default = match verbose {
        0 => "warn,shelltrail=info,shelltrail_aws=warn,shelltrail_index=warn",
        1 => "info",
        2 => "info,shelltrail=debug",
        _ => "debug",
    };
    let wanted = std::env::var(VARIABLE).ok().filter(|wanted| !wanted.is_empty());
    let filter = EnvFilter::try_new(wanted.as_deref().unwrap_or(default)).with_context(|| {
        format!("understand {VARIABLE}; it is like \"info\" or \"warn,shelltrail=debug\"")
    })?;
    let _ = FORMAT.set(format);
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
    let events = Events { format, colour };
    let layer = tracing_subscriber::fmt::layer().event_format(events).with_writer(io::stderr);
    // What it says of a line that cannot be written goes where that should have gone, and fails by a panic.
    let layer = layer.log_internal_errors(false);
    tracing_subscriber::registry().with(layer.with_filter(filter.and(ceiling()))).init();
    Ok(())
}

/// What others may log at most, whatever is asked for: below that the AWS SDK and the HTTP client write down requests
/// and answers, which hold message bodies, transcripts and data keys.
fn ceiling() -> Targets {
    Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target("shelltrail", LevelFilter::TRACE)
        .with_target("aws_config", LevelFilter::DEBUG)
}

/// Says something to whoever runs a worker or a backfill: a line for people, or an event.
pub fn say(message: &str) {
    match format() {
        LogFormat::Text => eprintln!("shelltrail: {}", printable(message)),
        LogFormat::Json => tracing::info!("{message}"),
    }
}

/// How events are written; text if nothing was said yet.
#[must_use]
pub fn format() -> LogFormat {
    FORMAT.get().copied().unwrap_or_default()
}

struct Events {
    format: LogFormat,
    colour: bool,
}

impl<S, N> FormatEvent<S, N> for Events
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let line = Line {
            time: Timestamp::now(),
            level: *event.metadata().level(),
            target: event.metadata().target(),
            fields,
        };
        match self.format {
            LogFormat::Text => line.text(out, self.colour),
            LogFormat::Json => line.json(out),
        }
    }
}

/// What an event holds, in its order.
#[derive(Debug, Default)]
struct Fields {
    message: String,
    rest: Vec<(&'static str, Value)>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: impl Into<Value>) {
        self.rest.push((field.name(), value.into()));
    }

    fn add_text(&mut self, field: &Field, text: &str) {
        let kept = text.floor_char_boundary(MAX_VALUE_BYTES);
        let cut = text.len() - kept;
        let mut text = text[..kept].to_owned();
        if cut > 0 {
            let _ = write!(text, "… ({cut} bytes more)");
        }
        match field.name() {
            "message" => self.message = text,
            _ => self.add(field, text),
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add_text(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            let _ = write!(text, ": {error}");
            cause = error.source();
        }
        self.add_text(field, &text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add_text(field, &format!("{value:?}"));
    }
}

#[derive(Debug)]
struct Line<'a> {
    time: Timestamp,
    level: Level,
    target: &'a str,
    fields: Fields,
}

impl Line<'_> {
    fn text(&self, mut out: Writer<'_>, colour: bool) -> fmt::Result {
        let (begin, end) = match (colour, self.level) {
            (false, _) => ("", ""),
            (true, Level::ERROR) => ("\x1b[31m", "\x1b[0m"),
            (true, Level::WARN) => ("\x1b[33m", "\x1b[0m"),
            (true, _) => ("\x1b[2m", "\x1b[0m"),
        };
        write!(out, "{:.6} {begin}{:>5}{end} {}", self.time, self.level, printable(&self.fields.message))?;
        for (name, value) in &self.fields.rest {
            write!(out, " {name}=")?;
            match value {
                Value::String(text) if is_word(text) => out.write_str(text)?,
                Value::String(text) => out.write_str(&printable(&Value::from(text.as_str()).to_string()))?,
                number => write!(out, "{number}")?,
            }
        }
        writeln!(out)
    }

    fn json(&self, mut out: Writer<'_>) -> fmt::Result {
        let mut line = Vec::new();
        json::write_line(&mut line, self).map_err(|_| fmt::Error)?;
        out.write_str(&String::from_utf8_lossy(&line))
    }
}

/// What needs no quotes: it can be mistaken neither for two fields nor for something quoted.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+%@".contains(&byte))
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const OWN: [&str; 4] = ["time", "level", "target", "message"];
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("time", &format!("{:.6}", self.time))?;
        map.serialize_entry("level", &self.level.as_str().to_ascii_lowercase())?;
        map.serialize_entry("target", self.target)?;
        map.serialize_entry("message", &self.fields.message)?;
        for (name, value) in &self.fields.rest {
            match OWN.contains(name) {
                true => map.serialize_entry(&format!("{name}_"), value)?,
                false => map.serialize_entry(name, value)?,
            }
        }
        map.end()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, work: impl FnOnce()) -> String {
        let written = Written::default();
        let out = written.clone();
        let events = Events { format, colour: false };
        let layer = tracing_subscriber::fmt::layer().event_format(events).with_writer(move || out.clone());
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(ceiling()));
        tracing::subscriber::with_default(subscriber, work);
        String::from_utf8(written.0.lock().unwrap().clone()).unwrap()
    }

    const HOSTILE: &str = "a\n2026-01-01 ERROR forged level=\"x\" \x1b[2J\u{9b}\u{202e}é";

    fn hostile_event() {
        let error = io::Error::other(HOSTILE);
        tracing::warn!(reason = HOSTILE, shown = %HOSTILE, debug = ?HOSTILE, error = &error as &dyn Error,
            level = 7, word = "kms-denied", flag = true, "{HOSTILE}");
    }

    #[test]
    fn a_hostile_value_stays_in_its_quotes_on_its_line() {
        let text = logged(LogFormat::Text, hostile_event);
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        assert_eq!(printable(text.trim_end()), text.trim_end());
        assert!(
            text.contains(r#" shown="a\n2026-01-01 ERROR forged level=\"x\" \u001b[2J<U+009B><U+202E>é" "#),
            "{text}"
        );
        assert!(text.ends_with(" level=7 word=kms-denied flag=true\n"), "{text}");
    }

    #[test]
    fn a_json_line_decodes_to_what_was_logged() {
        let text = logged(LogFormat::Json, hostile_event);
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        assert_eq!(printable(text.trim_end()), text.trim_end());
        let line: Value = serde_json::from_str(&text).unwrap();
        for name in ["message", "reason", "shown", "error"] {
            assert_eq!(line[name], HOSTILE, "{name}");
        }
        assert_eq!((&line["level"], &line["level_"]), (&Value::from("warn"), &Value::from(7)));
        assert!(line["time"].as_str().unwrap().parse::<Timestamp>().is_ok(), "{line}");
    }

    #[test]
    fn a_long_value_is_cut_and_says_so() {
        let long = "é".repeat(MAX_VALUE_BYTES);
        let text = logged(LogFormat::Text, || tracing::info!(long, "x"));
        assert!(text.len() < MAX_VALUE_BYTES + 200, "{}", text.len());
        assert!(text.contains("(2048 bytes more)"), "{text}");
    }

    #[test]
    fn an_error_tells_its_causes() {
        let inner = io::Error::other("no space left");
        let error = shelltrail_core::sink::SinkError {
            action: "commit",
            partition: "1".to_owned(),
            source: Box::new(inner),
        };
        let text = logged(LogFormat::Text, || tracing::error!(error = &error as &dyn Error, "x"));
        assert!(text.contains(r#"error="commit partition 1: no space left""#), "{text}");
    }

    #[test]
    fn others_never_say_more_than_the_ceiling() {
        let text = logged(LogFormat::Text, || {
            tracing::trace!(target: "aws_smithy_runtime::client::orchestrator", "secret");
            tracing::debug!(target: "aws_smithy_runtime::client::orchestrator", "secret");
            tracing::debug!(target: "hyper::proto", "secret");
            tracing::trace!(target: "aws_config::profile", "secret");
            tracing::debug!(target: "aws_config::profile", "told");
            tracing::debug!(target: "shelltrail_ingest::poll", "told");
        });
        assert!(!text.contains("secret"), "{text}");
        assert_eq!(text.matches("told").count(), 2, "{text}");
    }
}
