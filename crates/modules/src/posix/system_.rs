//! The rest of `posix`: environment, configuration values, randomness, the machine, splitting paths, `posix_spawn`.
//!
//! The environment of the process is the C library's; `posix.environ` is a copy made at import, which `os.environ`
//! keeps in step through `putenv` and `unsetenv`. CPython: Modules/posixmodule.c.

use super::UNAME_RESULT;
use super::path::{FsBytes, Path};
use super::process::{argument_vector, environment, pointers};
use crate::system;
use naja_heap::Value;
use naja_macros::pymodule;
use naja_vm::bytes::Bytes;
use naja_vm::protocols::{number, sequence};
use naja_vm::runtime::Access;
use naja_vm::str_;
use naja_vm::tuple::Tuple;
use naja_vm::{PyResult, Vm, structseq};
use std::ffi::{CStr, CString};

/// The number of a configuration value given by number or name. Raises TypeError, ValueError.
pub fn conf_name(vm: &Vm, name: &Value, table: &[(&str, i64)]) -> PyResult<i32> {
    if number::has_index(vm, name) {
        return number::index_i64(vm, name)?
            .and_then(|n| i32::try_from(n).ok())
            .ok_or_else(|| vm.overflow_error("Python int too large to convert to C int"));
    }
    let Some(text) = str_::of(name) else {
        return Err(vm.type_error("configuration names must be strings or integers"));
    };
    table
        .iter()
        .find(|(n, _)| n.as_bytes() == text.as_bytes())
        .map(|(_, number)| *number as i32)
        .ok_or_else(|| vm.value_error("unrecognized configuration name"))
}

/// The environment as a dictionary of bytes.
pub fn environ(vm: &Vm) -> PyResult {
    unsafe extern "C" {
        static environ: *const *const libc::c_char;
    }
    let dict = vm.new_dict()?;
    // SAFETY: a terminated vector of terminated texts, which only holders of the interpreter lock change.
    let mut at = unsafe { environ };
    while !at.is_null() {
        // SAFETY: as above.
        let entry = unsafe { *at };
        if entry.is_null() {
            break;
        }
        // SAFETY: as above.
        let text = unsafe { CStr::from_ptr(entry) }.to_bytes();
        // SAFETY: the vector's end has not been reached.
        at = unsafe { at.add(1) };
        if let Some(split) = text.iter().position(|&b| b == b'=') {
            let key = vm.new_bytes(&text[..split])?.into_value();
            let value = vm.new_bytes(&text[split + 1..])?.into_value();
            dict.set_default(vm, &key, value)?;
        }
    }
    Ok(dict.into_value())
}

/// Root, and the rest, of a path: two slashes in front (not three) are a root of their own.
fn root_len(path: &[u8]) -> usize {
    match path {
        [b'/', b'/', b'/', ..] => 1,
        [b'/', b'/', ..] => 2,
        [b'/', ..] => 1,
        _ => 0,
    }
}

fn normalize(path: &[u8]) -> Vec<u8> {
    let root = root_len(path);
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path[root..].split(|&b| b == b'/') {
        match part {
            b"" | b"." => {}
            b".." if parts.last().is_some_and(|p| *p != b"..") => {
                parts.pop();
            }
            b".." if root > 0 && parts.is_empty() => {}
            part => parts.push(part),
        }
    }
    let mut out = path[..root].to_vec();
    out.extend(parts.join(&b'/'));
    if out.is_empty() {
        out.push(b'.')
    }
    out
}

/// Bytes of a str or bytes path, and how to give pieces of it back.
fn text_bytes(vm: &Vm, path: &Value, function: &str) -> PyResult<(Vec<u8>, bool)> {
    let path = super::path::fspath(vm, path)?;
    match (str_::of(&path), path.downcast::<Bytes>()) {
        (Some(text), _) => Ok((text.as_bytes().to_vec(), false)),
        (_, Some(bytes)) => Ok((bytes.as_bytes().to_vec(), true)),
        _ => Err(vm.type_error(format!(
            "{function}: path should be string, bytes or os.PathLike"
        ))),
    }
}

