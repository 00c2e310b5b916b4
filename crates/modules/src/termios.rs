//! `termios`: terminals' settings.
//!
//! Speeds are the system's codes (`B9600`), which this C library's functions take. CPython: Modules/termios.c.

use crate::common;
use crate::system::{Fd, add_ints, errno, strerror};
use naja_heap::{Ref, Value};
use naja_macros::pymodule;
use naja_vm::bytes::Bytes;
use naja_vm::list::List;
use naja_vm::module::Module;
use naja_vm::protocols::{number, sequence};
use naja_vm::type_::Type;
use naja_vm::{PyResult, Raised, Vm};

#[rustfmt::skip]
const CONSTANTS: &[(&str, i64)] = &[("BRKINT", 2), ("BS0", 0), ("BS1", 8192), ("BSDLY", 8192), ("CBAUD", 4111), ("CBAUDEX", 4096), ("CDSUSP", 25), ("CEOF", 4), ("CEOL", 0), ("CEOT", 4), ("CERASE", 127), ("CFLUSH", 15), ("CIBAUD", 269418496), ("CINTR", 3), ("CKILL", 21), ("CLNEXT", 22), ("CLOCAL", 2048), ("CQUIT", 28), ("CR0", 0), ("CR1", 512), ("CR2", 1024), ("CR3", 1536), ("CRDLY", 1536), ("CREAD", 128), ("CRPRNT", 18), ("CRTSCTS", 2147483648), ("CS5", 0), ("CS6", 16), ("CS7", 32), ("CS8", 48), ("CSIZE", 48), ("CSTART", 17), ("CSTOP", 19), ("CSTOPB", 64), ("CSUSP", 26), ("CWERASE", 23), ("ECHO", 8), ("ECHOCTL", 512), ("ECHOE", 16), ("ECHOK", 32), ("ECHOKE", 2048), ("ECHONL", 64), ("ECHOPRT", 1024), ("EXTPROC", 65536), ("FF0", 0), ("FF1", 32768), ("FFDLY", 32768), ("FIOASYNC", 21586), ("FIOCLEX", 21585), ("FIONBIO", 21537), ("FIONCLEX", 21584), ("FIONREAD", 21531), ("FLUSHO", 4096), ("HUPCL", 1024), ("IBSHIFT", 16), ("ICANON", 2), ("ICRNL", 256), ("IEXTEN", 32768), ("IGNBRK", 1), ("IGNCR", 128), ("IGNPAR", 4), ("IMAXBEL", 8192), ("INLCR", 64), ("INPCK", 16), ("IOCSIZE_MASK", 1073676288), ("IOCSIZE_SHIFT", 16), ("ISIG", 1), ("ISTRIP", 32), ("IUCLC", 512), ("IUTF8", 16384), ("IXANY", 2048), ("IXOFF", 4096), ("IXON", 1024), ("NCCS", 32), ("NL0", 0), ("NL1", 256), ("NLDLY", 256), ("NOFLSH", 128), ("N_MOUSE", 2), ("N_PPP", 3), ("N_SLIP", 1), ("N_STRIP", 4), ("N_TTY", 0), ("OCRNL", 8), ("OFDEL", 128), ("OFILL", 64), ("OLCUC", 2), ("ONLCR", 4), ("ONLRET", 32), ("ONOCR", 16), ("OPOST", 1), ("PARENB", 256), ("PARMRK", 8), ("PARODD", 512), ("PENDIN", 16384), ("TAB0", 0), ("TAB1", 2048), ("TAB2", 4096), ("TAB3", 6144), ("TABDLY", 6144), ("TCFLSH", 21515), ("TCGETS", 21505), ("TCIFLUSH", 0), ("TCIOFF", 2), ("TCIOFLUSH", 2), ("TCION", 3), ("TCOFLUSH", 1), ("TCOOFF", 0), ("TCOON", 1), ("TCSADRAIN", 1), ("TCSAFLUSH", 2), ("TCSANOW", 0), ("TCSBRK", 21513), ("TCSBRKP", 21541), ("TCSETS", 21506), ("TCSETSF", 21508), ("TCSETSW", 21507), ("TCXONC", 21514), ("TIOCCONS", 21533), ("TIOCEXCL", 21516), ("TIOCGETD", 21540), ("TIOCGICOUNT", 21597), ("TIOCGLCKTRMIOS", 21590), ("TIOCGPGRP", 21519), ("TIOCGSERIAL", 21534), ("TIOCGSOFTCAR", 21529), ("TIOCGWINSZ", 21523), ("TIOCINQ", 21531), ("TIOCLINUX", 21532), ("TIOCMBIC", 21527), ("TIOCMBIS", 21526), ("TIOCMGET", 21525), ("TIOCMIWAIT", 21596), ("TIOCMSET", 21528), ("TIOCM_CAR", 64), ("TIOCM_CD", 64), ("TIOCM_CTS", 32), ("TIOCM_DSR", 256), ("TIOCM_DTR", 2), ("TIOCM_LE", 1), ("TIOCM_RI", 128), ("TIOCM_RNG", 128), ("TIOCM_RTS", 4), ("TIOCM_SR", 16), ("TIOCM_ST", 8), ("TIOCNOTTY", 21538), ("TIOCNXCL", 21517), ("TIOCOUTQ", 21521), ("TIOCPKT", 21536), ("TIOCPKT_DATA", 0), ("TIOCPKT_DOSTOP", 32), ("TIOCPKT_FLUSHREAD", 1), ("TIOCPKT_FLUSHWRITE", 2), ("TIOCPKT_NOSTOP", 16), ("TIOCPKT_START", 8), ("TIOCPKT_STOP", 4), ("TIOCSCTTY", 21518), ("TIOCSERCONFIG", 21587), ("TIOCSERGETLSR", 21593), ("TIOCSERGETMULTI", 21594), ("TIOCSERGSTRUCT", 21592), ("TIOCSERGWILD", 21588), ("TIOCSERSETMULTI", 21595), ("TIOCSERSWILD", 21589), ("TIOCSER_TEMT", 1), ("TIOCSETD", 21539), ("TIOCSLCKTRMIOS", 21591), ("TIOCSPGRP", 21520), ("TIOCSSERIAL", 21535), ("TIOCSSOFTCAR", 21530), ("TIOCSTI", 21522), ("TIOCSWINSZ", 21524), ("TOSTOP", 256), ("VDISCARD", 13), ("VEOF", 4), ("VEOL", 11), ("VEOL2", 16), ("VERASE", 2), ("VINTR", 0), ("VKILL", 3), ("VLNEXT", 15), ("VMIN", 6), ("VQUIT", 1), ("VREPRINT", 12), ("VSTART", 8), ("VSTOP", 9), ("VSUSP", 10), ("VSWTC", 7), ("VSWTCH", 7), ("VT0", 0), ("VT1", 16384), ("VTDLY", 16384), ("VTIME", 5), ("VWERASE", 14), ("XCASE", 4), ("XTABS", 6144), ("_POSIX_VDISABLE", 0)];

