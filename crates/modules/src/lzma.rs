//! `_lzma`: the two objects behind `lzma`, over liblzma, which is compiled in.
//!
//! A [`Stream`] owns liblzma's state and ends it with itself. Options of filters are boxed beside the array that liblzma
//! reads ([`Filters`]), and are only needed while a coder is being made. CPython: Modules/_lzmamodule.c.

use crate::common;
use crate::compression::{Decoded, Input, Stop, input_members, room};
use dashu_int::IBig;
use liblzma_sys as ffi;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::buffer::Buffer;
use naja_vm::dict::Dict;
use naja_vm::module::Module;
use naja_vm::protocols::{number, object, sequence};
use naja_vm::str_;
use naja_vm::type_::Type;
use naja_vm::{PyResult, Raised, Vm};
use std::cell::Cell;

const FORMAT_AUTO: i32 = 0;
const FORMAT_XZ: i32 = 1;
const FORMAT_ALONE: i32 = 2;
const FORMAT_RAW: i32 = 3;

/// The check of a stream that has not been read yet.
const CHECK_UNKNOWN: u32 = ffi::LZMA_CHECK_ID_MAX + 1;

const BLOCK: usize = 32 * 1024;

fn error_class(vm: &Vm) -> PyResult<Ref<Type>> {
    common::exception(vm, "_lzma.LZMAError", &vm.types.exception)
}

#[cold]
fn error(vm: &Vm, message: impl AsRef<str>) -> Raised {
    match error_class(vm) {
        Ok(class) => vm.raise(&class, message),
        Err(raised) => raised,
    }
}

/// Raises for the codes of liblzma's that are errors.
fn check(vm: &Vm, code: ffi::lzma_ret) -> PyResult<()> {
    let message = match code {
        ffi::LZMA_OK | ffi::LZMA_GET_CHECK | ffi::LZMA_NO_CHECK | ffi::LZMA_STREAM_END => {
            return Ok(());
        }
        ffi::LZMA_MEM_ERROR => return Err(vm.memory_error("")),
        ffi::LZMA_UNSUPPORTED_CHECK => "Unsupported integrity check",
        ffi::LZMA_MEMLIMIT_ERROR => "Memory usage limit exceeded",
        ffi::LZMA_FORMAT_ERROR => "Input format not supported by decoder",
        ffi::LZMA_OPTIONS_ERROR => "Invalid or unsupported options",
        ffi::LZMA_DATA_ERROR => "Corrupt input data",
        ffi::LZMA_BUF_ERROR => "Insufficient buffer space",
        ffi::LZMA_PROG_ERROR => "Internal error",
        code => {
            return Err(error(
                vm,
                format!("Unrecognized error from liblzma: {code}"),
            ));
        }
    };
    Err(error(vm, message))
}

/// A coder of liblzma's. Boxed, for liblzma may remember where it is.
struct Stream(Box<ffi::lzma_stream>);

impl Stream {
    fn new() -> Stream {
        // SAFETY: zeros are LZMA_STREAM_INIT.
        Stream(Box::new(unsafe { std::mem::zeroed() }))
    }

    fn as_mut(&mut self) -> *mut ffi::lzma_stream {
        &raw mut *self.0
    }

    /// One step of coding. Gives liblzma's code, how much input was taken and how much output made.
    fn code(
        &mut self,
        input: &[u8],
        output: &mut [u8],
        action: ffi::lzma_action,
    ) -> (ffi::lzma_ret, usize, usize) {
        self.0.next_in = input.as_ptr();
        self.0.avail_in = input.len();
        self.0.next_out = output.as_mut_ptr();
        self.0.avail_out = output.len();
        // SAFETY: the stream has a coder; input and output are as long as said.
        let code = unsafe { ffi::lzma_code(self.as_mut(), action) };
        let (left, room) = (self.0.avail_in, self.0.avail_out);
        self.0.next_in = std::ptr::null();
        self.0.next_out = std::ptr::null_mut();
        (code, input.len() - left, output.len() - room)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: a stream that is not used again.
        unsafe { ffi::lzma_end(self.as_mut()) }
    }
}

