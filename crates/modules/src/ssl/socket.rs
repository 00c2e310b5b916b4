//! `_ssl._SSLSocket`: one TLS connection, over a socket or two `MemoryBIO`s.
//!
//! rustls is given bytes and gives bytes; this file carries them. `Engine` is only borrowed for computing: waiting for the
//! network happens between, without the interpreter lock. Invariants: what was written is encrypted once and waits in
//! `out` until it is sent; bytes received wait in `inbox` until rustls takes them. CPython: the PySSLSocket part of
//! Modules/_ssl.c.

use super::bio::MemoryBio;
use super::certificate::Certificate;
use super::ciphers;
use super::context::Context;
use super::errors::{self, Kind};
use super::verify::Verifier;
use super::x509::X509;
use crate::socket::Socket;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::buffer::Buffer;
use naja_vm::builtins::print::os_error;
use naja_vm::exception::write_unraisable_while;
use naja_vm::function::Signature;
use naja_vm::protocols::number;
use naja_vm::str_::Str;
use naja_vm::weakref::WeakRef;
use naja_vm::{Args, PyResult, Raised, Traverse, Visitor, Vm};
use rustls::server::{Accepted, Acceptor};
use rustls::{Connection, Error, HandshakeKind, ProtocolVersion};
use std::cell::Cell;
use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

const CHUNK: usize = 16 * 1024 + 512;

/// Where messages say that something happened.
const HANDSHAKE: u32 = 1130;
const READ: u32 = 2778;
const WRITE: u32 = 2616;
const SHUTDOWN: u32 = 2906;

/// Who carries the bytes.
pub enum Transport {
    /// A weak reference to the socket, which owns this connection.
    Socket(Value),
    Memory {
        incoming: Ref<MemoryBio>,
        outgoing: Ref<MemoryBio>,
    },
}

impl Transport {
    pub fn socket(vm: &Vm, sock: &Value) -> PyResult<Transport> {
        let class = vm.types.weakref.clone();
        Ok(Transport::Socket(WeakRef::make(vm, &class, sock, None)?))
    }
}

/// How far a connection is.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each connection"
)]
enum State {
    Open(Box<Connection>),
    /// A server that waits for the client's first message.
    Accepting(Acceptor),
    /// That message is there; the configuration is yet to be chosen.
    Accepted(Box<Accepted>),
    Failed,
}

struct Engine {
    state: State,
    inbox: Vec<u8>,
    out: Vec<u8>,
    error: Option<Error>,
    /// The peer's bytes have ended.
    ended: bool,
    /// An operation has failed because of that.
    broken: bool,
    closing: bool,
    /// The header of the record being received, as far as it is there, and how much of the record is still to come.
    header: Vec<u8>,
    left: usize,
}

impl Engine {
    /// How many bytes to receive next: never beyond the present record, for what follows the last one is not TLS's, and
    /// who waits for the descriptor must find it readable while there is something left.
    fn wanted(&self) -> usize {
        match self.left {
            0 => 5 - self.header.len(),
            left => left,
        }
    }

    /// Follows the records in what was received.
    fn track(&mut self, data: &[u8]) {
        let mut rest = data;
        while !rest.is_empty() {
            if self.left == 0 {
                let count = rest.len().min(5 - self.header.len());
                self.header.extend_from_slice(&rest[..count]);
                rest = &rest[count..];
                if let [.., high, low] = self.header[..]
                    && self.header.len() == 5
                {
                    self.left = usize::from(u16::from_be_bytes([high, low]));
                    self.header.clear();
                }
            } else {
                let count = rest.len().min(self.left);
                self.left -= count;
                rest = &rest[count..];
            }
        }
    }

    fn connection(&mut self) -> Option<&mut Connection> {
        match &mut self.state {
            State::Open(connection) => Some(connection),
            _ => None,
        }
    }

    /// Moves what rustls has to send to `out`.
    fn collect(&mut self) {
        if let State::Open(connection) = &mut self.state {
            while connection.wants_write() {
                if connection.write_tls(&mut self.out).is_err() {
                    break; // writing to memory does not fail
                }
            }
        }
    }

    fn fail(&mut self, error: Error) -> Error {
        self.collect();
        self.error = Some(error.clone());
        error
    }

    /// Lets rustls take from `inbox` what it can. Whether it took anything.
    fn digest(&mut self) -> Result<bool, Error> {
        if let Some(error) = &self.error {
            return Err(error.clone());
        }
        let inbox = std::mem::take(&mut self.inbox);
        let mut rest = inbox.as_slice();
        let result = self.digest_from(&mut rest);
        let took = rest.len() < inbox.len();
        self.inbox = rest.to_vec();
        result.map(|()| took)
    }