#[rustfmt::skip]
const SPEEDS: &[(&str, libc::speed_t)] = &[("B0", libc::B0), ("B50", libc::B50), ("B75", libc::B75), ("B110", libc::B110), ("B134", libc::B134), ("B150", libc::B150), ("B200", libc::B200), ("B300", libc::B300), ("B600", libc::B600), ("B1200", libc::B1200), ("B1800", libc::B1800), ("B2400", libc::B2400), ("B4800", libc::B4800), ("B9600", libc::B9600), ("B19200", libc::B19200), ("B38400", libc::B38400), ("B57600", libc::B57600), ("B115200", libc::B115200), ("B230400", libc::B230400), ("B460800", libc::B460800), ("B500000", libc::B500000), ("B576000", libc::B576000), ("B921600", libc::B921600), ("B1000000", libc::B1000000), ("B1152000", libc::B1152000), ("B1500000", libc::B1500000), ("B2000000", libc::B2000000), ("B2500000", libc::B2500000), ("B3000000", libc::B3000000), ("B3500000", libc::B3500000), ("B4000000", libc::B4000000), ("EXTA", libc::B19200), ("EXTB", libc::B38400)];

fn error_class(vm: &Vm) -> PyResult<Ref<Type>> {
    common::exception(vm, "termios.error", &vm.types.exception)
}

#[cold]
fn failed(vm: &Vm, errno: i32) -> Raised {
    let make = || -> PyResult<(Ref<Type>, [Value; 2])> {
        let text = vm.new_str(strerror(errno))?.into_value();
        Ok((error_class(vm)?, [vm.new_int(errno as i64)?, text]))
    };
    match make() {
        Ok((class, args)) => vm.raise_with(&class, &args),
        Err(raised) => raised,
    }
}

/// Runs a call that gives 0 if it succeeds.
fn run(vm: &Vm, call: impl FnOnce() -> libc::c_int) -> PyResult<()> {
    let (result, error) = vm.without_gil(|| {
        let result = call();
        (result, errno())
    });
    match result {
        0 => Ok(()),
        _ => Err(failed(vm, error)),
    }
}

fn get(vm: &Vm, fd: i32) -> PyResult<libc::termios> {
    // SAFETY: all zero is a valid value.
    let mut mode: libc::termios = unsafe { std::mem::zeroed() };
    // SAFETY: writes one struct.
    run(vm, || unsafe { libc::tcgetattr(fd, &mut mode) })?;
    Ok(mode)
}

