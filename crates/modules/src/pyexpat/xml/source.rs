//! The input of a parser: bytes of some encoding, kept as UTF-8, and where places in it lie in what was given.
//!
//! Input in UTF-8 is kept as it is. Other encodings have their bytes beside the decoded text, so that the place of an
//! event in the input can be found: each character's width there follows from the character. A byte 0xFF in the text
//! stands for what could not be decoded; the tokenizer rejects it where it is met. What lies before the current place
//! is dropped when more comes, except for the last bytes, which are the context of an event. CPython: the positions and
//! encodings of Modules/expat/{xmltok.c,xmlparse.c}.

use super::chars::{Kind, PLAIN, referable};

/// How many bytes before the current place are kept.
const CONTEXT: usize = 1024;

/// How the input's bytes are characters.
#[derive(Clone, PartialEq)]
pub enum Encoding {
    Utf8,
    Ascii,
    Latin1,
    Utf16Big,
    Utf16Little,
    /// A character for each byte; `u32::MAX` for none.
    Table(Box<[u32; 256]>),
}

impl Encoding {
    /// The encodings that need no help, by name in any case.
    pub fn named(name: &[u8]) -> Option<Encoding> {
        const NAMES: [(&str, Encoding); 6] = [
            ("ISO-8859-1", Encoding::Latin1),
            ("US-ASCII", Encoding::Ascii),
            ("UTF-8", Encoding::Utf8),
            ("UTF-16", Encoding::Utf16Big),
            ("UTF-16BE", Encoding::Utf16Big),
            ("UTF-16LE", Encoding::Utf16Little),
        ];
        let found = NAMES
            .iter()
            .find(|(n, _)| n.as_bytes().eq_ignore_ascii_case(name));
        found.map(|(_, encoding)| encoding.clone())
    }

    /// An encoding of one byte for each character by its map; None if XML cannot be written in it.
    pub fn of_map(map: &[i32; 256]) -> Option<Encoding> {
        let special = |c: usize| !matches!(PLAIN.get(c), Some(Kind::Other | Kind::NonXml) | None);
        let mut table = Box::new([u32::MAX; 256]);
        for (i, (to, &c)) in table.iter_mut().zip(map).enumerate() {
            if i < 128 && special(i) && c != i as i32 {
                return None;
            }
            if c < 0 {
                if c < -1 {
                    return None;
                }
                continue;
            }
            if c < 0x80 && special(c as usize) && c as usize != i {
                return None;
            }
            if c > 0xffff && referable(c as u32) {
                return None;
            }
            if referable(c as u32) || c < 0x80 {
                *to = c as u32;
            }
        }
        Some(Encoding::Table(table))
    }

    pub fn is_wide(&self) -> bool {
        matches!(self, Encoding::Utf16Big | Encoding::Utf16Little)
    }
}

/// What the first bytes tell of the encoding.
pub enum Start {
    Wait,
    Known,
}

/// A place in the input.
#[derive(Clone, Copy, Default, Debug)]
pub struct Position {
    pub line: usize,
    pub column: usize,
    text: usize,
    raw: usize,
}

/// The bytes given and not yet dropped.
pub struct Source {
    pub encoding: Encoding,
    pub text: Vec<u8>,
    /// The bytes themselves, where the encoding is not UTF-8.
    raw: Vec<u8>,
    /// How many of them are decoded.
    decoded: usize,
    /// How many bytes were dropped.
    dropped: usize,
    position: Position,
}

impl Default for Source {
    fn default() -> Source {
        Source {
            encoding: Encoding::Utf8,
            text: Vec::new(),
            raw: Vec::new(),
            decoded: 0,
            dropped: 0,
            position: Position::default(),
        }
    }
}