fn give_back(vm: &Vm, part: &[u8], bytes: bool) -> PyResult {
    if bytes {
        Ok(vm.new_bytes(part)?.into_value())
    } else {
        Ok(vm.new_str_wtf8(part)?.into_value())
    }
}

/// The attributes and file actions of one `posix_spawn`, freed when dropped.
struct Spawn {
    attributes: libc::posix_spawnattr_t,
    actions: libc::posix_spawn_file_actions_t,
    flags: i32,
    /// Paths that the actions point to.
    paths: Vec<CString>,
}

impl Drop for Spawn {
    fn drop(&mut self) {
        // SAFETY: both were initialised.
        unsafe {
            libc::posix_spawnattr_destroy(&mut self.attributes);
            libc::posix_spawn_file_actions_destroy(&mut self.actions);
        }
    }
}

fn int_arg(vm: &Vm, value: &Value) -> PyResult<i32> {
    number::index_i64(vm, value)?
        .and_then(|n| i32::try_from(n).ok())
        .ok_or_else(|| vm.overflow_error("Python int too large to convert to C int"))
}

impl Spawn {
    fn new() -> Spawn {
        // SAFETY: all zero until initialised.
        let mut new: Spawn = Spawn {
            attributes: unsafe { std::mem::zeroed() },
            // SAFETY: as above.
            actions: unsafe { std::mem::zeroed() },
            flags: 0,
            paths: Vec::new(),
        };
        // SAFETY: initialises both.
        unsafe {
            libc::posix_spawnattr_init(&mut new.attributes);
            libc::posix_spawn_file_actions_init(&mut new.actions);
        }
        new
    }

    fn check(vm: &Vm, errno: i32) -> PyResult<()> {
        if errno != 0 {
            Err(vm.os_error(errno, None))
        } else {
            Ok(())
        }
    }

    fn add_actions(&mut self, vm: &Vm, actions: &Value) -> PyResult<()> {
        let wrong = || vm.type_error("Each file_actions element must be a non-empty tuple");
        for action in sequence::collect_or(vm, actions, "file_actions must be a sequence or None")?
        {
            let items = action
                .downcast::<Tuple>()
                .map(|t| t.items())
                .filter(|t| !t.is_empty());
            let items = items.ok_or_else(wrong)?;
            let errno = match (int_arg(vm, &items[0])?, items) {
                (0, [_, fd, path, flags, mode]) => {
                    let path = system::c_string(vm, super::path::fs_bytes(vm, path)?)?;
                    let (fd, flags, mode) =
                        (int_arg(vm, fd)?, int_arg(vm, flags)?, int_arg(vm, mode)?);
                    self.paths.push(path.clone());
                    // SAFETY: initialised actions, a terminated text.
                    unsafe {
                        libc::posix_spawn_file_actions_addopen(
                            &mut self.actions,
                            fd,
                            path.as_ptr(),
                            flags,
                            mode as u32,
                        )
                    }
                }
                (0, _) => {
                    return Err(vm.type_error("A open file_action tuple must have 5 elements"));
                }
                (1, [_, fd]) => {
                    let fd = int_arg(vm, fd)?;
                    // SAFETY: initialised actions.
                    unsafe { libc::posix_spawn_file_actions_addclose(&mut self.actions, fd) }
                }
                (1, _) => {
                    return Err(vm.type_error("A close file_action tuple must have 2 elements"));
                }
                (2, [_, fd, new]) => {
                    let (fd, new) = (int_arg(vm, fd)?, int_arg(vm, new)?);
                    // SAFETY: initialised actions.
                    unsafe { libc::posix_spawn_file_actions_adddup2(&mut self.actions, fd, new) }
                }
                (2, _) => {
                    return Err(vm.type_error("A dup2 file_action tuple must have 3 elements"));
                }
                (3, [_, fd]) => {
                    let fd = int_arg(vm, fd)?;
                    // SAFETY: initialised actions.
                    unsafe { libc::posix_spawn_file_actions_addclosefrom_np(&mut self.actions, fd) }
                }
                (3, _) => {
                    return Err(vm.type_error("A closefrom file_action tuple must have 2 elements"));
                }
                _ => return Err(vm.type_error("Unknown file_actions identifier")),
            };
            Spawn::check(vm, errno)?;
        }
        Ok(())
    }

