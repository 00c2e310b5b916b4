//! Where the library is, and what `sys.path` starts with. CPython: Modules/getpath.py.
//!
//! Three cases: `PYTHONHOME` names a prefix with a library on disk; a `pyvenv.cfg` beside the program (or one folder up)
//! makes its folder the prefix; otherwise the prefix is the folder above the program's. Without `PYTHONHOME` the library is
//! the one inside the program, whose place in `sys.path` is a folder "inside" the program's file.

use crate::runtime::Config;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// The version as it stands in the names of folders.
const VERSION: &str = "python3.14";

/// What `sys` gets.
pub struct Paths {
    pub prefix: OsString,
    pub exec_prefix: OsString,
    pub base_prefix: OsString,
    pub base_exec_prefix: OsString,
    pub stdlib_dir: Option<OsString>,
    pub base_executable: OsString,
    pub path: Vec<OsString>,
}

/// Computes them. Reads `pyvenv.cfg` where there is one, nothing else.
pub fn compute(config: &Config) -> Paths {
    let mut path = Vec::new();
    if let Some(entries) = config.python_path.as_deref()
        && !entries.is_empty()
        && !config.ignore_environment
    {
        let entries = entries.as_bytes().split(|&b| b == b':');
        path.extend(entries.map(|entry| absolute(OsStr::from_bytes(entry))));
    }
    let folder = |path: &Path| path.parent().map(Path::to_path_buf).unwrap_or_default();
    let venv = venv_of(&config.executable);
    let own_prefix = |program: &Path| folder(&folder(program));
    let (prefix, exec_prefix, stdlib_dir) = match &config.home {
        Some(home) => {
            let bytes = home.as_bytes();
            let (prefix, exec) = match bytes.iter().position(|&b| b == b':') {
                Some(at) => (&bytes[..at], &bytes[at + 1..]),
                None => (bytes, bytes),
            };
            let lib = |prefix: &[u8]| Path::new(OsStr::from_bytes(prefix)).join("lib");
            let stdlib = lib(prefix).join(VERSION);
            path.push(lib(prefix).join("python314.zip").into());
            path.push(stdlib.clone().into());
            path.push(lib(exec).join(VERSION).join("lib-dynload").into());
            (
                OsStr::from_bytes(prefix).to_owned(),
                OsStr::from_bytes(exec).to_owned(),
                stdlib.into_os_string(),
            )
        }
        None => {
            let base = match &venv {
                Some((_, home)) => folder(home),
                None => own_prefix(&config.executable),
            };
            let mut inside = normal(&config.executable).into_os_string();
            inside.push("/lib/");
            inside.push(VERSION);
            path.push(inside.clone());
            let base = base.into_os_string();
            (base.clone(), base, inside)
        }
    };
    let name = config.executable.file_name().unwrap_or(OsStr::new("naja"));
    let (own, base_executable) = match &venv {
        Some((root, home)) => (root.clone().into_os_string(), home.join(name).into()),
        None => (prefix.clone(), config.executable.clone().into_os_string()),
    };
    Paths {
        exec_prefix: if venv.is_some() {
            own.clone()
        } else {
            exec_prefix.clone()
        },
        prefix: own,
        base_prefix: prefix,
        base_exec_prefix: exec_prefix,
        stdlib_dir: Some(stdlib_dir),
        base_executable,
        path,
    }
}

/// The folder of the virtual environment that a program belongs to, and its `home` key.
fn venv_of(program: &Path) -> Option<(PathBuf, PathBuf)> {
    let folder = program.parent()?;
    for root in [Some(folder), folder.parent()].into_iter().flatten() {
        let Ok(text) = std::fs::read_to_string(root.join("pyvenv.cfg")) else {
            continue;
        };
        let home = text.lines().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            (key.trim().eq_ignore_ascii_case("home")).then(|| PathBuf::from(value.trim()))
        });
        return home.map(|home| (root.to_path_buf(), home));
    }
    None
}

/// An entry of `PYTHONPATH`: relative ones count from the folder at the start.
fn absolute(entry: &OsStr) -> OsString {
    if entry.as_bytes().starts_with(b"/") {
        return entry.to_owned();
    }
    match std::env::current_dir() {
        Ok(here) if entry.is_empty() => here.into_os_string(),
        Ok(here) => here.join(entry).into_os_string(),
        Err(_) => entry.to_owned(),
    }
}

/// The absolute path of the running program, from its first argument: as it is if it has a slash, else along `PATH`.
pub fn find_program(argv0: &OsStr) -> PathBuf {
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    if argv0.as_bytes().contains(&b'/') {
        return absolute(PathBuf::from(argv0));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|dir| dir.join(argv0))
        .find(|file| is_program(file));
    match found {
        Some(file) if !argv0.is_empty() => absolute(file),
        _ => std::env::current_exe().unwrap_or_default(),
    }
}

/// An absolute path without "." and "..", as `os.path.normpath` gives.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}
