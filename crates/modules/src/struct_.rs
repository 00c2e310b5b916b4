//! `_struct`: Python values to bytes and back by a format.
//!
//! A format is taken apart once into `Item`s with their offsets; compiled formats are cached. Values are converted before
//! memory is touched, so that no Python code runs while a buffer is lent. CPython: Modules/_struct.c.

use crate::common;
use dashu_int::IBig;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_numbers::half;
use naja_vm::buffer::Buffer;
use naja_vm::bytearray::ByteArray;
use naja_vm::bytes::Bytes;
use naja_vm::int::error::check;
use naja_vm::protocols::{number, object};
use naja_vm::str_;
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Raised, Vm};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::rc::Rc;

fn error_class(vm: &Vm) -> PyResult<Ref<Type>> {
    common::exception(vm, "struct.error", &vm.types.exception)
}

#[cold]
fn error(vm: &Vm, message: impl AsRef<str>) -> Raised {
    match error_class(vm) {
        Ok(class) => vm.raise(&class, message),
        Err(raised) => raised,
    }
}

/// Consecutive values of one kind (for `s` and `p`: one value).
#[derive(Clone, Copy)]
struct Item {
    code: u8,
    little: bool,
    offset: usize,
    size: usize,
    count: usize,
}

/// A format taken apart.
pub struct Layout {
    items: Vec<Item>,
    size: usize,
    /// How many Python values.
    len: usize,
    text: Vec<u8>,
}

/// Size and alignment of a code; None for an unknown one.
fn size_of(code: u8, native: bool) -> Option<(usize, usize)> {
    let size = match code {
        b'x' | b'b' | b'B' | b'c' | b's' | b'p' | b'?' => 1,
        b'h' | b'H' | b'e' => 2,
        b'i' | b'I' | b'f' => 4,
        b'l' | b'L' if native => 8,
        b'l' | b'L' => 4,
        b'q' | b'Q' | b'd' => 8,
        b'n' | b'N' | b'P' if native => 8,
        b'F' => return Some((8, 4)),
        b'D' => return Some((16, 8)),
        _ => return None,
    };
    Some((size, size))
}

impl Layout {
    fn parse(vm: &Vm, text: &[u8]) -> PyResult<Layout> {
        let (native, align, little, rest) = match text.first() {
            Some(b'<') => (false, false, true, &text[1..]),
            Some(b'>' | b'!') => (false, false, false, &text[1..]),
            Some(b'=') => (false, false, cfg!(target_endian = "little"), &text[1..]),
            Some(b'@') => (true, true, cfg!(target_endian = "little"), &text[1..]),
            _ => (true, true, cfg!(target_endian = "little"), text),
        };
        let too_long = || error(vm, "total struct size too long");
        let mut layout = Layout {
            items: Vec::new(),
            size: 0,
            len: 0,
            text: text.to_vec(),
        };
        let mut bytes = rest.iter().copied().peekable();
        while let Some(mut code) = bytes.next() {
            if code.is_ascii_whitespace() || code == 0x0b {
                continue;
            }
            let mut count = 1usize;
            if code.is_ascii_digit() {
                count = usize::from(code - b'0');
                loop {
                    match bytes.next() {
                        Some(digit @ b'0'..=b'9') => {
                            count = count
                                .checked_mul(10)
                                .and_then(|n| n.checked_add(usize::from(digit - b'0')))
                                .filter(|n| *n <= isize::MAX as usize)
                                .ok_or_else(too_long)?;
                        }
                        Some(other) => {
                            code = other;
                            break;
                        }
                        None => {
                            return Err(error(vm, "repeat count given without format specifier"));
                        }
                    }
                }
            }
            if code == 0 {
                return Err(error(vm, "embedded null character"));
            }
            let Some((size, alignment)) = size_of(code, native) else {
                return Err(error(vm, "bad char in struct format"));
            };
            if align {
                layout.size = layout
                    .size
                    .checked_next_multiple_of(alignment)
                    .ok_or_else(too_long)?;
            }
            let item = Item {
                code,
                little,
                offset: layout.size,
                size: if matches!(code, b's' | b'p') {
                    count
                } else {
                    size
                },
                count: if matches!(code, b's' | b'p') {
                    1
                } else {
                    count
                },
            };
            layout.size = size
                .checked_mul(count)
                .and_then(|n| n.checked_add(layout.size))
                .filter(|n| *n <= isize::MAX as usize)
                .ok_or_else(too_long)?;
            if code != b'x' && item.count > 0 {
                layout.len = layout.len.checked_add(item.count).ok_or_else(too_long)?;
                layout.items.push(item);
            }
        }
        Ok(layout)
    }

