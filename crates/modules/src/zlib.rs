//! `zlib`: deflate compression, by the crate `libz-rs-sys` (zlib's own interface, in Rust).
//!
//! A `Stream` owns one `z_stream` for its life; every call lends it input and a growing output. Compressed bytes may
//! differ from the C library's at the same level, but mean the same. CPython: Modules/zlibmodule.c.

use crate::common;
use crate::compression::{Decoded, Input, Stop, input_members, room};
use libz_rs_sys as z;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::buffer::Buffer;
use naja_vm::protocols::number;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Raised, Vm};
use std::cell::Cell;

const MAX_WBITS: i32 = 15;
const DEF_BUF_SIZE: isize = 16 * 1024;
const Z_OK: i32 = 0;
const Z_STREAM_END: i32 = 1;
const Z_NEED_DICT: i32 = 2;
const Z_STREAM_ERROR: i32 = -2;
const Z_DATA_ERROR: i32 = -3;
const Z_MEM_ERROR: i32 = -4;
const Z_BUF_ERROR: i32 = -5;
const Z_VERSION_ERROR: i32 = -6;
const Z_NO_FLUSH: i32 = 0;
const Z_SYNC_FLUSH: i32 = 2;
const Z_FINISH: i32 = 4;
const DEFLATED: i32 = 8;

fn error_class(vm: &Vm) -> PyResult<Ref<Type>> {
    common::exception(vm, "zlib.error", &vm.types.exception)
}

#[cold]
fn error(vm: &Vm, message: impl AsRef<str>) -> Raised {
    match error_class(vm) {
        Ok(class) => vm.raise(&class, message),
        Err(raised) => raised,
    }
}

/// A running compression or decompression.
struct Stream {
    raw: Box<z::z_stream>,
    deflate: bool,
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: the stream was initialized for this direction, and is ended once.
        unsafe {
            if self.deflate {
                z::deflateEnd(&mut *self.raw);
            } else {
                z::inflateEnd(&mut *self.raw);
            }
        }
    }
}

/// What a call did.
struct Done {
    status: i32,
    consumed: usize,
}

impl Stream {
    fn compressor(
        level: i32,
        method: i32,
        wbits: i32,
        mem: i32,
        strategy: i32,
    ) -> Result<Stream, i32> {
        let mut raw = Box::<z::z_stream>::default();
        let size = size_of::<z::z_stream>() as i32;
        // SAFETY: the stream is zeroed, the version is the library's own.
        let status = unsafe {
            z::deflateInit2_(
                &mut *raw,
                level,
                method,
                wbits,
                mem,
                strategy,
                z::zlibVersion(),
                size,
            )
        };
        match status {
            Z_OK => Ok(Stream { raw, deflate: true }),
            status => Err(status),
        }
    }

    fn decompressor(wbits: i32) -> Result<Stream, i32> {
        let mut raw = Box::<z::z_stream>::default();
        let size = size_of::<z::z_stream>() as i32;
        // SAFETY: as above.
        let status = unsafe { z::inflateInit2_(&mut *raw, wbits, z::zlibVersion(), size) };
        match status {
            Z_OK => Ok(Stream {
                raw,
                deflate: false,
            }),
            status => Err(status),
        }
    }

    fn set_dictionary(&mut self, dictionary: &[u8]) -> i32 {
        let (data, len) = (dictionary.as_ptr(), dictionary.len() as u32);
        // SAFETY: the stream is live, the dictionary is lent for the call.
        unsafe {
            if self.deflate {
                z::deflateSetDictionary(&mut *self.raw, data, len)
            } else {
                z::inflateSetDictionary(&mut *self.raw, data, len)
            }
        }
    }

    fn copy(&mut self) -> Result<Stream, i32> {
        let mut raw = Box::<z::z_stream>::default();
        // SAFETY: both are streams of this library; the copy becomes a live one of its own.
        let status = unsafe {
            if self.deflate {
                z::deflateCopy(&mut *raw, &mut *self.raw)
            } else {
                z::inflateCopy(&mut *raw, &*self.raw)
            }
        };
        match status {
            Z_OK => Ok(Stream {
                raw,
                deflate: self.deflate,
            }),
            status => Err(status),
        }
    }

