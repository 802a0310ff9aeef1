//! What is set on the page: a few words, each under its key, which is also how an address of the page spells them.

use std::collections::BTreeMap;

use featuremap::{Padding, PaddingMode};

/// The keys, with what stands under them unless a step of the lesson says otherwise.
const DEFAULTS: [(&str, &str); 26] = [
    ("input", "notes-5x5"),
    ("pixels", ""),
    ("conv", "on"),
    ("filters", "1,0,-1/1,0,-1/1,0,-1"),
    ("conv-stride", "1,1"),
    ("conv-padding", "0,0"),
    ("conv-mode", "zeros"),
    ("conv-dilation", "1,1"),
    ("relu", "off"),
    ("pool", "off"),
    ("pool-size", "2,2"),
    ("pool-stride", "2,2"),
    ("pool-padding", "0,0"),
    ("pool-dilation", "1,1"),
    ("pool-ceil", "off"),
    ("pool-count-padding", "off"),
    ("unpool", "off"),
    ("coverage", "off"),
    ("at", "1,0,0,0"),
    ("shift-input", "cat"),
    ("shift", "0,1"),
    ("shift-pool", "max"),
    ("shift-size", "2"),
    ("cost-side", "28"),
    ("cost-filters", "16"),
    ("cost-batch", "1"),
];

/// Words under keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    words: BTreeMap<&'static str, String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { words: DEFAULTS.map(|(key, word)| (key, word.to_owned())).into() }
    }
}

impl Settings {
    /// The settings that `key=word&key=word` asks for; all others are as in `self`. Keys that there are not are passed over, as an
    /// address may come from an older page.
    pub(crate) fn with(mut self, pairs: &str) -> Self {
        for (key, word) in pairs.split('&').filter_map(|pair| pair.split_once('=')) {
            self.set(key, word);
        }
        self
    }

    /// How these settings differ from others, as [`with`](Self::with) reads it.
    pub(crate) fn difference(&self, from: &Self) -> String {
        let pairs = self.words.iter().filter(|(key, word)| from.words[*key] != **word);
        pairs.map(|(key, word)| format!("{key}={word}")).collect::<Vec<_>>().join("&")
    }

    pub(crate) fn words(&self) -> &BTreeMap<&'static str, String> {
        &self.words
    }

    pub(crate) fn set(&mut self, key: &str, word: &str) {
        if let Some(place) = self.words.get_mut(key) {
            word.clone_into(place);
        }
    }

    /// The word under a key; an empty one for a key that there is not.
    pub(crate) fn word(&self, key: &str) -> &str {
        self.words.get(key).map_or("", String::as_str)
    }

    pub(crate) fn is_on(&self, key: &str) -> bool {
        self.word(key) == "on"
    }

    pub(crate) fn number(&self, key: &str) -> Result<usize, String> {
        number(key, self.word(key))
    }

    /// A number for the rows and one for the columns.
    pub(crate) fn pair(&self, key: &str) -> Result<[usize; 2], String> {
        let word = self.word(key);
        let (rows, columns) =
            word.split_once(',').ok_or_else(|| format!("{key}: “{word}” is not a pair of numbers"))?;
        Ok([number(key, rows)?, number(key, columns)?])
    }

    /// A pair of whole numbers that may be negative.
    pub(crate) fn signed_pair(&self, key: &str) -> Result<[isize; 2], String> {
        let word = self.word(key);
        let parse = |text: &str| text.trim().parse().ok();
        let pair = word.split_once(',').and_then(|(down, right)| Some([parse(down)?, parse(right)?]));
        pair.ok_or_else(|| format!("{key}: “{word}” is not a pair of whole numbers"))
    }

    pub(crate) fn padding(&self, key: &str) -> Result<Padding<2>, String> {
        match self.word(key) {
            "same" => Ok(Padding::Same),
            "same-lower" => Ok(Padding::SameLower),
            _ => self.pair(key).map(Padding::from),
        }
    }

    pub(crate) fn padding_mode(&self, key: &str) -> Result<PaddingMode, String> {
        match self.word(key) {
            "zeros" => Ok(PaddingMode::Zeros),
            "reflect" => Ok(PaddingMode::Reflect),
            "replicate" => Ok(PaddingMode::Replicate),
            "circular" => Ok(PaddingMode::Circular),
            other => Err(format!("{key}: there is no padding mode “{other}”")),
        }
    }

    /// The map, channel, row and column that are looked at.
    pub(crate) fn place(&self) -> [usize; 4] {
        let mut place = [0; 4];
        for (number, text) in place.iter_mut().zip(self.word("at").split(',')) {
            *number = text.parse().unwrap_or(0);
        }
        place
    }

    pub(crate) fn set_place(&mut self, [map, channel, row, column]: [usize; 4]) {
        self.set("at", &format!("{map},{channel},{row},{column}"));
    }
}

fn number(key: &str, text: &str) -> Result<usize, String> {
    text.trim().parse().map_err(|_| format!("{key}: “{text}” is not a whole number from 0 up"))
}
