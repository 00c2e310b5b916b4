//! `_codecs`: the registry of codecs, and the codecs of the machine as functions.
//!
//! All the work is done in `naja_vm::str_::codecs`, which `str.encode` and `bytes.decode` use too. Encoders give the
//! bytes and how many characters they took, decoders the text and how many bytes. CPython: Modules/_codecsmodule.c.

use naja_heap::{Ref, Value};
use naja_macros::pymodule;
use naja_vm::buffer::Buffer;
use naja_vm::bytes::Bytes;
use naja_vm::str_::codecs::{self, Errors, Order, escape, registry, simple, utf7, wide};
use naja_vm::str_::{self, Str};
use naja_vm::tuple::Tuple;
use naja_vm::{OrNone, PyResult, Vm};

fn handler(errors: &OrNone<Ref<Str>>) -> Errors {
    Errors::new(errors.0.as_ref())
}

/// `(bytes, len(text))`.
fn encoded(vm: &Vm, data: Vec<u8>, text: &Ref<Str>) -> PyResult {
    let n = vm.new_int(text.char_len() as i64)?;
    Tuple::pair(vm, vm.new_bytes_of(data)?.into_value(), n)
}

/// `(text, used)`.
fn decoded(vm: &Vm, (text, used): (Ref<Str>, usize)) -> PyResult {
    let used = vm.new_int(used as i64)?;
    Tuple::pair(vm, text.into_value(), used)
}

/// Lends the bytes of a bytes-like object. Raises TypeError, BufferError.
fn lend<R>(vm: &Vm, data: &Value, f: impl FnOnce(&[u8]) -> PyResult<R>) -> PyResult<R> {
    match data.downcast::<Bytes>() {
        Some(bytes) => f(bytes.as_bytes()),
        None => f(&Buffer::of(vm, data)?.to_vec()),
    }
}

/// As [`lend`]; of a str its UTF-8.
fn lend_text<R>(vm: &Vm, data: &Value, f: impl FnOnce(&[u8]) -> PyResult<R>) -> PyResult<R> {
    match str_::of(data) {
        Some(text) => f(&simple::encode_utf8(vm, text, &Errors::new(None))?),
        None => lend(vm, data, f),
    }
}

fn utf16(
    vm: &Vm,
    data: &Value,
    errors: OrNone<Ref<Str>>,
    order: Order,
    last: bool,
) -> PyResult<(Ref<Str>, usize, Order)> {
    lend(vm, data, |data| {
        wide::decode_utf16(vm, data, &handler(&errors), order, last)
    })
}

fn utf32(
    vm: &Vm,
    data: &Value,
    errors: OrNone<Ref<Str>>,
    order: Order,
    last: bool,
) -> PyResult<(Ref<Str>, usize, Order)> {
    lend(vm, data, |data| {
        wide::decode_utf32(vm, data, &handler(&errors), order, last)
    })
}

/// `(text, used, order)`.
fn with_order(vm: &Vm, (text, used, order): (Ref<Str>, usize, Order)) -> PyResult {
    let items = vec![
        text.into_value(),
        vm.new_int(used as i64)?,
        vm.new_int(order.number())?,
    ];
    Ok(vm.new_tuple(items)?.into_value())
}

#[pymodule(name = "_codecs", doc = "")]
pub mod module {
    use super::*;
    use naja_vm::str_::codecs::registry::Direction;

    /// Register a codec search function.
    ///
    /// Search functions are expected to take one argument, the encoding name in
    /// all lower case letters, and either return None, or a tuple of functions
    /// (encoder, decoder, stream_reader, stream_writer) (or a CodecInfo object).
    #[pyfunction(sig = "($module, search_function, /)")]
    fn register(vm: &Vm, search_function: &Value) -> PyResult<()> {
        registry::register(vm, search_function)
    }

    /// Unregister a codec search function and clear the registry's cache.
    ///
    /// If the search function is not registered, do nothing.
    #[pyfunction(sig = "($module, search_function, /)")]
    fn unregister(vm: &Vm, search_function: &Value) -> PyResult<()> {
        registry::unregister(vm, search_function);
        Ok(())
    }