    fn digest_from(&mut self, rest: &mut &[u8]) -> Result<(), Error> {
        while !rest.is_empty() {
            match &mut self.state {
                State::Open(connection) => {
                    let before = rest.len();
                    if connection.read_tls(rest).is_err() {
                        return Ok(()); // full: some must be read first
                    }
                    let done = connection.process_new_packets();
                    if let Err(error) = done {
                        return Err(self.fail(error));
                    }
                    if rest.len() == before {
                        return Ok(());
                    }
                }
                State::Accepting(acceptor) => {
                    if acceptor.read_tls(rest).is_err() {
                        return Ok(());
                    }
                    match acceptor.accept() {
                        Ok(Some(accepted)) => {
                            self.state = State::Accepted(Box::new(accepted));
                            return Ok(());
                        }
                        Ok(None) => {}
                        Err((error, mut alert)) => {
                            let _ = alert.write_all(&mut self.out); // memory
                            self.state = State::Failed;
                            return Err(self.fail(error));
                        }
                    }
                }
                State::Accepted(_) | State::Failed => return Ok(()),
            }
        }
        Ok(())
    }
}

#[pyclass(name = "_SSLSocket", module = "_ssl", gc, flags(NO_NEW, IMMUTABLE))]
pub struct SslSocket {
    engine: MutCell<Engine>,
    transport: Transport,
    context: MutCell<Option<Ref<Context>>>,
    /// A weak reference to the `SSLSocket` or `SSLObject`.
    owner: MutCell<Value>,
    server_side: bool,
    host: Option<Ref<Str>>,
    verifier: MutCell<Option<Arc<Verifier>>>,
    handshaken: Cell<bool>,
}

impl Traverse for SslSocket {
    fn traverse(&self, visitor: &mut Visitor) {
        match &self.transport {
            Transport::Socket(weak) => visitor.value(weak),
            Transport::Memory { incoming, outgoing } => {
                visitor.reference(incoming);
                visitor.reference(outgoing);
            }
        }
        self.context.with(|c| {
            if let Some(c) = c {
                visitor.reference(c)
            }
        });
        self.owner.with(|o| visitor.value(o));
        if let Some(host) = &self.host {
            visitor.reference(host)
        }
    }

    fn clear(&self) {
        drop(self.context.take());
        self.owner.set(Value::NONE);
    }
}

/// What a weak reference refers to.
fn referent(weak: &Value) -> Option<Value> {
    weak.downcast::<WeakRef>()?.get()
}

/// One operation on the network.
struct Wire {
    fd: i32,
    limit: Option<Duration>,
    deadline: Option<Instant>,
}

/// What waiting came to.
enum Waited {
    Ready,
    WouldBlock,
    TimedOut,
}

impl Wire {
    /// Waits until the descriptor is ready.
    fn wait(&self, vm: &Vm, write: bool) -> PyResult<Waited> {
        if self.limit.is_some_and(|limit| limit.is_zero()) {
            return Ok(Waited::WouldBlock);
        }
        let mut poll = libc::pollfd {
            fd: self.fd,
            events: if write { libc::POLLOUT } else { libc::POLLIN },
            revents: 0,
        };
        loop {
            let left = match self.deadline {
                None => -1,
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Ok(Waited::TimedOut);
                    }
                    i32::try_from(left.as_millis() + 1).unwrap_or(i32::MAX)
                }
            };
            let (count, code) = vm.without_gil(|| {
                // SAFETY: one descriptor.
                let count = unsafe { libc::poll(&mut poll, 1, left) };
                (count, errno())
            });
            match (count, code) {
                (1.., _) => return Ok(Waited::Ready),
                (0, _) => {}
                (_, libc::EINTR) => vm.check_signals()?,
                (_, code) => return Err(os_error(vm, code)),
            }
        }
    }
}

fn errno() -> i32 {
    std::io::Error::last_os_error()
        .raw_os_error()
        .unwrap_or(libc::EIO)
}

#[cold]
fn timed_out(vm: &Vm, line: u32) -> Raised {
    let what = match line {
        READ => "read",
        WRITE => "write",
        SHUTDOWN => "read",
        _ => "handshake",
    };
    vm.raise(
        &vm.types.exceptions.timeout_error,
        format!("_ssl.c:{line}: The {what} operation timed out"),
    )
}

