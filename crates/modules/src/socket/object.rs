//! The class `socket`: opening, connecting, accepting, options and time-outs. Sending and receiving: `transfer.rs`.
//!
//! A socket is a descriptor with a time-out. With a time-out (or none) the descriptor is non-blocking or blocking as in
//! CPython, and each operation waits with `poll`, without the interpreter lock; signals are seen to between waits
//! (PEP 475). Invariant: `fd` is -1 exactly when the socket is closed or detached. CPython: sock_* in
//! Modules/socketmodule.c.

use super::address::{Address, address_of};
use super::transfer::TRANSFER;
use super::{State, errno, timeout_of};
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::buffer::Buffer;
use naja_vm::builtins::print::os_error;
use naja_vm::protocols::{number, object};
use naja_vm::runtime::Access;
use naja_vm::type_::Type;
use naja_vm::{PyResult, Vm};
use std::cell::Cell;
use std::mem::size_of;
use std::time::{Duration, Instant};

/// socket(family=AF_INET, type=SOCK_STREAM, proto=0) -> socket object
/// socket(family=-1, type=-1, proto=-1, fileno=None) -> socket object
///
/// Open a socket of the given type.  The family argument specifies the
/// address family; it defaults to AF_INET.  The type argument specifies
/// whether this is a stream (SOCK_STREAM, this is the default)
/// or datagram (SOCK_DGRAM) socket.  The protocol argument defaults to 0,
/// specifying the default protocol.  Keyword arguments are accepted.
/// The socket is created as a non-inheritable file descriptor.
#[pyclass(name = "socket", module = "_socket", flags(BASETYPE))]
pub struct Socket {
    pub(super) fd: Cell<i32>,
    pub(super) family: Cell<i32>,
    pub(super) kind: Cell<i32>,
    pub(super) proto: Cell<i32>,
    /// None: waits without end; zero: does not wait.
    pub(super) timeout: Cell<Option<Duration>>,
}

impl Socket {
    pub(super) fn descriptor(&self, vm: &Vm) -> PyResult<i32> {
        match self.fd.get() {
            fd if fd < 0 => Err(os_error(vm, libc::EBADF)),
            fd => Ok(fd),
        }
    }

    /// Repeats a call until it is done, an error, or the time is over.
    pub(super) fn operate(
        &self,
        vm: &Vm,
        writing: bool,
        call: impl Fn(i32) -> isize,
    ) -> PyResult<usize> {
        let fd = self.descriptor(vm)?;
        let timeout = self.timeout.get().filter(|t| !t.is_zero());
        let deadline = timeout.map(|t| Instant::now() + t);
        let waits = timeout.is_some();
        loop {
            if waits {
                self.wait(vm, fd, writing, deadline)?;
            }
            let result = vm.without_gil(|| {
                let n = call(fd);
                if n < 0 { Err(errno()) } else { Ok(n as usize) }
            });
            match result {
                Ok(n) => return Ok(n),
                Err(libc::EINTR) => vm.check_signals()?,
                Err(libc::EAGAIN) if waits => vm.check_signals()?,
                Err(error) => return Err(os_error(vm, error)),
            }
        }
    }

    /// Waits until the socket is ready. Raises TimeoutError.
    fn wait(&self, vm: &Vm, fd: i32, writing: bool, deadline: Option<Instant>) -> PyResult<()> {
        loop {
            let left = deadline.map(|d| d.saturating_duration_since(Instant::now()));
            let millis = left.map_or(-1, |l| {
                l.as_micros().div_ceil(1000).min(i32::MAX as u128) as i32
            });
            let events = if writing { libc::POLLOUT } else { libc::POLLIN };
            let result = vm.without_gil(|| {
                let mut poll = libc::pollfd {
                    fd,
                    events,
                    revents: 0,
                };
                // SAFETY: one entry.
                let n = unsafe { libc::poll(&mut poll, 1, millis) };
                if n < 0 { Err(errno()) } else { Ok(n) }
            });
            match result {
                Ok(0) => return Err(vm.raise(&vm.types.exceptions.timeout_error, "timed out")),
                Ok(_) => return Ok(()),
                Err(libc::EINTR) => vm.check_signals()?,
                Err(error) => return Err(os_error(vm, error)),
            }
        }
    }

