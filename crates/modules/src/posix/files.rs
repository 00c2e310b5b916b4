//! Open files: opening, reading, writing, descriptors' properties, pipes.

use super::paths::{DirFd, Fd, PathArg, to_python};
use super::{blocking, check, errno, failed};
use crate::io::fileio::os_error_at;
use naja_heap::Value;
use naja_vm::buffer::{Buffer, WritableBuffer};
use naja_vm::protocols::{number, sequence};
use naja_vm::runtime::Access;
use naja_vm::{PyResult, Vm};
use std::ffi::CStr;

/// The greatest count of one read or write.
const MOST: usize = 0x7fff_f000;

fn inheritable(vm: &Vm, fd: i32, on: bool) -> PyResult<()> {
    // SAFETY: plain calls about a descriptor.
    unsafe {
        let flags = libc::fcntl(fd, libc::F_GETFD);
        let new = if on {
            flags & !libc::FD_CLOEXEC
        } else {
            flags | libc::FD_CLOEXEC
        };
        if flags < 0 || libc::fcntl(fd, libc::F_SETFD, new) < 0 {
            return Err(failed(vm));
        }
    }
    Ok(())
}

/// A buffer for a read of `length` bytes. Raises MemoryError.
fn room(vm: &Vm, length: usize) -> PyResult<Vec<u8>> {
    let mut data = Vec::new();
    if data.try_reserve_exact(length).is_err() {
        return Err(vm.memory_error(""));
    }
    data.resize(length, 0);
    Ok(data)
}

fn read_at(vm: &Vm, fd: i32, length: i64, offset: Option<i64>) -> PyResult {
    let Ok(length) = usize::try_from(length) else {
        return Err(naja_vm::builtins::print::os_error(vm, libc::EINVAL));
    };
    let mut data = room(vm, length.min(MOST))?;
    let (start, len) = (data.as_mut_ptr() as usize, data.len());
    // SAFETY: the buffer has `len` bytes and is not touched meanwhile.
    let n = blocking(vm, || unsafe {
        match offset {
            Some(offset) => libc::pread(fd, start as *mut libc::c_void, len, offset) as i64,
            None => libc::read(fd, start as *mut libc::c_void, len) as i64,
        }
    })?;
    data.truncate(n as usize);
    Ok(vm.new_bytes_of(data)?.into_value())
}

fn write_at(vm: &Vm, fd: i32, data: &Buffer, offset: Option<i64>) -> PyResult<i64> {
    // `bytes` do not change: no copy is needed while other threads run.
    let copy;
    let bytes = match data.object.downcast::<naja_vm::bytes::Bytes>() {
        Some(bytes) => bytes.as_bytes(),
        None => {
            copy = data.to_vec();
            &copy
        }
    };
    let (start, len) = (bytes.as_ptr() as usize, bytes.len().min(MOST));
    // SAFETY: the bytes live through the call and do not change.
    blocking(vm, || unsafe {
        match offset {
            Some(offset) => libc::pwrite(fd, start as *const libc::c_void, len, offset) as i64,
            None => libc::write(fd, start as *const libc::c_void, len) as i64,
        }
    })
}

/// Reads into several buffers, or writes from them.
fn vectored(
    vm: &Vm,
    fd: i32,
    buffers: &Value,
    offset: Option<(i64, i32)>,
    read: bool,
) -> PyResult<i64> {
    let what = if read {
        "readv() arg 2 must be a sequence"
    } else {
        "writev() arg 2 must be a sequence"
    };
    let items = sequence::collect_or(vm, buffers, what)?;
    let mut views = Vec::new();
    for item in &items {
        views.push(if read {
            Buffer::writable(vm, item)?
        } else {
            Buffer::of(vm, item)?
        });
    }
    let mut copies: Vec<Vec<u8>> = views
        .iter()
        .map(|v| if read { vec![0; v.len()] } else { v.to_vec() })
        .collect();
    let vectors: Vec<(usize, usize)> = copies
        .iter_mut()
        .map(|c| (c.as_mut_ptr() as usize, c.len()))
        .collect();
    let n = blocking(vm, || {
        let vectors: Vec<libc::iovec> = vectors
            .iter()
            .map(|&(start, len)| libc::iovec {
                iov_base: start as *mut libc::c_void,
                iov_len: len,
            })
            .collect();
        let count = vectors.len() as i32;
        // SAFETY: each vector is a live buffer of its length.
        unsafe {
            (match (offset, read) {
                (None, true) => libc::readv(fd, vectors.as_ptr(), count),
                (None, false) => libc::writev(fd, vectors.as_ptr(), count),
                (Some((at, flags)), true) => libc::preadv2(fd, vectors.as_ptr(), count, at, flags),
                (Some((at, flags)), false) => {
                    libc::pwritev2(fd, vectors.as_ptr(), count, at, flags)
                }
            }) as i64
        }
    })?;
    if read {
        let mut left = n as usize;
        for (view, copy) in views.iter().zip(&copies) {
            let part = left.min(copy.len());
            view.with_mut(|b| b[..part].copy_from_slice(&copy[..part]));
            left -= part;
        }
    }
    Ok(n)
}

