//! The methods of `socket` that send and receive.
//!
//! The bytes are lent by Python objects whose exports live until the call is over, so the addresses given to the system stay
//! good while other threads run. Messages of several pieces: `message.rs`. CPython: sock_recv*, sock_send* in
//! Modules/socketmodule.c.

use super::address::{Address, address_of};
use super::message;
use super::object::Socket;
use naja_heap::{Ref, Value};
use naja_macros::pymethods;
use naja_vm::buffer::{Buffer, WritableBuffer};
use naja_vm::bytes::parts::room;
use naja_vm::protocols::number;
use naja_vm::runtime::Access;
use naja_vm::{PyResult, Vm};
use std::mem::size_of;

impl Socket {
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
}

#[pymethods(extra = "TRANSFER")]
impl Socket {
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
