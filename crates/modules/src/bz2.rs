//! `_bz2`: the two objects behind `bz2`, over the crate `bzip2`.
//!
//! Each call feeds all its input; what a limited decompression did not take waits in `pending`.
//! CPython: Modules/_bz2module.c.

use bzip2::{Action, Compress, Compression, Decompress, Status};
use naja_heap::{MutCell, Ref};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::buffer::Buffer;
use naja_vm::protocols::number;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Raised, Vm};
use std::cell::Cell;

const BLOCK: usize = 16 * 1024;

#[cold]
fn raise(vm: &Vm, error: bzip2::Error) -> Raised {
    match error {
        bzip2::Error::Data | bzip2::Error::DataMagic => match vm.new_str("Invalid data stream") {
            Ok(text) => vm.raise_with(&vm.types.os_error, &[text.into_value()]),
            Err(raised) => raised,
        },
        bzip2::Error::Param => {
            vm.value_error("Internal error - invalid parameters passed to libbzip2")
        }
        bzip2::Error::Sequence => {
            vm.runtime_error("Internal error - Invalid sequence of commands sent to libbzip2")
        }
    }
}

/// Room for more output: what is left of `limit`, not more than doubles.
fn room(out: &mut Vec<u8>, limit: usize) -> usize {
    let start = out.len();
    let more = (limit - start).min(start.clamp(BLOCK, 1 << 24));
    out.resize(start + more, 0);
    start
}

/// Create a compressor object for compressing data incrementally.
///
///   compresslevel
///     Compression level, as a number between 1 and 9.
///
/// For one-shot compression, use the compress() function instead.
#[pyclass(name = "BZ2Compressor", module = "_bz2")]
pub struct Compressor {
    stream: MutCell<Option<Compress>>,
}

impl Compressor {
    fn run(
        &self,
        vm: &Vm,
        stream: &mut Compress,
        input: &[u8],
        action: Action,
    ) -> PyResult<Vec<u8>> {
        let (mut out, mut at) = (Vec::new(), 0);
        while at < input.len() || action == Action::Finish {
            let start = room(&mut out, usize::MAX);
            let (before_in, before_out) = (stream.total_in(), stream.total_out());
            let status = stream
                .compress(&input[at..], &mut out[start..], action)
                .map_err(|e| raise(vm, e));
            at += (stream.total_in() - before_in) as usize;
            out.truncate(start + (stream.total_out() - before_out) as usize);
            match status? {
                Status::StreamEnd => break,
                Status::MemNeeded => return Err(vm.memory_error("")),
                _ => {}
            }
        }
        Ok(out)
    }
}

#[pymethods]
impl Compressor {
    #[pyslot(sig = "(compresslevel=9, /)")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        if args.keyword_count() > 0 {
            return Err(vm.type_error("BZ2Compressor() takes no keyword arguments"));
        }
        let level = match args.args {
            [] => 9,
            [level] => number::index_isize(vm, level)?,
            many => {
                return Err(vm.type_error(format!(
                    "BZ2Compressor expected at most 1 argument, got {}",
                    many.len()
                )));
            }
        };
        if !(1..=9).contains(&level) {
            return Err(vm.value_error("compresslevel must be between 1 and 9"));
        }
        let stream = Compress::new(Compression::new(level as u32), 0);
        let made = Compressor {
            stream: MutCell::new(Some(stream)),
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
        let Some(mut stream) = self.stream.take() else {
            return Err(vm.value_error("Compressor has been flushed"));
        };
        let result = data.with(|bytes| self.run(vm, &mut stream, bytes, Action::Run));
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
        let Some(mut stream) = self.stream.take() else {
            return Err(vm.value_error("Repeated call to flush()"));
        };
        let out = self.run(vm, &mut stream, b"", Action::Finish)?;
        Ok(vm.new_bytes_of(out)?.into_value())
    }

    #[pymethod(raw)]
    fn __reduce__(vm: &Vm, _args: Args) -> PyResult {
        Err(vm.type_error("cannot pickle 'BZ2Compressor' object"))
    }
}

