//! `FileIO`: a file descriptor as a raw stream. CPython: Modules/_io/fileio.c.
//!
//! Invariant: `fd` is -1 exactly when the file is closed. System calls run without the interpreter lock on buffers of
//! their own, and are repeated after a signal whose handler raised nothing (PEP 475).

use super::base::RawIoBase;
use super::unsupported;
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::buffer::{Buffer, WritableBuffer};
use naja_vm::builtins::print::os_error;
use naja_vm::bytes::Bytes;
use naja_vm::protocols::{attributes, number, object};
use naja_vm::runtime::Access;
use naja_vm::str_;
use naja_vm::type_::Type;
use naja_vm::{PyResult, Raised, Vm};
use std::cell::Cell;
use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;

/// The greatest count that one read or write is asked for.
const MOST: usize = 0x7fff_f000;

/// Open a file.
///
/// The mode can be 'r' (default), 'w', 'x' or 'a' for reading,
/// writing, exclusive creation or appending.  The file will be created if it
/// doesn't exist when opened for writing or appending; it will be truncated
/// when opened for writing.  A FileExistsError will be raised if it already
/// exists when opened for creating. Opening a file for creating implies
/// writing so this mode behaves in a similar way to 'w'.Add a '+' to the mode
/// to allow simultaneous reading and writing. A custom opener can be used by
/// passing a callable as *opener*. The underlying file descriptor for the file
/// object is then obtained by calling opener with (*name*, *flags*).
/// *opener* must return an open file descriptor (passing os.open as *opener*
/// results in functionality similar to passing None).
#[pyclass(
    name = "FileIO",
    module = "_io",
    extends = "RawIoBase",
    flags(BASETYPE, HAS_DICT, HAS_WEAKREF)
)]
#[repr(C)]
pub struct FileIo {
    base: RawIoBase,
    fd: Cell<i32>,
    created: Cell<bool>,
    readable: Cell<bool>,
    writable: Cell<bool>,
    appending: Cell<bool>,
    /// Not known until somebody asks.
    seekable: Cell<Option<bool>>,
    closefd: Cell<bool>,
    block_size: Cell<usize>,
    /// Size and whether a character device, as the file was when it was opened.
    opened_size: Cell<i64>,
    opened_tty: Cell<bool>,
    finalizing: Cell<bool>,
}

impl Default for FileIo {
    fn default() -> FileIo {
        FileIo {
            base: RawIoBase::default(),
            fd: Cell::new(-1),
            created: Cell::new(false),
            readable: Cell::new(false),
            writable: Cell::new(false),
            appending: Cell::new(false),
            seekable: Cell::new(None),
            closefd: Cell::new(true),
            block_size: Cell::new(super::DEFAULT_BUFFER_SIZE),
            opened_size: Cell::new(-1),
            opened_tty: Cell::new(false),
            finalizing: Cell::new(false),
        }
    }
}

/// `os.fspath`. Raises TypeError.
pub fn fspath(vm: &Vm, value: &Value) -> PyResult {
    if str_::of(value).is_some() || value.downcast::<Bytes>().is_some() {
        return Ok(value.clone());
    }
    let name = vm.type_of(value).full_name();
    let wrong = || {
        vm.type_error(format!(
            "expected str, bytes or os.PathLike object, not {name}"
        ))
    };
    let class = vm.type_of(value).to_ref();
    let method = class.lookup(vm, &vm.intern("__fspath__"));
    if method.is_none_or(|method| method.is_none()) {
        return Err(wrong());
    }
    let path = vm.call_method_str(value, "__fspath__", &[])?;
    if str_::of(&path).is_some() || path.downcast::<Bytes>().is_some() {
        return Ok(path);
    }
    Err(vm.type_error(format!(
        "expected {name}.__fspath__() to return str or bytes, not {}",
        vm.type_of(&path).full_name()
    )))
}

/// A path's bytes for the system. Raises ValueError for null characters, UnicodeEncodeError.
pub fn path_bytes(vm: &Vm, path: &Value) -> PyResult<CString> {
    let bytes = match (str_::of(path), path.downcast::<Bytes>()) {
        (Some(text), _) => str_::codecs::encode(
            vm,
            text,
            &vm.intern("utf-8"),
            Some(&vm.intern("surrogateescape")),
        )?,
        (_, Some(bytes)) => bytes.as_bytes().to_vec(),
        _ => return Err(vm.type_error("path should be str or bytes")),
    };
    CString::new(bytes).map_err(|_| vm.value_error("embedded null byte"))
}

