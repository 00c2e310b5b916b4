//! `format % args`. CPython: Objects/unicodeobject.c (PyUnicode_Format).

use super::scan::find_byte;
use super::{Str, push_code_point};
use crate::objects::dict::Dict;
use crate::objects::int::{self, error};
use crate::objects::tuple::Tuple;
use crate::objects::type_::TypeFlags;
use crate::protocols::{number, object};
use crate::vm::{PyResult, Raised, Vm};
use dashu_int::IBig;
use naja_heap::{Ref, Value};
use naja_numbers::NumError;
use naja_numbers::percent::{self, Arguments, Directive, Parser, Piece};

/// An error of the parser, or an exception already raised.
pub(crate) enum Failure {
    Number(NumError),
    Raised(Raised),
}

impl From<NumError> for Failure {
    fn from(error: NumError) -> Failure {
        Failure::Number(error)
    }
}

impl From<Raised> for Failure {
    fn from(raised: Raised) -> Failure {
        Failure::Raised(raised)
    }
}

/// Where the arguments come from.
pub(crate) struct Source<'a> {
    vm: &'a Vm,
    is_bytes: bool,
    used_keys: bool,
    values: &'a [Value],
    next: usize,
    mapping: Option<&'a Value>,
    /// The value that a `(key)` selected.
    selected: Option<Value>,
}

impl<'a> Source<'a> {
    /// The right operand of `%`. `is_text`: it is a string, not a mapping, whatever its slots say.
    pub(crate) fn new(vm: &'a Vm, args: &'a Value, is_bytes: bool, is_text: bool) -> Source<'a> {
        let ty = vm.type_of(args);
        let tuple = args.downcast::<Tuple>();
        let mapping = ty.slots.subscript.get().is_some()
            && tuple.is_none()
            && !is_text
            && !ty.flag(TypeFlags::STR_SUBCLASS);
        let values = match tuple {
            Some(tuple) => tuple.items(),
            None => std::slice::from_ref(args),
        };
        Source {
            vm,
            is_bytes,
            used_keys: false,
            values,
            next: 0,
            mapping: mapping.then_some(args),
            selected: None,
        }
    }

    /// Whether arguments are left over, which is an error.
    fn has_unused(&self) -> bool {
        self.next < self.values.len() && self.mapping.is_none() && !self.used_keys
    }

    fn next(&mut self) -> Result<Value, Raised> {
        if let Some(value) = self.selected.take() {
            return Ok(value);
        }
        match self.values.get(self.next) {
            Some(value) => {
                self.next += 1;
                Ok(value.clone())
            }
            None => Err(self.vm.type_error("not enough arguments for format string")),
        }
    }

    fn star(&mut self, most: i64, c: &str) -> Result<i64, Failure> {
        let value = self.next()?;
        if !number::is_int(self.vm, &value) {
            return Err(self.vm.type_error("* wants int").into());
        }
        match int::as_i64(&value) {
            Some(n) if n.unsigned_abs() <= most as u64 => Ok(n),
            _ => Err(self
                .vm
                .overflow_error(format!("Python int too large to convert to C {c}"))
                .into()),
        }
    }
}

impl Arguments for Source<'_> {
    type Error = Failure;

    fn require_mapping(&mut self) -> Result<(), Failure> {
        match self.mapping {
            Some(_) => Ok(()),
            None => Err(self.vm.type_error("format requires a mapping").into()),
        }
    }

    fn select_key(&mut self, key: &[u8]) -> Result<(), Failure> {
        self.used_keys = true;
        let key = if self.is_bytes {
            self.vm.new_bytes(key)?.into_value()
        } else {
            name(self.vm, key)?
        };
        if let Some(mapping) = self.mapping {
            self.selected = Some(object::get_item(self.vm, mapping, &key)?);
        }
        Ok(())
    }

    fn star_width(&mut self) -> Result<i64, Failure> {
        self.star(i64::MAX, "ssize_t")
    }

    fn star_precision(&mut self) -> Result<i64, Failure> {
        self.star(i32::MAX as i64, "int")
    }
}

/// Templates of nothing but plain `%s`, `%r` and `%d`, with a tuple of as many values, or one value; small ints for
/// `%d`. None: not so, and nothing has been run.
fn format_plain(vm: &Vm, template: &Str, args: &Value) -> PyResult<Option<Value>> {
    let args = match args.downcast::<Tuple>() {
        Some(tuple) => tuple.items(),
        None => std::slice::from_ref(args),
    };
    let bytes = template.as_bytes();
    if let ([value], b"%s") = (args, bytes) {
        // A string is the result itself.
        return object::str(vm, value).map(|text| Some(text.into_value()));
    }
    let mut values = args.iter();
    let mut rest = bytes;
    while let Some(at) = find_byte(b'%', rest) {
        let fits = match (rest.get(at + 1), values.next()) {
            (Some(b's' | b'r'), Some(_)) => true,
            (Some(b'd'), Some(value)) => value.is_small_int(),
            _ => false,
        };
        if !fits {
            return Ok(None);
        }
        rest = &rest[at + 2..];
    }
    if values.next().is_some() {
        return Ok(None);
    }
    let write = |out: &mut Vec<u8>| {
        let (mut rest, mut index) = (bytes, 0);
        while let Some(at) = find_byte(b'%', rest) {
            out.extend_from_slice(&rest[..at]);
            match rest[at + 1] {
                b'r' => object::repr_into(vm, &args[index], out)?,
                _ => object::str_into(vm, &args[index], out)?,
            }
            index += 1;
            rest = &rest[at + 2..];
        }
        out.extend_from_slice(rest);
        Ok(())
    };
    vm.with_text(write).map(Some)
}