/// Create a decompressor object for decompressing data incrementally.
///
/// For one-shot decompression, use the decompress() function instead.
#[pyclass(name = "BZ2Decompressor", module = "_bz2")]
pub struct Decompressor {
    stream: MutCell<Option<Decompress>>,
    pending: MutCell<Vec<u8>>,
    unused: MutCell<Vec<u8>>,
    eof: Cell<bool>,
    needs_input: Cell<bool>,
}

#[pymethods]
impl Decompressor {
    #[pyslot(sig = "()")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        if args.keyword_count() > 0 {
            return Err(vm.type_error("BZ2Decompressor() takes no keyword arguments"));
        }
        if !args.args.is_empty() {
            return Err(vm.type_error("BZ2Decompressor() takes no positional arguments"));
        }
        let made = Decompressor {
            stream: MutCell::new(Some(Decompress::new(false))),
            pending: MutCell::new(Vec::new()),
            unused: MutCell::new(Vec::new()),
            eof: Cell::new(false),
            needs_input: Cell::new(true),
        };
        Ok(vm.new_object_of(cls, made)?.into_value())
    }

    /// Decompress *data*, returning uncompressed data as bytes.
    ///
    /// If *max_length* is nonnegative, returns at most *max_length* bytes of
    /// decompressed data. If this limit is reached and further output can be
    /// produced, *self.needs_input* will be set to ``False``. In this case, the next
    /// call to *decompress()* may provide *data* as b'' to obtain more of the output.
    ///
    /// If all of the input data was decompressed and returned (either because this
    /// was less than *max_length* bytes, or because *max_length* was negative),
    /// *self.needs_input* will be set to True.
    ///
    /// Attempting to decompress data after the end of stream is reached raises an
    /// EOFError.  Any data found after the end of the stream is ignored and saved in
    /// the unused_data attribute.
    #[pymethod(sig = "($self, /, data, max_length=-1)")]
    fn decompress(&self, vm: &Vm, data: Buffer, #[default(-1)] max_length: isize) -> PyResult {
        if self.eof.get() {
            return Err(vm.eof_error("End of stream already reached"));
        }
        let Some(mut stream) = self.stream.take() else {
            return Err(vm.value_error("the decompressor is in use or has failed"));
        };
        let mut input = self.pending.take();
        data.with(|bytes| input.extend_from_slice(bytes));
        let limit = usize::try_from(max_length).unwrap_or(usize::MAX);
        let (mut out, mut at) = (Vec::new(), 0);
        loop {
            let start = room(&mut out, limit);
            let full = out.len();
            let (before_in, before_out) = (stream.total_in(), stream.total_out());
            let status = stream.decompress(&input[at..], &mut out[start..]);
            at += (stream.total_in() - before_in) as usize;
            out.truncate(start + (stream.total_out() - before_out) as usize);
            match status.map_err(|e| raise(vm, e))? {
                Status::StreamEnd => {
                    self.eof.set(true);
                    break;
                }
                Status::MemNeeded => return Err(vm.memory_error("")),
                _ => {}
            }
            if out.len() >= limit || (at == input.len() && out.len() < full) {
                break;
            }
        }
        self.stream.set(Some(stream));
        let rest = input.split_off(at);
        if self.eof.get() {
            self.needs_input.set(false);
            self.unused.set(rest);
        } else {
            self.needs_input.set(rest.is_empty() && out.len() < limit);
            self.pending.set(rest);
        }
        Ok(vm.new_bytes_of(out)?.into_value())
    }

    #[pymethod(raw)]
    fn __reduce__(vm: &Vm, _args: Args) -> PyResult {
        Err(vm.type_error("cannot pickle 'BZ2Decompressor' object"))
    }

    /// True if the end-of-stream marker has been reached.
    #[pymember]
    fn eof(&self) -> bool {
        self.eof.get()
    }

    /// Data found after the end of the compressed stream.
    #[pymember]
    fn unused_data(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_bytes_of(self.unused.get())?.into_value())
    }

    /// True if more input is needed before more decompressed data can be produced.
    #[pymember]
    fn needs_input(&self) -> bool {
        self.needs_input.get()
    }
}

#[pymodule(name = "_bz2", doc = "", classes(Compressor, Decompressor))]
pub mod module {
    #[allow(unused_imports)]
    use super::*;
}
