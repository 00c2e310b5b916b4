//! `mmap`: files and anonymous memory as objects like `bytearray` and like files.
//!
//! A map is a pointer and a length; buffers made of it are counted, and while there are any it is neither closed nor
//! resized, so that nothing dangles. A file that shrinks under its map kills the process when the map is used, as in C.
//! CPython: Modules/mmapmodule.c.

use crate::system::{add_ints, errno};
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::buffer::{self, Buffer, BufferOps};
use naja_vm::module::Module;
use naja_vm::protocols::number;
use naja_vm::runtime::Access;
use naja_vm::slice::Slice;
use naja_vm::type_::Type;
use naja_vm::{PyResult, Vm};
use std::cell::Cell;

#[rustfmt::skip]
const CONSTANTS: &[(&str, i64)] = &[("ACCESS_COPY", 3), ("ACCESS_DEFAULT", 0), ("ACCESS_READ", 1), ("ACCESS_WRITE", 2), ("MADV_DODUMP", 17), ("MADV_DOFORK", 11), ("MADV_DONTDUMP", 16), ("MADV_DONTFORK", 10), ("MADV_DONTNEED", 4), ("MADV_FREE", 8), ("MADV_HUGEPAGE", 14), ("MADV_HWPOISON", 100), ("MADV_MERGEABLE", 12), ("MADV_NOHUGEPAGE", 15), ("MADV_NORMAL", 0), ("MADV_RANDOM", 1), ("MADV_REMOVE", 9), ("MADV_SEQUENTIAL", 2), ("MADV_UNMERGEABLE", 13), ("MADV_WILLNEED", 3), ("MAP_32BIT", 64), ("MAP_ANON", 32), ("MAP_ANONYMOUS", 32), ("MAP_DENYWRITE", 2048), ("MAP_EXECUTABLE", 4096), ("MAP_NORESERVE", 16384), ("MAP_POPULATE", 32768), ("MAP_PRIVATE", 2), ("MAP_SHARED", 1), ("MAP_STACK", 131072), ("PROT_EXEC", 4), ("PROT_READ", 1), ("PROT_WRITE", 2)];

const ACCESS_DEFAULT: i32 = 0;
const ACCESS_READ: i32 = 1;
const ACCESS_WRITE: i32 = 2;
const ACCESS_COPY: i32 = 3;
const ACCESS_NAMES: [&str; 4] = [
    "ACCESS_DEFAULT",
    "ACCESS_READ",
    "ACCESS_WRITE",
    "ACCESS_COPY",
];

/// Unix: mmap(fileno, length[, flags[, prot[, access[, offset[, trackfd]]]]])
///
/// Maps length bytes from the file specified by the file descriptor fileno,
/// and returns a mmap object.  If length is 0, the maximum length of the map
/// will be the current size of the file when mmap is called.
/// flags specifies the nature of the mapping. MAP_PRIVATE creates a
/// private copy-on-write mapping, so changes to the contents of the mmap
/// object will be private to this process, and MAP_SHARED creates a mapping
/// that's shared with all other processes mapping the same areas of the file.
/// The default value is MAP_SHARED.
///
/// To map anonymous memory, pass -1 as the fileno.
#[pyclass(name = "mmap", module = "mmap", flags(BASETYPE, HAS_WEAKREF))]
pub struct Mmap {
    /// Null: closed.
    data: Cell<*mut u8>,
    size: Cell<usize>,
    pos: Cell<usize>,
    offset: i64,
    fd: Cell<i32>,
    exports: Cell<usize>,
    access: i32,
    track: bool,
    flags: i32,
}

impl Drop for Mmap {
    fn drop(&mut self) {
        self.unmap();
    }
}