    /// Feeds input and collects output, at most `limit` bytes in `out`; stops at the end of the stream or an error.
    fn run(&mut self, input: &[u8], flush: i32, out: &mut Vec<u8>, limit: usize) -> Done {
        let mut consumed = 0;
        let mut status;
        loop {
            let part = &input[consumed..input.len().min(consumed + (1 << 30))];
            let last = consumed + part.len() == input.len();
            let start = room(out, limit, DEF_BUF_SIZE as usize);
            self.raw.next_in = part.as_ptr().cast_mut();
            self.raw.avail_in = part.len() as u32;
            self.raw.next_out = out[start..].as_mut_ptr();
            self.raw.avail_out = (out.len() - start) as u32;
            let mode = if last { flush } else { Z_NO_FLUSH };
            // SAFETY: the stream is live; input and output are lent for the call with their true lengths.
            status = unsafe {
                if self.deflate {
                    z::deflate(&mut *self.raw, mode)
                } else {
                    z::inflate(&mut *self.raw, mode)
                }
            };
            let left = self.raw.avail_out as usize;
            consumed += part.len() - self.raw.avail_in as usize;
            out.truncate(out.len() - left);
            let go_on = matches!(status, Z_OK | Z_BUF_ERROR) && out.len() < limit;
            if !go_on || (left > 0 && last) {
                break;
            }
        }
        self.raw.next_in = std::ptr::null_mut();
        self.raw.avail_in = 0;
        Done { status, consumed }
    }

    #[cold]
    fn error(&self, vm: &Vm, status: i32, what: &str) -> Raised {
        let own = if status == Z_VERSION_ERROR {
            Some("library version mismatch".to_string())
        } else if !self.raw.msg.is_null() {
            // SAFETY: the library's messages are static strings.
            let text = unsafe { std::ffi::CStr::from_ptr(self.raw.msg) };
            Some(text.to_string_lossy().into_owned())
        } else {
            None
        };
        status_error(vm, status, what, own)
    }
}

#[cold]
fn status_error(vm: &Vm, status: i32, what: &str, own: Option<String>) -> Raised {
    let reason = own.or_else(|| {
        Some(match status {
            Z_BUF_ERROR => "incomplete or truncated stream".to_string(),
            Z_STREAM_ERROR => "inconsistent stream state".to_string(),
            Z_DATA_ERROR => "invalid input data".to_string(),
            _ => return None,
        })
    });
    match reason {
        Some(reason) => error(vm, format!("Error {status} {what}: {reason}")),
        None => error(vm, format!("Error {status} {what}")),
    }
}

fn new_decompressor(vm: &Vm, wbits: i32) -> PyResult<Stream> {
    Stream::decompressor(wbits).map_err(|status| match status {
        Z_STREAM_ERROR => vm.value_error("Invalid initialization option"),
        Z_MEM_ERROR => vm.memory_error("Can't allocate memory for decompression object"),
        status => status_error(vm, status, "while creating decompression object", None),
    })
}

/// A preset dictionary. Raises TypeError for what has no buffer.
fn dictionary(vm: &Vm, zdict: Option<&Value>) -> PyResult<Option<Vec<u8>>> {
    let Some(zdict) = zdict else {
        return Ok(None);
    };
    if !Buffer::supported(vm, zdict) {
        return Err(vm.type_error("zdict argument must support the buffer protocol"));
    }
    Ok(Some(Buffer::of(vm, zdict)?.to_vec()))
}

/// See `compressobj`.
#[pyclass(name = "Compress", module = "zlib", doc = "", flags(NO_NEW))]
pub struct Compress {
    stream: MutCell<Option<Stream>>,
}

impl Compress {
    fn with<R>(&self, vm: &Vm, f: impl FnOnce(&mut Stream) -> PyResult<R>) -> PyResult<R> {
        let Some(mut stream) = self.stream.take() else {
            return Err(status_error(
                vm,
                Z_STREAM_ERROR,
                "while compressing data",
                None,
            ));
        };
        let result = f(&mut stream);
        self.stream.set(Some(stream));
        result
    }

    fn duplicate(&self, vm: &Vm) -> PyResult {
        let copy = self.stream.with_mut(|s| s.as_mut().map(Stream::copy));
        match copy {
            Some(Ok(stream)) => {
                let stream = MutCell::new(Some(stream));
                Ok(vm.new_object(Compress { stream })?.into_value())
            }
            None | Some(Err(Z_STREAM_ERROR)) => Err(vm.value_error("Inconsistent stream state")),
            Some(Err(Z_MEM_ERROR)) => {
                Err(vm.memory_error("Can't allocate memory for compression object"))
            }
            Some(Err(status)) => Err(status_error(
                vm,
                status,
                "while copying compression object",
                None,
            )),
        }
    }
}

