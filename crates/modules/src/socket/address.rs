//! Addresses: as the system has them ([`Address`]), as Python's tuples and texts, packed, and numbers in the byte order of
//! the network.
//!
//! Invariant: `len` says how much of the storage is filled, and is never more than the storage. CPython: makesockaddr,
//! getsockaddrarg and the functions inet_* and ntoh* in Modules/socketmodule.c.

use super::resolver::resolve;
use naja_heap::Value;
use naja_macros::pymodule;
use naja_vm::buffer::Buffer;
use naja_vm::builtins::print::os_error;
use naja_vm::protocols::{compare, number};
use naja_vm::str_;
use naja_vm::tuple::Tuple;
use naja_vm::{PyResult, Vm};
use std::ffi::CString;
use std::mem::{MaybeUninit, size_of};
use std::net::{Ipv4Addr, Ipv6Addr};

/// An address as the system has it.
pub(super) struct Address {
    pub(super) storage: libc::sockaddr_storage,
    pub(super) len: libc::socklen_t,
}

impl Address {
    pub(super) fn empty() -> Address {
        // SAFETY: zeros are a valid empty address.
        let storage = unsafe { MaybeUninit::zeroed().assume_init() };
        Address {
            storage,
            len: size_of::<libc::sockaddr_storage>() as libc::socklen_t,
        }
    }

    pub(super) fn as_ptr(&self) -> *const libc::sockaddr {
        (&raw const self.storage).cast()
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut libc::sockaddr {
        (&raw mut self.storage).cast()
    }

    /// Puts a system structure in.
    pub(super) fn of<T>(value: &T) -> Address {
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

    pub(super) fn read<T: Copy>(&self) -> T {
        // SAFETY: the storage is large and aligned enough for any address, and all bit patterns are valid.
        unsafe { *(&raw const self.storage).cast::<T>() }
    }

    /// The address as Python has it.
    pub(super) fn to_python(&self, vm: &Vm) -> PyResult {
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

pub(super) fn port_of(vm: &Vm, value: &Value, function: &str) -> PyResult<u16> {
    let port = number::index_i64(vm, value)?.unwrap_or(-1);
    u16::try_from(port)
        .map_err(|_| vm.overflow_error(format!("{function}(): port must be 0-65535.")))
}

/// An address argument for a family.
pub(super) fn address_of(vm: &Vm, family: i32, value: &Value, function: &str) -> PyResult<Address> {
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

/// The functions of the module about packed addresses and byte order.
#[pymodule(name = "_socket", doc = "")]
pub mod module {
    use super::*;

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
}