fn two(vm: &Vm, a: i64, b: i64) -> PyResult {
    Ok(vm
        .new_tuple(vec![vm.new_int(a)?, vm.new_int(b)?])?
        .into_value())
}

#[naja_macros::pymodule(name = "posix")]
pub mod module {
    use super::*;

    /// Open a file for low level IO.  Returns a file descriptor (integer).
    ///
    /// If dir_fd is not None, it should be a file descriptor open to a directory,
    ///   and path should be relative; path will then be relative to that directory.
    #[pyfunction(sig = "($module, /, path, flags, mode=511, *, dir_fd=None)")]
    fn open(
        vm: &Vm,
        path: PathArg,
        flags: i32,
        mode: Option<u32>,
        dir_fd: Option<DirFd>,
    ) -> PyResult<i64> {
        let flags = flags | libc::O_CLOEXEC;
        vm.permit(Access::Open(&path.value, &Value::NONE, i64::from(flags)))?;
        let dir = dir_fd.map_or(libc::AT_FDCWD, |d| d.0);
        let mode = mode.unwrap_or(0o777);
        // SAFETY: the path is a C string.
        let result = crate::io::fileio::retry(vm, || unsafe {
            libc::openat(dir, path.text().as_ptr(), flags, mode) as isize
        })?;
        result
            .map(|fd| fd as i64)
            .map_err(|errno| os_error_at(vm, errno, &path.value))
    }

    /// Close a file descriptor.
    #[pyfunction(sig = "($module, /, fd)")]
    fn close(vm: &Vm, fd: i32) -> PyResult<()> {
        // SAFETY: a plain call; what the descriptor belongs to is the program's business.
        let result = vm.without_gil(|| {
            if unsafe { libc::close(fd) } < 0 {
                errno()
            } else {
                0
            }
        });
        match result {
            0 | libc::EINTR => Ok(()),
            error => Err(naja_vm::builtins::print::os_error(vm, error)),
        }
    }

    /// Closes all file descriptors in [fd_low, fd_high), ignoring errors.
    #[pyfunction(sig = "($module, fd_low, fd_high, /)")]
    fn closerange(vm: &Vm, fd_low: i32, fd_high: i32) {
        vm.without_gil(|| {
            for fd in fd_low.max(0)..fd_high {
                // SAFETY: a plain call; errors do not matter.
                unsafe { libc::close(fd) };
            }
        })
    }

    /// Read from a file descriptor.  Returns a bytes object.
    #[pyfunction(sig = "($module, fd, length, /)")]
    fn read(vm: &Vm, fd: i32, length: i64) -> PyResult {
        read_at(vm, fd, length, None)
    }

    /// Read into a buffer object from a file descriptor.
    ///
    /// The buffer should be mutable and bytes-like. On success, returns the number of
    /// bytes read. Less bytes may be read than the size of the buffer. The underlying
    /// system call will be retried when interrupted by a signal, unless the signal
    /// handler raises an exception. Other errors will not be retried and an error will
    /// be raised.
    #[pyfunction(sig = "($module, fd, buffer, /)")]
    fn readinto(vm: &Vm, fd: i32, buffer: WritableBuffer) -> PyResult<usize> {
        let data = read_at(vm, fd, buffer.len() as i64, None)?;
        let data = Buffer::of(vm, &data)?.to_vec();
        buffer.with_mut(|b| b[..data.len()].copy_from_slice(&data));
        Ok(data.len())
    }

