//! `_socket`: sockets of the families INET, INET6 and UNIX, and looking names up. CPython: Modules/socketmodule.c.
//!
//! The class is in `object.rs` (what sends and receives: `transfer.rs`, `message.rs`), addresses in `address.rs`, hosts in
//! `resolver.rs`, services and interfaces in `services.rs`. Here are the constants, the functions that make descriptors, and
//! the default time-out. Each file with functions of the module gives them as a part that the module takes in.

mod address;
mod message;
mod object;
mod resolver;
mod services;
mod transfer;

pub use object::Socket;

use naja_heap::{MutCell, Ref, Value};
use naja_macros::pymodule;
use naja_vm::builtins::print::os_error;
use naja_vm::module::Module;
use naja_vm::protocols::number;
use naja_vm::type_::Type;
use naja_vm::{PyResult, Vm};
use std::time::Duration;

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

/// A time-out argument: None, or seconds.
pub(super) fn timeout_of(vm: &Vm, value: &Value) -> PyResult<Option<Duration>> {
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
#[pymodule(
    name = "_socket",
    classes(Socket),
    with(address::module, message::module, resolver::module, services::module)
)]
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
