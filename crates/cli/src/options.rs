//! The options of the command line, and the environment variables that stand for some of them.

use crate::Settings;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// What to run.
pub enum Command {
    Code(OsString),
    Module(OsString),
    File(PathBuf),
    /// Standard input.
    Input,
    Version(String),
    Help,
}

pub struct Options {
    pub command: Command,
    pub config: Settings,
    /// `-X dump=STAGE`.
    pub dump: Option<String>,
}

pub const HELP: &str = "\
usage: naja [option] ... [-c cmd | file | -] [arg] ...
Options:
-b     : issue warnings about converting bytes to str; -bb: raise errors
-B     : don't write .pyc files on import
-c cmd : program passed in as a string (terminates option list)
-d     : turn on parser debugging output
-E     : ignore PYTHON* environment variables
-h     : print this help message and exit
-i     : inspect interactively after running the script
-I     : isolate from the user's environment (implies -E, -P and -s)
-O     : remove assert and __debug__-dependent statements; -OO: docstrings too
-P     : don't prepend a potentially unsafe path to sys.path
-q     : don't print version and copyright messages on interactive startup
-s     : don't add the user site directory to sys.path
-S     : don't imply 'import site' on initialization
-u     : unbuffered standard streams
-v     : trace import statements
-V     : print the version number and exit
-W arg : warning control
-x     : skip the first line of the source
-X opt : implementation-specific options: dump=ast|cfg|bytecode, int_max_str_digits=N
";

/// Reads the command line. The error is a text for standard error.
pub fn parse(args: &[OsString]) -> Result<Options, String> {
    let mut config = Settings {
        orig_argv: args.to_vec(),
        executable: std::env::current_exe().unwrap_or_default(),
        python_path: std::env::var_os("PYTHONPATH").filter(|p| !p.is_empty()),
        home: std::env::var_os("PYTHONHOME").filter(|p| !p.is_empty()),
        ..Settings::default()
    };
    let mut dump = None;
    let mut command = None;
    let mut at = 1;
    while command.is_none()
        && let Some(arg) = args.get(at)
    {
        let bytes = arg.as_bytes();
        if bytes == b"-" || !bytes.starts_with(b"-") {
            break;
        }
        at += 1;
        match bytes {
            b"--" => break,
            b"--help" => {
                return Ok(Options {
                    command: Command::Help,
                    config,
                    dump,
                });
            }
            b"--version" => {
                return Ok(Options {
                    command: version(),
                    config,
                    dump,
                });
            }
            _ => {}
        }
        let mut letters = &bytes[1..];
        while let Some((&letter, rest)) = letters.split_first() {
            letters = rest;
            let mut value = || -> Result<OsString, String> {
                let found = if rest.is_empty() {
                    at += 1;
                    args.get(at - 1).cloned()
                } else {
                    Some(OsStr::from_bytes(rest).to_owned())
                };
                found.ok_or_else(|| {
                    format!(
                        "Argument expected for the -{} option\n{}",
                        letter as char,
                        usage()
                    )
                })
            };
            match letter {
                b'c' => command = Some(Command::Code(value()?)),
                b'm' => command = Some(Command::Module(value()?)),
                b'W' => config
                    .warn_options
                    .push(value()?.to_string_lossy().into_owned()),
                b'X' => {
                    let text = value()?.to_string_lossy().into_owned();
                    extended(&text, &mut config, &mut dump)?;
                }
                b'h' | b'?' => {
                    return Ok(Options {
                        command: Command::Help,
                        config,
                        dump,
                    });
                }
                b'V' => {
                    return Ok(Options {
                        command: version(),
                        config,
                        dump,
                    });
                }
                _ => flag(letter, &mut config)?,
            }
            if matches!(letter, b'c' | b'm' | b'W' | b'X') {
                break;
            }
        }
    }
    let (command, name) = match command {
        Some(Command::Code(text)) => (Command::Code(text), OsString::from("-c")),
        Some(Command::Module(name)) => (Command::Module(name), OsString::from("-m")),
        Some(other) => (other, OsString::new()),
        None => match args.get(at) {
            Some(file) => {
                at += 1;
                if file == "-" {
                    (Command::Input, file.clone())
                } else {
                    (Command::File(file.into()), file.clone())
                }
            }
            None => (Command::Input, OsString::new()),
        },
    };
    config.argv = std::iter::once(name)
        .chain(args.get(at..).unwrap_or(&[]).iter().cloned())
        .collect();
    environment(&mut config)?;
    Ok(Options {
        command,
        config,
        dump,
    })
}

