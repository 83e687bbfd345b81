//! Colours, as far as they hide text: the conceal attribute, and one colour on the same colour.

/// The colours and attributes in force that can hide text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Colours {
    /// Numbers of colours; 0 is the terminal's own.
    foreground: u32,
    background: u32,
    concealed: bool,
}

impl Colours {
    /// Whether text that is printed now cannot be read.
    #[inline]
    pub(crate) fn hide(self) -> bool {
        self.concealed || (self.background != 0 && self.background == self.foreground)
    }

    /// Obeys the parameters of a `CSI m`.
    #[inline]
    pub(crate) fn apply(&mut self, params: &[u8]) {
        match *params {
            [] | [b'0'] | [b'0', b'0'] => *self = Self::default(),
            [b'0', b'1', b';', b'3', digit @ b'0'..=b'7'] => self.foreground = u32::from(digit - b'0') + 1,
            // Most sequences hold one attribute, or one of the eight colours of letters.
            [b'0'..=b'7' | b'9'] => {}
            [b'3', digit @ b'0'..=b'7'] => self.foreground = u32::from(digit - b'0') + 1,
            _ => self.apply_all(params),
        }
    }

    fn apply_all(&mut self, params: &[u8]) {
        let mut rest = params;
        loop {
            let (code, kind, after) = number(rest);
            match code {
                0 => *self = Self::default(),
                8 => self.concealed = true,
                28 => self.concealed = false,
                30..=37 => self.foreground = code - 29,
                39 => self.foreground = 0,
                40..=47 => self.background = code - 39,
                49 => self.background = 0,
                90..=97 => self.foreground = code - 81,
                100..=107 => self.background = code - 91,
                38 | 48 => {
                    let (colour, after) = extended(after);
                    *(if code == 38 { &mut self.foreground } else { &mut self.background }) = colour;
                    match after {
                        Some(after) => {
                            rest = after;
                            continue;
                        }
                        None => return,
                    }
                }
                _ => {}
            }
            rest = match kind {
                // Parts of a parameter that is not known are skipped.
                Some(b':') => match memchr::memchr(b';', after) {
                    Some(end) => &after[end + 1..],
                    None => return,
                },
                Some(_) => after,
                None => return,
            };
        }
    }
}

/// The number at the start, the separator behind it, and the rest.
#[inline]
fn number(bytes: &[u8]) -> (u32, Option<u8>, &[u8]) {
    let mut value = 0_u32;
    for (at, &byte) in bytes.iter().enumerate() {
        if !byte.is_ascii_digit() {
            return (value, Some(byte), &bytes[at + 1..]);
        }
        value = value.saturating_mul(10).saturating_add(u32::from(byte - b'0'));
    }
    (value, None, &[])
}

/// A colour behind 38 or 48: `5;n` or `2;r;g;b`, also with colons. Returns what follows, if anything.
fn extended(bytes: &[u8]) -> (u32, Option<&[u8]>) {
    let (form, mut separator, mut rest) = number(bytes);
    let mut parts = [0; 4];
    let wanted = match form {
        5 => 1,
        2 => 3,
        _ => 0,
    };
    let mut count = 0;
    let colons = separator == Some(b':');
    while count < if colons { 4 } else { wanted }
        && separator.is_some()
        && (!colons || separator == Some(b':'))
    {
        let (part, next, after) = number(rest);
        parts[count] = part;
        (separator, rest) = (next, after);
        count += 1;
    }
    let rgb = &parts[usize::from(count == 4)..];
    let colour = match form {
        5 => parts[0].min(255) + 1,
        2 => 1 << 24 | rgb[0].min(255) << 16 | rgb[1].min(255) << 8 | rgb[2].min(255),
        _ => 0,
    };
    (colour, separator.map(|_| rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_are_concealed_text_and_one_colour_on_itself() {
        for (sequences, hidden) in [
            (&["8"][..], true),
            (&["1;8;31"], true),
            (&["8", "28"], false),
            (&["8", ""], false),
            (&["8", "1;0"], false),
            (&["30;40"], true),
            (&["40", "30"], true),
            (&["40", "30", "1"], true),
            (&["40", "30", "0"], false),
            (&["37;47", "36"], false),
            (&["30", "1", "40"], true),
            (&["30;40", "37"], false),
            (&["97;107"], true),
            (&["38;5;8"], false),
            (&["38;5;8;1"], false),
            (&["48;5;8;38;5;8"], true),
            (&["30;48;5;0"], true),
            (&["38:5:8"], false),
            (&["38:5:8;48:5:8"], true),
            (&["38;2;1;2;3;48;2;1;2;3"], true),
            (&["38:2::1:2:3;48;2;1;2;3"], true),
            (&["38;2;1;2;3;48;2;1;2;4"], false),
            (&["4:8"], false),
            (&["38"], false),
            (&["99999999999999999999;8"], true),
        ] {
            let mut colours = Colours::default();
            sequences.iter().for_each(|params| colours.apply(params.as_bytes()));
            assert_eq!(colours.hide(), hidden, "{sequences:?}");
        }
    }
}
