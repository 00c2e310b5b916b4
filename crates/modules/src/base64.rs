//! `_base64`: the inner loops of the library's `base64`: base 32 (RFC 4648), Ascii85 and base 85.
//!
//! The module `base64` keeps its functions, their arguments and the kinds they take; where CPython 3.14 loops over the data
//! in Python, the packed library calls these (see crates/stdlib/build/main.rs). Messages and the order of checks are those
//! of CPython's Lib/base64.py. Eight digits of base 32 are one word of the machine, two of base 85 one entry of a table.

use crate::binascii;
use naja_heap::Value;
use naja_macros::pymodule;
use naja_vm::buffer::BytesLike;
use naja_vm::protocols::{number, sequence};
use naja_vm::{PyResult, Vm};

/// Not a digit of the alphabet in a table made by [`values`].
const NONE: u8 = 255;

/// What each byte is worth in the alphabet.
const fn values(alphabet: &[u8]) -> [u8; 256] {
    let mut table = [NONE; 256];
    let mut i = 0;
    while i < alphabet.len() {
        table[alphabet[i] as usize] = i as u8;
        i += 1;
    }
    table
}

/// Why text is no data: the message of the exception.
type Wrong = String;

/// The same byte in all eight places of a word.
const fn eight(byte: u8) -> u64 {
    0x0101_0101_0101_0101 * byte as u64
}

const HIGH: u64 = eight(0x80);

/// The high bit of each byte that is in the range; bytes are below 128, the range begins above 0.
const fn within(bytes: u64, first: u8, last: u8) -> u64 {
    (bytes + eight(128 - first)) & !(bytes + eight(127 - last)) & HIGH
}

/// An alphabet of base 32 that is a range of letters and a range of ASCII digits: eight of its digits are made or read in one
/// word. A digit is its value plus `base`, and where it is a letter, plus `step`.
struct Base32 {
    alphabet: &'static [u8; 32],
    letters: (u8, u8),
    numbers: (u8, u8),
    /// The value from which digits are of the second range, and whether that is the letters.
    second: (u8, bool),
    base: u8,
    step: u8,
}

static BASE32: [Base32; 2] = [
    Base32 {
        alphabet: b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
        letters: (b'A', b'Z'),
        numbers: (b'2', b'7'),
        second: (26, false),
        base: b'2' - 26,
        step: b'A' - (b'2' - 26),
    },
    Base32 {
        alphabet: b"0123456789ABCDEFGHIJKLMNOPQRSTUV",
        letters: (b'A', b'V'),
        numbers: (b'0', b'9'),
        second: (10, true),
        base: b'0',
        step: b'A' - 10 - b'0',
    },
];

impl Base32 {
    /// Groups of five bytes as eight digits; what is missing in the last is shown by `=`.
    fn encode(&self, data: &[u8]) -> Vec<u8> {
        let flip = if self.second.1 { 0 } else { HIGH };
        let digits = |[a, b, c, d, e]: [u8; 5]| {
            let word = u64::from_be_bytes([0, 0, 0, a, b, c, d, e]);
            // Halves of 20 bits, quarters of 10, eighths of 5, each to its place.
            let word = word & 0xF_FFFF | (word & 0xFF_FFF0_0000) << 12;
            let word = word & 0x3FF_0000_03FF | (word & 0xF_FC00_000F_FC00) << 6;
            let word = word & 0x1F_001F_001F_001F | (word & 0x3E0_03E0_03E0_03E0) << 3;
            let second = (word + eight(128 - self.second.0)) & HIGH;
            let letters = (second ^ flip) >> 7;
            (word + eight(self.base) + letters * u64::from(self.step)).to_be_bytes()
        };
        let (groups, rest) = data.as_chunks::<5>();
        let mut out = Vec::with_capacity(data.len().div_ceil(5));
        out.extend(groups.iter().map(|group| digits(*group)));
        if !rest.is_empty() {
            let mut last = [0; 5];
            last[..rest.len()].copy_from_slice(rest);
            let mut last = digits(last);
            last[(rest.len() * 8).div_ceil(5)..].fill(b'=');
            out.push(last);
        }
        out.into_flattened()
    }