    fn set_blocking(&self, vm: &Vm, blocking: bool) -> PyResult<()> {
        let fd = self.descriptor(vm)?;
        // SAFETY: plain calls about a descriptor.
        unsafe {
            let flags = libc::fcntl(fd, libc::F_GETFL);
            let new = if blocking {
                flags & !libc::O_NONBLOCK
            } else {
                flags | libc::O_NONBLOCK
            };
            if flags < 0 || libc::fcntl(fd, libc::F_SETFL, new) < 0 {
                return Err(os_error(vm, errno()));
            }
        }
        Ok(())
    }

    fn query(
        &self,
        vm: &Vm,
        call: impl Fn(i32, *mut libc::sockaddr, *mut libc::socklen_t) -> i32,
    ) -> PyResult {
        let fd = self.descriptor(vm)?;
        let mut address = Address::empty();
        let mut len = address.len;
        if call(fd, address.as_mut_ptr(), &mut len) < 0 {
            return Err(os_error(vm, errno()));
        }
        address.len = len;
        address.to_python(vm)
    }

    /// The errno of a connection attempt, 0 for success.
    fn try_connect(&self, vm: &Vm, address: &Address) -> PyResult<i32> {
        let fd = self.descriptor(vm)?;
        let result = vm.without_gil(|| {
            // SAFETY: the address lives through the call.
            if unsafe { libc::connect(fd, address.as_ptr(), address.len) } < 0 {
                errno()
            } else {
                0
            }
        });
        let waits = self.timeout.get().is_none_or(|t| !t.is_zero());
        if !(result == libc::EINTR || result == libc::EINPROGRESS && waits) {
            return Ok(result);
        }
        vm.check_signals()?;
        self.wait(vm, fd, true, self.timeout.get().map(|t| Instant::now() + t))?;
        let mut error = 0i32;
        let mut len = size_of::<i32>() as libc::socklen_t;
        // SAFETY: room for one number.
        unsafe {
            libc::getsockopt(
                fd,
                libc::SOL_SOCKET,
                libc::SO_ERROR,
                (&raw mut error).cast(),
                &mut len,
            )
        };
        Ok(error)
    }
}

impl Socket {
    /// The descriptor, -1 if closed: for `_ssl`.
    pub fn raw_fd(&self) -> i32 {
        self.fd.get()
    }

    /// How long operations may take: for `_ssl`.
    pub fn time_limit(&self) -> Option<Duration> {
        self.timeout.get()
    }
}