static OPS: BufferOps = BufferOps {
    with: |owner, f| {
        if let Some(map) = owner.downcast::<Mmap>() {
            map.with(|bytes| f(bytes))
        }
    },
    with_mut: |owner, f| {
        if let Some(map) = owner.downcast::<Mmap>() {
            map.with_mut(|bytes| f(bytes))
        }
    },
    release: |owner| {
        if let Some(map) = owner.downcast::<Mmap>() {
            map.exports.set(map.exports.get().saturating_sub(1))
        }
    },
};

impl Mmap {
    fn unmap(&self) {
        let data = self.data.replace(std::ptr::null_mut());
        if !data.is_null() {
            // SAFETY: the map is this object's, and no buffer of it is left.
            unsafe { libc::munmap(data.cast(), self.size.get()) };
        }
        let fd = self.fd.replace(-1);
        if fd >= 0 {
            // SAFETY: the descriptor is this object's.
            unsafe { libc::close(fd) };
        }
    }

    fn is_closed(&self) -> bool {
        self.data.get().is_null()
    }

    fn check(&self, vm: &Vm) -> PyResult<()> {
        match self.is_closed() {
            true => Err(vm.value_error("mmap closed or invalid")),
            false => Ok(()),
        }
    }

    fn writable(&self, vm: &Vm) -> PyResult<()> {
        match self.access == ACCESS_READ {
            true => Err(vm.type_error("mmap can't modify a readonly memory map.")),
            false => Ok(()),
        }
    }

    /// Lends the bytes; no Python code runs inside.
    fn with<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        match self.data.get() {
            data if data.is_null() => f(&[]),
            // SAFETY: the map has this size and stays while the closure runs.
            data => f(unsafe { std::slice::from_raw_parts(data, self.size.get()) }),
        }
    }

    fn with_mut<R>(&self, f: impl FnOnce(&mut [u8]) -> R) -> R {
        match self.data.get() {
            data if data.is_null() || self.access == ACCESS_READ => f(&mut []),
            // SAFETY: as above; the interpreter's lock keeps other threads out.
            data => f(unsafe { std::slice::from_raw_parts_mut(data, self.size.get()) }),
        }
    }

    fn index(&self, vm: &Vm, key: &Value) -> PyResult<Option<usize>> {
        if !number::has_index(vm, key) {
            return Ok(None);
        }
        let index = number::index_for(vm, key, &vm.types.index_error)?;
        self.check(vm)?;
        let size = self.size.get();
        let index = match index < 0 {
            true => usize::try_from(index + size as isize).unwrap_or(usize::MAX),
            false => index as usize,
        };
        match index < size {
            true => Ok(Some(index)),
            false => Err(vm.index_error("mmap index out of range")),
        }
    }

    fn search(
        &self,
        vm: &Vm,
        view: &Buffer,
        start: Option<isize>,
        end: Option<isize>,
        backwards: bool,
    ) -> PyResult<i64> {
        self.check(vm)?;
        let size = self.size.get();
        let place = |value: Option<isize>, default: usize| match value {
            None => default,
            Some(n) if n < 0 => (n + size as isize).max(0) as usize,
            Some(n) => (n as usize).min(size),
        };
        let start = place(start, self.pos.get().min(size));
        let end = place(end, size);
        let needle = view.to_vec();
        let found = self.with(|bytes| {
            let part = bytes.get(start..end)?;
            match backwards {
                true => memchr::memmem::rfind(part, &needle),
                false => memchr::memmem::find(part, &needle),
            }
        });
        Ok(found.map_or(-1, |at| (start + at) as i64))
    }

    fn resize_map(&self, vm: &Vm, new_size: usize) -> PyResult<()> {
        let fd = self.fd.get();
        if fd == -1 && self.flags & libc::MAP_PRIVATE == 0 && new_size > self.size.get() {
            return Err(vm.value_error("mmap: can't expand a shared anonymous mapping on Linux"));
        }
        // SAFETY: a plain call.
        if fd != -1 && unsafe { libc::ftruncate(fd, self.offset + new_size as i64) } < 0 {
            return Err(vm.os_error(errno(), None));
        }
        let (old, size) = (self.data.get(), self.size.get());
        // SAFETY: the map is this object's, and no buffer of it is left.
        let new = unsafe { libc::mremap(old.cast(), size, new_size, libc::MREMAP_MAYMOVE) };
        if new == libc::MAP_FAILED {
            return Err(vm.os_error(errno(), None));
        }
        self.data.set(new.cast());
        self.size.set(new_size);
        Ok(())
    }
}