    fn add_attributes(
        &mut self,
        vm: &Vm,
        setpgroup: Option<&Value>,
        resetids: bool,
        setsid: bool,
        mask: Option<&Value>,
        defaults: Option<&Value>,
        scheduler: Option<&Value>,
    ) -> PyResult<()> {
        if let Some(group) = setpgroup.filter(|v| !v.is_none()) {
            let group = int_arg(vm, group)?;
            // SAFETY: initialised attributes.
            Spawn::check(vm, unsafe {
                libc::posix_spawnattr_setpgroup(&mut self.attributes, group)
            })?;
            self.flags |= libc::POSIX_SPAWN_SETPGROUP;
        }
        if resetids {
            self.flags |= libc::POSIX_SPAWN_RESETIDS
        }
        if setsid {
            self.flags |= 0x80
        }
        if let Some(mask) = mask {
            let set = crate::signal::signal_set(vm, mask)?;
            // SAFETY: initialised attributes and set.
            Spawn::check(vm, unsafe {
                libc::posix_spawnattr_setsigmask(&mut self.attributes, &set)
            })?;
            self.flags |= libc::POSIX_SPAWN_SETSIGMASK;
        }
        if let Some(defaults) = defaults {
            let set = crate::signal::signal_set(vm, defaults)?;
            // SAFETY: initialised attributes and set.
            Spawn::check(vm, unsafe {
                libc::posix_spawnattr_setsigdefault(&mut self.attributes, &set)
            })?;
            self.flags |= libc::POSIX_SPAWN_SETSIGDEF;
        }
        if let Some(scheduler) = scheduler.filter(|v| !v.is_none()) {
            let Some(scheduler) = scheduler.downcast::<Tuple>() else {
                return Err(vm.type_error("scheduler must be a tuple or None"));
            };
            let [policy, param] = scheduler.items() else {
                return Err(vm.type_error("A scheduler tuple must have two elements"));
            };
            if !policy.is_none() {
                let policy = int_arg(vm, policy)?;
                // SAFETY: initialised attributes.
                Spawn::check(vm, unsafe {
                    libc::posix_spawnattr_setschedpolicy(&mut self.attributes, policy)
                })?;
                self.flags |= libc::POSIX_SPAWN_SETSCHEDULER;
            }
            let priority = structseq::get::<0>(vm, param)?;
            let param = libc::sched_param {
                sched_priority: int_arg(vm, &priority)?,
            };
            // SAFETY: initialised attributes.
            Spawn::check(vm, unsafe {
                libc::posix_spawnattr_setschedparam(&mut self.attributes, &param)
            })?;
            self.flags |= libc::POSIX_SPAWN_SETSCHEDPARAM;
        }
        // SAFETY: initialised attributes.
        Spawn::check(vm, unsafe {
            libc::posix_spawnattr_setflags(&mut self.attributes, self.flags as i16)
        })
    }