    /// Read a number of bytes from a file descriptor starting at a particular offset.
    #[pyfunction(sig = "($module, fd, length, offset, /)")]
    fn pread(vm: &Vm, fd: i32, length: i64, offset: i64) -> PyResult {
        read_at(vm, fd, length, Some(offset))
    }

    /// Write a bytes object to a file descriptor.
    #[pyfunction(sig = "($module, fd, data, /)")]
    fn write(vm: &Vm, fd: i32, data: Buffer) -> PyResult<i64> {
        write_at(vm, fd, &data, None)
    }

    /// Write bytes to a file descriptor starting at a particular offset.
    #[pyfunction(sig = "($module, fd, buffer, offset, /)")]
    fn pwrite(vm: &Vm, fd: i32, buffer: Buffer, offset: i64) -> PyResult<i64> {
        write_at(vm, fd, &buffer, Some(offset))
    }

    /// Read from a file descriptor fd into an iterable of buffers.
    #[pyfunction(sig = "($module, fd, buffers, /)")]
    fn readv(vm: &Vm, fd: i32, buffers: &Value) -> PyResult<i64> {
        vectored(vm, fd, buffers, None, true)
    }

    /// Iterate over buffers, and write the contents of each to a file descriptor.
    #[pyfunction(sig = "($module, fd, buffers, /)")]
    fn writev(vm: &Vm, fd: i32, buffers: &Value) -> PyResult<i64> {
        vectored(vm, fd, buffers, None, false)
    }

    /// Reads from a file descriptor into a number of mutable bytes-like objects.
    #[pyfunction(sig = "($module, fd, buffers, offset, flags=0, /)")]
    fn preadv(vm: &Vm, fd: i32, buffers: &Value, offset: i64, flags: Option<i32>) -> PyResult<i64> {
        vectored(vm, fd, buffers, Some((offset, flags.unwrap_or(0))), true)
    }

    /// Writes the contents of bytes-like objects to a file descriptor at a given offset.
    #[pyfunction(sig = "($module, fd, buffers, offset, flags=0, /)")]
    fn pwritev(
        vm: &Vm,
        fd: i32,
        buffers: &Value,
        offset: i64,
        flags: Option<i32>,
    ) -> PyResult<i64> {
        vectored(vm, fd, buffers, Some((offset, flags.unwrap_or(0))), false)
    }

    /// Set the position of a file descriptor.  Return the new position.
    #[pyfunction(sig = "($module, fd, position, whence, /)")]
    fn lseek(vm: &Vm, fd: i32, position: i64, whence: i32) -> PyResult<i64> {
        // SAFETY: a plain call.
        let at = vm.without_gil(|| unsafe { libc::lseek(fd, position, whence) });
        check(vm, at)
    }

    /// Truncate a file, specified by file descriptor, to a specific length.
    #[pyfunction(sig = "($module, fd, length, /)")]
    fn ftruncate(vm: &Vm, fd: i32, length: i64) -> PyResult<()> {
        vm.permit(Access::Event(
            "os.truncate",
            &[vm.new_int(i64::from(fd))?, vm.new_int(length)?],
        ))?;
        // SAFETY: a plain call.
        blocking(vm, || i64::from(unsafe { libc::ftruncate(fd, length) })).map(drop)
    }

    /// Force write of fd to disk.
    #[pyfunction(sig = "($module, /, fd)")]
    fn fsync(vm: &Vm, fd: Fd) -> PyResult<()> {
        // SAFETY: a plain call.
        blocking(vm, || i64::from(unsafe { libc::fsync(fd.0) })).map(drop)
    }

    /// Force write of fd to disk without forcing update of metadata.
    #[pyfunction(sig = "($module, /, fd)")]
    fn fdatasync(vm: &Vm, fd: Fd) -> PyResult<()> {
        // SAFETY: a plain call.
        blocking(vm, || i64::from(unsafe { libc::fdatasync(fd.0) })).map(drop)
    }

    /// Return True if the fd is connected to a terminal.
    #[pyfunction(sig = "($module, fd, /)")]
    fn isatty(vm: &Vm, fd: i32) -> bool {
        // SAFETY: a query.
        vm.without_gil(|| unsafe { libc::isatty(fd) }) == 1
    }