impl SslSocket {
    /// A connection over `transport`.
    pub fn make(
        vm: &Vm,
        context: &Ref<Context>,
        transport: Transport,
        server_side: bool,
        host: Option<Ref<Str>>,
        owner: Option<&Value>,
    ) -> PyResult {
        let mut verifier = None;
        let state = if server_side {
            State::Accepting(Acceptor::default())
        } else {
            let name = host.as_ref().map(|h| h.to_string_lossy().into_owned());
            let (mut connection, made) = context.connect(vm, name.as_deref())?;
            connection.set_buffer_limit(None);
            verifier = Some(made);
            State::Open(Box::new(Connection::Client(connection)))
        };
        let owner = match owner.filter(|o| !o.is_none()) {
            Some(owner) => WeakRef::make(vm, &vm.types.weakref.clone(), owner, None)?,
            None => Value::NONE,
        };
        let made = SslSocket {
            engine: MutCell::new(Engine {
                state,
                inbox: Vec::new(),
                out: Vec::new(),
                error: None,
                ended: false,
                broken: false,
                closing: false,
                header: Vec::new(),
                left: 0,
            }),
            transport,
            context: MutCell::new(Some(context.clone())),
            owner: MutCell::new(owner),
            server_side,
            host,
            verifier: MutCell::new(verifier),
            handshaken: Cell::new(false),
        };
        Ok(vm.new_object(made)?.into_value())
    }

    fn present_context(&self, vm: &Vm) -> PyResult<Ref<Context>> {
        let context = self.context.get();
        context.ok_or_else(|| vm.value_error("the connection is gone"))
    }

    /// The socket's descriptor and time-out. None for memory.
    fn wire(&self, vm: &Vm) -> PyResult<Option<Wire>> {
        let Transport::Socket(weak) = &self.transport else {
            return Ok(None);
        };
        let gone = || {
            errors::Report {
                kind: Kind::Ssl,
                number: 0,
                library: None,
                reason: None,
                text: "Underlying socket connection gone",
                line: 1000,
                verify: None,
            }
            .raise(vm)
        };
        let socket = referent(weak).ok_or_else(gone)?;
        let Some(socket) = socket.downcast::<Socket>() else {
            return Err(gone());
        };
        if socket.raw_fd() < 0 {
            return Err(errors::plain(vm, "Underlying socket has been closed."));
        }
        let limit = socket.time_limit();
        Ok(Some(Wire {
            fd: socket.raw_fd(),
            limit,
            deadline: limit.map(|limit| Instant::now() + limit),
        }))
    }

    #[cold]
    fn fault(&self, vm: &Vm, error: &Error, line: u32) -> Raised {
        let noted = self.verifier.get().and_then(|v| v.noted());
        errors::from_rustls(vm, error, noted, line)
    }

    /// Sends what waits in `out`. Raises SSLWantWriteError, TimeoutError.
    fn flush(&self, vm: &Vm, wire: Option<&Wire>, line: u32) -> PyResult<()> {
        loop {
            let out = self.engine.with_mut(|engine| {
                engine.collect();
                std::mem::take(&mut engine.out)
            });
            if out.is_empty() {
                return Ok(());
            }
            let Some(wire) = wire else {
                if let Transport::Memory { outgoing, .. } = &self.transport {
                    outgoing.put(&out);
                }
                return Ok(());
            };
            let (sent, code) = vm.without_gil(|| {
                // SAFETY: `out` is as long as said.
                let sent = unsafe {
                    let data = out.as_ptr().cast();
                    libc::send(wire.fd, data, out.len(), libc::MSG_NOSIGNAL)
                };
                (sent, errno())
            });
            let done = usize::try_from(sent).unwrap_or(0);
            if done < out.len() {
                // What was not sent goes in front of what came meanwhile.
                self.engine.with_mut(|engine| {
                    let newer = std::mem::take(&mut engine.out);
                    engine.out.extend_from_slice(&out[done..]);
                    engine.out.extend(newer);
                });
            }
            if sent >= 0 {
                continue;
            }
            match code {
                libc::EINTR => vm.check_signals()?,
                libc::EAGAIN => match wire.wait(vm, true)? {
                    Waited::Ready => {}
                    Waited::WouldBlock => return Err(errors::status(vm, Kind::WantWrite, line)),
                    Waited::TimedOut => return Err(timed_out(vm, line)),
                },
                code => return Err(os_error(vm, code)),
            }
        }
    }

    /// Sends what can be sent of what must be sent after a failure. Errors do not matter any more.
    fn flush_quietly(&self, vm: &Vm, wire: Option<&Wire>) {
        if self.flush(vm, wire, HANDSHAKE).is_err() {
            vm.clear_exception();
        }
    }