/// The size of the file, if it is a regular one.
fn regular_size(fd: i32) -> Option<i64> {
    // SAFETY: all zero is a valid value.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: writes one struct.
    let known = unsafe { libc::fstat(fd, &mut stat) } == 0;
    (known && stat.st_mode & libc::S_IFMT == libc::S_IFREG).then_some(stat.st_size)
}

/// The number of bytes to map: what was asked for, or the rest of the file.
fn fitting(vm: &Vm, fd: i32, length: usize, offset: i64) -> PyResult<usize> {
    let Some(file) = (fd != -1).then(|| regular_size(fd)).flatten() else {
        return Ok(length);
    };
    if length == 0 {
        if file == 0 {
            return Err(vm.value_error("cannot mmap an empty file"));
        }
        if offset >= file {
            return Err(vm.value_error("mmap offset is greater than file size"));
        }
        return Ok((file - offset) as usize);
    }
    if offset > file || ((file - offset) as usize) < length {
        return Err(vm.value_error("mmap length is greater than file size"));
    }
    Ok(length)
}

#[pymethods]
impl Mmap {
    #[pyslot(sig = "(fileno, length, flags=1, prot=3, access=0, offset=0, *, trackfd=True)")]
    fn new(
        cls: &Ref<Type>,
        vm: &Vm,
        fileno: i32,
        length: isize,
        #[default(libc::MAP_SHARED)] flags: i32,
        #[default(libc::PROT_READ | libc::PROT_WRITE)] prot: i32,
        #[default(ACCESS_DEFAULT)] access: i32,
        #[default(0)] offset: i64,
        #[default(true)] trackfd: bool,
    ) -> PyResult {
        let (mut flags, mut prot, mut access) = (flags, prot, access);
        let both = libc::PROT_READ | libc::PROT_WRITE;
        let Ok(length) = usize::try_from(length) else {
            return Err(vm.overflow_error("memory mapped length must be positive"));
        };
        if offset < 0 {
            return Err(vm.overflow_error("memory mapped offset must be positive"));
        }
        if access != ACCESS_DEFAULT && (flags != libc::MAP_SHARED || prot != both) {
            return Err(vm.value_error("mmap can't specify both access, flags or prot."));
        }
        match access {
            ACCESS_READ => (flags, prot) = (libc::MAP_SHARED, libc::PROT_READ),
            ACCESS_WRITE => (flags, prot) = (libc::MAP_SHARED, both),
            ACCESS_COPY => (flags, prot) = (libc::MAP_PRIVATE, both),
            ACCESS_DEFAULT if prot & both == both => {}
            ACCESS_DEFAULT if prot & libc::PROT_WRITE != 0 => access = ACCESS_WRITE,
            ACCESS_DEFAULT => access = ACCESS_READ,
            _ => return Err(vm.value_error("mmap invalid access parameter.")),
        }
        let event = [
            vm.new_int(fileno as i64)?,
            vm.new_int(length as i64)?,
            vm.new_int(access as i64)?,
            vm.new_int(offset)?,
        ];
        vm.permit(Access::Event("mmap.__new__", &event))?;
        let size = fitting(vm, fileno, length, offset)?;
        let mut fd = -1;
        if fileno == -1 {
            flags |= libc::MAP_ANONYMOUS;
        } else if trackfd {
            // SAFETY: a plain call.
            fd = unsafe { libc::fcntl(fileno, libc::F_DUPFD_CLOEXEC, 0) };
            if fd < 0 {
                return Err(vm.os_error(errno(), None));
            }
        }
        let map = Mmap {
            data: Cell::new(std::ptr::null_mut()),
            size: Cell::new(size),
            pos: Cell::new(0),
            offset,
            fd: Cell::new(fd),
            exports: Cell::new(0),
            access,
            track: trackfd,
            flags,
        };
        let null = std::ptr::null_mut();
        // SAFETY: the system chooses the place of the map.
        let data = unsafe { libc::mmap(null, size, prot, flags, fileno, offset) };
        if data == libc::MAP_FAILED {
            return Err(vm.os_error(errno(), None));
        }
        map.data.set(data.cast());
        Ok(vm.new_object_of(cls, map)?.into_value())
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let name = vm.type_of(zelf.as_value()).full_name();
        let text = match zelf.is_closed() {
            true => format!("<{name} closed=True>"),
            false => format!(
                "<{name} closed=False, access={}, length={}, pos={}, offset={}>",
                ACCESS_NAMES.get(zelf.access as usize).unwrap_or(&""),
                zelf.size.get(),
                zelf.pos.get(),
                zelf.offset
            ),
        };
        Ok(vm.new_str(text)?.into_value())
    }

