//! The crate that Rust programs embed to run Python.
//!
//! ```
//! let python = naja::Interpreter::new(naja::Config::default()).unwrap();
//! assert_eq!(python.run_source("print(6 * 7)", "<example>"), 0);
//! ```

use naja_vm::builtins::{self, display};
use naja_vm::module::Module;
pub use naja_vm::runtime::Config;
use naja_vm::{PyResult, Ref, Value, Vm};
use std::path::Path;

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
    /// A new interpreter with the modules `builtins`, `sys` and `__main__`.
    pub fn new(mut config: Config) -> Result<Interpreter, StartError> {
        config.builtin_modules.extend(naja_modules::MODULES);
        let vm = naja_vm::runtime::Interpreter::new(config)
            .ok_or_else(|| StartError("out of memory".to_string()))?;
        let python = Interpreter { vm };
        if builtins::init(&python.vm)
            .and_then(|()| python.make_main())
            .is_err()
        {
            let exception = python.vm.take_exception();
            return Err(StartError(display::format_exception(
                &python.vm, &exception,
            )));
        }
        builtins::signals::install(&python.vm);
        Ok(python)
    }

    /// The state of the interpreter's thread.
    pub fn vm(&self) -> &Vm {
        &self.vm
    }

    fn make_main(&self) -> PyResult<()> {
        let vm = &*self.vm;
        let main = Module::make(vm, "__main__", None)?;
        if let Some(builtins) = vm.interp.state.builtins.get() {
            main.set(vm, "__builtins__", builtins.into_value())?;
        }
        naja_vm::import::modules(vm)?.set_str(vm, &vm.intern("__main__"), main.into_value())
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

    /// Runs a source file in `__main__`; gives the exit code.
    pub fn run_file(&self, path: &Path) -> i32 {
        let vm = &*self.vm;
        let shown = path.to_string_lossy();
        let result = match std::fs::read(path) {
            Err(error) => {
                let kind = error.to_string();
                let reason = kind.split(" (os error").next().unwrap_or("").to_string();
                let code = error.raw_os_error().unwrap_or(0);
                eprintln!("naja: can't open file '{shown}': [Errno {code}] {reason}");
                return 2;
            }
            Ok(data) => (|| {
                let main = self.main_module()?;
                main.set(vm, "__file__", vm.new_str(&shown)?.into_value())?;
                let source = builtins::compile::decode_source(vm, &data, &shown)?;
                self.run(&source, &shown)
            })(),
        };
        self.finish(result)
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
        self.wait_for_threads();
        builtins::atexit::run(vm);
        vm.interp.state.finalizing.set(true);
        if builtins::print::flush_native().is_err() && code == 0 {
            code = 120;
        }
        code
    }

    /// Waits for the threads that are no daemons; daemons stop at their next try to run.
    fn wait_for_threads(&self) {
        let vm = &*self.vm;
        for name in ["threading", "_thread"] {
            let module = naja_vm::import::modules(vm)
                .and_then(|modules| modules.get_str(vm, &vm.intern(name)));
            if let Ok(Some(module)) = module {
                if vm.call_method_str(&module, "_shutdown", &[]).is_err() {
                    naja_vm::exception::write_unraisable(vm, Some(&module));
                }
                break;
            }
            vm.clear_exception();
        }
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
