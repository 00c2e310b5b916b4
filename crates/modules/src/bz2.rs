//! `_bz2`: the two objects behind `bz2`, over the crate `bzip2`.
//!
//! What a limited decompression did not take waits in the object's [`Input`]; a decompressor that has failed stays failed.
//! CPython: Modules/_bz2module.c.

use crate::compression::{Decoded, Input, Stop, input_members, room};
use bzip2::{Action, Compress, Compression, Decompress, Status};
use naja_heap::{MutCell, Ref};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::buffer::Buffer;
use naja_vm::protocols::number;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Raised, Vm};

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
            let start = room(&mut out, usize::MAX, BLOCK);
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
}

/// Create a decompressor object for decompressing data incrementally.
///
/// For one-shot decompression, use the decompress() function instead.
#[pyclass(name = "BZ2Decompressor", module = "_bz2")]
pub struct Decompressor {
    stream: MutCell<Option<Decompress>>,
    input: Input,
}

impl Decompressor {
    fn run(&self, vm: &Vm, input: &[u8], limit: usize) -> PyResult<Decoded> {
        let Some(mut stream) = self.stream.take() else {
            return Err(vm.value_error("Decompressor is unusable after a previous error"));
        };
        let (mut out, mut taken) = (Vec::new(), 0);
        let stop = loop {
            let start = room(&mut out, limit, BLOCK);
            let full = out.len();
            let (before_in, before_out) = (stream.total_in(), stream.total_out());
            let status = stream.decompress(&input[taken..], &mut out[start..]);
            taken += (stream.total_in() - before_in) as usize;
            out.truncate(start + (stream.total_out() - before_out) as usize);
            match status.map_err(|e| raise(vm, e))? {
                Status::StreamEnd => break Stop::End,
                Status::MemNeeded => return Err(vm.memory_error("")),
                _ => {}
            }
            if out.len() >= limit {
                break Stop::Limit;
            }
            if taken == input.len() && out.len() < full {
                break Stop::Empty;
            }
        };
        self.stream.set(Some(stream));
        Ok(Decoded { out, taken, stop })
    }
}

#[pymethods(with(INPUT))]
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
        let over = "End of stream already reached";
        self.input
            .decompress(vm, &data, max_length, over, |input, limit| {
                self.run(vm, input, limit)
                    .inspect_err(|_| self.input.fail())
            })
    }
}

input_members!(Decompressor);

#[pymodule(name = "_bz2", doc = "", classes(Compressor, Decompressor))]
pub mod module {
    #[allow(unused_imports)]
    use super::*;
}
