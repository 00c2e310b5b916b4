//! `_base64`: the inner loops of the library's `base64`: base 32 (RFC 4648), Ascii85 and base 85.
//!
//! The module `base64` keeps its functions, their arguments and the kinds they take; where CPython 3.14 loops over the data
//! in Python, the packed library calls these (see crates/stdlib/build/main.rs). Messages and the order of checks are those
//! of CPython's Lib/base64.py.

use crate::binascii;
use naja_heap::Value;
use naja_macros::pymodule;
use naja_vm::buffer::Buffer;
use naja_vm::protocols::sequence;
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

/// Groups of five bytes as eight digits; what is missing in the last is shown by `=`.
fn to_base32(data: &[u8], alphabet: &[u8; 32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len().div_ceil(5) * 8);
    let digits = |word: u64| {
        std::array::from_fn::<u8, 8, _>(|i| alphabet[(word >> (35 - 5 * i)) as usize & 31])
    };
    let word = |[a, b, c, d, e]: [u8; 5]| u64::from_be_bytes([0, 0, 0, a, b, c, d, e]);
    let (groups, rest) = data.as_chunks::<5>();
    for group in groups {
        out.extend_from_slice(&digits(word(*group)));
    }
    if !rest.is_empty() {
        let mut last = [0; 5];
        last[..rest.len()].copy_from_slice(rest);
        out.extend_from_slice(&digits(word(last)));
    }
    let pads = match data.len() % 5 {
        0 => 0,
        1 => 6,
        2 => 4,
        3 => 3,
        _ => 1,
    };
    let end = out.len() - pads;
    out[end..].fill(b'=');
    out
}

/// Digits, from whose end `pads` times `=` was taken.
fn from_base32(text: &[u8], alphabet: &[u8; 32], pads: usize) -> Result<Vec<u8>, Wrong> {
    let table = values(alphabet);
    let mut out = Vec::with_capacity(text.len().div_ceil(8) * 5);
    let mut all = 0;
    let mut group = |digits: [u8; 8]| {
        let mut word = 0;
        for digit in digits {
            let value = table[usize::from(digit)];
            all |= value;
            word = word << 5 | u64::from(value & 31);
        }
        let [.., a, b, c, d, e] = word.to_be_bytes();
        out.extend_from_slice(&[a, b, c, d, e]);
    };
    let (groups, rest) = text.as_chunks::<8>();
    groups.iter().for_each(|digits| group(*digits));
    if !rest.is_empty() {
        let mut last = [alphabet[0]; 8];
        last[..rest.len()].copy_from_slice(rest);
        group(last);
    }
    if all >= 32 {
        return Err("Non-base32 digit found".into());
    }
    let missing = match pads {
        0 => 0,
        1 => 1,
        3 => 2,
        4 => 3,
        6 => 4,
        _ => return Err("Incorrect padding".into()),
    };
    out.truncate(out.len().saturating_sub(missing));
    Ok(out)
}

/// Words of four bytes as five digits.
///
/// * `pad`: keep all digits of the last word where bytes of it are missing.
/// * `zeros`, `spaces`: a word of four zeros is a `z`, of four spaces a `y`.
fn to_base85(data: &[u8], alphabet: &[u8; 85], pad: bool, zeros: bool, spaces: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len().div_ceil(4) * 5);
    let digits = |word: u32| {
        let digit = |n: u32| alphabet[(n % 85) as usize];
        let (high, low) = (word / 7225, word % 7225);
        let (first, middle) = (high / 7225, high % 7225);
        [
            digit(first),
            digit(middle / 85),
            digit(middle),
            digit(low / 85),
            digit(low),
        ]
    };
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        match u32::from_be_bytes(*word) {
            0 if zeros => out.push(b'z'),
            0x2020_2020 if spaces => out.push(b'y'),
            word => out.extend_from_slice(&digits(word)),
        }
    }
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