fn flags(vm: &Vm, value: &Value) -> PyResult<u32> {
    number::index_i64(vm, value)?
        .filter(|n| (i32::MIN as i64..=u32::MAX as i64).contains(n))
        .map(|n| n as u32)
        .ok_or_else(|| vm.overflow_error("Python int too large to convert to C unsigned int"))
}

fn special(vm: &Vm, value: &Value) -> PyResult<u8> {
    if let Some(bytes) = value.downcast::<Bytes>() {
        if let [b] = bytes.as_bytes() {
            return Ok(*b);
        }
    } else if number::is_int(vm, value) {
        return number::index_i64(vm, value)?
            .map(|n| n as u8)
            .ok_or_else(|| vm.overflow_error("Python int too large to convert to C long"));
    }
    Err(vm.type_error("tcsetattr: elements of attributes must be characters or integers"))
}

#[pymodule(
    name = "termios",
    doc = "This module provides an interface to the Posix calls for tty I/O control.\nFor a complete description of these calls, see the Posix or Unix manual\npages. It is only available for those Unix versions that support Posix\ntermios style tty I/O control.\n\nAll functions in this module take a file descriptor fd as their first\nargument. This can be an integer file descriptor, such as returned by\nsys.stdin.fileno(), or a file object, such as sys.stdin itself."
)]
pub mod module {
    use super::*;

    /// Get the tty attributes for file descriptor fd.
    ///
    /// Returns a list [iflag, oflag, cflag, lflag, ispeed, ospeed, cc]
    /// where cc is a list of the tty special characters (each a string of
    /// length 1, except the items with indices VMIN and VTIME, which are
    /// integers when these fields are defined).  The interpretation of the
    /// flags and the speeds as well as the indexing in the cc array must be
    /// done using the symbolic constants defined in this module.
    #[pyfunction(sig = "(fd, /)")]
    fn tcgetattr(vm: &Vm, fd: Fd) -> PyResult<Ref<List>> {
        let mode = get(vm, fd.0)?;
        let raw = mode.c_lflag & libc::ICANON == 0;
        let mut cc = Vec::with_capacity(mode.c_cc.len());
        for (i, &c) in mode.c_cc.iter().enumerate() {
            cc.push(match raw && (i == libc::VMIN || i == libc::VTIME) {
                true => vm.new_int(c as i64)?,
                false => vm.new_bytes(&[c])?.into_value(),
            });
        }
        // SAFETY: these read the struct.
        let speeds = unsafe { (libc::cfgetispeed(&mode), libc::cfgetospeed(&mode)) };
        let mut list = Vec::with_capacity(7);
        for n in [
            mode.c_iflag,
            mode.c_oflag,
            mode.c_cflag,
            mode.c_lflag,
            speeds.0,
            speeds.1,
        ] {
            list.push(vm.new_int(n as i64)?);
        }
        list.push(vm.new_list(cc)?.into_value());
        vm.new_list(list)
    }

    /// Set the tty attributes for file descriptor fd.
    ///
    /// The attributes to be set are taken from the attributes argument, which
    /// is a list like the one returned by tcgetattr(). The when argument
    /// determines when the attributes are changed: termios.TCSANOW to
    /// change immediately, termios.TCSADRAIN to change after transmitting all
    /// queued output, or termios.TCSAFLUSH to change after transmitting all
    /// queued output and discarding all queued input.
    #[pyfunction(sig = "(fd, when, attributes, /)")]
    fn tcsetattr(vm: &Vm, fd: Fd, when: i32, attributes: &Value) -> PyResult<()> {
        let list = attributes.downcast::<List>().map(|l| l.to_vec());
        let Some([iflag, oflag, cflag, lflag, ispeed, ospeed, cc]) = list.as_deref() else {
            return Err(vm.type_error("tcsetattr, arg 3: must be 7 element list"));
        };
        // What the list does not tell stays as it is.
        let mut mode = get(vm, fd.0)?;
        mode.c_iflag = flags(vm, iflag)?;
        mode.c_oflag = flags(vm, oflag)?;
        mode.c_cflag = flags(vm, cflag)?;
        mode.c_lflag = flags(vm, lflag)?;
        let (ispeed, ospeed) = (flags(vm, ispeed)?, flags(vm, ospeed)?);
        let cc = cc.downcast::<List>().map(|l| l.to_vec());
        let Some(cc) = cc.filter(|cc| cc.len() == mode.c_cc.len()) else {
            return Err(vm.type_error(format!(
                "tcsetattr: attributes[6] must be {} element list",
                mode.c_cc.len()
            )));
        };
        for (to, value) in mode.c_cc.iter_mut().zip(&cc) {
            *to = special(vm, value)?;
        }
        // SAFETY: these change the struct.
        run(vm, || unsafe { libc::cfsetispeed(&mut mode, ispeed) })?;
        // SAFETY: as above.
        run(vm, || unsafe { libc::cfsetospeed(&mut mode, ospeed) })?;
        // SAFETY: reads the struct.
        run(vm, || unsafe { libc::tcsetattr(fd.0, when, &mode) })
    }

