//! Sessions made up for the tests of this crate.

use shelltrail_core::session::Span;
use shelltrail_core::{
    Boundary, CommandRecord, Confidence, ObjectRef, Session, SessionKind, Status, TimeSource, TranscriptId,
};

/// A session of account 111122223333 with these commands and outputs.
pub fn session(id: &str, commands: &[(&str, &str)]) -> Session {
    in_account(id, "111122223333", commands)
}

/// A session of some account; an account that is none leaves it unplaced.
pub fn in_account(id: &str, account: &str, commands: &[(&str, &str)]) -> Session {
    let object = ObjectRef {
        bucket: Some("transcripts".to_owned()),
        key: format!("ssm/{account}/{id}.log"),
        version: None,
        etag: Some(format!("etag-of-{id}")),
    };
    let mut at = 0;
    let records = commands.iter().enumerate().map(|(seq, (command, output))| {
        let start = at;
        at += (command.len() + output.len()) as u64;
        CommandRecord {
            seq: seq as u32,
            command: Some((*command).to_owned()),
            output: (*output).to_owned(),
            prompt: Some("$ ".to_owned()),
            status: Some(Status::Executed),
            confidence: Confidence::High,
            boundary: Boundary::Prompt,
            span: Span { start, end: at },
            ..CommandRecord::default()
        }
    });
    let records: Vec<_> = records.collect();
    Session {
        kind: SessionKind::Transcript,
        id: TranscriptId::of_object("transcripts", &object.key, &format!("etag-of-{id}")),
        object,
        account: account.parse().ok(),
        region: Some("eu-west-1".to_owned()),
        session: id.to_owned(),
        principal: id.rsplit_once('-').map(|(principal, _)| principal.to_owned()),
        target: None,
        ended_at: Some("2026-11-20T21:02:14Z".parse().unwrap_or_default()),
        time_source: Some(TimeSource::TranscriptHeader),
        bytes: at,
        unread_bytes: 0,
        records,
        defects: Vec::new(),
        sequencer: None,
        last_modified: None,
    }
}
