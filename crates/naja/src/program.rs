//! Running a whole program: what to run, where `sys.path` starts, how the process ends. CPython: Modules/main.c.

use crate::Interpreter;
use naja_vm::builtins::compile::{self, Options};
use naja_vm::builtins::display;
use naja_vm::code::CodeObject;
use naja_vm::dict::Dict;
use naja_vm::import;
use naja_vm::protocols::attributes;
use naja_vm::runtime::{Access, lifecycle};
use naja_vm::{PyResult, Ref, Value, Vm};
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What a command line asks to run.
#[derive(Clone, Debug)]
pub enum Command {
    /// `-c`: source text.
    Code(OsString),
    /// `-m`: a module's name.
    Module(OsString),
    /// A file of source or compiled code, or a folder or zip file with `__main__`.
    Path(OsString),
    /// Standard input: a program, or a conversation at a terminal.
    Input,
}

/// How running ended.
enum End {
    Code(i32),
    Raised,
}

impl Interpreter {
    /// Runs a program as the command line does and ends the interpreter: prints an uncaught exception, waits for
    /// threads, runs exit functions, flushes the streams. Gives the exit code; a program that an interrupt ended ends by
    /// SIGINT.
    pub fn run_program(self, command: &Command) -> i32 {
        let vm = self.vm();
        let mut interrupted = false;
        let mut code = match run(vm, command) {
            Ok(End::Code(code)) => code,
            Ok(End::Raised) | Err(_) => uncaught(vm, &mut interrupted),
        };
        if wants_prompt(vm, command) {
            code = match prompt(vm) {
                Ok(()) => 0,
                Err(_) => uncaught(vm, &mut interrupted),
            };
        }
        if !lifecycle::finish(vm) {
            code = 120;
        }
        // The process ends: there is no use in taking the heap apart.
        std::mem::forget(self);
        if interrupted {
            die_of_interrupt();
            code = 130;
        }
        code
    }
}

/// Reports the pending exception; gives the exit code.
fn uncaught(vm: &Vm, interrupted: &mut bool) -> i32 {
    *interrupted = vm.exception_matches(&vm.types.keyboard_interrupt);
    let exception = vm.take_exception();
    display::handle_uncaught(vm, exception)
}

/// Ends the process by SIGINT, as shells expect of a program that Ctrl-C ended.
fn die_of_interrupt() {
    // SAFETY: plain calls about the process itself.
    unsafe {
        libc::signal(libc::SIGINT, libc::SIG_DFL);
        libc::kill(libc::getpid(), libc::SIGINT);
    }
}

/// `-i`, or the variable set by the program meanwhile.
fn wants_prompt(vm: &Vm, command: &Command) -> bool {
    let config = &vm.interp.config;
    let asked = config.inspect
        || (!config.ignore_environment
            && std::env::var_os("PYTHONINSPECT").is_some_and(|v| !v.is_empty()));
    asked
        && (std::io::stdin().is_terminal() || config.interactive)
        && !matches!(command, Command::Input)
}

fn text(vm: &Vm, text: &OsStr) -> PyResult {
    import::path_value(vm, Path::new(text))
}

fn run(vm: &Vm, command: &Command) -> PyResult<End> {
    let isolated = vm.interp.config.safe_path;
    match command {
        Command::Code(source) => {
            if !isolated {
                insert_path(vm, vm.new_str("")?.into_value())?;
            }
            vm.permit(Access::Event("cpython.run_command", &[text(vm, source)?]))?;
            let Some(source) = source.to_str() else {
                eprintln!("Unable to decode the command from the command line:");
                text(vm, source).and_then(|t| vm.call_method_str(&t, "encode", &[]))?;
                return Ok(End::Code(1));
            };
            let source = dedent(source);
            let code = compile_text(vm, &source, "<string>")?;
            let entry = (code.to_value(), source, "<string>".to_string());
            vm.interp.state.command_code.with_mut(|c| c.push(entry));
            let dict = main_dict(vm)?;
            vm.run_code(code, dict.clone(), dict.into_value())?;
        }
        Command::Module(name) => {
            if !isolated {
                let here = std::env::current_dir().unwrap_or_default();
                insert_path(vm, text(vm, here.as_os_str())?)?;
            }
            let name = text(vm, name)?;
            vm.permit(Access::Event(
                "cpython.run_module",
                std::slice::from_ref(&name),
            ))?;
            run_module(vm, name, true)?;
        }
        Command::Path(path) => return run_path(vm, path),
        Command::Input => {
            if !isolated {
                insert_path(vm, vm.new_str("")?.into_value())?;
            }
            run_input(vm)?;
        }
    }
    Ok(End::Code(0))
}

