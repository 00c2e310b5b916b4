//! `_pickle`: objects to bytes and back, and `PickleBuffer`.
//!
//! * `save.rs`, `reduce.rs`: writing objects; `output.rs`: the bytes and their frames; `pickler.rs`: the class `Pickler`
//! * `plain.rs`: instances of ordinary classes, written without asking them
//! * `load.rs`: the stack machine that reads; `input.rs`: bytes or a file; `unpickler.rs`: the class `Unpickler`
//! * `memo.rs`: both memos; `globals.rs`: what is needed of other modules; `opcodes.rs`; `buffer.rs`
//!
//! The pickles are CPython's byte for byte. CPython: Modules/_pickle.c, Objects/picklebufobject.c.

pub mod buffer;
mod globals;
mod input;
mod load;
mod memo;
mod opcodes;
mod output;
mod pickler;
mod plain;
mod reduce;
mod save;
mod unpickler;

use naja_heap::Value;
use naja_macros::pymodule;
use naja_vm::{PyResult, Vm};

#[pymodule(
    name = "_pickle",
    doc = "Optimized C implementation for the Python pickle module.",
    classes(buffer::PickleBuffer, pickler::Pickler, unpickler::Unpickler)
)]
pub mod module {
    use super::*;

    #[pyattr(name = "PickleError")]
    fn pickle_error(vm: &Vm) -> PyResult {
        Ok(globals::pickle_error(vm)?.into_value())
    }

    #[pyattr(name = "PicklingError")]
    fn pickling_error(vm: &Vm) -> PyResult {
        Ok(globals::pickling_error_class(vm)?.into_value())
    }

    #[pyattr(name = "UnpicklingError")]
    fn unpickling_error(vm: &Vm) -> PyResult {
        Ok(globals::unpickling_error_class(vm)?.into_value())
    }

    /// Write a pickled representation of obj to the open file object file.
    ///
    /// This is equivalent to ``Pickler(file, protocol).dump(obj)``, but may
    /// be more efficient.
    ///
    /// The *protocol* is a number from 0 to 5; the default is 5.  A negative
    /// number selects the highest protocol.  *fix_imports* maps names to those
    /// of Python 2 for protocols below 3.  *buffer_callback* needs protocol 5.
    #[pyfunction(
        sig = "($module, /, obj, file, protocol=None, *, fix_imports=True,\n     buffer_callback=None)"
    )]
    fn dump(
        vm: &Vm,
        obj: &Value,
        file: &Value,
        protocol: Option<&Value>,
        #[default(true)] fix_imports: bool,
        buffer_callback: Option<&Value>,
    ) -> PyResult<()> {
        pickler::dump_to(vm, obj, Some(file), protocol, fix_imports, buffer_callback).map(drop)
    }

    /// Return the pickled representation of the object as a bytes object.
    ///
    /// The *protocol* is a number from 0 to 5; the default is 5.  A negative
    /// number selects the highest protocol.  *fix_imports* maps names to those
    /// of Python 2 for protocols below 3.  *buffer_callback* needs protocol 5.
    #[pyfunction(
        sig = "($module, /, obj, protocol=None, *, fix_imports=True,\n      buffer_callback=None)"
    )]
    fn dumps(
        vm: &Vm,
        obj: &Value,
        protocol: Option<&Value>,
        #[default(true)] fix_imports: bool,
        buffer_callback: Option<&Value>,
    ) -> PyResult {
        let data = pickler::dump_to(vm, obj, None, protocol, fix_imports, buffer_callback)?;
        Ok(vm.new_bytes_of(data)?.into_value())
    }

    /// Read and return an object from the pickle data stored in a file.
    ///
    /// This is equivalent to ``Unpickler(file).load()``, but may be more
    /// efficient.
    ///
    /// The protocol is detected; bytes past the pickled object are ignored.
    /// *file* must have read() and readline().  *fix_imports*, *encoding* and
    /// *errors* say how pickles of Python 2 are read; with the *encoding*
    /// 'bytes' their 8-bit strings become bytes objects.
    #[pyfunction(
        sig = "($module, /, file, *, fix_imports=True, encoding='ASCII',\n     errors='strict', buffers=())"
    )]
    fn load(
        vm: &Vm,
        file: &Value,
        #[default(true)] fix_imports: bool,
        encoding: Option<&str>,
        errors: Option<&str>,
        buffers: Option<&Value>,
    ) -> PyResult {
        unpickler::load_file(vm, file, fix_imports, encoding, errors, buffers)
    }

    /// Read and return an object from the given pickle data.
    ///
    /// The protocol is detected; bytes past the pickled object are ignored.
    /// *fix_imports*, *encoding* and *errors* say how pickles of Python 2 are
    /// read; with the *encoding* 'bytes' their 8-bit strings become bytes
    /// objects.
    #[pyfunction(
        sig = "($module, data, /, *, fix_imports=True, encoding='ASCII',\n      errors='strict', buffers=())"
    )]
    fn loads(
        vm: &Vm,
        data: &Value,
        #[default(true)] fix_imports: bool,
        encoding: Option<&str>,
        errors: Option<&str>,
        buffers: Option<&Value>,
    ) -> PyResult {
        unpickler::load_bytes(vm, data, fix_imports, encoding, errors, buffers)
    }
}
