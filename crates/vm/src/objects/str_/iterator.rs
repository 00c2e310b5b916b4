//! The iterators of `str`. CPython: Objects/unicodeobject.c (PyUnicodeIter_Type).
//!
//! The iterator keeps the byte offset of the next code point, so that long text that is not ASCII is walked in linear
//! time; the count of code points is worked out only for pickling.

use super::{Str, count_chars, decode_at};
use crate::objects::iterators::{reduce_empty, reduce_iter};
use crate::protocols::number;
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use std::cell::Cell;

/// Where an iterator stands.
#[derive(Default)]
pub struct Position {
    text: MutCell<Option<Ref<Str>>>,
    offset: Cell<usize>,
}

impl Position {
    #[inline]
    fn next(&self, vm: &Vm) -> PyResult<Option<Value>> {
        let at = self.offset.get();
        let ascii = self.text.with(|text| {
            let byte = *text.as_ref()?.as_bytes().get(at)?;
            byte.is_ascii().then_some(byte)
        });
        if let Some(byte) = ascii {
            self.offset.set(at + 1);
            return Ok(Some(vm.interp.latin1_char(byte).into_value()));
        }
        self.next_other(vm)
    }

    fn next_other(&self, vm: &Vm) -> PyResult<Option<Value>> {
        let Some(text) = self.text.get() else {
            return Ok(None);
        };
        let at = self.offset.get();
        if at >= text.byte_len() {
            drop(self.text.take());
            return Ok(None);
        }
        let (c, width) = decode_at(text.as_bytes(), at);
        self.offset.set(at + width);
        vm.new_char(c).map(|c| Some(c.into_value()))
    }

    fn done(&self, text: &Str) -> usize {
        count_chars(&text.as_bytes()[..self.offset.get().min(text.byte_len())])
    }

    fn left(&self) -> usize {
        match self.text.get() {
            Some(text) => text.char_len() - self.done(&text),
            None => 0,
        }
    }

    fn reduce(&self, vm: &Vm) -> PyResult {
        let iter = vm.builtin("iter")?; // first: looking it up can run Python code
        match self.text.get() {
            Some(text) => {
                let done = self.done(&text) as isize;
                reduce_iter(vm, iter, text.into_value(), Some(done))
            }
            None => reduce_empty(vm, iter, vm.interp.empty_str().into_value()),
        }
    }

    fn set(&self, vm: &Vm, state: &Value) -> PyResult<()> {
        let index = number::index_isize(vm, state)?;
        if let Some(text) = self.text.get() {
            self.offset
                .set(text.byte_offset((index.max(0) as usize).min(text.char_len())))
        }
        Ok(())
    }
}

macro_rules! iterator {
    ($ty:ident, $name:literal) => {
        #[pyclass(name = $name, module = "builtins", gc, flags(NO_NEW))]
        pub struct $ty(Position);

        impl Traverse for $ty {
            fn traverse(&self, v: &mut Visitor) {
                self.0.text.with(|t| t.iter().for_each(|t| v.reference(t)))
            }
            fn clear(&self) {
                drop(self.0.text.take())
            }
        }

        #[pymethods]
        impl $ty {
            #[pyslot]
            fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
                Ok(zelf.clone())
            }

            #[pyslot]
            fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
                zelf.0.next(vm)
            }

            /// Private method returning an estimate of len(list(it)).
            #[pymethod]
            fn __length_hint__(&self) -> usize {
                self.0.left()
            }

            /// Return state information for pickling.
            #[pymethod]
            fn __reduce__(&self, vm: &Vm) -> PyResult {
                self.0.reduce(vm)
            }

            /// Set state information for unpickling.
            #[pymethod(sig = "($self, object, /)")]
            fn __setstate__(&self, vm: &Vm, object: &Value) -> PyResult<()> {
                self.0.set(vm, object)
            }
        }
    };
}

iterator!(StrIterator, "str_iterator");
iterator!(StrAsciiIterator, "str_ascii_iterator");

/// The next character of an iterator over ASCII text; None for other iterators, and at the end.
#[inline(always)]
pub(crate) fn next_ascii(vm: &Vm, it: &Value) -> Option<Value> {
    let position = &it.downcast::<StrAsciiIterator>()?.0;
    let at = position.offset.get();
    let byte = position
        .text
        .with(|text| text.as_ref()?.as_bytes().get(at).copied())?;
    position.offset.set(at + 1);
    Some(vm.interp.latin1_char(byte).into_value())
}

/// `iter(text)`.
pub fn make(vm: &Vm, text: &Ref<Str>) -> PyResult {
    let position = Position {
        text: MutCell::new(Some(text.clone())),
        offset: Cell::new(0),
    };
    if text.is_ascii() {
        Ok(vm.new_object(StrAsciiIterator(position))?.into_value())
    } else {
        Ok(vm.new_object(StrIterator(position))?.into_value())
    }
}
