//! `_random`: the Mersenne Twister as a class.
//!
//! CPython: Modules/_randommodule.c.

use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_numbers::random::MersenneTwister;
use naja_vm::protocols::{hash, number};
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{Args, IntoPyResult, PyResult, Vm};

/// Random() -> create a random number generator with its own internal state.
#[pyclass(name = "Random", module = "_random", flags(BASETYPE))]
#[repr(C)]
pub struct Random {
    twister: MutCell<MersenneTwister>,
}

/// A generator seeded by the system's entropy.
fn from_entropy(vm: &Vm) -> PyResult<MersenneTwister> {
    vm.permit(naja_vm::runtime::Access::Randomness)?;
    let mut bytes = [0u8; 624 * 4];
    let mut filled = 0;
    while filled < bytes.len() {
        let rest = &mut bytes[filled..];
        // SAFETY: the buffer is `rest.len()` bytes long.
        let n =
            unsafe { libc::getrandom(rest.as_mut_ptr().cast(), rest.len(), libc::GRND_NONBLOCK) };
        match usize::try_from(n) {
            Ok(n) if n > 0 => filled += n,
            _ => break,
        }
    }
    vm.check_signals()?;
    if filled < bytes.len() {
        // No entropy yet: time and process, as CPython does.
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        let key = [
            now.subsec_nanos(),
            now.as_secs() as u32,
            (now.as_secs() >> 32) as u32,
            std::process::id(),
        ];
        return Ok(MersenneTwister::from_key(&key));
    }
    let key: Vec<u32> = bytes
        .chunks_exact(4)
        .map(|b| u32::from_ne_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    Ok(MersenneTwister::from_key(&key))
}

/// The generator of `seed(value)`: by an int's magnitude, or the hash of anything else.
fn seeded(vm: &Vm, value: Option<&Value>) -> PyResult<MersenneTwister> {
    let Some(value) = value.filter(|v| !v.is_none()) else {
        return from_entropy(vm);
    };
    if number::is_int(vm, value)
        && let Some(n) = naja_vm::int::to_big(value)
    {
        return Ok(MersenneTwister::from_int(&n));
    }
    let hash = hash::hash(vm, value)? as u64;
    Ok(MersenneTwister::from_int(&hash.into()))
}

#[pymethods]
impl Random {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        let twister = MutCell::new(MersenneTwister::from_key(&[0]));
        Ok(vm.new_object_of(cls, Random { twister })?.into_value())
    }

    #[pyslot]
    fn init(zelf: &Ref<Self>, vm: &Vm, args: Args) -> PyResult<()> {
        let own = vm
            .type_of(zelf.as_value())
            .slots
            .init
            .get()
            .is_some_and(|init| {
                vm.class::<Random>()
                    .slots
                    .init
                    .get()
                    .is_some_and(|known| std::ptr::fn_addr_eq(init, known))
            });
        if own && args.keyword_count() > 0 {
            return Err(vm.type_error("Random() takes no keyword arguments"));
        }
        let given = args.positional();
        if given.len() > 1 {
            let text = format!("Random expected at most 1 argument, got {}", given.len());
            return Err(vm.type_error(text));
        }
        zelf.twister.set(seeded(vm, given.first())?);
        Ok(())
    }

    /// random() -> x in the interval [0, 1).
    #[pymethod]
    fn random(&self) -> f64 {
        self.twister.with_mut(MersenneTwister::random)
    }

    /// seed([n]) -> None.
    ///
    /// Defaults to use urandom and falls back to a combination
    /// of the current time and the process identifier.
    #[pymethod(sig = "($self, n=None, /)")]
    fn seed(&self, vm: &Vm, n: Option<&Value>) -> PyResult<()> {
        self.twister.set(seeded(vm, n)?);
        Ok(())
    }

    /// getstate() -> tuple containing the current state.
    #[pymethod]
    fn getstate(&self, vm: &Vm) -> PyResult {
        let state = self.twister.with(|t| {
            t.state()
                .map(|word| Value::small_int(word.into()))
                .collect::<Vec<_>>()
        });
        Ok(vm.new_tuple(state)?.into_value())
    }

    /// setstate(state) -> None.  Restores generator state.
    #[pymethod(sig = "($self, state, /)")]
    fn setstate(&self, vm: &Vm, state: &Value) -> PyResult<()> {
        let Some(state) = state.downcast::<Tuple>() else {
            return Err(vm.type_error("state vector must be a tuple"));
        };
        if state.len() != 625 {
            return Err(vm.value_error("state vector is the wrong size"));
        }
        let mut words = Vec::with_capacity(624);
        for item in &state.items()[..624] {
            if !number::is_int(vm, item) {
                return Err(vm.type_error("an integer is required"));
            }
            let n = naja_vm::int::to_big(item).unwrap_or_default();
            if n < dashu_int::IBig::ZERO {
                return Err(vm.overflow_error("can't convert negative value to unsigned int"));
            }
            match u64::try_from(&n) {
                Ok(word) => words.push(word as u32),
                Err(_) => {
                    return Err(
                        vm.overflow_error("Python int too large to convert to C unsigned long")
                    );
                }
            }
        }
        let Some(index) = state.get(624).filter(|v| number::is_int(vm, v)) else {
            return Err(vm.type_error("an integer is required"));
        };
        let Some(index) = number::index_i64(vm, index)? else {
            return Err(vm.overflow_error("Python int too large to convert to C long"));
        };
        match MersenneTwister::from_state(&words, index) {
            Some(twister) => {
                self.twister.set(twister);
                Ok(())
            }
            None => Err(vm.value_error("invalid state")),
        }
    }

    /// getrandbits(k) -> x.  Generates an int with k random bits.
    #[pymethod(sig = "($self, k, /)")]
    fn getrandbits(&self, vm: &Vm, k: u64) -> PyResult {
        if k <= 61 {
            let bits = self.twister.with_mut(|t| t.small_bits(k as u32));
            return Ok(Value::small_int(bits as i64));
        }
        let k = usize::try_from(k).map_err(|_| vm.memory_error(""))?;
        vm.check_size(Some(k / 8))?;
        let bits = self.twister.with_mut(|t| t.bits(k));
        naja_vm::int::error::check(vm, bits)?.into_py_result(vm)
    }
}

#[pymodule(
    name = "_random",
    doc = "Module implements the Mersenne Twister random number generator.",
    classes(Random)
)]
pub mod module {
    use super::*;
}
