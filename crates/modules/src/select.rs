//! `select`: waiting for descriptors with `select`, `poll` and `epoll`. CPython: Modules/selectmodule.c.
//!
//! Timeouts are kept as deadlines of the monotonic clock, so that waiting goes on after interruptions (PEP 475).

use crate::system::{self, Round, add_ints, file_descriptor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::list::List;
use naja_vm::module::Module;
use naja_vm::protocols::{number, sequence};
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Vm};
use std::cell::Cell;
use std::collections::BTreeMap;

#[rustfmt::skip]
const CONSTANTS: &[(&str, i64)] = &[("EPOLLERR", 8), ("EPOLLET", 2147483648), ("EPOLLEXCLUSIVE", 268435456), ("EPOLLHUP", 16), ("EPOLLIN", 1), ("EPOLLMSG", 1024), ("EPOLLONESHOT", 1073741824), ("EPOLLOUT", 4), ("EPOLLPRI", 2), ("EPOLLRDBAND", 128), ("EPOLLRDHUP", 8192), ("EPOLLRDNORM", 64), ("EPOLLWAKEUP", 536870912), ("EPOLLWRBAND", 512), ("EPOLLWRNORM", 256), ("EPOLL_CLOEXEC", 524288), ("PIPE_BUF", 4096), ("POLLERR", 8), ("POLLHUP", 16), ("POLLIN", 1), ("POLLMSG", 1024), ("POLLNVAL", 32), ("POLLOUT", 4), ("POLLPRI", 2), ("POLLRDBAND", 128), ("POLLRDHUP", 8192), ("POLLRDNORM", 64), ("POLLWRBAND", 512), ("POLLWRNORM", 256),];

/// A deadline from a timeout in seconds; None waits without end.
fn deadline(vm: &Vm, timeout: Option<&Value>, message: &str) -> PyResult<Option<i64>> {
    let Some(timeout) = timeout.filter(|t| !t.is_none()) else {
        return Ok(None);
    };
    if !number::has_index(vm, timeout) && naja_vm::float::value_of(timeout).is_none() {
        return Err(vm.type_error(message));
    }
    let ns = system::nanoseconds(vm, timeout, Round::Up)?;
    if ns < 0 {
        return Err(vm.value_error("timeout must be non-negative"));
    }
    Ok(Some(system::monotonic().saturating_add(ns)))
}

fn left(deadline: Option<i64>) -> Option<i64> {
    deadline.map(|d| (d - system::monotonic()).max(0))
}

fn milliseconds(ns: Option<i64>) -> i32 {
    ns.map_or(-1, |ns| {
        system::to_milliseconds(ns, Round::Ceiling).min(i32::MAX as i64) as i32
    })
}

/// The descriptors of an iterable, with the objects they came from.
fn descriptors(vm: &Vm, objects: &Value) -> PyResult<Vec<(i32, Value)>> {
    let mut all = Vec::new();
    let mut add = |item: Value| {
        let fd = file_descriptor(vm, &item)?;
        if fd as usize >= libc::FD_SETSIZE {
            return Err(vm.value_error("filedescriptor out of range in select()"));
        }
        all.push((fd, item));
        Ok(())
    };
    match objects.downcast::<List>() {
        // The methods `fileno` may change a list.
        Some(list) => {
            let mut at = 0;
            while let Some(item) = list.get(at) {
                add(item)?;
                at += 1;
            }
        }
        None => {
            let items = sequence::collect_or(vm, objects, "arguments 1-3 must be sequences")?;
            items.into_iter().try_for_each(&mut add)?;
        }
    }
    Ok(all)
}

fn fd_set(all: &[(i32, Value)]) -> libc::fd_set {
    // SAFETY: all zero is the empty set; the descriptors are within it.
    unsafe {
        let mut set: libc::fd_set = std::mem::zeroed();
        all.iter().for_each(|(fd, _)| libc::FD_SET(*fd, &mut set));
        set
    }
}

fn event_mask(vm: &Vm, value: Option<&Value>, default: i16) -> PyResult<i16> {
    let Some(value) = value else {
        return Ok(default);
    };
    match number::index_i64(vm, value)? {
        Some(n) if n < 0 => Err(vm.value_error("value must be positive")),
        Some(n) if n <= u16::MAX as i64 => Ok(n as u16 as i16),
        _ => Err(vm.overflow_error("Python int too large for C unsigned short")),
    }
}

