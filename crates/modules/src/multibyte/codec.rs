//! The multi-byte codecs themselves, one character at a time.
//!
//! A codec is a table, or a table with computed sequences, or one of the modal codecs HZ and ISO-2022, whose state is
//! eight bytes: designations of G0..G3 and flags. A step tells what it consumed, or that it needs more input, or how
//! many units are at fault. CPython: Modules/cjkcodecs/_codecs_*.c.

use super::tables::{Entry, Table, gb18030_char, gb18030_index, table};

/// Designations and flags of the modal codecs; zeros otherwise.
pub type State = [u8; 8];

/// The result of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// So many units were consumed.
    Done(usize),
    /// The input ends within a character.
    More,
    /// So many units are at fault.
    Illegal(usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Gb18030,
    EucKr,
    Hz,
    Iso2022(&'static Iso),
}

/// A character set that ISO-2022 designates.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Charset {
    /// The final byte of its escape sequence, with 0x80 for sets of two bytes.
    mark: u8,
    plane: usize,
    escape: &'static [u8],
    table: &'static str,
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Two bytes of an EUC table.
    Double,
    /// Two bytes behind 0x8f in an EUC table.
    Triple,
    Roman,
    Katakana,
    /// Half of an ISO-8859 set, in G2.
    Latin1,
    Greek,
}

#[derive(PartialEq, Eq)]
struct Iso {
    charsets: &'static [Charset],
    no_shift: bool,
    use_g2: bool,
}

const fn double(mark: u8, plane: usize, escape: &'static [u8], table: &'static str) -> Charset {
    Charset {
        mark: mark | 0x80,
        plane,
        escape,
        table,
        form: Form::Double,
    }
}

const JISX0208: Charset = double(b'B', 0, b"\x1b$B", "euc_jp");
const JISX0208_OLD: Charset = double(b'@', 0, b"\x1b$@", "euc_jp");
const JISX0212: Charset = Charset {
    form: Form::Triple,
    ..double(b'D', 0, b"\x1b$(D", "euc_jp")
};
const GB2312: Charset = double(b'A', 0, b"\x1b$A", "gb2312");
const KSX1001: Charset = double(b'C', 0, b"\x1b$(C", "euc_kr");
const KSX1001_G1: Charset = double(b'C', 1, b"\x1b$)C", "euc_kr");
const JISX0213_1: Charset = double(b'O', 0, b"\x1b$(O", "euc_jisx0213");
const JISX0213_2: Charset = Charset {
    form: Form::Triple,
    ..double(b'P', 0, b"\x1b$(P", "euc_jisx0213")
};
const JISX0213_2004_1: Charset = double(b'Q', 0, b"\x1b$(Q", "euc_jis_2004");
const JISX0213_2004_2: Charset = Charset {
    form: Form::Triple,
    ..double(b'P', 0, b"\x1b$(P", "euc_jis_2004")
};
const ROMAN: Charset = Charset {
    mark: b'J',
    plane: 0,
    escape: b"\x1b(J",
    table: "",
    form: Form::Roman,
};
const KATAKANA: Charset = Charset {
    mark: b'I',
    plane: 0,
    escape: b"\x1b(I",
    table: "",
    form: Form::Katakana,
};
const LATIN1: Charset = Charset {
    mark: b'A',
    plane: 2,
    escape: b"\x1b.A",
    table: "",
    form: Form::Latin1,
};
const GREEK: Charset = Charset {
    mark: b'F',
    plane: 2,
    escape: b"\x1b.F",
    table: "",
    form: Form::Greek,
};

const fn jp(charsets: &'static [Charset]) -> Iso {
    Iso {
        charsets,
        no_shift: true,
        use_g2: false,
    }
}

static ISO_KR: Iso = Iso {
    charsets: &[KSX1001_G1],
    no_shift: false,
    use_g2: false,
};
static ISO_JP: Iso = jp(&[JISX0208, ROMAN, JISX0208_OLD]);
static ISO_JP_1: Iso = jp(&[JISX0208, JISX0212, ROMAN, JISX0208_OLD]);
static ISO_JP_2: Iso = Iso {
    charsets: &[
        JISX0208,
        JISX0212,
        KSX1001,
        GB2312,
        ROMAN,
        JISX0208_OLD,
        LATIN1,
        GREEK,
    ],
    no_shift: true,
    use_g2: true,
};
static ISO_JP_2004: Iso = jp(&[JISX0208, JISX0213_2004_1, JISX0213_2004_2]);
static ISO_JP_3: Iso = jp(&[JISX0208, JISX0213_1, JISX0213_2]);
static ISO_JP_EXT: Iso = jp(&[JISX0208, JISX0212, ROMAN, KATAKANA, JISX0208_OLD]);