#[pymethods]
impl Compress {
    /// Returns a bytes object containing compressed data.
    ///
    /// After calling this function, some of the input data may still
    /// be stored in internal buffers for later processing.
    /// Call the flush() method to clear these buffers.
    #[pymethod(sig = "($self, data, /)")]
    fn compress(&self, vm: &Vm, data: Buffer) -> PyResult {
        self.with(vm, |stream| {
            let mut out = Vec::new();
            let done = data.with(|bytes| stream.run(bytes, Z_NO_FLUSH, &mut out, usize::MAX));
            if done.status == Z_STREAM_ERROR {
                return Err(stream.error(vm, done.status, "while compressing data"));
            }
            Ok(vm.new_bytes_of(out)?.into_value())
        })
    }

    /// Return a bytes object containing any remaining compressed data.
    ///
    ///   mode
    ///     One of the constants Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_FINISH.
    ///     If mode == Z_FINISH, the compressor object can no longer be
    ///     used after calling the flush() method.  Otherwise, more data
    ///     can still be compressed.
    #[pymethod(sig = "($self, mode=zlib.Z_FINISH, /)")]
    fn flush(&self, vm: &Vm, #[default(Z_FINISH)] mode: i32) -> PyResult {
        if mode == Z_NO_FLUSH {
            return Ok(vm.new_bytes(b"")?.into_value());
        }
        let mut ended = false;
        let result = self.with(vm, |stream| {
            let mut out = Vec::new();
            let done = stream.run(b"", mode, &mut out, usize::MAX);
            match done.status {
                Z_STREAM_END if mode == Z_FINISH => ended = true,
                Z_OK | Z_BUF_ERROR => {}
                status => return Err(stream.error(vm, status, "while flushing")),
            }
            Ok(vm.new_bytes_of(out)?.into_value())
        });
        if ended {
            self.stream.take();
        }
        result
    }

    /// Return a copy of the compression object.
    #[pymethod(sig = "($self, /)")]
    fn copy(&self, vm: &Vm) -> PyResult {
        self.duplicate(vm)
    }

    #[pymethod(sig = "($self, /)")]
    fn __copy__(&self, vm: &Vm) -> PyResult {
        self.duplicate(vm)
    }

    #[pymethod(sig = "($self, memo, /)")]
    fn __deepcopy__(&self, vm: &Vm, _memo: &Value) -> PyResult {
        self.duplicate(vm)
    }
}

/// See `decompressobj`.
#[pyclass(name = "Decompress", module = "zlib", doc = "", flags(NO_NEW))]
pub struct Decompress {
    stream: MutCell<Option<Stream>>,
    dictionary: Option<Vec<u8>>,
    unused: MutCell<Vec<u8>>,
    tail: MutCell<Vec<u8>>,
    eof: Cell<bool>,
}

/// Decompresses, setting the dictionary when the stream asks for it.
fn inflate(
    vm: &Vm,
    stream: &mut Stream,
    dictionary: Option<&[u8]>,
    input: &[u8],
    flush: i32,
    limit: usize,
) -> PyResult<(Vec<u8>, Done)> {
    let mut out = Vec::new();
    let mut done = stream.run(input, flush, &mut out, limit);
    if done.status == Z_NEED_DICT
        && let Some(dictionary) = dictionary
    {
        let status = stream.set_dictionary(dictionary);
        if status != Z_OK {
            return Err(stream.error(vm, status, "while setting zdict"));
        }
        let more = stream.run(&input[done.consumed..], flush, &mut out, limit);
        done.consumed += more.consumed;
        done.status = more.status;
    }
    match done.status {
        Z_OK | Z_STREAM_END | Z_BUF_ERROR => Ok((out, done)),
        status => Err(stream.error(vm, status, "while decompressing data")),
    }
}