fn pair(vm: &Vm, a: i64, b: i64) -> PyResult {
    Ok(vm
        .new_tuple(vec![vm.new_int(a)?, vm.new_int(b)?])?
        .into_value())
}

#[pyclass(name = "poll", module = "select", doc = "", flags(NO_NEW))]
pub struct Poll {
    registered: MutCell<BTreeMap<i32, i16>>,
    running: Cell<bool>,
}

#[pymethods]
impl Poll {
    /// Register a file descriptor with the polling object.
    #[pymethod(sig = "(fd, eventmask=select.POLLIN | select.POLLPRI | select.POLLOUT, /)")]
    fn register(&self, vm: &Vm, fd: &Value, eventmask: Option<&Value>) -> PyResult<()> {
        let fd = file_descriptor(vm, fd)?;
        let mask = event_mask(vm, eventmask, libc::POLLIN | libc::POLLPRI | libc::POLLOUT)?;
        self.registered.with_mut(|r| r.insert(fd, mask));
        Ok(())
    }

    /// Modify an already registered file descriptor.
    #[pymethod(sig = "(fd, eventmask, /)")]
    fn modify(&self, vm: &Vm, fd: &Value, eventmask: &Value) -> PyResult<()> {
        let fd = file_descriptor(vm, fd)?;
        let mask = event_mask(vm, Some(eventmask), 0)?;
        if !self.registered.with(|r| r.contains_key(&fd)) {
            return Err(vm.os_error(libc::ENOENT, None));
        }
        self.registered.with_mut(|r| r.insert(fd, mask));
        Ok(())
    }

    /// Remove a file descriptor being tracked by the polling object.
    #[pymethod(sig = "(fd, /)")]
    fn unregister(&self, vm: &Vm, fd: &Value) -> PyResult<()> {
        let fd = file_descriptor(vm, fd)?;
        match self.registered.with_mut(|r| r.remove(&fd)) {
            Some(_) => Ok(()),
            None => Err(vm.key_error(&vm.new_int(fd as i64)?)),
        }
    }

    /// Polls the set of registered file descriptors.
    ///
    /// Returns a list containing any descriptors that have events or errors to report, as a list of (fd, event) 2-tuples.
    #[pymethod(sig = "(timeout=None, /)")]
    fn poll(&self, vm: &Vm, timeout: Option<&Value>) -> PyResult {
        let mut end = None;
        if let Some(timeout) = timeout.filter(|t| !t.is_none()) {
            let ms = match naja_vm::float::value_of(timeout) {
                Some(f) => Round::Up.apply(f) as i64,
                None if number::has_index(vm, timeout) => number::index_i64(vm, timeout)?
                    .ok_or_else(|| vm.overflow_error("timeout is too large"))?,
                None => return Err(vm.type_error("timeout must be an integer or None")),
            };
            if ms > i32::MAX as i64 {
                return Err(vm.overflow_error("timeout is too large"));
            }
            if ms >= 0 {
                end = Some(system::monotonic().saturating_add(ms * 1_000_000));
            }
        }
        if self.running.replace(true) {
            return Err(vm.runtime_error("concurrent poll() invocation"));
        }
        let result = self.wait(vm, end);
        self.running.set(false);
        result
    }
}

impl Poll {
    fn wait(&self, vm: &Vm, end: Option<i64>) -> PyResult {
        let one = |(&fd, &events): (&i32, &i16)| libc::pollfd {
            fd,
            events,
            revents: 0,
        };
        let mut fds: Vec<libc::pollfd> = self.registered.with(|r| r.iter().map(one).collect());
        // SAFETY: a vector of the length told.
        let n = system::retry(vm, || unsafe {
            libc::poll(
                fds.as_mut_ptr(),
                fds.len() as libc::nfds_t,
                milliseconds(left(end)),
            )
        })?;
        if let Err(errno) = n {
            return Err(vm.os_error(errno, None));
        }
        let mut ready = Vec::new();
        for fd in fds.iter().filter(|fd| fd.revents != 0) {
            ready.push(pair(vm, fd.fd as i64, fd.revents as u16 as i64)?)
        }
        Ok(vm.new_list(ready)?.into_value())
    }
}

/// select.epoll([sizehint=-1[, flags=0]])
///
/// Returns an epolling object.
#[pyclass(name = "epoll", module = "select")]
pub struct Epoll {
    fd: Cell<i32>,
}

impl Drop for Epoll {
    fn drop(&mut self) {
        if self.fd.get() >= 0 {
            // SAFETY: the object's own descriptor.
            unsafe { libc::close(self.fd.get()) };
        }
    }
}

