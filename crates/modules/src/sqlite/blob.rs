//! `sqlite3.Blob`: a blob of the database read and written in place.
//!
//! The handle is shared with the connection, which closes it with itself. Invariant: a null handle is a closed blob.
//! CPython: Modules/_sqlite/blob.c.

use super::connection::Connection;
use super::errors;
use super::gil::released;
use libsqlite3_sys as ffi;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::buffer::Buffer;
use naja_vm::protocols::number;
use naja_vm::slice::Slice;
use naja_vm::{PyResult, Traverse, Visitor, Vm, int};
use std::cell::Cell;
use std::rc::Rc;

/// A blob handle, null once closed.
pub type Handle = Rc<Cell<*mut ffi::sqlite3_blob>>;

#[pyclass(
    name = "Blob",
    module = "sqlite3",
    gc,
    flags(NO_NEW, IMMUTABLE, HAS_WEAKREF)
)]
pub struct Blob {
    connection: MutCell<Option<Ref<Connection>>>,
    handle: Handle,
    offset: Cell<i32>,
}

impl Traverse for Blob {
    fn traverse(&self, visitor: &mut Visitor) {
        self.connection.with(|c| {
            if let Some(c) = c {
                visitor.reference(c)
            }
        });
    }

    fn clear(&self) {
        drop(self.connection.take())
    }
}

/// Closes a blob that is open.
pub fn close(vm: &Vm, handle: &Handle) {
    let blob = handle.replace(std::ptr::null_mut());
    if !blob.is_null() {
        // SAFETY: an open blob, which nobody else refers to any more. What its writes reported has been seen to.
        released(vm, || unsafe { ffi::sqlite3_blob_close(blob) });
    }
}

#[cold]
fn negative_step(vm: &Vm) -> naja_vm::Raised {
    vm.value_error("Blob doesn't support slices with a negative step")
}

impl Blob {
    /// The Python object of a blob just opened.
    pub fn make(vm: &Vm, connection: &Ref<Connection>, handle: Handle) -> PyResult<Ref<Blob>> {
        vm.new_object(Blob {
            connection: MutCell::new(Some(connection.clone())),
            handle,
            offset: Cell::new(0),
        })
    }

    fn connection(&self, vm: &Vm) -> PyResult<Ref<Connection>> {
        match self.connection.get() {
            Some(connection) => {
                connection.check_open(vm)?;
                connection.check_thread(vm)?;
                Ok(connection)
            }
            None => Err(errors::programming_error(
                vm,
                "Cannot operate on a closed blob.",
            )),
        }
    }

    /// The handle of an open blob of an open connection.
    fn check(&self, vm: &Vm) -> PyResult<*mut ffi::sqlite3_blob> {
        self.connection(vm)?;
        let blob = self.handle.get();
        if blob.is_null() {
            return Err(errors::programming_error(
                vm,
                "Cannot operate on a closed blob.",
            ));
        }
        Ok(blob)
    }

    fn len(blob: *mut ffi::sqlite3_blob) -> i32 {
        // SAFETY: an open blob.
        unsafe { ffi::sqlite3_blob_bytes(blob) }
    }

    fn failed(&self, vm: &Vm, code: i32) -> naja_vm::Raised {
        match self.connection.get() {
            Some(connection) => errors::failed(vm, connection.db(), code),
            None => errors::from_code(vm, code),
        }
    }

    fn read_at(&self, vm: &Vm, offset: usize, len: usize) -> PyResult<Vec<u8>> {
        let blob = self.check(vm)?;
        let mut data = vec![0; len];
        let code = released(vm, || {
            // SAFETY: an open blob and room for `len` bytes; SQLite checks the range.
            unsafe {
                ffi::sqlite3_blob_read(blob, data.as_mut_ptr().cast(), len as i32, offset as i32)
            }
        });
        match code {
            ffi::SQLITE_OK => Ok(data),
            code => Err(self.failed(vm, code)),
        }
    }

