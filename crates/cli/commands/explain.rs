//! `shelltrail explain`

use std::io::Write;

use shelltrail_core::sanitize::printable;
use shelltrail_index::search::{Explanation, How, Node};

use super::coverage;
use super::opened::Opened;
use crate::args::{Args, ExplainArgs};
use crate::audit;
use crate::exit::Exit;
use crate::lens::Lens;
use crate::question::Question;
use crate::screen::while_read;
use crate::words::count;

/// Prints how a query is read and what it costs. No text is read.
///
/// # Errors
/// The query makes no sense, or there is no index.
pub fn run(args: &Args, command: &ExplainArgs) -> anyhow::Result<Exit> {
    let question = Question::narrowed(command.query.as_deref(), &command.how, &command.filter)?;
    let opened = Opened::new(args, &command.read, &command.output)?;
    let explanation = opened.searcher.explain(&question.query);
    let complete = explanation.coverage.is_complete();
    opened.audit.write(&audit::Entry {
        command: "explain",
        query: question.text,
        scope: question.scope,
        format: "text".to_owned(),
        complete,
        ..audit::Entry::default()
    })?;
    while_read(|| {
        let mut out = opened.screen.open();
        node(&mut out, &explanation.root, 0, &Lens::new(false))?;
        cost(&mut out, &explanation)?;
        out.finish()
    })?;
    coverage::report_notes(&question.notes);
    if !complete {
        coverage::report(&explanation.coverage, true);
    }
    Ok(if complete { Exit::Done } else { Exit::Incomplete })
}

fn node(out: &mut impl Write, part: &Node, depth: usize, lens: &Lens<'_>) -> std::io::Result<()> {
    let how = match part.how {
        How::Index => "answered by the index",
        How::IndexUnlessUnknown => "answered by the index, but for sessions whose end is unknown",
        How::IndexThenText => "narrowed by the index, then verified by reading text",
        How::Text => "nothing of it is in the index: every text in scope is read",
        How::Parts => "",
    };
    let indent = "  ".repeat(depth);
    let records = format!("at most {}", count(part.records, "record"));
    let how = if how.is_empty() { records } else { format!("{how}; {records}") };
    let kind = if part.regex { "regular expression; " } else { "" };
    let label = lens.mask(&part.label);
    writeln!(out, "{indent}{}    [{kind}{how}]", printable(&label))?;
    if label != part.label && !part.conditions.is_empty() {
        // Words of a secret are no less one.
        writeln!(out, "{indent}    looks up {}, not shown", count(part.conditions.len() as u64, "word"))?;
    } else {
        for condition in &part.conditions {
            writeln!(out, "{indent}    looks up {}", printable(condition))?;
        }
    }
    for part in &part.parts {
        node(out, part, depth + 1, lens)?;
    }
    Ok(())
}

fn cost(out: &mut impl Write, explanation: &Explanation) -> std::io::Result<()> {
    writeln!(out)?;
    for estimate in &explanation.partitions {
        writeln!(
            out,
            "partition {}: {} with {} in scope; {} may match, {} to be read",
            estimate.partition,
            count(estimate.sessions, "session"),
            count(estimate.records, "record"),
            estimate.candidates,
            estimate.to_verify
        )?;
    }
    let total: u64 = explanation.partitions.iter().map(|estimate| estimate.to_verify).sum();
    let mib = explanation.bytes_to_read as f64 / f64::from(1 << 20);
    writeln!(
        out,
        "cost: some {mib:.1} MiB of text in {} to find everything; less with --limit",
        count(total, "record")
    )
}
