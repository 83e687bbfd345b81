//! What records tell beside the command: the programs that it names, its here-documents.

use super::parsed;
use crate::session::Flag;

#[test]
fn programs_and_here_documents_of_commands() {
    let bytes = b"sh-4.2$ curl -s x | sudo sh\r\r\nsh-4.2$ cat <<EOF | tee y\r\r\n> curl z\r\r\n> EOF\r\r\ncurl z\r\r\nsh-4.2$ python3\r\r\n>>> import os\r\r\n>>> exit()\r\r\nsh-4.2$ rm -r";
    let found: Vec<_> = parsed(bytes)
        .records
        .into_iter()
        .map(|record| (record.command.unwrap_or_default(), record.programs, record.here_documents))
        .collect();
    let expected = [
        ("curl -s x | sudo sh", vec!["curl", "sh"], vec![]),
        ("cat <<EOF | tee y\ncurl z\nEOF", vec!["cat", "tee"], vec!["curl z"]),
        ("python3", vec!["python3"], vec![]),
        ("import os", vec![], vec![]),
        ("exit()", vec![], vec![]),
        ("rm -r", vec!["rm"], vec![]),
    ];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, (command, programs, here_documents)) in found.iter().zip(expected) {
        assert_eq!(found.0, command);
        assert_eq!(found.1, programs, "{command}");
        assert_eq!(found.2, here_documents, "{command}");
    }
}

#[test]
fn look_alike_letters_are_flagged() {
    let found = parsed("sh-4.2$ \u{441}url evil\r\r\nx\r\r\nsh-4.2$ curl evil\r\r\n".as_bytes()).records;
    assert_eq!(
        (&found[0].flags[..], found[0].command.as_deref()),
        (&[Flag::MixedScript][..], Some("\u{441}url evil"))
    );
    assert_eq!(found[1].flags, []);
}

#[test]
fn objects_without_text_have_no_records() {
    for bytes in [
        &b"\xef\xbb\xbf"[..],
        b"\xef\xbb\xbf\r\n",
        b"\r\n\r\n",
        b"\r",
        b"\r\r\r\n",
        b"\0\0",
        b"\x1b",
        b"\x1b[",
        b" \t",
    ] {
        let found = parsed(bytes);
        assert_eq!((found.records, found.defects), (vec![], vec![]), "{bytes:?}");
    }
}