    /// Gets more bytes from the peer. False at their end. Raises SSLWantReadError, TimeoutError, and what TLS reports.
    fn fill(&self, vm: &Vm, wire: Option<&Wire>, line: u32) -> PyResult<bool> {
        // What is there already may do.
        if self.digest(vm, wire, line)? {
            return Ok(true);
        }
        if self.engine.with(|engine| engine.ended) {
            return Ok(false);
        }
        let wanted = self.engine.with(Engine::wanted);
        let received = match (wire, &self.transport) {
            (Some(wire), _) => self.receive(vm, wire, wanted, line)?,
            (None, Transport::Memory { incoming, .. }) => {
                let data = incoming.take(wanted);
                if data.is_empty() && !incoming.at_eof() {
                    return Err(errors::status(vm, Kind::WantRead, line));
                }
                data
            }
            _ => Vec::new(),
        };
        if received.is_empty() {
            self.engine.with_mut(|engine| {
                engine.ended = true;
                if let Some(connection) = engine.connection() {
                    let _ = connection.read_tls(&mut std::io::empty()); // tells it of the end
                }
            });
            return Ok(false);
        }
        self.engine.with_mut(|engine| {
            engine.track(&received);
            engine.inbox.extend(received);
        });
        self.digest(vm, wire, line)?;
        Ok(true)
    }

    fn digest(&self, vm: &Vm, wire: Option<&Wire>, line: u32) -> PyResult<bool> {
        match self.engine.with_mut(Engine::digest) {
            Ok(took) => Ok(took),
            Err(error) => {
                self.flush_quietly(vm, wire);
                Err(self.fault(vm, &error, line))
            }
        }
    }

    fn receive(&self, vm: &Vm, wire: &Wire, wanted: usize, line: u32) -> PyResult<Vec<u8>> {
        let mut buffer = vec![0u8; wanted];
        loop {
            let (count, code) = vm.without_gil(|| {
                // SAFETY: the buffer is as long as said.
                let count =
                    unsafe { libc::recv(wire.fd, buffer.as_mut_ptr().cast(), buffer.len(), 0) };
                (count, errno())
            });
            if let Ok(count) = usize::try_from(count) {
                buffer.truncate(count);
                return Ok(buffer);
            }
            match code {
                libc::EINTR => vm.check_signals()?,
                libc::EAGAIN => match wire.wait(vm, false)? {
                    Waited::Ready => {}
                    Waited::WouldBlock => return Err(errors::status(vm, Kind::WantRead, line)),
                    Waited::TimedOut => return Err(timed_out(vm, line)),
                },
                code => return Err(os_error(vm, code)),
            }
        }
    }

    /// The peer is gone without having said so.
    #[cold]
    fn broken(&self, vm: &Vm, line: u32) -> Raised {
        self.engine.with_mut(|engine| engine.broken = true);
        errors::status(vm, Kind::Eof, line)
    }

    fn is_broken(&self) -> bool {
        self.engine.with(|engine| engine.broken)
    }

    /// Goes on until the handshake is over.
    fn handshake(zelf: &Ref<Self>, vm: &Vm, wire: Option<&Wire>, line: u32) -> PyResult<()> {
        if zelf.is_broken() {
            return Err(zelf.broken(vm, line));
        }
        loop {
            zelf.flush(vm, wire, line)?;
            let accepted = zelf.engine.with_mut(|engine| {
                match std::mem::replace(&mut engine.state, State::Failed) {
                    State::Accepted(accepted) => Some(accepted),
                    other => {
                        engine.state = other;
                        None
                    }
                }
            });
            if let Some(accepted) = accepted {
                SslSocket::choose(zelf, vm, *accepted, wire, line)?;
                continue;
            }
            let going = zelf.engine.with_mut(|engine| match &engine.state {
                State::Open(connection) => connection.is_handshaking(),
                _ => true,
            });
            if !going {
                break;
            }
            if !zelf.fill(vm, wire, line)? {
                return Err(zelf.broken(vm, line));
            }
        }
        if !zelf.handshaken.replace(true) {
            zelf.present_context(vm)?.note_used(&zelf.peer_chain());
        }
        Ok(())
    }

