//! The names of services, protocols and network interfaces. CPython: Modules/socketmodule.c.
//!
//! The look-ups of services and protocols answer from memory that the C library owns, so they run with the interpreter
//! lock held and are copied at once.

use naja_heap::Value;
use naja_macros::pymodule;
use naja_vm::builtins::print::os_error;
use naja_vm::protocols::number;
use naja_vm::runtime::Access;
use naja_vm::str_;
use naja_vm::{PyResult, Vm};
use std::ffi::{CStr, CString};

fn c_text(vm: &Vm, text: &str) -> PyResult<CString> {
    CString::new(text).map_err(|_| vm.value_error("embedded null character"))
}

/// Protocol argument of the look-ups for services: text, or nothing.
fn protocol(vm: &Vm, function: &str, value: Option<&Value>) -> PyResult<Option<CString>> {
    match value {
        None => Ok(None),
        Some(value) => text_argument(vm, function, 2, value).map(Some),
    }
}

/// An argument that must be `str`.
pub fn text_argument(vm: &Vm, function: &str, at: usize, value: &Value) -> PyResult<CString> {
    match str_::of(value) {
        Some(text) => match text.as_str() {
            Some(text) => c_text(vm, text),
            None => Err(vm.value_error("surrogates not allowed")),
        },
        None => Err(vm.type_error(format!(
            "{function}() argument {at} must be str, not {}",
            if value.is_none() {
                "None".into()
            } else {
                vm.type_name(value)
            }
        ))),
    }
}

fn not_found(vm: &Vm, what: &str) -> naja_vm::Raised {
    vm.raise(&vm.types.os_error, format!("{what} not found"))
}

/// The port of a service.
pub fn service_by_name(vm: &Vm, name: &Value, proto: Option<&Value>) -> PyResult<i64> {
    let text = text_argument(vm, "getservbyname", 1, name)?;
    let protocol = protocol(vm, "getservbyname", proto)?;
    let event = [name.clone(), proto.cloned().unwrap_or(Value::NONE)];
    vm.permit(Access::Event("socket.getservbyname", &event))?;
    // SAFETY: C strings or null; the answer is read before anybody else can ask.
    let port = unsafe {
        let proto = protocol.as_ref().map_or(std::ptr::null(), |p| p.as_ptr());
        libc::getservbyname(text.as_ptr(), proto)
            .as_ref()
            .map(|entry| entry.s_port)
    };
    match port {
        Some(port) => Ok(i64::from(u16::from_be(port as u16))),
        None => Err(not_found(vm, "service/proto")),
    }
}

/// The service of a port.
pub fn service_by_port(vm: &Vm, port: &Value, proto: Option<&Value>) -> PyResult {
    unsafe extern "C" {
        fn getservbyport(port: libc::c_int, proto: *const libc::c_char) -> *mut libc::servent;
    }
    let number = super::address::port_of(vm, port, "getservbyport").map_err(|raised| {
        if vm.catch(&vm.types.overflow_error) {
            vm.overflow_error("getservbyport: port must be 0-65535.")
        } else {
            raised
        }
    })?;
    let protocol = protocol(vm, "getservbyport", proto)?;
    let event = [port.clone(), proto.cloned().unwrap_or(Value::NONE)];
    vm.permit(Access::Event("socket.getservbyport", &event))?;
    // SAFETY: a C string or null; the answer is copied before anybody else can ask.
    let name = unsafe {
        let proto = protocol.as_ref().map_or(std::ptr::null(), |p| p.as_ptr());
        getservbyport(i32::from(number.to_be()), proto)
            .as_ref()
            .map(|entry| CStr::from_ptr(entry.s_name).to_string_lossy().into_owned())
    };
    match name {
        Some(name) => Ok(vm.new_str(name)?.into_value()),
        None => Err(not_found(vm, "port/proto")),
    }
}

/// The number of a protocol.
pub fn protocol_by_name(vm: &Vm, name: &Value) -> PyResult<i64> {
    let text = text_argument(vm, "getprotobyname", 1, name)?;
    // SAFETY: a C string; the answer is read before anybody else can ask.
    let number = unsafe {
        libc::getprotobyname(text.as_ptr())
            .as_ref()
            .map(|entry| entry.p_proto)
    };
    number
        .map(i64::from)
        .ok_or_else(|| not_found(vm, "protocol"))
}

fn interface_name(vm: &Vm, name: &[u8]) -> PyResult {
    let errors = vm.intern("surrogateescape");
    str_::codecs::decode(vm, name, None, Some(&errors))
}

