//! The prompts of irb, the shell of Ruby, which the console of Rails is as well: `irb(main):001:0> `, since irb 1.9
//! `irb(main):001> `, in Rails 7.2 with the name of the application and its environment, `shop(prod):001> `.

/// Least and most digits of the number of a line.
const MIN_DIGITS: usize = 3;
const MAX_DIGITS: usize = 9;

/// What Rails calls its environments there. Other words in brackets may be the name of a host.
const ENVIRONMENTS: [&str; 4] = ["dev", "test", "prod", "staging"];

/// What a prompt of irb tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Irb<'p> {
    /// Where it stands: the program and its context.
    pub name: &'p str,
    /// The number of the line.
    pub number: usize,
    /// Whether a construct is open. The prompt of the first line is painted anew when its second one begins.
    pub open: bool,
    /// The length of the prompt, with its blank.
    pub length: usize,
}

/// Reads the prompt of irb that a line begins with.
pub(crate) fn irb(line: &str) -> Option<Irb<'_>> {
    let open = memchr::memchr(b'(', line.as_bytes())?;
    let close = open + memchr::memchr(b')', &line.as_bytes()[open..])?;
    let word = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-:#".contains(&byte))
    };
    let (name, within) = (&line[..open], &line[open + 1..close]);
    if !word(name) || !word(within) || (name != "irb" && !ENVIRONMENTS.contains(&within)) {
        return None;
    }
    let rest = line[close + 1..].strip_prefix(':')?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    // Numbers in the prompts of shells are not padded.
    let padded = name == "irb" || rest.starts_with('0');
    let number =
        rest[..digits].parse().ok().filter(|_| (MIN_DIGITS..=MAX_DIGITS).contains(&digits) && padded)?;
    let mut sign = &rest[digits..];
    let mut depth = 0;
    if let Some(behind) = sign.strip_prefix(':') {
        let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
        depth = behind[..digits].parse().ok()?;
        sign = &behind[digits..];
    }
    let end = sign.strip_prefix(['>', '*', '"', '\'', '/', ']', '`'])?;
    let blank = usize::from(end.starts_with(' '));
    (blank == 1 || end.is_empty()).then(|| Irb {
        name: &line[..=close],
        number,
        open: depth > 0 || !sign.starts_with('>'),
        length: line.len() - end.len() + blank,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_prompts_of_all_releases() {
        let of = |line| irb(line).map(|irb| (irb.name, irb.number, irb.open, &line[irb.length..]));
        assert_eq!(of("irb(main):001:0> 1 + 1"), Some(("irb(main)", 1, false, "1 + 1")));
        assert_eq!(of("irb(main):002:1* end"), Some(("irb(main)", 2, true, "end")));
        assert_eq!(of("irb(main):002:1> end"), Some(("irb(main)", 2, true, "end")));
        assert_eq!(of("irb(main):003:0\" x"), Some(("irb(main)", 3, true, "x")));
        assert_eq!(of("irb(main):012> "), Some(("irb(main)", 12, false, "")));
        assert_eq!(of("shop(prod):001> User.first"), Some(("shop(prod)", 1, false, "User.first")));
        assert_eq!(of("irb(#<Foo::Bar>):001:0> x"), None);
        assert_eq!(of("ops(web-1):100> x"), None);
        assert_eq!(of("ops(prod):501> x"), None);
        assert_eq!(of("f(x):1> y"), None);
        assert_eq!(of("irb(main):18446744073709551615:0> y"), None);
        assert_eq!(of("f(x, y):100> z"), None);
        assert_eq!(of("f(x):100>z"), None);
    }
}