fn insert_path(vm: &Vm, entry: Value) -> PyResult<()> {
    let Some(path) = vm.sys_attr("path")? else {
        return Err(vm.runtime_error("unable to get sys.path"));
    };
    if let Some(text) = naja_vm::str_::of(&entry) {
        import::shadowing::set_first_path(vm, text.to_string_lossy().into_owned().into());
    }
    vm.call_method_str(&path, "insert", &[vm.new_int(0)?, entry])?;
    Ok(())
}

/// The dictionary of `__main__`.
fn main_dict(vm: &Vm) -> PyResult<Ref<Dict>> {
    let main = import::modules(vm)?.get_str(vm, &vm.intern("__main__"))?;
    let module = main
        .as_ref()
        .and_then(Value::downcast::<naja_vm::module::Module>);
    match module {
        Some(module) => Ok(module.dict()),
        None => Err(vm.runtime_error("unable to get __main__")),
    }
}

fn compile_text(vm: &Vm, source: &str, filename: &str) -> PyResult<Ref<CodeObject>> {
    let options = Options::new(naja_parser::Mode::Exec);
    compile::compile_source(vm, source, filename, &options)
}

fn run_text(vm: &Vm, source: &str, filename: &str) -> PyResult<()> {
    let code = compile_text(vm, source, filename)?;
    let dict = main_dict(vm)?;
    vm.run_code(code, dict.clone(), dict.into_value()).map(drop)
}

fn run_module(vm: &Vm, name: Value, alter_argv: bool) -> PyResult<()> {
    let runpy = import::import_simple(vm, "runpy")?;
    let alter = Value::from_bool(alter_argv);
    vm.call_method_str(&runpy, "_run_module_as_main", &[name, alter])?;
    Ok(())
}

/// Whether a path entry hook takes the path: a folder or zip file.
fn has_importer(vm: &Vm, path: &Value) -> PyResult<bool> {
    let external = import::import_simple(vm, "_frozen_importlib_external")?;
    let finder = attributes::get_by(vm, &external, "PathFinder")?;
    let importer =
        vm.call_method_str(&finder, "_path_importer_cache", std::slice::from_ref(path))?;
    Ok(!importer.is_none())
}

fn run_path(vm: &Vm, path: &OsStr) -> PyResult<End> {
    // `__file__` is absolute, `sys.argv[0]` as it was given.
    let full = if Path::new(path).is_absolute() {
        path.to_owned()
    } else {
        let here = std::env::current_dir().unwrap_or_default();
        here.join(path).into_os_string()
    };
    let path = full.as_os_str();
    let value = text(vm, path)?;
    if has_importer(vm, &value)? {
        insert_path(vm, value)?;
        run_module(vm, vm.new_str("__main__")?.into_value(), false)?;
        return Ok(End::Code(0));
    }
    if !vm.interp.config.safe_path {
        insert_path(vm, text(vm, &script_folder(path))?)?;
    }
    let program = vm
        .interp
        .config
        .orig_argv
        .first()
        .cloned()
        .unwrap_or_default();
    let (program, shown) = (program.to_string_lossy(), path.to_string_lossy());
    let file = Path::new(path);
    if file.is_dir() {
        eprintln!("{program}: '{shown}' is a directory, cannot continue");
        return Ok(End::Code(1));
    }
    vm.permit(Access::Event(
        "cpython.run_file",
        std::slice::from_ref(&value),
    ))?;
    let data = match std::fs::read(file) {
        Ok(data) => data,
        Err(error) => {
            let reason = error.to_string();
            let reason = reason.split(" (os error").next().unwrap_or("");
            let number = error.raw_os_error().unwrap_or(0);
            eprintln!(
                "{program}: can't open file '{}': [Errno {number}] {reason}",
                absolute(path)
            );
            return Ok(End::Code(2));
        }
    };
    let dict = main_dict(vm)?;
    let name = |n: &str| vm.intern(n);
    let given = dict.get_str(vm, &name("__file__"))?.is_some();
    if !given {
        dict.set_str(vm, &name("__file__"), value.clone())?;
        dict.set_str(vm, &name("__cached__"), Value::NONE)?;
    }
    let result = run_file_data(vm, &dict, &value, path, data);
    if !given {
        let exception = result.is_err().then(|| vm.take_exception());
        dict.remove_str(vm, &name("__file__"))?;
        dict.remove_str(vm, &name("__cached__"))?;
        if let Some(exception) = exception {
            vm.raise_value(exception);
        }
    }
    Ok(if result.is_ok() {
        End::Code(0)
    } else {
        End::Raised
    })
}