    /// Looks up a codec tuple in the Python codec registry and returns a CodecInfo object.
    #[pyfunction(sig = "($module, encoding, /)")]
    fn lookup(vm: &Vm, encoding: &Ref<Str>) -> PyResult {
        registry::lookup(vm, encoding)
    }

    /// Encodes obj using the codec registered for encoding.
    ///
    /// The default encoding is 'utf-8'.  errors may be given to set a
    /// different error handling scheme.  Default is 'strict' meaning that encoding
    /// errors raise a ValueError.  Other possible values are 'ignore', 'replace'
    /// and 'backslashreplace' as well as any other name registered with
    /// codecs.register_error that can handle ValueErrors.
    #[pyfunction(sig = "($module, /, obj, encoding='utf-8', errors='strict')")]
    fn encode(
        vm: &Vm,
        obj: &Value,
        encoding: Option<Ref<Str>>,
        errors: Option<Ref<Str>>,
    ) -> PyResult {
        let encoding = encoding.unwrap_or_else(|| vm.intern("utf-8"));
        codecs::run_any(vm, Direction::Encode, obj, &encoding, errors.as_ref())
    }

    /// Decodes obj using the codec registered for encoding.
    ///
    /// The default encoding is 'utf-8'.  errors may be given to set a
    /// different error handling scheme.  Default is 'strict' meaning that decoding
    /// errors raise a ValueError.  Other possible values are 'ignore', 'replace'
    /// and 'backslashreplace' as well as any other name registered with
    /// codecs.register_error that can handle ValueErrors.
    #[pyfunction(sig = "($module, /, obj, encoding='utf-8', errors='strict')")]
    fn decode(
        vm: &Vm,
        obj: &Value,
        encoding: Option<Ref<Str>>,
        errors: Option<Ref<Str>>,
    ) -> PyResult {
        let encoding = encoding.unwrap_or_else(|| vm.intern("utf-8"));
        codecs::run_any(vm, Direction::Decode, obj, &encoding, errors.as_ref())
    }

    /// Register the specified error handler under the name errors.
    ///
    /// handler must be a callable object, that
    /// will be called with an exception instance containing
    /// information about the location of the encoding/decoding
    /// error and must return a (replacement, new position) tuple.
    #[pyfunction(sig = "($module, errors, handler, /)")]
    fn register_error(vm: &Vm, errors: &Ref<Str>, handler: &Value) -> PyResult<()> {
        registry::register_error(vm, errors.as_bytes(), handler)
    }

    /// Un-register the specified error handler for the error handling `errors'.
    ///
    /// Only custom error handlers can be un-registered. An exception is raised
    /// if the error handling is a built-in one (e.g., 'strict'), or if an error
    /// occurs.
    ///
    /// Otherwise, this returns True if a custom handler has been successfully
    /// un-registered, and False if no custom handler for the specified error
    /// handling exists.
    #[pyfunction(sig = "($module, errors, /)")]
    fn _unregister_error(vm: &Vm, errors: &Ref<Str>) -> PyResult<bool> {
        registry::unregister_error(vm, errors.as_bytes())
    }

    /// lookup_error(errors) -> handler
    ///
    /// Return the error handler for the specified error handling name or raise a
    /// LookupError, if no handler exists under this name.
    #[pyfunction(sig = "($module, name, /)")]
    fn lookup_error(vm: &Vm, name: &Ref<Str>) -> PyResult {
        registry::lookup_error(vm, name.as_bytes())
    }

    #[pyfunction(sig = "($module, str, errors=None, /)")]
    fn utf_8_encode(vm: &Vm, str: &Ref<Str>, errors: OrNone<Ref<Str>>) -> PyResult {
        encoded(vm, simple::encode_utf8(vm, str, &handler(&errors))?, str)
    }

    #[pyfunction(sig = "($module, str, errors=None, /)")]
    fn ascii_encode(vm: &Vm, str: &Ref<Str>, errors: OrNone<Ref<Str>>) -> PyResult {
        encoded(vm, simple::encode_ascii(vm, str, &handler(&errors))?, str)
    }