/// OSError with a file name.
#[cold]
pub fn os_error_at(vm: &Vm, errno: i32, path: &Value) -> Raised {
    os_error(vm, errno);
    if let Some(exception) = vm.pending_exception()
        && attributes::set(vm, exception.as_value(), &vm.intern("filename"), Some(path)).is_err()
    {
        vm.raise_value(exception);
    }
    Raised
}

fn last_errno() -> i32 {
    io::Error::last_os_error()
        .raw_os_error()
        .unwrap_or(libc::EIO)
}

/// Repeats a system call that a signal interrupted. Gives the call's result or errno. Raises what handlers raise.
pub fn retry(vm: &Vm, call: impl Fn() -> isize) -> PyResult<Result<usize, i32>> {
    loop {
        let result = vm.without_gil(|| {
            let n = call();
            if n < 0 {
                Err(last_errno())
            } else {
                Ok(n as usize)
            }
        });
        match result {
            Err(libc::EINTR) => vm.check_signals()?,
            result => return Ok(result),
        }
    }
}

fn set_inheritable(fd: i32, inheritable: bool) -> Result<(), i32> {
    // SAFETY: plain calls about a descriptor.
    unsafe {
        let flags = libc::fcntl(fd, libc::F_GETFD);
        let new = if inheritable {
            flags & !libc::FD_CLOEXEC
        } else {
            flags | libc::FD_CLOEXEC
        };
        if flags < 0 || (new != flags && libc::fcntl(fd, libc::F_SETFD, new) < 0) {
            return Err(last_errno());
        }
    }
    Ok(())
}

impl FileIo {
    /// Opens a file or takes over a descriptor. `mode` has no `t` or `b`.
    pub fn open(
        vm: &Vm,
        cls: &Ref<Type>,
        file: &Value,
        mode: &str,
        closefd: bool,
        opener: &Value,
    ) -> PyResult<Ref<FileIo>> {
        let new = vm.new_object_of(cls, FileIo::default())?;
        FileIo::init_file(&new, vm, file, mode, closefd, opener)?;
        Ok(new)
    }

    fn init_file(
        zelf: &Ref<Self>,
        vm: &Vm,
        file: &Value,
        mode: &str,
        closefd: bool,
        opener: &Value,
    ) -> PyResult<()> {
        if zelf.fd.get() >= 0 && zelf.closefd.get() {
            zelf.close_fd(vm)?;
        }
        zelf.fd.set(-1);
        let mut given = -1;
        if file.is(&Value::TRUE) || file.is(&Value::FALSE) {
            vm.warn(
                &vm.types.runtime_warning,
                "bool is used as a file descriptor",
                1,
            )?;
        }
        if naja_vm::protocols::number::is_int(vm, file) {
            given = match number::index_i64(vm, file)?.map(i32::try_from) {
                Some(Ok(fd)) if fd >= 0 => fd,
                Some(Ok(_)) => return Err(vm.value_error("negative file descriptor")),
                _ => return Err(vm.overflow_error("Python int too large to convert to C int")),
            };
        }
        let flags = zelf.read_mode(vm, mode)?;
        zelf.closefd.set(closefd);
        zelf.seekable.set(None);
        let shown_mode = vm.new_str(mode)?.into_value();
        if given >= 0 {
            // The file is open already: hooks hear of it, but there is nothing to refuse.
            let event = [file.clone(), shown_mode, vm.new_int(i64::from(flags))?];
            vm.audit("open", &event)?;
            zelf.fd.set(given);
        } else {
            vm.permit(Access::Open(file, &shown_mode, flags as i64))?;
            if !closefd {
                return Err(vm.value_error("Cannot use closefd=False with file name"));
            }
            zelf.fd.set(zelf.open_path(vm, file, flags, opener)?);
        }
        if let Err(raised) = zelf.look_at(vm, file) {
            // What was given stays open; what was opened here is closed again.
            if given < 0 {
                // SAFETY: the descriptor is ours.
                unsafe { libc::close(zelf.fd.get()) };
            }
            zelf.fd.set(-1);
            return Err(raised);
        }
        if let Err(raised) = attributes::set(vm, zelf.as_value(), &vm.intern("name"), Some(file)) {
            if given < 0 {
                // SAFETY: the descriptor is ours.
                unsafe { libc::close(zelf.fd.get()) };
            }
            zelf.fd.set(-1);
            return Err(raised);
        }
        if zelf.appending.get() {
            // SAFETY: a plain call; a pipe cannot seek, which does not matter.
            unsafe { libc::lseek(zelf.fd.get(), 0, libc::SEEK_END) };
        }
        Ok(())
    }