/// The options of one filter, at a place that does not move.
enum Options {
    Lzma(Box<ffi::lzma_options_lzma>),
    Delta(Box<ffi::lzma_options_delta>),
    Bcj(Box<ffi::lzma_options_bcj>),
}

impl Options {
    fn as_ptr(&mut self) -> *mut std::ffi::c_void {
        match self {
            Options::Lzma(options) => (&raw mut **options).cast(),
            Options::Delta(options) => (&raw mut **options).cast(),
            Options::Bcj(options) => (&raw mut **options).cast(),
        }
    }
}

/// A chain of filters as liblzma reads it, ended by an unknown one.
struct Filters {
    raw: Vec<ffi::lzma_filter>,
    options: Vec<Options>,
}

impl Filters {
    /// The chain that a sequence of dicts describes.
    fn of(vm: &Vm, specs: &Value) -> PyResult<Filters> {
        if specs.downcast::<Dict>().is_some() {
            let kind = vm.type_of(specs).full_name();
            return Err(vm.type_error(format!("{kind} is not a sequence")));
        }
        let count = object::len(vm, specs)?;
        if count > ffi::LZMA_FILTERS_MAX as usize {
            return Err(vm.value_error(format!(
                "Too many filters - liblzma supports a maximum of {}",
                ffi::LZMA_FILTERS_MAX
            )));
        }
        let mut chain = Filters {
            raw: Vec::new(),
            options: Vec::new(),
        };
        for i in 0..count {
            let spec = sequence::get(vm, specs, i as isize)?;
            chain.push(vm, &spec)?;
        }
        chain.raw.push(ffi::lzma_filter {
            id: ffi::LZMA_VLI_UNKNOWN,
            options: std::ptr::null_mut(),
        });
        Ok(chain)
    }

    fn push(&mut self, vm: &Vm, spec: &Value) -> PyResult<()> {
        let (id, mut options) = filter_of(vm, spec)?;
        self.raw.push(ffi::lzma_filter {
            id,
            options: options.as_ptr(),
        });
        self.options.push(options);
        Ok(())
    }

    fn as_ptr(&self) -> *const ffi::lzma_filter {
        self.raw.as_ptr()
    }
}

/// An unsigned number that fits `what`. Raises TypeError, ValueError, OverflowError.
fn unsigned<T: TryFrom<u64>>(vm: &Vm, value: &Value, what: &str) -> PyResult<T> {
    let n = number::index_big(vm, value)?;
    if n < IBig::ZERO {
        return Err(vm.value_error("Cannot convert negative int"));
    }
    let fitting = u64::try_from(n).ok().and_then(|n| T::try_from(n).ok());
    fitting.ok_or_else(|| vm.overflow_error(format!("Python int too large for C {what}")))
}

/// An entry of a filter's description; None where there is none.
fn entry(vm: &Vm, spec: &Value, key: &str) -> PyResult<Option<Value>> {
    match object::get_item(vm, spec, vm.new_str(key)?.as_value()) {
        Ok(value) => Ok(Some(value)),
        Err(_) if vm.catch(&vm.types.key_error) => Ok(None),
        Err(raised) => Err(raised),
    }
}

/// Checks that a description has no other entries than `known`, and reads the numbers among them with `read`.
fn entries(
    vm: &Vm,
    spec: &Value,
    kind: &str,
    known: &[&str],
    mut read: impl FnMut(&str, u32),
) -> PyResult<()> {
    let invalid = || vm.value_error(format!("Invalid filter specifier for {kind} filter"));
    if let Some(dict) = spec.downcast::<Dict>() {
        for (key, _) in dict.items_vec() {
            let name = str_::of(&key).and_then(|key| key.as_str());
            if !name.is_some_and(|name| name == "id" || name == "preset" || known.contains(&name)) {
                return Err(invalid());
            }
        }
    }
    for &key in known {
        if key == "preset" {
            continue;
        }
        if let Some(value) = entry(vm, spec, key)? {
            match unsigned::<u32>(vm, &value, "uint32_t") {
                Ok(n) => read(key, n),
                Err(_) => {
                    vm.clear_exception();
                    return Err(invalid());
                }
            }
        }
    }
    Ok(())
}

