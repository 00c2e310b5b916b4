//! `_socket`: sockets of the families INET, INET6 and UNIX, and looking names up. CPython: Modules/socketmodule.c.
//!
//! A socket is a descriptor with a time-out. With a time-out (or none) the descriptor is non-blocking or blocking as in
//! CPython, and each operation waits with `poll`, without the interpreter lock; signals are seen to between waits
//! (PEP 475). Invariant: `fd` is -1 exactly when the socket is closed or detached.

mod message;
mod services;

use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::buffer::{Buffer, WritableBuffer};
use naja_vm::builtins::print::os_error;
use naja_vm::bytes::Bytes;
use naja_vm::bytes::parts::room;
use naja_vm::module::Module;
use naja_vm::protocols::{compare, number, object};
use naja_vm::runtime::Access;
use naja_vm::str_;
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{PyResult, Raised, Vm};
use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::mem::{MaybeUninit, size_of};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

fn errno() -> i32 {
    std::io::Error::last_os_error()
        .raw_os_error()
        .unwrap_or(libc::EIO)
}

/// The classes `herror` and `gaierror`, and the default time-out, of an interpreter.
#[derive(Default)]
struct State {
    herror: MutCell<Option<Ref<Type>>>,
    gaierror: MutCell<Option<Ref<Type>>>,
    /// Seconds; negative: none.
    timeout: MutCell<Option<f64>>,
}

/// An address as the system has it.
struct Address {
    storage: libc::sockaddr_storage,
    len: libc::socklen_t,
}

impl Address {
    fn empty() -> Address {
        // SAFETY: zeros are a valid empty address.
        let storage = unsafe { MaybeUninit::zeroed().assume_init() };
        Address {
            storage,
            len: size_of::<libc::sockaddr_storage>() as libc::socklen_t,
        }
    }

    fn as_ptr(&self) -> *const libc::sockaddr {
        (&raw const self.storage).cast()
    }

    fn as_mut_ptr(&mut self) -> *mut libc::sockaddr {
        (&raw mut self.storage).cast()
    }

    /// Puts a system structure in.
    fn of<T>(value: &T) -> Address {
        let mut new = Address::empty();
        new.len = size_of::<T>() as libc::socklen_t;
        // SAFETY: the storage is at least as large as any address.
        unsafe {
            std::ptr::copy_nonoverlapping(
                std::ptr::from_ref(value).cast::<u8>(),
                (&raw mut new.storage).cast::<u8>(),
                size_of::<T>(),
            )
        };
        new
    }

    fn read<T: Copy>(&self) -> T {
        // SAFETY: the storage is large and aligned enough for any address, and all bit patterns are valid.
        unsafe { *(&raw const self.storage).cast::<T>() }
    }

    /// The address as Python has it.
    fn to_python(&self, vm: &Vm) -> PyResult {
        let text = |t: String| Ok(vm.new_str(t)?.into_value());
        if (self.len as usize) < size_of::<libc::sa_family_t>() {
            return Ok(Value::NONE);
        }
        match i32::from(self.storage.ss_family) {
            libc::AF_INET => {
                let a: libc::sockaddr_in = self.read();
                let host = Ipv4Addr::from(u32::from_be(a.sin_addr.s_addr)).to_string();
                let port = vm.new_int(i64::from(u16::from_be(a.sin_port)))?;
                Ok(vm.new_tuple(vec![text(host)?, port])?.into_value())
            }
            libc::AF_INET6 => {
                let a: libc::sockaddr_in6 = self.read();
                let host = Ipv6Addr::from(a.sin6_addr.s6_addr).to_string();
                let items = vec![
                    text(host)?,
                    vm.new_int(i64::from(u16::from_be(a.sin6_port)))?,
                    vm.new_int(i64::from(u32::from_be(a.sin6_flowinfo)))?,
                    vm.new_int(i64::from(a.sin6_scope_id))?,
                ];
                Ok(vm.new_tuple(items)?.into_value())
            }
            libc::AF_UNIX => {
                let a: libc::sockaddr_un = self.read();
                let count = (self.len as usize).saturating_sub(size_of::<libc::sa_family_t>());
                let path: Vec<u8> = a.sun_path.iter().take(count).map(|&c| c as u8).collect();
                if path.first() == Some(&0) {
                    return Ok(vm.new_bytes(&path)?.into_value());
                }
                let end = path.iter().position(|&b| b == 0).unwrap_or(path.len());
                str_::codecs::decode(vm, &path[..end], None, Some(&vm.intern("surrogateescape")))
            }
            family => {
                let bytes = vm.new_bytes(&[])?.into_value();
                Ok(vm
                    .new_tuple(vec![vm.new_int(i64::from(family))?, bytes])?
                    .into_value())
            }
        }
    }
}

fn gai_error(vm: &Vm, code: i32) -> Raised {
    if code == libc::EAI_SYSTEM {
        return os_error(vm, errno());
    }
    // SAFETY: the answer is a C string.
    let text = unsafe { CStr::from_ptr(libc::gai_strerror(code)) }
        .to_string_lossy()
        .into_owned();
    let class = vm.interp.module_state::<State>().gaierror.get();
    match (class, vm.new_int(i64::from(code)), vm.new_str(text)) {
        (Some(class), Ok(code), Ok(text)) => vm.raise_with(&class, &[code, text.into_value()]),
        _ => Raised,
    }
}

/// What `getaddrinfo` answers: family, kind, protocol, canonical name, address.
type Found = Vec<(i32, i32, i32, String, Address)>;

fn look_up(vm: &Vm, host: Option<&CStr>, port: Option<&CStr>, hints: [i32; 4]) -> PyResult<Found> {
    let (host, port) = (
        host.map_or(0, |h| h.as_ptr() as usize),
        port.map_or(0, |p| p.as_ptr() as usize),
    );
    let (family, kind, protocol, flags) = (hints[0], hints[1], hints[2], hints[3]);
    let (code, list) = vm.without_gil(|| {
        // SAFETY: zeros are valid hints; names are C strings or null; the list is freed below.
        unsafe {
            let mut wanted: libc::addrinfo = MaybeUninit::zeroed().assume_init();
            wanted.ai_family = family;
            wanted.ai_socktype = kind;
            wanted.ai_protocol = protocol;
            wanted.ai_flags = flags;
            let mut list = std::ptr::null_mut();
            let code = libc::getaddrinfo(
                host as *const libc::c_char,
                port as *const libc::c_char,
                &wanted,
                &mut list,
            );
            (code, list as usize)
        }
    });
    if code != 0 {
        return Err(gai_error(vm, code));
    }
    let mut found = Vec::new();
    let mut entry = list as *const libc::addrinfo;
    // SAFETY: a list of the system's, each entry valid until it is freed.
    unsafe {
        while let Some(e) = entry.as_ref() {
            let mut address = Address::empty();
            let len = (e.ai_addrlen as usize).min(size_of::<libc::sockaddr_storage>());
            std::ptr::copy_nonoverlapping(
                e.ai_addr.cast::<u8>(),
                (&raw mut address.storage).cast::<u8>(),
                len,
            );
            address.len = len as libc::socklen_t;
            let name = if e.ai_canonname.is_null() {
                String::new()
            } else {
                CStr::from_ptr(e.ai_canonname)
                    .to_string_lossy()
                    .into_owned()
            };
            found.push((e.ai_family, e.ai_socktype, e.ai_protocol, name, address));
            entry = e.ai_next;
        }
        libc::freeaddrinfo(list as *mut libc::addrinfo);
    }
    Ok(found)
}