    fn read_mode(&self, vm: &Vm, mode: &str) -> PyResult<i32> {
        let invalid = || Err(vm.value_error(format!("invalid mode: {mode}")));
        let (mut action, mut plus) = (None, false);
        for c in mode.chars() {
            match c {
                'x' | 'r' | 'w' | 'a' if action.is_some() => {
                    return Err(vm.value_error(
                        "Must have exactly one of create/read/write/append mode and at most one plus",
                    ));
                }
                'x' | 'r' | 'w' | 'a' => action = Some(c),
                'b' => {}
                '+' if plus => {
                    return Err(vm.value_error(
                        "Must have exactly one of create/read/write/append mode and at most one plus",
                    ));
                }
                '+' => plus = true,
                _ => return invalid(),
            }
        }
        let Some(action) = action else {
            return Err(vm.value_error(
                "Must have exactly one of create/read/write/append mode and at most one plus",
            ));
        };
        self.created.set(action == 'x');
        self.appending.set(action == 'a');
        self.readable.set(action == 'r' || plus);
        self.writable.set(action != 'r' || plus);
        let access = match (self.readable.get(), self.writable.get()) {
            (true, true) => libc::O_RDWR,
            (true, false) => libc::O_RDONLY,
            _ => libc::O_WRONLY,
        };
        Ok(access
            | libc::O_CLOEXEC
            | match action {
                'x' => libc::O_EXCL | libc::O_CREAT,
                'w' => libc::O_CREAT | libc::O_TRUNC,
                'a' => libc::O_APPEND | libc::O_CREAT,
                _ => 0,
            })
    }

    fn open_path(&self, vm: &Vm, file: &Value, flags: i32, opener: &Value) -> PyResult<i32> {
        let path = path_bytes(vm, file)?;
        if opener.is_none() {
            // SAFETY: the path is a C string that lives through the call.
            let result = retry(vm, || unsafe {
                libc::open(path.as_ptr(), flags, 0o666) as isize
            })?;
            return result
                .map(|fd| fd as i32)
                .map_err(|errno| os_error_at(vm, errno, file));
        }
        let fd = vm.call(opener, &[file.clone(), vm.new_int(flags as i64)?])?;
        if !number::is_int(vm, &fd) {
            return Err(vm.type_error("expected integer from opener"));
        }
        let fd = match number::index_i64(vm, &fd)?.map(i32::try_from) {
            Some(Ok(fd)) => fd,
            _ => return Err(vm.overflow_error("Python int too large to convert to C int")),
        };
        if fd < 0 {
            return Err(vm.value_error(format!("opener returned {fd}")));
        }
        set_inheritable(fd, false).map_err(|errno| os_error(vm, errno))?;
        Ok(fd)
    }

    /// Folders cannot be opened; of other files the preferred block size is noted.
    fn look_at(&self, vm: &Vm, file: &Value) -> PyResult<()> {
        let mut status = MaybeUninit::<libc::stat>::uninit();
        // SAFETY: the buffer is for one status.
        if unsafe { libc::fstat(self.fd.get(), status.as_mut_ptr()) } < 0 {
            return match last_errno() {
                libc::EBADF => Err(os_error_at(vm, libc::EBADF, file)),
                _ => Ok(()),
            };
        }
        // SAFETY: the call has succeeded.
        let status = unsafe { status.assume_init() };
        if status.st_mode & libc::S_IFMT == libc::S_IFDIR {
            return Err(os_error_at(vm, libc::EISDIR, file));
        }
        self.opened_tty
            .set(status.st_mode & libc::S_IFMT == libc::S_IFCHR);
        if status.st_blksize > 1 {
            self.block_size.set(status.st_blksize as usize);
        }
        if status.st_mode & libc::S_IFMT == libc::S_IFREG {
            self.opened_size.set(status.st_size);
        }
        Ok(())
    }

