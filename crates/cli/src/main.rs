//! The `naja` program: the command line. CPython: Modules/main.c, Python/initconfig.c.
//!
//! Options are read as CPython reads them: single letters can stand together, `-c` and `-m` end the options. The
//! interpreter runs on a thread with a large stack, so that deep native recursion ends in RecursionError.

use naja::{Config, Interpreter};
use std::ffi::OsString;
use std::io::Read;
use std::path::PathBuf;

mod dump;
mod options;

use options::{Command, Options};

mod allocator;

#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator;

/// Bytes of the interpreter thread's stack.
const STACK: usize = 64 << 20;

fn main() {
    allocator::use_huge_pages_later();
    let args: Vec<OsString> = std::env::args_os().collect();
    let options = match options::parse(&args) {
        Ok(options) => options,
        Err(problem) => {
            eprint!("{problem}");
            std::process::exit(2)
        }
    };
    let thread = std::thread::Builder::new()
        .name("main".into())
        .stack_size(STACK)
        .spawn(move || run(options));
    wait_undisturbed();
    let code = match thread.map(std::thread::JoinHandle::join) {
        Ok(Ok(code)) => code,
        Ok(Err(_)) => {
            eprintln!(
                "naja: internal error: the interpreter panicked (the message above says where)"
            );
            70
        }
        Err(error) => {
            eprintln!("naja: cannot start a thread: {error}");
            1
        }
    };
    std::process::exit(code)
}

/// Keeps signals away from the process's first thread, which only waits: the kernel would prefer it, and what the
/// interpreter's thread blocks in would not be interrupted.
fn wait_undisturbed() {
    // SAFETY: fills a set and changes the calling thread's mask.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &all, std::ptr::null_mut());
    }
}

fn run(options: Options) -> i32 {
    let Options {
        command,
        mut config,
        dump,
    } = options;
    if let Some(stage) = dump {
        return dump::run(&stage, &command);
    }
    let first_path = match &command {
        Command::Version(text) => {
            println!("{text}");
            return 0;
        }
        Command::Help => {
            print!("{}", options::HELP);
            return 0;
        }
        Command::Module(_) => {
            eprintln!("naja: -m is not there yet: it needs runpy and importlib");
            return 2;
        }
        Command::Code(_) | Command::Input => OsString::new(),
        Command::File(path) => path
            .parent()
            .map(|p| p.as_os_str().to_owned())
            .unwrap_or_default(),
    };
    if !config.safe_path && !config.isolated {
        // The script's folder goes before PYTHONPATH.
        let mut path = first_path;
        if path.is_empty() {
            path.push(".");
        }
        if let Some(more) = config
            .python_path
            .take()
            .filter(|_| !config.ignore_environment)
        {
            path.push(":");
            path.push(more);
        }
        config.python_path = Some(path);
        config.ignore_environment = false;
    }
    let python = match Interpreter::new(config) {
        Ok(python) => python,
        Err(error) => {
            eprintln!("naja: cannot start: {error}");
            return 1;
        }
    };
    match command {
        Command::Code(text) => python.run_source(&text.to_string_lossy(), "<string>"),
        Command::File(path) => python.run_file(&path),
        _ => {
            let mut text = String::new();
            match std::io::stdin().read_to_string(&mut text) {
                Ok(_) => python.run_source(&text, "<stdin>"),
                Err(error) => {
                    eprintln!("naja: can't read standard input: {error}");
                    1
                }
            }
        }
    }
}

/// The path of a command's source, for dumps.
fn source_of(command: &Command) -> Result<(String, String), String> {
    let read = |path: &PathBuf| {
        std::fs::read_to_string(path)
            .map_err(|e| format!("naja: can't open file '{}': {e}", path.display()))
    };
    match command {
        Command::Code(text) => Ok((text.to_string_lossy().into_owned(), "<string>".into())),
        Command::File(path) => Ok((read(path)?, path.to_string_lossy().into_owned())),
        _ => Err("naja: -X dump wants a file or -c".into()),
    }
}

/// Keeps the configuration type in one place.
pub type Settings = Config;