    #[pyfunction(sig = "($module, str, errors=None, /)")]
    fn latin_1_encode(vm: &Vm, str: &Ref<Str>, errors: OrNone<Ref<Str>>) -> PyResult {
        encoded(vm, simple::encode_latin1(vm, str, &handler(&errors))?, str)
    }

    #[pyfunction(sig = "($module, str, errors=None, byteorder=0, /)")]
    fn utf_16_encode(
        vm: &Vm,
        str: &Ref<Str>,
        errors: OrNone<Ref<Str>>,
        #[default(0)] byteorder: i32,
    ) -> PyResult {
        let order = Order::from_number(byteorder as i64);
        encoded(
            vm,
            wide::encode_utf16(vm, str, &handler(&errors), order)?,
            str,
        )
    }

    #[pyfunction(sig = "($module, str, errors=None, /)")]
    fn utf_16_le_encode(vm: &Vm, str: &Ref<Str>, errors: OrNone<Ref<Str>>) -> PyResult {
        encoded(
            vm,
            wide::encode_utf16(vm, str, &handler(&errors), Order::Little)?,
            str,
        )
    }

    #[pyfunction(sig = "($module, str, errors=None, /)")]
    fn utf_16_be_encode(vm: &Vm, str: &Ref<Str>, errors: OrNone<Ref<Str>>) -> PyResult {
        encoded(
            vm,
            wide::encode_utf16(vm, str, &handler(&errors), Order::Big)?,
            str,
        )
    }

    #[pyfunction(sig = "($module, str, errors=None, byteorder=0, /)")]
    fn utf_32_encode(
        vm: &Vm,
        str: &Ref<Str>,
        errors: OrNone<Ref<Str>>,
        #[default(0)] byteorder: i32,
    ) -> PyResult {
        let order = Order::from_number(byteorder as i64);
        encoded(
            vm,
            wide::encode_utf32(vm, str, &handler(&errors), order)?,
            str,
        )
    }

    #[pyfunction(sig = "($module, str, errors=None, /)")]
    fn utf_32_le_encode(vm: &Vm, str: &Ref<Str>, errors: OrNone<Ref<Str>>) -> PyResult {
        encoded(
            vm,
            wide::encode_utf32(vm, str, &handler(&errors), Order::Little)?,
            str,
        )
    }

    #[pyfunction(sig = "($module, str, errors=None, /)")]
    fn utf_32_be_encode(vm: &Vm, str: &Ref<Str>, errors: OrNone<Ref<Str>>) -> PyResult {
        encoded(
            vm,
            wide::encode_utf32(vm, str, &handler(&errors), Order::Big)?,
            str,
        )
    }

    #[pyfunction(sig = "($module, str, errors=None, /)")]
    fn utf_7_encode(vm: &Vm, str: &Ref<Str>, errors: OrNone<Ref<Str>>) -> PyResult {
        let _ = errors;
        encoded(vm, utf7::encode(str), str)
    }

    #[pyfunction(sig = "($module, str, errors=None, /)")]
    fn unicode_escape_encode(vm: &Vm, str: &Ref<Str>, errors: OrNone<Ref<Str>>) -> PyResult {
        let _ = errors;
        encoded(vm, escape::encode_unicode(str), str)
    }

    #[pyfunction(sig = "($module, str, errors=None, /)")]
    fn raw_unicode_escape_encode(vm: &Vm, str: &Ref<Str>, errors: OrNone<Ref<Str>>) -> PyResult {
        let _ = errors;
        encoded(vm, escape::encode_raw(str), str)
    }

    #[pyfunction(sig = "($module, data, errors=None, final=False, /)")]
    fn utf_8_decode(
        vm: &Vm,
        data: &Value,
        errors: OrNone<Ref<Str>>,
        #[default(false)] last: bool,
    ) -> PyResult {
        decoded(
            vm,
            lend(vm, data, |data| {
                simple::decode_utf8(vm, data, &handler(&errors), last)
            })?,
        )
    }