fn preset_options(vm: &Vm, preset: u32) -> PyResult<Box<ffi::lzma_options_lzma>> {
    // SAFETY: plain data, filled by the call.
    let mut options: Box<ffi::lzma_options_lzma> = Box::new(unsafe { std::mem::zeroed() });
    // SAFETY: a place of that type.
    if unsafe { ffi::lzma_lzma_preset(&mut *options, preset) } != 0 {
        return Err(error(vm, format!("Invalid compression preset: {preset}")));
    }
    Ok(options)
}

/// The filter that a dict describes.
fn filter_of(vm: &Vm, spec: &Value) -> PyResult<(ffi::lzma_vli, Options)> {
    if vm.type_of(spec).slots.subscript.get().is_none() {
        return Err(vm.type_error("Filter specifier must be a dict or dict-like object"));
    }
    let Some(id) = entry(vm, spec, "id")? else {
        return Err(vm.value_error("Filter specifier must have an \"id\" entry"));
    };
    let id: u64 = unsigned(vm, &id, "lzma_vli")?;
    let options = match id {
        ffi::LZMA_FILTER_LZMA1 | ffi::LZMA_FILTER_LZMA2 => {
            let preset = match entry(vm, spec, "preset")? {
                Some(value) => unsigned(vm, &value, "uint32_t")?,
                None => ffi::LZMA_PRESET_DEFAULT,
            };
            let mut options = preset_options(vm, preset)?;
            let known = [
                "preset",
                "dict_size",
                "lc",
                "lp",
                "pb",
                "mode",
                "nice_len",
                "mf",
                "depth",
            ];
            entries(vm, spec, "LZMA", &known, |key, n| match key {
                "dict_size" => options.dict_size = n,
                "lc" => options.lc = n,
                "lp" => options.lp = n,
                "pb" => options.pb = n,
                "mode" => options.mode = n as ffi::lzma_mode,
                "nice_len" => options.nice_len = n,
                "mf" => options.mf = n as ffi::lzma_match_finder,
                _ => options.depth = n,
            })?;
            Options::Lzma(options)
        }
        ffi::LZMA_FILTER_DELTA => {
            // SAFETY: plain data.
            let mut options: Box<ffi::lzma_options_delta> = Box::new(unsafe { std::mem::zeroed() });
            options.dist = 1;
            entries(vm, spec, "delta", &["dist"], |_, n| options.dist = n)?;
            Options::Delta(options)
        }
        ffi::LZMA_FILTER_X86
        | ffi::LZMA_FILTER_POWERPC
        | ffi::LZMA_FILTER_IA64
        | ffi::LZMA_FILTER_ARM
        | ffi::LZMA_FILTER_ARMTHUMB
        | ffi::LZMA_FILTER_SPARC => {
            // SAFETY: plain data.
            let mut options: Box<ffi::lzma_options_bcj> = Box::new(unsafe { std::mem::zeroed() });
            let known = ["start_offset"];
            entries(vm, spec, "BCJ", &known, |_, n| options.start_offset = n)?;
            Options::Bcj(options)
        }
        id => return Err(vm.value_error(format!("Invalid filter ID: {id}"))),
    };
    Ok((id, options))
}