    /// Fills in `out`, which is zeroed and of the layout's size.
    fn pack(&self, vm: &Vm, values: &[Value], out: &mut [u8]) -> PyResult<()> {
        let mut values = values.iter();
        for item in &self.items {
            for n in 0..item.count {
                let Some(value) = values.next() else {
                    return Ok(());
                };
                let at = item.offset + n * item.size;
                if let Some(to) = out.get_mut(at..at + item.size) {
                    item.pack(vm, value, to)?;
                }
            }
        }
        Ok(())
    }

    /// The values in `data`, which is of the layout's size.
    fn unpack(&self, vm: &Vm, data: &[u8]) -> PyResult {
        let mut values =
            SmallVec::<[Value; 8]>::with_capacity(self.len.min(data.len() + self.items.len()));
        for item in &self.items {
            for n in 0..item.count {
                let at = item.offset + n * item.size;
                let part = data.get(at..at + item.size).unwrap_or(&[]);
                values.push(item.unpack(vm, part)?);
            }
        }
        let mut values = values.into_iter();
        Ok(
            Tuple::from_iter(vm, values.len(), |_| values.next().unwrap_or(Value::NONE))?
                .into_value(),
        )
    }
}

/// The number in up to eight bytes.
#[inline]
fn read_uint(bytes: &[u8], little: bool) -> u64 {
    // Lengths known here need no call to copy them.
    let whole = |word: u64, unused: u32| match little {
        true => word,
        false => word.swap_bytes() >> unused,
    };
    match *bytes {
        [a] => return a.into(),
        [a, b] => return whole(u16::from_le_bytes([a, b]).into(), 48),
        [a, b, c, d] => return whole(u32::from_le_bytes([a, b, c, d]).into(), 32),
        [a, b, c, d, e, f, g, h] => {
            return whole(u64::from_le_bytes([a, b, c, d, e, f, g, h]), 0);
        }
        _ => {}
    }
    let mut word = [0; 8];
    let n = bytes.len().min(8);
    if little {
        word[..n].copy_from_slice(&bytes[..n]);
        u64::from_le_bytes(word)
    } else {
        word[8 - n..].copy_from_slice(&bytes[..n]);
        u64::from_be_bytes(word)
    }
}

#[inline]
fn write_uint(out: &mut [u8], value: u64, little: bool) {
    let n = out.len().min(8);
    if little {
        out[..n].copy_from_slice(&value.to_le_bytes()[..n]);
    } else {
        out[..n].copy_from_slice(&value.to_be_bytes()[8 - n..]);
    }
}