/// Appends the pieces of a format: literal text, and what `one` makes of each directive and its value.
pub(crate) fn fill(
    format: &[u8],
    mut source: Source,
    out: &mut Vec<u8>,
    mut one: impl FnMut(&Directive, &Value, &mut Vec<u8>) -> Result<(), Failure>,
) -> PyResult<()> {
    let vm = source.vm;
    let mut parser = match source.is_bytes {
        true => Parser::of_bytes(format),
        false => Parser::new(format),
    };
    let mut pieces = || -> Result<(), Failure> {
        while let Some(piece) = parser.next_piece(&mut source)? {
            match piece {
                Piece::Literal(text) => out.extend_from_slice(text),
                Piece::Directive(directive) => one(&directive, &source.next()?, out)?,
            }
        }
        Ok(())
    };
    match pieces() {
        Ok(()) => {}
        Err(Failure::Number(e)) => return Err(error::raise(vm, e)),
        Err(Failure::Raised(raised)) => return Err(raised),
    }
    if source.has_unused() {
        let kind = if source.is_bytes { "bytes" } else { "string" };
        let message = format!("not all arguments converted during {kind} formatting");
        return Err(vm.type_error(message));
    }
    Ok(())
}

/// A `%(key)s` or `%(key)r` at the start of text: the key, and what follows. None for anything else.
fn plain_key(text: &[u8]) -> Option<(&[u8], u8, &[u8])> {
    let text = text.strip_prefix(b"%(")?;
    let (key, behind) = text.split_at(find_byte(b')', text)?);
    match behind {
        [_, kind @ (b's' | b'r'), rest @ ..] if !key.contains(&b'(') => Some((key, *kind, rest)),
        _ => None,
    }
}

/// As [`format_plain`], for templates of plain `%(key)s` and `%(key)r`, and a dict.
fn format_keys(vm: &Vm, template: &Str, args: &Value) -> PyResult<Option<Value>> {
    let Some(dict) = args.downcast::<Dict>() else {
        return Ok(None);
    };
    if !vm.type_of(args).is(&vm.types.dict) {
        return Ok(None);
    }
    let bytes = template.as_bytes();
    let mut rest = bytes;
    let mut keys = 0;
    while let Some(at) = find_byte(b'%', rest) {
        let Some((_, _, behind)) = plain_key(&rest[at..]) else {
            return Ok(None);
        };
        keys += 1;
        rest = behind;
    }
    if keys == 0 {
        return Ok(None);
    }
    let value_of = |key: &[u8]| {
        let key = name(vm, key)?;
        match dict.get(vm, &key)? {
            Some(value) => Ok(value),
            None => object::get_item(vm, args, &key),
        }
    };
    if let Some((key, b's', b"")) = plain_key(bytes) {
        return object::str(vm, &value_of(key)?).map(|text| Some(text.into_value()));
    }
    let write = |out: &mut Vec<u8>| {
        let mut rest = bytes;
        while let Some(at) = find_byte(b'%', rest) {
            out.extend_from_slice(&rest[..at]);
            let Some((key, kind, behind)) = plain_key(&rest[at..]) else {
                break;
            };
            let value = value_of(key)?;
            match kind {
                b'r' => object::repr_into(vm, &value, out)?,
                _ => object::str_into(vm, &value, out)?,
            }
            rest = behind;
        }
        out.extend_from_slice(rest);
        Ok(())
    };
    vm.with_text(write).map(Some)
}

/// A key as a string: most are names that the program has too.
fn name(vm: &Vm, key: &[u8]) -> PyResult {
    match vm.interp.interner(|i| i.find(key)) {
        Some(known) => Ok(known.into_value()),
        None => vm.new_str_wtf8(key).map(Ref::into_value),
    }
}

impl Vm {
    /// The string that `write` writes, which is well-formed WTF-8. The memory it is written to is used again.
    pub(crate) fn with_text(&self, write: impl FnOnce(&mut Vec<u8>) -> PyResult<()>) -> PyResult {
        // Writing may come here again: that one makes a new buffer.
        let mut out = self.interp.state.text_buffer.take();
        out.clear();
        write(&mut out)?;
        let text = self.new_str_wtf8(&out)?;
        if out.capacity() <= KEPT {
            self.interp.state.text_buffer.set(out)
        }
        Ok(text.into_value())
    }
}

/// The largest buffer that is kept.
const KEPT: usize = 4096;

