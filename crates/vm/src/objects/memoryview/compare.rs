//! Equality of memory: same shape, and equal items, each read by its own format.
//!
//! CPython: Objects/memoryobject.c (memory_richcompare). Formats that are not native single characters are read by the
//! module `struct`, as CPython does; items of unknown formats are never equal.

use super::{MemoryView, format};
use crate::objects::buffer::{Buffer, flags};
use crate::protocols::compare::CompareOp;
use crate::protocols::{attributes, compare as protocol};
use crate::vm::{PyResult, Vm};
use naja_heap::Value;

/// How the items of a buffer are made objects.
enum Reader {
    Native(u8),
    /// `struct.Struct(format).unpack_from`.
    Struct(Value),
}

impl Reader {
    fn of(vm: &Vm, view: &Buffer) -> PyResult<Option<Reader>> {
        if let Some(format) = format::native(&view.format) {
            return Ok(Some(Reader::Native(format)));
        }
        let module = crate::import::import_simple(vm, "struct")?;
        let error = attributes::get_by(vm, &module, "error")?;
        let format = vm.new_str(&*view.format)?.into_value();
        match vm.call_method_str(&module, "Struct", &[format]) {
            Ok(made) => Ok(Some(Reader::Struct(attributes::get_by(
                vm,
                &made,
                "unpack_from",
            )?))),
            Err(raised) => match error.downcast::<crate::objects::type_::Type>() {
                Some(error) if vm.catch(error) => Ok(None),
                _ => Err(raised),
            },
        }
    }

    fn read(&self, vm: &Vm, item: &[u8]) -> PyResult {
        match self {
            Reader::Native(format) => format::unpack(vm, *format, item),
            Reader::Struct(unpack) => vm.call(unpack, &[vm.new_bytes(item)?.into_value()]),
        }
    }
}

fn same_shape(a: &Buffer, b: &Buffer) -> bool {
    a.shape.len() == b.shape.len()
        && a.shape
            .iter()
            .zip(&b.shape)
            // Behind an empty dimension the rest does not matter.
            .try_for_each(|(x, y)| match (x == y, *x) {
                (false, _) => Err(false),
                (true, 0) => Err(true),
                _ => Ok(()),
            })
            .map_or_else(|same| same, |()| true)
}

fn equal(vm: &Vm, a: &Buffer, b: &Buffer) -> PyResult<bool> {
    if !same_shape(a, b) {
        return Ok(false);
    }
    let strip = |f: &str| f.trim_start_matches('@').to_string();
    let floats = |f: Option<u8>| matches!(f, Some(b'e' | b'f' | b'd' | b'?'));
    let native = format::native(&a.format);
    let (x, y) = (a.to_vec(), b.to_vec());
    if native.is_some() && strip(&a.format) == strip(&b.format) && !floats(native) {
        return Ok(x == y);
    }
    let (Some(read_a), Some(read_b)) = (Reader::of(vm, a)?, Reader::of(vm, b)?) else {
        return Ok(false);
    };
    let items = x
        .chunks_exact(a.itemsize.max(1))
        .zip(y.chunks_exact(b.itemsize.max(1)));
    for (i, j) in items {
        let (i, j) = (read_a.read(vm, i)?, read_b.read(vm, j)?);
        // Not by identity first: a NaN is not equal to itself.
        let same = protocol::rich_compare(vm, &i, &j, CompareOp::Eq)?;
        if !crate::protocols::object::is_true(vm, &same)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The comparison of a memoryview with anything that has a buffer.
pub fn compare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
    if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    let answer = |equal: bool| Value::from_bool(equal == (op == CompareOp::Eq));
    let Some(view) = a.downcast::<MemoryView>() else {
        return Ok(Value::NOT_IMPLEMENTED);
    };
    if view.is_released() {
        return Ok(answer(a.is(b)));
    }
    let x = view.buffer(vm)?;
    let y = match b.downcast::<MemoryView>() {
        Some(other) if other.is_released() => return Ok(answer(a.is(b))),
        Some(other) => other.buffer(vm)?,
        None if !Buffer::supported(vm, b) => return Ok(Value::NOT_IMPLEMENTED),
        None => match Buffer::get(vm, b, flags::FULL_RO) {
            Ok(y) => y,
            Err(_) => {
                vm.clear_exception();
                return Ok(Value::NOT_IMPLEMENTED);
            }
        },
    };
    Ok(answer(equal(vm, &x, &y)?))
}
