//! The codecs of text streams: UTF-8, ASCII and Latin-1 natively, others through the codec registry.
//!
//! A native decoder keeps at most three bytes of an incomplete sequence. Python decoders are incremental decoders of the
//! registry; their state is asked for where a position must be told.

use naja_heap::{Ref, Value};
use naja_vm::bytes::Bytes;
use naja_vm::str_::{self, Str};
use naja_vm::tuple::Tuple;
use naja_vm::{PyResult, Vm};

/// A codec that the machine has itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Native {
    Utf8,
    Ascii,
    Latin1,
}

impl Native {
    /// The codec of that name, if native, and if the error handler is one of the machine's.
    pub fn find(name: &str, errors: &str) -> Option<Native> {
        let known = [
            "strict",
            "ignore",
            "replace",
            "surrogateescape",
            "backslashreplace",
            "xmlcharrefreplace",
            "namereplace",
        ];
        if !known.contains(&errors) {
            return None;
        }
        let name: String = name
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_lowercase()
                } else {
                    '_'
                }
            })
            .collect();
        match name.as_str() {
            "utf_8" | "utf8" | "u8" => Some(Native::Utf8),
            "ascii" | "us_ascii" => Some(Native::Ascii),
            "latin_1" | "latin1" | "iso_8859_1" | "iso8859_1" => Some(Native::Latin1),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Native::Utf8 => "utf-8",
            Native::Ascii => "ascii",
            Native::Latin1 => "latin-1",
        }
    }
}

/// Bytes to text, piece by piece.
#[derive(Clone)]
pub enum Decoder {
    Native { codec: Native, pending: Vec<u8> },
    Python(Value),
}

/// How many bytes at the end of `data` are the start of a UTF-8 sequence that goes on.
fn incomplete(data: &[u8]) -> usize {
    match std::str::from_utf8(&data[data.len().saturating_sub(3)..]) {
        Ok(_) => 0,
        Err(_) => {
            for back in 1..=data.len().min(3) {
                let first = data[data.len() - back];
                let wanted = match first {
                    0xc2..=0xdf => 2,
                    0xe0..=0xef => 3,
                    0xf0..=0xf4 => 4,
                    0x80..=0xbf => continue,
                    _ => return 0,
                };
                let tail = &data[data.len() - back..];
                let unfinished = std::str::from_utf8(tail).is_err_and(|e| e.error_len().is_none());
                return if wanted > back && unfinished { back } else { 0 };
            }
            0
        }
    }
}

impl Decoder {
    /// Decodes the next bytes; the last ones where `last`. Gives WTF-8. Raises UnicodeDecodeError and what codecs raise.
    pub fn decode(
        &mut self,
        vm: &Vm,
        data: &[u8],
        errors: &Ref<Str>,
        last: bool,
    ) -> PyResult<Vec<u8>> {
        match self {
            Decoder::Python(decoder) => {
                let decoder = decoder.clone();
                let input = vm.new_bytes(data)?.into_value();
                let output =
                    vm.call_method_str(&decoder, "decode", &[input, Value::from_bool(last)])?;
                match str_::of(&output) {
                    Some(text) => Ok(text.as_bytes().to_vec()),
                    None => Err(vm.type_error(format!(
                        "decoder should return a string result, not '{}'",
                        vm.type_name(&output)
                    ))),
                }
            }
            Decoder::Native { codec, pending } => {
                let mut all = std::mem::take(pending);
                let data = if all.is_empty() {
                    data
                } else {
                    all.extend_from_slice(data);
                    &all
                };
                let mut end = data.len();
                if *codec == Native::Utf8 && !last {
                    end -= incomplete(data);
                }
                let (whole, rest) = data.split_at(end);
                let text = if whole.is_ascii()
                    || *codec == Native::Utf8 && std::str::from_utf8(whole).is_ok()
                {
                    whole.to_vec()
                } else {
                    let name = vm.intern(codec.name());
                    let value = str_::codecs::decode(vm, whole, Some(&name), Some(errors))?;
                    str_::of(&value)
                        .map(|t| t.as_bytes().to_vec())
                        .unwrap_or_default()
                };
                *pending = rest.to_vec();
                Ok(text)
            }
        }
    }

