//! One record of a notification, in either of the two forms that S3 writes.

use serde_json::Value;

use super::{Announcement, AnnouncementKind, BACKFILL_CONFIGURATION, IgnoredKind, quote};
use crate::form;
use crate::layout;
use crate::object::ObjectRef;
use crate::sequencer::{Family, Sequencer};
use crate::sink::RemovalKind;

pub(super) type Outcome = Result<Told, Unreadable>;

/// What a record tells.
pub(super) enum Told {
    Announcement(Announcement),
    Nothing(IgnoredKind),
}

/// Why a record cannot be read.
pub(super) struct Unreadable {
    pub(super) reason: &'static str,
    pub(super) detail: String,
}

/// The only major version of native records there has been.
const MAJOR_VERSION: &str = "2";

/// Reads a record of S3's own form. Its key is encoded like a form.
pub(super) fn native(record: &Value) -> Outcome {
    let source = text(record, &["eventSource"]).unwrap_or("aws:s3");
    let name = text(record, &["eventName"]);
    // S3-compatible servers name themselves, but the service stays the same.
    if !source.ends_with(":s3") {
        return Ok(other_event(format!("{source} {}", name.unwrap_or_default()).trim_end()));
    }
    if let Some(version) = record.get("eventVersion").filter(|version| !version.is_null())
        && version.as_str().and_then(|version| version.split('.').next()) != Some(MAJOR_VERSION)
    {
        return Err(Unreadable {
            reason: "unsupported_event_version",
            detail: format!("eventVersion {version}"),
        });
    }
    let name = name.ok_or_else(|| missing("eventName"))?;
    // AWS writes the prefix in configurations only, other servers write it in records, too.
    let kind = match name.strip_prefix("s3:").unwrap_or(name) {
        created if created.starts_with("ObjectCreated:") => AnnouncementKind::Created,
        "ObjectRemoved:Delete" => AnnouncementKind::Removed(RemovalKind::Deleted),
        "ObjectRemoved:DeleteMarkerCreated" => AnnouncementKind::Removed(RemovalKind::DeleteMarker),
        "LifecycleExpiration:Delete" => AnnouncementKind::Removed(RemovalKind::Expired),
        "LifecycleExpiration:DeleteMarkerCreated" => AnnouncementKind::Removed(RemovalKind::ExpiryMarker),
        "ObjectRestore:Completed" => AnnouncementKind::RestoreCompleted,
        other => return Ok(other_event(other)),
    };
    let encoded = required(record, &["s3", "object", "key"])?;
    let key = form::decode(encoded)
        .ok_or_else(|| Unreadable { reason: "bad_key_encoding", detail: format!("key {encoded:?}") })?;
    let object = ObjectRef {
        bucket: Some(required(record, &["s3", "bucket", "name"])?.to_owned()),
        key,
        version: version_id(text(record, &["s3", "object", "versionId"]), kind),
        etag: etag(text(record, &["s3", "object", "eTag"])),
    };
    Ok(announce(Announcement {
        object,
        size: value(record, &["s3", "object", "size"]).and_then(Value::as_u64),
        region: text(record, &["awsRegion"]).map(str::to_owned),
        sequencer: text(record, &["s3", "object", "sequencer"])
            .and_then(|digits| Sequencer::new(digits, Family::Native)),
        event_time: text(record, &["eventTime"]).and_then(|time| time.parse().ok()),
        backfill: text(record, &["s3", "configurationId"]) == Some(BACKFILL_CONFIGURATION),
        kind,
    }))
}

/// Reads a message of EventBridge, which holds one record. Its key is not encoded.
pub(super) fn event_bridge(message: &Value) -> Outcome {
    let kind = match required(message, &["detail-type"])? {
        "Object Created" => AnnouncementKind::Created,
        "Object Deleted" => AnnouncementKind::Removed(removal_kind(message)),
        "Object Restore Completed" => AnnouncementKind::RestoreCompleted,
        other => return Ok(other_event(other)),
    };
    // An emulator in common use spells the ETag as native records do.
    let tag = text(message, &["detail", "object", "etag"]).or(text(message, &["detail", "object", "eTag"]));
    let object = ObjectRef {
        bucket: Some(required(message, &["detail", "bucket", "name"])?.to_owned()),
        key: required(message, &["detail", "object", "key"])?.to_owned(),
        version: version_id(text(message, &["detail", "object", "version-id"]), kind),
        etag: etag(tag),
    };
    Ok(announce(Announcement {
        object,
        size: value(message, &["detail", "object", "size"]).and_then(Value::as_u64),
        region: text(message, &["region"]).map(str::to_owned),
        sequencer: text(message, &["detail", "object", "sequencer"])
            .and_then(|digits| Sequencer::new(digits, Family::EventBridge)),
        event_time: text(message, &["time"]).and_then(|time| time.parse().ok()),
        backfill: false,
        kind,
    }))
}

/// Sets aside objects that are no transcripts by their names.
fn announce(announcement: Announcement) -> Told {
    let key = &announcement.object.key;
    if !layout::is_companion(key) {
        Told::Announcement(announcement)
    } else if key.ends_with('/') && announcement.size.unwrap_or(0) == 0 {
        Told::Nothing(IgnoredKind::FolderPlaceholder)
    } else {
        Told::Nothing(IgnoredKind::Companion)
    }
}

/// Objects written while versioning was off have the version `null`, which names no version for good. To delete it
/// leaves the other versions as they are.
fn version_id(id: Option<&str>, kind: AnnouncementKind) -> Option<String> {
    let is_removed = matches!(kind, AnnouncementKind::Removed(_));
    id.filter(|&id| !id.is_empty() && (id != "null" || is_removed)).map(str::to_owned)
}

/// How an object was removed, in the words of EventBridge (Amazon S3 user guide, "EventBridge event message structure").
fn removal_kind(message: &Value) -> RemovalKind {
    let is_marker = text(message, &["detail", "deletion-type"]) == Some("Delete Marker Created");
    let has_expired = text(message, &["detail", "reason"]) == Some("Lifecycle Expiration");
    match (is_marker, has_expired) {
        (false, false) => RemovalKind::Deleted,
        (false, true) => RemovalKind::Expired,
        (true, false) => RemovalKind::DeleteMarker,
        (true, true) => RemovalKind::ExpiryMarker,
    }
}

/// HTTP quotes an ETag; S3 takes the quotes off, other servers do not always.
fn etag(tag: Option<&str>) -> Option<String> {
    tag.map(|tag| tag.trim_matches('"')).filter(|tag| !tag.is_empty()).map(str::to_owned)
}

fn other_event(name: &str) -> Told {
    Told::Nothing(IgnoredKind::OtherEvent(quote(name).to_owned()))
}

fn value<'a>(record: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(record, |value, name| value.get(name))
}

fn text<'a>(record: &'a Value, path: &[&str]) -> Option<&'a str> {
    value(record, path)?.as_str()
}

fn required<'a>(record: &'a Value, path: &[&str]) -> Result<&'a str, Unreadable> {
    text(record, path).filter(|text| !text.is_empty()).ok_or_else(|| missing(&path.join(".")))
}

fn missing(field: &str) -> Unreadable {
    Unreadable { reason: "missing_field", detail: format!("no {field}") }
}
