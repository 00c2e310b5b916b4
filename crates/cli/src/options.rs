//! The options of the command line, and the environment variables that stand for some of them.
//! CPython: Python/getopt.c, Python/initconfig.c.

use crate::help;
use naja::{Command, Config};
use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// What the command line asks for.
pub enum Task {
    Run(Command),
    /// Print this and end.
    Print(String),
    /// Print a stage of the program's compilation.
    Dump(String, Command),
}

/// What was read so far.
struct Reading<'a> {
    args: &'a [OsString],
    at: usize,
    config: Config,
    warnings: Vec<String>,
    dump: Option<String>,
    versions: usize,
    help: Vec<&'static str>,
}

/// Reads the command line. The error is a text for standard error and an exit code.
pub fn parse(args: &[OsString]) -> Result<(Task, Config), (String, i32)> {
    let argv0 = args.first().cloned().unwrap_or_default();
    let mut reading = Reading {
        args,
        at: 1,
        config: Config {
            orig_argv: args.to_vec(),
            executable: naja::find_program(&argv0),
            ..Config::default()
        },
        warnings: Vec::new(),
        dump: None,
        versions: 0,
        help: Vec::new(),
    };
    let program = argv0.to_string_lossy().into_owned();
    let command = reading
        .options()
        .map_err(|problem| (format!("{problem}{}", usage(&program)), 2))?;
    if !reading.help.is_empty() {
        let usage = usage_line(&program);
        let texts: Vec<&str> = reading.help.clone();
        let head = if texts.contains(&help::OPTIONS) {
            usage
        } else {
            String::new()
        };
        return Ok((Task::Print(head + &texts.join("\n")), reading.config));
    }
    if reading.versions > 0 {
        return Ok((Task::Print(version(reading.versions > 1)), reading.config));
    }
    let (command, name) = match command {
        Some(Command::Code(text)) => (Command::Code(text), OsString::from("-c")),
        Some(Command::Module(name)) => (Command::Module(name), OsString::from("-m")),
        _ => match args.get(reading.at) {
            Some(file) => {
                reading.at += 1;
                if file == "-" {
                    (Command::Input, file.clone())
                } else {
                    (Command::Path(file.clone()), file.clone())
                }
            }
            None => (Command::Input, OsString::new()),
        },
    };
    let rest = args.get(reading.at..).unwrap_or(&[]);
    reading.config.argv = std::iter::once(name).chain(rest.iter().cloned()).collect();
    let Reading {
        mut config,
        warnings,
        dump,
        ..
    } = reading;
    environment(&mut config).map_err(|problem| (problem, 1))?;
    warn_options(&mut config, warnings);
    match dump {
        Some(stage) => Ok((Task::Dump(stage, command), config)),
        None => Ok((Task::Run(command), config)),
    }
}

impl Reading<'_> {
    /// Reads the options up to the command.
    fn options(&mut self) -> Result<Option<Command>, String> {
        while let Some(arg) = self.args.get(self.at) {
            let bytes = arg.as_bytes();
            if bytes == b"-" || !bytes.starts_with(b"-") {
                break;
            }
            self.at += 1;
            if bytes == b"--" {
                break;
            }
            if let Some(long) = bytes.strip_prefix(b"--") {
                self.long_option(&String::from_utf8_lossy(long))?;
                continue;
            }
            if let Some(command) = self.letters(&bytes[1..])? {
                return Ok(Some(command));
            }
        }
        Ok(None)
    }

    fn long_option(&mut self, name: &str) -> Result<(), String> {
        match name {
            "help" => self.help.push(help::OPTIONS),
            "help-env" => self.help.push(help::ENVIRONMENT),
            "help-xoptions" => self.help.push(help::X_OPTIONS),
            "help-all" => self
                .help
                .extend([help::OPTIONS, help::ENVIRONMENT, help::X_OPTIONS]),
            "version" => self.versions += 1,
            "check-hash-based-pycs" => {
                let mode = self
                    .args
                    .get(self.at)
                    .map(|m| m.to_string_lossy().into_owned());
                self.at += 1;
                match mode.as_deref() {
                    Some("always" | "never" | "default") => {
                        self.config.check_hash_based_pycs = mode
                    }
                    Some(_) => {
                        return Err("--check-hash-based-pycs must be one of 'default', 'always', or 'never'\n".into());
                    }
                    None => {
                        return Err(
                            "Argument expected for the --check-hash-based-pycs option\n".into()
                        );
                    }
                }
            }
            _ => return Err(format!("unknown option --{name}\n")),
        }
        Ok(())
    }

    /// Options of one letter, which can stand together.
    fn letters(&mut self, mut letters: &[u8]) -> Result<Option<Command>, String> {
        while let Some((&letter, rest)) = letters.split_first() {
            letters = rest;
            if !matches!(letter, b'c' | b'm' | b'W' | b'X') {
                self.flag(letter)?;
                continue;
            }
            let value = if rest.is_empty() {
                self.at += 1;
                self.args.get(self.at - 1).cloned()
            } else {
                Some(OsStr::from_bytes(rest).to_owned())
            };
            let Some(value) = value else {
                return Err(format!(
                    "Argument expected for the -{} option\n",
                    letter as char
                ));
            };
            match letter {
                b'c' => return Ok(Some(Command::Code(value))),
                b'm' => return Ok(Some(Command::Module(value))),
                b'W' => self.warnings.push(value.to_string_lossy().into_owned()),
                _ => self.extended(&value.to_string_lossy()),
            }
            break;
        }
        Ok(None)
    }

    fn flag(&mut self, letter: u8) -> Result<(), String> {
        let config = &mut self.config;
        match letter {
            b'b' => config.bytes_warning += 1,
            b'B' => config.dont_write_bytecode = true,
            b'd' => config.debug = true,
            b'E' => config.ignore_environment = true,
            b'h' | b'?' => self.help.push(help::OPTIONS),
            b'i' => {
                config.inspect = true;
                config.interactive = true;
            }
            b'I' => {
                config.isolated = true;
                config.ignore_environment = true;
                config.no_user_site = true;
                config.safe_path = true;
            }
            b'O' => config.optimize = config.optimize.saturating_add(1),
            b'P' => config.safe_path = true,
            b'q' => config.quiet = true,
            b'R' => config.random_hash = true,
            // Accepted for old scripts.
            b't' => {}
            b's' => config.no_user_site = true,
            b'S' => config.no_site = true,
            b'u' => config.unbuffered = true,
            b'v' => config.verbose = config.verbose.saturating_add(1),
            b'V' => self.versions += 1,
            b'x' => config.skip_first_line = true,
            _ => return Err(format!("Unknown option: -{}\n", letter as char)),
        }
        Ok(())
    }

    fn extended(&mut self, text: &str) {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_string())),
            None => (text, None),
        };
        if name == "dump" {
            self.dump = value.clone();
        }
        self.config.x_options.push((name.to_string(), value));
    }
}