    fn run(&self, vm: &Vm, path: &Path, argv: &Value, env: &Value, search: bool) -> PyResult<i32> {
        let function = if search {
            "posix_spawnp"
        } else {
            "posix_spawn"
        };
        let args = argument_vector(vm, argv, function)?;
        let own = env.is_none();
        let env_strings = if own {
            Vec::new()
        } else {
            environment(vm, env, function)?
        };
        vm.permit(Access::Event(
            "os.posix_spawn",
            &[path.object.clone(), argv.clone(), env.clone()],
        ))?;
        let (args, env) = (pointers(&args), pointers(&env_strings));
        unsafe extern "C" {
            static environ: *const *mut libc::c_char;
        }
        let mut pid = 0;
        // SAFETY: terminated texts and vectors, initialised attributes and actions.
        let errno = unsafe {
            let env = if own { environ } else { env.as_ptr().cast() };
            let args = args.as_ptr().cast();
            let (actions, attributes) = (&self.actions, &self.attributes);
            if search {
                libc::posix_spawnp(&mut pid, path.ptr(), actions, attributes, args, env)
            } else {
                libc::posix_spawn(&mut pid, path.ptr(), actions, attributes, args, env)
            }
        };
        if errno != 0 {
            return Err(path.error(vm, errno));
        }
        Ok(pid)
    }
}

#[pymodule(name = "posix", doc = "")]
pub mod module {
    use super::*;

    /// Change or add an environment variable.
    #[pyfunction(sig = "(name, value, /)")]
    fn putenv(vm: &Vm, name: FsBytes, value: FsBytes) -> PyResult<()> {
        let (key, text) = (name.0.as_bytes(), value.0.as_bytes());
        if key.is_empty() || key.contains(&b'=') {
            return Err(vm.value_error("illegal environment variable name"));
        }
        let event = [
            vm.new_bytes(key)?.into_value(),
            vm.new_bytes(text)?.into_value(),
        ];
        vm.permit(Access::Event("os.putenv", &event))?;
        // SAFETY: terminated texts; only holders of the interpreter lock change the environment.
        if unsafe { libc::setenv(name.0.as_ptr(), value.0.as_ptr(), 1) } != 0 {
            return Err(vm.last_os_error(None));
        }
        Ok(())
    }

    /// Delete an environment variable.
    #[pyfunction(sig = "(name, /)")]
    fn unsetenv(vm: &Vm, name: FsBytes) -> PyResult<()> {
        let event = [vm.new_bytes(name.0.as_bytes())?.into_value()];
        vm.permit(Access::Event("os.unsetenv", &event))?;
        // SAFETY: a terminated text; as above.
        if unsafe { libc::unsetenv(name.0.as_ptr()) } != 0 {
            return Err(vm.last_os_error(None));
        }
        Ok(())
    }

    /// Create the environment dictionary.
    #[pyfunction(sig = "()")]
    fn _create_environ(vm: &Vm) -> PyResult {
        vm.permit(Access::Environment)?;
        environ(vm)
    }

    /// Translate an error code to a message string.
    #[pyfunction(sig = "(code, /)")]
    fn strerror(code: i32) -> String {
        system::strerror(code)
    }

    /// Return an integer-valued system configuration variable.
    #[pyfunction(sig = "(name, /)")]
    fn sysconf(vm: &Vm, name: &Value) -> PyResult<i64> {
        let name = conf_name(vm, name, crate::posix::tables::SYSCONF)?;
        // SAFETY: clears the calling thread's errno, then a plain query.
        let value = unsafe {
            *libc::__errno_location() = 0;
            libc::sysconf(name)
        };
        if value == -1 && system::errno() != 0 {
            return Err(vm.last_os_error(None));
        }
        Ok(value)
    }

    /// Return a string-valued system configuration variable.
    #[pyfunction(sig = "(name, /)")]
    fn confstr(vm: &Vm, name: &Value) -> PyResult {
        let name = conf_name(vm, name, crate::posix::tables::CONFSTR)?;
        let mut text = vec![0u8; 4096];
        // SAFETY: clears the calling thread's errno, then a buffer of the size told.
        let n = unsafe {
            *libc::__errno_location() = 0;
            libc::confstr(name, text.as_mut_ptr().cast(), text.len())
        };
        if n == 0 {
            return match system::errno() {
                0 => Ok(Value::NONE),
                errno => Err(vm.os_error(errno, None)),
            };
        }
        system::fs_decode(vm, &text[..(n - 1).min(text.len() - 1)])
    }