    #[pyslot]
    fn get_buffer(vm: &Vm, zelf: &Value, flags: u32) -> PyResult<Buffer> {
        let Some(map) = zelf.downcast::<Mmap>() else {
            return Err(vm.type_error("not a mmap"));
        };
        map.check(vm)?;
        let readonly = map.access == ACCESS_READ;
        if readonly {
            buffer::refuse_writing(vm, flags)?;
        }
        map.exports.set(map.exports.get() + 1);
        Ok(Buffer::export(zelf.clone(), &OPS, map.size.get(), readonly))
    }

    #[pyslot]
    fn sq_len(&self, vm: &Vm) -> PyResult<usize> {
        self.check(vm)?;
        Ok(self.size.get())
    }

    #[pyslot]
    fn mp_len(&self, vm: &Vm) -> PyResult<usize> {
        self.check(vm)?;
        Ok(self.size.get())
    }

    #[pyslot]
    fn item(&self, vm: &Vm, index: isize) -> PyResult {
        self.check(vm)?;
        let byte = usize::try_from(index)
            .ok()
            .and_then(|i| self.with(|b| b.get(i).copied()));
        match byte {
            Some(byte) => Ok(vm.new_bytes(&[byte])?.into_value()),
            None => Err(vm.index_error("mmap index out of range")),
        }
    }

    #[pyslot]
    fn subscript(&self, vm: &Vm, key: &Value) -> PyResult {
        self.check(vm)?;
        if let Some(index) = self.index(vm, key)? {
            let byte = self.with(|b| b.get(index).copied());
            return vm.new_int(byte.unwrap_or(0) as i64);
        }
        let Some(slice) = key.downcast::<Slice>() else {
            return Err(vm.type_error("mmap indices must be integers"));
        };
        let (start, stop, step) = slice.unpack(vm)?;
        self.check(vm)?;
        let bytes: Vec<u8> = self.with(|b| {
            let fit = naja_vm::slice::fit(start, stop, step, b.len() as isize);
            fit.indices().filter_map(|i| b.get(i).copied()).collect()
        });
        Ok(vm.new_bytes(&bytes)?.into_value())
    }