fn usage_line(program: &str) -> String {
    format!("usage: {program} [option] ... [-c cmd | -m mod | file | -] [arg] ...\n")
}

fn usage(program: &str) -> String {
    usage_line(program) + "Try `naja -h' for more information.\n"
}

fn version(long: bool) -> String {
    if long {
        format!("Python {}\n", naja::PYTHON_BUILD)
    } else {
        format!("Python {}\n", naja::PYTHON_VERSION)
    }
}

fn digits(text: Option<&str>, whose: &str) -> Result<usize, String> {
    match text.and_then(|t| t.parse::<usize>().ok()) {
        Some(n) if n == 0 || n >= 640 => Ok(n),
        _ => Err(fatal(
            "config_init_int_max_str_digits",
            &format!("{whose}: invalid limit; must be >= 640 or 0 for unlimited."),
        )),
    }
}

/// A problem that ends the program before it starts, as CPython words it.
fn fatal(place: &str, problem: &str) -> String {
    format!("Fatal Python error: {place}: {problem}\nPython runtime state: preinitialized\n\n")
}

/// Settings from `-X` options and from environment variables; the former win.
fn environment(config: &mut Config) -> Result<(), String> {
    let ignore = config.ignore_environment;
    let variable = |name: &str| {
        (!ignore)
            .then(|| env::var_os(name))
            .flatten()
            .filter(|v| !v.is_empty())
    };
    let text = |name: &str| variable(name).map(|v| v.to_string_lossy().into_owned());
    let is_set = |name: &str| variable(name).is_some();
    // A number that counts, or 1 for any other text.
    let level = |name: &str| -> u8 {
        text(name).map_or(0, |v| v.trim().parse().ok().filter(|&n| n > 0).unwrap_or(1))
    };
    let options = config.x_options.clone();
    let option = |name: &str| {
        options
            .iter()
            .rev()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_deref())
    };
    let on = |name: &str| option(name).is_some();

    config.dev_mode = on("dev") || is_set("PYTHONDEVMODE");
    config.python_path = variable("PYTHONPATH");
    config.home = variable("PYTHONHOME");
    config.platlibdir = text("PYTHONPLATLIBDIR");
    config.debug |= level("PYTHONDEBUG") > 0;
    config.verbose = config.verbose.max(level("PYTHONVERBOSE"));
    config.optimize = config.optimize.max(level("PYTHONOPTIMIZE"));
    config.inspect |= is_set("PYTHONINSPECT");
    config.dont_write_bytecode |= is_set("PYTHONDONTWRITEBYTECODE");
    config.no_user_site |= is_set("PYTHONNOUSERSITE");
    config.safe_path |= is_set("PYTHONSAFEPATH");
    config.unbuffered |= is_set("PYTHONUNBUFFERED");
    config.stdio_encoding = text("PYTHONIOENCODING");
    config.warn_default_encoding =
        on("warn_default_encoding") || is_set("PYTHONWARNDEFAULTENCODING");
    config.faulthandler = on("faulthandler") || config.dev_mode || is_set("PYTHONFAULTHANDLER");
    config.no_debug_ranges = on("no_debug_ranges") || is_set("PYTHONNODEBUGRANGES");
    config.import_time = match option("importtime") {
        Some(Some("2")) => 2,
        Some(Some(n)) if n.parse::<i64>().is_ok_and(|n| n != 1) => {
            return Err(fatal(
                "config_init_import_time",
                "-X importtime: values other than 1 and 2 are not supported",
            ));
        }
        Some(_) => 1,
        None => level("PYTHONPROFILEIMPORTTIME"),
    };
    config.pycache_prefix = match option("pycache_prefix") {
        Some(prefix) => prefix.filter(|p| !p.is_empty()).map(OsString::from),
        None => variable("PYTHONPYCACHEPREFIX"),
    };
    config.frozen_modules = match option("frozen_modules").flatten() {
        Some(mode) => Some(mode != "off"),
        None => text("PYTHON_FROZEN_MODULES").map(|mode| mode != "off"),
    };
    let frames = option("tracemalloc").map(|v| v.unwrap_or("1").to_string());
    let bad_frames = match frames {
        Some(_) => "-X tracemalloc=NFRAME: invalid number of frames",
        None => "PYTHONTRACEMALLOC: invalid number of frames",
    };
    if let Some(frames) = frames.or_else(|| text("PYTHONTRACEMALLOC")) {
        config.tracemalloc = match frames.parse::<u32>() {
            Ok(n) if n <= 65535 => n,
            _ => {
                return Err(fatal("config_init_tracemalloc", bad_frames));
            }
        };
    }
    let cpus = option("cpu_count").flatten().map(str::to_string);
    if let Some(cpus) = cpus
        .or_else(|| text("PYTHON_CPU_COUNT"))
        .filter(|c| c != "default")
    {
        config.cpu_count = match cpus.parse::<u32>() {
            Ok(n) if n > 0 => Some(n),
            _ => {
                return Err(fatal(
                    "config_init_cpu_count",
                    "-X cpu_count=n option: n is missing or an invalid number, n must be greater than 0",
                ));
            }
        };
    }
    config.int_max_str_digits = match option("int_max_str_digits") {
        Some(value) => Some(digits(value, "-X int_max_str_digits")?),
        None => match text("PYTHONINTMAXSTRDIGITS") {
            Some(value) => Some(digits(Some(&value), "PYTHONINTMAXSTRDIGITS")?),
            None => None,
        },
    };
    if let Some(seed) = variable("PYTHONHASHSEED").filter(|v| v != "random" && !config.random_hash)
    {
        let seed = String::from_utf8(seed.into_vec())
            .ok()
            .and_then(|s| s.parse::<u32>().ok());
        if seed.is_none() {
            return Err(fatal(
                "config_init_hash_seed",
                "PYTHONHASHSEED must be \"random\" or an integer in range [0; 4294967295]",
            ));
        }
        config.hash_seed = seed;
    }
    let utf8 = option("utf8").map(|value| value != Some("0"));
    let utf8 = utf8.or_else(|| text("PYTHONUTF8").map(|v| v != "0"));
    locale(
        config,
        utf8,
        text("PYTHONCOERCECLOCALE").as_deref() != Some("0"),
    );
    Ok(())
}

