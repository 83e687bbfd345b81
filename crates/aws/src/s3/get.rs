//! Reads one object: pinned, resumed where the connection broke, verified as a whole.
//!
//! The SDK retries a request only until the headers of its answer are there. A body that breaks off is asked for
//! from there on, pinned to the ETag of the first answer, so that no two writes are ever joined. Only bytes that
//! do not have the checksum of the object are thrown away and read again.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use shelltrail_core::ObjectRef;
use shelltrail_ingest::source::{SourceError, SourceErrorKind, StoredObject};

use super::assembly::{Arrived, Assembly, Broken, Deadline, length};
use super::customer_key::CustomerKey;
use super::{S3Store, get_action, stored, too_large, unquoted};
use crate::errors::s3_error;

/// Asks for the checksum that was stored with the object. Set by hand, because the SDK's own setting for it makes
/// the SDK verify, too.
const CHECKSUM_MODE: (&str, &str) = ("x-amz-checksum-mode", "ENABLED");

/// Carries a customer key.
const CUSTOMER_KEY: &str = "x-amz-server-side-encryption-customer-key";

/// One object to be read.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) store: &'a S3Store,
    pub(super) bucket: &'a str,
    pub(super) object: &'a ObjectRef,
    pub(super) max_bytes: u64,
    pub(super) customer_key: Option<&'a CustomerKey>,
}

/// What holds the requests for one body to one write of the object.
struct Pin {
    version: Option<String>,
    etag: Option<String>,
}

/// How the body goes on after it broke.
enum Next {
    /// With this answer.
    Answer(Box<GetObjectOutput>),
    /// It was whole already.
    Nothing,
    /// From the first byte: the server does not resume, or the object is another one and nobody asked for this one.
    Over,
}