impl Item {
    #[inline]
    fn unpack(&self, vm: &Vm, part: &[u8]) -> PyResult {
        let word = || read_uint(part, self.little);
        match self.code {
            b'b' | b'h' | b'i' | b'l' | b'q' | b'n' => {
                let unused = 64 - 8 * part.len().clamp(1, 8) as u32;
                vm.new_int(((word() << unused) as i64) >> unused)
            }
            b'B' | b'H' | b'I' | b'L' | b'Q' | b'N' | b'P' => {
                let n = word();
                match i64::try_from(n) {
                    Ok(n) => vm.new_int(n),
                    Err(_) => vm.new_bigint(IBig::from(n)),
                }
            }
            b'd' => vm.new_float(f64::from_bits(word())),
            b'f' => vm.new_float(half::from_single(word() as u32)),
            b'e' => vm.new_float(half::from_half(word() as u16)),
            b'?' => Ok(Value::from_bool(part.iter().any(|b| *b != 0))),
            b'c' | b's' => Ok(vm.new_bytes(part)?.into_value()),
            b'p' => {
                let n = part.first().map_or(0, |n| usize::from(*n));
                let n = n.min(part.len().saturating_sub(1));
                Ok(vm
                    .new_bytes(part.get(1..1 + n).unwrap_or(&[]))?
                    .into_value())
            }
            b'F' => {
                let (re, im) = part.split_at(part.len() / 2);
                let read = |b| half::from_single(read_uint(b, self.little) as u32);
                vm.new_complex(read(re), read(im))
            }
            _ => {
                let (re, im) = part.split_at(part.len() / 2);
                let read = |b| f64::from_bits(read_uint(b, self.little));
                vm.new_complex(read(re), read(im))
            }
        }
    }

    fn range_error(&self, vm: &Vm) -> Raised {
        let code = self.code as char;
        let bits = 8 * self.size as u32;
        let text = if self.code.is_ascii_lowercase() {
            let top = (1i128 << (bits - 1)) - 1;
            format!("'{code}' format requires {} <= number <= {top}", -top - 1)
        } else {
            let top = (1u128 << bits) - 1;
            format!("'{code}' format requires 0 <= number <= {top}")
        };
        error(vm, text)
    }

    fn pack_int(&self, vm: &Vm, value: &Value, out: &mut [u8]) -> PyResult<()> {
        if let Some(n) = value.as_small_int()
            && self.size < 8
        {
            let bits = 8 * self.size as u32;
            let fits = match self.code.is_ascii_lowercase() {
                true => n >> (bits - 1) == 0 || n >> (bits - 1) == -1,
                false => n >> bits == 0,
            };
            if fits {
                write_uint(out, n as u64, self.little);
                return Ok(());
            }
        }
        let n = match value.as_small_int() {
            Some(n) => Some(i128::from(n)),
            None if !number::has_index(vm, value) => {
                return Err(error(vm, "required argument is not an integer"));
            }
            None => number::index_i128(vm, value)?,
        };
        let bits = 8 * self.size as u32;
        let (low, high) = match self.code {
            // A pointer may be given as a negative number.
            b'P' => (-(1i128 << 63), (1i128 << 64) - 1),
            c if c.is_ascii_lowercase() => (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1),
            _ => (0, (1i128 << bits) - 1),
        };
        match n {
            Some(n) if (low..=high).contains(&n) => {
                write_uint(out, n as u64, self.little);
                Ok(())
            }
            _ if self.code == b'P' => Err(error(vm, "int too large to convert")),
            _ => Err(self.range_error(vm)),
        }
    }

    fn float(&self, vm: &Vm, value: &Value) -> PyResult<f64> {
        if let Some(f) = value.as_small_float() {
            return Ok(f);
        }
        match number::as_f64(vm, value) {
            Ok(f) => Ok(f),
            Err(_) if vm.catch(&vm.types.type_error) => {
                Err(error(vm, "required argument is not a float"))
            }
            Err(raised) => Err(raised),
        }
    }