    /// Return the configuration limit name for the file descriptor fd.
    #[pyfunction(sig = "(fd, name, /)")]
    fn fpathconf(vm: &Vm, fd: system::Fd, name: &Value) -> PyResult<i64> {
        let name = conf_name(vm, name, crate::posix::tables::PATHCONF)?;
        // SAFETY: clears the calling thread's errno, then a plain query.
        let value = unsafe {
            *libc::__errno_location() = 0;
            libc::fpathconf(fd.0, name)
        };
        if value == -1 && system::errno() != 0 {
            return Err(vm.last_os_error(None));
        }
        Ok(value)
    }

    /// Return a bytes object containing random bytes suitable for cryptographic use.
    #[pyfunction(sig = "(size, /)")]
    fn urandom(vm: &Vm, size: isize) -> PyResult {
        if size < 0 {
            return Err(vm.value_error("negative argument not allowed"));
        }
        vm.permit(Access::Randomness)?;
        vm.check_size(Some(size as usize))?;
        let mut data = vec![0u8; size as usize];
        let mut done = 0;
        while done < data.len() {
            let rest = &mut data[done..];
            // SAFETY: a buffer of the size told.
            done += system::retry_or_raise(vm, || unsafe {
                libc::getrandom(rest.as_mut_ptr().cast(), rest.len(), 0)
            })? as usize;
        }
        Ok(vm.new_bytes(&data)?.into_value())
    }

    /// Obtain a series of random bytes.
    #[pyfunction(sig = "(size, flags=0)")]
    fn getrandom(vm: &Vm, size: isize, #[default(0)] flags: u32) -> PyResult {
        if size < 0 {
            return Err(vm.os_error(libc::EINVAL, None));
        }
        vm.permit(Access::Randomness)?;
        vm.check_size(Some(size as usize))?;
        let mut data = vec![0u8; size as usize];
        // SAFETY: a buffer of the size told.
        let n = system::retry_or_raise(vm, || unsafe {
            libc::getrandom(data.as_mut_ptr().cast(), data.len(), flags)
        })?;
        Ok(vm.new_bytes(&data[..n as usize])?.into_value())
    }

    /// Return an object identifying the current operating system.
    #[pyfunction(sig = "()")]
    fn uname(vm: &Vm) -> PyResult {
        // SAFETY: all zero is a valid value.
        let mut name: libc::utsname = unsafe { std::mem::zeroed() };
        // SAFETY: writes one value.
        if unsafe { libc::uname(&mut name) } < 0 {
            return Err(vm.last_os_error(None));
        }
        let parts = [
            &name.sysname,
            &name.nodename,
            &name.release,
            &name.version,
            &name.machine,
        ];
        let parts = parts
            .iter()
            .map(|part| {
                // SAFETY: terminated by the system.
                let text = unsafe { CStr::from_ptr(part.as_ptr()) };
                system::fs_decode(vm, text.to_bytes())
            })
            .collect::<PyResult<_>>()?;
        structseq::make(vm, &UNAME_RESULT, parts)
    }

