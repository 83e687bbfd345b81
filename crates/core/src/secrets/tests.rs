#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::fmt::Write;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::rules::{self, Rule};
use super::*;

/// Random letters that are the same in every run; `{36}`, `{x40}` and `{U16}` in an example stand for them.
fn expand(example: &str) -> String {
    let mut out = String::new();
    let mut rest = example;
    let mut seed = 0x2545_f491_4f6c_dd1d_u64 ^ example.len() as u64;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        let inner = rest[at + 1..].split('}').next().unwrap();
        let (alphabet, digits) = match inner.chars().next() {
            Some('x') => ("0123456789abcdef", &inner[1..]),
            Some('U') => ("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", &inner[1..]),
            _ => ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", inner),
        };
        match digits.parse::<usize>() {
            Ok(length) => {
                for _ in 0..length {
                    seed =
                        seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    out.push(char::from(alphabet.as_bytes()[(seed >> 33) as usize % alphabet.len()]));
                }
                rest = &rest[at + inner.len() + 2..];
            }
            Err(_) => {
                out.push('{');
                rest = &rest[at + 1..];
            }
        }
    }
    out + rest
}

/// The text of an example and the places of its secrets.
fn unmarked(example: &str) -> (String, Vec<Range<usize>>) {
    let (mut text, mut places) = (String::new(), Vec::new());
    let marked = expand(example);
    for (index, part) in marked.split(['⟦', '⟧']).enumerate() {
        let start = text.len();
        text.push_str(part);
        if index % 2 == 1 {
            places.push(start..text.len());
        }
    }
    (text, places)
}

fn describe(text: &str, found: &[Found]) -> String {
    found.iter().fold(String::new(), |mut out, found| {
        let _ = write!(out, "\n  {} {:?}", found.rule, &text[found.range.clone()]);
        out
    })
}

fn every_example() -> impl Iterator<Item = String> {
    rules::all().flat_map(|rule| rule.finds.iter().map(|example| unmarked(example).0))
}