    fn pack(&self, vm: &Vm, value: &Value, out: &mut [u8]) -> PyResult<()> {
        match self.code {
            b'd' => write_uint(out, self.float(vm, value)?.to_bits(), self.little),
            b'f' => {
                let bits = check(vm, half::to_single(self.float(vm, value)?))?;
                write_uint(out, bits.into(), self.little)
            }
            b'e' => {
                let bits = check(vm, half::to_half(self.float(vm, value)?))?;
                write_uint(out, bits.into(), self.little)
            }
            b'?' => write_uint(out, object::is_true(vm, value)?.into(), self.little),
            b'c' => match value.downcast::<Bytes>() {
                Some(bytes) if bytes.as_bytes().len() == 1 => out.copy_from_slice(bytes.as_bytes()),
                _ => {
                    return Err(error(vm, "char format requires a bytes object of length 1"));
                }
            },
            b's' | b'p' => self.pack_bytes(vm, value, out)?,
            b'F' | b'D' => {
                let z = match crate::cmath::value(vm, value) {
                    Ok(z) => z,
                    Err(_) if vm.catch(&vm.types.type_error) => {
                        return Err(error(vm, "required argument is not a complex"));
                    }
                    Err(raised) => return Err(raised),
                };
                let (re, im) = out.split_at_mut(self.size / 2);
                for (to, x) in [(re, z.re), (im, z.im)] {
                    let bits = match self.code {
                        b'F' => check(vm, half::to_single(x))?.into(),
                        _ => x.to_bits(),
                    };
                    write_uint(to, bits, self.little);
                }
            }
            _ => self.pack_int(vm, value, out)?,
        }
        Ok(())
    }

    fn pack_bytes(&self, vm: &Vm, value: &Value, out: &mut [u8]) -> PyResult<()> {
        let pascal = self.code == b'p';
        let mut copy = |bytes: &[u8]| {
            let Some(room) = out.len().checked_sub(usize::from(pascal)) else {
                return;
            };
            let n = bytes.len().min(room);
            let start = usize::from(pascal);
            out[start..start + n].copy_from_slice(&bytes[..n]);
            if pascal {
                out[0] = n.min(255) as u8;
            }
        };
        if let Some(bytes) = value.downcast::<Bytes>() {
            copy(bytes.as_bytes());
        } else if value.downcast::<ByteArray>().is_some() {
            Buffer::of(vm, value)?.with(copy);
        } else {
            let code = self.code as char;
            return Err(error(
                vm,
                format!("argument for '{code}' must be a bytes object"),
            ));
        }
        Ok(())
    }
}

/// Formats compiled lately.
#[derive(Default)]
struct Cache(MutCell<FxHashMap<Vec<u8>, Rc<Layout>>>);

const MAX_CACHED: usize = 100;

/// The text of a format, which may be a string or bytes.
fn format_text(vm: &Vm, format: &Value) -> PyResult<Vec<u8>> {
    if let Some(text) = str_::of(format) {
        if !text.is_ascii() {
            let ascii = vm.new_str("ascii")?;
            str_::codecs::encode(vm, text, &ascii, None)?;
        }
        return Ok(text.as_bytes().to_vec());
    }
    match format.downcast::<Bytes>() {
        Some(bytes) => Ok(bytes.as_bytes().to_vec()),
        None => Err(vm.type_error(format!(
            "Struct() argument 1 must be a str or bytes object, not {}",
            vm.type_of(format).full_name()
        ))),
    }
}

/// The layout of a format, from the cache if it is there.
fn layout(vm: &Vm, format: &Value) -> PyResult<Rc<Layout>> {
    if let Some(made) = format.downcast::<Struct>() {
        return made.layout(vm);
    }
    let cache = vm.interp.module_state::<Cache>();
    let found = match (str_::of(format), format.downcast::<Bytes>()) {
        (Some(text), _) => cache.0.with(|c| c.get(text.as_bytes()).cloned()),
        (_, Some(bytes)) => cache.0.with(|c| c.get(bytes.as_bytes()).cloned()),
        _ => None,
    };
    if let Some(layout) = found {
        return Ok(layout);
    }
    let text = format_text(vm, format)?;
    let layout = Rc::new(Layout::parse(vm, &text)?);
    cache.0.with_mut(|c| {
        if c.len() >= MAX_CACHED {
            c.clear();
        }
        c.insert(text, layout.clone());
    });
    Ok(layout)
}