/// Pairs of number and name of all interfaces.
pub fn interfaces(vm: &Vm) -> PyResult {
    let mut found: Vec<(u32, Vec<u8>)> = Vec::new();
    // SAFETY: the list ends with an entry of zeros, and is freed after its names were copied.
    unsafe {
        let list = libc::if_nameindex();
        if list.is_null() {
            return Err(os_error(vm, super::errno()));
        }
        let mut entry = list;
        while (*entry).if_index != 0 && !(*entry).if_name.is_null() {
            let name = CStr::from_ptr((*entry).if_name).to_bytes().to_vec();
            found.push(((*entry).if_index, name));
            entry = entry.add(1);
        }
        libc::if_freenameindex(list);
    }
    let mut all = Vec::new();
    for (index, name) in found {
        let pair = vec![vm.new_int(i64::from(index))?, interface_name(vm, &name)?];
        all.push(vm.new_tuple(pair)?.into_value());
    }
    Ok(vm.new_list(all)?.into_value())
}

/// The number of an interface, whose name is given as a file's is.
pub fn interface_index(vm: &Vm, name: &CStr) -> PyResult<i64> {
    // SAFETY: a C string.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(os_error(vm, super::errno())),
        index => Ok(i64::from(index)),
    }
}

/// The name of an interface.
pub fn interface_by_index(vm: &Vm, index: &Value) -> PyResult {
    let number = number::index_i64(vm, index)?;
    let index = match number {
        Some(n) if n < 0 => return Err(vm.value_error("Cannot convert negative int")),
        Some(n) => u32::try_from(n).ok(),
        None => None,
    };
    let Some(index) = index else {
        return Err(vm.overflow_error("Python int too large for C unsigned int"));
    };
    let mut name = [0 as libc::c_char; libc::IF_NAMESIZE + 1];
    // SAFETY: room for the longest name.
    let found = unsafe { libc::if_indextoname(index, name.as_mut_ptr()) };
    if found.is_null() {
        return Err(os_error(vm, super::errno()));
    }
    let bytes: Vec<u8> = name
        .iter()
        .take_while(|&&c| c != 0)
        .map(|&c| c as u8)
        .collect();
    interface_name(vm, &bytes)
}

/// The functions of the module about services, protocols and interfaces.
#[pymodule(name = "_socket", doc = "")]
pub mod module {
    use super::*;

    /// getservbyname(servicename[, protocolname]) -> integer
    ///
    /// Return a port number from a service name and protocol name.
    /// The optional protocol name, if given, should be 'tcp' or 'udp',
    /// otherwise any protocol will match.
    #[pyfunction(sig = "(servicename, protocolname=None, /)")]
    fn getservbyname(vm: &Vm, servicename: &Value, protocolname: Option<&Value>) -> PyResult<i64> {
        service_by_name(vm, servicename, protocolname)
    }

    /// getservbyport(port[, protocolname]) -> string
    ///
    /// Return the service name from a port number and protocol name.
    /// The optional protocol name, if given, should be 'tcp' or 'udp',
    /// otherwise any protocol will match.
    #[pyfunction(sig = "(port, protocolname=None, /)")]
    fn getservbyport(vm: &Vm, port: &Value, protocolname: Option<&Value>) -> PyResult {
        service_by_port(vm, port, protocolname)
    }

    /// Return the protocol number for the named protocol.  (Rarely used.)
    #[pyfunction(sig = "(name, /)")]
    fn getprotobyname(vm: &Vm, name: &Value) -> PyResult<i64> {
        protocol_by_name(vm, name)
    }

    /// Returns a list of network interface information (index, name) tuples.
    #[pyfunction(sig = "($self, /)")]
    fn if_nameindex(vm: &Vm) -> PyResult {
        interfaces(vm)
    }

    /// Returns the interface index corresponding to the interface name if_name.
    #[pyfunction(sig = "($module, oname, /)")]
    fn if_nametoindex(vm: &Vm, oname: &Value) -> PyResult<i64> {
        let name = crate::posix::path::fs_bytes(vm, oname)?;
        let name = CString::new(name).map_err(|_| vm.value_error("embedded null byte"))?;
        interface_index(vm, &name)
    }

    /// Returns the interface name corresponding to the interface index if_index.
    #[pyfunction(sig = "($module, if_index, /)")]
    fn if_indextoname(vm: &Vm, if_index: &Value) -> PyResult {
        interface_by_index(vm, if_index)
    }
}