    /// Return the number of logical CPUs in the system; return None if indeterminable.
    #[pyfunction(sig = "()")]
    fn cpu_count(vm: &Vm) -> PyResult {
        if let Some(count) = vm.interp.config.cpu_count {
            return vm.new_int(i64::from(count));
        }
        // SAFETY: a plain query.
        match unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) } {
            n if n >= 1 => vm.new_int(n),
            _ => Ok(Value::NONE),
        }
    }

    /// Return average recent system load information.
    #[pyfunction(sig = "()")]
    fn getloadavg(vm: &Vm) -> PyResult {
        let mut load = [0f64; 3];
        // SAFETY: room for three numbers.
        if unsafe { libc::getloadavg(load.as_mut_ptr(), 3) } != 3 {
            return Err(vm.raise(&vm.types.os_error, "Load averages are unobtainable"));
        }
        let items = load
            .iter()
            .map(|&f| vm.new_float(f))
            .collect::<PyResult<Vec<_>>>()?;
        Ok(vm.new_tuple(items)?.into_value())
    }

    /// Return the name of the controlling terminal for this process.
    #[pyfunction(sig = "()")]
    fn ctermid() -> &'static str {
        "/dev/tty"
    }

    /// Calls PyOS_CallInputHook droppong the GIL first
    #[pyfunction(sig = "()")]
    fn _inputhook(vm: &Vm) -> PyResult<()> {
        Err(vm.runtime_error("no input hook is installed"))
    }

    /// Checks if PyOS_CallInputHook is set
    #[pyfunction(sig = "()")]
    fn _is_inputhook_installed() -> bool {
        false
    }

    /// Split a pathname into drive, root and tail.
    #[pyfunction(sig = "(p)")]
    fn _path_splitroot_ex(vm: &Vm, p: &Value) -> PyResult {
        let (path, bytes) = text_bytes(vm, p, "_path_splitroot_ex")?;
        let (root, tail) = path.split_at(root_len(&path));
        let parts = vec![
            give_back(vm, b"", bytes)?,
            give_back(vm, root, bytes)?,
            give_back(vm, tail, bytes)?,
        ];
        Ok(vm.new_tuple(parts)?.into_value())
    }

    /// Normalize path, eliminating double slashes, etc.
    #[pyfunction(sig = "(path)")]
    fn _path_normpath(vm: &Vm, path: &Value) -> PyResult {
        let (path, bytes) = text_bytes(vm, path, "_path_normpath")?;
        give_back(vm, &normalize(&path), bytes)
    }

    /// Execute the program specified by path in a new process.
    #[pyfunction(
        sig = "(path, argv, env, /, *, file_actions=(), setpgroup=None, resetids=False, setsid=False, setsigmask=(), setsigdef=(), scheduler=None)"
    )]
    fn posix_spawn(
        vm: &Vm,
        path: Path,
        argv: &Value,
        env: &Value,
        file_actions: Option<&Value>,
        setpgroup: Option<&Value>,
        #[default(false)] resetids: bool,
        #[default(false)] setsid: bool,
        setsigmask: Option<&Value>,
        setsigdef: Option<&Value>,
        scheduler: Option<&Value>,
    ) -> PyResult<i32> {
        let mut spawn = Spawn::new();
        if let Some(actions) = file_actions.filter(|v| !v.is_none()) {
            spawn.add_actions(vm, actions)?
        }
        spawn.add_attributes(
            vm, setpgroup, resetids, setsid, setsigmask, setsigdef, scheduler,
        )?;
        spawn.run(vm, &path, argv, env, false)
    }

    /// Execute the program specified by path, looked for along PATH, in a new process.
    #[pyfunction(
        sig = "(path, argv, env, /, *, file_actions=(), setpgroup=None, resetids=False, setsid=False, setsigmask=(), setsigdef=(), scheduler=None)"
    )]
    fn posix_spawnp(
        vm: &Vm,
        path: Path,
        argv: &Value,
        env: &Value,
        file_actions: Option<&Value>,
        setpgroup: Option<&Value>,
        #[default(false)] resetids: bool,
        #[default(false)] setsid: bool,
        setsigmask: Option<&Value>,
        setsigdef: Option<&Value>,
        scheduler: Option<&Value>,
    ) -> PyResult<i32> {
        let mut spawn = Spawn::new();
        if let Some(actions) = file_actions.filter(|v| !v.is_none()) {
            spawn.add_actions(vm, actions)?
        }
        spawn.add_attributes(
            vm, setpgroup, resetids, setsid, setsigmask, setsigdef, scheduler,
        )?;
        spawn.run(vm, &path, argv, env, true)
    }
}

#[cfg(test)]
mod tests {
    use super::normalize;

    #[test]
    fn normalized_paths() {
        for (path, wanted) in [
            ("", "."),
            ("//a/../..", "//"),
            ("///a//b/.", "/a/b"),
            ("../../a/..", "../.."),
        ] {
            assert_eq!(normalize(path.as_bytes()), wanted.as_bytes(), "{path}");
        }
    }
}