fn pack(vm: &Vm, layout: &Layout, values: &[Value]) -> PyResult {
    if values.len() != layout.len {
        return Err(error(
            vm,
            format!(
                "pack expected {} items for packing (got {})",
                layout.len,
                values.len()
            ),
        ));
    }
    let size = vm.check_size(Some(layout.size))?;
    if size <= 64 {
        let mut out = [0; 64];
        layout.pack(vm, values, &mut out[..size])?;
        return Ok(vm.new_bytes(&out[..size])?.into_value());
    }
    let mut out = vec![0; size];
    layout.pack(vm, values, &mut out)?;
    Ok(vm.new_bytes_of(out)?.into_value())
}

fn pack_into(vm: &Vm, layout: &Layout, args: &[Value]) -> PyResult<()> {
    let [buffer, offset, values @ ..] = args else {
        return Err(error(
            vm,
            match args.len() {
                0 => "pack_into expected buffer argument",
                _ => "pack_into expected offset argument",
            },
        ));
    };
    if values.len() != layout.len {
        return Err(error(
            vm,
            format!(
                "pack_into expected {} items for packing (got {})",
                layout.len,
                values.len()
            ),
        ));
    }
    let into = match Buffer::writable(vm, buffer) {
        Ok(into) => into,
        Err(_) if vm.catch(&vm.types.buffer_error) || vm.catch(&vm.types.type_error) => {
            return Err(vm.type_error(format!(
                "pack_into() argument must be read-write bytes-like object, not {}",
                vm.type_of(buffer).full_name()
            )));
        }
        Err(raised) => return Err(raised),
    };
    let offset = number::index_for(vm, offset, &vm.types.index_error)?;
    let (len, size) = (into.len(), layout.size);
    let start = if offset < 0 {
        if offset + size as isize > 0 {
            return Err(error(
                vm,
                format!("no space to pack {size} bytes at offset {offset}"),
            ));
        }
        match usize::try_from(offset + len as isize) {
            Ok(start) => start,
            Err(_) => {
                return Err(error(
                    vm,
                    format!("offset {offset} out of range for {len}-byte buffer"),
                ));
            }
        }
    } else {
        offset as usize
    };
    if len < start || len - start < size {
        return Err(error(
            vm,
            format!(
                "pack_into requires a buffer of at least {} bytes for packing {size} bytes at offset {start} (actual buffer size is {len})",
                start.saturating_add(size)
            ),
        ));
    }
    let mut out = vec![0; size];
    let result = layout.pack(vm, values, &mut out);
    into.with_mut(|all| {
        if let Some(to) = all.get_mut(start..start + size) {
            to.copy_from_slice(&out)
        }
    });
    result
}

/// Runs `f` with bytes of a buffer that no Python code run by `f` can take away.
fn with_part(
    buffer: &Buffer,
    start: usize,
    size: usize,
    f: impl FnOnce(&[u8]) -> PyResult,
) -> PyResult {
    if size <= 128 {
        let mut copy = [0; 128];
        buffer.with(|all| {
            if let Some(part) = all.get(start..start + size) {
                copy[..size].copy_from_slice(part)
            }
        });
        return f(&copy[..size]);
    }
    let copy = buffer.with(|all| all.get(start..start + size).map(<[u8]>::to_vec));
    f(&copy.unwrap_or_default())
}

fn unpack(vm: &Vm, layout: &Layout, data: &Value) -> PyResult {
    let wrong = || {
        error(
            vm,
            format!("unpack requires a buffer of {} bytes", layout.size),
        )
    };
    if let Some(bytes) = data.downcast::<Bytes>() {
        let bytes = bytes.as_bytes();
        return match bytes.len() == layout.size {
            true => layout.unpack(vm, bytes),
            false => Err(wrong()),
        };
    }
    let buffer = Buffer::of(vm, data)?;
    if buffer.len() != layout.size {
        return Err(wrong());
    }
    with_part(&buffer, 0, layout.size, |part| layout.unpack(vm, part))
}