    /// Whether the file was a terminal when it was opened.
    pub fn is_tty_when_opened(&self) -> bool {
        // SAFETY: a query.
        self.opened_tty.get() && unsafe { libc::isatty(self.fd.get()) } == 1
    }

    /// The size of a buffer over this file.
    pub fn buffer_size(&self) -> usize {
        self.block_size
            .get()
            .clamp(super::DEFAULT_BUFFER_SIZE, 8 << 20)
    }

    pub fn is_readable(&self) -> bool {
        self.readable.get()
    }

    pub fn is_writable(&self) -> bool {
        self.writable.get()
    }

    pub fn is_open(&self) -> bool {
        self.fd.get() >= 0
    }

    fn descriptor(&self, vm: &Vm) -> PyResult<i32> {
        match self.fd.get() {
            fd if fd < 0 => Err(vm.value_error("I/O operation on closed file")),
            fd => Ok(fd),
        }
    }

    fn close_fd(&self, vm: &Vm) -> PyResult<()> {
        let fd = self.fd.replace(-1);
        if fd < 0 {
            return Ok(());
        }
        // SAFETY: the descriptor is ours and is not used again.
        let result = vm.without_gil(|| {
            if unsafe { libc::close(fd) } < 0 {
                Err(last_errno())
            } else {
                Ok(())
            }
        });
        result.map_err(|errno| os_error(vm, errno))
    }

    /// Reads at most `count` bytes; None where the file is not ready (non-blocking).
    pub fn read_bytes(&self, vm: &Vm, count: usize) -> PyResult<Option<Vec<u8>>> {
        let fd = self.descriptor(vm)?;
        if !self.readable.get() {
            return Err(unsupported(vm, "File not open for reading"));
        }
        let count = count.min(MOST);
        let mut data: Vec<u8> = Vec::new();
        if data.try_reserve_exact(count).is_err() {
            return Err(vm.memory_error(""));
        }
        let start = data.as_mut_ptr() as usize;
        // SAFETY: the vector has room for `count` bytes and is not touched meanwhile.
        match retry(vm, || unsafe {
            libc::read(fd, start as *mut libc::c_void, count)
        })? {
            Ok(n) => {
                // SAFETY: the system has written so many bytes.
                unsafe { data.set_len(n) };
                Ok(Some(data))
            }
            Err(libc::EAGAIN) => Ok(None),
            Err(errno) => Err(os_error(vm, errno)),
        }
    }

    /// Reads to the end; None where nothing is ready.
    pub fn read_to_end(&self, vm: &Vm) -> PyResult<Option<Vec<u8>>> {
        let fd = self.descriptor(vm)?;
        if !self.readable.get() {
            return Err(unsupported(vm, "File not open for reading"));
        }
        // SAFETY: a plain call.
        let position = unsafe { libc::lseek(fd, 0, libc::SEEK_CUR) };
        let expected = (self.opened_size.get() - position.max(0)).max(0) as usize + 1;
        let mut all = Vec::new();
        let mut step = if position >= 0 && expected > 1 {
            expected
        } else {
            super::DEFAULT_BUFFER_SIZE
        };
        loop {
            match self.read_bytes(vm, step)? {
                Some(data) if data.is_empty() => return Ok(Some(all)),
                Some(data) if all.is_empty() => all = data,
                Some(data) => all.extend_from_slice(&data),
                None if all.is_empty() => return Ok(None),
                None => return Ok(Some(all)),
            }
            step = all.len().clamp(256, 8 << 20).max(if step > all.len() {
                step - all.len()
            } else {
                1
            });
            vm.check_signals()?;
        }
    }

    /// Writes once; None where the file is not ready.
    pub fn write_bytes(&self, vm: &Vm, data: &[u8]) -> PyResult<Option<usize>> {
        let fd = self.descriptor(vm)?;
        if !self.writable.get() {
            return Err(unsupported(vm, "File not open for writing"));
        }
        let count = data.len().min(MOST);
        let start = data.as_ptr() as usize;
        // SAFETY: the slice lives through the call.
        match retry(vm, || unsafe {
            libc::write(fd, start as *const libc::c_void, count)
        })? {
            Ok(n) => Ok(Some(n)),
            Err(libc::EAGAIN) => Ok(None),
            Err(errno) => Err(os_error(vm, errno)),
        }
    }