/// LZMACompressor(format=FORMAT_XZ, check=-1, preset=None, filters=None)
///
/// Create a compressor object for compressing data incrementally.
///
/// format specifies the container format to use for the output. This can
/// be FORMAT_XZ (default), FORMAT_ALONE, or FORMAT_RAW.
///
/// check specifies the integrity check to use. For FORMAT_XZ, the default
/// is CHECK_CRC64. FORMAT_ALONE and FORMAT_RAW do not support integrity
/// checks; for these formats, check must be omitted, or be CHECK_NONE.
///
/// The settings used by the compressor can be specified either as a
/// preset compression level (with the 'preset' argument), or in detail
/// as a custom filter chain (with the 'filters' argument). For FORMAT_XZ
/// and FORMAT_ALONE, the default is to use the PRESET_DEFAULT preset
/// level. For FORMAT_RAW, the caller must always specify a filter chain;
/// the raw compressor does not support preset compression levels.
///
/// preset (if provided) should be an integer in the range 0-9, optionally
/// OR-ed with the constant PRESET_EXTREME.
///
/// filters (if provided) should be a sequence of dicts. Each dict should
/// have an entry for "id" indicating the ID of the filter, plus
/// additional entries for options to the filter.
///
/// For one-shot compression, use the compress() function instead.
#[pyclass(name = "LZMACompressor", module = "_lzma", flags(IMMUTABLE))]
pub struct Compressor {
    stream: MutCell<Option<Stream>>,
    flushed: Cell<bool>,
}

/// The encoder of a container format.
fn encoder(
    vm: &Vm,
    format: i32,
    check_id: i32,
    preset: u32,
    filters: Option<&Value>,
) -> PyResult<Stream> {
    let mut stream = Stream::new();
    let raw = stream.as_mut();
    // SAFETY (of the calls below): a fresh stream; liblzma copies filters and options.
    let code = match (format, filters) {
        (FORMAT_XZ, None) => unsafe { ffi::lzma_easy_encoder(raw, preset, check_id as _) },
        (FORMAT_XZ, Some(specs)) => {
            let chain = Filters::of(vm, specs)?;
            // SAFETY: a fresh stream; liblzma copies what the filters and options point to.
            unsafe { ffi::lzma_stream_encoder(raw, chain.as_ptr(), check_id as _) }
        }
        (FORMAT_ALONE, None) => {
            let options = preset_options(vm, preset)?;
            // SAFETY: a fresh stream; liblzma copies what the filters and options point to.
            unsafe { ffi::lzma_alone_encoder(raw, &*options) }
        }
        (FORMAT_ALONE, Some(specs)) => {
            let chain = Filters::of(vm, specs)?;
            match (chain.raw.as_slice(), chain.options.as_slice()) {
                ([first, _], [Options::Lzma(options)]) if first.id == ffi::LZMA_FILTER_LZMA1 => {
                    // SAFETY: a fresh stream; liblzma copies what the filters and options point to.
                    unsafe { ffi::lzma_alone_encoder(raw, &**options) }
                }
                _ => {
                    return Err(vm.value_error(
                        "Invalid filter chain for FORMAT_ALONE - must be a single LZMA1 filter",
                    ));
                }
            }
        }
        (FORMAT_RAW, None) => {
            return Err(vm.value_error("Must specify filters for FORMAT_RAW"));
        }
        (FORMAT_RAW, Some(specs)) => {
            let chain = Filters::of(vm, specs)?;
            // SAFETY: a fresh stream; liblzma copies what the filters and options point to.
            unsafe { ffi::lzma_raw_encoder(raw, chain.as_ptr()) }
        }
        _ => return Err(vm.value_error(format!("Invalid container format: {format}"))),
    };
    check(vm, code)?;
    Ok(stream)
}

impl Compressor {
    fn run(vm: &Vm, stream: &mut Stream, input: &[u8], finish: bool) -> PyResult<Vec<u8>> {
        let action = if finish {
            ffi::LZMA_FINISH
        } else {
            ffi::LZMA_RUN
        };
        let (mut out, mut at) = (Vec::new(), 0);
        loop {
            let start = room(&mut out, usize::MAX, BLOCK);
            let (mut code, taken, made) = stream.code(&input[at..], &mut out[start..], action);
            at += taken;
            let full = start + made == out.len();
            out.truncate(start + made);
            if code == ffi::LZMA_BUF_ERROR && input.is_empty() && !full {
                code = ffi::LZMA_OK; // nothing to do is no error
            }
            check(vm, code)?;
            if (!finish && at == input.len() && !full) || (finish && code == ffi::LZMA_STREAM_END) {
                return Ok(out);
            }
        }
    }
}