impl Epoll {
    fn open_fd(&self, vm: &Vm) -> PyResult<i32> {
        match self.fd.get() {
            fd if fd >= 0 => Ok(fd),
            _ => Err(vm.value_error("I/O operation on closed epoll object")),
        }
    }

    fn control(&self, vm: &Vm, operation: i32, fd: &Value, events: u32) -> PyResult<()> {
        let epoll = self.open_fd(vm)?;
        let fd = file_descriptor(vm, fd)?;
        let mut event = libc::epoll_event {
            events,
            u64: fd as u64,
        };
        // SAFETY: reads one event.
        system::once(vm, || unsafe {
            libc::epoll_ctl(epoll, operation, fd, &mut event)
        })
        .map(|_| ())
    }
}

#[pymethods]
impl Epoll {
    #[pyslot(sig = "(sizehint=-1, flags=0)")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let get = |i: usize, name: &str| args.positional().get(i).or_else(|| args.keyword(name));
        let int = |v: Option<&Value>, default: i64| match v {
            Some(v) => number::index_i64(vm, v)?
                .ok_or_else(|| vm.overflow_error("Python int too large to convert to C int")),
            None => Ok(default),
        };
        let size = int(get(0, "sizehint"), -1)?;
        if size == 0 || size < -1 {
            return Err(vm.value_error("negative sizehint"));
        }
        if int(get(1, "flags"), 0)? & !(libc::EPOLL_CLOEXEC as i64) != 0 {
            return Err(vm.os_error(libc::EINVAL, None));
        }
        // SAFETY: a plain call.
        let fd = system::once(vm, || unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        Ok(vm
            .new_object_of(cls, Epoll { fd: Cell::new(fd) })?
            .into_value())
    }

    /// Create an epoll object from a given control fd.
    #[pyclassmethod(sig = "(fd, /)")]
    fn fromfd(cls: &Ref<Type>, vm: &Vm, fd: i32) -> PyResult {
        Ok(vm
            .new_object_of(cls, Epoll { fd: Cell::new(fd) })?
            .into_value())
    }

    /// Close the epoll control file descriptor.
    #[pymethod]
    fn close(&self, vm: &Vm) -> PyResult<()> {
        let fd = self.fd.replace(-1);
        if fd >= 0 {
            // SAFETY: the object's own descriptor.
            system::once(vm, || unsafe { libc::close(fd) })?;
        }
        Ok(())
    }

    /// True if the epoll handler is closed
    #[pygetter]
    fn closed(&self) -> bool {
        self.fd.get() < 0
    }

    /// Return the epoll control file descriptor.
    #[pymethod]
    fn fileno(&self, vm: &Vm) -> PyResult<i32> {
        self.open_fd(vm)
    }

    /// Registers a new fd or raises an OSError if the fd is already registered.
    #[pymethod(sig = "(fd, eventmask=select.EPOLLIN | select.EPOLLPRI | select.EPOLLOUT)")]
    fn register(&self, vm: &Vm, fd: &Value, #[default(7)] eventmask: u32) -> PyResult<()> {
        self.control(vm, libc::EPOLL_CTL_ADD, fd, eventmask)
    }

    /// Modify event mask for a registered file descriptor.
    #[pymethod(sig = "(fd, eventmask)")]
    fn modify(&self, vm: &Vm, fd: &Value, eventmask: u32) -> PyResult<()> {
        self.control(vm, libc::EPOLL_CTL_MOD, fd, eventmask)
    }

    /// Remove a registered file descriptor from the epoll object.
    #[pymethod(sig = "(fd)")]
    fn unregister(&self, vm: &Vm, fd: &Value) -> PyResult<()> {
        self.control(vm, libc::EPOLL_CTL_DEL, fd, 0)
    }

