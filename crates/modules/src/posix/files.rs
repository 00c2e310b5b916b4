//! Functions of `posix` on descriptors: opening, reading, writing, copying, pipes, terminals, event descriptors.
//!
//! Calls that can block run without the interpreter lock and again after interruptions (PEP 475); data goes through
//! buffers of our own, since no object may be touched without the lock. CPython: Modules/posixmodule.c.

use super::TERMINAL_SIZE;
use super::path::{DirFd, FsBytes, Path};
use crate::system::{self, Fd, Round, once, retry, retry_or_raise};
use naja_heap::Value;
use naja_macros::pymodule;
use naja_vm::buffer::{Buffer, WritableBuffer};
use naja_vm::protocols::sequence;
use naja_vm::runtime::Access;
use naja_vm::{PyResult, Vm, structseq};

/// Most bytes that one read or write moves.
const MOST: usize = 0x7fff_f000;

fn pair(vm: &Vm, a: i32, b: i32) -> PyResult {
    let items = vec![vm.new_int(a as i64)?, vm.new_int(b as i64)?];
    Ok(vm.new_tuple(items)?.into_value())
}

/// Reads into a new bytes object.
fn read_bytes(vm: &Vm, length: isize, f: impl Fn(*mut libc::c_void, usize) -> isize) -> PyResult {
    if length < 0 {
        return Err(vm.os_error(libc::EINVAL, None));
    }
    let length = (length as usize).min(MOST);
    vm.check_size(Some(length))?;
    let mut data = Vec::new();
    if data.try_reserve_exact(length).is_err() {
        return Err(vm.memory_error(""));
    }
    data.resize(length, 0u8);
    let n = retry_or_raise(vm, || f(data.as_mut_ptr().cast(), length))?;
    Ok(vm.new_bytes(&data[..n as usize])?.into_value())
}

/// The buffers of a sequence, for reading into.
fn writable_all(vm: &Vm, buffers: &Value) -> PyResult<(Vec<Buffer>, Vec<Vec<u8>>)> {
    if !sequence::is_sequence(vm, buffers) {
        return Err(vm.type_error("readv() arg 2 must be a sequence"));
    }
    let items = sequence::collect(vm, buffers)?;
    let buffers = items
        .iter()
        .map(|b| Buffer::writable(vm, b))
        .collect::<PyResult<Vec<_>>>()?;
    let room = buffers.iter().map(|b| vec![0u8; b.len()]).collect();
    Ok((buffers, room))
}

fn scatter(buffers: &[Buffer], room: &[Vec<u8>], mut n: usize) {
    for (buffer, data) in buffers.iter().zip(room) {
        let part = n.min(data.len());
        buffer.with_mut(|to| {
            let part = part.min(to.len());
            to[..part].copy_from_slice(&data[..part])
        });
        n -= part;
    }
}

fn iovecs(data: &[Vec<u8>]) -> Vec<libc::iovec> {
    let vec = |d: &Vec<u8>| libc::iovec {
        iov_base: d.as_ptr().cast_mut().cast(),
        iov_len: d.len(),
    };
    data.iter().map(vec).collect()
}

fn readable_all(vm: &Vm, buffers: &Value, function: &str) -> PyResult<Vec<Vec<u8>>> {
    if !sequence::is_sequence(vm, buffers) {
        return Err(vm.type_error(format!("{function}() arg 2 must be a sequence")));
    }
    let items = sequence::collect(vm, buffers)?;
    items
        .iter()
        .map(|b| Ok(Buffer::of(vm, b)?.to_vec()))
        .collect()
}

/// An offset that may be None.
fn offset(vm: &Vm, value: Option<&Value>) -> PyResult<Option<i64>> {
    match value.filter(|v| !v.is_none()) {
        None => Ok(None),
        Some(value) => naja_vm::protocols::number::index_i64(vm, value)?
            .map(Some)
            .ok_or_else(|| vm.overflow_error("Python int too large to convert to C long")),
    }
}

