//! What the command line and environment decide before an interpreter starts. CPython: PyConfig.

use crate::objects::str_::HashKey;

/// The pure-Python library that is part of the program. Paths are relative to it, with `/`: `json/__init__.py`.
pub trait Library: Sync {
    /// Whether there is a file at that path.
    fn has(&self, path: &str) -> bool;
    /// The code of a source file, compiled without optimisation and packed (`naja_bytecode::packed`).
    fn code(&self, path: &str) -> Option<&'static [u8]>;
    /// The contents of a file.
    fn source(&self, path: &str) -> Option<Vec<u8>>;
    /// The names in a folder; none if there is no such folder.
    fn list(&self, folder: &str) -> Option<Vec<&'static str>>;
}

/// The settings of one interpreter: `sys.flags` and what else is fixed from the start.
#[derive(Clone, Default)]
pub struct Config {
    pub debug: bool,
    pub inspect: bool,
    pub interactive: bool,
    pub optimize: u8,
    pub dont_write_bytecode: bool,
    pub no_user_site: bool,
    pub no_site: bool,
    pub ignore_environment: bool,
    pub verbose: u8,
    pub bytes_warning: u8,
    pub quiet: bool,
    pub isolated: bool,
    pub dev_mode: bool,
    pub utf8_mode: Option<bool>,
    pub safe_path: bool,
    pub unbuffered: bool,
    pub warn_default_encoding: bool,
    pub int_max_str_digits: Option<usize>,
    pub hash_seed: Option<u32>,
    /// `-R`: whatever seed the environment gives.
    pub random_hash: bool,
    /// `-W` options and `PYTHONWARNINGS`, in the order of `sys.warnoptions`.
    pub warn_options: Vec<String>,
    /// `-X` options: name and value.
    pub x_options: Vec<(String, Option<String>)>,
    pub argv: Vec<std::ffi::OsString>,
    pub orig_argv: Vec<std::ffi::OsString>,
    pub executable: std::path::PathBuf,
    pub home: Option<std::ffi::OsString>,
    pub python_path: Option<std::ffi::OsString>,
    pub pycache_prefix: Option<std::ffi::OsString>,
    /// `PYTHONIOENCODING`: "encoding:errors", each part optional.
    pub stdio_encoding: Option<String>,
    /// The locale is C or POSIX (or C.UTF-8): the standard streams let undecodable bytes pass.
    pub lenient_locale: bool,
    /// `-x`: the first line of the program is not Python.
    pub skip_first_line: bool,
    /// The plain prompt, for `sys._baserepl`.
    pub base_repl: Option<fn(&crate::vm::Vm) -> crate::vm::PyResult<()>>,
    pub faulthandler: bool,
    /// `-X importtime`.
    pub import_time: u8,
    /// `-X tracemalloc=N`: frames to store; 0: off.
    pub tracemalloc: u32,
    pub cpu_count: Option<u32>,
    /// `-X no_debug_ranges`: code has no columns.
    pub no_debug_ranges: bool,
    pub platlibdir: Option<String>,
    pub thread_inherit_context: Option<bool>,
    pub context_aware_warnings: Option<bool>,
    /// `--check-hash-based-pycs`: "default", "always" or "never".
    pub check_hash_based_pycs: Option<String>,
    /// `-X frozen_modules`: whether modules used at start come from the program although `home` has a library.
    pub frozen_modules: Option<bool>,
    /// The library inside the program.
    pub library: Option<&'static dyn Library>,
    /// The native modules that can be imported.
    pub builtin_modules: Vec<&'static crate::function::ModuleDef>,
}

impl Config {
    /// The keys of the hash of strings: from the seed as CPython expands it, or random.
    pub fn hash_key(&self) -> HashKey {
        let mut bytes = [0u8; 16];
        match self.hash_seed {
            Some(0) => {}
            Some(seed) => {
                // lcg_urandom of Python/bootstrap_hash.c
                let mut x = seed;
                for byte in &mut bytes {
                    x = x.wrapping_mul(214013).wrapping_add(2531011);
                    *byte = (x >> 16) as u8;
                }
            }
            None => {
                // SAFETY: fills exactly the buffer; where it fails the keys are merely not random.
                unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
            }
        }
        let word = |at: usize| {
            bytes[at..at + 8]
                .iter()
                .rev()
                .fold(0u64, |n, &b| n << 8 | b as u64)
        };
        HashKey(word(0), word(8))
    }
}