    /// Chooses a server's configuration, which the callback for names may change, and goes on with it.
    fn choose(
        zelf: &Ref<Self>,
        vm: &Vm,
        accepted: Accepted,
        wire: Option<&Wire>,
        line: u32,
    ) -> PyResult<()> {
        let hello = accepted.client_hello();
        let name = hello.server_name().map(str::to_string);
        let offered: Option<Vec<Vec<u8>>> =
            hello.alpn().map(|all| all.map(<[u8]>::to_vec).collect());
        let context = zelf.present_context(vm)?;
        let callback = context.sni_callback.get();
        if !callback.is_none()
            && let Some(alert) = SslSocket::ask(zelf, vm, &callback, name.as_deref(), &context)?
        {
            zelf.engine.with_mut(|engine| {
                engine.out.extend([21, 3, 3, 0, 2, 2, alert]);
            });
            zelf.flush_quietly(vm, wire);
            return Err(errors::reason(vm, "SSL", "CALLBACK_FAILED", line));
        }
        let (config, verifier) = zelf.present_context(vm)?.serve(vm, offered.as_deref())?;
        zelf.verifier.set(Some(verifier));
        match accepted.into_connection(Arc::new(config)) {
            Ok(mut connection) => {
                connection.set_buffer_limit(None);
                zelf.engine.with_mut(|engine| {
                    engine.state = State::Open(Box::new(Connection::Server(connection)));
                });
                zelf.digest(vm, wire, line)?;
                Ok(())
            }
            Err((error, mut alert)) => {
                zelf.engine.with_mut(|engine| {
                    let _ = alert.write_all(&mut engine.out); // memory
                    engine.error = Some(error.clone());
                });
                zelf.flush_quietly(vm, wire);
                if matches!(&error, Error::General(text) if text.contains("no server certificate"))
                {
                    return Err(errors::reason(vm, "SSL", "NO_SHARED_CIPHER", line));
                }
                Err(zelf.fault(vm, &error, line))
            }
        }
    }

    /// Calls the callback for names. Gives the alert it wants, if any.
    fn ask(
        zelf: &Ref<Self>,
        vm: &Vm,
        callback: &Value,
        name: Option<&str>,
        context: &Ref<Context>,
    ) -> PyResult<Option<u8>> {
        const HANDSHAKE_FAILURE: u8 = 40;
        const INTERNAL_ERROR: u8 = 80;
        let owner = zelf.owner.get();
        let shown = match referent(&owner) {
            Some(owner) => owner,
            None if owner.is_none() => zelf.to_value(),
            None => return Ok(Some(INTERNAL_ERROR)), // whom the callback would be about is gone
        };
        let name = match name {
            Some(name) => vm.new_str(name)?.into_value(),
            None => Value::NONE,
        };
        match vm.call(callback, &[shown, name, context.to_value()]) {
            Ok(answer) if answer.is_none() => Ok(None),
            Ok(answer) => match number::index_i64(vm, &answer) {
                Ok(alert) => Ok(Some(alert.and_then(|n| u8::try_from(n).ok()).unwrap_or(0))),
                Err(_) => {
                    write_unraisable_while(vm, "in ssl servername callback", callback);
                    Ok(Some(INTERNAL_ERROR))
                }
            },
            Err(_) => {
                write_unraisable_while(vm, "in ssl servername callback", callback);
                Ok(Some(HANDSHAKE_FAILURE))
            }
        }
    }

    /// Reads up to `len` bytes. Empty: the peer has closed the connection.
    fn read_bytes(zelf: &Ref<Self>, vm: &Vm, len: usize) -> PyResult<Vec<u8>> {
        let wire = zelf.wire(vm)?;
        let wire = wire.as_ref();
        if !zelf.handshaken.get() {
            SslSocket::handshake(zelf, vm, wire, READ)?;
        }
        let mut buffer = vec![0u8; len.min(1 << 20)];
        loop {
            let result = zelf.engine.with_mut(|engine| match engine.connection() {
                Some(connection) => connection.reader().read(&mut buffer),
                None => Err(ErrorKind::WouldBlock.into()),
            });
            match result {
                Ok(count) => {
                    buffer.truncate(count);
                    // Reading makes room for what waits, and may have something to answer.
                    zelf.digest(vm, wire, READ)?;
                    return Ok(buffer);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return zelf.end(vm),
            }
            if !zelf.fill(vm, wire, READ)? {
                let over = zelf.engine.with_mut(|engine| match engine.connection() {
                    Some(connection) => connection
                        .process_new_packets()
                        .is_ok_and(|state| state.peer_has_closed()),
                    None => false,
                });
                if over {
                    return Ok(Vec::new());
                }
                return zelf.end(vm);
            }
            zelf.flush(vm, wire, READ)?;
        }
    }

    /// The end of the peer's bytes without a word: an error, unless the context ignores it.
    fn end(&self, vm: &Vm) -> PyResult<Vec<u8>> {
        if self.present_context(vm)?.ignores_end() {
            return Ok(Vec::new());
        }
        Err(self.broken(vm, READ))
    }

    /// The certificates that the peer sent.
    fn peer_chain(&self) -> Vec<Arc<X509>> {
        self.engine.with_mut(|engine| {
            let certs = engine.connection().and_then(|c| c.peer_certificates());
            let parsed = certs
                .unwrap_or(&[])
                .iter()
                .filter_map(|der| X509::parse(der));
            parsed.map(Arc::new).collect()
        })
    }

    fn ask_connection<T>(&self, f: impl FnOnce(&Connection) -> Option<T>) -> Option<T> {
        self.engine
            .with_mut(|engine| engine.connection().and_then(|c| f(c)))
    }

    fn chain_value(vm: &Vm, chain: Vec<Arc<X509>>) -> PyResult {
        let items = chain.into_iter().map(|cert| Certificate::make(vm, cert));
        let items = items.collect::<PyResult<Vec<Value>>>()?;
        Ok(vm.new_list(items)?.into_value())
    }
}

#[pymethods]
impl SslSocket {
    #[pymethod(sig = "($self, /)")]
    fn do_handshake(zelf: &Ref<Self>, vm: &Vm) -> PyResult<()> {
        let wire = zelf.wire(vm)?;
        SslSocket::handshake(zelf, vm, wire.as_ref(), HANDSHAKE)
    }