    /// Moves the position; gives the new one.
    pub fn seek_to(&self, vm: &Vm, offset: i64, whence: i32) -> PyResult<i64> {
        let fd = self.descriptor(vm)?;
        let result = vm.without_gil(|| {
            // SAFETY: a plain call.
            let at = unsafe { libc::lseek(fd, offset, whence) };
            if at < 0 { Err(last_errno()) } else { Ok(at) }
        });
        self.seekable
            .set(Some(self.seekable.get().unwrap_or(result.is_ok())));
        result.map_err(|errno| os_error(vm, errno))
    }

    fn mode_text(&self) -> &'static str {
        match (
            self.created.get(),
            self.appending.get(),
            self.readable.get(),
            self.writable.get(),
        ) {
            (true, _, true, _) => "xb+",
            (true, ..) => "xb",
            (_, true, true, _) => "ab+",
            (_, true, ..) => "ab",
            (_, _, true, true) => "rb+",
            (_, _, true, false) => "rb",
            _ => "wb",
        }
    }

    /// The warning about `source`: this file or what stands above it.
    fn warn_unclosed(zelf: &Ref<Self>, vm: &Vm, source: &Value) {
        if zelf.fd.get() < 0 || !zelf.closefd.get() {
            return;
        }
        let shown = object::repr(vm, source).map(|r| r.to_string_lossy().into_owned());
        let warned = shown.and_then(|shown| {
            vm.warn(
                &vm.types.resource_warning,
                format!("unclosed file {shown}"),
                1,
            )
        });
        if warned.is_err() {
            let warning = vm.exception_matches(&vm.types.warning);
            let exception = vm.take_exception();
            if warning {
                naja_vm::builtins::sys::unraisable(vm, exception, Some(zelf.as_value()), None);
            }
        }
    }
}

