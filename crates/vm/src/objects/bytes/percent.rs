//! `bytes % args`. CPython: Objects/bytesobject.c (_PyBytes_FormatEx).

use super::Bytes;
use super::methods::Part;
use crate::objects::bytearray::ByteArray;
use crate::objects::int::error;
use crate::objects::str_::percent::{Failure, Source, integer};
use crate::protocols::{number, object};
use crate::vm::{PyResult, Vm};
use naja_heap::Value;
use naja_numbers::percent::{self, Directive, Parser, Piece};

/// The text of `format % args`.
pub fn format(vm: &Vm, template: &[u8], args: &Value) -> PyResult<Vec<u8>> {
    let is_bytes = args.downcast::<Bytes>().is_some() || args.downcast::<ByteArray>().is_some();
    let mut source = Source::new(vm, args, true, is_bytes);
    let mut parser = Parser::of_bytes(template);
    let mut out = Vec::with_capacity(template.len());
    loop {
        let step = match parser.next_piece(&mut source) {
            Ok(None) => break,
            Ok(Some(Piece::Literal(text))) => {
                out.extend_from_slice(text);
                continue;
            }
            Ok(Some(Piece::Directive(directive))) => source
                .next()
                .map_err(Failure::from)
                .and_then(|value| one(vm, &parser, &directive, &value, &mut out)),
            Err(failure) => Err(failure),
        };
        match step {
            Ok(()) => {}
            Err(Failure::Number(e)) => return Err(error::raise(vm, e)),
            Err(Failure::Raised(raised)) => return Err(raised),
        }
    }
    if source.has_unused() {
        return Err(vm.type_error("not all arguments converted during bytes formatting"));
    }
    Ok(out)
}

/// The bytes of `%b`: of a bytes-like object, or by `__bytes__`.
fn content(vm: &Vm, value: &Value) -> PyResult<Vec<u8>> {
    if let Some(bytes) = value.downcast::<Bytes>() {
        return Ok(bytes.as_bytes().to_vec());
    }
    if let Some(made) = vm.call_special(value, &vm.names.__bytes__, &[])? {
        return match made.downcast::<Bytes>() {
            Some(bytes) => Ok(bytes.as_bytes().to_vec()),
            None => Err(vm.type_error(format!(
                "__bytes__ returned non-bytes (type {})",
                vm.type_of(&made).full_name()
            ))),
        };
    }
    match Part::of_optional(vm, value)? {
        Some(part) => Ok(part.with(<[u8]>::to_vec)),
        None => Err(vm.type_error(format!(
            "%b requires a bytes-like object, or an object that implements __bytes__, not '{}'",
            vm.type_of(value).full_name()
        ))),
    }
}

/// The byte of `%c`.
fn character(vm: &Vm, value: &Value) -> PyResult<u8> {
    let (data, kind) = match (value.downcast::<Bytes>(), value.downcast::<ByteArray>()) {
        (Some(bytes), _) => (bytes.as_bytes().to_vec(), "bytes"),
        (_, Some(array)) => (array.to_vec(), "bytearray"),
        _ => {
            if !number::has_index(vm, value) {
                return Err(vm.type_error(format!(
                    "%c requires an integer in range(256) or a single byte, not {}",
                    vm.type_of(value).qualified(vm)
                )));
            }
            return match number::index_i64(vm, value)?.map(u8::try_from) {
                Some(Ok(byte)) => Ok(byte),
                _ => Err(vm.overflow_error("%c arg not in range(256)")),
            };
        }
    };
    match data.as_slice() {
        [byte] => Ok(*byte),
        many => Err(vm.type_error(format!(
            "%c requires an integer in range(256) or a single byte, not a {kind} object of length {}",
            many.len()
        ))),
    }
}

fn one(
    vm: &Vm,
    parser: &Parser,
    directive: &Directive,
    value: &Value,
    out: &mut Vec<u8>,
) -> Result<(), Failure> {
    let kind = directive.kind_byte();
    let limit = vm.interp.state.int_max_str_digits.get();
    match kind {
        b's' | b'b' => Ok(percent::format_text(
            &content(vm, value)?,
            directive,
            true,
            out,
        )?),
        b'r' | b'a' => {
            let text = object::ascii(vm, value)?;
            Ok(percent::format_text(text.as_bytes(), directive, true, out)?)
        }
        b'd' | b'i' | b'u' | b'o' | b'x' | b'X' => Ok(percent::format_int(
            &integer(vm, kind, value)?,
            directive,
            limit,
            out,
        )?),
        b'e' | b'E' | b'f' | b'F' | b'g' | b'G' => {
            let x = match number::as_f64(vm, value) {
                Ok(x) => x,
                Err(_) if vm.catch(&vm.types.type_error) => {
                    return Err(vm
                        .type_error(format!(
                            "float argument required, not {}",
                            vm.type_of(value).full_name()
                        ))
                        .into());
                }
                Err(raised) => return Err(raised.into()),
            };
            Ok(percent::format_float(x, directive, out)?)
        }
        b'c' => Ok(percent::format_character(
            &[character(vm, value)?],
            directive,
            true,
            out,
        )?),
        _ => Err(parser.unsupported(directive).into()),
    }
}
