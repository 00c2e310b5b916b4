//! `sendmsg`, `recvmsg`, `recvmsg_into`: messages of several pieces, with ancillary data.
//!
//! The pieces are lent by Python objects; their exports live until the call is over, so the addresses given to the
//! system stay good while other threads run. Descriptors that arrive by SCM_RIGHTS and cannot be handed on, because making
//! the answer fails, are closed. CPython: sock_sendmsg, sock_recvmsg_guts in Modules/socketmodule.c.

use super::Socket;
use super::address::{Address, address_of};
use naja_heap::{Ref, Value};
use naja_macros::pymodule;
use naja_vm::buffer::Buffer;
use naja_vm::protocols::{iterator, number};
use naja_vm::runtime::Access;
use naja_vm::tuple::Tuple;
use naja_vm::{PyResult, Vm};
use std::mem::{MaybeUninit, size_of};

/// The largest length that the system's type for lengths of addresses and ancillary data can say.
const LENGTH_MAX: usize = i32::MAX as usize;

/// `CMSG_LEN(length)` of the system. Raises OverflowError.
pub fn cmsg_len(vm: &Vm, length: isize) -> PyResult<usize> {
    // SAFETY: pure arithmetic.
    let header = unsafe { libc::CMSG_LEN(0) } as usize;
    match usize::try_from(length) {
        Ok(n) if n <= LENGTH_MAX - header => Ok(header + n),
        _ => Err(vm.overflow_error("CMSG_LEN() argument out of range")),
    }
}

/// `CMSG_SPACE(length)` of the system. Raises OverflowError.
pub fn cmsg_space(vm: &Vm, length: isize) -> PyResult<usize> {
    // SAFETY: pure arithmetic.
    let least = unsafe { libc::CMSG_SPACE(1) } as usize;
    match usize::try_from(length) {
        // SAFETY: pure arithmetic.
        Ok(n) if n <= LENGTH_MAX - least => Ok(unsafe { libc::CMSG_SPACE(n as u32) } as usize),
        _ => Err(vm.overflow_error("CMSG_SPACE() argument out of range")),
    }
}

/// The items of an iterable argument. Raises TypeError with `message` where it is none.
fn items_of(vm: &Vm, value: &Value, message: &str) -> PyResult<Vec<Value>> {
    let mut items = Vec::new();
    let iterator = match iterator::iter(vm, value) {
        Ok(iterator) => iterator,
        Err(_) if vm.catch(&vm.types.type_error) => return Err(vm.type_error(message)),
        Err(raised) => return Err(raised),
    };
    while let Some(item) = iterator::next(vm, &iterator)? {
        items.push(item);
    }
    Ok(items)
}

/// Memory for ancillary data, aligned as its headers need it.
fn ancillary_room(vm: &Vm, bytes: usize) -> PyResult<Vec<usize>> {
    let words = bytes.div_ceil(size_of::<usize>());
    let mut room = Vec::new();
    if room.try_reserve_exact(words).is_err() {
        return Err(vm.memory_error(""));
    }
    room.resize(words, 0);
    Ok(room)
}