/// A host name argument: text (IDNA where it is not ASCII), bytes.
fn host_name(vm: &Vm, value: &Value) -> PyResult<CString> {
    let bytes = if let Some(text) = str_::of(value) {
        if text.is_ascii() {
            text.as_bytes().to_vec()
        } else {
            let encoded =
                vm.call_method_str(value, "encode", &[vm.new_str("idna")?.into_value()])?;
            Buffer::of(vm, &encoded)?.to_vec()
        }
    } else if let Some(bytes) = value.downcast::<Bytes>() {
        bytes.as_bytes().to_vec()
    } else {
        return Err(vm.type_error(format!(
            "str, bytes or bytearray expected, not {}",
            vm.type_name(value)
        )));
    };
    CString::new(bytes).map_err(|_| vm.type_error("host name must not contain null character"))
}

/// The numeric address of a host for a family. "" is any address, "<broadcast>" the broadcast address.
fn resolve(vm: &Vm, host: &Value, family: i32) -> PyResult<Address> {
    let name = host_name(vm, host)?;
    let hints = |flags| [family, libc::SOCK_DGRAM, 0, flags];
    let found = match name.as_bytes() {
        b"" => look_up(vm, None, Some(c"0"), hints(libc::AI_PASSIVE))?,
        b"<broadcast>" | b"255.255.255.255" if family == libc::AF_INET => {
            look_up(vm, Some(c"255.255.255.255"), None, hints(0))?
        }
        _ => look_up(vm, Some(&name), None, hints(0))?,
    };
    match found.into_iter().next() {
        Some((.., address)) => Ok(address),
        None => Err(vm.raise(&vm.types.os_error, "unsupported address family")),
    }
}

unsafe extern "C" {
    fn gethostbyname_r(
        name: *const libc::c_char,
        entry: *mut libc::hostent,
        buffer: *mut libc::c_char,
        len: usize,
        found: *mut *mut libc::hostent,
        error: *mut libc::c_int,
    ) -> libc::c_int;
    fn gethostbyaddr_r(
        address: *const libc::c_void,
        count: libc::socklen_t,
        family: libc::c_int,
        entry: *mut libc::hostent,
        buffer: *mut libc::c_char,
        len: usize,
        found: *mut *mut libc::hostent,
        error: *mut libc::c_int,
    ) -> libc::c_int;
    fn hstrerror(error: libc::c_int) -> *const libc::c_char;
}

/// What a look-up of the old kind is given: where to put the entry, its place, memory for it, and the error.
type LookUp<'a> = dyn Fn(
        *mut *mut libc::hostent,
        *mut libc::hostent,
        &mut [libc::c_char],
        *mut libc::c_int,
    ) -> libc::c_int
    + 'a;

/// The triple (name, aliases, addresses) of a host. Raises `herror`.
fn host_entry<F>(vm: &Vm, look_up: F) -> PyResult
where
    F: Fn(
        *mut *mut libc::hostent,
        *mut libc::hostent,
        &mut [libc::c_char],
        *mut libc::c_int,
    ) -> libc::c_int,
{
    let look_up: &LookUp = &look_up;
    // SAFETY: zeros are a valid empty entry.
    let mut entry: libc::hostent = unsafe { MaybeUninit::zeroed().assume_init() };
    let mut buffer = vec![0 as libc::c_char; 16 * 1024];
    let (mut found, mut error) = (std::ptr::null_mut(), 0);
    vm.without_gil(|| look_up(&mut found, &mut entry, &mut buffer, &mut error));
    if found.is_null() {
        // SAFETY: the answer is a static C string.
        let text = unsafe { CStr::from_ptr(hstrerror(error)) }.to_string_lossy();
        let class = vm.interp.module_state::<State>().herror.get();
        let args = [
            vm.new_int(i64::from(error))?,
            vm.new_str(text)?.into_value(),
        ];
        let class = class.unwrap_or_else(|| vm.types.os_error.clone());
        return Err(vm.raise_with(&class, &args));
    }
    let (mut aliases, mut addresses) = (Vec::new(), Vec::new());
    // SAFETY: the entry's lists end with null, and point into the buffer.
    unsafe {
        let text = |text: *const libc::c_char| -> PyResult {
            let text = CStr::from_ptr(text).to_string_lossy();
            Ok(vm.new_str(text)?.into_value())
        };
        let mut at = entry.h_aliases;
        while !at.is_null() && !(*at).is_null() {
            aliases.push(text(*at)?);
            at = at.add(1);
        }
        let mut at = entry.h_addr_list;
        while !at.is_null() && !(*at).is_null() {
            let bytes = (*at).cast::<u8>();
            let shown = if entry.h_addrtype == libc::AF_INET6 {
                Ipv6Addr::from(*bytes.cast::<[u8; 16]>()).to_string()
            } else {
                Ipv4Addr::from(*bytes.cast::<[u8; 4]>()).to_string()
            };
            addresses.push(vm.new_str(shown)?.into_value());
            at = at.add(1);
        }
        let items = vec![
            text(entry.h_name)?,
            vm.new_list(aliases)?.into_value(),
            vm.new_list(addresses)?.into_value(),
        ];
        Ok(vm.new_tuple(items)?.into_value())
    }
}

fn port_of(vm: &Vm, value: &Value, function: &str) -> PyResult<u16> {
    let port = number::index_i64(vm, value)?.unwrap_or(-1);
    u16::try_from(port)
        .map_err(|_| vm.overflow_error(format!("{function}(): port must be 0-65535.")))
}

/// An address argument for a family.
fn address_of(vm: &Vm, family: i32, value: &Value, function: &str) -> PyResult<Address> {
    if family == libc::AF_UNIX {
        let path = match (str_::of(value), Buffer::supported(vm, value)) {
            (Some(text), _) => str_::codecs::encode(
                vm,
                text,
                &vm.intern("utf-8"),
                Some(&vm.intern("surrogateescape")),
            )?,
            (_, true) => Buffer::of(vm, value)?.to_vec(),
            _ => {
                return Err(vm.type_error(format!(
                    "a bytes-like object is required, not '{}'",
                    vm.type_name(value)
                )));
            }
        };
        // SAFETY: zeros are a valid address.
        let mut a: libc::sockaddr_un = unsafe { MaybeUninit::zeroed().assume_init() };
        if path.len() > a.sun_path.len() - usize::from(path.first() != Some(&0)) {
            return Err(vm.raise(&vm.types.os_error, "AF_UNIX path too long"));
        }
        a.sun_family = libc::AF_UNIX as libc::sa_family_t;
        for (to, &from) in a.sun_path.iter_mut().zip(&path) {
            *to = from as libc::c_char;
        }
        let mut address = Address::of(&a);
        let end = usize::from(path.first() != Some(&0));
        // Without a name at all the system chooses one.
        let end = if path.is_empty() { 0 } else { end };
        address.len = (size_of::<libc::sa_family_t>() + path.len() + end) as libc::socklen_t;
        return Ok(address);
    }
    let what = if family == libc::AF_INET6 {
        "AF_INET6"
    } else {
        "AF_INET"
    };
    let Some(items) = value.downcast::<Tuple>().map(|t| t.items()) else {
        return Err(vm.type_error(format!(
            "{function}(): {what} address must be tuple, not {}",
            vm.type_name(value)
        )));
    };
    match (family, items) {
        (libc::AF_INET, [host, port]) => {
            let mut a: libc::sockaddr_in = resolve(vm, host, family)?.read();
            a.sin_port = port_of(vm, port, function)?.to_be();
            Ok(Address::of(&a))
        }
        (libc::AF_INET6, [host, port, rest @ ..]) if rest.len() <= 2 => {
            let mut a: libc::sockaddr_in6 = resolve(vm, host, family)?.read();
            a.sin6_port = port_of(vm, port, function)?.to_be();
            let flowinfo = match rest.first() {
                Some(value) => number::index_i64(vm, value)?.unwrap_or(i64::MAX),
                None => 0,
            };
            if !(0..=0xfffff).contains(&flowinfo) {
                let text = format!("{function}(): flowinfo must be 0-1048575.");
                return Err(vm.overflow_error(text));
            }
            a.sin6_flowinfo = (flowinfo as u32).to_be();
            if let Some(value) = rest.get(1) {
                a.sin6_scope_id = number::index_i64(vm, value)?.unwrap_or(0) as u32;
            }
            Ok(Address::of(&a))
        }
        (libc::AF_INET, _) => Err(vm.type_error("AF_INET address must be a pair (host, port)")),
        (libc::AF_INET6, _) => {
            Err(vm
                .type_error("AF_INET6 address must be a tuple (host, port[, flowinfo[, scopeid]])"))
        }
        _ => Err(vm.raise(&vm.types.os_error, format!("{function}(): bad family"))),
    }
}

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
    fd: Cell<i32>,
    family: Cell<i32>,
    kind: Cell<i32>,
    proto: Cell<i32>,
    /// None: waits without end; zero: does not wait.
    timeout: Cell<Option<Duration>>,
}

