//! Where an unpickler reads from: bytes, or a file with what was read of it.
//!
//! `data[at..limit]` can be taken at once: `limit` is the end of the data, or of the frame that is open. Whoever wants more
//! leaves the frame first, in which nothing may be left over then. Of a file that can `peek`, much is looked at ahead, and
//! what was taken of that is read away (`prefetched`) before the file is asked for more, so that the file stands behind
//! the pickle in the end. Invariant: `at <= limit <= data.len()`.
//!
//! CPython: `_Unpickler_Read*` and `_Unpickler_SkipConsumed` in Modules/_pickle.c.

use super::globals::{globals, shown, unpickling_error};
use super::opcodes::PREFETCH;
use naja_heap::{Ref, Value, Visitor};
use naja_vm::buffer::Buffer;
use naja_vm::bytearray::ByteArray;
use naja_vm::bytes::Bytes;
use naja_vm::memoryview::MemoryView;
use naja_vm::protocols::attributes;
use naja_vm::{PyResult, Raised, Vm};

/// The methods of a file.
#[derive(Clone)]
pub struct File {
    read: Value,
    readline: Value,
    readinto: Option<Value>,
    peek: Option<Value>,
}

impl File {
    /// Raises TypeError for what is no file.
    pub fn new(vm: &Vm, file: &Value) -> PyResult<File> {
        let names = &globals(vm)?.names;
        let peek = attributes::get_optional(vm, file, &names.peek)?;
        let readinto = attributes::get_optional(vm, file, &names.readinto)?;
        let read = attributes::get_optional(vm, file, &names.read)?;
        let readline = attributes::get_optional(vm, file, &names.readline)?;
        match (read, readline) {
            (Some(read), Some(readline)) => Ok(File {
                read,
                readline,
                readinto,
                peek,
            }),
            _ => Err(vm.type_error("file must have 'read' and 'readline' attributes")),
        }
    }

    pub fn traverse(&self, v: &mut Visitor) {
        v.value(&self.read);
        v.value(&self.readline);
        v.opt(&self.readinto);
        v.opt(&self.peek);
    }
}

pub struct Input {
    data: Ref<Bytes>,
    at: usize,
    limit: usize,
    in_frame: bool,
    prefetched: usize,
    file: Option<File>,
}

/// At most so much memory is asked for before the file has given anything.
const CHUNK: usize = 1 << 20;

/// Raises UnpicklingError: the data end too early.
#[cold]
pub fn truncated(vm: &Vm) -> Raised {
    unpickling_error(vm, "pickle data was truncated")
}

/// The bytes of a bytes-like object as an object of their own. Raises TypeError, BufferError.
fn bytes_of(vm: &Vm, data: &Value) -> PyResult<Ref<Bytes>> {
    match data.downcast::<Bytes>() {
        Some(bytes) => Ok(bytes.clone()),
        None => vm.new_bytes_of(Buffer::of(vm, data)?.to_vec()),
    }
}

impl Input {
    /// Reading from a bytes-like object. Raises TypeError, BufferError.
    pub fn of_data(vm: &Vm, data: &Value) -> PyResult<Input> {
        let data = bytes_of(vm, data)?;
        let len = data.as_bytes().len();
        Ok(Input {
            data,
            at: 0,
            limit: len,
            in_frame: false,
            prefetched: len,
            file: None,
        })
    }

    pub fn of_file(vm: &Vm, file: File) -> PyResult<Input> {
        let empty = vm.new_bytes(b"")?.into_value();
        let mut input = Input::of_data(vm, &empty)?;
        input.file = Some(file);
        Ok(input)
    }

    pub fn traverse(&self, v: &mut Visitor) {
        if let Some(file) = &self.file {
            file.traverse(v)
        }
    }

    /// What is left of the last pickle's frame is not the next one's.
    pub fn start(&mut self) {
        self.in_frame = false;
        self.limit = self.data.as_bytes().len();
    }

    fn set_data(&mut self, vm: &Vm, data: &Value) -> PyResult<usize> {
        self.data = bytes_of(vm, data)?;
        self.at = 0;
        self.limit = self.data.as_bytes().len();
        self.in_frame = false;
        self.prefetched = self.limit;
        Ok(self.limit)
    }

    /// Reads what was only peeked at, and used, from the file.
    pub fn skip_consumed(&mut self, vm: &Vm) -> PyResult<()> {
        if self.at <= self.prefetched {
            return Ok(());
        }
        if let Some(file) = &self.file {
            let consumed = vm.new_int((self.at - self.prefetched) as i64)?;
            vm.call(&file.read, &[consumed])?;
        }
        self.prefetched = self.at;
        Ok(())
    }

    /// Gets more from the file: `n` bytes, or a line; gives how much there is.
    fn fill(&mut self, vm: &Vm, n: Option<usize>) -> PyResult<usize> {
        let Some(file) = self.file.clone() else {
            return Err(truncated(vm));
        };
        self.skip_consumed(vm)?;
        let Some(n) = n else {
            let line = vm.call(&file.readline, &[])?;
            return self.set_data(vm, &line);
        };
        if let Some(peek) = &file.peek
            && n < PREFETCH
        {
            match vm.call(peek, &[vm.new_int(PREFETCH as i64)?]) {
                Ok(ahead) => {
                    let got = self.set_data(vm, &ahead)?;
                    self.prefetched = 0;
                    if n <= got {
                        return Ok(got);
                    }
                    // Nothing of it is used: it will all be read below.
                    self.prefetched = self.at;
                }
                Err(raised) => {
                    if !vm.catch(&vm.types.not_implemented_error) {
                        return Err(raised);
                    }
                    if let Some(file) = &mut self.file {
                        file.peek = None
                    }
                }
            }
        }
        let data = vm.call(&file.read, &[vm.new_int(n as i64)?])?;
        self.set_data(vm, &data)
    }