impl Decompress {
    fn feed(&self, vm: &Vm, input: &[u8], flush: i32, limit: usize) -> PyResult {
        if self.eof.get() {
            self.unused.with_mut(|u| u.extend_from_slice(input));
            self.tail.take();
            return Ok(vm.new_bytes(b"")?.into_value());
        }
        let Some(mut stream) = self.stream.take() else {
            return Err(status_error(
                vm,
                Z_STREAM_ERROR,
                "while decompressing data",
                None,
            ));
        };
        let result = inflate(
            vm,
            &mut stream,
            self.dictionary.as_deref(),
            input,
            flush,
            limit,
        );
        self.stream.set(Some(stream));
        let (out, done) = result?;
        let rest = &input[done.consumed.min(input.len())..];
        if done.status == Z_STREAM_END {
            self.unused.with_mut(|u| u.extend_from_slice(rest));
            self.tail.take();
            self.eof.set(true);
        } else {
            self.tail.set(rest.to_vec());
        }
        Ok(vm.new_bytes_of(out)?.into_value())
    }

    fn duplicate(&self, vm: &Vm) -> PyResult {
        let copy = self.stream.with_mut(|s| s.as_mut().map(Stream::copy));
        let stream = match copy {
            Some(Ok(stream)) => stream,
            None | Some(Err(Z_STREAM_ERROR)) => {
                return Err(vm.value_error("Inconsistent stream state"));
            }
            Some(Err(status)) => {
                return Err(status_error(
                    vm,
                    status,
                    "while copying decompression object",
                    None,
                ));
            }
        };
        let copy = Decompress {
            stream: MutCell::new(Some(stream)),
            dictionary: self.dictionary.clone(),
            unused: MutCell::new(self.unused.get()),
            tail: MutCell::new(self.tail.get()),
            eof: Cell::new(self.eof.get()),
        };
        Ok(vm.new_object(copy)?.into_value())
    }
}

#[pymethods]
impl Decompress {
    /// Return a bytes object containing the decompressed version of the data.
    ///
    ///   data
    ///     The binary data to decompress.
    ///   max_length
    ///     The maximum allowable length of the decompressed data.
    ///     Unconsumed input data will be stored in
    ///     the unconsumed_tail attribute.
    ///
    /// After calling this function, some of the input data may still be stored in
    /// internal buffers for later processing.
    /// Call the flush() method to clear these buffers.
    #[pymethod(sig = "($self, data, /, max_length=0)")]
    fn decompress(&self, vm: &Vm, data: Buffer, #[default(0)] max_length: isize) -> PyResult {
        let limit = match usize::try_from(max_length) {
            Ok(0) => usize::MAX,
            Ok(limit) => limit,
            Err(_) => return Err(vm.value_error("max_length must be non-negative")),
        };
        self.feed(vm, &data.to_vec(), Z_SYNC_FLUSH, limit)
    }

    /// Return a bytes object containing any remaining decompressed data.
    ///
    ///   length
    ///     the initial size of the output buffer.
    #[pymethod(sig = "($self, length=zlib.DEF_BUF_SIZE, /)")]
    fn flush(&self, vm: &Vm, #[default(DEF_BUF_SIZE)] length: isize) -> PyResult {
        if length <= 0 {
            return Err(vm.value_error("length must be greater than zero"));
        }
        let tail = self.tail.get();
        if self.stream.with(Option::is_none) {
            return Ok(vm.new_bytes(&[])?.into_value());
        }
        let rest = self.feed(vm, &tail, Z_FINISH, usize::MAX)?;
        if self.eof.get() {
            // The stream is over: nothing of it is left, not even for a copy.
            drop(self.stream.take());
        }
        Ok(rest)
    }

    /// Return a copy of the decompression object.
    #[pymethod(sig = "($self, /)")]
    fn copy(&self, vm: &Vm) -> PyResult {
        self.duplicate(vm)
    }

    #[pymethod(sig = "($self, /)")]
    fn __copy__(&self, vm: &Vm) -> PyResult {
        self.duplicate(vm)
    }

    #[pymethod(sig = "($self, memo, /)")]
    fn __deepcopy__(&self, vm: &Vm, _memo: &Value) -> PyResult {
        self.duplicate(vm)
    }

    #[pymember]
    fn unused_data(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_bytes_of(self.unused.get())?.into_value())
    }

    #[pymember]
    fn unconsumed_tail(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_bytes_of(self.tail.get())?.into_value())
    }

    #[pymember]
    fn eof(&self) -> bool {
        self.eof.get()
    }
}

