//! Where the sessions of an object belong.

use super::key;
use crate::decode::Transcript;
use crate::layout::{self, KeyLayout, Placement};
use crate::session::{Session, SessionKind};

/// An object, and what its key tells about the sessions in it.
#[derive(Clone, Debug)]
pub(crate) struct Origin<'a> {
    pub transcript: &'a Transcript,
    pub placement: Placement,
}

impl<'a> Origin<'a> {
    /// Places an object.
    pub(crate) fn new(transcript: &'a Transcript, layout: &KeyLayout) -> Self {
        Self { transcript, placement: layout.locate(&transcript.object.key) }
    }

    /// The log stream that the key names, or what it names instead.
    pub(super) fn stream_name(&self) -> String {
        key::export_stream(&self.transcript.object.key).unwrap_or(&self.placement.session).to_owned()
    }

    /// The object as one session without records, which its key places.
    pub(crate) fn session(&self, kind: SessionKind) -> Session {
        let Self { transcript, placement } = self;
        let target = match kind {
            SessionKind::CommandOutput => key::node_of_command(&transcript.object.key).map(str::to_owned),
            SessionKind::Transcript | SessionKind::AgentError => None,
        };
        Session {
            kind,
            id: transcript.id,
            object: transcript.object.clone(),
            account: placement.account,
            region: placement.region.clone(),
            session: placement.session.clone(),
            principal: placement.principal.clone(),
            target,
            ended_at: None,
            time_source: None,
            bytes: transcript.bytes.len() as u64,
            unread_bytes: transcript.unread_bytes,
            records: Vec::new(),
            defects: transcript.defects.clone(),
            sequencer: None,
            last_modified: transcript.last_modified,
        }
    }

    /// The same with a name from inside the object.
    pub(super) fn named(&self, name: Option<String>) -> Session {
        let mut session = self.session(SessionKind::Transcript);
        if let Some(name) = name {
            session.principal = layout::principal(&name).map(str::to_owned);
            session.session = name;
        }
        session
    }
}