/// A codec by its name.
#[derive(Clone, Copy)]
pub struct Codec {
    pub name: &'static str,
    kind: Kind,
    table: &'static Table,
}

const ASCII: u8 = b'B';
const ESC: u8 = 0x1b;
const SO: u8 = 0x0e;
const SI: u8 = 0x0f;
const SHIFTED: u8 = 1;
const G2_ONCE: u8 = 4;
const FLAGS: usize = 4;

/// The codecs of each module.
pub const MODULES: [(&str, &[&str]); 6] = [
    ("_codecs_cn", &["gb2312", "gbk", "gb18030", "hz"]),
    ("_codecs_hk", &["big5hkscs"]),
    (
        "_codecs_iso2022",
        &[
            "iso2022_kr",
            "iso2022_jp",
            "iso2022_jp_1",
            "iso2022_jp_2",
            "iso2022_jp_2004",
            "iso2022_jp_3",
            "iso2022_jp_ext",
        ],
    ),
    (
        "_codecs_jp",
        &[
            "shift_jis",
            "cp932",
            "euc_jp",
            "shift_jis_2004",
            "euc_jis_2004",
            "euc_jisx0213",
            "shift_jisx0213",
        ],
    ),
    ("_codecs_kr", &["euc_kr", "cp949", "johab"]),
    ("_codecs_tw", &["big5", "cp950"]),
];

impl Codec {
    /// The codec of that name in a module.
    pub fn find(module: &str, name: &str) -> Option<Codec> {
        let (_, names) = MODULES.iter().find(|(m, _)| *m == module)?;
        let name = *names.iter().find(|n| **n == name)?;
        let (kind, source) = match name {
            "gb18030" => (Kind::Gb18030, name),
            "euc_kr" => (Kind::EucKr, name),
            "hz" => (Kind::Hz, "gb2312"),
            "iso2022_kr" => (Kind::Iso2022(&ISO_KR), "euc_kr"),
            "iso2022_jp" => (Kind::Iso2022(&ISO_JP), "euc_jp"),
            "iso2022_jp_1" => (Kind::Iso2022(&ISO_JP_1), "euc_jp"),
            "iso2022_jp_2" => (Kind::Iso2022(&ISO_JP_2), "euc_jp"),
            "iso2022_jp_2004" => (Kind::Iso2022(&ISO_JP_2004), "euc_jis_2004"),
            "iso2022_jp_3" => (Kind::Iso2022(&ISO_JP_3), "euc_jisx0213"),
            "iso2022_jp_ext" => (Kind::Iso2022(&ISO_JP_EXT), "euc_jp"),
            _ => (Kind::Plain, name),
        };
        Some(Codec {
            name,
            kind,
            table: table(source)?,
        })
    }

    /// The state before the first character.
    pub fn initial(&self) -> State {
        match self.kind {
            Kind::Iso2022(_) => [ASCII, ASCII, 0, 0, 0, 0, 0, 0],
            _ => [0; 8],
        }
    }

    /// Decodes one character.
    pub fn decode(&self, state: &mut State, input: &[u8], push: &mut dyn FnMut(u32)) -> Step {
        match self.kind {
            Kind::Hz => self.decode_hz(state, input, push),
            Kind::Iso2022(iso) => decode_iso(iso, state, input, push),
            _ => self.decode_table(input, push),
        }
    }

    fn decode_table(&self, input: &[u8], push: &mut dyn FnMut(u32)) -> Step {
        let mut node = 0;
        for (i, byte) in input.iter().enumerate() {
            match self.table.entry(node, *byte) {
                Entry::Illegal => return Step::Illegal(1),
                Entry::Char(c) => {
                    push(c);
                    return Step::Done(i + 1);
                }
                Entry::Pair(a, b) => {
                    push(a);
                    push(b);
                    return Step::Done(i + 1);
                }
                Entry::Node(next) => node = next,
                Entry::Special if self.kind == Kind::EucKr => {
                    return composed_syllable(input, push);
                }
                Entry::Special => return four_bytes(input, push),
            }
        }
        Step::More
    }

