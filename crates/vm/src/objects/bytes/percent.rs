//! `bytes % args`. CPython: Objects/bytesobject.c (_PyBytes_FormatEx).

use super::Bytes;
use super::parts::Part;
use crate::objects::bytearray::ByteArray;
use crate::objects::str_::percent::{Failure, Source, fill, number_directive};
use crate::protocols::{number, object};
use crate::vm::{PyResult, Vm};
use naja_heap::Value;
use naja_numbers::percent::{self, Directive};

/// The text of `format % args`.
pub fn format(vm: &Vm, template: &[u8], args: &Value) -> PyResult<Vec<u8>> {
    let is_bytes = args.downcast::<Bytes>().is_some() || args.downcast::<ByteArray>().is_some();
    let source = Source::new(vm, args, true, is_bytes);
    let mut out = Vec::with_capacity(template.len());
    fill(template, source, &mut out, |directive, value, out| {
        one(vm, directive, value, out)
    })?;
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

/// Appends the text of one directive.
fn one(vm: &Vm, directive: &Directive, value: &Value, out: &mut Vec<u8>) -> Result<(), Failure> {
    match directive.kind_byte() {
        b's' | b'b' => Ok(percent::format_text(&content(vm, value)?, directive, out)?),
        b'r' | b'a' => {
            let text = object::ascii(vm, value)?;
            Ok(percent::format_text(text.as_bytes(), directive, out)?)
        }
        b'c' => {
            let byte = character(vm, value)?;
            Ok(percent::format_character(&[byte], directive, out)?)
        }
        _ => number_directive(vm, directive, value, out),
    }
}
