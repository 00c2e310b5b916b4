//! The crate that Rust programs embed to run Python.
//!
//! ```
//! let python = naja::Interpreter::new(naja::Config::default()).unwrap();
//! assert_eq!(python.run_source("print(6 * 7)", "<example>"), 0);
//! ```

use naja_vm::builtins::{self, display};
use naja_vm::module::Module;
mod program;
mod prompt;

pub use naja_vm::import::paths::find_program;
pub use naja_vm::runtime::Config;
use naja_vm::runtime::lifecycle;
use naja_vm::{PyResult, Ref, Value, Vm};
pub use program::Command;

/// The library of the crate `naja-stdlib`, for the import system.
struct EmbeddedLibrary;

impl naja_vm::runtime::Library for EmbeddedLibrary {
    fn has(&self, path: &str) -> bool {
        naja_stdlib::file(path).is_some()
    }
    fn code(&self, path: &str) -> Option<&'static [u8]> {
        naja_stdlib::file(path).and_then(naja_stdlib::File::code)
    }
    fn source(&self, path: &str) -> Option<Vec<u8>> {
        naja_stdlib::file(path).map(naja_stdlib::File::source)
    }
    fn list(&self, folder: &str) -> Option<Vec<&'static str>> {
        naja_stdlib::list(folder)
    }
}

/// The version of Python that is implemented.
pub const PYTHON_VERSION: &str = builtins::sys::VERSION_TEXT;

/// `sys.version`: the version with what was built, and how.
pub const PYTHON_BUILD: &str = builtins::sys::VERSION_AND_BUILD;

/// One isolated Python, attached to the thread that made it.
pub struct Interpreter {
    vm: Box<Vm>,
}

/// Why an interpreter could not be made.
#[derive(Debug)]
pub struct StartError(pub String);

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

impl Drop for Interpreter {
    fn drop(&mut self) {
        self.vm.interp.state.finalizing.set(true)
    }
}

impl Interpreter {
    /// A new interpreter, with importlib, standard streams and what `site` adds.
    pub fn new(mut config: Config) -> Result<Interpreter, StartError> {
        config
            .builtin_modules
            .extend(&naja_modules::all::DEFINITIONS);
        config.base_repl.get_or_insert(prompt::read_and_run);
        config.library.get_or_insert(&EmbeddedLibrary);
        let vm = naja_vm::runtime::Interpreter::new(config)
            .ok_or_else(|| StartError("out of memory".to_string()))?;
        let python = Interpreter { vm };
        builtins::signals::install(&python.vm);
        let started = naja_modules::faulthandler::start(&python.vm)
            .and_then(|()| lifecycle::start(&python.vm));
        match started {
            Ok(()) => Ok(python),
            Err(_) => {
                let exception = python.vm.take_exception();
                let text = display::format_exception(&python.vm, &exception);
                Err(StartError(text))
            }
        }
    }

    /// The state of the interpreter's thread.
    pub fn vm(&self) -> &Vm {
        &self.vm
    }

    fn main_module(&self) -> PyResult<Ref<Module>> {
        let vm = &*self.vm;
        let main = naja_vm::import::modules(vm)?.get_str(vm, &vm.intern("__main__"))?;
        main.and_then(|m| m.downcast_into::<Module>().ok())
            .ok_or_else(|| vm.runtime_error("no module __main__"))
    }

    /// Runs source text in `__main__`; gives the exit code, an uncaught exception having been printed.
    pub fn run_source(&self, source: &str, filename: &str) -> i32 {
        self.finish(self.run(source, filename))
    }

    fn run(&self, source: &str, filename: &str) -> PyResult<()> {
        let vm = &*self.vm;
        let options = builtins::compile::Options::new(naja_parser::Mode::Exec);
        let code = builtins::compile::compile_source(vm, source, filename, &options)?;
        let dict = self.main_module()?.dict();
        vm.run_code(code, dict.clone(), dict.into_value()).map(drop)
    }

    /// The exit code of a program's end.
    fn finish(&self, result: PyResult<()>) -> i32 {
        let vm = &*self.vm;
        let mut code = 0;
        if result.is_err() {
            let exception = vm.take_exception();
            code = display::handle_uncaught(vm, exception);
        }
        lifecycle::wait_for_threads(vm);
        builtins::atexit::run(vm);
        if !lifecycle::flush_streams(vm) && code == 0 {
            code = 120;
        }
        code
    }

    /// An attribute of `__main__`, if there is one.
    pub fn global(&self, name: &str) -> Option<Value> {
        let vm = &*self.vm;
        let found = self
            .main_module()
            .and_then(|m| m.dict().get_str(vm, &vm.intern(name)));
        match found {
            Ok(value) => value,
            Err(_) => {
                vm.clear_exception();
                None
            }
        }
    }
}