    /// Writes the bytes-like object b into the SSL object.
    ///
    /// Returns the number of bytes written.
    #[pymethod(sig = "($self, b, /)")]
    fn write(zelf: &Ref<Self>, vm: &Vm, b: Buffer) -> PyResult<usize> {
        let data = b.to_vec();
        let wire = zelf.wire(vm)?;
        let wire = wire.as_ref();
        if zelf.is_broken() {
            return Err(zelf.broken(vm, WRITE));
        }
        if !zelf.handshaken.get() {
            SslSocket::handshake(zelf, vm, wire, WRITE)?;
        }
        // What waits from earlier goes first: if it cannot, nothing of this is taken.
        zelf.flush(vm, wire, WRITE)?;
        let blocking = wire.is_none_or(|w| w.limit.is_none_or(|limit| !limit.is_zero()));
        let part = if blocking {
            &data[..]
        } else {
            &data[..data.len().min(CHUNK)]
        };
        let result = zelf.engine.with_mut(|engine| {
            if engine.closing {
                return None;
            }
            let connection = engine.connection()?;
            Some(connection.writer().write_all(part))
        });
        match result {
            Some(Ok(())) => {}
            _ => return Err(errors::reason(vm, "SSL", "PROTOCOL_IS_SHUTDOWN", WRITE)),
        }
        if let Err(raised) = zelf.flush(vm, wire, WRITE) {
            // Without waiting: it is taken, and goes out with what comes next.
            let later = Kind::WantWrite.class(vm)?;
            if blocking || !vm.catch(&later) {
                return Err(raised);
            }
        }
        Ok(part.len())
    }

    /// read(size, [buffer])
    ///
    /// Read up to size bytes from the SSL socket.
    #[pymethod(raw)]
    fn read(vm: &Vm, args: Args) -> PyResult {
        static SIG: Signature = Signature::new("_SSLSocket", "read", &[]);
        let (zelf, rest) = naja_vm::function::signature::receiver::<SslSocket>(vm, args, &SIG)?;
        let (size, buffer) = match rest.args {
            [size] => (size, None),
            [size, buffer] => (size, Some(Buffer::writable(vm, buffer)?)),
            many => {
                return Err(vm.type_error(format!(
                    "_ssl._SSLSocket.read requires 1 to 2 arguments, got {}",
                    many.len()
                )));
            }
        };
        let size = number::index_isize(vm, size)?;
        match buffer {
            None => {
                let Ok(size) = usize::try_from(size) else {
                    return Err(vm.value_error("size should not be negative"));
                };
                let data = if size == 0 {
                    Vec::new()
                } else {
                    SslSocket::read_bytes(zelf, vm, size)?
                };
                Ok(vm.new_bytes_of(data)?.into_value())
            }
            Some(buffer) => {
                let room = match usize::try_from(size) {
                    Ok(size) if size > 0 => size.min(buffer.len()),
                    _ => buffer.len(),
                };
                if room == 0 {
                    return vm.new_int(0);
                }
                let data = SslSocket::read_bytes(zelf, vm, room)?;
                buffer.with_mut(|to| {
                    if let Some(to) = to.get_mut(..data.len()) {
                        to.copy_from_slice(&data)
                    }
                });
                vm.new_int(data.len() as i64)
            }
        }
    }

    /// Returns the number of already decrypted bytes available for read, pending on the connection.
    #[pymethod(sig = "($self, /)")]
    fn pending(&self) -> usize {
        self.engine.with_mut(|engine| {
            let state = engine.connection().map(|c| c.process_new_packets());
            state.map_or(0, |state| state.map_or(0, |s| s.plaintext_bytes_to_read()))
        })
    }