impl Socket {
    fn descriptor(&self, vm: &Vm) -> PyResult<i32> {
        match self.fd.get() {
            fd if fd < 0 => Err(os_error(vm, libc::EBADF)),
            fd => Ok(fd),
        }
    }

    /// Repeats a call until it is done, an error, or the time is over.
    fn operate(&self, vm: &Vm, writing: bool, call: impl Fn(i32) -> isize) -> PyResult<usize> {
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

    /// How many bytes are asked for. Raises ValueError.
    fn size_asked(vm: &Vm, count: i64, function: &str) -> PyResult<usize> {
        usize::try_from(count)
            .map_err(|_| vm.value_error(format!("negative buffersize in {function}")))
    }

    /// Receives at most `count` bytes at `start`, which must stay theirs while other threads run.
    fn receive(&self, vm: &Vm, start: *mut u8, count: usize, flags: i32) -> PyResult<usize> {
        self.operate(vm, false, |fd| {
            // SAFETY: `start` has room for `count` bytes.
            unsafe { libc::recv(fd, start.cast(), count, flags) }
        })
    }

    /// As [`Socket::receive`], with the sender's address.
    fn receive_from(
        &self,
        vm: &Vm,
        start: *mut u8,
        count: usize,
        flags: i32,
    ) -> PyResult<(usize, Value)> {
        let address = std::cell::RefCell::new(Address::empty());
        let n = self.operate(vm, false, |fd| {
            let mut a = address.borrow_mut();
            let mut len = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            // SAFETY: `start` has room for `count` bytes, the address for any address.
            let n =
                unsafe { libc::recvfrom(fd, start.cast(), count, flags, a.as_mut_ptr(), &mut len) };
            a.len = len;
            n
        })?;
        Ok((n, address.into_inner().to_python(vm)?))
    }

    /// Sends `len` bytes at `start`, which must stay there while other threads run.
    fn transmit(
        &self,
        vm: &Vm,
        (start, len): (*const u8, usize),
        flags: i32,
        to: Option<&Address>,
    ) -> PyResult<usize> {
        let flags = flags | libc::MSG_NOSIGNAL;
        self.operate(vm, true, |fd| {
            // SAFETY: the bytes and the address live through the call.
            unsafe {
                match to {
                    Some(a) => libc::sendto(fd, start.cast(), len, flags, a.as_ptr(), a.len),
                    None => libc::send(fd, start.cast(), len, flags),
                }
            }
        })
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

/// A time-out argument: None, or seconds.
fn timeout_of(vm: &Vm, value: &Value) -> PyResult<Option<Duration>> {
    if value.is_none() {
        return Ok(None);
    }
    let seconds = number::as_f64(vm, value)?;
    if seconds.is_nan() {
        return Err(vm.value_error("Invalid value NaN (not a number)"));
    }
    if seconds < 0.0 {
        return Err(vm.value_error("Timeout value out of range"));
    }
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|d| d.as_secs() < 1 << 40)
        .map(Some)
        .ok_or_else(|| vm.overflow_error("timeout doesn't fit into C timeval"))
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

#[pymethods]
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

    /// Receive up to buffersize bytes from the socket.
    #[pymethod(sig = "($self, buffersize, flags=0, /)")]
    fn recv(&self, vm: &Vm, buffersize: i64, flags: Option<i32>) -> PyResult {
        let size = Socket::size_asked(vm, buffersize, "recv")?;
        let mut data = room(vm, size)?;
        let n = self.receive(vm, data.as_mut_ptr(), size, flags.unwrap_or(0))?;
        // SAFETY: so many bytes are filled now, and there is room for `size`.
        unsafe { data.set_len(n.min(size)) };
        Ok(vm.new_bytes_of(data)?.into_value())
    }

    /// Like recv(buffersize, flags) but also return the sender's address info.
    #[pymethod(sig = "($self, buffersize, flags=0, /)")]
    fn recvfrom(&self, vm: &Vm, buffersize: i64, flags: Option<i32>) -> PyResult {
        let size = Socket::size_asked(vm, buffersize, "recvfrom")?;
        let mut data = room(vm, size)?;
        let (n, address) = self.receive_from(vm, data.as_mut_ptr(), size, flags.unwrap_or(0))?;
        // SAFETY: so many bytes are filled now, and there is room for `size`.
        unsafe { data.set_len(n.min(size)) };
        let data = vm.new_bytes_of(data)?.into_value();
        Ok(vm.new_tuple(vec![data, address])?.into_value())
    }

    /// Receive into a buffer; give the number of bytes.
    #[pymethod(sig = "($self, /, buffer, nbytes=0, flags=0)")]
    fn recv_into(
        &self,
        vm: &Vm,
        buffer: WritableBuffer,
        nbytes: Option<i64>,
        flags: Option<i32>,
    ) -> PyResult<usize> {
        let count = into_count(vm, &buffer, nbytes, "recv_into")?;
        self.receive(vm, buffer.address(), count, flags.unwrap_or(0))
    }

    /// Like recv_into(buffer[, nbytes[, flags]]) but also return the sender's address info.
    #[pymethod(sig = "($self, /, buffer, nbytes=0, flags=0)")]
    fn recvfrom_into(
        &self,
        vm: &Vm,
        buffer: WritableBuffer,
        nbytes: Option<i64>,
        flags: Option<i32>,
    ) -> PyResult {
        let count = into_count(vm, &buffer, nbytes, "recvfrom_into")?;
        let (n, address) = self.receive_from(vm, buffer.address(), count, flags.unwrap_or(0))?;
        Ok(vm
            .new_tuple(vec![vm.new_int(n as i64)?, address])?
            .into_value())
    }

    /// Send data to the socket; give the number of bytes sent.
    #[pymethod(sig = "($self, data, flags=0, /)")]
    fn send(&self, vm: &Vm, data: Buffer, flags: Option<i32>) -> PyResult<usize> {
        let bytes = (data.address().cast_const(), data.len());
        self.transmit(vm, bytes, flags.unwrap_or(0), None)
    }

    /// Send all the data, with as many calls as it takes.
    #[pymethod(sig = "($self, data, flags=0, /)")]
    fn sendall(&self, vm: &Vm, data: Buffer, flags: Option<i32>) -> PyResult<()> {
        let (start, len) = (data.address().cast_const(), data.len());
        let mut done = 0;
        while done < len {
            let rest = (start.wrapping_add(done), len - done);
            done += self.transmit(vm, rest, flags.unwrap_or(0), None)?;
            vm.check_signals()?;
        }
        Ok(())
    }

    /// Send data to an address: sendto(data[, flags], address).
    #[pymethod(sig = "($self, data, flags_or_address, address=None, /)")]
    fn sendto(
        zelf: &Ref<Self>,
        vm: &Vm,
        data: Buffer,
        flags_or_address: &Value,
        address: Option<&Value>,
    ) -> PyResult<usize> {
        let (flags, address) = match address {
            Some(address) => (
                number::index_i64(vm, flags_or_address)?.unwrap_or(0) as i32,
                address,
            ),
            None => (0, flags_or_address),
        };
        let a = address_of(vm, zelf.family.get(), address, "sendto")?;
        vm.permit(Access::Event(
            "socket.sendto",
            &[zelf.to_value(), address.clone()],
        ))?;
        let bytes = (data.address().cast_const(), data.len());
        zelf.transmit(vm, bytes, flags, Some(&a))
    }

    /// sendmsg(buffers[, ancdata[, flags[, address]]]) -> count
    ///
    /// Send normal and ancillary data to the socket, gathering the normal data from a series of buffers into one message.
    /// The ancillary data is an iterable of tuples (cmsg_level, cmsg_type, cmsg_data). Gives the number of bytes of
    /// normal data sent.
    #[pymethod(sig = "($self, buffers, ancdata=None, flags=0, address=None, /)")]
    fn sendmsg(
        zelf: &Ref<Self>,
        vm: &Vm,
        buffers: &Value,
        ancdata: Option<&Value>,
        flags: Option<i32>,
        address: Option<&Value>,
    ) -> PyResult<usize> {
        message::send(zelf, vm, buffers, ancdata, flags.unwrap_or(0), address)
    }

    /// recvmsg(bufsize[, ancbufsize[, flags]]) -> (data, ancdata, msg_flags, address)
    ///
    /// Receive normal data (up to bufsize bytes) and ancillary data, for which ancbufsize bytes of memory are used, from
    /// the socket. Appropriate sizes are what CMSG_SPACE() and CMSG_LEN() give.
    #[pymethod(sig = "($self, bufsize, ancbufsize=0, flags=0, /)")]
    fn recvmsg(
        &self,
        vm: &Vm,
        bufsize: i64,
        ancbufsize: Option<i64>,
        flags: Option<i32>,
    ) -> PyResult {
        message::receive_new(self, vm, bufsize, ancbufsize, flags.unwrap_or(0))
    }

    /// recvmsg_into(buffers[, ancbufsize[, flags]]) -> (nbytes, ancdata, msg_flags, address)
    ///
    /// As recvmsg(), but the normal data is put into a series of writable buffers.
    #[pymethod(sig = "($self, buffers, ancbufsize=0, flags=0, /)")]
    fn recvmsg_into(
        &self,
        vm: &Vm,
        buffers: &Value,
        ancbufsize: Option<i64>,
        flags: Option<i32>,
    ) -> PyResult {
        message::receive_into(self, vm, buffers, ancbufsize, flags.unwrap_or(0))
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

fn into_count(
    vm: &Vm,
    buffer: &WritableBuffer,
    count: Option<i64>,
    function: &str,
) -> PyResult<usize> {
    match Socket::size_asked(vm, count.unwrap_or(0), function)? {
        0 => Ok(buffer.len()),
        n if n > buffer.len() => Err(vm.value_error("buffer too small for requested bytes")),
        n => Ok(n),
    }
}

/// Constants, by name.
#[rustfmt::skip]
static NUMBERS: &[(&str, i64)] = &[
    ("AF_ALG", 38), ("AF_APPLETALK", 5), ("AF_ASH", 18), ("AF_ATMPVC", 8), ("AF_ATMSVC", 20), ("AF_AX25", 3),
    ("AF_BLUETOOTH", 31), ("AF_BRIDGE", 7), ("AF_CAN", 29), ("AF_DECnet", 12), ("AF_ECONET", 19), ("AF_INET", 2),
    ("AF_INET6", 10), ("AF_IPX", 4), ("AF_IRDA", 23), ("AF_KEY", 15), ("AF_LLC", 26), ("AF_NETBEUI", 13),
    ("AF_NETLINK", 16), ("AF_NETROM", 6), ("AF_PACKET", 17), ("AF_PPPOX", 24), ("AF_QIPCRTR", 42), ("AF_RDS", 21),
    ("AF_ROSE", 11), ("AF_ROUTE", 16), ("AF_SECURITY", 14), ("AF_SNA", 22), ("AF_TIPC", 30), ("AF_UNIX", 1),
    ("AF_UNSPEC", 0), ("AF_VSOCK", 40), ("AF_WANPIPE", 25), ("AF_X25", 9), ("AI_ADDRCONFIG", 32), ("AI_ALL", 16),
    ("AI_CANONNAME", 2), ("AI_NUMERICHOST", 4), ("AI_NUMERICSERV", 1024), ("AI_PASSIVE", 1), ("AI_V4MAPPED", 8),
    ("EAI_ADDRFAMILY", -9), ("EAI_AGAIN", -3), ("EAI_BADFLAGS", -1), ("EAI_FAIL", -4), ("EAI_FAMILY", -6),
    ("EAI_MEMORY", -10), ("EAI_NODATA", -5), ("EAI_NONAME", -2), ("EAI_OVERFLOW", -12), ("EAI_SERVICE", -8),
    ("EAI_SOCKTYPE", -7), ("EAI_SYSTEM", -11), ("INADDR_ALLHOSTS_GROUP", 3758096385), ("INADDR_ANY", 0),
    ("INADDR_BROADCAST", 4294967295), ("INADDR_LOOPBACK", 2130706433), ("INADDR_MAX_LOCAL_GROUP", 3758096639),
    ("INADDR_NONE", 4294967295), ("INADDR_UNSPEC_GROUP", 3758096384), ("IPPORT_RESERVED", 1024),
    ("IPPORT_USERRESERVED", 5000), ("IPPROTO_AH", 51), ("IPPROTO_DSTOPTS", 60), ("IPPROTO_EGP", 8),
    ("IPPROTO_ESP", 50), ("IPPROTO_FRAGMENT", 44), ("IPPROTO_GRE", 47), ("IPPROTO_HOPOPTS", 0),
    ("IPPROTO_ICMP", 1), ("IPPROTO_ICMPV6", 58), ("IPPROTO_IDP", 22), ("IPPROTO_IGMP", 2), ("IPPROTO_IP", 0),
    ("IPPROTO_IPIP", 4), ("IPPROTO_IPV6", 41), ("IPPROTO_MPTCP", 262), ("IPPROTO_NONE", 59), ("IPPROTO_PIM", 103),
    ("IPPROTO_PUP", 12), ("IPPROTO_RAW", 255), ("IPPROTO_ROUTING", 43), ("IPPROTO_RSVP", 46),
    ("IPPROTO_SCTP", 132), ("IPPROTO_TCP", 6), ("IPPROTO_TP", 29), ("IPPROTO_UDP", 17), ("IPPROTO_UDPLITE", 136),
    ("IPV6_CHECKSUM", 7), ("IPV6_DONTFRAG", 62), ("IPV6_DSTOPTS", 59), ("IPV6_HOPLIMIT", 52), ("IPV6_HOPOPTS", 54),
    ("IPV6_JOIN_GROUP", 20), ("IPV6_LEAVE_GROUP", 21), ("IPV6_MULTICAST_HOPS", 18), ("IPV6_MULTICAST_IF", 17),
    ("IPV6_MULTICAST_LOOP", 19), ("IPV6_NEXTHOP", 9), ("IPV6_PATHMTU", 61), ("IPV6_PKTINFO", 50),
    ("IPV6_RECVDSTOPTS", 58), ("IPV6_RECVERR", 25), ("IPV6_RECVHOPLIMIT", 51), ("IPV6_RECVHOPOPTS", 53),
    ("IPV6_RECVPATHMTU", 60), ("IPV6_RECVPKTINFO", 49), ("IPV6_RECVRTHDR", 56), ("IPV6_RECVTCLASS", 66),
    ("IPV6_RTHDR", 57), ("IPV6_RTHDRDSTOPTS", 55), ("IPV6_RTHDR_TYPE_0", 0), ("IPV6_TCLASS", 67),
    ("IPV6_UNICAST_HOPS", 16), ("IPV6_V6ONLY", 26), ("IP_ADD_MEMBERSHIP", 35), ("IP_ADD_SOURCE_MEMBERSHIP", 39),
    ("IP_BIND_ADDRESS_NO_PORT", 24), ("IP_BLOCK_SOURCE", 38), ("IP_DEFAULT_MULTICAST_LOOP", 1),
    ("IP_DEFAULT_MULTICAST_TTL", 1), ("IP_DROP_MEMBERSHIP", 36), ("IP_DROP_SOURCE_MEMBERSHIP", 40),
    ("IP_FREEBIND", 15), ("IP_HDRINCL", 3), ("IP_MAX_MEMBERSHIPS", 20), ("IP_MULTICAST_IF", 32),
    ("IP_MULTICAST_LOOP", 34), ("IP_MULTICAST_TTL", 33), ("IP_OPTIONS", 4), ("IP_PKTINFO", 8), ("IP_RECVERR", 11),
    ("IP_RECVOPTS", 6), ("IP_RECVORIGDSTADDR", 20), ("IP_RECVRETOPTS", 7), ("IP_RECVTOS", 13), ("IP_RECVTTL", 12),
    ("IP_RETOPTS", 7), ("IP_TOS", 1), ("IP_TRANSPARENT", 19), ("IP_TTL", 2), ("IP_UNBLOCK_SOURCE", 37),
    ("MSG_CMSG_CLOEXEC", 1073741824), ("MSG_CONFIRM", 2048), ("MSG_CTRUNC", 8), ("MSG_DONTROUTE", 4),
    ("MSG_DONTWAIT", 64), ("MSG_EOR", 128), ("MSG_ERRQUEUE", 8192), ("MSG_FASTOPEN", 536870912),
    ("MSG_MORE", 32768), ("MSG_NOSIGNAL", 16384), ("MSG_OOB", 1), ("MSG_PEEK", 2), ("MSG_TRUNC", 32),
    ("MSG_WAITALL", 256), ("NI_DGRAM", 16), ("NI_IDN", 32), ("NI_MAXHOST", 1025), ("NI_MAXSERV", 32),
    ("NI_NAMEREQD", 8), ("NI_NOFQDN", 4), ("NI_NUMERICHOST", 1), ("NI_NUMERICSERV", 2), ("SCM_CREDENTIALS", 2),
    ("SCM_J1939_DEST_ADDR", 1), ("SCM_J1939_DEST_NAME", 2), ("SCM_J1939_ERRQUEUE", 4), ("SCM_J1939_PRIO", 3),
    ("SCM_RIGHTS", 1), ("SHUT_RD", 0), ("SHUT_RDWR", 2), ("SHUT_WR", 1), ("SOCK_CLOEXEC", 524288),
    ("SOCK_DGRAM", 2), ("SOCK_NONBLOCK", 2048), ("SOCK_RAW", 3), ("SOCK_RDM", 4), ("SOCK_SEQPACKET", 5),
    ("SOCK_STREAM", 1), ("SOL_ALG", 279), ("SOL_BLUETOOTH", 274), ("SOL_CAN_BASE", 100), ("SOL_CAN_RAW", 101),
    ("SOL_HCI", 0), ("SOL_IP", 0), ("SOL_L2CAP", 6), ("SOL_RDS", 276), ("SOL_RFCOMM", 18), ("SOL_SCO", 17),
    ("SOL_SOCKET", 1), ("SOL_TCP", 6), ("SOL_TIPC", 271), ("SOL_UDP", 17), ("SOMAXCONN", 4096),
    ("SO_ACCEPTCONN", 30), ("SO_BINDTODEVICE", 25), ("SO_BINDTOIFINDEX", 62), ("SO_BROADCAST", 6), ("SO_DEBUG", 1),
    ("SO_DOMAIN", 39), ("SO_DONTROUTE", 5), ("SO_ERROR", 4), ("SO_INCOMING_CPU", 49), ("SO_J1939_ERRQUEUE", 4),
    ("SO_J1939_FILTER", 1), ("SO_J1939_PROMISC", 2), ("SO_J1939_SEND_PRIO", 3), ("SO_KEEPALIVE", 9),
    ("SO_LINGER", 13), ("SO_MARK", 36), ("SO_OOBINLINE", 10), ("SO_ORIGINAL_DST", 80), ("SO_PASSCRED", 16),
    ("SO_PASSSEC", 34), ("SO_PEERCRED", 17), ("SO_PEERSEC", 31), ("SO_PRIORITY", 12), ("SO_PROTOCOL", 38),
    ("SO_RCVBUF", 8), ("SO_RCVLOWAT", 18), ("SO_RCVTIMEO", 20), ("SO_REUSEADDR", 2), ("SO_REUSEPORT", 15),
    ("SO_SNDBUF", 7), ("SO_SNDLOWAT", 19), ("SO_SNDTIMEO", 21), ("SO_TYPE", 3),
    ("SO_VM_SOCKETS_BUFFER_MAX_SIZE", 2), ("SO_VM_SOCKETS_BUFFER_MIN_SIZE", 1), ("SO_VM_SOCKETS_BUFFER_SIZE", 0),
    ("TCP_CC_INFO", 26), ("TCP_CONGESTION", 13), ("TCP_CORK", 3), ("TCP_DEFER_ACCEPT", 9), ("TCP_FASTOPEN", 23),
    ("TCP_FASTOPEN_CONNECT", 30), ("TCP_FASTOPEN_KEY", 33), ("TCP_FASTOPEN_NO_COOKIE", 34), ("TCP_INFO", 11),
    ("TCP_INQ", 36), ("TCP_KEEPCNT", 6), ("TCP_KEEPIDLE", 4), ("TCP_KEEPINTVL", 5), ("TCP_LINGER2", 8),
    ("TCP_MAXSEG", 2), ("TCP_MD5SIG", 14), ("TCP_MD5SIG_EXT", 32), ("TCP_NODELAY", 1), ("TCP_NOTSENT_LOWAT", 25),
    ("TCP_QUEUE_SEQ", 21), ("TCP_QUICKACK", 12), ("TCP_REPAIR", 19), ("TCP_REPAIR_OPTIONS", 22),
    ("TCP_REPAIR_QUEUE", 20), ("TCP_REPAIR_WINDOW", 29), ("TCP_SAVED_SYN", 28), ("TCP_SAVE_SYN", 27),
    ("TCP_SYNCNT", 7), ("TCP_THIN_DUPACK", 17), ("TCP_THIN_LINEAR_TIMEOUTS", 16), ("TCP_TIMESTAMP", 24),
    ("TCP_TX_DELAY", 37), ("TCP_ULP", 31), ("TCP_USER_TIMEOUT", 18), ("TCP_WINDOW_CLAMP", 10),
    ("TCP_ZEROCOPY_RECEIVE", 35),
];

/// Implementation module for socket operations.
///
/// See the socket module for documentation.
#[pymodule(name = "_socket", classes(Socket))]
pub mod module {
    use super::*;

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        for &(name, value) in NUMBERS {
            module.set(vm, name, vm.new_int(value)?)?;
        }
        module.set(vm, "SocketType", vm.class::<Socket>().to_value())?;
        module.set(vm, "has_ipv6", Value::TRUE)?;
        module.set(vm, "error", vm.types.os_error.to_value())?;
        module.set(vm, "timeout", vm.types.exceptions.timeout_error.to_value())?;
        let state = vm.interp.module_state::<State>();
        for (name, place) in [("herror", &state.herror), ("gaierror", &state.gaierror)] {
            let bases = vm
                .new_tuple(vec![vm.types.os_error.to_value()])?
                .into_value();
            let dict = vm.new_dict()?;
            dict.set_str(vm, &vm.names.__module__, vm.new_str("socket")?.into_value())?;
            let args = [vm.new_str(name)?.into_value(), bases, dict.into_value()];
            let class = vm.call(vm.types.type_.as_value(), &args)?;
            module.set(vm, name, class.clone())?;
            place.set(class.downcast_into::<Type>().ok());
        }
        Ok(())
    }

    /// Close an integer socket file descriptor.
    #[pyfunction(sig = "($module, fd, /)")]
    fn close(vm: &Vm, fd: i32) -> PyResult<()> {
        // SAFETY: a plain call, as asked.
        if vm.without_gil(|| unsafe { libc::close(fd) }) < 0 {
            return Err(os_error(vm, errno()));
        }
        Ok(())
    }

    /// Duplicate an integer socket file descriptor.
    #[pyfunction(sig = "($module, fd, /)")]
    fn dup(vm: &Vm, fd: i32) -> PyResult<i32> {
        // SAFETY: a plain call.
        match unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) } {
            -1 => Err(os_error(vm, errno())),
            new => Ok(new),
        }
    }

    /// Create a pair of socket objects from the sockets returned by the platform's socketpair().
    #[pyfunction(sig = "($module, family=1, type=1, proto=0, /)")]
    fn socketpair(
        vm: &Vm,
        family: Option<i32>,
        type_: Option<i32>,
        proto: Option<i32>,
    ) -> PyResult {
        let (family, kind, proto) = (
            family.unwrap_or(libc::AF_UNIX),
            type_.unwrap_or(libc::SOCK_STREAM),
            proto.unwrap_or(0),
        );
        let mut fds = [0i32; 2];
        // SAFETY: room for two descriptors.
        if unsafe { libc::socketpair(family, kind | libc::SOCK_CLOEXEC, proto, fds.as_mut_ptr()) }
            < 0
        {
            return Err(os_error(vm, errno()));
        }
        let class = vm.class::<Socket>().to_value();
        let mut pair = Vec::new();
        for fd in fds {
            let args = [
                i64::from(family),
                i64::from(kind),
                i64::from(proto),
                i64::from(fd),
            ];
            let args = args
                .iter()
                .map(|&n| vm.new_int(n))
                .collect::<PyResult<Vec<_>>>()?;
            pair.push(vm.call(&class, &args)?);
        }
        Ok(vm.new_tuple(pair)?.into_value())
    }

    /// CMSG_LEN(length) -> control message length
    ///
    /// Return the total length, without trailing padding, of an ancillary data item with data of the given length.
    #[pyfunction(name = "CMSG_LEN", sig = "(length, /)")]
    fn cmsg_len(vm: &Vm, length: isize) -> PyResult<usize> {
        message::cmsg_len(vm, length)
    }

    /// CMSG_SPACE(length) -> buffer size
    ///
    /// Return the buffer size needed for recvmsg() to receive an ancillary data item with data of the given length, with
    /// its padding.
    #[pyfunction(name = "CMSG_SPACE", sig = "(length, /)")]
    fn cmsg_space(vm: &Vm, length: isize) -> PyResult<usize> {
        message::cmsg_space(vm, length)
    }

    /// getservbyname(servicename[, protocolname]) -> integer
    ///
    /// Return a port number from a service name and protocol name.
    /// The optional protocol name, if given, should be 'tcp' or 'udp',
    /// otherwise any protocol will match.
    #[pyfunction(sig = "(servicename, protocolname=None, /)")]
    fn getservbyname(vm: &Vm, servicename: &Value, protocolname: Option<&Value>) -> PyResult<i64> {
        services::service_by_name(vm, servicename, protocolname)
    }

    /// getservbyport(port[, protocolname]) -> string
    ///
    /// Return the service name from a port number and protocol name.
    /// The optional protocol name, if given, should be 'tcp' or 'udp',
    /// otherwise any protocol will match.
    #[pyfunction(sig = "(port, protocolname=None, /)")]
    fn getservbyport(vm: &Vm, port: &Value, protocolname: Option<&Value>) -> PyResult {
        services::service_by_port(vm, port, protocolname)
    }

    /// Return the protocol number for the named protocol.  (Rarely used.)
    #[pyfunction(sig = "(name, /)")]
    fn getprotobyname(vm: &Vm, name: &Value) -> PyResult<i64> {
        services::protocol_by_name(vm, name)
    }

    /// Returns a list of network interface information (index, name) tuples.
    #[pyfunction(sig = "($self, /)")]
    fn if_nameindex(vm: &Vm) -> PyResult {
        services::interfaces(vm)
    }

    /// Returns the interface index corresponding to the interface name if_name.
    #[pyfunction(sig = "($module, oname, /)")]
    fn if_nametoindex(vm: &Vm, oname: &Value) -> PyResult<i64> {
        let name = crate::posix::path::fs_bytes(vm, oname)?;
        let name = CString::new(name).map_err(|_| vm.value_error("embedded null byte"))?;
        services::interface_index(vm, &name)
    }

    /// Returns the interface name corresponding to the interface index if_index.
    #[pyfunction(sig = "($module, if_index, /)")]
    fn if_indextoname(vm: &Vm, if_index: &Value) -> PyResult {
        services::interface_by_index(vm, if_index)
    }

    /// Sets the hostname to name.
    #[pyfunction(sig = "(name, /)")]
    fn sethostname(vm: &Vm, name: &Value) -> PyResult<()> {
        let bytes = match str_::of(name) {
            Some(_) => crate::posix::path::fs_bytes(vm, name)?,
            None => match name.downcast::<Bytes>() {
                Some(bytes) => bytes.as_bytes().to_vec(),
                None => {
                    return Err(vm.type_error(format!(
                        "sethostname() argument 1 must be str or bytes, not {}",
                        vm.type_name(name)
                    )));
                }
            },
        };
        vm.permit(Access::Event(
            "socket.sethostname",
            std::slice::from_ref(name),
        ))?;
        // SAFETY: so many bytes are there.
        if unsafe { libc::sethostname(bytes.as_ptr().cast(), bytes.len()) } < 0 {
            return Err(os_error(vm, errno()));
        }
        Ok(())
    }

    /// Return the current host name.
    #[pyfunction(sig = "($module, /)")]
    fn gethostname(vm: &Vm) -> PyResult {
        vm.permit(Access::Event("socket.gethostname", &[]))?;
        let mut buffer = [0u8; 1024];
        // SAFETY: the buffer has the length that is told.
        if unsafe { libc::gethostname(buffer.as_mut_ptr().cast(), buffer.len()) } < 0 {
            return Err(os_error(vm, errno()));
        }
        let end = buffer.iter().position(|&b| b == 0).unwrap_or(buffer.len());
        str_::codecs::decode(
            vm,
            &buffer[..end],
            None,
            Some(&vm.intern("surrogateescape")),
        )
    }

    /// Resolve host and port into a list of (family, type, proto, canonname, sockaddr).
    #[pyfunction(sig = "($module, /, host, port, family=0, type=0, proto=0, flags=0)")]
    fn getaddrinfo(
        vm: &Vm,
        host: &Value,
        port: &Value,
        family: Option<i32>,
        type_: Option<i32>,
        proto: Option<i32>,
        flags: Option<i32>,
    ) -> PyResult {
        let name = if host.is_none() {
            None
        } else {
            Some(host_name(vm, host)?)
        };
        let service = if port.is_none() {
            None
        } else if number::is_int(vm, port) {
            Some(
                object::str(vm, port)?
                    .to_string_lossy()
                    .into_owned()
                    .into_bytes(),
            )
        } else if let Some(text) = str_::of(port) {
            if text.as_str().is_none() {
                return Err(naja_vm::exception::surrogates_not_allowed(vm, text));
            }
            Some(text.as_bytes().to_vec())
        } else if let Some(bytes) = port.downcast::<Bytes>() {
            Some(bytes.as_bytes().to_vec())
        } else {
            return Err(vm.raise(&vm.types.os_error, "Int or String expected"));
        };
        let service = service
            .map(CString::new)
            .transpose()
            .map_err(|_| vm.value_error("embedded null character"))?;
        let hints = [
            family.unwrap_or(0),
            type_.unwrap_or(0),
            proto.unwrap_or(0),
            flags.unwrap_or(0),
        ];
        let mut event = vec![host.clone(), port.clone()];
        for n in &hints[..3] {
            event.push(vm.new_int(i64::from(*n))?);
        }
        vm.permit(Access::Event("socket.getaddrinfo", &event))?;
        let mut all = Vec::new();
        for (family, kind, proto, canonical, address) in
            look_up(vm, name.as_deref(), service.as_deref(), hints)?
        {
            let items = vec![
                vm.new_int(i64::from(family))?,
                vm.new_int(i64::from(kind))?,
                vm.new_int(i64::from(proto))?,
                vm.new_str(canonical)?.into_value(),
                address.to_python(vm)?,
            ];
            all.push(vm.new_tuple(items)?.into_value());
        }
        Ok(vm.new_list(all)?.into_value())
    }

    /// Get host and port for a sockaddr.
    #[pyfunction(sig = "($module, sockaddr, flags, /)")]
    fn getnameinfo(vm: &Vm, sockaddr: &Ref<Tuple>, flags: i32) -> PyResult {
        let number = |at: usize| match sockaddr.get(at) {
            Some(value) => number::index_i64(vm, value).map(|n| n.unwrap_or(i64::MAX)),
            None => Ok(0),
        };
        let Some(host) = sockaddr
            .get(0)
            .filter(|_| (2..=4).contains(&sockaddr.len()))
        else {
            return Err(vm.type_error("getnameinfo(): illegal sockaddr argument"));
        };
        let (port, flowinfo, scope) = (number(1)?, number(2)?, number(3)?);
        if !(0..=0xfffff).contains(&flowinfo) {
            return Err(vm.overflow_error("getnameinfo(): flowinfo must be 0-1048575."));
        }
        vm.permit(Access::Event("socket.getnameinfo", &[sockaddr.to_value()]))?;
        let (name, service) = (host_name(vm, host)?, CString::new(port.to_string()));
        let hints = [libc::AF_UNSPEC, libc::SOCK_DGRAM, 0, libc::AI_NUMERICHOST];
        let found = look_up(vm, Some(&name), service.as_deref().ok(), hints)?;
        let mut found = found.into_iter();
        let (Some((family, .., mut a)), None) = (found.next(), found.next()) else {
            let text = "sockaddr resolved to multiple addresses";
            return Err(vm.raise(&vm.types.os_error, text));
        };
        if family == libc::AF_INET && sockaddr.len() != 2 {
            return Err(vm.raise(&vm.types.os_error, "IPv4 sockaddr must be 2 tuple"));
        }
        if family == libc::AF_INET6 {
            let mut six: libc::sockaddr_in6 = a.read();
            six.sin6_flowinfo = (flowinfo as u32).to_be();
            six.sin6_scope_id = scope as u32;
            a = Address::of(&six);
        }
        let (mut host, mut port) = ([0u8; 1025], [0u8; 32]);
        let (h, p) = (host.as_mut_ptr() as usize, port.as_mut_ptr() as usize);
        // SAFETY: the buffers have the lengths that are told.
        let code = vm.without_gil(|| unsafe {
            libc::getnameinfo(
                a.as_ptr(),
                a.len,
                h as *mut libc::c_char,
                1025,
                p as *mut libc::c_char,
                32,
                flags,
            )
        });
        if code != 0 {
            return Err(gai_error(vm, code));
        }
        let text = |b: &[u8]| -> PyResult {
            let end = b.iter().position(|&c| c == 0).unwrap_or(b.len());
            Ok(vm.new_str(String::from_utf8_lossy(&b[..end]))?.into_value())
        };
        Ok(vm.new_tuple(vec![text(&host)?, text(&port)?])?.into_value())
    }

    /// Return the IP address (a string of the form '255.255.255.255') for a host.
    #[pyfunction(sig = "($module, host, /)")]
    fn gethostbyname(vm: &Vm, host: &Value) -> PyResult {
        vm.permit(Access::Event(
            "socket.gethostbyname",
            std::slice::from_ref(host),
        ))?;
        let a: libc::sockaddr_in = resolve(vm, host, libc::AF_INET)?.read();
        Ok(vm
            .new_str(Ipv4Addr::from(u32::from_be(a.sin_addr.s_addr)).to_string())?
            .into_value())
    }

    /// Return the true host name, a list of aliases, and a list of IP addresses, for a host.
    ///
    /// The host argument is a string giving a host name or IP number.
    #[pyfunction(sig = "($module, host, /)")]
    fn gethostbyname_ex(vm: &Vm, host: &Value) -> PyResult {
        let args = std::slice::from_ref(host);
        vm.permit(Access::Event("socket.gethostbyname", args))?;
        let name = host_name(vm, host)?;
        host_entry(vm, |found, entry, buffer, error| {
            // SAFETY: a C string, and room as `host_entry` says.
            unsafe {
                let (len, data) = (buffer.len(), buffer.as_mut_ptr());
                gethostbyname_r(name.as_ptr(), entry, data, len, found, error)
            }
        })
    }

    /// Return the true host name, a list of aliases, and a list of IP addresses, for a host.
    ///
    /// The host argument is a string giving a host name or IP number.
    #[pyfunction(sig = "($module, host, /)")]
    fn gethostbyaddr(vm: &Vm, host: &Value) -> PyResult {
        let args = std::slice::from_ref(host);
        vm.permit(Access::Event("socket.gethostbyaddr", args))?;
        let address = resolve(vm, host, libc::AF_UNSPEC)?;
        let (family, bytes) = match i32::from(address.storage.ss_family) {
            libc::AF_INET => {
                let a: libc::sockaddr_in = address.read();
                (libc::AF_INET, a.sin_addr.s_addr.to_ne_bytes().to_vec())
            }
            libc::AF_INET6 => {
                let a: libc::sockaddr_in6 = address.read();
                (libc::AF_INET6, a.sin6_addr.s6_addr.to_vec())
            }
            _ => return Err(vm.raise(&vm.types.os_error, "unsupported address family")),
        };
        host_entry(vm, |found, entry, buffer, error| {
            // SAFETY: an address of that family, and room as `host_entry` says.
            unsafe {
                let count = bytes.len() as libc::socklen_t;
                let (len, data) = (buffer.len(), buffer.as_mut_ptr());
                gethostbyaddr_r(
                    bytes.as_ptr().cast(),
                    count,
                    family,
                    entry,
                    data,
                    len,
                    found,
                    error,
                )
            }
        })
    }

    /// Convert an IP address in string format to the 32-bit packed binary format.
    #[pyfunction(sig = "($module, ip_addr, /)")]
    fn inet_aton(vm: &Vm, ip_addr: &str) -> PyResult {
        unsafe extern "C" {
            fn inet_aton(cp: *const libc::c_char, inp: *mut libc::in_addr) -> libc::c_int;
        }
        let text = CString::new(ip_addr).map_err(|_| vm.value_error("embedded null character"))?;
        let mut address = libc::in_addr { s_addr: 0 };
        // SAFETY: a C string, room for one address.
        if unsafe { inet_aton(text.as_ptr(), &mut address) } == 0 {
            return Err(vm.raise(
                &vm.types.os_error,
                "illegal IP address string passed to inet_aton",
            ));
        }
        Ok(vm.new_bytes(&address.s_addr.to_ne_bytes())?.into_value())
    }

    /// Convert an IP address from 32-bit packed binary format to string format.
    #[pyfunction(sig = "($module, packed_ip, /)")]
    fn inet_ntoa(vm: &Vm, packed_ip: Buffer) -> PyResult {
        match <[u8; 4]>::try_from(packed_ip.to_vec()) {
            Ok(bytes) => Ok(vm.new_str(Ipv4Addr::from(bytes).to_string())?.into_value()),
            Err(_) => Err(vm.raise(&vm.types.os_error, "packed IP wrong length")),
        }
    }

    /// Convert an IP address from string format to a packed string for use with low-level network functions.
    #[pyfunction(sig = "($module, af, ip, /)")]
    fn inet_pton(vm: &Vm, af: i32, ip: &str) -> PyResult {
        let wrong = || {
            vm.raise(
                &vm.types.os_error,
                "illegal IP address string passed to inet_pton",
            )
        };
        match af {
            libc::AF_INET => Ok(vm
                .new_bytes(&ip.parse::<Ipv4Addr>().map_err(|_| wrong())?.octets())?
                .into_value()),
            libc::AF_INET6 => Ok(vm
                .new_bytes(&ip.parse::<Ipv6Addr>().map_err(|_| wrong())?.octets())?
                .into_value()),
            _ => Err(os_error(vm, libc::EAFNOSUPPORT)),
        }
    }

    /// Convert a packed IP address of the given family to string format.
    #[pyfunction(sig = "($module, af, packed_ip, /)")]
    fn inet_ntop(vm: &Vm, af: i32, packed_ip: Buffer) -> PyResult {
        let data = packed_ip.to_vec();
        let text = match af {
            libc::AF_INET => <[u8; 4]>::try_from(data).map(|b| Ipv4Addr::from(b).to_string()),
            libc::AF_INET6 => <[u8; 16]>::try_from(data).map(|b| Ipv6Addr::from(b).to_string()),
            _ => return Err(vm.value_error(format!("unknown address family {af}"))),
        };
        match text {
            Ok(text) => Ok(vm.new_str(text)?.into_value()),
            Err(_) => Err(vm.value_error("invalid length of packed IP address string")),
        }
    }

    /// A number of at most `bits` bits, of the C type `name`. Raises ValueError, OverflowError.
    fn unsigned(vm: &Vm, x: &Value, bits: u32, name: &str) -> PyResult<u32> {
        let Some(n) = number::index_i64(vm, x)? else {
            let int = number::index(vm, x)?;
            let zero = Value::small_int(0);
            let negative = compare::compare_bool(vm, &int, &zero, compare::CompareOp::Lt)?;
            return Err(if negative {
                vm.value_error("Cannot convert negative int")
            } else {
                vm.overflow_error(format!("Python int too large for C {name}"))
            });
        };
        match u32::try_from(n) {
            Ok(n) if u64::from(n) >> bits == 0 => Ok(n),
            _ if n < 0 => Err(vm.value_error("Cannot convert negative int")),
            _ => Err(vm.overflow_error(format!("Python int too large for C {name}"))),
        }
    }

    fn short(vm: &Vm, x: &Value) -> PyResult<u16> {
        Ok(unsigned(vm, x, 16, "uint16_t")? as u16)
    }

    fn long(vm: &Vm, x: &Value) -> PyResult<u32> {
        unsigned(vm, x, 32, "uint32_t")
    }

    /// Convert a 16-bit unsigned integer from network to host byte order.
    #[pyfunction(sig = "($module, x, /)")]
    fn ntohs(vm: &Vm, x: &Value) -> PyResult<i64> {
        Ok(i64::from(u16::from_be(short(vm, x)?)))
    }

    /// Convert a 16-bit unsigned integer from host to network byte order.
    #[pyfunction(sig = "($module, x, /)")]
    fn htons(vm: &Vm, x: &Value) -> PyResult<i64> {
        Ok(i64::from(short(vm, x)?.to_be()))
    }

    /// Convert a 32-bit integer from network to host byte order.
    #[pyfunction(sig = "($module, x, /)")]
    fn ntohl(vm: &Vm, x: &Value) -> PyResult<i64> {
        Ok(i64::from(u32::from_be(long(vm, x)?)))
    }

    /// Convert a 32-bit integer from host to network byte order.
    #[pyfunction(sig = "($module, x, /)")]
    fn htonl(vm: &Vm, x: &Value) -> PyResult<i64> {
        Ok(i64::from(long(vm, x)?.to_be()))
    }

    /// Return the default timeout in seconds (float) for new socket objects; None for no timeout.
    #[pyfunction(sig = "($module, /)")]
    fn getdefaulttimeout(vm: &Vm) -> PyResult {
        match vm.interp.module_state::<State>().timeout.get() {
            Some(seconds) => vm.new_float(seconds),
            None => Ok(Value::NONE),
        }
    }

    /// Set the default timeout in seconds (float) for new socket objects.
    #[pyfunction(sig = "($module, timeout, /)")]
    fn setdefaulttimeout(vm: &Vm, timeout: &Value) -> PyResult<()> {
        let timeout = timeout_of(vm, timeout)?;
        vm.interp
            .module_state::<State>()
            .timeout
            .set(timeout.map(|t| t.as_secs_f64()));
        Ok(())
    }
}
