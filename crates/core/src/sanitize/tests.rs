use proptest::prelude::*;

use super::*;

#[test]
fn controls_and_invisible_characters_become_visible() {
    for (text, want) in [
        ("ok\x1b[2J\x1b]0;pwned\x07\x1bPq\x1b\\", "ok^[[2J^[]0;pwned^G^[Pq^[\\"),
        ("\x1b[6n\x1b[>c", "^[[6n^[[>c"),
        ("\x1b]8;;http://evil.example\x07click\x1b]8;;\x07", "^[]8;;http://evil.example^Gclick^[]8;;^G"),
        ("nul\0del\x7fcr\rbs\x08us\x1f", "nul^@del^?cr^Mbs^Hus^_"),
        ("a\u{9b}2Jb\u{9d}\u{80}\u{85}", "a<U+009B>2Jb<U+009D><U+0080><U+0085>"),
        ("$ echo \u{202e}hs|live lruc\u{202c}", "$ echo <U+202E>hs|live lruc<U+202C>"),
        (
            "cu\u{200b}rl\u{ad} \u{feff}\u{61c}\u{200f}\u{2066}",
            "cu<U+200B>rl<U+00AD> <U+FEFF><U+061C><U+200F><U+2066>",
        ),
        ("a\u{2028}b\u{2029}", "a<U+2028>b<U+2029>"),
        ("\u{e000}\u{f8ff}\u{f0000}\u{10fffd}", "<U+E000><U+F8FF><U+F0000><U+10FFFD>"),
        ("\u{fdd0}\u{ffff}\u{1fffe}\u{10ffff}", "<U+FDD0><U+FFFF><U+1FFFE><U+10FFFF>"),
        ("\u{e0041}\u{e007f}\u{2063}\u{180e}", "<U+E0041><U+E007F><U+2063><U+180E>"),
        ("\u{3164}\u{115f}\u{ffa0}\u{206a}", "<U+3164><U+115F><U+FFA0><U+206A>"),
        ("ssm/1/\x1b]0;x\x07.log", "ssm/1/^[]0;x^G.log"),
        ("\r\nfake line", "^M^Jfake line"),
        ("👩\u{200d}💻", "👩<U+200D>💻"),
    ] {
        assert_eq!(printable(text), want, "{text:?}");
    }
}

#[test]
fn what_is_printable_is_borrowed() {
    for text in [
        "",
        "$ id",
        "~!@ ^[ <U+202E>",
        "grüße",
        "漢字 한국어",
        "cafe\u{301}",
        "❤\u{fe0f} 🇩🇪",
        "नमस्ते",
        "\u{a0}\u{3000}",
    ] {
        assert!(matches!(printable(text), Cow::Borrowed(same) if same == text), "{text:?}");
        assert!(matches!(printable_lines(text), Cow::Borrowed(_)), "{text:?}");
    }
    assert!(matches!(printable_lines("a\nä\n"), Cow::Borrowed("a\nä\n")));
}

#[test]
fn line_feeds_stay_only_where_lines_are_expected() {
    assert_eq!(printable("a\nb"), "a^Jb");
    assert_eq!(printable_lines("a\nb\x07\n\x1bc"), "a\nb^G\n^[c");
    assert_eq!(printable_lines("a\r\nb"), "a^M\nb");
}

#[test]
fn tabs_reach_the_next_stop_in_columns() {
    for (text, want) in [
        ("\tx", "        x"),
        ("a\tx", "a       x"),
        ("1234567\tx", "1234567 x"),
        ("12345678\tx", "12345678        x"),
        ("漢字\tx", "漢字    x"),
        ("e\u{301}\tx", "e\u{301}       x"),
        ("\x1b\tx", "^[      x"),
        ("\u{200b}\tx", "<U+200B>        x"),
        ("\t\t", "                "),
    ] {
        assert_eq!(printable(text), want, "{text:?}");
    }
    assert_eq!(printable_lines("abc\na\tx"), "abc\na       x");
    assert_eq!(printable("a\n\tx"), "a^J     x");
}

#[test]
fn marks_are_limited_per_character() {
    let stacked = format!("e{}x", "\u{301}".repeat(10_000));
    let want = format!("e{}<+9992 marks>x", "\u{301}".repeat(8));
    assert_eq!(printable(&stacked), want);
    assert!(want.len() < 1000);
    let eight = format!("e{}", "\u{301}".repeat(8));
    assert!(matches!(printable(&eight), Cow::Borrowed(_)));
    let nine_and_tab = format!("e{}\tx", "\u{301}".repeat(9));
    assert_eq!(printable(&nine_and_tab), format!("e{}<+1 marks>     x", "\u{301}".repeat(8)));
    let at_the_end = format!("e{}\n", "\u{20dd}".repeat(10));
    assert_eq!(printable_lines(&at_the_end), format!("e{}<+2 marks>\n", "\u{20dd}".repeat(8)));
}

#[test]
fn marks_without_a_character_become_visible() {
    assert_eq!(printable("\u{fe0f}a"), "<U+FE0F>a");
    assert_eq!(printable("\u{e0100}"), "<U+E0100>");
    assert_eq!(printable_lines("a\n\u{301}b"), "a\n<U+0301>b");
    let many = "\u{301}".repeat(10_000);
    assert_eq!(printable(&many), format!("<U+0301>{}<+9991 marks>", "\u{301}".repeat(8)));
}

/// Characters that mean something to the sanitiser, among others that do not.
fn hostile() -> impl Strategy<Value = String> {
    let special =
        "\0\t\n\r\x1b\x7f ^<>U+a漢\u{85}\u{9b}\u{ad}\u{301}\u{fe0f}\u{200d}\u{202e}\u{2028}\u{e000}\u{ffff}";
    let special: Vec<char> = special.chars().collect();
    let c = prop_oneof![4 => proptest::sample::select(special), 1 => any::<char>()];
    proptest::collection::vec((c, prop_oneof![9 => Just(1usize), 1 => 1..20usize]), 0..60)
        .prop_map(|runs| runs.into_iter().flat_map(|(c, n)| std::iter::repeat_n(c, n)).collect())
}

fn is_clean(text: &str, keep_lf: bool) -> bool {
    text.chars().all(|c| !c.is_control() || (keep_lf && c == '\n'))
}

proptest! {
    #[test]
    fn the_output_is_clean_and_stays_as_it_is(text in hostile()) {
        let line = printable(&text);
        prop_assert!(is_clean(&line, false), "{line:?}");
        prop_assert!(matches!(printable(&line), Cow::Borrowed(_)), "{line:?}");
        let lines = printable_lines(&text);
        prop_assert!(is_clean(&lines, true), "{lines:?}");
        prop_assert!(matches!(printable_lines(&lines), Cow::Borrowed(_)), "{lines:?}");
        prop_assert_eq!(lines.matches('\n').count(), text.matches('\n').count());
    }

    #[test]
    fn the_output_is_bounded(text in hostile()) {
        prop_assert!(printable(&text).len() <= 8 * text.len());
    }

    #[test]
    fn a_borrowed_answer_is_the_text_itself(text in any::<String>()) {
        if let Cow::Borrowed(same) = printable(&text) {
            prop_assert_eq!(same, &text);
        }
    }
}