fn run_file_data(
    vm: &Vm,
    dict: &Ref<Dict>,
    value: &Value,
    path: &OsStr,
    data: Vec<u8>,
) -> PyResult<()> {
    let compiled = path.as_bytes().ends_with(b".pyc") || is_pyc(&data);
    let external = import::import_simple(vm, "_frozen_importlib_external")?;
    let loader = if compiled {
        "SourcelessFileLoader"
    } else {
        "SourceFileLoader"
    };
    let loader = attributes::get_by(vm, &external, loader)?;
    let main = vm.new_str("__main__")?.into_value();
    let loader = vm.call(&loader, &[main, value.clone()])?;
    dict.set_str(vm, &vm.intern("__loader__"), loader)?;
    let code = if compiled {
        if !is_pyc(&data) {
            return Err(vm.runtime_error("Bad magic number in .pyc file"));
        }
        let filename = path.to_string_lossy();
        import::frozen::load_stored(vm, data.get(16..).unwrap_or(&[]), &filename)?
    } else {
        let shown = path.to_string_lossy();
        let mut data = data;
        if vm.interp.config.skip_first_line {
            // The newline stays, so that lines keep their numbers.
            let end = data.iter().position(|&b| b == b'\n').unwrap_or(data.len());
            data.drain(..end);
        }
        let source = compile::decode_source(vm, &data, &shown)?;
        let options = Options::new(naja_parser::Mode::Exec);
        compile::compile_source(vm, &source, &shown, &options)?
    };
    vm.run_code(code, dict.clone(), dict.to_value()).map(drop)
}

fn is_pyc(data: &[u8]) -> bool {
    let magic = import::imp::PYC_MAGIC.to_le_bytes();
    data.starts_with(&[magic[0], magic[1], b'\r', b'\n'])
}

fn absolute(path: &OsStr) -> String {
    let absolute = std::path::absolute(path);
    absolute
        .unwrap_or_else(|_| path.into())
        .to_string_lossy()
        .into_owned()
}

/// The folder of a script, behind a symbolic link.
fn script_folder(path: &OsStr) -> OsString {
    let file = Path::new(path);
    let file = match std::fs::read_link(file) {
        Ok(target) => file.parent().unwrap_or(Path::new("")).join(target),
        Err(_) => file.to_path_buf(),
    };
    let full = std::fs::canonicalize(&file).or_else(|_| std::path::absolute(&file));
    let full = full.unwrap_or(file);
    full.parent()
        .map(|p| p.as_os_str().to_owned())
        .unwrap_or_default()
}

/// Standard input: a program, or a prompt at a terminal.
fn run_input(vm: &Vm) -> PyResult<()> {
    vm.permit(Access::Event("cpython.run_stdin", &[]))?;
    if std::io::stdin().is_terminal() || vm.interp.config.interactive {
        return prompt(vm);
    }
    let mut data = Vec::new();
    if let Err(error) = std::io::Read::read_to_end(&mut std::io::stdin(), &mut data) {
        return Err(vm.raise(&vm.types.os_error, error.to_string()));
    }
    let source = compile::decode_source(vm, &data, "<stdin>")?;
    run_text(vm, &source, "<stdin>")
}

/// The interactive prompt: the library's own at a terminal, a plain one otherwise.
fn prompt(vm: &Vm) -> PyResult<()> {
    let config = &vm.interp.config;
    let basic = !config.ignore_environment
        && std::env::var_os("PYTHON_BASIC_REPL").is_some_and(|v| !v.is_empty());
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if !terminal || basic {
        return crate::prompt::plain(vm);
    }
    let repl = import::import_simple(vm, "_pyrepl.main")?;
    let options = vm.new_dict()?;
    options.set_str(vm, &vm.intern("quiet"), Value::from_bool(config.quiet))?;
    options.set_str(
        vm,
        &vm.intern("pythonstartup"),
        Value::from_bool(!config.ignore_environment),
    )?;
    let main = import::import_simple(vm, "__main__")?;
    options.set_str(vm, &vm.intern("mainmodule"), main)?;
    let console = attributes::get_by(vm, &repl, "interactive_console")?;
    vm.call_with(&console, &[], Some(&options))?;
    Ok(())
}

/// Takes the common indentation from the lines of `-c` (3.14).
fn dedent(source: &str) -> String {
    let blank = |line: &str| line.trim_matches([' ', '\t', '\r', '\x0c']).is_empty();
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let mut margin: Option<&str> = None;
    for line in source.split('\n').filter(|line| !blank(line)) {
        let own = &line[..indent(line)];
        margin = Some(match margin {
            None => own,
            Some(margin) => {
                let common = margin
                    .bytes()
                    .zip(own.bytes())
                    .take_while(|(a, b)| a == b)
                    .count();
                &margin[..common]
            }
        });
    }
    let margin = margin.map_or(0, str::len);
    if margin == 0 {
        return source.to_string();
    }
    let lines: Vec<&str> = source
        .split('\n')
        .map(|line| if blank(line) { "" } else { &line[margin..] })
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_common_indentation_is_taken_away() {
        assert_eq!(super::dedent("  a\n    b\n\n  c\n"), "a\n  b\n\nc\n");
        assert_eq!(super::dedent("a\n  b"), "a\n  b");
        assert_eq!(super::dedent("\ta\n    b"), "\ta\n    b");
    }
}