    /// The next `n` bytes. Raises UnpicklingError where there are not so many, and what the file raises.
    #[inline(always)]
    pub fn take(&mut self, vm: &Vm, n: usize) -> PyResult<&[u8]> {
        if n > self.limit - self.at {
            self.more(vm, n)?
        }
        let from = self.at;
        self.at += n;
        Ok(&self.data.as_bytes()[from..from + n])
    }

    /// The next byte.
    #[inline(always)]
    pub fn byte(&mut self, vm: &Vm) -> PyResult<u8> {
        if self.limit == self.at {
            self.more(vm, 1)?
        }
        let byte = self.data.as_bytes()[self.at];
        self.at += 1;
        Ok(byte)
    }

    /// The next `N` bytes.
    #[inline(always)]
    pub fn array<const N: usize>(&mut self, vm: &Vm) -> PyResult<[u8; N]> {
        let bytes = self.take(vm, N)?;
        let mut array = [0; N];
        array.copy_from_slice(bytes);
        Ok(array)
    }

    /// Leaves the frame if it is read to its end. Raises UnpicklingError if something is left of it.
    fn leave_frame(&mut self, vm: &Vm) -> PyResult<()> {
        if self.in_frame {
            if self.at < self.limit {
                return Err(unpickling_error(vm, "pickle exhausted before end of frame"));
            }
            self.in_frame = false;
            self.limit = self.data.as_bytes().len();
        }
        Ok(())
    }

    /// Sees to it that `n` bytes can be taken.
    #[cold]
    #[inline(never)]
    fn more(&mut self, vm: &Vm, n: usize) -> PyResult<()> {
        self.leave_frame(vm)?;
        if n > self.limit - self.at && self.fill(vm, Some(n))? < n {
            return Err(truncated(vm));
        }
        Ok(())
    }

    /// The next line, with its end. Raises as [`Input::take`].
    pub fn line(&mut self, vm: &Vm) -> PyResult<&[u8]> {
        let find = |input: &Input| {
            let rest = &input.data.as_bytes()[input.at..input.limit];
            rest.iter().position(|&b| b == b'\n').map(|n| n + 1)
        };
        let mut len = find(self);
        if len.is_none() && self.in_frame {
            self.leave_frame(vm)?;
            len = find(self)
        }
        let len = match len {
            Some(len) => len,
            None => {
                let got = self.fill(vm, None)?;
                if self.data.as_bytes().last() != Some(&b'\n') {
                    return Err(truncated(vm));
                }
                got
            }
        };
        let from = self.at;
        self.at += len;
        Ok(&self.data.as_bytes()[from..from + len])
    }

    /// Opens a frame of `len` bytes, which are read at once.
    pub fn frame(&mut self, vm: &Vm, len: usize) -> PyResult<()> {
        if self.in_frame && self.at < self.limit {
            return Err(unpickling_error(
                vm,
                "beginning of a new frame before end of current frame",
            ));
        }
        self.take(vm, len)?;
        self.at -= len;
        self.limit = self.at + len;
        self.in_frame = true;
        Ok(())
    }

    /// The next `n` bytes, to be kept: of a file they are read into memory of their own.
    pub fn copy(&mut self, vm: &Vm, n: usize) -> PyResult<Vec<u8>> {
        if n > self.limit - self.at {
            self.leave_frame(vm)?;
            if n > self.limit - self.at {
                return self.copy_long(vm, n);
            }
        }
        self.take(vm, n).map(<[u8]>::to_vec)
    }

    fn copy_long(&mut self, vm: &Vm, n: usize) -> PyResult<Vec<u8>> {
        let Some(file) = self.file.clone() else {
            return Err(truncated(vm));
        };
        let mut out = self.data.as_bytes()[self.at..self.limit].to_vec();
        self.at = self.limit;
        self.skip_consumed(vm)?;
        while out.len() < n {
            let wanted = (n - out.len()).min(out.len().max(CHUNK));
            let before = out.len();
            read_chunk(vm, &file, wanted, &mut out)?;
            if out.len() - before < wanted {
                return Err(truncated(vm));
            }
        }
        Ok(out)
    }
}

/// Reads up to `wanted` bytes by `readinto`, or by `read` if there is no such method.
fn read_chunk(vm: &Vm, file: &File, wanted: usize, out: &mut Vec<u8>) -> PyResult<()> {
    let Some(readinto) = &file.readinto else {
        let data = vm.call(&file.read, &[vm.new_int(wanted as i64)?])?;
        let Some(bytes) = data.downcast::<Bytes>() else {
            let shown = shown(vm, &data)?;
            let message = format!("read() returned non-bytes object ({shown})");
            return Err(vm.value_error(message));
        };
        let bytes = bytes.as_bytes();
        out.extend_from_slice(&bytes[..bytes.len().min(wanted)]);
        return Ok(());
    };
    let array = ByteArray::from_vec(vm, vec![0; wanted])?.into_value();
    let view = MemoryView::of(vm, &array)?.into_value();
    let got = vm.call(readinto, &[view])?;
    let got = super::pickler::ssize(vm, &got)?;
    let Ok(got) = usize::try_from(got) else {
        return Err(vm.value_error("readinto() returned negative size"));
    };
    if let Some(array) = array.downcast::<ByteArray>() {
        let bytes = array.to_vec();
        out.extend_from_slice(&bytes[..bytes.len().min(got)]);
    }
    Ok(())
}