impl Source {
    /// Adds input; what lies before `at` in the text may go, and the new place of `at` is returned.
    pub fn append(&mut self, data: &[u8], at: usize) -> usize {
        let mut at = at;
        if at > CONTEXT * 4 && at >= self.text.len() / 2 {
            self.advance(at);
            let mut keep = at - CONTEXT;
            while self.text.get(keep).is_some_and(|b| b & 0xc0 == 0x80) {
                keep += 1;
            }
            let raw = match self.encoding {
                Encoding::Utf8 => keep,
                _ => self.position.raw - self.width(keep, at),
            };
            self.text.drain(..keep);
            if self.encoding != Encoding::Utf8 {
                self.raw.drain(..raw.min(self.raw.len()));
                self.decoded = self.decoded.saturating_sub(raw);
            }
            self.dropped += raw;
            self.position.text -= keep;
            self.position.raw -= raw;
            at -= keep;
        }
        if self.encoding == Encoding::Utf8 {
            self.text.extend_from_slice(data);
        } else {
            self.raw.extend_from_slice(data);
            self.decode();
        }
        at
    }

    /// Looks at the first bytes, before anything is taken from them. `protocol`: what the encoding is if they do not
    /// tell; `content`: this is an external entity and no document.
    pub fn start(&mut self, protocol: Option<Encoding>, content: bool) -> Start {
        if let Some(table @ Encoding::Table(_)) = protocol {
            self.switch(table, 0);
            return Start::Known;
        }
        let name = protocol.as_ref();
        let wide = name.is_some_and(Encoding::is_wide);
        let latin = name == Some(&Encoding::Latin1);
        let big = name == Some(&Encoding::Utf16Big);
        let little = name == Some(&Encoding::Utf16Little);
        let first = |i: usize| self.text.get(i).copied();
        let told = match (first(0), first(1)) {
            (None, _) => return Start::Wait,
            (Some(b), None) => match b {
                _ if wide => return Start::Wait,
                0xfe | 0xff | 0xef if latin && content => None,
                0xfe | 0xff | 0xef | 0 | 0x3c => return Start::Wait,
                _ => None,
            },
            (Some(0xfe), Some(0xff)) if !(latin && content) => Some(Encoding::Utf16Big),
            (Some(0xff), Some(0xfe)) if !(latin && content) => Some(Encoding::Utf16Little),
            (Some(0x3c), Some(0)) if !(big && content) => Some(Encoding::Utf16Little),
            (Some(0xef), Some(0xbb)) if !(content && (latin || wide)) => match first(2) {
                None => return Start::Wait,
                Some(0xbf) => Some(Encoding::Utf8),
                Some(_) => None,
            },
            (Some(0), Some(_)) if !(little && content) => Some(Encoding::Utf16Big),
            (Some(_), Some(0)) if !content => Some(Encoding::Utf16Little),
            _ => None,
        };
        self.switch(told.or(protocol).unwrap_or(Encoding::Utf8), 0);
        Start::Known
    }

    /// From `at` on, which the present encoding has as ASCII before it, the input is in `encoding`.
    pub fn switch(&mut self, encoding: Encoding, at: usize) {
        if encoding == self.encoding {
            return;
        }
        if self.encoding != Encoding::Utf8 || self.text.starts_with("\u{feff}".as_bytes()) {
            // Widths before here are those of the old encoding.
            self.advance(at);
        }
        if self.encoding == Encoding::Utf8 {
            self.raw = std::mem::take(&mut self.text);
            self.text = self.raw.get(..at).unwrap_or_default().to_vec();
            self.decoded = at;
        } else {
            let start = self.position.raw;
            self.text.truncate(at);
            if encoding == Encoding::Utf8 {
                // Places are those of the text from now on.
                self.dropped = (self.dropped + start).saturating_sub(at);
                self.position.raw = at;
                self.text
                    .extend_from_slice(self.raw.get(start..).unwrap_or_default());
                self.raw.clear();
                self.encoding = encoding;
                return;
            }
            self.decoded = start;
        }
        self.encoding = encoding;
        self.decode();
    }

    /// Whether the input ends within a character that could not be decoded yet: in a half, or in a pair of halves.
    pub fn cut(&self) -> Option<bool> {
        let left = self.raw.len().saturating_sub(self.decoded);
        (self.encoding != Encoding::Utf8 && left > 0).then_some(left >= 2)
    }