    #[pyfunction(sig = "($module, data, errors=None, final=False, /)")]
    fn utf_7_decode(
        vm: &Vm,
        data: &Value,
        errors: OrNone<Ref<Str>>,
        #[default(false)] last: bool,
    ) -> PyResult {
        decoded(
            vm,
            lend(vm, data, |data| {
                utf7::decode(vm, data, &handler(&errors), last)
            })?,
        )
    }

    #[pyfunction(sig = "($module, data, errors=None, /)")]
    fn ascii_decode(vm: &Vm, data: &Value, errors: OrNone<Ref<Str>>) -> PyResult {
        decoded(
            vm,
            lend(vm, data, |data| {
                Ok((
                    simple::decode_ascii(vm, data, &handler(&errors))?,
                    data.len(),
                ))
            })?,
        )
    }

    #[pyfunction(sig = "($module, data, errors=None, /)")]
    fn latin_1_decode(vm: &Vm, data: &Value, errors: OrNone<Ref<Str>>) -> PyResult {
        let _ = errors;
        decoded(
            vm,
            lend(vm, data, |data| {
                Ok((simple::decode_latin1(vm, data)?, data.len()))
            })?,
        )
    }

    #[pyfunction(sig = "($module, data, errors=None, final=False, /)")]
    fn utf_16_decode(
        vm: &Vm,
        data: &Value,
        errors: OrNone<Ref<Str>>,
        #[default(false)] last: bool,
    ) -> PyResult {
        let (text, used, _) = utf16(vm, data, errors, Order::Mark, last)?;
        decoded(vm, (text, used))
    }

    #[pyfunction(sig = "($module, data, errors=None, final=False, /)")]
    fn utf_16_le_decode(
        vm: &Vm,
        data: &Value,
        errors: OrNone<Ref<Str>>,
        #[default(false)] last: bool,
    ) -> PyResult {
        let (text, used, _) = utf16(vm, data, errors, Order::Little, last)?;
        decoded(vm, (text, used))
    }

    #[pyfunction(sig = "($module, data, errors=None, final=False, /)")]
    fn utf_16_be_decode(
        vm: &Vm,
        data: &Value,
        errors: OrNone<Ref<Str>>,
        #[default(false)] last: bool,
    ) -> PyResult {
        let (text, used, _) = utf16(vm, data, errors, Order::Big, last)?;
        decoded(vm, (text, used))
    }