#[pymethods(with(TRANSFER))]
impl Socket {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: naja_vm::Args) -> PyResult {
        let new = Socket {
            fd: Cell::new(-1),
            family: Cell::new(0),
            kind: Cell::new(0),
            proto: Cell::new(0),
            timeout: Cell::new(None),
        };
        Ok(vm.new_object_of(cls, new)?.into_value())
    }

    #[pyslot(sig = "(family=-1, type=-1, proto=-1, fileno=None)")]
    fn init(
        zelf: &Ref<Self>,
        vm: &Vm,
        family: Option<i32>,
        type_: Option<i32>,
        proto: Option<i32>,
        fileno: Option<&Value>,
    ) -> PyResult<()> {
        let (mut family, mut kind, mut proto) = (
            family.unwrap_or(-1),
            type_.unwrap_or(-1),
            proto.unwrap_or(-1),
        );
        let shown = [
            zelf.to_value(),
            vm.new_int(i64::from(family))?,
            vm.new_int(i64::from(kind))?,
            vm.new_int(i64::from(proto))?,
        ];
        vm.permit(Access::Event("socket.__new__", &shown))?;
        let fd = match fileno.filter(|f| !f.is_none()) {
            Some(given) => {
                if naja_vm::float::value_of(given).is_some() {
                    return Err(vm.type_error("integer argument expected, got float"));
                }
                let Some(Ok(fd)) = number::index_i64(vm, given)?.map(i32::try_from) else {
                    return Err(vm.overflow_error("Python int too large to convert to C int"));
                };
                if fd < 0 {
                    return Err(vm.value_error("negative file descriptor"));
                }
                let mut address = Address::empty();
                let mut len = address.len;
                // SAFETY: room for one address.
                if unsafe { libc::getsockname(fd, address.as_mut_ptr(), &mut len) } < 0 {
                    let error = errno();
                    if family == -1 || matches!(error, libc::EBADF | libc::ENOTSOCK) {
                        return Err(os_error(vm, error));
                    }
                } else if family == -1 {
                    family = i32::from(address.storage.ss_family);
                }
                let option = |name: i32| {
                    let mut value = 0i32;
                    let mut len = size_of::<i32>() as libc::socklen_t;
                    // SAFETY: room for one number.
                    let ok = unsafe {
                        libc::getsockopt(
                            fd,
                            libc::SOL_SOCKET,
                            name,
                            (&raw mut value).cast(),
                            &mut len,
                        )
                    };
                    if ok < 0 {
                        Err(os_error(vm, errno()))
                    } else {
                        Ok(value)
                    }
                };
                if kind == -1 {
                    kind = option(libc::SO_TYPE)?;
                }
                if proto == -1 {
                    proto = option(libc::SO_PROTOCOL)?;
                }
                fd
            }
            None => {
                family = if family == -1 { libc::AF_INET } else { family };
                kind = if kind == -1 { libc::SOCK_STREAM } else { kind };
                proto = proto.max(0);
                // SAFETY: a plain call.
                let fd = unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, proto) };
                if fd < 0 {
                    return Err(os_error(vm, errno()));
                }
                fd
            }
        };
        zelf.fd.set(fd);
        zelf.family.set(family);
        zelf.kind
            .set(kind & !(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC));
        zelf.proto.set(proto);
        let default = vm
            .interp
            .module_state::<State>()
            .timeout
            .get()
            .map(Duration::from_secs_f64);
        if kind & libc::SOCK_NONBLOCK != 0 {
            zelf.timeout.set(Some(Duration::ZERO));
        } else {
            zelf.timeout.set(default);
            if default.is_some() {
                zelf.set_blocking(vm, false)?;
            }
        }
        Ok(())
    }

    #[pyslot]
    fn finalize(zelf: &Ref<Self>, vm: &Vm) {
        let fd = zelf.fd.get();
        if fd < 0 {
            return;
        }
        let pending = vm.has_exception().then(|| vm.take_exception());
        let shown = object::repr(vm, zelf.as_value()).map(|r| r.to_string_lossy().into_owned());
        let warned =
            shown.and_then(|s| vm.warn(&vm.types.resource_warning, format!("unclosed {s}"), 1));
        if warned.is_err() {
            let exception = vm.take_exception();
            naja_vm::builtins::sys::unraisable(vm, exception, Some(zelf.as_value()), None);
        }
        zelf.fd.set(-1);
        // SAFETY: the descriptor is ours and is not used again.
        unsafe { libc::close(fd) };
        if let Some(pending) = pending {
            vm.raise_value(pending);
        }
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let text = format!(
            "<socket object, fd={}, family={}, type={}, proto={}>",
            zelf.fd.get(),
            zelf.family.get(),
            zelf.kind.get(),
            zelf.proto.get()
        );
        Ok(vm.new_str(text)?.into_value())
    }

    /// Wait for an incoming connection: (integer fd, address info).
    #[pymethod(sig = "($self, /)")]
    fn _accept(&self, vm: &Vm) -> PyResult {
        let address = std::cell::RefCell::new(Address::empty());
        let fd = self.operate(vm, false, |fd| {
            let mut a = address.borrow_mut();
            let mut len = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            // SAFETY: room for one address.
            let n = unsafe { libc::accept4(fd, a.as_mut_ptr(), &mut len, libc::SOCK_CLOEXEC) };
            a.len = len;
            n as isize
        })?;
        let address = address.into_inner().to_python(vm)?;
        Ok(vm
            .new_tuple(vec![vm.new_int(fd as i64)?, address])?
            .into_value())
    }

    /// Bind the socket to a local address.
    #[pymethod(sig = "($self, address, /)")]
    fn bind(zelf: &Ref<Self>, vm: &Vm, address: &Value) -> PyResult<()> {
        let a = address_of(vm, zelf.family.get(), address, "bind")?;
        vm.permit(Access::Event(
            "socket.bind",
            &[zelf.to_value(), address.clone()],
        ))?;
        let fd = zelf.descriptor(vm)?;
        // SAFETY: the address lives through the call.
        match vm.without_gil(|| {
            if unsafe { libc::bind(fd, a.as_ptr(), a.len) } < 0 {
                errno()
            } else {
                0
            }
        }) {
            0 => Ok(()),
            error => Err(os_error(vm, error)),
        }
    }

    /// Connect the socket to a remote address.
    #[pymethod(sig = "($self, address, /)")]
    fn connect(zelf: &Ref<Self>, vm: &Vm, address: &Value) -> PyResult<()> {
        let a = address_of(vm, zelf.family.get(), address, "connect")?;
        vm.permit(Access::Event(
            "socket.connect",
            &[zelf.to_value(), address.clone()],
        ))?;
        match zelf.try_connect(vm, &a)? {
            0 => Ok(()),
            error => Err(os_error(vm, error)),
        }
    }

    /// As connect(), but gives an errno in place of raising.
    #[pymethod(sig = "($self, address, /)")]
    fn connect_ex(zelf: &Ref<Self>, vm: &Vm, address: &Value) -> PyResult<i32> {
        let a = address_of(vm, zelf.family.get(), address, "connect_ex")?;
        vm.permit(Access::Event(
            "socket.connect",
            &[zelf.to_value(), address.clone()],
        ))?;
        match zelf.try_connect(vm, &a) {
            Err(_) if vm.catch(&vm.types.exceptions.timeout_error) => Ok(libc::EAGAIN),
            other => other,
        }
    }

    /// Enable a server to accept connections.
    #[pymethod(sig = "($self, backlog=128, /)")]
    fn listen(&self, vm: &Vm, backlog: Option<i32>) -> PyResult<()> {
        let fd = self.descriptor(vm)?;
        // SAFETY: a plain call.
        if unsafe { libc::listen(fd, backlog.unwrap_or(128).max(0)) } < 0 {
            return Err(os_error(vm, errno()));
        }
        Ok(())
    }

    /// Close the socket.  It cannot be used after this call.
    #[pymethod(sig = "($self, /)")]
    fn close(&self, vm: &Vm) -> PyResult<()> {
        let fd = self.fd.replace(-1);
        // SAFETY: the descriptor is ours and is not used again.
        if fd >= 0
            && vm.without_gil(|| unsafe { libc::close(fd) }) < 0
            && errno() != libc::ECONNRESET
        {
            return Err(os_error(vm, errno()));
        }
        Ok(())
    }

    /// Close the socket object without closing the underlying file descriptor; give the descriptor.
    #[pymethod(sig = "($self, /)")]
    fn detach(&self) -> i32 {
        self.fd.replace(-1)
    }

    /// Return the integer file descriptor of the socket.
    #[pymethod(sig = "($self, /)")]
    fn fileno(&self) -> i32 {
        self.fd.get()
    }

    /// Shut down the reading side, the writing side or both.
    #[pymethod(sig = "($self, how, /)")]
    fn shutdown(&self, vm: &Vm, how: i32) -> PyResult<()> {
        let fd = self.descriptor(vm)?;
        // SAFETY: a plain call.
        if vm.without_gil(|| unsafe { libc::shutdown(fd, how) }) < 0 {
            return Err(os_error(vm, errno()));
        }
        Ok(())
    }

    /// Return the address of the local endpoint.
    #[pymethod(sig = "($self, /)")]
    fn getsockname(&self, vm: &Vm) -> PyResult {
        // SAFETY: room for one address.
        self.query(vm, |fd, a, len| unsafe { libc::getsockname(fd, a, len) })
    }

    /// Return the address of the remote endpoint.
    #[pymethod(sig = "($self, /)")]
    fn getpeername(&self, vm: &Vm) -> PyResult {
        // SAFETY: room for one address.
        self.query(vm, |fd, a, len| unsafe { libc::getpeername(fd, a, len) })
    }

    /// Set the socket to blocking (flag is true) or non-blocking (false).
    #[pymethod(sig = "($self, flag, /)")]
    fn setblocking(&self, vm: &Vm, flag: bool) -> PyResult<()> {
        self.timeout
            .set(if flag { None } else { Some(Duration::ZERO) });
        self.set_blocking(vm, flag)
    }

    /// Returns True if socket is in blocking mode, or False if it is in non-blocking mode.
    #[pymethod(sig = "($self, /)")]
    fn getblocking(&self) -> bool {
        self.timeout.get().is_none_or(|t| !t.is_zero())
    }

    /// Set a timeout on socket operations: seconds, or None for waiting without end.
    #[pymethod(sig = "($self, timeout, /)")]
    fn settimeout(&self, vm: &Vm, timeout: &Value) -> PyResult<()> {
        let timeout = timeout_of(vm, timeout)?;
        self.timeout.set(timeout);
        self.set_blocking(vm, timeout.is_none())
    }

    /// Returns the timeout in seconds (float) associated with socket operations; None for no timeout.
    #[pymethod(sig = "($self, /)")]
    fn gettimeout(&self, vm: &Vm) -> PyResult {
        match self.timeout.get() {
            Some(timeout) => vm.new_float(timeout.as_secs_f64()),
            None => Ok(Value::NONE),
        }
    }

    #[pygetter]
    fn timeout(&self, vm: &Vm) -> PyResult {
        self.gettimeout(vm)
    }

    /// Set a socket option: a number, bytes, or None with a length.
    #[pymethod(sig = "($self, level, option, value, optlen=0, /)")]
    fn setsockopt(
        &self,
        vm: &Vm,
        level: i32,
        option: i32,
        value: &Value,
        optlen: Option<u32>,
    ) -> PyResult<()> {
        let fd = self.descriptor(vm)?;
        let data = if value.is_none() {
            None
        } else if number::has_index(vm, value) {
            let n = number::index_i64(vm, value)?.unwrap_or(i64::MAX);
            let Ok(n) = i32::try_from(n) else {
                return Err(vm.overflow_error("signed integer is greater than maximum"));
            };
            Some(n.to_ne_bytes().to_vec())
        } else {
            Some(Buffer::of(vm, value)?.to_vec())
        };
        let (pointer, len) = match &data {
            Some(data) => (data.as_ptr(), data.len() as libc::socklen_t),
            None => (std::ptr::null(), optlen.unwrap_or(0)),
        };
        // SAFETY: so many bytes, or null.
        if unsafe { libc::setsockopt(fd, level, option, pointer.cast(), len) } < 0 {
            return Err(os_error(vm, errno()));
        }
        Ok(())
    }

    /// Get a socket option: a number, or so many bytes.
    #[pymethod(sig = "($self, level, option, buffersize=0, /)")]
    fn getsockopt(&self, vm: &Vm, level: i32, option: i32, buffersize: Option<i64>) -> PyResult {
        let fd = self.descriptor(vm)?;
        let size = buffersize.unwrap_or(0);
        if !(0..=1024).contains(&size) {
            return Err(vm.raise(&vm.types.os_error, "getsockopt buflen out of range"));
        }
        let mut data = vec![0u8; if size == 0 { 4 } else { size as usize }];
        let mut len = data.len() as libc::socklen_t;
        // SAFETY: the buffer has the length that is told.
        if unsafe { libc::getsockopt(fd, level, option, data.as_mut_ptr().cast(), &mut len) } < 0 {
            return Err(os_error(vm, errno()));
        }
        if size > 0 {
            return Ok(vm.new_bytes(&data[..len as usize])?.into_value());
        }
        vm.new_int(i64::from(i32::from_ne_bytes([
            data[0], data[1], data[2], data[3],
        ])))
    }

    #[pygetter]
    fn family(&self) -> i32 {
        self.family.get()
    }

    #[pygetter(name = "type")]
    fn kind(&self) -> i32 {
        self.kind.get()
    }

    #[pygetter]
    fn proto(&self) -> i32 {
        self.proto.get()
    }
}
