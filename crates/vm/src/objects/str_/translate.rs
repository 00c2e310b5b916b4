//! `str.translate`, `str.maketrans`, `str.expandtabs`.
//!
//! The table of `translate` is asked once per ASCII character and once per occurrence of any other, as CPython does
//! (it can be any object with `__getitem__`). CPython: Objects/unicodeobject.c (_PyUnicode_TranslateCharmap).

use super::{Str, push_code_point};
use crate::objects::dict::Dict;
use crate::protocols::{number, object};
use crate::vm::{PyResult, Raised, Vm};
use naja_heap::{Ref, Value};
use naja_macros::pymethods;

/// What a table says of one character.
enum Target {
    Same,
    Deleted,
    Code(u32),
    Text(Ref<Str>),
}

fn look_up(vm: &Vm, table: &Value, c: u32) -> PyResult<Target> {
    let key = Value::small_int(c as i64);
    // What a plain dict does not have needs no exception.
    let found = match table.downcast::<Dict>() {
        Some(dict) if vm.type_of(table).is(&vm.types.dict) => match dict.get(vm, &key)? {
            Some(found) => found,
            None => return Ok(Target::Same),
        },
        _ => match object::get_item(vm, table, &key) {
            Ok(found) => found,
            Err(Raised) if vm.catch(&vm.types.lookup_error) => return Ok(Target::Same),
            Err(raised) => return Err(raised),
        },
    };
    if found.is_none() {
        return Ok(Target::Deleted);
    }
    if let Some(text) = super::of(&found) {
        return Ok(Target::Text(text.clone()));
    }
    if !number::is_int(vm, &found) {
        return Err(vm.type_error("character mapping must return integer, None or str"));
    }
    match number::index_i64(vm, &found)? {
        Some(n) if (0..0x110000).contains(&n) => Ok(Target::Code(n as u32)),
        _ => Err(vm.value_error("character mapping must be in range(0x110000)")),
    }
}

fn push(out: &mut Vec<u8>, c: u32, target: &Target) {
    match target {
        Target::Same => push_code_point(out, c),
        Target::Deleted => {}
        Target::Code(code) => push_code_point(out, *code),
        Target::Text(text) => out.extend_from_slice(text.as_bytes()),
    }
}

/// `text.translate(table)`, also of the error handlers of `charmap` codecs.
pub fn translate(vm: &Vm, text: &Str, table: &Value) -> PyResult<Ref<Str>> {
    // What each ASCII character becomes: a code point, or one of these, or a text's number behind them.
    const UNKNOWN: u32 = 0x110000;
    const DELETED: u32 = UNKNOWN + 1;
    const TEXTS: u32 = UNKNOWN + 2;
    let mut known = [UNKNOWN; 128];
    let mut texts: Vec<Ref<Str>> = Vec::new();
    let mut out = Vec::with_capacity(text.byte_len());
    for c in text.code_points() {
        let Some(slot) = known.get_mut(c as usize) else {
            push(&mut out, c, &look_up(vm, table, c)?);
            continue;
        };
        if *slot == UNKNOWN {
            *slot = match look_up(vm, table, c)? {
                Target::Same => c,
                Target::Code(code) => code,
                Target::Deleted => DELETED,
                Target::Text(text) => {
                    texts.push(text);
                    TEXTS + texts.len() as u32 - 1
                }
            };
        }
        match *slot {
            DELETED => {}
            code @ 0..=0x10ffff => push_code_point(&mut out, code),
            number => {
                if let Some(text) = texts.get((number - TEXTS) as usize) {
                    out.extend_from_slice(text.as_bytes())
                }
            }
        }
    }
    vm.new_str_wtf8(&out)
}

/// The table of `maketrans(dict)`: keys of one character become numbers.
fn from_dict(vm: &Vm, new: &Ref<Dict>, given: &Value) -> PyResult<()> {
    if !vm.type_of(given).is(&vm.types.dict) {
        return Err(vm.type_error("if you give only one argument to maketrans it must be a dict"));
    }
    let Some(given) = given.downcast::<Dict>() else {
        return Ok(());
    };
    for (key, value) in given.items_vec() {
        if let Some(text) = super::of(&key) {
            if text.char_len() != 1 {
                return Err(vm.value_error("string keys in translatetable must be of length 1"));
            }
            new.set(vm, &Value::small_int(text.char_at(0) as i64), value)?;
        } else if number::is_int(vm, &key) {
            new.set(vm, &key, value)?;
        } else {
            return Err(vm.type_error("keys in translate table mustbe strings or integers"));
        }
    }
    Ok(())
}