    /// Digits, from whose end `pads` times `=` was taken. None where something else is among them.
    fn decode(&self, text: &[u8], pads: usize) -> Option<Vec<u8>> {
        let mut wrong = 0;
        let mut bytes = |digits: [u8; 8]| {
            let digits = u64::from_be_bytes(digits);
            wrong |= digits & HIGH;
            let digits = digits & !HIGH;
            let letters = within(digits, self.letters.0, self.letters.1);
            let numbers = within(digits, self.numbers.0, self.numbers.1);
            wrong |= (letters | numbers) ^ HIGH;
            let word = digits
                .wrapping_sub(eight(self.base))
                .wrapping_sub((letters >> 7) * u64::from(self.step));
            let word = word & 0x1F_001F_001F_001F | (word & 0x1F00_1F00_1F00_1F00) >> 3;
            let word = word & 0x3FF_0000_03FF | (word & 0x3FF_0000_03FF_0000) >> 6;
            let word = word & 0xF_FFFF | (word & 0xF_FFFF_0000_0000) >> 12;
            let [.., a, b, c, d, e] = word.to_be_bytes();
            [a, b, c, d, e]
        };
        let (groups, rest) = text.as_chunks::<8>();
        let mut out = Vec::with_capacity(text.len().div_ceil(8));
        out.extend(groups.iter().map(|group| bytes(*group)));
        if !rest.is_empty() {
            let mut last = [self.alphabet[0]; 8];
            last[..rest.len()].copy_from_slice(rest);
            out.push(bytes(last));
        }
        let mut out = out.into_flattened();
        let missing = (pads * 5).div_ceil(8);
        out.truncate(out.len().saturating_sub(missing));
        (wrong == 0).then_some(out)
    }
}

/// As [`Base32::decode`], and what is wrong with the padding.
fn from_base32(digits: &Base32, text: &[u8]) -> Result<Vec<u8>, Wrong> {
    if !text.len().is_multiple_of(8) {
        return Err("Incorrect padding".into());
    }
    let pads = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let out = digits
        .decode(&text[..text.len() - pads], pads)
        .ok_or("Non-base32 digit found")?;
    match pads {
        0 | 1 | 3 | 4 | 6 => Ok(out),
        _ => Err("Incorrect padding".into()),
    }
}

const BASE85: &[u8; 85] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";

/// What two digits of base 85 look like, by their value.
type Pairs = [[u8; 2]; 7225];

const fn pairs(alphabet: &[u8; 85]) -> Pairs {
    let mut all = [[0; 2]; 7225];
    let mut i = 0;
    while i < all.len() {
        all[i] = [alphabet[i / 85], alphabet[i % 85]];
        i += 1;
    }
    all
}

static PAIRS_85: Pairs = pairs(BASE85);

static PAIRS_ASCII85: Pairs = {
    let mut alphabet = [0; 85];
    let mut i = 0;
    while i < 85 {
        alphabet[i] = b'!' + i as u8;
        i += 1;
    }
    pairs(&alphabet)
};

/// Words of four bytes as five digits.
///
/// * `pad`: keep all digits of the last word where bytes of it are missing.
/// * `zeros`, `spaces`: a word of four zeros is a `z`, of four spaces a `y`.
fn to_base85(data: &[u8], pairs: &Pairs, pad: bool, zeros: bool, spaces: bool) -> Vec<u8> {
    let digits = |word: u32| {
        let (high, low) = (word / 7225, word % 7225);
        let [_, a] = pairs[(high / 7225) as usize];
        let [b, c] = pairs[(high % 7225) as usize];
        let [d, e] = pairs[low as usize];
        [a, b, c, d, e]
    };
    let (words, rest) = data.as_chunks::<4>();
    let short = |word: &[u8; 4]| match word {
        [0, 0, 0, 0] if zeros => Some(b'z'),
        b"    " if spaces => Some(b'y'),
        _ => None,
    };
    let whole = |word: &[u8; 4]| digits(u32::from_be_bytes(*word));
    // Room for the last digits, too.
    let mut out = Vec::with_capacity(words.len() + 1);
    let mut out = if (zeros || spaces) && words.iter().any(|word| short(word).is_some()) {
        let mut out = out.into_flattened();
        for word in words {
            match short(word) {
                Some(letter) => out.push(letter),
                None => out.extend_from_slice(&whole(word)),
            }
        }
        out
    } else {
        out.extend(words.iter().map(whole));
        out.into_flattened()
    };
    if rest.is_empty() {
        return out;
    }
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    match u32::from_be_bytes(last) {
        0 if zeros && pad => out.push(b'z'),
        word if pad => out.extend_from_slice(&digits(word)),
        word => out.extend_from_slice(&digits(word)[..rest.len() + 1]),
    }
    out
}