fn unpack_from(vm: &Vm, layout: &Layout, buffer: &Buffer, offset: isize) -> PyResult {
    let (len, size) = (buffer.len(), layout.size);
    let start = if offset < 0 {
        if offset + size as isize > 0 {
            return Err(error(
                vm,
                format!("not enough data to unpack {size} bytes at offset {offset}"),
            ));
        }
        match usize::try_from(offset + len as isize) {
            Ok(start) => start,
            Err(_) => {
                return Err(error(
                    vm,
                    format!("offset {offset} out of range for {len}-byte buffer"),
                ));
            }
        }
    } else {
        offset as usize
    };
    if len < start || len - start < size {
        return Err(error(
            vm,
            format!(
                "unpack_from requires a buffer of at least {} bytes for unpacking {size} bytes at offset {start} (actual buffer size is {len})",
                start.saturating_add(size)
            ),
        ));
    }
    with_part(buffer, start, size, |part| layout.unpack(vm, part))
}

fn iter_unpack(vm: &Vm, layout: Rc<Layout>, buffer: Buffer) -> PyResult {
    if layout.size == 0 {
        return Err(error(
            vm,
            "cannot iteratively unpack with a struct of length 0",
        ));
    }
    if !buffer.len().is_multiple_of(layout.size) {
        return Err(error(
            vm,
            format!(
                "iterative unpacking requires a buffer of a multiple of {} bytes",
                layout.size
            ),
        ));
    }
    let iterator = UnpackIterator {
        layout,
        buffer: MutCell::new(Some(buffer)),
        at: std::cell::Cell::new(0),
    };
    Ok(vm.new_object(iterator)?.into_value())
}

/// Struct(fmt) --> compiled struct object
#[pyclass(name = "Struct", module = "_struct", flags(BASETYPE, HAS_WEAKREF))]
pub struct Struct {
    layout: MutCell<Option<Rc<Layout>>>,
}

impl Struct {
    fn layout(&self, vm: &Vm) -> PyResult<Rc<Layout>> {
        self.layout
            .get()
            .ok_or_else(|| vm.runtime_error("Struct object is not initialized"))
    }
}