    /// Bytes not decoded yet, and the codec's flags.
    pub fn state(&self, vm: &Vm) -> PyResult<(Vec<u8>, i64)> {
        match self {
            Decoder::Native { pending, .. } => Ok((pending.clone(), 0)),
            Decoder::Python(decoder) => {
                let state = vm.call_method_str(decoder, "getstate", &[])?;
                let illegal = || vm.type_error("illegal decoder state");
                let Some([bytes, flags]) = state.downcast::<Tuple>().map(|t| t.items()) else {
                    return Err(illegal());
                };
                match (bytes.downcast::<Bytes>(), flags.as_small_int()) {
                    (Some(bytes), Some(flags)) => Ok((bytes.as_bytes().to_vec(), flags)),
                    (None, _) => Err(vm.type_error(format!(
                        "illegal decoder state: the first item should be a bytes object, not '{}'",
                        vm.type_name(bytes)
                    ))),
                    _ => Err(illegal()),
                }
            }
        }
    }

    pub fn set_state(&mut self, vm: &Vm, flags: i64) -> PyResult<()> {
        match self {
            Decoder::Native { pending, .. } => pending.clear(),
            Decoder::Python(decoder) => {
                let decoder = decoder.clone();
                let state =
                    vm.new_tuple(vec![vm.new_bytes(b"")?.into_value(), vm.new_int(flags)?])?;
                vm.call_method_str(&decoder, "setstate", &[state.into_value()])?;
            }
        }
        Ok(())
    }

    pub fn reset(&mut self, vm: &Vm) -> PyResult<()> {
        match self {
            Decoder::Native { pending, .. } => pending.clear(),
            Decoder::Python(decoder) => {
                let decoder = decoder.clone();
                vm.call_method_str(&decoder, "reset", &[])?;
            }
        }
        Ok(())
    }
}

/// Text to bytes, piece by piece.
#[derive(Clone)]
pub enum Encoder {
    Native(Native),
    Python(Value),
}

impl Encoder {
    pub fn encode(&self, vm: &Vm, text: &Ref<Str>, errors: &Ref<Str>) -> PyResult<Vec<u8>> {
        match self {
            Encoder::Native(codec) => {
                str_::codecs::encode(vm, text, &vm.intern(codec.name()), Some(errors))
            }
            Encoder::Python(encoder) => {
                let output = vm.call_method_str(encoder, "encode", &[text.to_value()])?;
                match output.downcast::<Bytes>() {
                    Some(bytes) => Ok(bytes.as_bytes().to_vec()),
                    None => Err(vm.type_error(format!(
                        "encoder should return a bytes object, not '{}'",
                        vm.type_name(&output)
                    ))),
                }
            }
        }
    }

    /// After a seek: the start of the stream gets a byte order mark again, other places none.
    pub fn at_position(&self, vm: &Vm, start: bool) -> PyResult<()> {
        if let Encoder::Python(encoder) = self {
            if start {
                vm.call_method_str(encoder, "reset", &[])?;
            } else {
                vm.call_method_str(encoder, "setstate", &[Value::small_int(0)])?;
            }
        }
        Ok(())
    }
}

/// The registry's entry of a text encoding. Raises LookupError.
pub fn lookup(vm: &Vm, encoding: &Ref<Str>) -> PyResult {
    str_::codecs::registry::lookup_text(vm, encoding, "codecs.open()")
}

/// A decoder and an encoder of an entry.
pub fn decoder(vm: &Vm, info: &Value, errors: &Ref<Str>) -> PyResult<Decoder> {
    Ok(Decoder::Python(vm.call_method_str(
        info,
        "incrementaldecoder",
        &[errors.to_value()],
    )?))
}

pub fn encoder(vm: &Vm, info: &Value, errors: &Ref<Str>) -> PyResult<Encoder> {
    Ok(Encoder::Python(vm.call_method_str(
        info,
        "incrementalencoder",
        &[errors.to_value()],
    )?))
}

#[cfg(test)]
mod tests {
    use super::incomplete;

    #[test]
    fn an_unfinished_sequence_waits() {
        assert_eq!(incomplete("aé".as_bytes()), 0);
        assert_eq!(incomplete(b"a\xc3"), 1);
        assert_eq!(incomplete(b"a\xe2\x82"), 2);
        assert_eq!(incomplete(b"a\xf0\x9f\x98"), 3);
        assert_eq!(incomplete(b"a\xff"), 0);
        assert_eq!(incomplete(b"\x80\x80\x80"), 0);
        assert_eq!(incomplete(b"\xe0\x80"), 0);
    }
}