#[pymethods]
impl Compressor {
    #[pyslot(sig = "(format=FORMAT_XZ, check=-1, preset=None, filters=None)")]
    fn new(
        cls: &Ref<Type>,
        vm: &Vm,
        #[default(FORMAT_XZ)] format: i32,
        #[default(-1)] check: i32,
        preset: Option<&Value>,
        filters: Option<&Value>,
    ) -> PyResult {
        let (preset, filters) = (
            preset.filter(|p| !p.is_none()),
            filters.filter(|f| !f.is_none()),
        );
        if format != FORMAT_XZ && check != -1 && check != 0 {
            return Err(vm.value_error("Integrity checks are only supported by FORMAT_XZ"));
        }
        if preset.is_some() && filters.is_some() {
            return Err(vm.value_error("Cannot specify both preset and filter chain"));
        }
        let preset = match preset {
            Some(value) => unsigned(vm, value, "uint32_t")?,
            None => ffi::LZMA_PRESET_DEFAULT,
        };
        let check = if check == -1 {
            ffi::LZMA_CHECK_CRC64 as i32
        } else {
            check
        };
        let stream = encoder(vm, format, check, preset, filters)?;
        let made = Compressor {
            stream: MutCell::new(Some(stream)),
            flushed: Cell::new(false),
        };
        Ok(vm.new_object_of(cls, made)?.into_value())
    }

    /// Provide data to the compressor object.
    ///
    /// Returns a chunk of compressed data if possible, or b'' otherwise.
    ///
    /// When you have finished providing data to the compressor, call the
    /// flush() method to finish the compression process.
    #[pymethod(sig = "($self, data, /)")]
    fn compress(&self, vm: &Vm, data: Buffer) -> PyResult {
        if self.flushed.get() {
            return Err(vm.value_error("Compressor has been flushed"));
        }
        let Some(mut stream) = self.stream.take() else {
            return Err(vm.value_error("Compressor has been flushed"));
        };
        let result = data.with(|bytes| Compressor::run(vm, &mut stream, bytes, false));
        self.stream.set(Some(stream));
        Ok(vm.new_bytes_of(result?)?.into_value())
    }

    /// Finish the compression process.
    ///
    /// Returns the compressed data left in internal buffers.
    ///
    /// The compressor object may not be used after this method is called.
    #[pymethod(sig = "($self, /)")]
    fn flush(&self, vm: &Vm) -> PyResult {
        if self.flushed.replace(true) {
            return Err(vm.value_error("Repeated call to flush()"));
        }
        let Some(mut stream) = self.stream.take() else {
            return Err(vm.value_error("Repeated call to flush()"));
        };
        let out = Compressor::run(vm, &mut stream, b"", true)?;
        Ok(vm.new_bytes_of(out)?.into_value())
    }
}

/// Create a decompressor object for decompressing data incrementally.
///
///   format
///     Specifies the container format of the input stream.  If this is
///     FORMAT_AUTO (the default), the decompressor will automatically detect
///     whether the input is FORMAT_XZ or FORMAT_ALONE.  Streams created with
///     FORMAT_RAW cannot be autodetected.
///   memlimit
///     Limit the amount of memory used by the decompressor.  This will cause
///     decompression to fail if the input cannot be decompressed within the
///     given limit.
///   filters
///     A custom filter chain.  This argument is required for FORMAT_RAW, and
///     not accepted with any other format.  When provided, this should be a
///     sequence of dicts, each indicating the ID and options for a single
///     filter.
///
/// For one-shot decompression, use the decompress() function instead.
#[pyclass(name = "LZMADecompressor", module = "_lzma", flags(IMMUTABLE))]
pub struct Decompressor {
    stream: MutCell<Option<Stream>>,
    input: Input,
    check: Cell<u32>,
}