#[pymethods]
impl Struct {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        let made = Struct {
            layout: MutCell::new(None),
        };
        Ok(vm.new_object_of(cls, made)?.into_value())
    }

    #[pyslot]
    fn init(zelf: &Ref<Self>, vm: &Vm, args: Args) -> PyResult<()> {
        if args.args.len() > 1 {
            return Err(vm.type_error(format!(
                "Struct() takes at most 1 argument ({} given)",
                args.args.len()
            )));
        }
        let format = args.positional().first().or_else(|| args.keyword("format"));
        let Some(format) = format else {
            return Err(match args.keywords().next() {
                Some((name, _)) => vm.type_error(format!(
                    "Struct() got an unexpected keyword argument '{}'",
                    name.to_string_lossy()
                )),
                None => vm.type_error("Struct() missing required argument 'format' (pos 1)"),
            });
        };
        let text = format_text(vm, format)?;
        zelf.layout.set(Some(Rc::new(Layout::parse(vm, &text)?)));
        Ok(())
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let format = zelf.format(vm)?;
        let text = object::repr(vm, &format)?;
        let name = vm.type_of(zelf.as_value()).name();
        Ok(vm
            .new_str(format!("{name}({})", text.to_string_lossy()))?
            .into_value())
    }

    /// S.pack(v1, v2, ...) -> bytes
    ///
    /// Return a bytes object containing values v1, v2, ... packed according
    /// to the format string S.format.  See help(struct) for more on format
    /// strings.
    #[pymethod(raw)]
    fn pack(vm: &Vm, args: Args) -> PyResult {
        let (zelf, values) = receiver(vm, &args, "pack")?;
        pack(vm, &*zelf.layout(vm)?, values)
    }

    /// S.pack_into(buffer, offset, v1, v2, ...)
    ///
    /// Pack the values v1, v2, ... according to the format string S.format
    /// and write the packed bytes into the writable buffer buf starting at
    /// offset.  Note that the offset is a required argument.  See
    /// help(struct) for more on format strings.
    #[pymethod(raw)]
    fn pack_into(vm: &Vm, args: Args) -> PyResult {
        let (zelf, values) = receiver(vm, &args, "pack_into")?;
        pack_into(vm, &*zelf.layout(vm)?, values)?;
        Ok(Value::NONE)
    }

    /// Return a tuple containing unpacked values.
    ///
    /// Unpack according to the format string Struct.format. The buffer's size
    /// in bytes must be Struct.size.
    ///
    /// See help(struct) for more on format strings.
    #[pymethod(sig = "($self, buffer, /)")]
    fn unpack(&self, vm: &Vm, buffer: &Value) -> PyResult {
        unpack(vm, &*self.layout(vm)?, buffer)
    }

    /// Return a tuple containing unpacked values.
    ///
    /// Values are unpacked according to the format string Struct.format.
    ///
    /// The buffer's size in bytes, starting at position offset, must be
    /// at least Struct.size.
    ///
    /// See help(struct) for more on format strings.
    #[pymethod(sig = "($self, /, buffer, offset=0)")]
    fn unpack_from(&self, vm: &Vm, buffer: Buffer, #[default(0)] offset: isize) -> PyResult {
        unpack_from(vm, &*self.layout(vm)?, &buffer, offset)
    }

    /// Return an iterator yielding tuples.
    ///
    /// Tuples are unpacked from the given bytes source, like a repeated
    /// invocation of unpack_from().
    ///
    /// Requires that the bytes length be a multiple of the struct size.
    #[pymethod(sig = "($self, buffer, /)")]
    fn iter_unpack(&self, vm: &Vm, buffer: Buffer) -> PyResult {
        iter_unpack(vm, self.layout(vm)?, buffer)
    }

    #[pymethod(sig = "($self, /)")]
    fn __sizeof__(&self, vm: &Vm) -> PyResult<usize> {
        let layout = self.layout(vm)?;
        Ok(48 + 32 * (layout.items.len() + 1))
    }

    /// struct format string
    #[pygetter]
    fn format(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_str_wtf8(&self.layout(vm)?.text)?.into_value())
    }

    /// struct size in bytes
    #[pygetter]
    fn size(&self) -> i64 {
        // -1 before `__init__`.
        self.layout
            .with(|l| l.as_ref().map_or(-1, |l| l.size as i64))
    }
}

fn receiver<'a>(vm: &Vm, args: &Args<'a>, name: &str) -> PyResult<(&'a Ref<Struct>, &'a [Value])> {
    if args.keyword_count() > 0 {
        return Err(vm.type_error(format!("Struct.{name}() takes no keyword arguments")));
    }
    match args.args.split_first() {
        Some((zelf, values)) => match zelf.downcast::<Struct>() {
            Some(zelf) => Ok((zelf, values)),
            None => Err(vm.type_error(format!(
                "descriptor '{name}' for '_struct.Struct' objects doesn't apply to a '{}' object",
                vm.type_name(zelf)
            ))),
        },
        None => Err(vm.type_error(format!("unbound method Struct.{name}() needs an argument"))),
    }
}

/// See `iter_unpack`.
#[pyclass(name = "unpack_iterator", module = "_struct", doc = "", flags(NO_NEW))]
pub struct UnpackIterator {
    layout: Rc<Layout>,
    buffer: MutCell<Option<Buffer>>,
    at: std::cell::Cell<usize>,
}

#[pymethods]
impl UnpackIterator {
    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        let Some(buffer) = zelf.buffer.get() else {
            return Ok(None);
        };
        let (at, size) = (zelf.at.get(), zelf.layout.size);
        if at >= buffer.len() {
            zelf.buffer.set(None);
            return Ok(None);
        }
        zelf.at.set(at + size);
        with_part(&buffer, at, size, |part| zelf.layout.unpack(vm, part)).map(Some)
    }

    #[pymethod(sig = "($self, /)")]
    fn __length_hint__(&self) -> usize {
        let total = self.buffer.with(|b| b.as_ref().map_or(0, Buffer::len));
        total.saturating_sub(self.at.get()) / self.layout.size.max(1)
    }
}