#[pymethods]
impl FileIo {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: naja_vm::Args) -> PyResult {
        Ok(vm.new_object_of(cls, FileIo::default())?.into_value())
    }

    #[pyslot(sig = "(file, mode='r', closefd=True, opener=None)")]
    fn init(
        zelf: &Ref<Self>,
        vm: &Vm,
        file: &Value,
        mode: Option<&str>,
        closefd: Option<bool>,
        opener: Option<Value>,
    ) -> PyResult<()> {
        let file = if number::is_int(vm, file) {
            file.clone()
        } else {
            fspath(vm, file)?
        };
        let opener = opener.unwrap_or(Value::NONE);
        FileIo::init_file(
            zelf,
            vm,
            &file,
            mode.unwrap_or("r"),
            closefd.unwrap_or(true),
            &opener,
        )
    }

    #[pyslot]
    fn finalize(zelf: &Ref<Self>, vm: &Vm) {
        let pending = vm.has_exception().then(|| vm.take_exception());
        FileIo::warn_unclosed(zelf, vm, zelf.as_value());
        if let Some(pending) = pending {
            vm.raise_value(pending);
        }
        super::base::finalize(vm, zelf.as_value())
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let class = vm.type_of(zelf.as_value()).full_name();
        if zelf.fd.get() < 0 {
            return Ok(vm.new_str(format!("<{class} [closed]>"))?.into_value());
        }
        let closefd = if zelf.closefd.get() { "True" } else { "False" };
        let mode = zelf.mode_text();
        let text = match attributes::get_optional(vm, zelf.as_value(), &vm.intern("name"))? {
            None => format!(
                "<{class} fd={} mode='{mode}' closefd={closefd}>",
                zelf.fd.get()
            ),
            Some(name) => {
                if object::repr_enter(vm, zelf.as_value()) {
                    return Err(vm.runtime_error(format!("reentrant call inside {class}.__repr__")));
                }
                let shown = object::repr(vm, &name);
                object::repr_leave(vm, zelf.as_value());
                format!(
                    "<{class} name={} mode='{mode}' closefd={closefd}>",
                    shown?.to_string_lossy()
                )
            }
        };
        Ok(vm.new_str(text)?.into_value())
    }

    /// Close the file.
    ///
    /// A closed file cannot be used for further I/O operations.  close() may be
    /// called more than once without error.
    #[pymethod(sig = "($self, /)")]
    fn close(zelf: &Ref<Self>, vm: &Vm) -> PyResult<()> {
        if zelf.fd.get() < 0
            && attributes::get_optional(vm, zelf.as_value(), &vm.intern("__IOBase_closed"))?
                .is_some()
        {
            return Ok(());
        }
        let base = vm.class::<RawIoBase>();
        let close = attributes::get_by(vm, base.as_value(), "close")?;
        let closed = vm.call(&close, &[zelf.to_value()]).map(drop);
        if !zelf.closefd.get() {
            zelf.fd.set(-1);
            return closed;
        }
        super::chain(vm, closed, || zelf.close_fd(vm))
    }

    #[pymethod(sig = "($self, source, /)")]
    fn _dealloc_warn(zelf: &Ref<Self>, vm: &Vm, source: &Value) {
        FileIo::warn_unclosed(zelf, vm, source)
    }

    /// True if the file is closed
    #[pygetter]
    fn closed(&self) -> bool {
        self.fd.get() < 0
    }

    /// True if the file descriptor will be closed by close().
    #[pygetter]
    fn closefd(&self) -> bool {
        self.closefd.get()
    }

    /// String giving the file mode
    #[pygetter]
    fn mode(&self) -> &'static str {
        self.mode_text()
    }

    #[pygetter]
    fn _finalizing(&self) -> bool {
        self.finalizing.get()
    }

    #[pysetter(name = "_finalizing")]
    fn set_finalizing(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        match value {
            Some(value) if value.is(&Value::TRUE) || value.is(&Value::FALSE) => {
                self.finalizing.set(value.is(&Value::TRUE));
                Ok(())
            }
            Some(_) => Err(vm.type_error("attribute value type must be bool")),
            None => Err(vm.type_error("can't delete numeric/char attribute")),
        }
    }

    #[pygetter]
    fn _blksize(&self) -> usize {
        self.block_size.get()
    }

    /// True if file supports random-access.
    #[pymethod(sig = "($self, /)")]
    fn seekable(&self, vm: &Vm) -> PyResult<bool> {
        self.descriptor(vm)?;
        if let Some(known) = self.seekable.get() {
            return Ok(known);
        }
        // SAFETY: a plain call.
        let able = unsafe { libc::lseek(self.fd.get(), 0, libc::SEEK_CUR) } >= 0;
        self.seekable.set(Some(able));
        Ok(able)
    }

    /// True if file was opened in a read mode.
    #[pymethod(sig = "($self, /)")]
    fn readable(&self, vm: &Vm) -> PyResult<bool> {
        self.descriptor(vm)?;
        Ok(self.readable.get())
    }

    /// True if file was opened in a write mode.
    #[pymethod(sig = "($self, /)")]
    fn writable(&self, vm: &Vm) -> PyResult<bool> {
        self.descriptor(vm)?;
        Ok(self.writable.get())
    }

    /// Return the underlying file descriptor (an integer).
    #[pymethod(sig = "($self, /)")]
    fn fileno(&self, vm: &Vm) -> PyResult<i32> {
        self.descriptor(vm)
    }

    /// True if the file is connected to a TTY device.
    #[pymethod(sig = "($self, /)")]
    fn isatty(&self, vm: &Vm) -> PyResult<bool> {
        let fd = self.descriptor(vm)?;
        // SAFETY: a query.
        Ok(unsafe { libc::isatty(fd) } == 1)
    }

    #[pymethod(sig = "($self, /)")]
    fn _isatty_open_only(&self) -> bool {
        self.is_tty_when_opened()
    }

    /// Same as RawIOBase.readinto().
    #[pymethod(sig = "($self, buffer, /)")]
    fn readinto(&self, vm: &Vm, buffer: WritableBuffer) -> PyResult<Option<usize>> {
        match self.read_bytes(vm, buffer.len())? {
            Some(data) => {
                buffer.with_mut(|b| b[..data.len()].copy_from_slice(&data));
                Ok(Some(data.len()))
            }
            None => Ok(None),
        }
    }

    /// Read all data from the file, returned as bytes.
    ///
    /// Reads until either there is an error or read() returns size 0
    /// (indicating EOF). If the file is already at EOF, returns an
    /// empty bytes object.
    ///
    /// In non-blocking mode, returns as much data as could be read
    /// before EAGAIN. If no data is available (EAGAIN is returned
    /// before bytes are read) returns None.
    #[pymethod(sig = "($self, /)")]
    fn readall(&self, vm: &Vm) -> PyResult {
        match self.read_to_end(vm)? {
            Some(data) => Ok(vm.new_bytes_of(data)?.into_value()),
            None => Ok(Value::NONE),
        }
    }

    /// Read at most size bytes, returned as bytes.
    ///
    /// If size is less than 0, read all bytes in the file making
    /// multiple read calls. See ``FileIO.readall``.
    #[pymethod(sig = "($self, size=-1, /)")]
    fn read(&self, vm: &Vm, size: Option<&Value>) -> PyResult {
        let data = match super::size(vm, size)? {
            None => self.read_to_end(vm)?,
            Some(count) => self.read_bytes(vm, count)?,
        };
        match data {
            Some(data) => Ok(vm.new_bytes_of(data)?.into_value()),
            None => Ok(Value::NONE),
        }
    }

    /// Write buffer b to file, return number of bytes written.
    ///
    /// Only makes one system call, so not all of the data may be written.
    /// The number of bytes actually written is returned.  In non-blocking mode,
    /// returns None if the write would block.
    #[pymethod(sig = "($self, b, /)")]
    fn write(&self, vm: &Vm, b: Buffer) -> PyResult<Option<usize>> {
        if let Some(bytes) = b.object.downcast::<Bytes>() {
            return self.write_bytes(vm, bytes.as_bytes());
        }
        self.write_bytes(vm, &b.to_vec())
    }

    /// Move to new file position and return the file position.
    ///
    /// Argument offset is a byte count.  Optional argument whence defaults to
    /// SEEK_SET or 0 (offset from start of file, offset should be >= 0); other values
    /// are SEEK_CUR or 1 (move relative to current position, positive or negative),
    /// and SEEK_END or 2 (move relative to end of file, usually negative, although
    /// many platforms allow seeking beyond the end of a file).
    ///
    /// Note that not all file objects are seekable.
    #[pymethod(sig = "($self, pos, whence=os.SEEK_SET, /)")]
    fn seek(&self, vm: &Vm, pos: &Value, whence: Option<i32>) -> PyResult<i64> {
        if naja_vm::float::value_of(pos).is_some() {
            return Err(vm.type_error("an integer is required"));
        }
        let Some(pos) = number::index_i64(vm, pos)? else {
            return Err(vm.overflow_error("Python int too large to convert to C long"));
        };
        self.seek_to(vm, pos, whence.unwrap_or(0))
    }

    /// Current file position.
    ///
    /// Can raise OSError for non seekable files.
    #[pymethod(sig = "($self, /)")]
    fn tell(&self, vm: &Vm) -> PyResult<i64> {
        self.seek_to(vm, 0, libc::SEEK_CUR)
    }

    /// Truncate the file to at most size bytes and return the truncated size.
    ///
    /// Size defaults to the current file position, as returned by tell().
    /// The current file position is changed to the value of size.
    #[pymethod(sig = "($self, size=None, /)")]
    fn truncate(&self, vm: &Vm, size: Option<&Value>) -> PyResult {
        let fd = self.descriptor(vm)?;
        if !self.writable.get() {
            return Err(unsupported(vm, "File not open for writing"));
        }
        let size = match size.filter(|s| !s.is_none()) {
            Some(size) => size.clone(),
            None => vm.new_int(self.seek_to(vm, 0, libc::SEEK_CUR)?)?,
        };
        let Some(length) = number::index_i64(vm, &size)? else {
            return Err(vm.overflow_error("Python int too large to convert to C long"));
        };
        // SAFETY: a plain call.
        match retry(vm, || unsafe { libc::ftruncate(fd, length) as isize })? {
            Ok(_) => Ok(size),
            Err(errno) => Err(os_error(vm, errno)),
        }
    }

    #[pymethod(sig = "($self, /)")]
    fn __getstate__(zelf: &Value, vm: &Vm) -> PyResult {
        Err(vm.type_error(format!("cannot pickle '{}' instances", vm.type_name(zelf))))
    }
}