    fn decode_hz(&self, state: &mut State, input: &[u8], push: &mut dyn FnMut(u32)) -> Step {
        let Some(&first) = input.first() else {
            return Step::More;
        };
        if first == b'~' {
            let Some(&second) = input.get(1) else {
                return Step::More;
            };
            match (second, state[0]) {
                (b'~', 0) => push(u32::from(b'~')),
                (b'{', 0) => state[0] = 1,
                (b'\n', 0) => {}
                (b'}', 1) => state[0] = 0,
                _ => return Step::Illegal(1),
            }
            return Step::Done(2);
        }
        if first & 0x80 != 0 {
            return Step::Illegal(1);
        }
        if state[0] == 0 {
            push(u32::from(first));
            return Step::Done(1);
        }
        let Some(&second) = input.get(1) else {
            return Step::More;
        };
        match self.table.char_of(&[first | 0x80, second | 0x80]) {
            Entry::Char(c) if second & 0x80 == 0 => {
                push(c);
                Step::Done(2)
            }
            _ => Step::Illegal(1),
        }
    }

    /// Encodes one character, or a pair; `last`: no more input will come.
    pub fn encode(&self, state: &mut State, input: &[u32], last: bool, out: &mut Vec<u8>) -> Step {
        let Some(&c) = input.first() else {
            return Step::Done(0);
        };
        match self.kind {
            Kind::Hz => return self.encode_hz(state, c, out),
            Kind::Iso2022(iso) => return encode_iso(iso, state, input, last, out),
            _ => {}
        }
        if self.table.starts_pair(c) {
            match input.get(1) {
                None if !last => return Step::More,
                None => {}
                Some(&next) => {
                    if let Some(bytes) = self.table.encode_pair(c, next) {
                        out.extend_from_slice(bytes);
                        return Step::Done(2);
                    }
                }
            }
        }
        if let Some(bytes) = self.table.encode(c) {
            out.extend_from_slice(bytes);
            return Step::Done(1);
        }
        match self.kind {
            Kind::Gb18030 if !(0xd800..0xe000).contains(&c) => match gb18030_index(c) {
                Some(index) => {
                    let (rest, d) = (index / 10, index % 10);
                    let (rest, third) = (rest / 126, rest % 126);
                    let (a, b) = (rest / 10, rest % 10);
                    let bytes = [0x81 + a, 0x30 + b, 0x81 + third, 0x30 + d];
                    out.extend(bytes.map(|b| b as u8));
                    Step::Done(1)
                }
                None => Step::Illegal(1),
            },
            Kind::EucKr if (0xac00..0xd7a4).contains(&c) => {
                let s = (c - 0xac00) as usize;
                let part = |set: &[u8], i: usize| set.get(i).copied().unwrap_or(0);
                let bytes = [
                    0xa4,
                    0xd4,
                    0xa4,
                    part(&LEADS, s / 588),
                    0xa4,
                    0xbf + (s / 28 % 21) as u8,
                    0xa4,
                    part(&TAILS, s % 28),
                ];
                out.extend_from_slice(&bytes);
                Step::Done(1)
            }
            _ => Step::Illegal(1),
        }
    }

    fn encode_hz(&self, state: &mut State, c: u32, out: &mut Vec<u8>) -> Step {
        if c < 0x80 {
            if state[0] == 1 {
                out.extend_from_slice(b"~}");
                state[0] = 0;
            }
            out.push(c as u8);
            if c == u32::from(b'~') {
                out.push(b'~');
            }
            return Step::Done(1);
        }
        match self.table.encode(c) {
            Some([a, b]) => {
                if state[0] == 0 {
                    out.extend_from_slice(b"~{");
                    state[0] = 1;
                }
                out.extend([a & 0x7f, b & 0x7f]);
                Step::Done(1)
            }
            _ => Step::Illegal(1),
        }
    }