fn inheritable_of(vm: &Vm, fd: i32) -> PyResult<bool> {
    // SAFETY: a plain call.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
    if flags < 0 {
        return Err(vm.last_os_error(None));
    }
    Ok(flags & libc::FD_CLOEXEC == 0)
}

fn itimerspec_value(vm: &Vm, spec: &libc::itimerspec, ns: bool) -> PyResult {
    let one = |t: &libc::timespec| {
        if ns {
            vm.new_int(t.tv_sec * 1_000_000_000 + t.tv_nsec)
        } else {
            vm.new_float(t.tv_sec as f64 + t.tv_nsec as f64 * 1e-9)
        }
    };
    let items = vec![one(&spec.it_value)?, one(&spec.it_interval)?];
    Ok(vm.new_tuple(items)?.into_value())
}

fn set_timer(vm: &Vm, fd: i32, flags: i32, initial: i64, interval: i64, ns: bool) -> PyResult {
    let new = libc::itimerspec {
        it_interval: system::c_timespec(interval),
        it_value: system::c_timespec(initial),
    };
    // SAFETY: all zero is a valid value.
    let mut old: libc::itimerspec = unsafe { std::mem::zeroed() };
    // SAFETY: reads one timer's setting, writes another.
    if unsafe { libc::timerfd_settime(fd, flags, &new, &mut old) } < 0 {
        return Err(vm.last_os_error(None));
    }
    itimerspec_value(vm, &old, ns)
}

#[pymodule(name = "posix", doc = "")]
pub mod module {
    use super::*;

    /// Open a file for low level IO.  Returns a file descriptor (integer).
    #[pyfunction(sig = "(path, flags, mode=511, *, dir_fd=None)")]
    fn open(
        vm: &Vm,
        path: Path,
        flags: i32,
        #[default(0o777)] mode: i32,
        #[default(DirFd::CWD)] dir_fd: DirFd,
    ) -> PyResult<i32> {
        let flags = flags | libc::O_CLOEXEC;
        vm.permit(Access::Open(&path.object, &Value::NONE, flags as i64))?;
        // SAFETY: a terminated path.
        retry(vm, || unsafe {
            libc::openat(dir_fd.0, path.ptr(), flags, mode)
        })?
        .map_err(|errno| path.error(vm, errno))
    }

    /// Close a file descriptor.
    #[pyfunction(sig = "(fd)")]
    fn close(vm: &Vm, fd: i32) -> PyResult<()> {
        // A descriptor is closed even where the call is interrupted: never again.
        // SAFETY: the descriptor is the caller's to close.
        let (result, errno) = vm.without_gil(|| unsafe { (libc::close(fd), system::errno()) });
        if result < 0 && errno != libc::EINTR {
            return Err(vm.os_error(errno, None));
        }
        Ok(())
    }

    /// Closes all file descriptors in [fd_low, fd_high), ignoring errors.
    #[pyfunction(sig = "(fd_low, fd_high, /)")]
    fn closerange(vm: &Vm, fd_low: i32, fd_high: i32) {
        if fd_low >= fd_high {
            return;
        }
        let low = fd_low.max(0);
        vm.without_gil(|| {
            // SAFETY: the descriptors are the caller's to close.
            let done = unsafe { libc::syscall(libc::SYS_close_range, low, fd_high - 1, 0) };
            if done != 0 {
                for fd in low..fd_high {
                    // SAFETY: as above.
                    unsafe { libc::close(fd) };
                }
            }
        })
    }