    fn decode(&mut self) {
        let Source {
            encoding,
            text,
            raw,
            decoded,
            ..
        } = self;
        let bytes = raw.get(*decoded..).unwrap_or_default();
        let mut used = bytes.len();
        let mut push = |c: u32| match char::from_u32(c) {
            Some(c) => text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            None => text.push(0xff),
        };
        match encoding {
            Encoding::Utf8 => {}
            Encoding::Ascii => bytes
                .iter()
                .for_each(|&b| push(if b < 0x80 { b as u32 } else { u32::MAX })),
            Encoding::Latin1 => bytes.iter().for_each(|&b| push(b as u32)),
            Encoding::Table(table) => bytes.iter().for_each(|&b| push(table[b as usize])),
            Encoding::Utf16Big | Encoding::Utf16Little => {
                let big = *encoding == Encoding::Utf16Big;
                let unit = |i: usize| {
                    let pair = [*bytes.get(i)?, *bytes.get(i + 1)?];
                    Some(match big {
                        true => u16::from_be_bytes(pair),
                        false => u16::from_le_bytes(pair),
                    })
                };
                let mut i = 0;
                while let Some(first) = unit(i) {
                    if first & 0xfc00 == 0xd800 {
                        let Some(second) = unit(i + 2) else { break };
                        if second & 0xfc00 == 0xdc00 {
                            let (a, b) = (first as u32 & 0x3ff, second as u32 & 0x3ff);
                            push(0x10000 + (a << 10 | b));
                            i += 4;
                            continue;
                        }
                    }
                    push(first as u32);
                    i += 2;
                }
                used = i;
            }
        }
        *decoded += used;
    }

    /// How many bytes of input a part of the text was.
    fn width(&self, from: usize, to: usize) -> usize {
        let part = self.text.get(from..to).unwrap_or_default();
        if self.encoding == Encoding::Utf8 {
            return part.len();
        }
        let chars = part.iter().filter(|&&b| b & 0xc0 != 0x80).count();
        match self.encoding {
            Encoding::Utf16Big | Encoding::Utf16Little => {
                let long = part.iter().filter(|&&b| (0xf0..0xff).contains(&b)).count();
                chars * 2 + long * 2
            }
            _ => chars,
        }
    }

    /// Counts lines and columns up to `to`, if it lies ahead.
    fn advance(&mut self, to: usize) {
        let from = self.position.text;
        if to <= from {
            return;
        }
        let part = self.text.get(from..to).unwrap_or_default();
        let mut lines = memchr::memchr_iter(b'\n', part).count();
        let mut last = memchr::memrchr(b'\n', part);
        for cr in memchr::memchr_iter(b'\r', part) {
            if part.get(cr + 1) != Some(&b'\n') {
                lines += 1;
                last = last.max(Some(cr));
            }
        }
        let columns = |part: &[u8]| part.iter().filter(|&&b| b & 0xc0 != 0x80).count();
        match last {
            Some(last) => {
                self.position.line += lines;
                self.position.column = columns(part.get(last + 1..).unwrap_or_default());
            }
            None => self.position.column += columns(part),
        }
        self.position.raw += self.width(from, to);
        self.position.text = to;
    }

    /// Line and column of a place, both from 0; of the last place asked for if that lies further on.
    pub fn position(&mut self, at: usize) -> Position {
        self.advance(at);
        self.position
    }

    /// Where a place lies in the bytes that are kept.
    fn raw_offset(&self, at: usize) -> usize {
        match (&self.encoding, at >= self.position.text) {
            (Encoding::Utf8, _) => at,
            (_, true) => self.position.raw + self.width(self.position.text, at),
            (_, false) => {
                let back = self.width(at, self.position.text);
                self.position.raw.saturating_sub(back)
            }
        }
    }

    /// How many bytes the input takes up.
    pub fn held(&self) -> usize {
        self.text.capacity() + self.raw.capacity()
    }

    /// The number of bytes given from a place on.
    pub fn remaining(&self, at: usize) -> usize {
        self.context(at).len()
    }

    /// The number of bytes given before a place.
    pub fn byte_index(&self, at: usize) -> usize {
        self.dropped + self.raw_offset(at)
    }

    /// The bytes given from a place on.
    pub fn context(&self, at: usize) -> &[u8] {
        let bytes = match self.encoding {
            Encoding::Utf8 => &self.text,
            _ => &self.raw,
        };
        bytes.get(self.raw_offset(at)..).unwrap_or_default()
    }
}