    /// Returns the certificate for the peer.
    ///
    /// If no certificate was provided, returns None.  If a certificate was
    /// provided, but not validated, returns an empty dictionary.  Otherwise
    /// returns a dict containing information about the peer certificate.
    ///
    /// If the optional argument is True, returns a DER-encoded copy of the
    /// peer certificate, or None if no certificate was provided.  This will
    /// return the certificate even if it wasn't validated.
    #[pymethod(sig = "($self, der=False, /)")]
    fn getpeercert(&self, vm: &Vm, #[default(false)] der: bool) -> PyResult {
        if !self.handshaken.get() {
            return Err(vm.value_error("handshake not done yet"));
        }
        let Some(cert) = self.peer_chain().into_iter().next() else {
            return Ok(Value::NONE);
        };
        if der {
            return Ok(vm.new_bytes(&cert.der)?.into_value());
        }
        if self.present_context(vm)?.verify_mode.get() == super::verify::CERT_NONE {
            return Ok(vm.new_dict()?.into_value());
        }
        cert.to_dict(vm)
    }

    #[pymethod(sig = "($self, /)")]
    fn get_unverified_chain(&self, vm: &Vm) -> PyResult {
        let chain = self.peer_chain();
        if chain.is_empty() {
            return Ok(Value::NONE);
        }
        SslSocket::chain_value(vm, chain)
    }

    #[pymethod(sig = "($self, /)")]
    fn get_verified_chain(&self, vm: &Vm) -> PyResult {
        let sent = self.peer_chain();
        let Some(leaf) = sent.first().cloned() else {
            return Ok(Value::NONE);
        };
        // From the leaf to a trusted certificate, by the names of issuers.
        let trust = self.present_context(vm)?.trust(vm)?;
        let mut chain = vec![leaf];
        while let Some(last) = chain.last().filter(|last| !last.is_self_issued()) {
            let issuer = |cert: &&Arc<X509>| cert.subject == last.issuer;
            let found = trust
                .certs
                .iter()
                .find(issuer)
                .or_else(|| sent.iter().find(issuer));
            match found {
                Some(cert) if chain.len() < 10 => chain.push(cert.clone()),
                _ => break,
            }
        }
        SslSocket::chain_value(vm, chain)
    }

    /// Get channel binding data for current connection.
    ///
    /// Raise ValueError if the requested `cb_type` is not supported.  Return
    /// bytes of the data or None if the data is not available (e.g. before
    /// the handshake).  Only 'tls-unique' channel binding data from RFC 5929
    /// is supported.
    #[pymethod(sig = "($self, /, cb_type='tls-unique')")]
    fn get_channel_binding(&self, vm: &Vm, #[default("tls-unique")] cb_type: &str) -> PyResult {
        if cb_type != "tls-unique" {
            return Err(vm.value_error(format!("'{cb_type}' channel binding type not implemented")));
        }
        if !self.handshaken.get() {
            return Ok(Value::NONE);
        }
        Err(errors::unsupported(vm, "channel binding by 'tls-unique'"))
    }

    #[pymethod(sig = "($self, /)")]
    fn cipher(&self, vm: &Vm) -> PyResult {
        let suite = self.ask_connection(|c| c.negotiated_cipher_suite());
        match suite.and_then(|s| ciphers::by_code(u16::from(s.suite()))) {
            Some(suite) => suite.to_tuple(vm),
            None => Ok(Value::NONE),
        }
    }

    #[pymethod(sig = "($self, /)")]
    fn shared_ciphers(&self, vm: &Vm) -> PyResult {
        // Which ones the client offered is not kept: what was agreed on is shared.
        if !self.server_side {
            return Ok(Value::NONE);
        }
        let agreed = self.cipher(vm)?;
        if agreed.is_none() {
            return Ok(Value::NONE);
        }
        Ok(vm.new_list(vec![agreed])?.into_value())
    }

    #[pymethod(sig = "($self, /)")]
    fn version(&self) -> Option<&'static str> {
        if !self.handshaken.get() {
            return None;
        }
        match self.ask_connection(|c| c.protocol_version())? {
            ProtocolVersion::TLSv1_3 => Some("TLSv1.3"),
            ProtocolVersion::TLSv1_2 => Some("TLSv1.2"),
            _ => None,
        }
    }

    #[pymethod(sig = "($self, /)")]
    fn selected_alpn_protocol(&self) -> Option<String> {
        self.ask_connection(|c| {
            c.alpn_protocol()
                .map(|name| String::from_utf8_lossy(name).into_owned())
        })
    }

    #[pymethod(sig = "($self, /)")]
    fn compression(&self) -> Option<Value> {
        None
    }