    #[pyfunction(
        sig = "($module, data, errors=None, byteorder=0, final=False,\n                 /)"
    )]
    fn utf_16_ex_decode(
        vm: &Vm,
        data: &Value,
        errors: OrNone<Ref<Str>>,
        #[default(0)] byteorder: i32,
        #[default(false)] last: bool,
    ) -> PyResult {
        with_order(
            vm,
            utf16(vm, data, errors, Order::from_number(byteorder as i64), last)?,
        )
    }

    #[pyfunction(sig = "($module, data, errors=None, final=False, /)")]
    fn utf_32_decode(
        vm: &Vm,
        data: &Value,
        errors: OrNone<Ref<Str>>,
        #[default(false)] last: bool,
    ) -> PyResult {
        let (text, used, _) = utf32(vm, data, errors, Order::Mark, last)?;
        decoded(vm, (text, used))
    }

    #[pyfunction(sig = "($module, data, errors=None, final=False, /)")]
    fn utf_32_le_decode(
        vm: &Vm,
        data: &Value,
        errors: OrNone<Ref<Str>>,
        #[default(false)] last: bool,
    ) -> PyResult {
        let (text, used, _) = utf32(vm, data, errors, Order::Little, last)?;
        decoded(vm, (text, used))
    }

    #[pyfunction(sig = "($module, data, errors=None, final=False, /)")]
    fn utf_32_be_decode(
        vm: &Vm,
        data: &Value,
        errors: OrNone<Ref<Str>>,
        #[default(false)] last: bool,
    ) -> PyResult {
        let (text, used, _) = utf32(vm, data, errors, Order::Big, last)?;
        decoded(vm, (text, used))
    }

    #[pyfunction(
        sig = "($module, data, errors=None, byteorder=0, final=False,\n                 /)"
    )]
    fn utf_32_ex_decode(
        vm: &Vm,
        data: &Value,
        errors: OrNone<Ref<Str>>,
        #[default(0)] byteorder: i32,
        #[default(false)] last: bool,
    ) -> PyResult {
        with_order(
            vm,
            utf32(vm, data, errors, Order::from_number(byteorder as i64), last)?,
        )
    }

    #[pyfunction(sig = "($module, data, errors=None, final=True, /)")]
    fn unicode_escape_decode(
        vm: &Vm,
        data: &Value,
        errors: OrNone<Ref<Str>>,
        #[default(true)] last: bool,
    ) -> PyResult {
        decoded(
            vm,
            lend_text(vm, data, |data| {
                escape::decode_unicode(vm, data, &handler(&errors), last)
            })?,
        )
    }

    #[pyfunction(sig = "($module, data, errors=None, final=True, /)")]
    fn raw_unicode_escape_decode(
        vm: &Vm,
        data: &Value,
        errors: OrNone<Ref<Str>>,
        #[default(true)] last: bool,
    ) -> PyResult {
        decoded(
            vm,
            lend_text(vm, data, |data| {
                escape::decode_raw(vm, data, &handler(&errors), last)
            })?,
        )
    }

    #[pyfunction(sig = "($module, data, errors=None, /)")]
    fn escape_decode(vm: &Vm, data: &Value, errors: OrNone<Ref<Str>>) -> PyResult {
        lend_text(vm, data, |data| {
            let errors = errors.0.as_ref().map(|e| e.as_bytes());
            let bytes = escape::decode_bytes(vm, data, errors)?;
            Tuple::pair(
                vm,
                vm.new_bytes_of(bytes)?.into_value(),
                vm.new_int(data.len() as i64)?,
            )
        })
    }

    #[pyfunction(sig = "($module, data, errors=None, /)")]
    fn escape_encode(vm: &Vm, data: &Ref<Bytes>, errors: OrNone<Ref<Str>>) -> PyResult {
        let _ = errors;
        let data = data.as_bytes();
        let bytes = escape::encode_bytes(data);
        Tuple::pair(
            vm,
            vm.new_bytes_of(bytes)?.into_value(),
            vm.new_int(data.len() as i64)?,
        )
    }

    #[pyfunction(sig = "($module, data, errors=None, /)")]
    fn readbuffer_encode(vm: &Vm, data: &Value, errors: OrNone<Ref<Str>>) -> PyResult {
        let _ = errors;
        lend_text(vm, data, |data| {
            Tuple::pair(
                vm,
                vm.new_bytes(data)?.into_value(),
                vm.new_int(data.len() as i64)?,
            )
        })
    }

    #[pyfunction(sig = "($module, map, /)")]
    fn charmap_build(vm: &Vm, map: &Ref<Str>) -> PyResult {
        codecs::charmap::build(vm, map)
    }

    #[pyfunction(sig = "($module, data, errors=None, mapping=None, /)")]
    fn charmap_decode(
        vm: &Vm,
        data: &Value,
        errors: OrNone<Ref<Str>>,
        mapping: OrNone<Value>,
    ) -> PyResult {
        decoded(
            vm,
            lend(vm, data, |data| {
                let text = match &mapping.0 {
                    Some(mapping) => codecs::charmap::decode(vm, data, &handler(&errors), mapping)?,
                    None => simple::decode_latin1(vm, data)?,
                };
                Ok((text, data.len()))
            })?,
        )
    }

    #[pyfunction(sig = "($module, str, errors=None, mapping=None, /)")]
    fn charmap_encode(
        vm: &Vm,
        str: &Ref<Str>,
        errors: OrNone<Ref<Str>>,
        mapping: OrNone<Value>,
    ) -> PyResult {
        let data = match &mapping.0 {
            Some(mapping) => codecs::charmap::encode(vm, str, &handler(&errors), mapping)?,
            None => simple::encode_latin1(vm, str, &handler(&errors))?,
        };
        encoded(vm, data, str)
    }
}
