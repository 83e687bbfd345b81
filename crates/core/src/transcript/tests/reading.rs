//! What records tell beside the command: the programs that it names, its here-documents.

use super::parsed;

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