    /// Back to the initial state at the end of an encoding.
    pub fn reset_encoder(&self, state: &mut State, out: &mut Vec<u8>) {
        match self.kind {
            Kind::Hz if state[0] != 0 => {
                out.extend_from_slice(b"~}");
                state[0] = 0;
            }
            Kind::Iso2022(_) => {
                if state[FLAGS] & SHIFTED != 0 {
                    out.push(SI);
                    state[FLAGS] &= !SHIFTED;
                }
                if state[0] != ASCII {
                    out.extend_from_slice(b"\x1b(B");
                    state[0] = ASCII;
                }
            }
            _ => {}
        }
    }

    /// The decoder's state at a new stream.
    pub fn reset_decoder(&self, state: &mut State) {
        match self.kind {
            Kind::Hz => state[0] = 0,
            Kind::Iso2022(_) => {
                state[0] = ASCII;
                state[FLAGS] &= !SHIFTED;
            }
            _ => {}
        }
    }
}

const LEADS: [u8; 19] = [
    0xa1, 0xa2, 0xa4, 0xa7, 0xa8, 0xa9, 0xb1, 0xb2, 0xb3, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xbb,
    0xbc, 0xbd, 0xbe,
];
const TAILS: [u8; 28] = [
    0xd4, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 0xb0,
    0xb1, 0xb2, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xba, 0xbb, 0xbc, 0xbd, 0xbe,
];

/// KS X 1001's syllable of eight bytes: filler, lead, vowel, tail.
fn composed_syllable(input: &[u8], push: &mut dyn FnMut(u32)) -> Step {
    let &[_, _, a, lead, b, vowel, c, tail, ..] = input else {
        return Step::More;
    };
    let find = |set: &[u8], byte: u8| set.iter().position(|b| *b == byte);
    let parts = (find(&LEADS, lead), find(&TAILS, tail));
    match parts {
        (Some(l), Some(t)) if (a, b, c) == (0xa4, 0xa4, 0xa4) && (0xbf..=0xd3).contains(&vowel) => {
            push(0xac00 + (l * 588 + usize::from(vowel - 0xbf) * 28 + t) as u32);
            Step::Done(8)
        }
        _ => Step::Illegal(1),
    }
}

/// GB 18030's sequence of four bytes.
fn four_bytes(input: &[u8], push: &mut dyn FnMut(u32)) -> Step {
    let &[a, b, c, d, ..] = input else {
        return Step::More;
    };
    if !(0x81..=0xfe).contains(&c) || !(0x30..=0x39).contains(&d) {
        return Step::Illegal(1);
    }
    let index = ((u32::from(a) - 0x81) * 10 + u32::from(b) - 0x30) * 1260
        + (u32::from(c) - 0x81) * 10
        + u32::from(d)
        - 0x30;
    match gb18030_char(index) {
        Some(c) => {
            push(c);
            Step::Done(4)
        }
        None => Step::Illegal(1),
    }
}

impl Charset {
    fn width(&self) -> usize {
        1 + usize::from(matches!(self.form, Form::Double | Form::Triple))
    }

    /// The character or pair of the set's bytes (seven bits each).
    fn decode(&self, bytes: &[u8]) -> Entry {
        match (self.form, bytes) {
            (Form::Double | Form::Triple, [a, b]) => {
                let Some(table) = table(self.table) else {
                    return Entry::Illegal;
                };
                if self.form == Form::Triple {
                    return table.char_of(&[0x8f, a | 0x80, b | 0x80]);
                }
                match table.char_of(&[a | 0x80, b | 0x80]) {
                    // KS X 1001's filler, which EUC-KR takes for the start of a composed syllable.
                    Entry::Special => Entry::Char(0x3164),
                    other => other,
                }
            }
            (Form::Roman, [b'\\']) => Entry::Char(0xa5),
            (Form::Roman, [b'~']) => Entry::Char(0x203e),
            (Form::Roman, [b]) if *b < 0x80 => Entry::Char(u32::from(*b)),
            (Form::Katakana, [b @ 0x21..=0x5f]) => Entry::Char(0xff40 + u32::from(*b)),
            _ => Entry::Illegal,
        }
    }

