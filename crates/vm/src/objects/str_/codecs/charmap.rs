//! The codec of character maps: bytes to characters by a table, and back.
//!
//! CPython: Objects/unicodeobject.c.

use super::super::{Str, of};
use super::{Decoding, Encoding, Errors, Kind, Replacement};
use crate::objects::bytes::Bytes;
use crate::protocols::{number, object};
use crate::vm::{PyResult, Raised, Vm};
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};
use rustc_hash::FxHashMap;

const UNDEFINED: &str = "character maps to <undefined>";

/// A table from characters to bytes, made by `charmap_build`.
#[pyclass(name = "EncodingMap", module = "builtins", doc = "", flags(NO_NEW))]
pub struct EncodingMap {
    bytes: FxHashMap<u32, u8>,
    /// What CPython's three-level table would take.
    size: usize,
}

#[pymethods]
impl EncodingMap {
    /// Return the size (in bytes) of this object.
    #[pymethod(sig = "($self, /)")]
    fn size(&self) -> usize {
        self.size
    }
}

/// The encoding map of a decoding table (a dict where it does not fit).
pub fn build(vm: &Vm, table: &Ref<Str>) -> PyResult {
    let chars: Vec<u32> = table.code_points().take(256).collect();
    let usual = chars.first() == Some(&0) && chars[1..].iter().all(|&c| c != 0 && c <= 0xffff);
    let blocks = |shift: u32| {
        let mut seen: Vec<u32> = chars[1.min(chars.len())..]
            .iter()
            .filter(|&&c| c != 0xfffe)
            .map(|c| c >> shift)
            .collect();
        seen.sort_unstable();
        seen.dedup();
        seen.len()
    };
    let (second, third) = (blocks(11), blocks(7));
    if !usual || second >= 0xff || third >= 0xff {
        let dict = vm.new_dict()?;
        for (i, c) in chars.into_iter().enumerate() {
            dict.set(vm, &vm.new_int(c as i64)?, vm.new_int(i as i64)?)?;
        }
        return Ok(dict.into_value());
    }
    let pairs = chars.iter().enumerate().filter(|(_, c)| **c != 0xfffe);
    let bytes = pairs.map(|(i, &c)| (c, i as u8)).collect();
    let map = EncodingMap {
        bytes,
        size: 63 + 16 * second + 128 * third,
    };
    Ok(vm.new_object(map)?.into_value())
}

/// The item of a mapping that a number has; None where there is none.
fn item(vm: &Vm, mapping: &Value, key: u32) -> PyResult<Option<Value>> {
    let key = vm.new_int(key as i64)?;
    match object::get_item(vm, mapping, &key) {
        Ok(value) if value.is_none() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(Raised) if vm.catch(&vm.types.lookup_error) => Ok(None),
        Err(raised) => Err(raised),
    }
}

/// Decodes by a mapping: a str with 256 characters at most, or anything with items. Raises UnicodeDecodeError, TypeError,
/// what the handler raises.
pub fn decode(vm: &Vm, data: &[u8], errors: &Errors, mapping: &Value) -> PyResult<Ref<Str>> {
    let mut run = Decoding::new(vm, "charmap", data, errors);
    let table: Option<Vec<u32>> = of(mapping)
        .filter(|_| vm.type_of(mapping).is(&vm.types.str))
        .map(|table| table.code_points().take(256).collect());
    let mut at = 0;
    while let Some(&b) = run.data.get(at) {
        let fine = match &table {
            Some(table) => match table.get(b as usize) {
                None | Some(0xfffe) => false,
                Some(&c) => {
                    run.push(c);
                    true
                }
            },
            None => decode_item(vm, &mut run, mapping, b)?,
        };
        at = if fine {
            at + 1
        } else {
            run.error(at, at + 1, UNDEFINED)?
        };
    }
    run.finish()
}

fn decode_item(vm: &Vm, run: &mut Decoding, mapping: &Value, b: u8) -> PyResult<bool> {
    let Some(value) = item(vm, mapping, b as u32)? else {
        return Ok(false);
    };
    if number::is_int(vm, &value) {
        return match small(&value) {
            Some(0xfffe) => Ok(false),
            Some(c @ 0..0x110000) => {
                run.push(c as u32);
                Ok(true)
            }
            _ => Err(vm.type_error("character mapping must be in range(0x110000)")),
        };
    }
    match of(&value) {
        Some(text) if text.char_len() == 1 && text.char_at(0) == 0xfffe => Ok(false),
        Some(text) => {
            run.out.extend_from_slice(text.as_bytes());
            Ok(true)
        }
        None => Err(vm.type_error("character mapping must return integer, None or str")),
    }
}

fn small(value: &Value) -> Option<i64> {
    crate::objects::int::as_i64(value)
}

/// Appends a character's bytes; false where the mapping has none.
fn put(vm: &Vm, mapping: &Value, c: u32, out: &mut Vec<u8>) -> PyResult<bool> {
    if let Some(map) = mapping.downcast::<EncodingMap>() {
        let byte = map.bytes.get(&c);
        out.extend(byte);
        return Ok(byte.is_some());
    }
    let Some(value) = item(vm, mapping, c)? else {
        return Ok(false);
    };
    if number::is_int(vm, &value) {
        return match small(&value) {
            Some(byte @ 0..256) => {
                out.push(byte as u8);
                Ok(true)
            }
            _ => Err(vm.type_error("character mapping must be in range(256)")),
        };
    }
    match value.downcast::<Bytes>() {
        Some(bytes) => {
            out.extend_from_slice(bytes.as_bytes());
            Ok(true)
        }
        None => Err(vm.type_error(format!(
            "character mapping must return integer, bytes or None, not {}",
            vm.type_of(&value).full_name()
        ))),
    }
}

/// Encodes by a mapping. Raises UnicodeEncodeError, TypeError, what the handler raises.
pub fn encode(vm: &Vm, text: &Ref<Str>, errors: &Errors, mapping: &Value) -> PyResult<Vec<u8>> {
    let mut run = Encoding::new(vm, "charmap", text, errors);
    if !matches!(errors.kind, Kind::SurrogateEscape) {
        let out = Vec::with_capacity(text.char_len());
        return run.encode_each(out, UNDEFINED, (true, 0x110000, 1), |c, out| {
            put(vm, mapping, c, out)
        });
    }
    // Escaped bytes in a run with others are not written: the whole run is the fault.
    let points: Vec<u32> = text.code_points().collect();
    let mut out = Vec::with_capacity(points.len());
    let mut at = 0;
    while at < points.len() {
        let mut end = at;
        let mut len = out.len();
        while end < points.len() && !put(vm, mapping, points[end], &mut out)? {
            end += 1;
            len = out.len();
        }
        if end == at {
            at += 1;
            continue;
        }
        out.truncate(len);
        if !points[at..end].iter().all(|c| (0xdc80..0xdd00).contains(c)) {
            return Err(run.raise(at, end, UNDEFINED));
        }
        if let (Replacement::Bytes(bytes), _) = run.error(&points, at, end, UNDEFINED)? {
            out.extend(bytes)
        }
        at = end;
    }
    Ok(out)
}
