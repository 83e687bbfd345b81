//! A server on loopback that gives canned answers, for faults that no emulator shows.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};

use crate::clients::behavior_version;

/// What comes over the wire for a request.
pub(crate) enum Reply {
    /// This, and then the connection is closed.
    Closes(Vec<u8>),
    /// This, and then nothing more on an open connection.
    Stalls(Vec<u8>),
    /// This, and then a byte now and then, for ever.
    Drips(Vec<u8>),
}

/// Answers in order, then refuses connections.
pub(crate) struct TestServer {
    url: String,
    requests: Receiver<String>,
}

impl TestServer {
    /// Answers each request with the next of `answers`, whole HTTP responses, and hangs up after each.
    pub(crate) fn start(answers: Vec<Vec<u8>>) -> Self {
        Self::start_with(answers.into_iter().map(Reply::Closes).collect())
    }

    /// Answers each request with the next reply.
    pub(crate) fn start_with(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, requests) = channel();
        thread::spawn(move || {
            let mut open = Vec::new();
            for reply in replies {
                let (mut stream, _) = listener.accept().unwrap();
                sender.send(read_request(&stream)).unwrap();
                // A client that refuses a body hangs up early, which is no fault here.
                match reply {
                    Reply::Closes(answer) => drop(stream.write_all(&answer)),
                    Reply::Stalls(answer) => {
                        let _ = stream.write_all(&answer);
                        open.push(stream);
                    }
                    Reply::Drips(answer) => drop(thread::spawn(move || {
                        let _ = stream.write_all(&answer);
                        while stream.write_all(b".").is_ok() {
                            thread::sleep(Duration::from_millis(5));
                        }
                    })),
                }
            }
            drop(listener);
            // A stalled connection stays open until the client gives it up.
            for mut stream in open {
                let _ = stream.read(&mut [0]);
            }
        });
        Self { url, requests }
    }

    /// What arrived so far: request line, headers and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.try_iter().collect()
    }

    /// A configuration that comes here, with retries that do not wait.
    pub(crate) fn sdk_config(&self) -> SdkConfig {
        let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
        SdkConfig::builder()
            .behavior_version(behavior_version())
            .region(Region::new("eu-west-1"))
            .endpoint_url(&self.url)
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
            .build()
    }
}

/// A response with a body of the length that its header tells.
pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    response_announcing(status, headers, body, body.len())
}

/// A response whose header tells `length`, whatever the body is.
pub(crate) fn response_announcing(
    status: u16,
    headers: &[(&str, &str)],
    body: &[u8],
    length: usize,
) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Canned\r\nContent-Length: {length}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}

/// The head of a response whose body has no announced length, ends with the connection or is chunked.
pub(crate) fn head(headers: &[(&str, &str)]) -> Vec<u8> {
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("HTTP/1.1 200 Canned\r\nConnection: close\r\n{lines}\r\n").into_bytes()
}

fn read_request(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    let mut length = 0;
    loop {
        let start = request.len();
        reader.read_line(&mut request).unwrap();
        let line = request[start..].to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    request.push_str(&String::from_utf8_lossy(&body));
    request
}
