//! The plain interactive prompt, for input that is no terminal and for `PYTHON_BASIC_REPL`.
//!
//! A statement is read line by line until the parser no longer asks for more; prompts go to standard error, as where
//! CPython reads without a line editor. CPython: `PyRun_InteractiveLoop` in Python/pythonrun.c, Lib/codeop.py.

use naja_vm::builtins::compile::{self, Options, flag};
use naja_vm::builtins::display;
use naja_vm::code::CodeObject;
use naja_vm::import;
use naja_vm::runtime::lifecycle;
use naja_vm::{PyResult, Ref, Vm};
use std::io::{BufRead, Write};

/// What became of the lines so far.
enum Statement {
    Complete(Ref<CodeObject>),
    Incomplete,
    Wrong,
}

/// Reads and runs statements until the input ends. Raises SystemExit only.
pub fn plain(vm: &Vm) -> PyResult<()> {
    let config = &vm.interp.config;
    if !config.quiet {
        eprintln!(
            "Python {} on linux\nType \"help\", \"copyright\", \"credits\" or \"license\" for more information.",
            crate::PYTHON_BUILD
        );
    }
    startup(vm)?;
    read_and_run(vm)
}

/// The prompt without greeting and start file: also `sys._baserepl`.
pub fn read_and_run(vm: &Vm) -> PyResult<()> {
    for (name, text) in [("ps1", ">>> "), ("ps2", "... ")] {
        if vm.sys_attr(name)?.is_none()
            && let Some(sys) = vm.interp.state.sys_dict.get()
        {
            sys.set_str(vm, &vm.intern(name), vm.new_str(text)?.into_value())?;
        }
    }
    let mut input = std::io::stdin().lock();
    let mut source = String::new();
    loop {
        show(vm, if source.is_empty() { "ps1" } else { "ps2" });
        let mut line = String::new();
        let ended = match input.read_line(&mut line) {
            Ok(n) => n == 0,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => false,
            Err(_) => true,
        };
        if vm.check_signals().is_err() {
            report(vm)?;
            source.clear();
            continue;
        }
        if ended && source.is_empty() {
            eprintln!();
            return Ok(());
        }
        source.push_str(&line);
        let ended = if ended || line.ends_with('\n') {
            ended
        } else {
            // The last line has no end: the rest is asked for in vain.
            show(vm, "ps2");
            true
        };
        let statement = if ended {
            eprintln!();
            compile_now(vm, &source)
        } else {
            compile_line(vm, &source)
        };
        match statement {
            Statement::Incomplete => continue,
            Statement::Wrong => report(vm)?,
            Statement::Complete(code) => {
                let name = code.filename().to_string_lossy().into_owned();
                if display::register_source(vm, code.to_value(), &source, &name).is_err() {
                    vm.clear_exception();
                }
                if run(vm, code).is_err() {
                    report(vm)?
                }
            }
        }
        source.clear();
        lifecycle::flush_streams(vm);
    }
}

/// Runs the file that `PYTHONSTARTUP` names.
fn startup(vm: &Vm) -> PyResult<()> {
    if vm.interp.config.ignore_environment {
        return Ok(());
    }
    let Some(path) = std::env::var_os("PYTHONSTARTUP").filter(|p| !p.is_empty()) else {
        return Ok(());
    };
    let shown = path.to_string_lossy().into_owned();
    let data = match std::fs::read(&path) {
        Ok(data) => data,
        Err(error) => {
            eprintln!("Could not open PYTHONSTARTUP\n{error}: '{shown}'");
            return Ok(());
        }
    };
    let done = compile::decode_source(vm, &data, &shown)
        .and_then(|text| {
            compile::compile_source(vm, &text, &shown, &Options::new(naja_parser::Mode::Exec))
        })
        .and_then(|code| run(vm, code));
    match done {
        Ok(()) => Ok(()),
        Err(_) => report(vm),
    }
}

fn show(vm: &Vm, name: &str) {
    let prompt = vm
        .sys_attr(name)
        .and_then(|prompt| match prompt {
            Some(prompt) => Ok(naja_vm::protocols::object::str(vm, &prompt)?
                .to_string_lossy()
                .into_owned()),
            None => Ok(String::new()),
        })
        .unwrap_or_else(|_| {
            vm.clear_exception();
            String::new()
        });
    let mut stderr = std::io::stderr();
    // Where nobody reads prompts there is nobody to tell.
    let _ = stderr
        .write_all(prompt.as_bytes())
        .and_then(|()| stderr.flush());
}

fn run(vm: &Vm, code: Ref<CodeObject>) -> PyResult<()> {
    let main = import::import_simple(vm, "__main__")?;
    let Some(module) = main.downcast::<naja_vm::module::Module>() else {
        return Err(vm.runtime_error("__main__ is not a module"));
    };
    let dict = module.dict();
    vm.run_code(code, dict.clone(), dict.into_value()).map(drop)
}

/// Shows the pending exception and goes on; SystemExit ends the loop.
fn report(vm: &Vm) -> PyResult<()> {
    let exception = vm.take_exception();
    if naja_vm::type_::is_subtype(vm.type_of(exception.as_value()), &vm.types.system_exit) {
        return Err(vm.raise_value(exception));
    }
    lifecycle::flush_streams(vm);
    display::handle_uncaught(vm, exception);
    Ok(())
}

fn check(vm: &Vm, source: &str, flags: u32) -> PyResult<()> {
    let mut options = Options::new(naja_parser::Mode::Single);
    options.flags |= flags;
    compile::check_source(vm, source, "<stdin>", &options)
}

fn compile_now(vm: &Vm, shown: &str) -> Statement {
    let source = if is_blank(shown) { "pass" } else { shown };
    let options = Options::new(naja_parser::Mode::Single);
    match compile::compile_typed(vm, source, shown, &options) {
        Ok(code) => Statement::Complete(code),
        Err(_) => Statement::Wrong,
    }
}

fn is_blank(source: &str) -> bool {
    source
        .lines()
        .all(|line| line.trim().is_empty() || line.trim().starts_with('#'))
}

/// Whether the lines are a whole statement. CPython: `_maybe_compile` of Lib/codeop.py.
fn compile_line(vm: &Vm, source: &str) -> Statement {
    let text = source.strip_suffix('\n').unwrap_or(source);
    if is_blank(text) {
        return compile_now(vm, source);
    }
    let flags = flag::ALLOW_INCOMPLETE_INPUT | flag::DONT_IMPLY_DEDENT;
    if check(vm, text, flags).is_ok() {
        return compile_now(vm, source);
    }
    vm.clear_exception();
    match check(vm, &format!("{text}\n"), flags) {
        Ok(_) => return Statement::Incomplete,
        Err(_) if vm.exception_matches(&vm.types.incomplete_input_error) => {
            vm.clear_exception();
            return Statement::Incomplete;
        }
        Err(_) => vm.clear_exception(),
    }
    compile_now(vm, source)
}