impl Reading<'_> {
    /// Reads the object, in as many requests as allowed.
    pub(super) async fn read(self) -> Result<StoredObject, SourceError> {
        let limits = &self.store.limits;
        let mut requests = 0;
        let mut deadline: Option<Deadline> = None;
        let mut broken = None;
        for _ in 0..limits.starts {
            if broken.is_some() {
                if requests == limits.requests {
                    break;
                }
                tokio::time::sleep(limits.pause * requests).await;
            }
            requests += 1;
            let mut answer = match deadline {
                None => self.first().await?,
                Some(deadline) => match deadline.bound(self.first()).await {
                    Ok(answer) => answer?,
                    Err(late) => return Err(self.failed(late, requests)),
                },
            };
            let announced = length(&answer);
            if let Some(length) = announced.filter(|&length| length > self.max_bytes) {
                return Err(too_large(self.object, &format!("{length} bytes are stored"), self.max_bytes));
            }
            let time = limits.time(announced.unwrap_or(self.max_bytes));
            let deadline = *deadline.get_or_insert_with(|| Deadline::after(time));
            match self.body(&mut answer, deadline, &mut requests).await? {
                Ok(body) => return Ok(stored(self.object, answer, body)),
                Err(reason) => broken = Some(reason),
            }
        }
        let broken = broken.expect("no start ends without a body or a reason");
        Err(self.failed(broken, requests))
    }

    /// Reads the body of the first answer and of those that continue it. The inner error may be mended by another
    /// start.
    async fn body(
        &self,
        first: &mut GetObjectOutput,
        deadline: Deadline,
        requests: &mut u32,
    ) -> Result<Result<Vec<u8>, Broken>, SourceError> {
        let limits = &self.store.limits;
        let pin = Pin::of(first, self.object);
        let mut assembly = Assembly::new(first);
        let mut body = std::mem::take(&mut first.body);
        loop {
            let broken = match deadline.bound(assembly.append(body, self.max_bytes)).await {
                Ok(Ok(Arrived::Whole)) => break,
                Ok(Ok(Arrived::TooMuch)) => {
                    return Err(too_large(self.object, "the body went on", self.max_bytes));
                }
                Ok(Err(broken)) => broken,
                Err(late) => return Err(self.failed(late, *requests)),
            };
            if *requests == limits.requests {
                return Ok(Err(broken));
            }
            let from = assembly.len();
            tracing::debug!(
                key = self.object.key,
                from,
                requests,
                reason = broken.message,
                "resuming a body"
            );
            let next = deadline.bound(async {
                tokio::time::sleep(limits.pause * *requests).await;
                self.resumed(&pin, &assembly).await
            });
            let next = match next.await {
                Ok(next) => next?,
                Err(late) => return Err(self.failed(late, *requests)),
            };
            *requests += 1;
            match next {
                Next::Answer(answer) => body = answer.body,
                Next::Nothing => break,
                Next::Over => return Ok(Err(broken)),
            }
        }
        Ok(assembly.verified())
    }

    /// Asks for the whole object.
    async fn first(&self) -> Result<GetObjectOutput, SourceError> {
        let pin = Pin { version: self.object.version.clone(), etag: self.object.etag.clone() };
        // A version says it all; an ETag that came with it may be of an older encryption.
        let etag = pin.etag.as_deref().filter(|_| pin.version.is_none());
        match self.send(pin.version.as_deref(), etag, None).await {
            Ok(answer) => Ok(answer),
            Err(error) => {
                let error = s3_error(get_action(self.object), error);
                Err(self.store.explain(self.bucket, self.object, error).await)
            }
        }
    }

    /// Asks for what is missing.
    async fn resumed(&self, pin: &Pin, assembly: &Assembly) -> Result<Next, SourceError> {
        let Some(etag) = pin.etag.as_deref() else { return Ok(Next::Over) };
        let error = match self.send(pin.version.as_deref(), Some(etag), Some(assembly.len())).await {
            Ok(answer) if assembly.is_continued_by(&answer) => return Ok(Next::Answer(Box::new(answer))),
            // The server does not know ranges, or means another one.
            Ok(_) => return Ok(Next::Over),
            Err(error) => error,
        };
        if let Some(answer) = error.raw_response().filter(|answer| answer.status().as_u16() == 416) {
            let range = answer.headers().get("content-range").unwrap_or_default();
            return Ok(if assembly.is_whole_by(range) { Next::Nothing } else { Next::Over });
        }
        let error = s3_error(get_action(self.object), error);
        // Whoever asked for this very content must be told that it is gone; who did not gets what is there now.
        let is_pinned = self.object.version.is_some() || self.object.etag.is_some();
        if error.kind == SourceErrorKind::Replaced && !is_pinned { Ok(Next::Over) } else { Err(error) }
    }

    async fn send(
        &self,
        version: Option<&str>,
        etag: Option<&str>,
        from: Option<u64>,
    ) -> Result<GetObjectOutput, SdkError<GetObjectError, HttpResponse>> {
        let send = |client: aws_sdk_s3::Client| {
            let request = client
                .get_object()
                .bucket(self.bucket)
                .key(&self.object.key)
                .set_version_id(version.map(str::to_owned))
                .set_if_match(etag.map(|etag| format!("\"{etag}\"")))
                .set_range(from.map(|from| format!("bytes={from}-")))
                .set_expected_bucket_owner(self.store.bucket_owner.clone())
                .set_sse_customer_algorithm(self.customer_key.map(|_| "AES256".to_owned()))
                .set_sse_customer_key(self.customer_key.map(|key| key.base64().to_owned()))
                .set_sse_customer_key_md5(self.customer_key.map(|key| key.md5().to_owned()));
            let whole = from.is_none();
            let request = request.customize().mutate_request(move |request| {
                if whole {
                    request.headers_mut().insert(CHECKSUM_MODE.0, CHECKSUM_MODE.1);
                }
                if !is_private(request.uri()) && request.headers_mut().remove(CUSTOMER_KEY).is_some() {
                    tracing::warn!("a customer key is not sent to an endpoint without TLS");
                }
            });
            request.send()
        };
        self.store.regions.send(self.bucket, send).await
    }

    fn failed(&self, broken: Broken, requests: u32) -> SourceError {
        let Broken { kind, reason, message } = broken;
        let message = format!("{message} ({requests} requests)");
        SourceError { kind, reason, action: get_action(self.object), message }
    }
}

impl Pin {
    fn of(answer: &GetObjectOutput, asked: &ObjectRef) -> Self {
        Self {
            version: answer.version_id().map(str::to_owned).or_else(|| asked.version.clone()),
            etag: answer.e_tag().map(unquoted),
        }
    }
}

/// Whether nobody on the way reads what is sent there: by TLS, or because it stays on this machine.
fn is_private(uri: &str) -> bool {
    let Some(rest) = uri.strip_prefix("http://") else { return true };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_private;

    #[test]
    fn a_customer_key_goes_over_tls_or_stays_here() {
        for (uri, private) in [
            ("https://s3.eu-west-1.amazonaws.com/b/k", true),
            ("http://127.0.0.1:4566/b/k?x=1", true),
            ("http://[::1]:4566/b", true),
            ("http://localhost/b", true),
            ("http://s3.internal:9000/b/k", false),
            ("http://127.0.0.1.example.com/b", false),
            ("http://10.0.0.1/127.0.0.1", false),
            ("http://localhost.example/", false),
            ("http://", false),
        ] {
            assert_eq!(is_private(uri), private, "{uri}");
        }
    }
}
