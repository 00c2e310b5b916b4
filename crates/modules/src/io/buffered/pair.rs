//! `BufferedRWPair`: a reader and a writer side by side, each with a raw stream of its own. CPython: bufferedrwpair_* in
//! Modules/_io/bufferedio.c.

use super::{BufferedReader, BufferedWriter, check_able};
use crate::io::base::BufferedIoBase;
use naja_heap::{MutCell, Ref, Value, Visitor};
use naja_macros::{pyclass, pymethods};
use naja_vm::protocols::{attributes, object};
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Traverse, Vm};

/// A buffered reader and writer object together.
///
/// A buffered reader object and buffered writer object put together to
/// form a sequential IO object that can read and write. This is typically
/// used with a socket or two-way pipe.
///
/// reader and writer are RawIOBase objects that are readable and
/// writeable respectively. If the buffer_size is omitted it defaults to
/// DEFAULT_BUFFER_SIZE.
#[pyclass(
    name = "BufferedRWPair",
    module = "_io",
    extends = "BufferedIoBase",
    gc,
    flags(BASETYPE, HAS_DICT, HAS_WEAKREF)
)]
#[repr(C)]
#[derive(Default)]
pub struct BufferedRwPair {
    base: BufferedIoBase,
    reader: MutCell<Option<Value>>,
    writer: MutCell<Option<Value>>,
}

impl Traverse for BufferedRwPair {
    fn traverse(&self, v: &mut Visitor) {
        self.reader.with(|r| v.opt(r));
        self.writer.with(|w| v.opt(w));
    }
    fn clear(&self) {}
}

impl BufferedRwPair {
    fn part(&self, vm: &Vm, part: &MutCell<Option<Value>>) -> PyResult {
        part.get()
            .ok_or_else(|| vm.value_error("I/O operation on uninitialized object"))
    }

    fn to_reader(&self, vm: &Vm, method: &str, args: &[Value]) -> PyResult {
        vm.call_method_str(&self.part(vm, &self.reader)?, method, args)
    }

    fn to_writer(&self, vm: &Vm, method: &str, args: &[Value]) -> PyResult {
        vm.call_method_str(&self.part(vm, &self.writer)?, method, args)
    }
}

#[pymethods]
impl BufferedRwPair {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm
            .new_object_of(cls, BufferedRwPair::default())?
            .into_value())
    }

    #[pyslot(sig = "(reader, writer, buffer_size=DEFAULT_BUFFER_SIZE, /)")]
    fn init(
        zelf: &Ref<Self>,
        vm: &Vm,
        reader: Value,
        writer: Value,
        buffer_size: Option<isize>,
    ) -> PyResult<()> {
        check_able(vm, &reader, "readable", "File or stream is not readable.")?;
        check_able(vm, &writer, "writable", "File or stream is not writable.")?;
        let size =
            vm.new_int(buffer_size.unwrap_or(crate::io::DEFAULT_BUFFER_SIZE as isize) as i64)?;
        let reader = vm.call(
            vm.class::<BufferedReader>().as_value(),
            &[reader, size.clone()],
        )?;
        let writer = vm.call(vm.class::<BufferedWriter>().as_value(), &[writer, size])?;
        zelf.reader.set(Some(reader));
        zelf.writer.set(Some(writer));
        Ok(())
    }

    #[pyslot]
    fn finalize(zelf: &Value, vm: &Vm) {
        crate::io::base::finalize(vm, zelf)
    }

    #[pymethod(raw, sig = "($self, size=-1, /)")]
    fn read(vm: &Vm, args: Args) -> PyResult {
        pair(vm, &args)?.to_reader(vm, "read", &args.args[1..])
    }

    #[pymethod(raw, sig = "($self, size=0, /)")]
    fn peek(vm: &Vm, args: Args) -> PyResult {
        pair(vm, &args)?.to_reader(vm, "peek", &args.args[1..])
    }

    #[pymethod(raw, sig = "($self, size=-1, /)")]
    fn read1(vm: &Vm, args: Args) -> PyResult {
        pair(vm, &args)?.to_reader(vm, "read1", &args.args[1..])
    }

    #[pymethod(raw, sig = "($self, buffer, /)")]
    fn readinto(vm: &Vm, args: Args) -> PyResult {
        pair(vm, &args)?.to_reader(vm, "readinto", &args.args[1..])
    }

    #[pymethod(raw, sig = "($self, buffer, /)")]
    fn readinto1(vm: &Vm, args: Args) -> PyResult {
        pair(vm, &args)?.to_reader(vm, "readinto1", &args.args[1..])
    }

    #[pymethod(raw, sig = "($self, buffer, /)")]
    fn write(vm: &Vm, args: Args) -> PyResult {
        pair(vm, &args)?.to_writer(vm, "write", &args.args[1..])
    }

    #[pymethod(sig = "($self, /)")]
    fn flush(&self, vm: &Vm) -> PyResult {
        self.to_writer(vm, "flush", &[])
    }

    #[pymethod(sig = "($self, /)")]
    fn readable(&self, vm: &Vm) -> PyResult {
        self.to_reader(vm, "readable", &[])
    }

    #[pymethod(sig = "($self, /)")]
    fn writable(&self, vm: &Vm) -> PyResult {
        self.to_writer(vm, "writable", &[])
    }

    #[pymethod(sig = "($self, /)")]
    fn close(&self, vm: &Vm) -> PyResult<()> {
        let closed = self.to_writer(vm, "close", &[]).map(drop);
        crate::io::chain(vm, closed, || self.to_reader(vm, "close", &[]).map(drop))
    }

    #[pymethod(sig = "($self, /)")]
    fn isatty(&self, vm: &Vm) -> PyResult<bool> {
        let writer = self.to_writer(vm, "isatty", &[])?;
        if object::is_true(vm, &writer)? {
            return Ok(true);
        }
        let reader = self.to_reader(vm, "isatty", &[])?;
        object::is_true(vm, &reader)
    }

    #[pygetter]
    fn closed(&self, vm: &Vm) -> PyResult {
        attributes::get_by(vm, &self.part(vm, &self.writer)?, "closed")
    }
}

fn pair<'a>(vm: &Vm, args: &Args<'a>) -> PyResult<&'a Ref<BufferedRwPair>> {
    match args
        .args
        .first()
        .and_then(Value::downcast::<BufferedRwPair>)
    {
        Some(pair) => Ok(pair),
        None => Err(vm.type_error("a BufferedRWPair is required")),
    }
}
