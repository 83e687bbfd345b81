//! A notification as S3 would write it, for objects that are announced again.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use crate::object::ObjectRef;

/// What S3 leaves as it is in a key.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'*');

/// The body of a notification that an object was created; `None` outside S3. It tells no sequencer and no time: whoever
/// reads it asks S3 how the object is now.
#[must_use]
pub fn created(object: &ObjectRef, size: Option<u64>) -> Option<String> {
    let ObjectRef { bucket, key, version, etag } = object;
    let mut told = json!({ "key": utf8_percent_encode(key, ENCODED).to_string() });
    let fields = [
        ("size", size.map(Into::into)),
        ("eTag", etag.clone().map(Into::into)),
        ("versionId", version.clone().map(Into::into)),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            told[name] = value;
        }
    }
    let record = json!({
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": { "s3SchemaVersion": "1.0", "bucket": { "name": bucket.as_ref()? }, "object": told }
    });
    Some(json!({ "Records": [record] }).to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::notification::{AnnouncementKind, parse};

    #[test]
    fn what_is_composed_is_read_back() {
        for key in ["a/b.log", "red flower+.log", "100 %zz", "日本/é\u{301}|..//x", "\"\n\u{1}"] {
            for (version, etag, size) in [(None, None, None), (Some("v1"), Some("e-2"), Some(0))] {
                let object = ObjectRef {
                    bucket: Some("b".into()),
                    key: key.into(),
                    version: version.map(str::to_owned),
                    etag: etag.map(str::to_owned),
                };
                let read = parse(&created(&object, size).unwrap()).unwrap().announcements.remove(0);
                assert_eq!((read.object, read.size), (object, size));
                assert_eq!((read.kind, read.sequencer), (AnnouncementKind::Created, None));
            }
        }
        assert_eq!(created(&ObjectRef { key: "file".into(), ..ObjectRef::default() }, None), None);
    }
}