    #[pyslot]
    fn set_subscript(&self, vm: &Vm, key: &Value, value: Option<&Value>) -> PyResult<()> {
        self.check(vm)?;
        self.writable(vm)?;
        if let Some(index) = self.index(vm, key)? {
            let Some(value) = value else {
                return Err(vm.type_error("mmap doesn't support item deletion"));
            };
            if !number::has_index(vm, value) {
                return Err(vm.type_error("mmap item value must be an int"));
            }
            let n = number::index_for(vm, value, &vm.types.type_error)?;
            let Ok(byte) = u8::try_from(n) else {
                return Err(vm.value_error("mmap item value must be in range(0, 256)"));
            };
            self.check(vm)?;
            // Asking the value for its number may have made the map smaller.
            let stored = self.with_mut(|b| b.get_mut(index).map(|place| *place = byte).is_some());
            return match stored {
                true => Ok(()),
                false => Err(vm.index_error("mmap index out of range")),
            };
        }
        let Some(slice) = key.downcast::<Slice>() else {
            return Err(vm.type_error("mmap indices must be integers"));
        };
        let (start, stop, step) = slice.unpack(vm)?;
        let Some(value) = value else {
            return Err(vm.type_error("mmap object doesn't support slice deletion"));
        };
        let new = Buffer::of(vm, value)?.to_vec();
        self.check(vm)?;
        let stored = self.with_mut(|b| {
            let places: Vec<usize> = naja_vm::slice::fit(start, stop, step, b.len() as isize)
                .indices()
                .collect();
            if places.len() != new.len() {
                return false;
            }
            for (at, byte) in places.into_iter().zip(new) {
                if let Some(place) = b.get_mut(at) {
                    *place = byte
                }
            }
            true
        });
        match stored {
            true => Ok(()),
            false => Err(vm.index_error("mmap slice assignment is wrong size")),
        }
    }

    #[pymethod(sig = "($self, /)")]
    fn close(&self, vm: &Vm) -> PyResult<()> {
        if self.exports.get() > 0 {
            return Err(vm.buffer_error("cannot close exported pointers exist"));
        }
        self.unmap();
        Ok(())
    }

    #[pymethod(sig = "($self, view, start=None, end=None, /)")]
    fn find(
        &self,
        vm: &Vm,
        view: Buffer,
        start: Option<OptionalSize>,
        end: Option<OptionalSize>,
    ) -> PyResult<i64> {
        let (start, end) = (start.and_then(|s| s.0), end.and_then(|e| e.0));
        self.search(vm, &view, start, end, false)
    }

    #[pymethod(sig = "($self, view, start=None, end=None, /)")]
    fn rfind(
        &self,
        vm: &Vm,
        view: Buffer,
        start: Option<OptionalSize>,
        end: Option<OptionalSize>,
    ) -> PyResult<i64> {
        let (start, end) = (start.and_then(|s| s.0), end.and_then(|e| e.0));
        self.search(vm, &view, start, end, true)
    }

    #[pymethod(sig = "($self, offset=0, size=None, /)")]
    fn flush(
        &self,
        vm: &Vm,
        #[default(0)] offset: isize,
        size: Option<OptionalSize>,
    ) -> PyResult<()> {
        self.check(vm)?;
        let all = self.size.get() as isize;
        let size = size.and_then(|s| s.0).unwrap_or(all - offset);
        if size < 0 || offset < 0 || all - offset < size {
            return Err(vm.value_error("flush values out of range"));
        }
        if self.access == ACCESS_READ || self.access == ACCESS_COPY {
            return Ok(());
        }
        let start = self.data.get() as usize + offset as usize;
        let result = vm.without_gil(|| {
            // SAFETY: the part lies within the map.
            let result = unsafe { libc::msync(start as *mut _, size as usize, libc::MS_SYNC) };
            (result, errno())
        });
        match result {
            (-1, error) => Err(vm.os_error(error, None)),
            _ => Ok(()),
        }
    }

    #[pymethod(sig = "($self, option, start=0, length=None, /)")]
    fn madvise(
        &self,
        vm: &Vm,
        option: i32,
        #[default(0)] start: isize,
        length: Option<&Value>,
    ) -> PyResult<()> {
        self.check(vm)?;
        let all = self.size.get() as isize;
        let length = match length.filter(|l| !l.is_none()) {
            Some(value) => number::index_isize(vm, value)?,
            None => all,
        };
        if start < 0 || start >= all {
            return Err(vm.value_error("madvise start out of bounds"));
        }
        if length < 0 {
            return Err(vm.value_error("madvise length invalid"));
        }
        if isize::MAX - start < length {
            return Err(vm.overflow_error("madvise length too large"));
        }
        let length = length.min(all - start);
        // SAFETY: the part lies within the map.
        let result = unsafe {
            let place = self.data.get().add(start as usize);
            libc::madvise(place.cast(), length as usize, option)
        };
        match result {
            0 => Ok(()),
            _ => Err(vm.os_error(errno(), None)),
        }
    }