#[pymethods(extra = "STR_TRANSLATE")]
impl Str {
    /// Replace each character in the string using the given translation table.
    ///
    ///   table
    ///     Translation table, which must be a mapping of Unicode ordinals
    ///     to Unicode ordinals, strings, or None.
    ///
    /// The table must implement lookup/indexing via __getitem__, for
    /// instance a dictionary or list.  If this operation raises
    /// LookupError, the character is left untouched.  Characters mapped to
    /// None are deleted.
    #[pymethod(name = "translate", sig = "($self, table, /)")]
    fn translate_method(&self, vm: &Vm, table: &Value) -> PyResult {
        Ok(translate(vm, self, table)?.into_value())
    }

    /// Return a translation table usable for str.translate().
    ///
    /// If there is only one argument, it must be a dictionary mapping
    /// Unicode ordinals (integers) or characters to Unicode ordinals,
    /// strings or None.  Character keys will be then converted to ordinals.
    /// If there are two arguments, they must be strings of equal length,
    /// and in the resulting dictionary, each character in x will be mapped
    /// to the character at the same position in y.  If there is a third
    /// argument, it must be a string, whose characters will be mapped to
    /// None in the result.
    #[pystaticmethod(sig = "(x, y=<unrepresentable>, z=<unrepresentable>, /)")]
    fn maketrans(vm: &Vm, x: &Value, y: Option<&Ref<Str>>, z: Option<&Ref<Str>>) -> PyResult {
        let new = Dict::new(vm)?;
        let Some(y) = y else {
            from_dict(vm, &new, x)?;
            return Ok(new.into_value());
        };
        let Some(x) = super::of(x) else {
            return Err(vm.type_error(
                "first maketrans argument must be a string if there is a second argument",
            ));
        };
        if x.char_len() != y.char_len() {
            return Err(vm.value_error("the first two maketrans arguments must have equal length"));
        }
        for (from, to) in x.code_points().zip(y.code_points()) {
            new.set(
                vm,
                &Value::small_int(from as i64),
                Value::small_int(to as i64),
            )?;
        }
        for c in z.iter().flat_map(|z| z.code_points()) {
            new.set(vm, &Value::small_int(c as i64), Value::NONE)?;
        }
        Ok(new.into_value())
    }

    /// Return a copy where all tab characters are expanded using spaces.
    ///
    /// If tabsize is not given, a tab size of 8 characters is assumed.
    #[pymethod(sig = "($self, /, tabsize=8)")]
    fn expandtabs(zelf: &Ref<Self>, vm: &Vm, #[default(8)] tabsize: i32) -> PyResult {
        match expand_tabs(vm, zelf.as_bytes(), tabsize, |b| b & 0xc0 != 0x80)? {
            Some(text) => Ok(vm.new_str_wtf8(&text)?.into_value()),
            None if vm.type_of(zelf.as_value()).is(&vm.types.str) => Ok(zelf.to_value()),
            None => Ok(vm.new_str_wtf8(zelf.as_bytes())?.into_value()),
        }
    }
}

/// The text with tabs expanded; None where there are none. `starts` says which bytes begin a column.
pub fn expand_tabs(
    vm: &Vm,
    text: &[u8],
    tab: i32,
    starts: impl Fn(u8) -> bool,
) -> PyResult<Option<Vec<u8>>> {
    if memchr::memchr(b'\t', text).is_none() {
        return Ok(None);
    }
    let tab = tab.max(0) as usize;
    let (mut size, mut column) = (0usize, 0usize);
    for &b in text {
        let width = match b {
            b'\t' if tab == 0 => 0,
            b'\t' => tab - column % tab,
            _ => 1,
        };
        size = size.saturating_add(width);
        match b {
            b'\n' | b'\r' => column = 0,
            b'\t' => column += width,
            _ => column += starts(b) as usize,
        }
    }
    if size > isize::MAX as usize {
        return Err(vm.overflow_error("new string is too long"));
    }
    let mut out = Vec::new();
    if out.try_reserve_exact(vm.check_size(Some(size))?).is_err() {
        return Err(vm.memory_error(""));
    }
    column = 0;
    for &b in text {
        match b {
            b'\t' if tab == 0 => {}
            b'\t' => {
                let width = tab - column % tab;
                out.resize(out.len() + width, b' ');
                column += width
            }
            b'\n' | b'\r' => {
                out.push(b);
                column = 0
            }
            _ => {
                out.push(b);
                column += starts(b) as usize
            }
        }
    }
    Ok(Some(out))
}