impl Decompressor {
    /// Decodes until the input is used up, the stream ends or `limit` bytes are there.
    fn run(&self, vm: &Vm, stream: &mut Stream, input: &[u8], limit: usize) -> PyResult<Decoded> {
        let (mut out, mut taken) = (Vec::new(), 0);
        loop {
            let start = room(&mut out, limit, BLOCK);
            let (mut code, used, made) =
                stream.code(&input[taken..], &mut out[start..], ffi::LZMA_RUN);
            taken += used;
            let full = start + made == out.len();
            out.truncate(start + made);
            if code == ffi::LZMA_BUF_ERROR && taken == input.len() && !full {
                code = ffi::LZMA_OK; // it only wants more input
            }
            check(vm, code)?;
            if code == ffi::LZMA_GET_CHECK || code == ffi::LZMA_NO_CHECK {
                // SAFETY: a stream with a decoder that has seen the check.
                self.check
                    .set(unsafe { ffi::lzma_get_check(stream.as_mut()) } as u32);
            }
            let stop = if code == ffi::LZMA_STREAM_END {
                Stop::End
            } else if full && out.len() >= limit {
                Stop::Limit
            } else if !full && taken == input.len() {
                Stop::Empty
            } else {
                continue;
            };
            return Ok(Decoded { out, taken, stop });
        }
    }
}

#[pymethods(with(INPUT))]
impl Decompressor {
    #[pyslot(sig = "(format=FORMAT_AUTO, memlimit=None, filters=None)")]
    fn new(
        cls: &Ref<Type>,
        vm: &Vm,
        #[default(FORMAT_AUTO)] format: i32,
        memlimit: Option<&Value>,
        filters: Option<&Value>,
    ) -> PyResult {
        let filters = filters.filter(|f| !f.is_none());
        let mut limit = u64::MAX;
        if let Some(value) = memlimit.filter(|m| !m.is_none()) {
            if format == FORMAT_RAW {
                return Err(vm.value_error("Cannot specify memory limit with FORMAT_RAW"));
            }
            limit = unsigned(vm, value, "uint64_t")?;
        }
        if format == FORMAT_RAW && filters.is_none() {
            return Err(vm.value_error("Must specify filters for FORMAT_RAW"));
        }
        if format != FORMAT_RAW && filters.is_some() {
            return Err(vm.value_error("Cannot specify filters except with FORMAT_RAW"));
        }
        let mut stream = Stream::new();
        let raw = stream.as_mut();
        let flags = ffi::LZMA_TELL_ANY_CHECK | ffi::LZMA_TELL_NO_CHECK;
        let mut check_id = CHECK_UNKNOWN;
        // SAFETY (of the calls below): a fresh stream; liblzma copies filters and options.
        let code = match (format, filters) {
            (FORMAT_AUTO, _) => unsafe { ffi::lzma_auto_decoder(raw, limit, flags) },
            (FORMAT_XZ, _) => unsafe { ffi::lzma_stream_decoder(raw, limit, flags) },
            (FORMAT_ALONE, _) => {
                check_id = 0;
                // SAFETY: a fresh stream.
                unsafe { ffi::lzma_alone_decoder(raw, limit) }
            }
            (FORMAT_RAW, Some(specs)) => {
                check_id = 0;
                let chain = Filters::of(vm, specs)?;
                // SAFETY: a fresh stream; liblzma copies what the filters and options point to.
                unsafe { ffi::lzma_raw_decoder(raw, chain.as_ptr()) }
            }
            _ => return Err(vm.value_error(format!("Invalid container format: {format}"))),
        };
        check(vm, code)?;
        let made = Decompressor {
            stream: MutCell::new(Some(stream)),
            input: Input::default(),
            check: Cell::new(check_id),
        };
        Ok(vm.new_object_of(cls, made)?.into_value())
    }