/// The number that five digits' values make, if it is one of 32 bits.
fn word_of_85([a, b, c, d, e]: [u8; 5]) -> Option<u32> {
    let low = ((u32::from(b) * 85 + u32::from(c)) * 85 + u32::from(d)) * 85 + u32::from(e);
    u32::try_from(u64::from(a) * 52_200_625 + u64::from(low)).ok()
}

/// Base 85 in groups of five digits; a last group that is shorter stands for as many bytes less.
fn from_base85(text: &[u8], table: &[u8; 256]) -> Result<Vec<u8>, Wrong> {
    let missing = (5 - text.len() % 5) % 5;
    let (groups, rest) = text.as_chunks::<5>();
    let mut last = [b'~'; 5];
    last[..rest.len()].copy_from_slice(rest);
    let values = |group: &[u8; 5]| group.map(|byte| table[usize::from(byte)]);
    let valid = |digits: &[u8; 5]| digits.iter().fold(0, |all, digit| all | digit) < 128;
    let mut all_valid = true;
    let mut word = |group: &[u8; 5]| {
        let digits = values(group);
        let word = word_of_85(digits);
        all_valid &= valid(&digits) & word.is_some();
        word.unwrap_or(0).to_be_bytes()
    };
    let mut out = Vec::with_capacity(groups.len() + 1);
    out.extend(groups.iter().map(&mut word));
    if !rest.is_empty() {
        out.push(word(&last));
    }
    if !all_valid {
        for (i, group) in groups.iter().chain([&last]).enumerate() {
            let digits = values(group);
            if let Some(at) = digits.iter().position(|digit| *digit == NONE) {
                return Err(format!("bad base85 character at position {}", i * 5 + at));
            }
            if word_of_85(digits).is_none() {
                return Err(format!(
                    "base85 overflow in hunk starting at byte {}",
                    i * 5
                ));
            }
        }
    }
    let mut out = out.into_flattened();
    out.truncate(out.len().saturating_sub(missing));
    Ok(out)
}

/// Ascii85. `ignored` tells whether a byte that is neither a digit nor a short form may be passed over.
fn from_ascii85(
    vm: &Vm,
    text: &[u8],
    foldspaces: bool,
    mut ignored: impl FnMut(u8) -> PyResult<bool>,
) -> PyResult<Vec<u8>> {
    let wrong = |message: &str| vm.value_error(message);
    let mut out = Vec::with_capacity(text.len() / 5 * 4 + 4);
    // Digits of the next word that are there; those not there yet count as the largest.
    let mut word = [84; 5];
    let mut digits = 0;
    let mut text = text;
    while let Some((&byte, rest)) = text.split_first() {
        if digits == 0
            && let Some((group, rest)) = text.split_first_chunk::<5>()
        {
            let group = group.map(|byte| byte.wrapping_sub(b'!'));
            if group.iter().all(|digit| *digit < 85) {
                let word = word_of_85(group).ok_or_else(|| wrong("Ascii85 overflow"))?;
                out.extend_from_slice(&word.to_be_bytes());
                text = rest;
                continue;
            }
        }
        text = rest;
        let short = match byte {
            b'!'..=b'u' => {
                word[digits] = byte - b'!';
                digits += 1;
                if digits == 5 {
                    let word = word_of_85(word).ok_or_else(|| wrong("Ascii85 overflow"))?;
                    out.extend_from_slice(&word.to_be_bytes());
                    digits = 0;
                }
                continue;
            }
            b'z' => 0,
            b'y' if foldspaces => b' ',
            _ if ignored(byte)? => continue,
            _ => {
                let digit = char::from(byte);
                return Err(vm.value_error(format!("Non-Ascii85 digit found: {digit}")));
            }
        };
        if digits > 0 {
            let letter = char::from(byte);
            return Err(vm.value_error(format!("{letter} inside Ascii85 5-tuple")));
        }
        out.extend_from_slice(&[short; 4]);
    }
    if digits > 0 {
        word[digits..].fill(84);
        let word = word_of_85(word).ok_or_else(|| wrong("Ascii85 overflow"))?;
        out.extend_from_slice(&word.to_be_bytes()[..digits - 1]);
    }
    Ok(out)
}

