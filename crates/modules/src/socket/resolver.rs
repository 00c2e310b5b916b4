//! Names of hosts: looking them up by `getaddrinfo` and its older relatives, and the host's own name.
//!
//! Look-ups run without the interpreter lock; what the system answers is copied before its memory is given back.
//! CPython: setipaddr, gethost_common and the functions get*name, get*info, gethostby* in Modules/socketmodule.c.

use super::address::Address;
use super::{State, errno};
use naja_heap::{Ref, Value};
use naja_macros::pymodule;
use naja_vm::buffer::Buffer;
use naja_vm::builtins::print::os_error;
use naja_vm::bytes::Bytes;
use naja_vm::protocols::{number, object};
use naja_vm::runtime::Access;
use naja_vm::str_;
use naja_vm::tuple::Tuple;
use naja_vm::{PyResult, Raised, Vm};
use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Ipv6Addr};

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
pub(super) fn resolve(vm: &Vm, host: &Value, family: i32) -> PyResult<Address> {
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

/// The functions of the module about hosts.
#[pymodule(name = "_socket", doc = "")]
pub mod module {
    use super::*;

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
}
