//! `_string`: the pieces of format templates, for `string.Formatter`.
//!
//! CPython: Objects/unicodeobject.c (`_string_methods`).

use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_numbers::strformat::{Key, Step, Template, split_field_name};
use naja_vm::str_::{self, Str};
use naja_vm::{PyResult, Traverse, Visitor, Vm};
use std::cell::Cell;

/// What is left to give of a template or field name, found out when it was made, and perhaps an error at its end.
struct Pieces {
    items: MutCell<Vec<Value>>,
    error: MutCell<Option<String>>,
    at: Cell<usize>,
}

impl Pieces {
    fn new(items: Vec<Value>, error: Option<String>) -> Pieces {
        Pieces {
            items: MutCell::new(items),
            error: MutCell::new(error),
            at: Cell::new(0),
        }
    }

    fn next(&self, vm: &Vm) -> PyResult<Option<Value>> {
        let at = self.at.get();
        if let Some(item) = self.items.with(|items| items.get(at).cloned()) {
            self.at.set(at + 1);
            return Ok(Some(item));
        }
        match self.error.take() {
            Some(message) => Err(vm.value_error(message)),
            None => Ok(None),
        }
    }
}

#[pyclass(
    name = "formatteriterator",
    module = "builtins",
    doc = "",
    gc,
    flags(NO_NEW)
)]
pub struct FormatterIterator(Pieces);

#[pyclass(
    name = "fieldnameiterator",
    module = "builtins",
    doc = "",
    gc,
    flags(NO_NEW)
)]
pub struct FieldNameIterator(Pieces);

macro_rules! pieces {
    ($($ty:ident)*) => { $(
        impl Traverse for $ty {
            fn traverse(&self, v: &mut Visitor) {
                self.0.items.with(|items| items.iter().for_each(|x| v.value(x)))
            }
            fn clear(&self) {
                drop(self.0.items.take())
            }
        }

        #[pymethods]
        impl $ty {
            #[pyslot]
            fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
                Ok(zelf.clone())
            }

            #[pyslot]
            fn iternext(&self, vm: &Vm) -> PyResult<Option<Value>> {
                self.0.next(vm)
            }
        }
    )* };
}

pieces! { FormatterIterator FieldNameIterator }

fn text_of<'a>(vm: &Vm, value: &'a Value) -> PyResult<&'a Ref<Str>> {
    str_::of(value).ok_or_else(|| {
        vm.type_error(format!(
            "expected str, got {}",
            vm.type_of(value).full_name()
        ))
    })
}

fn key_value(vm: &Vm, key: Key) -> PyResult {
    match key {
        Key::Index(n) => vm.new_int(n as i64),
        Key::Name(name) => Ok(vm.new_str_wtf8(name)?.into_value()),
    }
}

fn message(error: naja_numbers::NumError) -> String {
    match error {
        naja_numbers::NumError::Value(text) => text.to_string(),
        other => format!("{other:?}"),
    }
}

#[pymodule(name = "_string", doc = "string helper module")]
pub mod module {
    use super::*;

    /// split the argument as a field name
    #[pyfunction(sig = "($self, object, /)", raw)]
    fn formatter_field_name_split(vm: &Vm, args: naja_vm::Args) -> PyResult {
        let [name] = args.args else {
            return Err(vm.type_error(format!(
                "_string.formatter_field_name_split() takes exactly one argument ({} given)",
                args.args.len()
            )));
        };
        let name = text_of(vm, name)?;
        let (first, steps) = match split_field_name(name.as_bytes()) {
            Ok(parts) => parts,
            Err(error) => return Err(vm.value_error(message(error))),
        };
        let (mut items, mut error) = (Vec::new(), None);
        for step in steps {
            let (is_attribute, key) = match step {
                Ok(Step::Attribute(name)) => (true, Key::Name(name)),
                Ok(Step::Item(key)) => (false, key),
                Err(e) => {
                    error = Some(message(e));
                    break;
                }
            };
            let pair = vec![Value::from_bool(is_attribute), key_value(vm, key)?];
            items.push(vm.new_tuple(pair)?.into_value());
        }
        let rest = vm.new_object(FieldNameIterator(Pieces::new(items, error)))?;
        let parts = vec![key_value(vm, first)?, rest.into_value()];
        Ok(vm.new_tuple(parts)?.into_value())
    }

    /// parse the argument as a format string
    #[pyfunction(sig = "($self, object, /)", raw)]
    fn formatter_parser(vm: &Vm, args: naja_vm::Args) -> PyResult {
        let [template] = args.args else {
            return Err(vm.type_error(format!(
                "_string.formatter_parser() takes exactly one argument ({} given)",
                args.args.len()
            )));
        };
        let template = text_of(vm, template)?;
        let text = |bytes: &[u8]| Ok(vm.new_str_wtf8(bytes)?.into_value());
        let (mut items, mut error) = (Vec::new(), None);
        for piece in Template::new(template.as_bytes()) {
            let piece = match piece {
                Ok(piece) => piece,
                Err(e) => {
                    error = Some(message(e));
                    break;
                }
            };
            let mut parts = vec![text(piece.literal)?];
            match piece.field {
                Some(field) => {
                    parts.push(text(field.name)?);
                    parts.push(text(field.spec)?);
                    parts.push(match field.conversion {
                        Some(code) => vm.new_char(code)?.into_value(),
                        None => Value::NONE,
                    });
                }
                None => parts.extend([Value::NONE, Value::NONE, Value::NONE]),
            }
            items.push(vm.new_tuple(parts)?.into_value());
        }
        let made = vm.new_object(FormatterIterator(Pieces::new(items, error)))?;
        Ok(made.into_value())
    }
}