/// Base 85 in groups of five digits; a last group that is shorter stands for as many bytes less.
fn from_base85(text: &[u8], table: &[u8; 256]) -> Result<Vec<u8>, Wrong> {
    let missing = (5 - text.len() % 5) % 5;
    let mut out = vec![0; text.len().div_ceil(5) * 4];
    for (i, (group, bytes)) in text.chunks(5).zip(out.chunks_exact_mut(4)).enumerate() {
        let mut digits = [84; 5];
        for (digit, &byte) in digits.iter_mut().zip(group) {
            *digit = table[usize::from(byte)];
        }
        if digits.contains(&NONE) {
            let at = digits.iter().position(|d| *d == NONE).unwrap_or(0);
            return Err(format!("bad base85 character at position {}", i * 5 + at));
        }
        let word = digits.iter().fold(0, |word, d| word * 85 + u64::from(*d));
        let Ok(word) = u32::try_from(word) else {
            return Err(format!(
                "base85 overflow in hunk starting at byte {}",
                i * 5
            ));
        };
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    out.truncate(out.len().saturating_sub(missing));
    Ok(out)
}

const BASE85: &[u8; 85] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";

/// The digits of an Ascii85 text, met one by one.
#[derive(Default)]
struct Ascii85 {
    out: Vec<u8>,
    word: u64,
    /// How many digits of the next word are there.
    digits: usize,
}

impl Ascii85 {
    fn digit(&mut self, byte: u8) -> Result<(), Wrong> {
        self.word = self.word * 85 + u64::from(byte - b'!');
        self.digits += 1;
        if self.digits == 5 {
            let Ok(word) = u32::try_from(self.word) else {
                return Err("Ascii85 overflow".into());
            };
            self.out.extend_from_slice(&word.to_be_bytes());
            (self.word, self.digits) = (0, 0);
        }
        Ok(())
    }

    /// A letter that stands for a word of its own.
    fn short(&mut self, letter: char, byte: u8) -> Result<(), Wrong> {
        if self.digits > 0 {
            return Err(format!("{letter} inside Ascii85 5-tuple"));
        }
        self.out.extend_from_slice(&[byte; 4]);
        Ok(())
    }

    /// As if four times the last digit followed: the bytes that are so made up do not count.
    fn finish(mut self) -> Result<Vec<u8>, Wrong> {
        for _ in 0..4 {
            self.digit(b'u')?;
        }
        let made_up = 4 - self.digits;
        self.out.truncate(self.out.len().saturating_sub(made_up));
        Ok(self.out)
    }
}

#[pymodule(name = "_base64", doc = "Inner loops of the module base64.")]
pub mod module {
    use super::*;

    fn alphabet<const N: usize>(vm: &Vm, bytes: &Buffer) -> PyResult<[u8; N]> {
        bytes
            .with(|bytes| bytes.try_into().ok())
            .ok_or_else(|| vm.value_error(format!("the alphabet must be {N} bytes long")))
    }

    /// Encode the bytes in base 32, with padding.
    #[pyfunction(sig = "($module, data, alphabet, /)")]
    fn b32encode(vm: &Vm, data: Buffer, alphabet: Buffer) -> PyResult {
        let digits = self::alphabet(vm, &alphabet)?;
        let out = data.with(|bytes| to_base32(bytes, &digits));
        Ok(vm.new_bytes_of(out)?.into_value())
    }

    /// Decode base 32 whose padding, as many bytes as the last argument says, has been taken off.
    #[pyfunction(sig = "($module, text, alphabet, padchars, /)")]
    fn b32decode(vm: &Vm, text: Buffer, alphabet: Buffer, padchars: usize) -> PyResult {
        let digits = self::alphabet::<32>(vm, &alphabet)?;
        match text.with(|text| from_base32(text, &digits, padchars)) {
            Ok(out) => Ok(vm.new_bytes_of(out)?.into_value()),
            Err(message) => Err(binascii::error(vm, message)),
        }
    }

    /// Encode the bytes in base 85 with the given digits.
    ///
    ///   pad
    ///     Keep all digits of a last word that lacks bytes.
    ///   foldnuls
    ///     Write four zeros as 'z'.
    ///   foldspaces
    ///     Write four spaces as 'y'.
    #[pyfunction(sig = "($module, data, alphabet, pad, foldnuls, foldspaces, /)")]
    fn encode85(
        vm: &Vm,
        data: Buffer,
        alphabet: Buffer,
        pad: bool,
        foldnuls: bool,
        foldspaces: bool,
    ) -> PyResult {
        let digits = self::alphabet(vm, &alphabet)?;
        let out = data.with(|bytes| to_base85(bytes, &digits, pad, foldnuls, foldspaces));
        Ok(vm.new_bytes_of(out)?.into_value())
    }

    /// Decode base 85.
    #[pyfunction(sig = "($module, text, /)")]
    fn b85decode(vm: &Vm, text: Buffer) -> PyResult {
        static TABLE: [u8; 256] = values(BASE85);
        match text.with(|text| from_base85(text, &TABLE)) {
            Ok(out) => Ok(vm.new_bytes_of(out)?.into_value()),
            Err(message) => Err(vm.value_error(message)),
        }
    }

    /// Decode Ascii85; what is neither a digit nor a short form is passed over if it is in the last argument.
    #[pyfunction(sig = "($module, text, foldspaces, ignorechars, /)")]
    fn a85decode(vm: &Vm, text: Buffer, foldspaces: bool, ignorechars: &Value) -> PyResult {
        // A copy: asking `ignorechars` may run Python.
        let text = text.to_vec();
        let mut words = Ascii85 {
            out: Vec::with_capacity(text.len() / 5 * 4 + 4),
            ..Default::default()
        };
        for byte in text {
            let result = match byte {
                b'!'..=b'u' => words.digit(byte),
                b'z' => words.short('z', 0),
                b'y' if foldspaces => words.short('y', b' '),
                _ if sequence::contains(vm, ignorechars, &vm.new_int(byte.into())?)? => Ok(()),
                _ => Err(format!("Non-Ascii85 digit found: {}", char::from(byte))),
            };
            result.map_err(|message| vm.value_error(message))?;
        }
        let out = words.finish().map_err(|message| vm.value_error(message))?;
        Ok(vm.new_bytes_of(out)?.into_value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

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
            assert_eq!(to_base32(data.as_bytes(), BASE32), padded.as_bytes());
            assert_eq!(
                from_base32(text.as_bytes(), BASE32, pads).unwrap(),
                data.as_bytes()
            );
        }
        assert_eq!(
            from_base32(b"M1", BASE32, 6).unwrap_err(),
            "Non-base32 digit found"
        );
        assert_eq!(
            from_base32(b"MZXW6Y", BASE32, 2).unwrap_err(),
            "Incorrect padding"
        );
    }

    #[test]
    fn base85_there_and_back() {
        let table = values(BASE85);
        for len in 0..40 {
            let data: Vec<u8> = (0..len).map(|i| (i * 37 + len) as u8).collect();
            let text = to_base85(&data, BASE85, false, false, false);
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
