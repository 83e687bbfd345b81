use super::*;

fn layout(templates: &[&str]) -> KeyLayout {
    let templates: Vec<String> = templates.iter().map(|&text| text.to_owned()).collect();
    KeyLayout::new(&templates).unwrap()
}

#[track_caller]
fn check(layout: &KeyLayout, key: &str, want: (Option<&str>, Option<&str>, &str, Option<&str>)) {
    let got = layout.locate(key);
    let account = got.account.map(|account| account.to_string());
    let got = (account.as_deref(), got.region.as_deref(), got.session.as_str(), got.principal.as_deref());
    assert_eq!(got, want, "{key}");
}

#[test]
fn the_default_rule_reads_the_conventions_that_are_in_use() {
    let default = KeyLayout::default();
    let acct = Some("111122223333");
    let alice = "alice-05ba181f37a0fb8d2";
    for (key, account, region) in [
        (format!("session/111122223333/eu-west-1/{alice}.log"), acct, Some("eu-west-1")),
        (format!("ssm/111122223333/{alice}.log"), acct, None),
        (format!("111122223333/{alice}.log"), acct, None),
        (
            format!("AWSLogs/111122223333/SessionManager/us-gov-west-1/{alice}.log"),
            acct,
            Some("us-gov-west-1"),
        ),
        (format!("us-iso-east-1/111122223333/{alice}.log"), acct, Some("us-iso-east-1")),
        (format!("ssmlogs/{alice}.log"), None, None),
        (format!("{alice}.log"), None, None),
        (format!("/111122223333//{alice}.log"), acct, None),
        (
            format!("111122223333/444455556666/ap-southeast-2/eu-west-1/{alice}.log"),
            acct,
            Some("ap-southeast-2"),
        ),
        (
            format!("1111222233334/11112222333/eu-west/x1-west-1/eu-west-123/eu--1/EU-WEST-1/{alice}.log"),
            None,
            None,
        ),
    ] {
        check(&default, &key, (account, region, alice, Some("alice")));
    }
}

#[test]
fn the_file_name_is_never_searched_for_an_account_or_a_region() {
    let default = KeyLayout::default();
    check(&default, "ssm/111122223333", (None, None, "111122223333", None));
    check(&default, "eu-west-1", (None, None, "eu-west-1", None));
    let key = "ssm/111122223333-0959abc60267189e0.log";
    check(&default, key, (None, None, "111122223333-0959abc60267189e0", Some("111122223333")));
}

#[test]
fn the_principal_is_what_stands_before_a_suffix_that_aws_makes() {
    let default = KeyLayout::default();
    for (session, principal) in [
        ("garland.kan.temp-0959abc60267189e0", Some("garland.kan.temp")),
        ("botocore-session-1699999999-ogucubv3f8zp6xxkdxv25lb3re", Some("botocore-session-1699999999")),
        ("takaya@example.net-h58qgzkd8fpy9j6gkxa7rrkkii", Some("takaya@example.net")),
        (
            "42ba7ac1-6122-4f3a-aa64-5f18f81eff1d-d9dgf2btyrzro2274ako4su6hi",
            Some("42ba7ac1-6122-4f3a-aa64-5f18f81eff1d"),
        ),
        ("-rf-0959abc60267189e0", Some("-rf")),
        ("a+b=c,d_e-0959abc60267189e0", Some("a+b=c,d_e")),
        ("-0959abc60267189e0", None),
        ("0959abc60267189e0", None),
        ("alice-0959ABC60267189E0", None),
        ("alice-0959abc60267189eg", None),
        ("alice-0959abc60267189e", None),
        ("alice-ogucubv3f8zp6xxkdxv25lb3rE", None),
        ("i-0abc1234567890abc-x", None),
        ("", None),
    ] {
        check(
            &default,
            &format!("ssm/{session}.log"),
            (None, None, if session.is_empty() { ".log" } else { session }, principal),
        );
    }
}

#[test]
fn one_suffix_is_cut_off_the_file_name() {
    let default = KeyLayout::default();
    for (name, session) in [
        ("a.log", "a"),
        ("a.log.gz", "a"),
        ("a.gz", "a"),
        ("a.txt", "a"),
        ("a.log.log", "a.log"),
        ("a.LOG", "a.LOG"),
        ("a", "a"),
        (".gz", ".gz"),
        ("", ""),
    ] {
        check(&default, &format!("x/{name}"), (None, None, session, None));
    }
}

#[test]
fn the_first_template_that_matches_wins_and_the_default_rule_comes_last() {
    let layout = layout(&[
        "session/{account}/{region}/{session}.log",
        "/org/*/{account}/",
        "*/raw/{region}/{session}",
    ]);
    let acct = Some("111122223333");
    check(&layout, "session/111122223333/eu-west-1/a.log", (acct, Some("eu-west-1"), "a", None));
    // The template names the second directory, so the first one means nothing although it has 12 digits.
    check(&layout, "org/999999999999/111122223333/b.log.gz", (acct, None, "b", None));
    check(&layout, "org/x/111122223333/eu-west-1/more/c.log", (acct, Some("eu-west-1"), "c", None));
    check(&layout, "444455556666/raw/eu-west-1/d.log", (None, Some("eu-west-1"), "d", None));
    let deeper = "444455556666/raw/eu-west-1/deep/d.log";
    check(&layout, deeper, (Some("444455556666"), Some("eu-west-1"), "d", None));
    // These match no template: wrong file suffix, a directory too many, no account, too short.
    check(&layout, "session/111122223333/eu-west-1/a.txt", (acct, Some("eu-west-1"), "a", None));
    check(&layout, "session/111122223333/eu-west-1/deep/a.log", (acct, Some("eu-west-1"), "a", None));
    check(&layout, "org/111122223333/team/a.log", (acct, None, "a", None));
    check(&layout, "org/111122223333", (None, None, "111122223333", None));
    check(&layout, "session/111122223333/eu-west-1/.log", (acct, Some("eu-west-1"), ".log", None));
}

#[test]
fn a_template_that_says_nothing_clear_is_refused() {
    let parse = |text: &str| KeyLayout::new(&[text.to_owned()]).unwrap_err();
    let template = |text: &str| text.to_owned();
    for text in ["", "/", "a//b"] {
        assert_eq!(parse(text), LayoutError::EmptySegment { template: template(text) });
    }
    for (text, segment) in [
        ("{acount}/x", "{acount}"),
        ("a-{account}", "a-{account}"),
        ("ssm*", "ssm*"),
        ("**", "**"),
        ("{session}{region}", "{session}{region}"),
    ] {
        let want = LayoutError::UnknownPlaceholder { template: template(text), segment: template(segment) };
        assert_eq!(parse(text), want);
    }
    for text in ["{session}/x", "x/a-{session}"] {
        assert_eq!(parse(text), LayoutError::SessionNotLast { template: template(text) });
    }
    let want = LayoutError::Repeated { template: template("{account}/{account}"), placeholder: "{account}" };
    assert_eq!(parse("{account}/{account}"), want);
    assert!(KeyLayout::new(&["*/*".to_owned(), "a/a".to_owned()]).is_ok());
}

#[test]
fn companions_are_known_by_their_names() {
    for key in ["a/b.log.instruction", "a/", "/", "", "aws-logs-write-test", "a/aws-logs-write-test"] {
        assert!(is_companion(key), "{key}");
    }
    for key in [
        "a/b.log",
        "a/instruction",
        "a/x-aws-logs-write-test",
        "aws-logs-write-test/a.log",
        "a.instruction/b",
    ] {
        assert!(!is_companion(key), "{key}");
    }
}
