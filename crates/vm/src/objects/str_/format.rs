//! `str.format`. CPython: Objects/stringlib/unicode_format.h.

use super::Str;
use crate::function::Args;
use crate::objects::int::error::check;
use crate::protocols::{attributes, object};
use crate::vm::{PyResult, Vm};
use naja_heap::{Ref, Value};
use naja_numbers::strformat::{
    AutoNumber, Key, MAX_DEPTH, Step, Template, split_field_name, unknown_conversion,
};

/// `template.format(*args, **kwargs)`.
pub fn format(vm: &Vm, template: &Ref<Str>, args: Args) -> PyResult {
    if memchr::memchr2(b'{', b'}', template.as_bytes()).is_none() {
        return Ok(template.to_value());
    }
    let mut out = Vec::with_capacity(template.byte_len() + 48);
    render(
        vm,
        template.as_bytes(),
        &Source::Args(Args {
            args: args.args,
            kwnames: args.kwnames,
        }),
        &mut AutoNumber::default(),
        MAX_DEPTH,
        &mut out,
    )?;
    // A template of one field that shows a string gives that string.
    if let [only] = args.positional()
        && vm.type_of(only).is(&vm.types.str)
        && super::of(only).is_some_and(|t| t.as_bytes() == out)
    {
        return Ok(only.clone());
    }
    Ok(vm.new_str_wtf8(&out)?.into_value())
}

/// `template.format_map(mapping)`.
pub fn format_map(vm: &Vm, template: &Ref<Str>, mapping: &Value) -> PyResult {
    let mut out = Vec::with_capacity(template.byte_len() + 48);
    render(
        vm,
        template.as_bytes(),
        &Source::Mapping(mapping),
        &mut AutoNumber::default(),
        MAX_DEPTH,
        &mut out,
    )?;
    Ok(vm.new_str_wtf8(&out)?.into_value())
}

/// Where fields find their values.
enum Source<'a> {
    Args(Args<'a>),
    Mapping(&'a Value),
}

fn render(
    vm: &Vm,
    template: &[u8],
    args: &Source,
    numbers: &mut AutoNumber,
    depth: usize,
    out: &mut Vec<u8>,
) -> PyResult<()> {
    if depth == 0 {
        return Err(vm.value_error("Max string recursion exceeded"));
    }
    for piece in Template::new(template) {
        let piece = check(vm, piece)?;
        out.extend_from_slice(piece.literal);
        let Some(field) = piece.field else { continue };
        let mut value = lookup(vm, field.name, args, numbers)?;
        if let Some(code) = field.conversion {
            value = match u8::try_from(code) {
                Ok(b'r') => object::repr(vm, &value)?.into_value(),
                Ok(b's') => object::str(vm, &value)?.into_value(),
                Ok(b'a') => object::ascii(vm, &value)?.into_value(),
                _ => {
                    return Err(crate::objects::int::error::raise(
                        vm,
                        unknown_conversion(code),
                    ));
                }
            };
        }
        let spec = if field.nested {
            let mut spec = Vec::new();
            render(vm, field.spec, args, numbers, depth - 1, &mut spec)?;
            vm.new_str_wtf8(&spec)?
        } else {
            vm.new_str_wtf8(field.spec)?
        };
        let shown = object::format(vm, &value, Some(spec.as_value()))?;
        if let Some(text) = super::of(&shown) {
            out.extend_from_slice(text.as_bytes());
        }
    }
    Ok(())
}

/// The value of a field name: an argument and what its steps lead to.
fn lookup(vm: &Vm, name: &[u8], source: &Source, numbers: &mut AutoNumber) -> PyResult {
    let (first, steps) = check(vm, split_field_name(name))?;
    let mut value = match check(vm, numbers.resolve(first))? {
        Key::Index(index) => match source {
            Source::Mapping(_) => {
                return Err(vm.value_error("Format string contains positional fields"));
            }
            Source::Args(args) if index < args.positional().len() => {
                args.positional()[index].clone()
            }
            _ => {
                return Err(vm.index_error(format!(
                    "Replacement index {index} out of range for positional args tuple"
                )));
            }
        },
        Key::Name(name) => match source {
            Source::Mapping(mapping) => {
                let key = vm.new_str_wtf8(name)?.into_value();
                object::get_item(vm, mapping, &key)?
            }
            Source::Args(args) => match args.keywords().find(|(n, _)| n.as_bytes() == name) {
                Some((_, value)) => value.clone(),
                None => {
                    let key = vm.new_str_wtf8(name)?.into_value();
                    return Err(vm.key_error(&key));
                }
            },
        },
    };
    for step in steps {
        value = match check(vm, step)? {
            Step::Attribute(name) => {
                let name = vm.interp.interner(|i| i.intern_wtf8(name));
                attributes::get(vm, &value, &name)?
            }
            Step::Item(Key::Index(index)) => {
                object::get_item(vm, &value, &vm.new_int(index as i64)?)?
            }
            Step::Item(Key::Name(name)) => {
                let key = vm.new_str_wtf8(name)?.into_value();
                object::get_item(vm, &value, &key)?
            }
        };
    }
    Ok(value)
}