/// Create a decompressor object for decompressing data incrementally.
#[pyclass(name = "_ZlibDecompressor", module = "zlib")]
pub struct ZlibDecompressor {
    stream: MutCell<Option<Stream>>,
    dictionary: Option<Vec<u8>>,
    input: Input,
}

impl ZlibDecompressor {
    fn run(&self, vm: &Vm, input: &[u8], limit: usize) -> PyResult<Decoded> {
        let Some(mut stream) = self.stream.take() else {
            return Err(status_error(
                vm,
                Z_STREAM_ERROR,
                "while decompressing data",
                None,
            ));
        };
        let dictionary = self.dictionary.as_deref();
        let result = inflate(vm, &mut stream, dictionary, input, Z_SYNC_FLUSH, limit);
        self.stream.set(Some(stream));
        let (out, done) = result?;
        let stop = if done.status == Z_STREAM_END {
            Stop::End
        } else if out.len() >= limit {
            Stop::Limit
        } else {
            Stop::Empty
        };
        Ok(Decoded {
            out,
            taken: done.consumed.min(input.len()),
            stop,
        })
    }
}

#[pymethods(with(INPUT))]
impl ZlibDecompressor {
    #[pyslot(sig = "(wbits=15, zdict=b'')")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let given = args.positional().len() + args.keyword_count();
        if given > 2 {
            return Err(vm.type_error(format!(
                "_ZlibDecompressor() takes at most 2 arguments ({given} given)"
            )));
        }
        let wbits = args.positional().first().or_else(|| args.keyword("wbits"));
        let zdict = args.positional().get(1).or_else(|| args.keyword("zdict"));
        let wbits = match wbits {
            Some(wbits) => number::index_isize(vm, wbits)? as i32,
            None => MAX_WBITS,
        };
        // With a header it is looked at only when the data asks for it.
        let dictionary = match zdict {
            Some(zdict) if wbits >= 0 && !Buffer::supported(vm, zdict) => None,
            zdict => dictionary(vm, zdict)?,
        };
        let mut stream = new_decompressor(vm, wbits)?;
        if let (Some(dictionary), true) = (&dictionary, wbits < 0) {
            let status = stream.set_dictionary(dictionary);
            if status != Z_OK {
                return Err(stream.error(vm, status, "while setting zdict"));
            }
        }
        let made = ZlibDecompressor {
            stream: MutCell::new(Some(stream)),
            dictionary,
            input: Input::default(),
        };
        Ok(vm.new_object_of(cls, made)?.into_value())
    }

    /// Decompress *data*, returning uncompressed data as bytes.
    ///
    /// If *max_length* is nonnegative, returns at most *max_length* bytes of
    /// decompressed data. If this limit is reached and further output can be
    /// produced, *self.needs_input* will be set to ``False``. In this case, the next
    /// call to *decompress()* may provide *data* as b'' to obtain more of the output.
    #[pymethod(sig = "($self, /, data, max_length=-1)")]
    fn decompress(&self, vm: &Vm, data: Buffer, #[default(-1)] max_length: isize) -> PyResult {
        let over = "End of stream already reached";
        self.input
            .decompress(vm, &data, max_length, over, |input, limit| {
                self.run(vm, input, limit)
            })
    }
}

input_members!(ZlibDecompressor);

/// The low 32 bits of an int argument.
fn low_word(vm: &Vm, value: Option<&Value>, default: u32) -> PyResult<u32> {
    match value {
        None => Ok(default),
        Some(v) => {
            let n = number::index_big(vm, v)?;
            Ok(naja_numbers::bigint::to_u64_wrapping(&n) as u32)
        }
    }
}

#[pymodule(
    name = "zlib",
    doc = "The functions in this module allow compression and decompression using the\nzlib library, which is based on GNU zip.\n\nadler32(string[, start]) -- Compute an Adler-32 checksum.\ncompress(data[, level]) -- Compress data, with compression level 0-9 or -1.\ncompressobj([level[, ...]]) -- Return a compressor object.\ncrc32(string[, start]) -- Compute a CRC-32 checksum.\ndecompress(string,[wbits],[bufsize]) -- Decompresses a compressed string.\ndecompressobj([wbits[, zdict]]) -- Return a decompressor object.\n\n'wbits' is window buffer size and container format.\nCompressor objects support compress() and flush() methods; decompressor\nobjects support decompress() and flush().",
    classes(ZlibDecompressor)
)]
pub mod module {
    use super::*;