/// Lines of `width` bytes; with `more`, there is room for two bytes in the last.
fn wrap(data: &[u8], width: usize, more: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() + data.len() / width + 1);
    let mut last = 0;
    for line in data.chunks(width) {
        if !out.is_empty() {
            out.push(b'\n');
        }
        out.extend_from_slice(line);
        last = line.len();
    }
    if more && width - last < 2 {
        out.push(b'\n');
    }
    out
}

#[pymodule(name = "_base64", doc = "Inner loops of the module base64.")]
pub mod module {
    use super::*;

    /// Which of the library's two alphabets this is.
    fn base32(vm: &Vm, alphabet: &BytesLike) -> PyResult<&'static Base32> {
        BASE32
            .iter()
            .find(|base| alphabet.with(|bytes| bytes == base.alphabet))
            .ok_or_else(|| vm.value_error("no alphabet of base 32"))
    }

    /// Encode the bytes in base 32, with padding.
    #[pyfunction(sig = "($module, data, alphabet, /)")]
    fn b32encode(vm: &Vm, data: BytesLike, alphabet: BytesLike) -> PyResult {
        let digits = base32(vm, &alphabet)?;
        let out = data.with(|bytes| digits.encode(bytes));
        Ok(vm.new_bytes_of(out)?.into_value())
    }

    /// Decode base 32 with its padding.
    #[pyfunction(sig = "($module, text, alphabet, /)")]
    fn b32decode(vm: &Vm, text: BytesLike, alphabet: BytesLike) -> PyResult {
        let digits = base32(vm, &alphabet)?;
        match text.with(|text| from_base32(digits, text)) {
            Ok(out) => Ok(vm.new_bytes_of(out)?.into_value()),
            Err(message) => Err(binascii::error(vm, message)),
        }
    }

    /// Whether all bytes are upper case hexadecimal digits.
    #[pyfunction(sig = "($module, text, /)")]
    fn is_base16(text: BytesLike) -> bool {
        let is_digit = |byte: &u8| byte.is_ascii_digit() | (b'A'..=b'F').contains(byte);
        text.with(|text| {
            text.chunks(64)
                .all(|part| part.iter().fold(true, |all, byte| all & is_digit(byte)))
        })
    }

    /// Encode the bytes in Ascii85, or in base 85 as git has it.
    ///
    ///   pad
    ///     Keep all digits of a last word that lacks bytes.
    ///   foldnuls
    ///     Write four zeros as 'z'.
    ///   foldspaces
    ///     Write four spaces as 'y'.
    #[pyfunction(sig = "($module, data, ascii85, pad, foldnuls, foldspaces, /)")]
    fn encode85(
        vm: &Vm,
        data: BytesLike,
        ascii85: bool,
        pad: bool,
        foldnuls: bool,
        foldspaces: bool,
    ) -> PyResult {
        let pairs = if ascii85 { &PAIRS_ASCII85 } else { &PAIRS_85 };
        let out = data.with(|bytes| to_base85(bytes, pairs, pad, foldnuls, foldspaces));
        Ok(vm.new_bytes_of(out)?.into_value())
    }

    /// Break the bytes into lines; with the last argument there is room for two bytes in the last line.
    #[pyfunction(sig = "($module, data, width, more, /)", name = "wrap")]
    fn wrap_lines(vm: &Vm, data: BytesLike, width: &Value, more: bool) -> PyResult {
        let width = number::index_clipped(vm, width)?.max(1) as usize;
        let out = data.with(|bytes| wrap(bytes, width, more));
        Ok(vm.new_bytes_of(out)?.into_value())
    }

    /// Decode base 85.
    #[pyfunction(sig = "($module, text, /)")]
    fn b85decode(vm: &Vm, text: BytesLike) -> PyResult {
        static TABLE: [u8; 256] = values(BASE85);
        match text.with(|text| from_base85(text, &TABLE)) {
            Ok(out) => Ok(vm.new_bytes_of(out)?.into_value()),
            Err(message) => Err(vm.value_error(message)),
        }
    }

    /// Decode Ascii85; what is neither a digit nor a short form is passed over if it is in the last argument.
    #[pyfunction(sig = "($module, text, foldspaces, ignorechars, /)")]
    fn a85decode(vm: &Vm, text: BytesLike, foldspaces: bool, ignorechars: &Value) -> PyResult {
        let out = if vm.type_of(ignorechars).is(&vm.types.bytes) {
            let ignored = BytesLike::of(vm, ignorechars)?;
            text.with(|text| {
                from_ascii85(vm, text, foldspaces, |byte| {
                    Ok(ignored.with(|bytes| bytes.contains(&byte)))
                })
            })?
        } else {
            // A copy: asking `ignorechars` may run Python.
            from_ascii85(vm, &text.with(<[u8]>::to_vec), foldspaces, |byte| {
                sequence::contains(vm, ignorechars, &vm.new_int(byte.into())?)
            })?
        };
        Ok(vm.new_bytes_of(out)?.into_value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_by_the_rfc() {
        for (data, text, pads) in [
            ("", "", 0),
            ("f", "MY", 6),
            ("fo", "MZXQ", 4),
            ("foo", "MZXW6", 3),
            ("foob", "MZXW6YQ", 1),
            ("foobar", "MZXW6YTBOI", 6),
        ] {
            let padded = format!("{text}{}", "=".repeat(pads));
            assert_eq!(BASE32[0].encode(data.as_bytes()), padded.as_bytes());
            assert_eq!(
                from_base32(&BASE32[0], padded.as_bytes()).unwrap(),
                data.as_bytes()
            );
        }
        for digits in &BASE32 {
            let all: Vec<u8> = (0..=255).collect();
            let text = digits.encode(&all);
            assert!(
                text.iter()
                    .all(|b| digits.alphabet.contains(b) || *b == b'=')
            );
            assert_eq!(from_base32(digits, &text).unwrap(), all);
            for byte in 0..=255 {
                let text = [byte; 8];
                let valid = digits.alphabet.contains(&byte);
                assert_eq!(digits.decode(&text, 0).is_some(), valid, "{byte}");
            }
        }
        let wrong = |text: &[u8]| from_base32(&BASE32[0], text).unwrap_err();
        assert_eq!(wrong(b"M1======"), "Non-base32 digit found");
        assert_eq!(wrong(b"M1"), "Incorrect padding");
        assert_eq!(wrong(b"MZXW6Y=="), "Incorrect padding");
    }

    #[test]
    fn base85_there_and_back() {
        let table = values(BASE85);
        for len in 0..40 {
            let data: Vec<u8> = (0..len).map(|i| (i * 37 + len) as u8).collect();
            let text = to_base85(&data, &PAIRS_85, false, false, false);
            assert_eq!(from_base85(&text, &table).unwrap(), data);
        }
        let wrong = |text: &[u8]| from_base85(text, &table).unwrap_err();
        assert_eq!(wrong(b"0000\""), "bad base85 character at position 4");
        assert_eq!(
            wrong(b"00000~~~~~"),
            "base85 overflow in hunk starting at byte 5"
        );
    }
}