    /// Decompress *data*, returning uncompressed data as bytes.
    ///
    /// If *max_length* is nonnegative, returns at most *max_length* bytes
    /// of decompressed data. If this limit is reached and further output
    /// can be produced, *self.needs_input* will be set to ``False``.  In
    /// this case, the next call to *decompress()* may provide *data* as b''
    /// to obtain more of the output.
    ///
    /// If all of the input data was decompressed and returned (either
    /// because this was less than *max_length* bytes, or because
    /// *max_length* was negative), *self.needs_input* will be set to True.
    ///
    /// Attempting to decompress data after the end of stream is reached
    /// raises an EOFError.  Any data found after the end of the stream is
    /// ignored and saved in the unused_data attribute.
    #[pymethod(sig = "($self, /, data, max_length=-1)")]
    fn decompress(&self, vm: &Vm, data: Buffer, #[default(-1)] max_length: isize) -> PyResult {
        let over = "Already at end of stream";
        self.input
            .decompress(vm, &data, max_length, over, |input, limit| {
                let Some(mut stream) = self.stream.take() else {
                    return Err(error(vm, "Internal error"));
                };
                let decoded = self.run(vm, &mut stream, input, limit);
                self.stream.set(Some(stream));
                decoded
            })
    }

    /// ID of the integrity check used by the input stream.
    #[pymember]
    fn check(&self) -> u32 {
        self.check.get()
    }
}

input_members!(Decompressor);

/// A filter as the dict that describes it.
///
/// # Safety
/// The options are those of the filter's kind, or null.
unsafe fn describe(vm: &Vm, filter: &ffi::lzma_filter) -> PyResult {
    let dict = vm.new_dict()?;
    let add = |name: &str, value: u64| -> PyResult<()> {
        let value = naja_vm::IntoPyResult::into_py_result(value, vm)?;
        dict.set_str(vm, &vm.intern(name), value)
    };
    add("id", filter.id)?;
    // SAFETY: by contract.
    unsafe {
        match filter.id {
            ffi::LZMA_FILTER_LZMA1 | ffi::LZMA_FILTER_LZMA2 => {
                let options = filter.options.cast::<ffi::lzma_options_lzma>().as_ref();
                if let Some(options) = options {
                    if filter.id == ffi::LZMA_FILTER_LZMA1 {
                        add("lc", options.lc.into())?;
                        add("lp", options.lp.into())?;
                        add("pb", options.pb.into())?;
                    }
                    add("dict_size", options.dict_size.into())?;
                }
            }
            ffi::LZMA_FILTER_DELTA => {
                let options = filter.options.cast::<ffi::lzma_options_delta>().as_ref();
                add("dist", options.map_or(0, |o| o.dist).into())?;
            }
            ffi::LZMA_FILTER_X86
            | ffi::LZMA_FILTER_POWERPC
            | ffi::LZMA_FILTER_IA64
            | ffi::LZMA_FILTER_ARM
            | ffi::LZMA_FILTER_ARMTHUMB
            | ffi::LZMA_FILTER_SPARC => {
                // An offset of 0 is not encoded.
                if let Some(o) = filter.options.cast::<ffi::lzma_options_bcj>().as_ref() {
                    add("start_offset", o.start_offset.into())?;
                }
            }
            id => return Err(vm.value_error(format!("Invalid filter ID: {id}"))),
        }
    }
    Ok(dict.into_value())
}