fn version() -> Command {
    Command::Version(format!(
        "Naja {} (Python 3.14.0)",
        env!("CARGO_PKG_VERSION")
    ))
}

fn usage() -> &'static str {
    "usage: naja [option] ... [-c cmd | file | -] [arg] ...\nTry `naja -h' for more information.\n"
}

fn flag(letter: u8, config: &mut Settings) -> Result<(), String> {
    match letter {
        b'b' => config.bytes_warning += 1,
        b'B' => config.dont_write_bytecode = true,
        b'd' => config.debug = true,
        b'E' => config.ignore_environment = true,
        b'i' => config.inspect = true,
        b'I' => {
            config.isolated = true;
            config.ignore_environment = true;
            config.no_user_site = true;
            config.safe_path = true;
        }
        b'O' => config.optimize += 1,
        b'P' => config.safe_path = true,
        b'q' => config.quiet = true,
        b's' => config.no_user_site = true,
        b'S' => config.no_site = true,
        b'u' => config.unbuffered = true,
        b'v' => config.verbose += 1,
        b'x' => return Err("naja: -x is not implemented yet\n".into()),
        _ => return Err(format!("unknown option -{}\n{}", letter as char, usage())),
    }
    Ok(())
}

fn extended(text: &str, config: &mut Settings, dump: &mut Option<String>) -> Result<(), String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_string())),
        None => (text, None),
    };
    match name {
        "dump" => *dump = value.clone(),
        "dev" => config.dev_mode = true,
        "utf8" => config.utf8_mode = Some(value.as_deref() != Some("0")),
        "int_max_str_digits" => config.int_max_str_digits = Some(digits(value.as_deref())?),
        _ => {}
    }
    config.x_options.push((name.to_string(), value));
    Ok(())
}

fn digits(text: Option<&str>) -> Result<usize, String> {
    match text.and_then(|t| t.parse::<usize>().ok()) {
        Some(n) if n == 0 || n >= 640 => Ok(n),
        _ => Err("Fatal Python error: config_init_int_max_str_digits: -X int_max_str_digits: invalid limit; must be >= 640 or 0 for unlimited.\n".into()),
    }
}

/// Environment variables that have a meaning here.
fn environment(config: &mut Settings) -> Result<(), String> {
    if config.ignore_environment {
        return Ok(());
    }
    let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    config.dont_write_bytecode |= set("PYTHONDONTWRITEBYTECODE");
    config.safe_path |= set("PYTHONSAFEPATH");
    config.unbuffered |= set("PYTHONUNBUFFERED");
    if let Some(level) = std::env::var_os("PYTHONOPTIMIZE").filter(|v| !v.is_empty()) {
        config.optimize = config
            .optimize
            .max(level.to_string_lossy().parse().unwrap_or(1));
    }
    if let Some(seed) =
        std::env::var_os("PYTHONHASHSEED").filter(|v| !v.is_empty() && v != "random")
    {
        let seed = String::from_utf8(seed.into_vec())
            .ok()
            .and_then(|s| s.parse::<u32>().ok());
        match seed {
            Some(seed) => config.hash_seed = Some(seed),
            None => {
                return Err("Fatal Python error: config_init_hash_seed: PYTHONHASHSEED must be \"random\" or an integer in range [0; 4294967295]\n".into());
            }
        }
    }
    if let Some(limit) =
        std::env::var_os("PYTHONINTMAXSTRDIGITS").filter(|_| config.int_max_str_digits.is_none())
    {
        config.int_max_str_digits = Some(digits(limit.to_str())?);
    }
    Ok(())
}