    /// Create a pipe.
    ///
    /// Returns a tuple of two file descriptors:
    ///   (read_fd, write_fd)
    #[pyfunction(sig = "($module, /)")]
    fn pipe(vm: &Vm) -> PyResult {
        pipe2(vm, libc::O_CLOEXEC)
    }

    /// Create a pipe with flags set atomically.
    #[pyfunction(sig = "($module, flags, /)")]
    fn pipe2(vm: &Vm, flags: i32) -> PyResult {
        let mut fds = [0i32; 2];
        // SAFETY: the array has room for two descriptors.
        if unsafe { libc::pipe2(fds.as_mut_ptr(), flags) } < 0 {
            return Err(failed(vm));
        }
        two(vm, i64::from(fds[0]), i64::from(fds[1]))
    }

    /// Return a duplicate of a file descriptor.
    #[pyfunction(sig = "($module, fd, /)")]
    fn dup(vm: &Vm, fd: i32) -> PyResult<i64> {
        // SAFETY: a plain call.
        check(
            vm,
            i64::from(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) }),
        )
    }

    /// Duplicate file descriptor.
    #[pyfunction(sig = "($module, /, fd, fd2, inheritable=True)")]
    fn dup2(vm: &Vm, fd: i32, fd2: i32, inheritable: Option<bool>) -> PyResult<i64> {
        if fd < 0 || fd2 < 0 {
            return Err(naja_vm::builtins::print::os_error(vm, libc::EBADF));
        }
        let inherit = inheritable.unwrap_or(true);
        // SAFETY: a plain call.
        blocking(vm, || {
            i64::from(unsafe {
                if inherit || fd == fd2 {
                    libc::dup2(fd, fd2)
                } else {
                    libc::dup3(fd, fd2, libc::O_CLOEXEC)
                }
            })
        })
    }

    /// Get the close-on-exe flag of the specified file descriptor.
    #[pyfunction(sig = "($module, fd, /)")]
    fn get_inheritable(vm: &Vm, fd: i32) -> PyResult<bool> {
        // SAFETY: a query.
        let flags = check(vm, i64::from(unsafe { libc::fcntl(fd, libc::F_GETFD) }))?;
        Ok(flags & i64::from(libc::FD_CLOEXEC) == 0)
    }

    /// Set the inheritable flag of the specified file descriptor.
    #[pyfunction(sig = "($module, fd, inheritable, /)")]
    fn set_inheritable(vm: &Vm, fd: i32, inheritable: i32) -> PyResult<()> {
        super::inheritable(vm, fd, inheritable != 0)
    }

    /// Get the blocking mode of the file descriptor.
    ///
    /// Return False if the O_NONBLOCK flag is set, True if the flag is cleared.
    #[pyfunction(sig = "($module, fd, /)")]
    fn get_blocking(vm: &Vm, fd: i32) -> PyResult<bool> {
        // SAFETY: a query.
        let flags = check(vm, i64::from(unsafe { libc::fcntl(fd, libc::F_GETFL) }))?;
        Ok(flags & i64::from(libc::O_NONBLOCK) == 0)
    }

    /// Set the blocking mode of the specified file descriptor.
    ///
    /// Set the O_NONBLOCK flag if blocking is False,
    /// clear the O_NONBLOCK flag otherwise.
    #[pyfunction(sig = "($module, fd, blocking, /)")]
    fn set_blocking(vm: &Vm, fd: i32, blocking: bool) -> PyResult<()> {
        // SAFETY: plain calls about a descriptor.
        unsafe {
            let flags = libc::fcntl(fd, libc::F_GETFL);
            let new = if blocking {
                flags & !libc::O_NONBLOCK
            } else {
                flags | libc::O_NONBLOCK
            };
            if flags < 0 || libc::fcntl(fd, libc::F_SETFL, new) < 0 {
                return Err(failed(vm));
            }
        }
        Ok(())
    }

    /// Copy count bytes from file descriptor in_fd to file descriptor out_fd.
    #[pyfunction(sig = "($module, /, out_fd, in_fd, offset, count)")]
    fn sendfile(vm: &Vm, out_fd: i32, in_fd: i32, offset: &Value, count: i64) -> PyResult<i64> {
        let offset = if offset.is_none() {
            None
        } else {
            Some(number::index_i64(vm, offset)?.unwrap_or(0))
        };
        // SAFETY: the offset, if any, lives through the call.
        blocking(vm, || unsafe {
            match offset {
                Some(mut at) => libc::sendfile(out_fd, in_fd, &mut at, count as usize) as i64,
                None => libc::sendfile(out_fd, in_fd, std::ptr::null_mut(), count as usize) as i64,
            }
        })
    }

    /// Copy count bytes from one file descriptor to another.
    #[pyfunction(sig = "($module, /, src, dst, count, offset_src=None, offset_dst=None)")]
    fn copy_file_range(
        vm: &Vm,
        src: i32,
        dst: i32,
        count: i64,
        offset_src: Option<&Value>,
        offset_dst: Option<&Value>,
    ) -> PyResult<i64> {
        if count < 0 {
            return Err(vm.value_error("negative value for 'count' not allowed"));
        }
        let offset = |value: Option<&Value>| -> PyResult<Option<i64>> {
            match value.filter(|v| !v.is_none()) {
                Some(value) => number::index_i64(vm, value),
                None => Ok(None),
            }
        };
        let (from, to) = (offset(offset_src)?, offset(offset_dst)?);
        blocking(vm, || {
            let (mut a, mut b) = (from.unwrap_or(0), to.unwrap_or(0));
            let pa = if from.is_some() {
                &raw mut a
            } else {
                std::ptr::null_mut()
            };
            let pb = if to.is_some() {
                &raw mut b
            } else {
                std::ptr::null_mut()
            };
            // SAFETY: the offsets, if any, live through the call.
            unsafe { libc::copy_file_range(src, pa, dst, pb, count as usize, 0) as i64 }
        })
    }

    /// Transfer count bytes from one pipe to a descriptor or vice versa.
    #[pyfunction(sig = "($module, /, src, dst, count, offset_src=None, offset_dst=None, flags=0)")]
    fn splice(
        vm: &Vm,
        src: i32,
        dst: i32,
        count: i64,
        offset_src: Option<&Value>,
        offset_dst: Option<&Value>,
        flags: Option<u32>,
    ) -> PyResult<i64> {
        if count < 0 {
            return Err(vm.value_error("negative value for 'count' not allowed"));
        }
        let offset = |value: Option<&Value>| -> PyResult<Option<i64>> {
            match value.filter(|v| !v.is_none()) {
                Some(value) => number::index_i64(vm, value),
                None => Ok(None),
            }
        };
        let (from, to) = (offset(offset_src)?, offset(offset_dst)?);
        blocking(vm, || {
            let (mut a, mut b) = (from.unwrap_or(0), to.unwrap_or(0));
            let pa = if from.is_some() {
                &raw mut a
            } else {
                std::ptr::null_mut()
            };
            let pb = if to.is_some() {
                &raw mut b
            } else {
                std::ptr::null_mut()
            };
            // SAFETY: the offsets, if any, live through the call.
            unsafe { libc::splice(src, pa, dst, pb, count as usize, flags.unwrap_or(0)) as i64 }
        })
    }

    /// Ensure a file has allocated at least a particular number of bytes on disk.
    #[pyfunction(sig = "($module, fd, offset, length, /)")]
    fn posix_fallocate(vm: &Vm, fd: i32, offset: i64, length: i64) -> PyResult<()> {
        // SAFETY: a plain call.
        match vm.without_gil(|| unsafe { libc::posix_fallocate(fd, offset, length) }) {
            0 => Ok(()),
            error => Err(naja_vm::builtins::print::os_error(vm, error)),
        }
    }

    /// Announce an intention to access data in a specific pattern.
    #[pyfunction(sig = "($module, fd, offset, length, advice, /)")]
    fn posix_fadvise(vm: &Vm, fd: i32, offset: i64, length: i64, advice: i32) -> PyResult<()> {
        // SAFETY: a plain call.
        match vm.without_gil(|| unsafe { libc::posix_fadvise(fd, offset, length, advice) }) {
            0 => Ok(()),
            error => Err(naja_vm::builtins::print::os_error(vm, error)),
        }
    }

    /// Apply, test or remove a POSIX lock on an open file descriptor.
    #[pyfunction(sig = "($module, fd, command, length, /)")]
    fn lockf(vm: &Vm, fd: i32, command: i32, length: i64) -> PyResult<()> {
        vm.permit(Access::Event(
            "os.lockf",
            &[
                vm.new_int(i64::from(fd))?,
                vm.new_int(i64::from(command))?,
                vm.new_int(length)?,
            ],
        ))?;
        // SAFETY: a plain call.
        blocking(vm, || {
            i64::from(unsafe { libc::lockf(fd, command, length) })
        })
        .map(drop)
    }

    #[pyfunction(sig = "($module, /, name, flags=MFD_CLOEXEC)")]
    fn memfd_create(vm: &Vm, name: PathArg, flags: Option<u32>) -> PyResult<i64> {
        // SAFETY: the name is a C string.
        check(
            vm,
            i64::from(unsafe {
                libc::memfd_create(name.text().as_ptr(), flags.unwrap_or(libc::MFD_CLOEXEC))
            }),
        )
    }

    /// Creates and returns an event notification file descriptor.
    #[pyfunction(sig = "($module, /, initval, flags=EFD_CLOEXEC)")]
    fn eventfd(vm: &Vm, initval: u32, flags: Option<i32>) -> PyResult<i64> {
        // SAFETY: a plain call.
        check(
            vm,
            i64::from(unsafe { libc::eventfd(initval, flags.unwrap_or(libc::EFD_CLOEXEC)) }),
        )
    }

    /// Read eventfd value
    #[pyfunction(sig = "($module, /, fd)")]
    fn eventfd_read(vm: &Vm, fd: Fd) -> PyResult {
        let data = read_at(vm, fd.0, 8, None)?;
        let data = Buffer::of(vm, &data)?.to_vec();
        match <[u8; 8]>::try_from(data) {
            Ok(bytes) => vm.new_bigint(u64::from_ne_bytes(bytes).into()),
            Err(_) => Err(naja_vm::builtins::print::os_error(vm, libc::EINVAL)),
        }
    }

    /// Write eventfd value.
    #[pyfunction(sig = "($module, /, fd, value)")]
    fn eventfd_write(vm: &Vm, fd: Fd, value: u64) -> PyResult<()> {
        let bytes = value.to_ne_bytes();
        let start = bytes.as_ptr() as usize;
        // SAFETY: eight bytes that live through the call.
        blocking(vm, || unsafe {
            libc::write(fd.0, start as *const libc::c_void, 8) as i64
        })
        .map(drop)
    }

    /// Extracts a device major number from a raw device number.
    #[pyfunction(sig = "($module, device, /)")]
    fn major(device: u64) -> i64 {
        i64::from(libc::major(device))
    }

    /// Extracts a device minor number from a raw device number.
    #[pyfunction(sig = "($module, device, /)")]
    fn minor(device: u64) -> i64 {
        i64::from(libc::minor(device))
    }

    /// Composes a raw device number from the major and minor device numbers.
    #[pyfunction(sig = "($module, major, minor, /)")]
    fn makedev(major: u32, minor: u32) -> u64 {
        libc::makedev(major, minor)
    }

    /// Return the name of the terminal device connected to 'fd'.
    #[pyfunction(sig = "($module, fd, /)")]
    fn ttyname(vm: &Vm, fd: i32) -> PyResult {
        let mut buffer = [0u8; 1024];
        // SAFETY: the buffer has the length that is told.
        match unsafe { libc::ttyname_r(fd, buffer.as_mut_ptr().cast(), buffer.len()) } {
            0 => {
                let end = buffer.iter().position(|&b| b == 0).unwrap_or(buffer.len());
                to_python(vm, &buffer[..end], false)
            }
            error => Err(naja_vm::builtins::print::os_error(vm, error)),
        }
    }

    /// Return the name of the controlling terminal for this process.
    #[pyfunction(sig = "($module, /)")]
    fn ctermid() -> &'static str {
        "/dev/tty"
    }

    /// Open a pseudo-terminal.
    ///
    /// Return a tuple of (master_fd, slave_fd) containing open file descriptors
    /// for both the master and slave ends.
    #[pyfunction(sig = "($module, /)")]
    fn openpty(vm: &Vm) -> PyResult {
        let (mut master, mut slave) = (0, 0);
        let null = std::ptr::null_mut;
        // SAFETY: room for two descriptors; names and settings are not wanted.
        if unsafe {
            libc::openpty(
                &mut master,
                &mut slave,
                null(),
                std::ptr::null(),
                std::ptr::null(),
            )
        } < 0
        {
            return Err(failed(vm));
        }
        inheritable(vm, master, false)?;
        inheritable(vm, slave, false)?;
        two(vm, i64::from(master), i64::from(slave))
    }

    /// Prepare the tty of which fd is a file descriptor for a new login session.
    #[pyfunction(sig = "($module, fd, /)")]
    fn login_tty(vm: &Vm, fd: Fd) -> PyResult<()> {
        // SAFETY: a plain call.
        check(vm, i64::from(unsafe { libc::login_tty(fd.0) })).map(drop)
    }

    /// Open and return a file descriptor for a master pseudo-terminal device.
    #[pyfunction(sig = "($module, oflag, /)")]
    fn posix_openpt(vm: &Vm, oflag: i32) -> PyResult<i64> {
        // SAFETY: a plain call.
        check(
            vm,
            i64::from(unsafe { libc::posix_openpt(oflag | libc::O_CLOEXEC) }),
        )
    }

    /// Grant access to the slave pseudo-terminal device.
    #[pyfunction(sig = "($module, fd, /)")]
    fn grantpt(vm: &Vm, fd: Fd) -> PyResult<()> {
        // SAFETY: a plain call.
        check(vm, i64::from(unsafe { libc::grantpt(fd.0) })).map(drop)
    }

    /// Unlock a pseudo-terminal master/slave pair.
    #[pyfunction(sig = "($module, fd, /)")]
    fn unlockpt(vm: &Vm, fd: Fd) -> PyResult<()> {
        // SAFETY: a plain call.
        check(vm, i64::from(unsafe { libc::unlockpt(fd.0) })).map(drop)
    }

    /// Return the name of the slave pseudo-terminal device.
    #[pyfunction(sig = "($module, fd, /)")]
    fn ptsname(vm: &Vm, fd: Fd) -> PyResult {
        let mut buffer = [0u8; 1024];
        // SAFETY: the buffer has the length that is told.
        match unsafe { libc::ptsname_r(fd.0, buffer.as_mut_ptr().cast(), buffer.len()) } {
            0 => {
                let end = buffer.iter().position(|&b| b == 0).unwrap_or(buffer.len());
                to_python(vm, &buffer[..end], false)
            }
            error => Err(naja_vm::builtins::print::os_error(vm, error)),
        }
    }

    /// Return the process group associated with the terminal specified by fd.
    #[pyfunction(sig = "($module, fd, /)")]
    fn tcgetpgrp(vm: &Vm, fd: i32) -> PyResult<i64> {
        // SAFETY: a query.
        check(vm, i64::from(unsafe { libc::tcgetpgrp(fd) }))
    }

    /// Set the process group associated with the terminal specified by fd.
    #[pyfunction(sig = "($module, fd, pgid, /)")]
    fn tcsetpgrp(vm: &Vm, fd: i32, pgid: i32) -> PyResult<()> {
        // SAFETY: a plain call.
        check(vm, i64::from(unsafe { libc::tcsetpgrp(fd, pgid) })).map(drop)
    }

    /// Return a string describing the encoding of a terminal's file descriptor.
    ///
    /// The file descriptor must be attached to a terminal.
    /// If the device is not a terminal, return None.
    #[pyfunction(sig = "($module, /, fd)")]
    fn device_encoding(vm: &Vm, fd: i32) -> PyResult {
        // SAFETY: a query.
        if unsafe { libc::isatty(fd) } != 1 {
            return Ok(Value::NONE);
        }
        // SAFETY: the answer is a C string.
        let name = unsafe { CStr::from_ptr(libc::nl_langinfo(libc::CODESET)) };
        to_python(vm, name.to_bytes(), false)
    }

    fn configuration(vm: &Vm, name: &Value, table: &[(&str, i64)]) -> PyResult<i32> {
        if let Some(text) = naja_vm::str_::of(name) {
            let text = text.to_string_lossy();
            return match table.iter().find(|(n, _)| *n == text) {
                Some(&(_, number)) => Ok(number as i32),
                None => Err(vm.value_error("unrecognized configuration name")),
            };
        }
        match number::index_i64(vm, name)?.map(i32::try_from) {
            Some(Ok(number)) => Ok(number),
            _ => Err(vm.overflow_error("Python int too large to convert to C int")),
        }
    }

    /// Return an integer-valued system configuration variable.
    #[pyfunction(sig = "($module, /, name)")]
    fn sysconf(vm: &Vm, name: &Value) -> PyResult<i64> {
        let name = configuration(vm, name, super::super::constants::SYSCONF)?;
        // SAFETY: a query; errno tells failure from "no limit".
        let value = unsafe {
            *libc::__errno_location() = 0;
            libc::sysconf(name)
        };
        if value == -1 && errno() != 0 {
            Err(failed(vm))
        } else {
            Ok(value)
        }
    }

    /// Return the configuration limit name for the file or directory path.
    #[pyfunction(sig = "($module, /, path, name)")]
    fn pathconf(vm: &Vm, path: super::super::paths::PathOrFd, name: &Value) -> PyResult<i64> {
        let name = configuration(vm, name, super::super::constants::PATHCONF)?;
        // SAFETY: a query about a C string or descriptor.
        let value = unsafe {
            *libc::__errno_location() = 0;
            match path.0.fd() {
                Some(fd) => libc::fpathconf(fd, name),
                None => libc::pathconf(path.0.text().as_ptr(), name),
            }
        };
        if value == -1 && errno() != 0 {
            Err(path.0.error(vm))
        } else {
            Ok(value)
        }
    }

    /// Return the configuration limit name for the file descriptor fd.
    #[pyfunction(sig = "($module, /, fd, name)")]
    fn fpathconf(vm: &Vm, fd: Fd, name: &Value) -> PyResult<i64> {
        let name = configuration(vm, name, super::super::constants::PATHCONF)?;
        // SAFETY: a query.
        let value = unsafe {
            *libc::__errno_location() = 0;
            libc::fpathconf(fd.0, name)
        };
        if value == -1 && errno() != 0 {
            Err(failed(vm))
        } else {
            Ok(value)
        }
    }

    /// Return a string-valued system configuration variable.
    #[pyfunction(sig = "($module, /, name)")]
    fn confstr(vm: &Vm, name: &Value) -> PyResult {
        let name = configuration(vm, name, super::super::constants::CONFSTR)?;
        let mut buffer = vec![0u8; 4096];
        // SAFETY: the buffer has the length that is told.
        let n = unsafe {
            *libc::__errno_location() = 0;
            libc::confstr(name, buffer.as_mut_ptr().cast(), buffer.len())
        };
        if n == 0 {
            return if errno() != 0 {
                Err(failed(vm))
            } else {
                Ok(Value::NONE)
            };
        }
        to_python(vm, &buffer[..n.min(buffer.len()).saturating_sub(1)], false)
    }

    /// Return a bytes object containing random bytes suitable for cryptographic use.
    #[pyfunction(sig = "($module, size, /)")]
    fn urandom(vm: &Vm, size: i64) -> PyResult {
        let Ok(size) = usize::try_from(size) else {
            return Err(vm.value_error("negative argument not allowed"));
        };
        vm.permit(Access::Randomness)?;
        random(vm, size, 0)
    }

    /// Obtain a series of random bytes.
    #[pyfunction(sig = "($module, /, size, flags=0)")]
    fn getrandom(vm: &Vm, size: i64, flags: Option<u32>) -> PyResult {
        let Ok(size) = usize::try_from(size) else {
            return Err(naja_vm::builtins::print::os_error(vm, libc::EINVAL));
        };
        vm.permit(Access::Randomness)?;
        random(vm, size, flags.unwrap_or(0))
    }

    fn random(vm: &Vm, size: usize, flags: u32) -> PyResult {
        let mut data = room(vm, size)?;
        let mut done = 0;
        while done < size {
            let (start, left) = (data[done..].as_mut_ptr() as usize, size - done);
            // SAFETY: so many bytes are left in the buffer.
            let n = blocking(vm, || unsafe {
                libc::getrandom(start as *mut libc::c_void, left.min(1 << 20), flags) as i64
            })?;
            done += n as usize;
        }
        Ok(vm.new_bytes_of(data)?.into_value())
    }
}
