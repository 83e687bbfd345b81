//! What is known about texts that may be prompts: a prompt comes back with nearly every command, so what its text
//! tells is found out once.

use std::borrow::Cow;
use std::rc::Rc;

use foldhash::HashMap;

use super::prompt::{self, Proof};

/// What is known about a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// How much it proves.
    pub proof: Proof,
    /// In how many edits a prompt with its key stands.
    pub keys: usize,
    /// How often a prompt with its shape stands in an edit.
    pub shapes: usize,
}

/// The texts at the start of edits, and how often they are alike.
#[derive(Debug, Default)]
pub(crate) struct Lexicon<'a> {
    texts: HashMap<&'a str, Text>,
    keys: Names,
    shapes: Names,
    edits: usize,
    /// The key and the shape of each prompt of the last edit.
    last: Vec<(usize, usize)>,
}

/// What a text proves, and the numbers of its names.
#[derive(Clone, Copy, Debug)]
struct Text {
    proof: Proof,
    key: usize,
    shape: usize,
}

impl<'a> Lexicon<'a> {
    /// Counts what may be the prompt of one edit.
    pub(crate) fn learn(&mut self, prompts: impl Iterator<Item = &'a str>) {
        self.edits += 1;
        self.last.clear();
        for prompt in prompts {
            let (keys, shapes) = (&mut self.keys, &mut self.shapes);
            let text = *self.texts.entry(prompt).or_insert_with(|| Text {
                proof: prompt::proof(prompt),
                key: keys.number(prompt::key(prompt)),
                shape: shapes.number(prompt::shape(prompt)),
            });
            self.last.push((text.key, text.shape));
            self.count(text.key, text.shape);
        }
    }

    /// Counts an edit with the same possible prompts as the last one.
    pub(crate) fn learn_again(&mut self) {
        self.edits += 1;
        for index in 0..self.last.len() {
            let (key, shape) = self.last[index];
            self.count(key, shape);
        }
    }

    fn count(&mut self, key: usize, shape: usize) {
        self.shapes.list[shape].count += 1;
        // Two texts of one edit may have the same key; they count once.
        let key = &mut self.keys.list[key];
        key.count += usize::from(key.last_edit != self.edits);
        key.last_edit = self.edits;
    }

    /// What is known about a text.
    pub(crate) fn facts(&self, prompt: &str) -> Facts {
        let Some(text) = self.texts.get(prompt) else {
            return Facts {
                proof: prompt::proof(prompt),
                keys: self.keys.count(&prompt::key(prompt)),
                shapes: self.shapes.count(&prompt::shape(prompt)),
            };
        };
        let (keys, shapes) = (self.keys.list[text.key].count, self.shapes.list[text.shape].count);
        Facts { proof: text.proof, keys, shapes }
    }

    /// The key of a prompt.
    pub(crate) fn key<'k>(&'k self, prompt: &str) -> Cow<'k, str> {
        match self.texts.get(prompt) {
            Some(text) => Cow::Borrowed(&self.keys.list[text.key].text),
            None => Cow::Owned(prompt::key(prompt)),
        }
    }
}

/// Numbered names, and how often they were met.
#[derive(Debug, Default)]
struct Names {
    numbers: HashMap<Rc<str>, usize>,
    list: Vec<Name>,
}

#[derive(Debug)]
struct Name {
    text: Rc<str>,
    count: usize,
    /// The last edit that counted.
    last_edit: usize,
}

impl Names {
    fn number(&mut self, name: String) -> usize {
        if let Some(&number) = self.numbers.get(name.as_str()) {
            return number;
        }
        let text: Rc<str> = name.into();
        self.list.push(Name { text: Rc::clone(&text), count: 0, last_edit: 0 });
        self.numbers.insert(text, self.list.len() - 1);
        self.list.len() - 1
    }

    fn count(&self, name: &str) -> usize {
        self.numbers.get(name).map_or(0, |&number| self.list[number].count)
    }
}