    /// Return a duplicate of a file descriptor.
    #[pyfunction(sig = "(fd, /)")]
    fn dup(vm: &Vm, fd: i32) -> PyResult<i32> {
        // SAFETY: a plain call.
        once(vm, || unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) })
    }

    /// Duplicate file descriptor.
    #[pyfunction(sig = "(fd, fd2, inheritable=True)")]
    fn dup2(vm: &Vm, fd: i32, fd2: i32, #[default(true)] inheritable: bool) -> PyResult<i32> {
        if fd < 0 || fd2 < 0 {
            return Err(vm.os_error(libc::EBADF, None));
        }
        once(vm, || {
            // SAFETY: plain calls.
            unsafe {
                if inheritable || fd == fd2 {
                    libc::dup2(fd, fd2)
                } else {
                    libc::dup3(fd, fd2, libc::O_CLOEXEC)
                }
            }
        })
    }

    /// Read from a file descriptor.  Returns a bytes object.
    #[pyfunction(sig = "(fd, length, /)")]
    fn read(vm: &Vm, fd: i32, length: isize) -> PyResult {
        // SAFETY: a buffer of the size told.
        read_bytes(vm, length, |to, n| unsafe { libc::read(fd, to, n) })
    }

    /// Read a number of bytes from a file descriptor starting at a particular offset.
    #[pyfunction(sig = "(fd, length, offset, /)")]
    fn pread(vm: &Vm, fd: i32, length: isize, offset: i64) -> PyResult {
        // SAFETY: a buffer of the size told.
        read_bytes(vm, length, |to, n| unsafe {
            libc::pread(fd, to, n, offset)
        })
    }

    /// Read into a buffer object from a file descriptor.
    #[pyfunction(sig = "(fd, buffer, /)")]
    fn readinto(vm: &Vm, fd: i32, buffer: WritableBuffer) -> PyResult<isize> {
        let mut room = vec![0u8; buffer.len().min(MOST)];
        // SAFETY: a buffer of the size told.
        let n = retry_or_raise(vm, || unsafe {
            libc::read(fd, room.as_mut_ptr().cast(), room.len())
        })?;
        buffer.with_mut(|to| {
            let n = (n as usize).min(to.len());
            to[..n].copy_from_slice(&room[..n])
        });
        Ok(n)
    }

    /// Read from a file descriptor fd into an iterable of buffers.
    #[pyfunction(sig = "(fd, buffers, /)")]
    fn readv(vm: &Vm, fd: i32, buffers: &Value) -> PyResult<isize> {
        let (buffers, room) = writable_all(vm, buffers)?;
        let iov = iovecs(&room);
        // SAFETY: vectors of buffers with their sizes.
        let n = retry_or_raise(vm, || unsafe {
            libc::readv(fd, iov.as_ptr(), iov.len() as i32)
        })?;
        scatter(&buffers, &room, n as usize);
        Ok(n)
    }

    /// Reads from a file descriptor into a number of mutable bytes-like objects.
    #[pyfunction(sig = "(fd, buffers, offset, flags=0, /)")]
    fn preadv(
        vm: &Vm,
        fd: i32,
        buffers: &Value,
        offset: i64,
        #[default(0)] flags: i32,
    ) -> PyResult<isize> {
        let (buffers, room) = writable_all(vm, buffers)?;
        let iov = iovecs(&room);
        // SAFETY: vectors of buffers with their sizes.
        let n = retry_or_raise(vm, || unsafe {
            libc::preadv2(fd, iov.as_ptr(), iov.len() as i32, offset, flags)
        })?;
        scatter(&buffers, &room, n as usize);
        Ok(n)
    }

    /// Write a bytes object to a file descriptor.
    #[pyfunction(sig = "(fd, data, /)")]
    fn write(vm: &Vm, fd: i32, data: Buffer) -> PyResult<isize> {
        let mut data = data.to_vec();
        data.truncate(MOST);
        // SAFETY: a buffer of the size told.
        retry_or_raise(vm, || unsafe {
            libc::write(fd, data.as_ptr().cast(), data.len())
        })
    }

    /// Write bytes to a file descriptor starting at a particular offset.
    #[pyfunction(sig = "(fd, buffer, offset, /)")]
    fn pwrite(vm: &Vm, fd: i32, buffer: Buffer, offset: i64) -> PyResult<isize> {
        let data = buffer.to_vec();
        // SAFETY: a buffer of the size told.
        retry_or_raise(vm, || unsafe {
            libc::pwrite(fd, data.as_ptr().cast(), data.len(), offset)
        })
    }

    /// Iterate over buffers, and write the contents of each to a file descriptor.
    #[pyfunction(sig = "(fd, buffers, /)")]
    fn writev(vm: &Vm, fd: i32, buffers: &Value) -> PyResult<isize> {
        let data = readable_all(vm, buffers, "writev")?;
        let iov = iovecs(&data);
        // SAFETY: vectors of buffers with their sizes.
        retry_or_raise(vm, || unsafe {
            libc::writev(fd, iov.as_ptr(), iov.len() as i32)
        })
    }

    /// Writes the contents of bytes-like objects to a file descriptor at a given offset.
    #[pyfunction(sig = "(fd, buffers, offset, flags=0, /)")]
    fn pwritev(
        vm: &Vm,
        fd: i32,
        buffers: &Value,
        offset: i64,
        #[default(0)] flags: i32,
    ) -> PyResult<isize> {
        let data = readable_all(vm, buffers, "pwritev")?;
        let iov = iovecs(&data);
        // SAFETY: vectors of buffers with their sizes.
        retry_or_raise(vm, || unsafe {
            libc::pwritev2(fd, iov.as_ptr(), iov.len() as i32, offset, flags)
        })
    }

    /// Set the position of a file descriptor.  Return the new position.
    #[pyfunction(sig = "(fd, position, whence, /)")]
    fn lseek(vm: &Vm, fd: i32, position: i64, whence: i32) -> PyResult<i64> {
        // SAFETY: a plain call.
        once(vm, || unsafe { libc::lseek(fd, position, whence) })
    }

    /// Force write of fd to disk.
    #[pyfunction(sig = "(fd)")]
    fn fsync(vm: &Vm, fd: Fd) -> PyResult<()> {
        // SAFETY: a plain call.
        retry_or_raise(vm, || unsafe { libc::fsync(fd.0) }).map(|_| ())
    }

    /// Force write of fd to disk without forcing update of metadata.
    #[pyfunction(sig = "(fd)")]
    fn fdatasync(vm: &Vm, fd: Fd) -> PyResult<()> {
        // SAFETY: a plain call.
        retry_or_raise(vm, || unsafe { libc::fdatasync(fd.0) }).map(|_| ())
    }

    /// Force write of everything to disk.
    #[pyfunction(sig = "()")]
    fn sync(vm: &Vm) {
        // SAFETY: a plain call.
        vm.without_gil(|| unsafe { libc::sync() })
    }

    /// Truncate a file, specified by file descriptor, to a specific length.
    #[pyfunction(sig = "(fd, length, /)")]
    fn ftruncate(vm: &Vm, fd: i32, length: i64) -> PyResult<()> {
        vm.permit(Access::Event(
            "os.truncate",
            &[vm.new_int(fd as i64)?, vm.new_int(length)?],
        ))?;
        // SAFETY: a plain call.
        retry_or_raise(vm, || unsafe { libc::ftruncate(fd, length) }).map(|_| ())
    }

    /// Ensure a file has allocated at least a particular number of bytes on disk.
    #[pyfunction(sig = "(fd, offset, length, /)")]
    fn posix_fallocate(vm: &Vm, fd: i32, offset: i64, length: i64) -> PyResult<()> {
        // SAFETY: a plain call.
        retry_errno(vm, || unsafe { libc::posix_fallocate(fd, offset, length) })
    }

    /// Announce an intention to access data in a specific pattern.
    #[pyfunction(sig = "(fd, offset, length, advice, /)")]
    fn posix_fadvise(vm: &Vm, fd: i32, offset: i64, length: i64, advice: i32) -> PyResult<()> {
        // SAFETY: a plain call.
        retry_errno(vm, || unsafe {
            libc::posix_fadvise(fd, offset, length, advice)
        })
    }

    /// For calls that return the error number.
    fn retry_errno(vm: &Vm, f: impl Fn() -> i32) -> PyResult<()> {
        loop {
            match vm.without_gil(&f) {
                0 => return Ok(()),
                libc::EINTR => vm.check_signals()?,
                errno => return Err(vm.os_error(errno, None)),
            }
        }
    }

    /// Apply, test or remove a POSIX lock on an open file descriptor.
    #[pyfunction(sig = "(fd, command, length, /)")]
    fn lockf(vm: &Vm, fd: i32, command: i32, length: i64) -> PyResult<()> {
        let args = [
            vm.new_int(fd as i64)?,
            vm.new_int(command as i64)?,
            vm.new_int(length)?,
        ];
        vm.permit(Access::Event("os.lockf", &args))?;
        // SAFETY: a plain call.
        once(vm, || unsafe { libc::lockf(fd, command, length) }).map(|_| ())
    }

    /// Copy count bytes from file descriptor in_fd to file descriptor out_fd.
    #[pyfunction(sig = "(out_fd, in_fd, offset, count)")]
    fn sendfile(vm: &Vm, out_fd: i32, in_fd: i32, offset: &Value, count: isize) -> PyResult<isize> {
        if count < 0 {
            return Err(vm.value_error("negative count"));
        }
        let from = super::offset(vm, Some(offset))?;
        retry_or_raise(vm, || {
            let mut at = from.unwrap_or(0);
            let place: *mut i64 = if from.is_some() {
                &mut at
            } else {
                std::ptr::null_mut()
            };
            // SAFETY: null or one offset to read and write.
            unsafe { libc::sendfile(out_fd, in_fd, place, count as usize) }
        })
    }

    /// Copy count bytes from one file descriptor to another.
    #[pyfunction(sig = "(src, dst, count, offset_src=None, offset_dst=None)")]
    fn copy_file_range(
        vm: &Vm,
        src: i32,
        dst: i32,
        count: isize,
        offset_src: Option<&Value>,
        offset_dst: Option<&Value>,
    ) -> PyResult<isize> {
        let (from, to) = (offset(vm, offset_src)?, offset(vm, offset_dst)?);
        if count < 0 {
            return Err(vm.value_error("negative value for 'count' not allowed"));
        }
        retry_or_raise(vm, || {
            let (mut a, mut b) = (from.unwrap_or(0), to.unwrap_or(0));
            let a: *mut i64 = if from.is_some() {
                &mut a
            } else {
                std::ptr::null_mut()
            };
            let b: *mut i64 = if to.is_some() {
                &mut b
            } else {
                std::ptr::null_mut()
            };
            // SAFETY: null or one offset each.
            unsafe { libc::copy_file_range(src, a, dst, b, count as usize, 0) }
        })
    }

    /// Transfer count bytes from one pipe to a descriptor or vice versa.
    #[pyfunction(sig = "(src, dst, count, offset_src=None, offset_dst=None, flags=0)")]
    fn splice(
        vm: &Vm,
        src: i32,
        dst: i32,
        count: isize,
        offset_src: Option<&Value>,
        offset_dst: Option<&Value>,
        #[default(0)] flags: u32,
    ) -> PyResult<isize> {
        let (from, to) = (offset(vm, offset_src)?, offset(vm, offset_dst)?);
        if count < 0 {
            return Err(vm.value_error("negative value for 'count' not allowed"));
        }
        retry_or_raise(vm, || {
            let (mut a, mut b) = (from.unwrap_or(0), to.unwrap_or(0));
            let a: *mut i64 = if from.is_some() {
                &mut a
            } else {
                std::ptr::null_mut()
            };
            let b: *mut i64 = if to.is_some() {
                &mut b
            } else {
                std::ptr::null_mut()
            };
            // SAFETY: null or one offset each.
            unsafe { libc::splice(src, a, dst, b, count as usize, flags) }
        })
    }

    /// Create a pipe.  Returns a tuple of two file descriptors (read_fd, write_fd).
    #[pyfunction(sig = "()")]
    fn pipe(vm: &Vm) -> PyResult {
        make_pipe(vm, libc::O_CLOEXEC)
    }

    /// Create a pipe with flags set atomically.
    #[pyfunction(sig = "(flags, /)")]
    fn pipe2(vm: &Vm, flags: i32) -> PyResult {
        make_pipe(vm, flags)
    }

    fn make_pipe(vm: &Vm, flags: i32) -> PyResult {
        let mut fds = [0; 2];
        // SAFETY: room for two descriptors.
        if unsafe { libc::pipe2(fds.as_mut_ptr(), flags) } < 0 {
            return Err(vm.last_os_error(None));
        }
        pair(vm, fds[0], fds[1])
    }

    /// Create an anonymous file in memory.
    #[pyfunction(sig = "(name, flags=MFD_CLOEXEC)")]
    fn memfd_create(
        vm: &Vm,
        name: FsBytes,
        #[default(libc::MFD_CLOEXEC)] flags: u32,
    ) -> PyResult<i32> {
        // SAFETY: a terminated text.
        once(vm, || unsafe { libc::memfd_create(name.0.as_ptr(), flags) })
    }

    /// Creates and returns an event notification file descriptor.
    #[pyfunction(sig = "(initval, flags=EFD_CLOEXEC)")]
    fn eventfd(vm: &Vm, initval: u32, #[default(libc::EFD_CLOEXEC)] flags: i32) -> PyResult<i32> {
        // SAFETY: a plain call.
        once(vm, || unsafe { libc::eventfd(initval, flags) })
    }

    /// Read eventfd value
    #[pyfunction(sig = "(fd)")]
    fn eventfd_read(vm: &Vm, fd: Fd) -> PyResult<u64> {
        let mut value = 0;
        // SAFETY: writes one number.
        once(vm, || unsafe { libc::eventfd_read(fd.0, &mut value) })?;
        Ok(value)
    }

    /// Write eventfd value.
    #[pyfunction(sig = "(fd, value)")]
    fn eventfd_write(vm: &Vm, fd: Fd, value: u64) -> PyResult<()> {
        // SAFETY: a plain call.
        once(vm, || unsafe { libc::eventfd_write(fd.0, value) }).map(|_| ())
    }

    /// Create and return a timer file descriptor.
    #[pyfunction(sig = "(clockid, /, *, flags=0)")]
    fn timerfd_create(
        vm: &Vm,
        clockid: i32,
        #[default(libc::TFD_CLOEXEC)] flags: i32,
    ) -> PyResult<i32> {
        // SAFETY: a plain call.
        once(vm, || unsafe { libc::timerfd_create(clockid, flags) })
    }

    /// Alter a timer file descriptor's internal timer in seconds.
    #[pyfunction(sig = "(fd, /, *, flags=0, initial=0.0, interval=0.0)")]
    fn timerfd_settime(
        vm: &Vm,
        fd: Fd,
        #[default(0)] flags: i32,
        initial: Option<&Value>,
        interval: Option<&Value>,
    ) -> PyResult {
        let ns = |v: Option<&Value>| v.map_or(Ok(0), |v| system::nanoseconds(vm, v, Round::Floor));
        set_timer(vm, fd.0, flags, ns(initial)?, ns(interval)?, false)
    }

    /// Alter a timer file descriptor's internal timer in nanoseconds.
    #[pyfunction(sig = "(fd, /, *, flags=0, initial=0, interval=0)")]
    fn timerfd_settime_ns(
        vm: &Vm,
        fd: Fd,
        #[default(0)] flags: i32,
        #[default(0)] initial: i64,
        #[default(0)] interval: i64,
    ) -> PyResult {
        set_timer(vm, fd.0, flags, initial, interval, true)
    }

    fn get_timer(vm: &Vm, fd: i32, ns: bool) -> PyResult {
        // SAFETY: all zero is a valid value.
        let mut spec: libc::itimerspec = unsafe { std::mem::zeroed() };
        // SAFETY: writes one timer's setting.
        if unsafe { libc::timerfd_gettime(fd, &mut spec) } < 0 {
            return Err(vm.last_os_error(None));
        }
        itimerspec_value(vm, &spec, ns)
    }

    /// Return a tuple of a timer file descriptor's (interval, next expiration) in float seconds.
    #[pyfunction(sig = "(fd, /)")]
    fn timerfd_gettime(vm: &Vm, fd: Fd) -> PyResult {
        get_timer(vm, fd.0, false)
    }

    /// Return a tuple of a timer file descriptor's (interval, next expiration) in nanoseconds.
    #[pyfunction(sig = "(fd, /)")]
    fn timerfd_gettime_ns(vm: &Vm, fd: Fd) -> PyResult {
        get_timer(vm, fd.0, true)
    }

    /// Return True if the fd is connected to a terminal.
    #[pyfunction(sig = "(fd, /)")]
    fn isatty(fd: i32) -> bool {
        // SAFETY: a plain query.
        unsafe { libc::isatty(fd) == 1 }
    }

    /// Return the name of the terminal device connected to 'fd'.
    #[pyfunction(sig = "(fd, /)")]
    fn ttyname(vm: &Vm, fd: i32) -> PyResult {
        let mut name = [0u8; 1024];
        // SAFETY: a buffer of the size told.
        match unsafe { libc::ttyname_r(fd, name.as_mut_ptr().cast(), name.len()) } {
            0 => c_text(vm, &name),
            errno => Err(vm.os_error(errno, None)),
        }
    }

    fn c_text(vm: &Vm, text: &[u8]) -> PyResult {
        let end = text.iter().position(|&b| b == 0).unwrap_or(text.len());
        system::fs_decode(vm, &text[..end])
    }

    /// Return the name of the slave pseudo-terminal device.
    #[pyfunction(sig = "(fd, /)")]
    fn ptsname(vm: &Vm, fd: Fd) -> PyResult {
        let mut name = [0u8; 1024];
        // SAFETY: a buffer of the size told.
        match unsafe { libc::ptsname_r(fd.0, name.as_mut_ptr().cast(), name.len()) } {
            0 => c_text(vm, &name),
            errno => Err(vm.os_error(errno, None)),
        }
    }

    /// Grant access to the slave pseudo-terminal device.
    #[pyfunction(sig = "(fd, /)")]
    fn grantpt(vm: &Vm, fd: Fd) -> PyResult<()> {
        // SAFETY: a plain call.
        once(vm, || unsafe { libc::grantpt(fd.0) }).map(|_| ())
    }

    /// Unlock a pseudo-terminal master/slave pair.
    #[pyfunction(sig = "(fd, /)")]
    fn unlockpt(vm: &Vm, fd: Fd) -> PyResult<()> {
        // SAFETY: a plain call.
        once(vm, || unsafe { libc::unlockpt(fd.0) }).map(|_| ())
    }

    /// Open and return a file descriptor for a master pseudo-terminal device.
    #[pyfunction(sig = "(oflag, /)")]
    fn posix_openpt(vm: &Vm, oflag: i32) -> PyResult<i32> {
        // SAFETY: a plain call.
        once(vm, || unsafe {
            libc::posix_openpt(oflag | libc::O_CLOEXEC)
        })
    }

    /// Open a pseudo-terminal.  Return a tuple of (master_fd, slave_fd).
    #[pyfunction(sig = "()")]
    fn openpty(vm: &Vm) -> PyResult {
        let (mut master, mut slave) = (0, 0);
        use std::ptr::{null, null_mut};
        // SAFETY: room for two descriptors, nothing else asked for.
        if unsafe { libc::openpty(&mut master, &mut slave, null_mut(), null(), null()) } < 0 {
            return Err(vm.last_os_error(None));
        }
        for fd in [master, slave] {
            // SAFETY: descriptors just opened.
            unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
        pair(vm, master, slave)
    }

    /// Prepare the tty of which fd is a file descriptor for a new login session.
    #[pyfunction(sig = "(fd, /)")]
    fn login_tty(vm: &Vm, fd: Fd) -> PyResult<()> {
        // SAFETY: a plain call.
        if unsafe { libc::login_tty(fd.0) } < 0 {
            return Err(vm.last_os_error(None));
        }
        Ok(())
    }

    /// Return the process group associated with the terminal specified by fd.
    #[pyfunction(sig = "(fd, /)")]
    fn tcgetpgrp(vm: &Vm, fd: i32) -> PyResult<i32> {
        // SAFETY: a plain call.
        once(vm, || unsafe { libc::tcgetpgrp(fd) })
    }

    /// Set the process group associated with the terminal specified by fd.
    #[pyfunction(sig = "(fd, pgid, /)")]
    fn tcsetpgrp(vm: &Vm, fd: i32, pgid: i32) -> PyResult<()> {
        // SAFETY: a plain call.
        once(vm, || unsafe { libc::tcsetpgrp(fd, pgid) }).map(|_| ())
    }

    /// Return the size of the terminal window as (columns, lines).
    #[pyfunction(sig = "(fd=<unrepresentable>, /)")]
    fn get_terminal_size(vm: &Vm, #[default(1)] fd: i32) -> PyResult {
        // SAFETY: all zero is a valid value.
        let mut size: libc::winsize = unsafe { std::mem::zeroed() };
        // SAFETY: writes one size.
        if unsafe { libc::ioctl(fd, libc::TIOCGWINSZ, &mut size) } < 0 {
            return Err(vm.last_os_error(None));
        }
        let items = vec![
            vm.new_int(size.ws_col as i64)?,
            vm.new_int(size.ws_row as i64)?,
        ];
        structseq::make(vm, &TERMINAL_SIZE, items)
    }

    /// Get the close-on-exe flag of the specified file descriptor.
    #[pyfunction(sig = "(fd, /)")]
    fn get_inheritable(vm: &Vm, fd: i32) -> PyResult<bool> {
        inheritable_of(vm, fd)
    }

    /// Set the inheritable flag of the specified file descriptor.
    #[pyfunction(sig = "(fd, inheritable, /)")]
    fn set_inheritable(vm: &Vm, fd: i32, inheritable: i32) -> PyResult<()> {
        let now = inheritable_of(vm, fd)?;
        if now != (inheritable != 0) {
            let flag = if inheritable != 0 {
                0
            } else {
                libc::FD_CLOEXEC
            };
            // SAFETY: a plain call.
            once(vm, || unsafe { libc::fcntl(fd, libc::F_SETFD, flag) })?;
        }
        Ok(())
    }

    /// Get the blocking mode of the file descriptor.
    #[pyfunction(sig = "(fd, /)")]
    fn get_blocking(vm: &Vm, fd: i32) -> PyResult<bool> {
        // SAFETY: a plain call.
        let flags = once(vm, || unsafe { libc::fcntl(fd, libc::F_GETFL) })?;
        Ok(flags & libc::O_NONBLOCK == 0)
    }

    /// Set the blocking mode of the specified file descriptor.
    #[pyfunction(sig = "(fd, blocking, /)")]
    fn set_blocking(vm: &Vm, fd: i32, blocking: bool) -> PyResult<()> {
        // SAFETY: a plain call.
        let flags = once(vm, || unsafe { libc::fcntl(fd, libc::F_GETFL) })?;
        let new = if blocking {
            flags & !libc::O_NONBLOCK
        } else {
            flags | libc::O_NONBLOCK
        };
        // SAFETY: a plain call.
        once(vm, || unsafe { libc::fcntl(fd, libc::F_SETFL, new) }).map(|_| ())
    }

    /// Return a string describing the encoding of a terminal's file descriptor.
    #[pyfunction(sig = "(fd)")]
    fn device_encoding(vm: &Vm, fd: i32) -> PyResult {
        // SAFETY: a plain query.
        if unsafe { libc::isatty(fd) } == 1 {
            return Ok(vm.new_str("utf-8")?.into_value());
        }
        Ok(Value::NONE)
    }
}
