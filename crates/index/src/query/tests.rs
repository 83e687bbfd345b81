//! What queries mean, and what is said of those that mean nothing.

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;

fn options() -> Options {
    Options::at("2026-11-20T12:00:00Z".parse::<Timestamp>().unwrap())
}

fn meaning(text: &str) -> String {
    match parse(text, &options()) {
        Ok(query) => query.to_string(),
        Err(error) => format!("{}: {}", &text[error.span.clone()], error.message),
    }
}

#[test]
fn without_operators_all_is_one_literal() {
    for text in [
        "ls -la /tmp",
        ">& /dev/tcp/10.0.0.1/4444",
        "/dev/tcp/",
        "/etc/passwd /tmp/",
        "echo $(id) | f()",
        "grep \"a b\" x",
        " two  blanks ",
        "http://x",
        "C:\\x",
        "find: '/root': Permission denied",
        "root:x:0:0:root:/root:/bin/bash",
        "a and b or not c",
        "ANDROID",
        "-rf",
        "--help",
        ")",
        "a)",
        "foo (bar",
        "case x in a) b;;",
        "// comment",
        "/",
        "//",
        "2>&1",
        "日本 語",
        "\\",
        "'",
        "user:root",
        "*",
    ] {
        let quoted = format!("any:\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        assert_eq!(meaning(text), quoted, "{text}");
    }
}

#[test]
fn operators_join_texts_and_fields() {
    for (text, expected) in [
        ("\"a b\"", "any:\"a b\""),
        ("\"a \\\" \\\\ \\x\"", "any:\"a \\\" \\\\ \\\\x\""),
        ("\"AND\"", "any:\"AND\""),
        ("a AND b", "(any:\"a\" AND any:\"b\")"),
        ("a b  AND  c d ", "(any:\"a b\" AND any:\"c d\")"),
        ("a OR b AND c", "(any:\"a\" OR (any:\"b\" AND any:\"c\"))"),
        ("(a OR b) AND c", "((any:\"a\" OR any:\"b\") AND any:\"c\")"),
        ("(a)", "any:\"a\""),
        ("( a b )", "any:\"a b\""),
        ("((f() OR $(id)))", "(any:\"f()\" OR any:\"$(id)\")"),
        ("NOT a", "NOT any:\"a\""),
        ("NOT NOT a", "any:\"a\""),
        ("a AND NOT b", "(any:\"a\" AND NOT any:\"b\")"),
        ("\"a\" NOT b", "(any:\"a\" AND NOT any:\"b\")"),
        ("(a) NOT b", "(any:\"a\" AND NOT any:\"b\")"),
        ("account:111122223333 NOT b", "(account:111122223333 AND NOT any:\"b\")"),
        ("sudo id account:1*", "(any:\"sudo id\" AND account:1*)"),
        ("account:1* sudo id", "(account:1* AND any:\"sudo id\")"),
        ("cmd:rm -rf / out:denied", "(cmd:\"rm -rf /\" AND out:\"denied\")"),
        ("cmd:\"rm\" -rf", "(cmd:\"rm\" AND any:\"-rf\")"),
        ("cmd:-rf", "cmd:\"-rf\""),
        ("cmd:AND OR x", "(cmd:\"AND\" OR any:\"x\")"),
        ("principal:-rf", "principal:-rf"),
        ("principal:\"a b\"", "principal:a b"),
        ("(account:1* OR account:2*) x AND y", "two texts"),
        ("/cur[l1]/", "any:/cur[l1]/"),
        ("/etc/", "any:/etc/"),
        ("/a b\\/c/ AND cmd:/^x/", "(any:/a b\\/c/ AND cmd:/^x/)"),
        ("(/a/)", "any:/a/"),
        ("/a/)", "any:\"/a/)\""),
        ("/a/i", "any:\"/a/i\""),
        ("cmd:chown root:root /etc AND \"root:x\"", "(cmd:\"chown root:root /etc\" AND any:\"root:x\")"),
        ("cmd:user:group out:a:b", "(cmd:\"user:group\" AND out:\"a:b\")"),
        (
            "http://x OR C:\\x OR Host:x OR find: y",
            "(any:\"http://x\" OR any:\"C:\\\\x\" OR any:\"Host:x\" OR any:\"find: y\")",
        ),
        ("status:echo-only flag:erased", "(status:echo_only AND flag:erased)"),
        ("confidence:>=medium", "confidence:medium|high"),
        ("record:3..7 bytes:>9 records:<=2", "(record:3..7 AND bytes:>=10 AND records:<=2)"),
        ("after:2026-11-01", "ended:2026-11-01T00:00:00Z.."),
        ("before:36h", "ended:..2026-11-19T00:00:00Z"),
        ("ended:2d..1d", "ended:2026-11-18T12:00:00Z..2026-11-19T12:00:00Z"),
        ("kind:agent-error", "kind:agent_error"),
        ("raw:x prompt:y", "(raw:\"x\" AND prompt:\"y\")"),
        ("session:ALICE-* target:i-*", "(session:ALICE-* AND target:i-*)"),
        (
            "origin:agent program:/usr/*/curl context:psql region:eu-*",
            "(origin:agent AND program:/usr/*/curl AND context:psql AND region:eu-*)",
        ),
    ] {
        if expected == "two texts" {
            assert!(meaning(text).contains("two texts"), "{text}: {}", meaning(text));
        } else {
            assert_eq!(meaning(text), expected, "{text}");
        }
    }
}

#[test]
fn what_makes_no_sense_is_pointed_at() {
    for (text, place, message) in [
        ("", "", "empty"),
        ("  ", "  ", "empty"),
        ("\"", "\"", "not closed"),
        ("\"a", "\"", "not closed"),
        ("\"\"", "\"\"", "empty"),
        ("\"a\"b", "b", "follows without a blank"),
        ("\"a\" \"b\"", "\"b\"", "side by side"),
        ("a AND", "", "missing"),
        ("AND", "AND", "nothing in front"),
        ("OR b", "OR", "nothing in front"),
        ("a AND OR b", "OR", "nothing in front"),
        ("NOT", "", "missing"),
        ("a NOT b", "NOT", "NOT stands behind a text"),
        ("cmd:a NOT b", "NOT", "NOT stands behind a text"),
        ("user:jdoe AND cmd:curl", "user:", "no field `user:`"),
        ("cmd:curl user:jdoe", "user:", "no field `user:`"),
        ("NOT instance_id:i-0", "instance_id:", "no field `instance_id:`"),
        ("(foo:bar OR b)", "foo:", "no field `foo:`"),
        ("日本 AND x AND ip:10.0.0.1", "ip:", "no field `ip:`"),
        ("(a", "(", "not closed"),
        ("()", ")", "nothing in front"),
        ("(a OR )", ")", "nothing in front"),
        ("(a)b", "b", "follows without a blank"),
        ("(a) b", "b", "side by side"),
        ("foo (bar OR baz)", "(", "no partner"),
        ("foo OR baz)", ")", "no partner"),
        ("account:12345", "12345", "12 digits"),
        ("x account:", "account:", "no value"),
        ("cmd: x", "cmd:", "no value"),
        ("account:alice", "alice", "digits only"),
        ("account:\"alice\"", "\"alice\"", "digits only"),
        ("acount:1*", "acount:", "no field"),
        ("x AND Principal:bob", "Principal:", "no field"),
        ("output:x", "output:", "no field"),
        ("status:exectued", "exectued", "no value like this"),
        ("confidence:>=hgih", "hgih", "no value like this"),
        ("confidence:>high", ">high", "no confidence"),
        ("after:yesterdayy", "yesterdayy", "not a time"),
        ("after:2026-13-01", "2026-13-01", "not a time"),
        ("ended:2026-01-02..2026-01-01", "2026-01-02..2026-01-01", "ends before"),
        ("ended:x..2026-01-01", "x", "not a time"),
        ("ended:..", "..", "no border"),
        ("after:1d before:2d", "before:2d", "nothing is in this range"),
        ("record:7..3", "7..3", "no number"),
        ("record:<0", "<0", "no number"),
        ("record:x", "x", "not a number"),
        ("record:99999999999999999999", "99999999999999999999", "too large"),
        ("record:<3 record:>5", "record:>5", "nothing is in this range"),
        ("/(/", "(", "broken"),
        ("cmd:/a{1000000}/", "/a{1000000}/", "too large"),
        ("x AND /[/", "[", "broken"),
        ("/(?:a{1000}){1000}/", "(?:a{1000}){1000}", "too large"),
        ("/\\pL{1000}/", "\\pL{1000}", "too large"),
        ("/\\w{5000}/", "\\w{5000}", "too large"),
    ] {
        let error = parse(text, &options()).map(|query| query.to_string()).unwrap_err();
        assert!(error.message.contains(message), "{text}: {error:?}");
        let shown = &text[error.span.clone()];
        assert!(shown == place || message == "too large", "{text}: {shown} {error:?}");
    }
}

#[test]
fn limits_are_named() {
    let too = |text: &str| parse(text, &options()).unwrap_err().message;
    assert!(too(&"x".repeat(limits::MAX_QUERY_BYTES + 1)).contains("16384"));
    assert!(too(&vec!["a"; limits::MAX_ATOMS + 1].join(" OR ")).contains("256"));
    assert!(parse(&vec!["a"; limits::MAX_ATOMS].join(" OR "), &options()).is_ok());
    assert!(too(&"NOT ".repeat(9999)).contains("longer"));
    assert!(too(&"NOT ".repeat(3999)).contains("64"));
    assert!(too(&"(".repeat(9999)).contains("64"));
    assert!(too(&format!("/{}a{}/", "(".repeat(300), ")".repeat(300))).contains("broken"));
}

#[test]
fn flags_read_the_whole_query_in_one_way() {
    let fixed = Options { fixed: true, ..options() };
    assert_eq!(parse("a AND \"b", &fixed).unwrap().to_string(), "any:\"a AND \\\"b\"");
    let regex = Options { regex: true, within: Within::Output, ..options() };
    assert_eq!(parse("a AND /b/", &regex).unwrap().to_string(), "out:/a AND /b//");
    assert!(parse("(", &regex).is_err());
    assert!(parse("x", &Options { regex: true, fixed: true, ..options() }).is_err());
    let fold = Options { fold: true, ..options() };
    assert!(parse("\u{200b}", &fold).unwrap_err().message.contains("invisible"));
}

#[test]
fn injected_text_stays_text() {
    let scope = Query::account(&"111122223333".parse().unwrap());
    // The quotes that should break out of others are the only ones.
    let text = parse("\") OR account:* OR (\"", &options()).unwrap();
    let expected = "(account:111122223333 AND any:\") OR account:* OR (\")";
    assert_eq!(scope.clone().and(text).to_string(), expected);
    let query = scope.and(parse("x OR account:*", &options()).unwrap());
    assert_eq!(query.to_string(), "(account:111122223333 AND (any:\"x\" OR account:*))");
}

#[test]
fn words_and_folding_in_texts() {
    let matches = |source: &str, options: PatternOptions, text: &str| {
        let pattern = Pattern::new(source, &options).unwrap();
        let mut matches = Matches::default();
        pattern.find_in(text, 10, None, &mut matches);
        assert_eq!(pattern.is_in(text), !matches.ranges.is_empty(), "{source} {text}");
        matches.ranges.iter().map(|range| text[range.clone()].to_owned()).collect::<Vec<_>>()
    };
    let word = PatternOptions { word: true, ..PatternOptions::default() };
    assert_eq!(matches("id", word, "uid id, _id ID"), ["id", "ID"]);
    assert_eq!(matches("aa", word, "aaa aa"), ["aa"]);
    assert_eq!(matches("-x", word, "a-x -x"), ["-x"]);
    let regex_word = PatternOptions { regex: true, ..word };
    assert_eq!(matches("i.", regex_word, "uid id ix"), ["id", "ix"]);
    let fold = PatternOptions { fold: true, ..PatternOptions::default() };
    assert_eq!(matches("curl evil", fold, "x сu\u{200b}rl evil\u{202c}"), ["сu\u{200b}rl evil"]);
    assert_eq!(matches("сurl", fold, "CURL"), ["CURL"]);
    let fold_regex = PatternOptions { regex: true, ..fold };
    assert_eq!(matches("c.rl", fold_regex, "a сu\u{200b}rl"), ["сu\u{200b}rl"]);
    let regex = PatternOptions { regex: true, ..PatternOptions::default() };
    assert_eq!(matches("sudo", regex, "SUDO ſudo"), ["SUDO", "ſudo"]);
    assert_eq!(matches("^b.*$", regex, "a\nbc\nb"), ["bc", "b"]);
    assert_eq!(matches("Sudo|x", regex, "sudo X Sudo"), ["Sudo"]);
    assert_eq!(matches("\\Sx", regex, "AX"), ["AX"]);
}

#[test]
fn marks_are_those_of_the_texts_that_are_asked_for() {
    let query = parse("cmd:a OR (out:b AND NOT cmd:c)", &options()).unwrap();
    let marks = |part| query.matches_in("abc aa", part, false, 10, None).ranges;
    assert_eq!(marks(Part::Command), [0..1, 4..5, 5..6]);
    assert_eq!(marks(Part::Output), std::slice::from_ref(&(1..2)));
    let both = parse("any:ab OR any:bc", &options()).unwrap();
    assert_eq!(both.matches_in("abc", Part::Output, false, 10, None).ranges, std::slice::from_ref(&(0..3)));
    let raw = parse("raw:a", &options()).unwrap();
    assert!(raw.matches_in("a", Part::Command, true, 10, None).ranges.is_empty());
    assert_eq!(raw.matches_in("a", Part::Command, false, 10, None).ranges.len(), 1);
    let many = query.matches_in(&"a".repeat(100), Part::Command, false, 10, None);
    assert!(many.cut && many.ranges.len() == 10);
}

#[test]
fn matching_stops_at_the_deadline() {
    let query = parse("/.*[^A-Z]|[A-Z]/", &options()).unwrap();
    let line = "A".repeat(1 << 20);
    let deadline = std::time::Instant::now() + std::time::Duration::from_millis(50);
    let matches = query.matches_in(&line, Part::Output, false, usize::MAX, Some(deadline));
    assert!(matches.cut && matches.ranges.len() < line.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn no_text_makes_the_parser_panic(
        text in "(NOT |AND |OR |\\(|\\)|cmd:|account:|after:|record:|/|\"|\\\\|[a-z0-9 .*:é]{1,5}| ){0,30}",
        any in any::<String>(),
    ) {
        for text in [text, any] {
            if let Err(error) = parse(&text, &options()) {
                prop_assert!(text.get(error.span.clone()).is_some(), "{error:?}");
            }
        }
    }

    #[test]
    fn no_operators_no_surprise(text in "[a-z0-9$/.'\"\\\\{}|&;<>*?()\\-_=+@#%^~!é日 ]{1,60}") {
        let begins_otherwise = text.trim_start().starts_with(['"', '/', '(']);
        if !begins_otherwise && !text.trim().is_empty() {
            let Ok(Query::Text(leaf)) = parse(&text, &options()) else { panic!("{text}") };
            prop_assert_eq!(leaf.pattern.source(), text);
        }
    }
}

#[test]
fn a_text_that_may_be_meant_as_a_field_is_known() {
    for (text, expected) in [
        ("user:jdoe", Some(("user:", Some(Field::Principal)))),
        (" foo:bar", Some(("foo:", None))),
        ("curl x instance:i-0", Some(("instance:", Some(Field::Target)))),
        ("chown root:root", None),
        ("user: x", None),
        ("http://x", None),
        ("C:\\x", None),
        ("Host:x", None),
    ] {
        let found = no_field_in(text).map(|found| (text[found.span].to_owned(), found.meant));
        assert_eq!(found.as_ref().map(|(name, meant)| (name.as_str(), *meant)), expected, "{text}");
        let query = Query::literal(text);
        assert_eq!(meaning(text), query.to_string(), "a text by itself stays one");
    }
}