const CONSTANTS: &[(&str, i64)] = &[
    ("FORMAT_AUTO", FORMAT_AUTO as i64),
    ("FORMAT_XZ", FORMAT_XZ as i64),
    ("FORMAT_ALONE", FORMAT_ALONE as i64),
    ("FORMAT_RAW", FORMAT_RAW as i64),
    ("CHECK_NONE", ffi::LZMA_CHECK_NONE as i64),
    ("CHECK_CRC32", ffi::LZMA_CHECK_CRC32 as i64),
    ("CHECK_CRC64", ffi::LZMA_CHECK_CRC64 as i64),
    ("CHECK_SHA256", ffi::LZMA_CHECK_SHA256 as i64),
    ("CHECK_ID_MAX", ffi::LZMA_CHECK_ID_MAX as i64),
    ("CHECK_UNKNOWN", CHECK_UNKNOWN as i64),
    ("FILTER_LZMA1", ffi::LZMA_FILTER_LZMA1 as i64),
    ("FILTER_LZMA2", ffi::LZMA_FILTER_LZMA2 as i64),
    ("FILTER_DELTA", ffi::LZMA_FILTER_DELTA as i64),
    ("FILTER_X86", ffi::LZMA_FILTER_X86 as i64),
    ("FILTER_IA64", ffi::LZMA_FILTER_IA64 as i64),
    ("FILTER_ARM", ffi::LZMA_FILTER_ARM as i64),
    ("FILTER_ARMTHUMB", ffi::LZMA_FILTER_ARMTHUMB as i64),
    ("FILTER_SPARC", ffi::LZMA_FILTER_SPARC as i64),
    ("FILTER_POWERPC", ffi::LZMA_FILTER_POWERPC as i64),
    ("MF_HC3", ffi::LZMA_MF_HC3 as i64),
    ("MF_HC4", ffi::LZMA_MF_HC4 as i64),
    ("MF_BT2", ffi::LZMA_MF_BT2 as i64),
    ("MF_BT3", ffi::LZMA_MF_BT3 as i64),
    ("MF_BT4", ffi::LZMA_MF_BT4 as i64),
    ("MODE_FAST", ffi::LZMA_MODE_FAST as i64),
    ("MODE_NORMAL", ffi::LZMA_MODE_NORMAL as i64),
    ("PRESET_DEFAULT", ffi::LZMA_PRESET_DEFAULT as i64),
    ("PRESET_EXTREME", ffi::LZMA_PRESET_EXTREME as i64),
];

#[pymodule(name = "_lzma", doc = "", classes(Compressor, Decompressor))]
pub mod module {
    use super::*;

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        for (name, value) in CONSTANTS {
            module.set(vm, name, vm.new_int(*value)?)?;
        }
        let class = error_class(vm)?;
        let doc = vm.new_str("Call to liblzma failed.")?;
        let name = vm.intern("__doc__");
        naja_vm::protocols::attributes::set(vm, class.as_value(), &name, Some(doc.as_value()))?;
        module.set(vm, "LZMAError", class.into_value())
    }

    /// Test whether the given integrity check is supported.
    ///
    /// Always returns True for CHECK_NONE and CHECK_CRC32.
    #[pyfunction(sig = "($module, check_id, /)")]
    fn is_check_supported(check_id: i32) -> bool {
        // SAFETY: a plain question.
        unsafe { ffi::lzma_check_is_supported(check_id as _) != 0 }
    }

    /// Return a bytes object encoding the options (properties) of the filter specified by *filter* (a dict).
    ///
    /// The result does not include the filter ID itself, only the options.
    #[pyfunction(sig = "($module, filter, /)")]
    fn _encode_filter_properties(vm: &Vm, filter: &Value) -> PyResult {
        let (id, mut options) = filter_of(vm, filter)?;
        let raw = ffi::lzma_filter {
            id,
            options: options.as_ptr(),
        };
        let mut size = 0;
        // SAFETY: a filter with its options; the place is as large as liblzma asked.
        let out = unsafe {
            check(vm, ffi::lzma_properties_size(&mut size, &raw))?;
            let mut out = vec![0; size as usize];
            check(vm, ffi::lzma_properties_encode(&raw, out.as_mut_ptr()))?;
            out
        };
        Ok(vm.new_bytes_of(out)?.into_value())
    }

    /// Return a bytes object encoding the options (properties) of the filter specified by *filter* (a dict).
    ///
    /// The result does not include the filter ID itself, only the options.
    #[pyfunction(sig = "($module, filter_id, encoded_props, /)")]
    fn _decode_filter_properties(vm: &Vm, filter_id: &Value, encoded_props: Buffer) -> PyResult {
        let mut filter = ffi::lzma_filter {
            id: unsigned(vm, filter_id, "lzma_vli")?,
            options: std::ptr::null_mut(),
        };
        // SAFETY: the properties are as long as said; the options are malloc'ed and ours to free.
        unsafe {
            let code = encoded_props.with(|bytes| {
                let none = std::ptr::null();
                ffi::lzma_properties_decode(&mut filter, none, bytes.as_ptr(), bytes.len())
            });
            check(vm, code)?;
            let described = describe(vm, &filter);
            libc::free(filter.options);
            described
        }
    }
}
