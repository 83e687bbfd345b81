//! The first signal asks for a graceful stop, the second ends the process at once.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc;

use crate::support::program::shelltrail;

/// One object, which is never handed out.
const LISTING: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>transcripts</Name><Prefix>ssm/</Prefix>
<KeyCount>1</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>
<Contents><Key>ssm/111122223333/user.log</Key><LastModified>2026-03-03T09:15:27.000Z</LastModified>
<ETag>"9b2cf535f27731c974343645a3985328"</ETag><Size>10</Size><StorageClass>STANDARD</StorageClass></Contents>
</ListBucketResult>"#;

/// An S3 that lists and then falls silent. Tells its address, and every request that it leaves without an answer.
fn silent_s3() -> (String, mpsc::Receiver<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (silence, silent) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let silence = silence.clone();
            std::thread::spawn(move || answer(stream, &silence));
        }
    });
    (url, silent)
}

fn answer(mut stream: TcpStream, silence: &mpsc::Sender<TcpStream>) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => request.push(byte[0]),
            _ => return,
        }
    }
    if String::from_utf8_lossy(&request).contains("list-type=2") {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nConnection: close\r\nContent-Length";
        let _ = write!(stream, "{head}: {}\r\n\r\n{LISTING}", LISTING.len());
    } else {
        let _ = silence.send(stream);
    }
}

#[test]
fn a_second_signal_ends_at_once_what_the_first_asked_to_stop() {
    for (first, second, code) in [("-TERM", "-TERM", 143), ("-INT", "-INT", 130), ("-TERM", "-INT", 130)] {
        let dir = tempfile::tempdir().unwrap();
        let (url, silent) = silent_s3();
        let mut command = shelltrail();
        command.args(["backfill", "s3://transcripts/ssm/", "--progress", "none", "--index"]);
        command.arg(dir.path().join("index")).envs([
            ("AWS_ENDPOINT_URL", url.as_str()),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "testing"),
            ("AWS_SECRET_ACCESS_KEY", "testing"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
            ("NO_PROXY", "127.0.0.1,localhost"),
            // The graceful stop has an hour for the object that does not come.
            ("SHELLTRAIL_WORKER_STOP_GRACE_SECS", "3600"),
        ]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
        let id = child.id().to_string();
        let send =
            |signal: &str| assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());

        let _unanswered = silent.recv().unwrap();
        send(first);
        let stopping = told.by_ref().map_while(Result::ok).any(|line| line.contains("stopping"));
        assert!(stopping, "{first} says that it is stopping, and how to end at once");
        assert!(child.try_wait().unwrap().is_none(), "{first} waits for what was begun");
        send(second);
        assert_eq!(child.wait().unwrap().code(), Some(code), "{first} {second}");
    }
}
