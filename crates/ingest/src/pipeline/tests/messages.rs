//! The paths of a notification (shared spec, events, section 1), for any key.

use std::fmt::Write;

use shelltrail_core::ObjectRef;

use crate::fakes::created;

/// A native document about objects.
pub(crate) fn native(objects: &[(ObjectRef, u64)]) -> String {
    let encoded = |object: &ObjectRef| ObjectRef { key: encoded(&object.key), ..object.clone() };
    created(&objects.iter().map(|(object, size)| (encoded(object), *size)).collect::<Vec<_>>())
}

/// A key as native notifications hold it.
pub(crate) fn encoded(key: &str) -> String {
    let mut encoded = String::new();
    for byte in key.bytes() {
        match byte {
            b' ' => encoded.push('+'),
            b'/' | b'-' | b'.' | b'_' => encoded.push(byte.into()),
            byte if byte.is_ascii_alphanumeric() => encoded.push(byte.into()),
            byte => write!(encoded, "%{byte:02X}").unwrap(),
        }
    }
    encoded
}

/// A document in the envelope of SNS.
pub(crate) fn sns(document: &str) -> String {
    let message = document.replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        r#"{{"Type":"Notification","MessageId":"1","TopicArn":"arn:aws:sns:eu-west-1:111122223333:transcripts","Message":"{message}","Timestamp":"2026-03-04T09:15:28.001Z"}}"#
    )
}

/// The document of EventBridge about an object that was created.
pub(crate) fn event_bridge(object: &ObjectRef, size: u64) -> String {
    let ObjectRef { bucket, key, version, etag } = object;
    let field = |name: &str, value: &Option<String>| match value {
        Some(value) => format!(r#""{name}":"{value}","#),
        None => String::new(),
    };
    format!(
        r#"{{"version":"0","id":"1","detail-type":"Object Created","source":"aws.s3","account":"111122223333","time":"2026-03-04T09:15:27Z","region":"eu-west-1","detail":{{"version":"0","bucket":{{"name":"{}"}},"object":{{{}{}"size":{size},"key":"{key}","sequencer":"00"}},"reason":"PutObject"}}}}"#,
        bucket.as_deref().unwrap_or_default(),
        field("etag", etag),
        field("version-id", version),
    )
}