    /// The set's bytes of a character.
    fn encode(&self, c: u32) -> Option<(u8, Option<u8>)> {
        let seven = |a: u8, b: u8| Some((a & 0x7f, Some(b & 0x7f)));
        match self.form {
            Form::Double => match table(self.table)?.encode(c)? {
                [a @ 0xa1..=0xff, b @ 0xa1..=0xff] => seven(*a, *b),
                _ => None,
            },
            Form::Triple => match table(self.table)?.encode(c)? {
                [0x8f, a, b] => seven(*a, *b),
                _ => None,
            },
            Form::Roman => match c {
                0xa5 => Some((b'\\', None)),
                0x203e => Some((b'~', None)),
                _ if c < 0x80 && !matches!(c, 0x5c | 0x7e) => Some((c as u8, None)),
                _ => None,
            },
            Form::Katakana => (0xff61..=0xff9f)
                .contains(&c)
                .then(|| ((c - 0xff40) as u8, None)),
            Form::Latin1 | Form::Greek => None,
        }
    }

    fn encode_pair(&self, a: u32, b: u32) -> Option<(u8, Option<u8>)> {
        match table(self.table)?.encode_pair(a, b)? {
            [a, b] if self.form == Form::Double => Some((a & 0x7f, Some(b & 0x7f))),
            _ => None,
        }
    }
}

/// What ISO 8859-7's right half holds at a byte.
fn greek(byte: u8) -> Option<u32> {
    let byte = u32::from(byte) | 0x80;
    Some(match byte {
        0xa0 | 0xa3 | 0xa6..=0xa9 | 0xab..=0xad | 0xb0..=0xb3 | 0xb7 | 0xbb | 0xbd => byte,
        0xa1 => 0x2018,
        0xa2 => 0x2019,
        0xaf => 0x2015,
        0xd2 | 0xff | 0xae | 0xa4 | 0xa5 | 0xaa => return None,
        0xb4..=0xfe => byte + 0x2d0,
        _ => return None,
    })
}

/// The longest escape sequence.
const MAX_ESCAPE: usize = 16;

fn decode_iso(
    iso: &'static Iso,
    state: &mut State,
    input: &[u8],
    push: &mut dyn FnMut(u32),
) -> Step {
    let Some(&c) = input.first() else {
        return Step::More;
    };
    if state[FLAGS] & 2 != 0 {
        // ESC throughout: up to the sequence's end.
        push(u32::from(c));
        if matches!(c, b'A'..=b'Z' | b'@') {
            state[FLAGS] &= !2;
        }
        return Step::Done(1);
    }
    match c {
        ESC => {
            let Some(&second) = input.get(1) else {
                return Step::More;
            };
            if matches!(second, b'(' | b')' | b'$' | b'.' | b'&') {
                return designate(iso, state, input);
            }
            if iso.use_g2 && second == b'N' {
                return single_shift(state, input, push);
            }
            push(u32::from(ESC));
            state[FLAGS] |= 2;
            Step::Done(1)
        }
        SI if !iso.no_shift => {
            state[FLAGS] &= !SHIFTED;
            Step::Done(1)
        }
        SO if !iso.no_shift => {
            state[FLAGS] |= SHIFTED;
            Step::Done(1)
        }
        b'\n' => {
            state[FLAGS] &= !SHIFTED;
            push(u32::from(c));
            Step::Done(1)
        }
        0..=0x1f => {
            push(u32::from(c));
            Step::Done(1)
        }
        0x80.. => Step::Illegal(1),
        _ => {
            let mark = if state[FLAGS] & SHIFTED != 0 {
                state[1]
            } else {
                state[0]
            };
            if mark == ASCII {
                push(u32::from(c));
                return Step::Done(1);
            }
            let Some(charset) = iso.charsets.iter().find(|s| s.mark == mark) else {
                return Step::Illegal(1);
            };
            let Some(bytes) = input.get(..charset.width()) else {
                return Step::More;
            };
            match charset.decode(bytes) {
                _ if bytes.iter().any(|b| b & 0x80 != 0) => Step::Illegal(bytes.len()),
                Entry::Char(c) => {
                    push(c);
                    Step::Done(bytes.len())
                }
                Entry::Pair(a, b) => {
                    push(a);
                    push(b);
                    Step::Done(bytes.len())
                }
                _ => Step::Illegal(bytes.len()),
            }
        }
    }
}