    fn write_at(&self, vm: &Vm, data: &[u8], offset: usize) -> PyResult<()> {
        let blob = self.check(vm)?;
        if data.len() > (Blob::len(blob) as usize).saturating_sub(offset) {
            return Err(vm.value_error("data longer than blob length"));
        }
        let code = released(vm, || {
            // SAFETY: an open blob and `data.len()` bytes; SQLite checks the range.
            unsafe {
                let len = data.len() as i32;
                ffi::sqlite3_blob_write(blob, data.as_ptr().cast(), len, offset as i32)
            }
        });
        match code {
            ffi::SQLITE_OK => Ok(()),
            code => Err(self.failed(vm, code)),
        }
    }

    fn index(&self, vm: &Vm, blob: *mut ffi::sqlite3_blob, key: &Value) -> PyResult<usize> {
        let len = Blob::len(blob) as isize;
        let mut index = number::index_for(vm, key, &vm.types.index_error)?;
        if index < 0 {
            index += len;
        }
        if index < 0 || index >= len {
            return Err(vm.index_error("Blob index out of range"));
        }
        Ok(index as usize)
    }

    /// The first place, how far it is from there to the last one inclusive, and the relative places of a slice.
    fn slice(
        vm: &Vm,
        blob: *mut ffi::sqlite3_blob,
        slice: &Slice,
    ) -> PyResult<(usize, usize, Vec<usize>)> {
        let adjusted = slice.adjust(vm, Blob::len(blob) as usize)?;
        let places: Vec<usize> = adjusted.indices().collect();
        let (Some(low), Some(high)) = (places.first(), places.last()) else {
            return Ok((0, 0, Vec::new()));
        };
        if high < low {
            return Err(negative_step(vm));
        }
        let (low, span) = (*low, high - low + 1);
        Ok((low, span, places.iter().map(|p| p - low).collect()))
    }

    fn set_index(&self, vm: &Vm, key: &Value, value: Option<&Value>) -> PyResult<()> {
        let blob = self.check(vm)?;
        let Some(value) = value else {
            return Err(vm.type_error("Blob doesn't support item deletion"));
        };
        if !number::is_int(vm, value) {
            return Err(vm.type_error(format!(
                "'{}' object cannot be interpreted as an integer",
                vm.type_of(value).full_name()
            )));
        }
        let at = self.index(vm, blob, key)?;
        match int::as_i64(value).and_then(|n| u8::try_from(n).ok()) {
            Some(byte) => self.write_at(vm, &[byte], at),
            None => Err(vm.value_error("byte must be in range(0, 256)")),
        }
    }

    fn set_slice(&self, vm: &Vm, slice: &Slice, value: Option<&Value>) -> PyResult<()> {
        let blob = self.check(vm)?;
        let Some(value) = value else {
            return Err(vm.type_error("Blob doesn't support slice deletion"));
        };
        let count = slice
            .adjust(vm, Blob::len(blob) as usize)?
            .indices()
            .count();
        let data = Buffer::of(vm, value)?.to_vec();
        if data.len() != count {
            return Err(vm.index_error("Blob slice assignment is wrong size"));
        }
        if count == 0 {
            return Ok(());
        }
        let (low, span, places) = Blob::slice(vm, blob, slice)?;
        let mut whole = self.read_at(vm, low, span)?;
        for (place, byte) in places.iter().zip(data) {
            whole[*place] = byte;
        }
        self.write_at(vm, &whole, low)
    }
}

#[pymethods]
impl Blob {
    #[pyslot]
    fn finalize(zelf: &Ref<Self>, vm: &Vm) {
        close(vm, &zelf.handle);
    }

    /// Close the blob.
    #[pymethod(sig = "($self, /)")]
    fn close(&self, vm: &Vm) -> PyResult<()> {
        self.connection(vm)?;
        close(vm, &self.handle);
        Ok(())
    }

    /// Read data at the current offset position.
    ///
    ///   length
    ///     Read length in bytes.
    ///
    /// If the end of the blob is reached, the data up to end of file will be returned.
    /// When length is not specified, or is negative, Blob.read() will read until the
    /// end of the blob.
    #[pymethod(sig = "($self, length=-1, /)")]
    fn read(&self, vm: &Vm, #[default(-1)] length: i32) -> PyResult {
        let blob = self.check(vm)?;
        let rest = (Blob::len(blob) - self.offset.get()).max(0);
        let length = if length < 0 { rest } else { length.min(rest) };
        let data = if length == 0 {
            Vec::new()
        } else {
            self.read_at(vm, self.offset.get() as usize, length as usize)?
        };
        self.offset.set(self.offset.get() + length);
        Ok(vm.new_bytes_of(data)?.into_value())
    }