/// `format % args`.
pub fn format(vm: &Vm, template: &Ref<Str>, args: &Value) -> PyResult {
    if let Some(text) = format_plain(vm, template, args)? {
        return Ok(text);
    }
    if let Some(text) = format_keys(vm, template, args)? {
        return Ok(text);
    }
    let exact = |v: &Value| vm.type_of(v).is(&vm.types.str);
    let source = Source::new(vm, args, false, false);
    // A string that may turn out to be the whole result, which it then is itself.
    let mut whole = exact(template.as_value()).then(|| template.to_value());
    let mut out = Vec::with_capacity(template.byte_len() + 48);
    fill(
        template.as_bytes(),
        source,
        &mut out,
        |directive, value, out| {
            whole = (out.is_empty() && exact(value)).then(|| value.clone());
            one(vm, directive, value, out)
        },
    )?;
    if let Some(whole) = whole
        && super::of(&whole).is_some_and(|w| w.as_bytes() == out)
    {
        return Ok(whole);
    }
    Ok(vm.new_str_wtf8(&out)?.into_value())
}

/// Appends the text of one directive.
fn one(vm: &Vm, directive: &Directive, value: &Value, out: &mut Vec<u8>) -> Result<(), Failure> {
    let kind = directive.kind_byte();
    let plain = directive.width.is_none() && directive.precision.is_none();
    match kind {
        b's' if plain => Ok(object::str_into(vm, value, out)?),
        b'r' if plain => Ok(object::repr_into(vm, value, out)?),
        b's' | b'r' | b'a' => {
            let text = match kind {
                b's' => object::str(vm, value)?,
                b'r' => object::repr(vm, value)?,
                _ => object::ascii(vm, value)?,
            };
            Ok(percent::format_text(text.as_bytes(), directive, out)?)
        }
        b'c' => {
            if let Some(text) = super::of(value) {
                if text.char_len() != 1 {
                    return Err(vm
                        .type_error(format!(
                            "%c requires an int or a unicode character, not a string of length {}",
                            text.char_len()
                        ))
                        .into());
                }
                return Ok(percent::format_character(text.as_bytes(), directive, out)?);
            }
            if !number::has_index(vm, value) {
                return Err(vm
                    .type_error(format!(
                        "%c requires an int or a unicode character, not {}",
                        crate::objects::type_::attributes::module_and_name(vm, vm.type_of(value))?
                    ))
                    .into());
            }
            match number::index_i64(vm, value)? {
                Some(n) if (0..0x110000).contains(&n) => {
                    let mut text = Vec::new();
                    push_code_point(&mut text, n as u32);
                    Ok(percent::format_character(&text, directive, out)?)
                }
                _ => Err(vm.overflow_error("%c arg not in range(0x110000)").into()),
            }
        }
        _ => number_directive(vm, directive, value, out),
    }
}

/// As `one`, for the directives that are the same in strings and bytes: those of numbers. All others are unknown.
pub(crate) fn number_directive(
    vm: &Vm,
    directive: &Directive,
    value: &Value,
    out: &mut Vec<u8>,
) -> Result<(), Failure> {
    let kind = directive.kind_byte();
    match kind {
        b'd' | b'i' | b'u' | b'x' | b'X' if value.is_small_int() => Ok(percent::format_i64(
            value.as_small_int().unwrap_or_default(),
            directive,
            out,
        )?),
        b'd' | b'i' | b'u' | b'o' | b'x' | b'X' => {
            let limit = vm.interp.state.int_max_str_digits.get();
            let number = integer(vm, kind, value)?;
            Ok(percent::format_int(&number, directive, limit, out)?)
        }
        b'e' | b'E' | b'f' | b'F' | b'g' | b'G' => match number::as_f64(vm, value) {
            Ok(x) => Ok(percent::format_float(x, directive, out)?),
            Err(_) if directive.of_bytes && vm.catch(&vm.types.type_error) => {
                let name = vm.type_of(value).full_name();
                let message = format!("float argument required, not {name}");
                Err(vm.type_error(message).into())
            }
            Err(raised) => Err(raised.into()),
        },
        _ => Err(directive.unsupported().into()),
    }
}

/// The number of a `%d` and its like. Raises TypeError.
fn integer(vm: &Vm, kind: u8, value: &Value) -> PyResult<IBig> {
    let hexadecimal = matches!(kind, b'o' | b'x' | b'X');
    let number = if number::is_int(vm, value) {
        value.clone()
    } else {
        let ty = vm.type_of(value);
        let convertible =
            ty.slots.index.get().is_some() || (!hexadecimal && ty.slots.int.get().is_some());
        let wrong = || {
            let wanted = if hexadecimal {
                "an integer"
            } else {
                "a real number"
            };
            vm.type_error(format!(
                "%{} format: {wanted} is required, not {}",
                kind as char,
                ty.full_name()
            ))
        };
        if !convertible {
            return Err(wrong());
        }
        let made = if hexadecimal {
            number::index(vm, value)
        } else {
            int::from_object(vm, value)
        };
        match made {
            Err(_) if vm.catch(&vm.types.type_error) => return Err(wrong()),
            made => made?,
        }
    };
    int::to_big(&number).ok_or_else(|| vm.system_error("an int without a value"))
}