fn format_argument<'a>(
    vm: &Vm,
    args: &Args<'a>,
    name: &str,
) -> PyResult<(Rc<Layout>, &'a [Value])> {
    if args.keyword_count() > 0 {
        return Err(vm.type_error(format!("_struct.{name}() takes no keyword arguments")));
    }
    match args.args.split_first() {
        Some((format, values)) => Ok((layout(vm, format)?, values)),
        None => Err(vm.type_error("missing format argument")),
    }
}

#[pymodule(
    name = "_struct",
    doc = "Functions to convert between Python values and C structs.\nPython bytes objects are used to hold the data representing the C struct\nand also as format strings (explained below) to describe the layout of data\nin the C struct.",
    classes(Struct)
)]
pub mod module {
    use super::*;

    #[pyattr(name = "error")]
    fn error_attr(vm: &Vm) -> PyResult {
        Ok(error_class(vm)?.into_value())
    }

    /// Clear the internal cache.
    #[pyfunction(sig = "($module, /)")]
    fn _clearcache(vm: &Vm) {
        vm.interp.module_state::<Cache>().0.take();
    }

    /// Return size in bytes of the struct described by the format string.
    #[pyfunction(sig = "($module, format, /)")]
    fn calcsize(vm: &Vm, format: &Value) -> PyResult<usize> {
        Ok(layout(vm, format)?.size)
    }

    /// pack(format, v1, v2, ...) -> bytes
    ///
    /// Return a bytes object containing the values v1, v2, ... packed according
    /// to the format string.  See help(struct) for more on format strings.
    #[pyfunction(name = "pack", raw)]
    fn pack_function(vm: &Vm, args: Args) -> PyResult {
        let (layout, values) = format_argument(vm, &args, "pack")?;
        super::pack(vm, &layout, values)
    }

    /// pack_into(format, buffer, offset, v1, v2, ...)
    ///
    /// Pack the values v1, v2, ... according to the format string and write
    /// the packed bytes into the writable buffer buf starting at offset.  Note
    /// that the offset is a required argument.  See help(struct) for more
    /// on format strings.
    #[pyfunction(name = "pack_into", raw)]
    fn pack_into_function(vm: &Vm, args: Args) -> PyResult {
        let (layout, values) = format_argument(vm, &args, "pack_into")?;
        super::pack_into(vm, &layout, values)?;
        Ok(Value::NONE)
    }

    /// Return a tuple containing values unpacked according to the format string.
    ///
    /// The buffer's size in bytes must be calcsize(format).
    ///
    /// See help(struct) for more on format strings.
    #[pyfunction(name = "unpack", sig = "($module, format, buffer, /)")]
    fn unpack_function(vm: &Vm, format: &Value, buffer: &Value) -> PyResult {
        super::unpack(vm, &*layout(vm, format)?, buffer)
    }

    /// Return a tuple containing values unpacked according to the format string.
    ///
    /// The buffer's size, minus offset, must be at least calcsize(format).
    ///
    /// See help(struct) for more on format strings.
    #[pyfunction(name = "unpack_from", sig = "($module, format, /, buffer, offset=0)")]
    fn unpack_from_function(
        vm: &Vm,
        format: &Value,
        buffer: Buffer,
        #[default(0)] offset: isize,
    ) -> PyResult {
        super::unpack_from(vm, &*layout(vm, format)?, &buffer, offset)
    }

    /// Return an iterator yielding tuples unpacked according to the format string.
    ///
    /// The iterator unpacks from the given bytes source like a repeated
    /// invocation of unpack_from().
    ///
    /// Requires that the bytes length be a multiple of the format struct size.
    #[pyfunction(name = "iter_unpack", sig = "($module, format, buffer, /)")]
    fn iter_unpack_function(vm: &Vm, format: &Value, buffer: Buffer) -> PyResult {
        super::iter_unpack(vm, layout(vm, format)?, buffer)
    }
}