    #[pymethod(sig = "($self, dest, src, count, /)", name = "move")]
    fn move_(&self, vm: &Vm, dest: isize, src: isize, count: isize) -> PyResult<()> {
        self.check(vm)?;
        self.writable(vm)?;
        let all = self.size.get() as isize;
        if dest < 0 || src < 0 || count < 0 || all - dest < count || all - src < count {
            return Err(vm.value_error("source, destination, or count out of range"));
        }
        let (dest, src, count) = (dest as usize, src as usize, count as usize);
        self.with_mut(|b| b.copy_within(src..src + count, dest));
        Ok(())
    }

    #[pymethod(sig = "($self, n=None, /)")]
    fn read(&self, vm: &Vm, n: Option<OptionalSize>) -> PyResult {
        self.check(vm)?;
        let pos = self.pos.get();
        let rest = self.size.get().saturating_sub(pos);
        let n = match n.and_then(|n| n.0) {
            Some(n) if n >= 0 => (n as usize).min(rest),
            _ => rest,
        };
        let bytes = self.with(|b| b.get(pos..pos + n).unwrap_or_default().to_vec());
        self.pos.set(pos + n);
        Ok(vm.new_bytes(&bytes)?.into_value())
    }

    #[pymethod(sig = "($self, /)")]
    fn read_byte(&self, vm: &Vm) -> PyResult {
        self.check(vm)?;
        let pos = self.pos.get();
        let Some(byte) = self.with(|b| b.get(pos).copied()) else {
            return Err(vm.value_error("read byte out of range"));
        };
        self.pos.set(pos + 1);
        vm.new_int(byte as i64)
    }