/// UTF-8 mode and the coercion of the C locale (PEP 538, PEP 540).
fn locale(config: &mut Config, utf8: Option<bool>, coerce: bool) {
    let first = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| env::var(name).ok().filter(|v| !v.is_empty()));
    let current = first.unwrap_or_else(|| "C".into());
    let plain = matches!(current.as_str(), "C" | "POSIX");
    config.lenient_locale = plain || matches!(current.as_str(), "C.UTF-8" | "C.utf8");
    config.utf8_mode = Some(utf8.unwrap_or(plain));
    let forced = env::var_os("LC_ALL").is_some_and(|v| !v.is_empty());
    if plain && coerce && !forced && !config.ignore_environment {
        // SAFETY: no other thread runs yet.
        unsafe { env::set_var("LC_CTYPE", "C.UTF-8") }
    }
    // SAFETY: no other thread runs yet; the empty string asks for the environment's locale.
    unsafe { libc::setlocale(libc::LC_CTYPE, c"".as_ptr()) };
}

/// `sys.warnoptions`: development mode, `PYTHONWARNINGS`, `-W`, `-b`, in this order.
fn warn_options(config: &mut Config, command_line: Vec<String>) {
    let options = &mut config.warn_options;
    if config.dev_mode {
        options.push("default".into());
    }
    if !config.ignore_environment
        && let Some(list) = env::var_os("PYTHONWARNINGS")
    {
        let list = list.to_string_lossy();
        options.extend(
            list.split(',')
                .filter(|o| !o.is_empty())
                .map(str::to_string),
        );
    }
    options.extend(command_line);
    match config.bytes_warning {
        0 => {}
        1 => options.push("default::BytesWarning".into()),
        _ => options.push("error::BytesWarning".into()),
    }
}