    /// Does the SSL shutdown handshake with the remote end.
    #[pymethod(sig = "($self, /)")]
    fn shutdown(&self, vm: &Vm) -> PyResult {
        let wire = self.wire(vm)?;
        let wire = wire.as_ref();
        if !self.handshaken.get() {
            return Err(errors::reason(
                vm,
                "SSL",
                "SHUTDOWN_WHILE_IN_INIT",
                SHUTDOWN,
            ));
        }
        self.engine.with_mut(|engine| {
            if !std::mem::replace(&mut engine.closing, true)
                && let Some(connection) = engine.connection()
            {
                connection.send_close_notify();
            }
        });
        self.flush(vm, wire, SHUTDOWN)?;
        loop {
            let (closed, data) = self.engine.with_mut(|engine| match engine.connection() {
                Some(connection) => match connection.process_new_packets() {
                    Ok(state) => (state.peer_has_closed(), state.plaintext_bytes_to_read()),
                    Err(_) => (true, 0),
                },
                None => (true, 0),
            });
            if closed {
                break;
            }
            if data > 0 {
                let name = "APPLICATION_DATA_AFTER_CLOSE_NOTIFY";
                return Err(errors::reason(vm, "SSL", name, SHUTDOWN));
            }
            if !self.fill(vm, wire, SHUTDOWN)? {
                return Err(errors::status(vm, Kind::Eof, SHUTDOWN));
            }
        }
        match &self.transport {
            Transport::Socket(weak) => Ok(referent(weak).unwrap_or(Value::NONE)),
            Transport::Memory { .. } => Ok(Value::NONE),
        }
    }

    /// Initiate TLS 1.3 post-handshake authentication
    #[pymethod(sig = "($self, /)")]
    fn verify_client_post_handshake(&self, vm: &Vm) -> PyResult<()> {
        let version = self.ask_connection(|c| c.protocol_version());
        if version != Some(ProtocolVersion::TLSv1_3) {
            return Err(errors::reason(vm, "SSL", "WRONG_SSL_VERSION", 2984));
        }
        Err(errors::unsupported(
            vm,
            "authentication after the handshake",
        ))
    }

    /// This changes the context associated with the SSLSocket.
    ///
    /// This is typically used from within a callback function set by the
    /// sni_callback on the SSLContext to change the certificate information
    /// associated with the SSLSocket before the cryptographic exchange handshake
    /// messages.
    #[pygetter]
    fn context(&self, vm: &Vm) -> PyResult {
        Ok(self.present_context(vm)?.into_value())
    }

    #[pysetter]
    fn set_context(&self, vm: &Vm, value: Option<&Value>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(vm.attribute_error("cannot delete attribute"));
        };
        let Some(context) = value.downcast::<Context>() else {
            return Err(vm.type_error("The value must be a SSLContext"));
        };
        drop(self.context.replace(Some(context.clone())));
        Ok(())
    }

    /// Whether this is a server-side socket.
    #[pygetter]
    fn server_side(&self) -> bool {
        self.server_side
    }

    /// The currently set server hostname (for SNI).
    #[pygetter]
    fn server_hostname(&self) -> Value {
        self.host.as_ref().map_or(Value::NONE, |h| h.to_value())
    }

    /// The Python-level owner of this object.
    ///
    /// Passed as "self" in servername callback.
    #[pygetter]
    fn owner(&self) -> Value {
        referent(&self.owner.get()).unwrap_or(Value::NONE)
    }

    #[pysetter]
    fn set_owner(&self, vm: &Vm, value: Option<&Value>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(vm.attribute_error("cannot delete attribute"));
        };
        let owner = if value.is_none() {
            Value::NONE
        } else {
            WeakRef::make(vm, &vm.types.weakref.clone(), value, None)?
        };
        self.owner.set(owner);
        Ok(())
    }

    /// The underlying SSLSession object.
    #[pygetter]
    fn session(&self) -> Value {
        Value::NONE
    }

    #[pysetter]
    fn set_session(&self, vm: &Vm, value: Option<&Value>) -> PyResult<()> {
        match value {
            None => Err(vm.attribute_error("cannot delete attribute")),
            Some(value) if value.is_none() => Ok(()),
            Some(value) if value.downcast::<super::certificate::Session>().is_none() => {
                Err(vm.type_error("Value is not a SSLSession."))
            }
            _ => Err(errors::unsupported(vm, "resuming a given session")),
        }
    }

    /// Was the client session reused during handshake?
    #[pygetter]
    fn session_reused(&self) -> bool {
        self.ask_connection(|c| c.handshake_kind()) == Some(HandshakeKind::Resumed)
    }
}