    #[pymethod(sig = "($self, /)")]
    fn readline(&self, vm: &Vm) -> PyResult {
        self.check(vm)?;
        let pos = self.pos.get();
        let line = self.with(|b| {
            let rest = b.get(pos..).unwrap_or_default();
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |i| i + 1);
            rest.get(..end).unwrap_or_default().to_vec()
        });
        self.pos.set(pos + line.len());
        Ok(vm.new_bytes(&line)?.into_value())
    }

    #[pymethod(sig = "($self, newsize, /)")]
    fn resize(&self, vm: &Vm, newsize: isize) -> PyResult<()> {
        self.check(vm)?;
        if self.exports.get() > 0 {
            return Err(vm.buffer_error("mmap can't resize with extant pointers exported."));
        }
        if !self.track {
            return Err(vm.value_error("mmap can't resize with trackfd=False."));
        }
        if self.access != ACCESS_WRITE && self.access != ACCESS_DEFAULT {
            return Err(vm.type_error("mmap can't resize a readonly or copy-on-write memory map."));
        }
        if newsize < 0 || (i64::MAX - newsize as i64) < self.offset {
            return Err(vm.value_error("new size out of range"));
        }
        self.resize_map(vm, newsize as usize)
    }

    #[pymethod(sig = "($self, pos, whence=0, /)")]
    fn seek(&self, vm: &Vm, pos: isize, #[default(0)] whence: i32) -> PyResult<i64> {
        self.check(vm)?;
        let base = match whence {
            0 => 0,
            1 => self.pos.get(),
            2 => self.size.get(),
            _ => return Err(vm.value_error("unknown seek type")),
        };
        let place = pos
            .checked_add(base as isize)
            .filter(|&p| p >= 0 && p as usize <= self.size.get());
        match place {
            Some(place) => {
                self.pos.set(place as usize);
                Ok(place as i64)
            }
            None => Err(vm.value_error("seek out of range")),
        }
    }

    #[pymethod(sig = "($self, /)")]
    fn seekable(&self) -> bool {
        true
    }

    #[pymethod(sig = "($self, /)")]
    fn size(&self, vm: &Vm) -> PyResult {
        self.check(vm)?;
        let fd = self.fd.get();
        if fd != -1 {
            // SAFETY: all zero is a valid value.
            let mut stat: libc::stat = unsafe { std::mem::zeroed() };
            // SAFETY: writes one struct.
            if unsafe { libc::fstat(fd, &mut stat) } != 0 {
                return Err(vm.os_error(errno(), None));
            }
            return vm.new_int(stat.st_size);
        }
        match self.track {
            true => vm.new_int(self.size.get() as i64),
            false => Err(vm.os_error(libc::EBADF, None)),
        }
    }

    #[pymethod(sig = "($self, /)")]
    fn tell(&self, vm: &Vm) -> PyResult<usize> {
        self.check(vm)?;
        Ok(self.pos.get())
    }

    #[pymethod(sig = "($self, bytes, /)")]
    fn write(&self, vm: &Vm, bytes: Buffer) -> PyResult<usize> {
        self.check(vm)?;
        self.writable(vm)?;
        let data = bytes.to_vec();
        let pos = self.pos.get();
        if pos > self.size.get() || self.size.get() - pos < data.len() {
            return Err(vm.value_error("data out of range"));
        }
        self.with_mut(|b| {
            if let Some(to) = b.get_mut(pos..pos + data.len()) {
                to.copy_from_slice(&data)
            }
        });
        self.pos.set(pos + data.len());
        Ok(data.len())
    }

    #[pymethod(sig = "($self, byte, /)")]
    fn write_byte(&self, vm: &Vm, byte: u8) -> PyResult<()> {
        self.check(vm)?;
        self.writable(vm)?;
        let pos = self.pos.get();
        let stored = self.with_mut(|b| b.get_mut(pos).map(|place| *place = byte).is_some());
        match stored {
            true => {
                self.pos.set(pos + 1);
                Ok(())
            }
            false => Err(vm.value_error("write byte out of range")),
        }
    }

    #[pymethod(sig = "($self, /)")]
    fn __enter__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        zelf.check(vm)?;
        Ok(zelf.to_value())
    }

    #[pymethod(sig = "($self, exc_type, exc_value, traceback, /)")]
    fn __exit__(
        &self,
        vm: &Vm,
        exc_type: &Value,
        exc_value: &Value,
        traceback: &Value,
    ) -> PyResult<()> {
        let _ = (exc_type, exc_value, traceback);
        self.close(vm)
    }

    #[pygetter]
    fn closed(&self) -> bool {
        self.is_closed()
    }
}

/// A size, or None.
pub struct OptionalSize(Option<isize>);

impl naja_vm::FromArg<'_> for OptionalSize {
    fn from_arg(
        vm: &Vm,
        value: &Value,
        _: &naja_vm::function::Signature,
        _: usize,
    ) -> PyResult<Self> {
        if value.is_none() {
            return Ok(OptionalSize(None));
        }
        if !number::has_index(vm, value) {
            return Err(vm.type_error(format!(
                "argument should be integer or None, not {}",
                vm.type_of(value).full_name()
            )));
        }
        number::index_for(vm, value, &vm.types.overflow_error).map(|n| OptionalSize(Some(n)))
    }
}

#[pymodule(name = "mmap", classes(Mmap))]
pub mod module {
    use super::*;

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        module.set(vm, "error", vm.types.os_error.to_value())?;
        // SAFETY: a plain call.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        module.set(vm, "PAGESIZE", vm.new_int(page)?)?;
        module.set(vm, "ALLOCATIONGRANULARITY", vm.new_int(page)?)?;
        add_ints(vm, module, CONSTANTS)
    }
}