    /// Send a break on file descriptor fd.
    ///
    /// A zero duration sends a break for 0.25-0.5 seconds; a nonzero duration
    /// has a system dependent meaning.
    #[pyfunction(sig = "(fd, duration, /)")]
    fn tcsendbreak(vm: &Vm, fd: Fd, duration: i32) -> PyResult<()> {
        // SAFETY: a plain call.
        run(vm, || unsafe { libc::tcsendbreak(fd.0, duration) })
    }

    /// Wait until all output written to file descriptor fd has been transmitted.
    #[pyfunction(sig = "(fd, /)")]
    fn tcdrain(vm: &Vm, fd: Fd) -> PyResult<()> {
        // SAFETY: a plain call.
        run(vm, || unsafe { libc::tcdrain(fd.0) })
    }

    /// Discard queued data on file descriptor fd.
    ///
    /// The queue selector specifies which queue: termios.TCIFLUSH for the input
    /// queue, termios.TCOFLUSH for the output queue, or termios.TCIOFLUSH for
    /// both queues.
    #[pyfunction(sig = "(fd, queue, /)")]
    fn tcflush(vm: &Vm, fd: Fd, queue: i32) -> PyResult<()> {
        // SAFETY: a plain call.
        run(vm, || unsafe { libc::tcflush(fd.0, queue) })
    }

    /// Suspend or resume input or output on file descriptor fd.
    ///
    /// The action argument can be termios.TCOOFF to suspend output,
    /// termios.TCOON to restart output, termios.TCIOFF to suspend input,
    /// or termios.TCION to restart input.
    #[pyfunction(sig = "(fd, action, /)")]
    fn tcflow(vm: &Vm, fd: Fd, action: i32) -> PyResult<()> {
        // SAFETY: a plain call.
        run(vm, || unsafe { libc::tcflow(fd.0, action) })
    }

    /// Get the tty winsize for file descriptor fd.
    ///
    /// Returns a tuple (ws_row, ws_col).
    #[pyfunction(sig = "(fd, /)")]
    fn tcgetwinsize(vm: &Vm, fd: Fd) -> PyResult {
        // SAFETY: all zero is a valid value.
        let mut size: libc::winsize = unsafe { std::mem::zeroed() };
        // SAFETY: writes one struct.
        run(vm, || unsafe {
            libc::ioctl(fd.0, libc::TIOCGWINSZ, &mut size)
        })?;
        let pair = vec![
            vm.new_int(size.ws_row as i64)?,
            vm.new_int(size.ws_col as i64)?,
        ];
        Ok(vm.new_tuple(pair)?.into_value())
    }

    /// Set the tty winsize for file descriptor fd.
    ///
    /// The winsize to be set is taken from the winsize argument, which
    /// is a two-item tuple (ws_row, ws_col) like the one returned by
    /// tcgetwinsize().
    #[pyfunction(sig = "(fd, winsize, /)")]
    fn tcsetwinsize(vm: &Vm, fd: Fd, winsize: &Value) -> PyResult<()> {
        const WRONG: &str = "tcsetwinsize, arg 2: must be a two-item sequence";
        if !sequence::is_sequence(vm, winsize) {
            return Err(vm.type_error(WRONG));
        }
        let items = sequence::collect(vm, winsize)?;
        let [rows, columns] = items.as_slice() else {
            return Err(vm.type_error(WRONG));
        };
        let long = |value: &Value| -> PyResult<i64> {
            number::index_i64(vm, value)?
                .ok_or_else(|| vm.overflow_error("Python int too large to convert to C long"))
        };
        let (rows, columns) = (long(rows)?, long(columns)?);
        // SAFETY: all zero is a valid value.
        let mut size: libc::winsize = unsafe { std::mem::zeroed() };
        // SAFETY: writes one struct.
        run(vm, || unsafe {
            libc::ioctl(fd.0, libc::TIOCGWINSZ, &mut size)
        })?;
        let (Ok(rows), Ok(columns)) = (u16::try_from(rows), u16::try_from(columns)) else {
            return Err(vm.overflow_error("winsize value(s) out of range."));
        };
        size.ws_row = rows;
        size.ws_col = columns;
        // SAFETY: reads the struct.
        run(vm, || unsafe { libc::ioctl(fd.0, libc::TIOCSWINSZ, &size) })
    }

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        module.set(vm, "error", error_class(vm)?.into_value())?;
        for (name, speed) in SPEEDS {
            module.set(vm, name, vm.new_int(*speed as i64)?)?;
        }
        add_ints(vm, module, CONSTANTS)
    }
}