    /// Write data at the current offset.
    ///
    /// This function cannot change the blob length.  Writing beyond the end of the
    /// blob will result in an exception being raised.
    #[pymethod(sig = "($self, data, /)")]
    fn write(&self, vm: &Vm, data: Buffer) -> PyResult<()> {
        self.check(vm)?;
        let data = data.to_vec();
        self.write_at(vm, &data, self.offset.get() as usize)?;
        self.offset.set(self.offset.get() + data.len() as i32);
        Ok(())
    }

    /// Set the current access position to offset.
    ///
    /// The origin argument defaults to os.SEEK_SET (absolute blob positioning).
    /// Other values for origin are os.SEEK_CUR (seek relative to the current position)
    /// and os.SEEK_END (seek relative to the blob's end).
    #[pymethod(sig = "($self, offset, origin=0, /)")]
    fn seek(&self, vm: &Vm, offset: i32, #[default(0)] origin: i32) -> PyResult<()> {
        let len = Blob::len(self.check(vm)?);
        let base = match origin {
            libc::SEEK_SET => 0,
            libc::SEEK_CUR => self.offset.get(),
            libc::SEEK_END => len,
            _ => {
                return Err(
                    vm.value_error("'origin' should be os.SEEK_SET, os.SEEK_CUR, or os.SEEK_END")
                );
            }
        };
        let Some(place) = offset.checked_add(base) else {
            return Err(vm.overflow_error("seek offset results in overflow"));
        };
        if place < 0 || place > len {
            return Err(vm.value_error("offset out of blob range"));
        }
        self.offset.set(place);
        Ok(())
    }

    /// Return the current access position for the blob.
    #[pymethod(sig = "($self, /)")]
    fn tell(&self, vm: &Vm) -> PyResult<i32> {
        self.check(vm)?;
        Ok(self.offset.get())
    }

    /// Blob context manager enter.
    #[pymethod(sig = "($self, /)")]
    fn __enter__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        zelf.check(vm)?;
        Ok(zelf.to_value())
    }

    /// Blob context manager exit.
    #[pymethod(sig = "($self, type, val, tb, /)")]
    fn __exit__(&self, vm: &Vm, _kind: &Value, _value: &Value, _tb: &Value) -> PyResult<bool> {
        self.check(vm)?;
        close(vm, &self.handle);
        Ok(false)
    }

    #[pyslot]
    fn mp_len(&self, vm: &Vm) -> PyResult<usize> {
        Ok(Blob::len(self.check(vm)?) as usize)
    }

    #[pyslot]
    fn subscript(&self, vm: &Vm, key: &Value) -> PyResult {
        let blob = self.check(vm)?;
        if number::has_index(vm, key) {
            let at = self.index(vm, blob, key)?;
            let byte = self.read_at(vm, at, 1)?;
            return vm.new_int(byte.first().map_or(0, |&b| i64::from(b)));
        }
        if let Some(slice) = key.downcast::<Slice>() {
            let (low, span, places) = Blob::slice(vm, blob, slice)?;
            let data = if span == 0 {
                Vec::new()
            } else {
                self.read_at(vm, low, span)?
            };
            let picked = places
                .iter()
                .filter_map(|&p| data.get(p).copied())
                .collect();
            return Ok(vm.new_bytes_of(picked)?.into_value());
        }
        Err(vm.type_error("Blob indices must be integers"))
    }

    #[pyslot]
    fn set_subscript(&self, vm: &Vm, key: &Value, value: Option<&Value>) -> PyResult<()> {
        self.check(vm)?;
        if number::has_index(vm, key) {
            return self.set_index(vm, key, value);
        }
        match key.downcast::<Slice>() {
            Some(slice) => self.set_slice(vm, slice, value),
            None => Err(vm.type_error("Blob indices must be integers")),
        }
    }
}