    /// Wait for events on the epoll file descriptor.
    ///
    /// Returns a list containing any descriptors that have events to report, as a list of (fd, events) 2-tuples.
    #[pymethod(sig = "(timeout=None, maxevents=-1)")]
    fn poll(&self, vm: &Vm, timeout: Option<&Value>, #[default(-1)] maxevents: i32) -> PyResult {
        let epoll = self.open_fd(vm)?;
        let mut end = None;
        if let Some(timeout) = timeout.filter(|t| !t.is_none()) {
            if !number::has_index(vm, timeout) && naja_vm::float::value_of(timeout).is_none() {
                return Err(vm.type_error("timeout must be an integer or None"));
            }
            let ns = system::nanoseconds(vm, timeout, Round::Up)?;
            if ns >= 0 {
                end = Some(system::monotonic().saturating_add(ns));
            }
        }
        let most = match maxevents {
            -1 => libc::FD_SETSIZE as i32 - 1,
            n if n < 1 => {
                return Err(vm.value_error(format!("maxevents must be greater than 0, got {n}")));
            }
            n => n,
        };
        vm.check_size(Some(most as usize * 12))?;
        let mut events: Vec<libc::epoll_event> = Vec::new();
        if events.try_reserve_exact(most as usize).is_err() {
            return Err(vm.memory_error(""));
        }
        // SAFETY: room for as many events as told.
        let n = system::retry_or_raise(vm, || unsafe {
            libc::epoll_wait(epoll, events.as_mut_ptr(), most, milliseconds(left(end)))
        })?;
        // SAFETY: the system has filled so many of the `most` places.
        unsafe { events.set_len(n as usize) };
        let mut ready = Vec::with_capacity(events.len());
        for event in &events {
            let (fd, mask) = (event.u64, event.events);
            ready.push(pair(vm, fd as i32 as i64, mask as i64)?)
        }
        Ok(vm.new_list(ready)?.into_value())
    }

    #[pymethod]
    fn __enter__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        zelf.open_fd(vm)?;
        Ok(zelf.to_value())
    }

    #[pymethod(sig = "(exc_type=None, exc_value=None, exc_tb=None, /)")]
    fn __exit__(
        &self,
        vm: &Vm,
        exc_type: Option<&Value>,
        exc_value: Option<&Value>,
        exc_tb: Option<&Value>,
    ) -> PyResult<()> {
        let _ = (exc_type, exc_value, exc_tb);
        self.close(vm)
    }
}

#[pymodule(
    name = "select",
    doc = "This module supports asynchronous I/O on multiple file descriptors.\n\n*** IMPORTANT NOTICE ***\nOn Windows, only sockets are supported; on Unix, all file descriptors.",
    classes(Epoll)
)]
pub mod module {
    use super::*;

    /// Wait until one or more file descriptors are ready for some kind of I/O.
    #[pyfunction(sig = "(rlist, wlist, xlist, timeout=None, /)")]
    fn select(
        vm: &Vm,
        rlist: &Value,
        wlist: &Value,
        xlist: &Value,
        timeout: Option<&Value>,
    ) -> PyResult {
        let end = deadline(vm, timeout, "timeout must be a float or None")?;
        let all = [
            descriptors(vm, rlist)?,
            descriptors(vm, wlist)?,
            descriptors(vm, xlist)?,
        ];
        let most = all.iter().flatten().map(|(fd, _)| *fd).max().unwrap_or(-1);
        let mut sets = [fd_set(&all[0]), fd_set(&all[1]), fd_set(&all[2])];
        let n = system::retry(vm, || {
            sets = [fd_set(&all[0]), fd_set(&all[1]), fd_set(&all[2])];
            let mut left = left(end).map(|ns| {
                let us = system::to_microseconds(ns, Round::Ceiling);
                libc::timeval {
                    tv_sec: us / 1_000_000,
                    tv_usec: us % 1_000_000,
                }
            });
            let left = left.as_mut().map_or(std::ptr::null_mut(), |t| t as *mut _);
            let [r, w, x] = &mut sets;
            // SAFETY: three sets, null or one time.
            unsafe { libc::select(most + 1, r, w, x, left) }
        })?;
        if let Err(errno) = n {
            return Err(vm.os_error(errno, None));
        }
        let mut lists = Vec::new();
        for (all, set) in all.iter().zip(&sets) {
            // SAFETY: the descriptors are within the set.
            let ready = all
                .iter()
                .filter(|(fd, _)| unsafe { libc::FD_ISSET(*fd, set) });
            let ready = ready.map(|(_, object)| object.clone()).collect();
            lists.push(vm.new_list(ready)?.into_value());
        }
        Ok(vm.new_tuple(lists)?.into_value())
    }

    /// Returns a polling object.
    #[pyfunction(sig = "()")]
    fn poll(vm: &Vm) -> PyResult {
        let poll = Poll {
            registered: MutCell::new(BTreeMap::new()),
            running: Cell::new(false),
        };
        Ok(vm.new_object(poll)?.into_value())
    }

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        add_ints(vm, module, CONSTANTS)?;
        module.set(vm, "error", vm.types.os_error.to_value())
    }
}