    #[pyattr(name = "error")]
    fn error_attr(vm: &Vm) -> PyResult {
        Ok(error_class(vm)?.into_value())
    }

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<naja_vm::module::Module>) -> PyResult<()> {
        for (name, value) in [
            ("MAX_WBITS", i64::from(MAX_WBITS)),
            ("DEFLATED", 8),
            ("DEF_MEM_LEVEL", 8),
            ("DEF_BUF_SIZE", DEF_BUF_SIZE as i64),
            ("Z_BEST_SPEED", 1),
            ("Z_BEST_COMPRESSION", 9),
            ("Z_DEFAULT_COMPRESSION", -1),
            ("Z_FILTERED", 1),
            ("Z_HUFFMAN_ONLY", 2),
            ("Z_RLE", 3),
            ("Z_FIXED", 4),
            ("Z_DEFAULT_STRATEGY", 0),
            ("Z_NO_COMPRESSION", 0),
            ("Z_NO_FLUSH", 0),
            ("Z_PARTIAL_FLUSH", 1),
            ("Z_SYNC_FLUSH", 2),
            ("Z_FULL_FLUSH", 3),
            ("Z_FINISH", 4),
            ("Z_BLOCK", 5),
            ("Z_TREES", 6),
        ] {
            module.set(vm, name, vm.new_int(value)?)?;
        }
        for name in ["ZLIB_VERSION", "ZLIB_RUNTIME_VERSION"] {
            module.set(vm, name, vm.new_str("1.3.1")?.into_value())?;
        }
        Ok(())
    }

    /// Compute an Adler-32 checksum of data.
    ///
    ///   value
    ///     Starting value of the checksum.
    ///
    /// The returned checksum is an integer.
    #[pyfunction(sig = "($module, data, value=1, /)")]
    fn adler32(vm: &Vm, data: Buffer, value: Option<&Value>) -> PyResult<u32> {
        let start = low_word(vm, value, 1)?;
        // SAFETY: the bytes are lent for the call with their true length.
        Ok(data.with(|b| unsafe { z::adler32_z(start.into(), b.as_ptr(), b.len()) }) as u32)
    }

    /// Compute a CRC-32 checksum of data.
    ///
    ///   value
    ///     Starting value of the checksum.
    ///
    /// The returned checksum is an integer.
    #[pyfunction(sig = "($module, data, value=0, /)")]
    fn crc32(vm: &Vm, data: Buffer, value: Option<&Value>) -> PyResult<u32> {
        let mut hasher = crc32fast::Hasher::new_with_initial(low_word(vm, value, 0)?);
        data.with(|bytes| hasher.update(bytes));
        Ok(hasher.finalize())
    }

    /// Returns a bytes object containing compressed data.
    ///
    ///   data
    ///     Binary data to be compressed.
    ///   level
    ///     Compression level, in 0-9 or -1.
    ///   wbits
    ///     The window buffer size and container format.
    #[pyfunction(sig = "($module, data, /, level=Z_DEFAULT_COMPRESSION, wbits=MAX_WBITS)")]
    fn compress(
        vm: &Vm,
        data: Buffer,
        #[default(-1)] level: i32,
        #[default(MAX_WBITS)] wbits: i32,
    ) -> PyResult {
        let mut stream =
            Stream::compressor(level, DEFLATED, wbits, 8, 0).map_err(|status| match status {
                Z_MEM_ERROR => vm.memory_error("Out of memory while compressing data"),
                Z_STREAM_ERROR => error(vm, "Bad compression level"),
                status => status_error(vm, status, "while compressing data", None),
            })?;
        let mut out = Vec::new();
        let done = data.with(|bytes| stream.run(bytes, Z_FINISH, &mut out, usize::MAX));
        match done.status {
            Z_STREAM_END => Ok(vm.new_bytes_of(out)?.into_value()),
            status => Err(stream.error(vm, status, "while compressing data")),
        }
    }

    /// Returns a bytes object containing the uncompressed data.
    ///
    ///   data
    ///     Compressed data.
    ///   wbits
    ///     The window buffer size and container format.
    ///   bufsize
    ///     The initial output buffer size.
    #[pyfunction(sig = "($module, data, /, wbits=MAX_WBITS, bufsize=DEF_BUF_SIZE)")]
    fn decompress(
        vm: &Vm,
        data: Buffer,
        #[default(MAX_WBITS)] wbits: i32,
        #[default(DEF_BUF_SIZE)] bufsize: isize,
    ) -> PyResult {
        if bufsize < 0 {
            return Err(vm.value_error("bufsize must be non-negative"));
        }
        let mut stream = Stream::decompressor(wbits).map_err(|status| match status {
            Z_MEM_ERROR => vm.memory_error("Out of memory while decompressing data"),
            status => status_error(vm, status, "while preparing to decompress data", None),
        })?;
        let mut out = Vec::new();
        let done = data.with(|bytes| stream.run(bytes, Z_SYNC_FLUSH, &mut out, usize::MAX));
        match done.status {
            Z_STREAM_END => Ok(vm.new_bytes_of(out)?.into_value()),
            Z_OK | Z_BUF_ERROR => Err(stream.error(vm, Z_BUF_ERROR, "while decompressing data")),
            status => Err(stream.error(vm, status, "while decompressing data")),
        }
    }

    /// Return a compressor object.
    ///
    ///   level
    ///     The compression level (an integer in the range 0-9 or -1; default is
    ///     currently equivalent to 6).  Higher compression levels are slower,
    ///     but produce smaller results.
    ///   method
    ///     The compression algorithm.  If given, this must be DEFLATED.
    ///   wbits
    ///     +9 to +15: The base-two logarithm of the window size.  Include a zlib
    ///     container.  -9 to -15: no container.  +25 to +31: a gzip container.
    ///   memLevel
    ///     Controls the amount of memory used for internal compression state.
    ///   strategy
    ///     Used to tune the compression algorithm.
    ///   zdict
    ///     The predefined compression dictionary.
    #[pyfunction(
        sig = "($module, /, level=Z_DEFAULT_COMPRESSION, method=DEFLATED, wbits=MAX_WBITS, memLevel=DEF_MEM_LEVEL, strategy=Z_DEFAULT_STRATEGY, zdict=<unrepresentable>)"
    )]
    fn compressobj(
        vm: &Vm,
        #[default(-1)] level: i32,
        #[default(DEFLATED)] method: i32,
        #[default(MAX_WBITS)] wbits: i32,
        #[default(8)] mem_level: i32,
        #[default(0)] strategy: i32,
        zdict: Option<&Value>,
    ) -> PyResult {
        let zdict = dictionary(vm, zdict)?;
        let mut stream =
            Stream::compressor(level, method, wbits, mem_level, strategy).map_err(|status| {
                match status {
                    Z_MEM_ERROR => vm.memory_error("Can't allocate memory for compression object"),
                    Z_STREAM_ERROR => vm.value_error("Invalid initialization option"),
                    status => status_error(vm, status, "while creating compression object", None),
                }
            })?;
        if let Some(zdict) = zdict {
            match stream.set_dictionary(&zdict) {
                Z_OK => {}
                Z_STREAM_ERROR => return Err(vm.value_error("Invalid dictionary")),
                _ => return Err(vm.value_error("deflateSetDictionary()")),
            }
        }
        let stream = MutCell::new(Some(stream));
        Ok(vm.new_object(Compress { stream })?.into_value())
    }

    /// Return a decompressor object.
    ///
    ///   wbits
    ///     The window buffer size and container format.
    ///   zdict
    ///     The predefined compression dictionary.  This must be the same
    ///     dictionary as used by the compressor that produced the input data.
    #[pyfunction(sig = "($module, /, wbits=MAX_WBITS, zdict=b'')")]
    fn decompressobj(vm: &Vm, #[default(MAX_WBITS)] wbits: i32, zdict: Option<&Value>) -> PyResult {
        let dictionary = dictionary(vm, zdict)?;
        let mut stream = new_decompressor(vm, wbits)?;
        if let (Some(dictionary), true) = (&dictionary, wbits < 0) {
            let status = stream.set_dictionary(dictionary);
            if status != Z_OK {
                return Err(stream.error(vm, status, "while setting zdict"));
            }
        }
        let made = Decompress {
            stream: MutCell::new(Some(stream)),
            dictionary,
            unused: MutCell::new(Vec::new()),
            tail: MutCell::new(Vec::new()),
            eof: Cell::new(false),
        };
        Ok(vm.new_object(made)?.into_value())
    }
}
