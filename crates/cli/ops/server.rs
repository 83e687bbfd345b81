//! A small HTTP server for `/metrics`, `/healthz` and `/readyz`. It reads nothing but the request line and headers, gives
//! out nothing but numbers and reasons, and is bounded in time, size and connections.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::{Ops, metrics, ready};

/// Connections at once; another one is closed unanswered.
const MAX_CONNECTIONS: usize = 16;

/// How long a request may take to arrive.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection may take altogether. It serves one request.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// Most bytes, and most headers, of a request.
const MAX_REQUEST_BYTES: usize = 8192;
const MAX_HEADERS: usize = 64;

/// The wait after a connection that could not be accepted, for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The OpenMetrics text format, which Prometheus asks for by itself.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// Serves, for ever.
pub async fn serve(listener: TcpListener, ops: Arc<Ops>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted: std::io::Result<(TcpStream, SocketAddr)> = listener.accept().await;
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let ops = Arc::clone(&ops);
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<_>| {
                let answer = answer(&ops, request.method(), request.uri().path());
                async move { Ok::<_, Infallible>(answer) }
            });
            let connection = http1::Builder::new()
                .keep_alive(false)
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .max_buf_size(MAX_REQUEST_BYTES)
                .max_headers(MAX_HEADERS)
                .serve_connection(TokioIo::new(stream), service);
            // Whoever asked wrongly or left has the answer that hyper gave.
            let _ = tokio::time::timeout(CONNECTION_TIMEOUT, connection).await;
            drop(place);
        });
    }
}

fn answer(ops: &Arc<Ops>, method: &Method, path: &str) -> Response<Full<Bytes>> {
    let known = matches!(path, "/metrics" | "/healthz" | "/readyz");
    if known && !matches!(*method, Method::GET | Method::HEAD) {
        let mut refusal = response(StatusCode::METHOD_NOT_ALLOWED, TEXT, "GET or HEAD\n".to_owned());
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    match path {
        "/metrics" => response(StatusCode::OK, OPEN_METRICS, metrics::render(ops)),
        "/healthz" => response(StatusCode::OK, TEXT, "alive\n".to_owned()),
        "/readyz" => {
            let checks = ready::checks(ops);
            let status =
                if ready::is_ready(&checks) { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            response(status, JSON, format!("{}\n", ready::document(&checks)))
        }
        _ => response(StatusCode::NOT_FOUND, TEXT, "/metrics, /healthz or /readyz\n".to_owned()),
    }
}

fn response(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