/// An escape sequence that designates a character set.
fn designate(iso: &'static Iso, state: &mut State, input: &[u8]) -> Step {
    let end = input
        .iter()
        .take(MAX_ESCAPE)
        .enumerate()
        .skip(1)
        .find(|(_, c)| matches!(c, b'A'..=b'Z' | b'@'))
        .map(|(i, _)| i);
    let Some(mut end) = end else {
        return if input.len() >= MAX_ESCAPE {
            Step::Illegal(1)
        } else {
            Step::More
        };
    };
    if input.get(1..3) == Some(b"&@") {
        // The announcer of JIS X 0208-1990: a sequence of its own must follow.
        match input.get(3..6) {
            None => return Step::More,
            Some(b"\x1b$B") => end = 5,
            Some(_) => {}
        }
    }
    let sequence = input.get(..=end).unwrap_or(&[]);
    if sequence == b"\x1b(B" {
        state[0] = ASCII;
        return Step::Done(sequence.len());
    }
    let known = if sequence == b"\x1b&@\x1b$B" {
        iso.charsets.iter().find(|s| **s == JISX0208)
    } else if sequence == b"\x1b$(@" || sequence == b"\x1b$(B" {
        let wanted = if sequence.ends_with(b"B") {
            JISX0208
        } else {
            JISX0208_OLD
        };
        iso.charsets.iter().find(|s| **s == wanted)
    } else {
        iso.charsets.iter().find(|s| s.escape == sequence)
    };
    match known {
        Some(charset) => {
            if let Some(slot) = state.get_mut(charset.plane) {
                *slot = charset.mark;
            }
            Step::Done(sequence.len())
        }
        None => Step::Illegal(sequence.len()),
    }
}

/// `ESC N` and one character of G2.
fn single_shift(state: &State, input: &[u8], push: &mut dyn FnMut(u32)) -> Step {
    let Some(&byte) = input.get(2) else {
        return Step::More;
    };
    let _ = G2_ONCE;
    let c = match state[2] {
        _ if byte & 0x80 != 0 => None,
        b'A' => Some(u32::from(byte) | 0x80),
        b'F' => greek(byte),
        _ => return Step::Illegal(3),
    };
    match c {
        Some(c) => {
            push(c);
            Step::Done(3)
        }
        None => Step::Illegal(3),
    }
}

fn encode_iso(
    iso: &'static Iso,
    state: &mut State,
    input: &[u32],
    last: bool,
    out: &mut Vec<u8>,
) -> Step {
    let Some(&c) = input.first() else {
        return Step::Done(0);
    };
    if c < 0x80 {
        if state[0] != ASCII {
            out.extend_from_slice(b"\x1b(B");
            state[0] = ASCII;
        }
        if state[FLAGS] & SHIFTED != 0 {
            out.push(SI);
            state[FLAGS] &= !SHIFTED;
        }
        out.push(c as u8);
        return Step::Done(1);
    }
    for charset in iso.charsets {
        let mut consumed = 1;
        let mut found = None;
        if charset.form == Form::Double && table(charset.table).is_some_and(|t| t.starts_pair(c)) {
            match input.get(1) {
                None if !last && charset.table != "euc_jp" => return Step::More,
                Some(&next) => {
                    found = charset.encode_pair(c, next);
                    consumed = 1 + usize::from(found.is_some());
                }
                None => {}
            }
        }
        let Some((first, second)) = found.or_else(|| charset.encode(c)) else {
            continue;
        };
        if charset.plane == 1 {
            if state[1] != charset.mark {
                out.extend_from_slice(charset.escape);
                state[1] = charset.mark;
            }
            if state[FLAGS] & SHIFTED == 0 {
                out.push(SO);
                state[FLAGS] |= SHIFTED;
            }
        } else {
            if state[FLAGS] & SHIFTED != 0 {
                out.push(SI);
                state[FLAGS] &= !SHIFTED;
            }
            if state[0] != charset.mark {
                out.extend_from_slice(charset.escape);
                state[0] = charset.mark;
            }
        }
        out.push(first);
        out.extend(second);
        return Step::Done(consumed);
    }
    Step::Illegal(1)
}
