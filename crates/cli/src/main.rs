//! The `naja` program: the command line. CPython: Modules/main.c, Python/initconfig.c.

// Rust's own start reads the process's memory map and prepares reports of stack overflows, which the machine's own checks prevent.
// The C library gives the arguments to Rust's standard library in any case (others than glibc do not).
#![cfg_attr(all(target_os = "linux", target_env = "gnu", not(test)), no_main)]

use naja::{Command, Interpreter};
use std::ffi::OsString;

mod descriptors;
mod dump;
mod help;
mod options;

use options::Task;

mod allocator;

#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator;

#[cfg(all(target_os = "linux", target_env = "gnu", not(test)))]
#[unsafe(export_name = "main")]
extern "C" fn start(
    _argc: std::ffi::c_int,
    _argv: *const *const std::ffi::c_char,
) -> std::ffi::c_int {
    main();
    0
}

#[cfg_attr(test, allow(dead_code))]
fn main() {
    descriptors::restore();
    allocator::make_first_arena();
    let args: Vec<OsString> = std::env::args_os().collect();
    let code = match std::panic::catch_unwind(|| run(&args)) {
        Ok(code) => code,
        Err(_) => {
            eprintln!(
                "naja: internal error: the interpreter panicked (the message above says where)"
            );
            70
        }
    };
    allocator::keep_all();
    std::process::exit(code)
}

fn run(args: &[OsString]) -> i32 {
    let (task, config) = match options::parse(args) {
        Ok(parsed) => parsed,
        Err((problem, code)) => {
            eprint!("{problem}");
            return code;
        }
    };
    let command = match task {
        Task::Print(text) => {
            print!("{text}");
            return 0;
        }
        Task::Dump(stage, command) => return dump::run(&stage, &command),
        Task::Run(command) => command,
    };
    match Interpreter::new(config) {
        Ok(python) => python.run_program(&command),
        Err(error) => {
            eprintln!("naja: cannot start: {error}");
            1
        }
    }
}

/// The text of a command's source and its file name, for dumps.
fn source_of(command: &Command) -> Result<(String, String), String> {
    match command {
        Command::Code(text) => Ok((text.to_string_lossy().into_owned(), "<string>".into())),
        Command::Path(path) => match std::fs::read_to_string(path) {
            Ok(text) => Ok((text, path.to_string_lossy().into_owned())),
            Err(error) => {
                let path = path.to_string_lossy();
                Err(format!("naja: can't open file '{path}': {error}"))
            }
        },
        _ => Err("naja: -X dump wants a file or -c".into()),
    }
}