/// A message without anything.
fn empty_message() -> libc::msghdr {
    // SAFETY: zeros are a valid empty message.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

/// Level, type and data of one item of ancillary data to be sent.
fn ancillary_item(vm: &Vm, item: &Value) -> PyResult<(i32, i32, Buffer)> {
    let wrong = |what: String| {
        vm.type_error(format!(
            "[sendmsg() ancillary data items]() argument must be {what}"
        ))
    };
    let Some(tuple) = item.downcast::<Tuple>() else {
        let given = vm.type_name(item);
        return Err(wrong(format!("3-item tuple, not {given}")));
    };
    let [level, kind, data] = tuple.items() else {
        let given = tuple.items().len();
        return Err(wrong(format!("tuple of length 3, not {given}")));
    };
    Ok((c_int(vm, level)?, c_int(vm, kind)?, Buffer::of(vm, data)?))
}

fn c_int(vm: &Vm, value: &Value) -> PyResult<i32> {
    let n = number::index_i64(vm, value)?;
    match n.map(i32::try_from) {
        Some(Ok(n)) => Ok(n),
        _ if n.is_some_and(|n| n < 0) => {
            Err(vm.overflow_error("signed integer is less than minimum"))
        }
        _ => Err(vm.overflow_error("signed integer is greater than maximum")),
    }
}

fn piece(buffer: &Buffer) -> libc::iovec {
    libc::iovec {
        iov_base: buffer.address() as *mut libc::c_void,
        iov_len: buffer.len(),
    }
}

/// `socket.sendmsg`.
pub fn send(
    zelf: &Ref<Socket>,
    vm: &Vm,
    buffers: &Value,
    ancillary: Option<&Value>,
    flags: i32,
    address: Option<&Value>,
) -> PyResult<usize> {
    let none = Value::NONE;
    let given = address.filter(|a| !a.is_none());
    let mut to = match given {
        Some(address) => Some(address_of(vm, zelf.family.get(), address, "sendmsg")?),
        None => None,
    };
    let event = [zelf.to_value(), given.unwrap_or(&none).clone()];
    vm.permit(Access::Event("socket.sendmsg", &event))?;
    let lent = items_of(vm, buffers, "sendmsg() argument 1 must be an iterable")?
        .iter()
        .map(|item| Buffer::of(vm, item))
        .collect::<PyResult<Vec<_>>>()?;
    let mut pieces: Vec<libc::iovec> = lent.iter().map(piece).collect();
    let mut items = Vec::new();
    if let Some(ancillary) = ancillary {
        for item in items_of(vm, ancillary, "sendmsg() argument 2 must be an iterable")? {
            items.push(ancillary_item(vm, &item)?);
        }
    }
    let mut room = Vec::new();
    let mut message = empty_message();
    message.msg_iov = pieces.as_mut_ptr();
    message.msg_iovlen = pieces.len();
    if let Some(to) = &mut to {
        message.msg_name = to.as_mut_ptr().cast();
        message.msg_namelen = to.len;
    }
    if !items.is_empty() {
        let mut total = 0usize;
        for (.., data) in &items {
            total += cmsg_space(vm, data.len() as isize).map_err(|_| {
                vm.clear_exception();
                vm.raise(&vm.types.os_error, "ancillary data item too large")
            })?;
            if total > LENGTH_MAX {
                return Err(vm.raise(&vm.types.os_error, "too much ancillary data"));
            }
        }
        room = ancillary_room(vm, total)?;
        message.msg_control = room.as_mut_ptr().cast();
        message.msg_controllen = total;
        // SAFETY: the room is zeroed and has the place of each header and its data, as counted above.
        unsafe {
            let mut header = libc::CMSG_FIRSTHDR(&message);
            for (level, kind, data) in &items {
                if header.is_null() {
                    return Err(vm.runtime_error("unexpected NULL result from CMSG_NXTHDR()"));
                }
                (*header).cmsg_level = *level;
                (*header).cmsg_type = *kind;
                (*header).cmsg_len = libc::CMSG_LEN(data.len() as u32) as usize;
                let place = libc::CMSG_DATA(header);
                data.with(|d| std::ptr::copy_nonoverlapping(d.as_ptr(), place, d.len()));
                header = libc::CMSG_NXTHDR(&message, header);
            }
        }
    }
    let sent = zelf.operate(vm, true, |fd| {
        // SAFETY: all that the message points to lives until the call is over.
        unsafe { libc::sendmsg(fd, &message, flags | libc::MSG_NOSIGNAL) }
    });
    drop((lent, room, to));
    sent
}

/// What a message brought: number of bytes, ancillary data, flags, sender.
type Received = (usize, Value, Value, Value);

/// Receives into some pieces of memory, which stay where they are.
fn receive(
    zelf: &Socket,
    vm: &Vm,
    pieces: &mut [libc::iovec],
    room: usize,
    flags: i32,
) -> PyResult<Received> {
    let mut sender = Address::empty();
    let capacity = sender.len;
    let mut control = ancillary_room(vm, room)?;
    let (name, data) = (sender.as_mut_ptr(), control.as_mut_ptr());
    let (start, count) = (pieces.as_mut_ptr(), pieces.len());
    let message = std::cell::Cell::new(empty_message());
    let n = zelf.operate(vm, false, |fd| {
        let mut new = empty_message();
        new.msg_name = name.cast();
        new.msg_namelen = capacity;
        new.msg_iov = start;
        new.msg_iovlen = count;
        if room > 0 {
            new.msg_control = data.cast();
            new.msg_controllen = room;
        }
        // SAFETY: all that the message points to lives until the call is over and is as long as is told.
        let n = unsafe { libc::recvmsg(fd, &mut new, flags) };
        message.set(new);
        n
    })?;
    let message = message.into_inner();
    let mut descriptors = Vec::new();
    let made = ancillary(vm, &message, &mut descriptors).and_then(|items| {
        sender.len = message.msg_namelen.min(capacity);
        let from = sender.to_python(vm)?;
        let flags = vm.new_int(i64::from(message.msg_flags))?;
        Ok((n, vm.new_list(items)?.into_value(), flags, from))
    });
    if made.is_err() {
        for fd in descriptors {
            // SAFETY: a descriptor that has just come and that nobody else knows of.
            unsafe { libc::close(fd) };
        }
    }
    made
}

/// The items of a message's ancillary data; notes the descriptors among them.
fn ancillary(vm: &Vm, message: &libc::msghdr, descriptors: &mut Vec<i32>) -> PyResult<Vec<Value>> {
    let mut found: Vec<(i32, i32, Vec<u8>)> = Vec::new();
    let mut malformed = false;
    let end = message.msg_control as usize + message.msg_controllen;
    // SAFETY: the system filled the room in; no header or data is read beyond its end.
    unsafe {
        let mut header: *mut libc::cmsghdr = if message.msg_controllen == 0 {
            std::ptr::null_mut()
        } else {
            libc::CMSG_FIRSTHDR(message)
        };
        while !header.is_null() {
            let (start, place) = (header as usize, libc::CMSG_DATA(header) as usize);
            if start + size_of::<libc::cmsghdr>() > end {
                malformed = true;
                break;
            }
            let told = (*header).cmsg_len.saturating_sub(place - start);
            let here = end.saturating_sub(place);
            malformed = (*header).cmsg_len < place - start || told > here;
            let data = std::slice::from_raw_parts(place as *const u8, told.min(here));
            let (level, kind) = ((*header).cmsg_level, (*header).cmsg_type);
            if level == libc::SOL_SOCKET && kind == libc::SCM_RIGHTS {
                descriptors.extend(
                    data.chunks_exact(size_of::<i32>())
                        .map(|fd| i32::from_ne_bytes([fd[0], fd[1], fd[2], fd[3]])),
                );
            }
            found.push((level, kind, data.to_vec()));
            if malformed {
                break;
            }
            header = libc::CMSG_NXTHDR(message, header);
        }
    }
    if malformed {
        let text = "received malformed or improperly-truncated ancillary data";
        vm.warn(&vm.types.runtime_warning, text, 1)?;
    }
    found
        .into_iter()
        .map(|(level, kind, data)| {
            let item = vec![
                vm.new_int(i64::from(level))?,
                vm.new_int(i64::from(kind))?,
                vm.new_bytes_of(data)?.into_value(),
            ];
            Ok(vm.new_tuple(item)?.into_value())
        })
        .collect()
}

fn ancillary_size(vm: &Vm, size: Option<i64>) -> PyResult<usize> {
    match usize::try_from(size.unwrap_or(0)) {
        Ok(size) if size <= LENGTH_MAX => Ok(size),
        _ => Err(vm.value_error("invalid ancillary data buffer length")),
    }
}

fn answer(vm: &Vm, data: Value, (_, items, flags, from): Received) -> PyResult {
    Ok(vm.new_tuple(vec![data, items, flags, from])?.into_value())
}

/// `socket.recvmsg`.
pub fn receive_new(
    zelf: &Socket,
    vm: &Vm,
    bufsize: i64,
    ancbufsize: Option<i64>,
    flags: i32,
) -> PyResult {
    let Ok(size) = usize::try_from(bufsize) else {
        return Err(vm.value_error("negative buffer size in recvmsg()"));
    };
    let room = ancillary_size(vm, ancbufsize)?;
    let mut data = naja_vm::bytes::parts::room(vm, size)?;
    let mut pieces = [libc::iovec {
        iov_base: data.as_mut_ptr().cast(),
        iov_len: size,
    }];
    let received = receive(zelf, vm, &mut pieces, room, flags)?;
    // SAFETY: the system has filled so many bytes, which the vector has room for.
    unsafe { data.set_len(received.0.min(size)) };
    let data = vm.new_bytes_of(data)?.into_value();
    answer(vm, data, received)
}

/// `socket.recvmsg_into`.
pub fn receive_into(
    zelf: &Socket,
    vm: &Vm,
    buffers: &Value,
    ancbufsize: Option<i64>,
    flags: i32,
) -> PyResult {
    let mut lent = Vec::new();
    for item in items_of(vm, buffers, "recvmsg_into() argument 1 must be an iterable")? {
        lent.push(Buffer::writable(vm, &item).map_err(|_| {
            vm.clear_exception();
            vm.type_error(
                "recvmsg_into() argument 1 must be an iterable of single-segment read-write buffers",
            )
        })?);
    }
    let room = ancillary_size(vm, ancbufsize)?;
    let mut pieces: Vec<libc::iovec> = lent.iter().map(piece).collect();
    let received = receive(zelf, vm, &mut pieces, room, flags)?;
    drop(lent);
    let count = vm.new_int(received.0 as i64)?;
    answer(vm, count, received)
}

/// The functions of the module about the sizes of ancillary data.
#[pymodule(name = "_socket", doc = "")]
pub mod module {
    use super::*;

    /// CMSG_LEN(length) -> control message length
    ///
    /// Return the total length, without trailing padding, of an ancillary data item with data of the given length.
    #[pyfunction(name = "CMSG_LEN", sig = "(length, /)")]
    fn cmsg_len(vm: &Vm, length: isize) -> PyResult<usize> {
        super::cmsg_len(vm, length)
    }

    /// CMSG_SPACE(length) -> buffer size
    ///
    /// Return the buffer size needed for recvmsg() to receive an ancillary data item with data of the given length, with
    /// its padding.
    #[pyfunction(name = "CMSG_SPACE", sig = "(length, /)")]
    fn cmsg_space(vm: &Vm, length: isize) -> PyResult<usize> {
        super::cmsg_space(vm, length)
    }
}