#[test]
fn every_rule_finds_its_examples() {
    let secrets = Secrets::new();
    let mut wrong = String::new();
    for rule in rules::all() {
        for example in rule.finds {
            let (text, places) = unmarked(example);
            let found = secrets.find(&text);
            let ranges: Vec<_> = found.iter().map(|found| found.range.clone()).collect();
            if ranges != places {
                let _ = write!(wrong, "\n{} in {text:?}:{}", rule.id, describe(&text, &found));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_rule_is_needed_for_one_of_its_examples() {
    let secrets = Secrets::new();
    for rule in rules::all() {
        let named = rule.finds.iter().any(|example| {
            let (text, _) = unmarked(example);
            secrets.find(&text).iter().any(|found| found.rule == rule.id)
        });
        assert!(named, "{} is never the rule that finds", rule.id);
    }
}

#[test]
fn no_rule_finds_anything_in_the_texts_to_leave() {
    let secrets = Secrets::new();
    let mut wrong = String::new();
    for rule in rules::all() {
        for example in rule.leaves {
            let text = expand(example);
            let found = secrets.find(&text);
            if !found.is_empty() {
                let _ = write!(wrong, "\n{} in {text:?}:{}", rule.id, describe(&text, &found));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_row_of_the_table_is_complete() {
    let mut ids = HashSet::new();
    for rule in rules::all() {
        let Rule { id, what, source, keywords, finds, leaves, .. } = rule;
        assert!(ids.insert(id), "{id} twice");
        assert!(!what.is_empty() && !source.is_empty(), "{id}");
        assert!(!keywords.is_empty() && keywords.iter().all(|keyword| !keyword.contains('\n')), "{id}");
        assert!(!finds.is_empty() && !leaves.is_empty(), "{id}");
        for word in rule.not_after {
            assert_eq!(*word, word.trim_end_matches(['_', '-', '.']), "{id}: separators are taken off");
        }
        if !rule.pattern.is_empty() {
            let index = ENGINE.rules.iter().position(|known| known.id == *id).unwrap();
            assert!(ENGINE.pattern(index).captures_len() > 1, "{id} captures no secret");
        }
    }
}

#[test]
fn masks_keep_the_public_prefix_and_name_random_secrets() {
    let (text, _) = unmarked("a ⟦AKIA{U16}⟧ b");
    let once = Secrets::new().mask(&text).into_owned();
    assert!(
        once.starts_with("a AKIA****[")
            && once.ends_with("] b")
            && once.len() == "a AKIA****[00000000] b".len(),
        "{once}"
    );
    let (other, _) = unmarked("x=⟦AKIA{U16}⟧,");
    assert_ne!(text, other);
    let key = &text[2..22];
    let elsewhere = Secrets::with_key([7; 32]).mask(&format!("found {key}.")).into_owned();
    assert_eq!(once[2..20], elsewhere[6..24], "one secret, one name, in every account and under every key");
}

#[test]
fn chosen_passwords_have_a_fingerprint_only_under_a_key() {
    let text = "mysql -pS3cr3t!";
    assert_eq!(Secrets::new().mask(text), "mysql -p****");
    let one = Secrets::with_key([1; 32]).mask(text).into_owned();
    let two = Secrets::with_key([2; 32]).mask(text).into_owned();
    assert!(one.starts_with("mysql -p****[") && one != two, "{one} {two}");
    let quoted = Secrets::with_key([1; 32]).mask("PGPASSWORD='S3cr3t!' psql").into_owned();
    assert!(quoted.contains(&one["mysql -p".len()..]), "{quoted}");
}

#[test]
fn one_key_has_one_fingerprint_however_it_is_printed() {
    let secrets = Secrets::new();
    let body = expand("{128}");
    let (a, b) = body.split_at(64);
    let texts = [
        format!("-----BEGIN PRIVATE KEY-----\n{a}\n{b}\n-----END PRIVATE KEY-----"),
        format!("-----BEGIN PRIVATE KEY-----\r\n  {a}\r\n  {b}\r\n-----END PRIVATE KEY-----"),
        format!("\"-----BEGIN PRIVATE KEY-----\\n{a}\\n{b}\\n-----END PRIVATE KEY-----\\n\""),
    ];
    let found: Vec<_> = texts.iter().map(|text| secrets.find(text)).collect();
    assert!(found.iter().all(|found| found.len() == 1), "{found:?}");
    assert!(
        found.iter().all(|one| one[0].fingerprint.is_some() && one[0].fingerprint == found[0][0].fingerprint)
    );
}

#[test]
fn ranges_move_with_the_text_and_grow_to_whole_masks() {
    let text = "mysql -phunter2 shop; mysql -phunter3 x";
    let at = |part: &str| text.find(part).map(|at| at..at + part.len()).unwrap();
    let places = [
        at("mysql"),
        at("unter2"),
        at("-phun"),
        at("shop"),
        at("2 shop; mysql -phunter3"),
        at("x"),
        0..text.len(),
    ];
    let (masked, ranges) = Secrets::new().mask_ranges(text, &places);
    assert_eq!(masked, "mysql -p**** shop; mysql -p**** x");
    let shown: Vec<_> = ranges.into_iter().map(|range| masked[range].to_owned()).collect();
    assert_eq!(shown, ["mysql", "****", "-p****", "shop", "**** shop; mysql -p****", "x", &masked]);
    let unchanged = Secrets::new().masked("ls -la");
    assert!(
        unchanged.is_unchanged()
            && matches!(unchanged.text, Cow::Borrowed(_))
            && unchanged.place(3..6) == (3..6)
    );
}

#[test]
fn prompts_that_ask_for_a_secret_are_known() {
    for prompt in [
        "Password: ",
        "[sudo] password for bob: ",
        "Enter passphrase for key '/k':",
        "AWS Secret Access Key [None]: ",
        "PIN: ",
    ] {
        assert!(asks_for_secret(prompt), "{prompt}");
    }
    for prompt in ["$ ", "bob@host:~$ ", "Overwrite (y/n)? ", "passwords.txt $ ", "Shipping: ", ""] {
        assert!(!asks_for_secret(prompt), "{prompt}");
    }
    assert_eq!(Secrets::new().mask_whole("hunter2"), "****");
}

#[test]
fn the_fixtures_of_commands_without_secrets_stay_as_they_are() {
    let plain = "total 12\ndrwxr-xr-x 2 root root 4096 Nov 21 06:25 keys\n\
        commit 3bb339a0c4d1f0e9a8b7c6d5e4f3a2b1c0d9e8f7\nAuthor: A <a@example.com>\n\
        sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  x\n\
        arn:aws:iam::123456789012:role/secret-reader\nkey-0123456789abcdef0 i-0123456789abcdef0\n\
        ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGrZ5Qx9 bob@host\nSHA256:uNiVztksCsDhcc0u9e8BgrJXVGDhzO0k2t5mE0Zz1ZQ\n";
    assert_eq!(Secrets::new().mask(plain), plain);
}

/// Prints the speed on output without secrets, with many keywords, and on hostile lines.
#[test]
#[ignore = "a measurement: cargo test --release -p shelltrail-core secrets_speed -- --ignored --nocapture"]
fn secrets_speed() {
    let secrets = Secrets::new();
    let repeated = |line: &str| line.repeat((8 << 20) / line.len());
    let texts = [
        ("listing", repeated("-rw-r--r-- 1 root root  4096 Nov 21 06:25 some-file-name.conf\n")),
        (
            "urls and words",
            repeated(
                "Get:12 http://archive.ubuntu.com/ubuntu jammy/main token bucket password file [12 kB]\n",
            ),
        ),
        (
            "json",
            repeated(
                "    {\"InstanceId\": \"i-0123456789abcdef0\", \"State\": \"running\", \"Key\": \"x\"},\n",
            ),
        ),
        (
            "one secret in twenty lines",
            repeated(&format!(
                "{}export PGPASSWORD=S3cr3t! psql\n",
                "drwxr-xr-x 2 root root 4096 Nov 21 06:25 d\n".repeat(19)
            )),
        ),
        ("one long line", repeated("password=$A token=mysql curl -u ://x:")),
        ("one long line of quotes", repeated("password='a\"")),
        ("one long token", repeated("eyJhbGciOi")),
        ("begin labels", repeated("-----BEGIN PRIVATE KEY-----")),
        ("end labels", repeated(&expand("{64}\n-----END PRIVATE KEY-----\n"))),
        ("joined lines", repeated("mysql -u x \\\n")),
    ];
    for (name, text) in texts {
        let start = std::time::Instant::now();
        let found = secrets.find(&text).len();
        let seconds = start.elapsed().as_secs_f64();
        let line = format!("{name:28} {:8.1} MB/s, {found} found\n", text.len() as f64 / 1e6 / seconds);
        std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).unwrap();
    }
}

fn hostile_text() -> impl Strategy<Value = String> {
    let parts: Vec<String> = every_example().collect();
    let pieces = prop_oneof![
        4 => proptest::sample::select(parts.clone()),
        2 => (proptest::sample::select(parts), any::<proptest::sample::Index>(), any::<bool>()).prop_map(|(text, at, head)| {
            let at = text.floor_char_boundary(at.index(text.len() + 1));
            if head { text[..at].to_owned() } else { text[at..].to_owned() }
        }),
        2 => proptest::sample::select(vec![
            " ", "\n", "'", "\"", "\\", "\\\n", "=", ":", "****", "é", "日", "-p", " -u ", "@", "://", "password=", "token: ",
            "mysql ", "curl ", "$", "[", "]", "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----", "\r\n", "{", "<", "|",
        ]).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    proptest::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, rng_seed: RngSeed::Fixed(20_261_121), ..ProptestConfig::default() })]

    #[test]
    fn nothing_found_stays_and_a_second_mask_changes_nothing(text in hostile_text(), keyed in any::<bool>()) {
        let secrets = if keyed { Secrets::with_key([3; 32]) } else { Secrets::new() };
        let found = secrets.find(&text);
        prop_assert!(found.windows(2).all(|pair| pair[0].range.end <= pair[1].range.start));
        let masked = secrets.masked(&text);
        let mut expected = String::new();
        let mut done = 0;
        for secret in &found {
            expected.push_str(&text[done..secret.range.start]);
            let place = masked.place(secret.range.clone());
            prop_assert_eq!(place.start, expected.len());
            expected.push_str(&secret.mask(&text));
            prop_assert_eq!(place.end, expected.len());
            done = secret.range.end;
        }
        expected.push_str(&text[done..]);
        prop_assert_eq!(&masked.text, &expected);
        prop_assert_eq!(secrets.mask(&expected), &*expected);
    }

    #[test]
    fn places_stay_in_order_and_inside(text in hostile_text(), a in any::<proptest::sample::Index>(), b in any::<proptest::sample::Index>()) {
        let masked = Secrets::new().masked(&text);
        let (a, b) = (a.index(text.len() + 1), b.index(text.len() + 1));
        let (a, b) = (text.floor_char_boundary(a.min(b)), text.floor_char_boundary(a.max(b)));
        let place = masked.place(a..b);
        prop_assert!(place.end <= masked.text.len() && masked.text.get(place).is_some());
    }
}
