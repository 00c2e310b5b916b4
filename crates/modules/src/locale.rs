//! `_locale`: the C library's locales and message catalogues.
//!
//! Everything is the C library's, which keeps one locale for the whole process; its answers are copied at once, while
//! the interpreter lock keeps other threads from changing them. CPython: Modules/_localemodule.c.

use crate::common;
use crate::system::{add_ints, c_string, fs_decode, fs_encode};
use libc::{c_char, c_int, wchar_t};
use naja_heap::{Ref, Value};
use naja_macros::pymodule;
use naja_vm::module::Module;
use naja_vm::str_::Str;
use naja_vm::type_::Type;
use naja_vm::{OrNone, PyResult, Raised, Vm};
use std::ffi::{CStr, CString};

unsafe extern "C" {
    fn wcscoll(a: *const wchar_t, b: *const wchar_t) -> c_int;
    fn wcsxfrm(to: *mut wchar_t, from: *const wchar_t, n: usize) -> usize;
    fn gettext(msg: *const c_char) -> *mut c_char;
    fn dgettext(domain: *const c_char, msg: *const c_char) -> *mut c_char;
    fn dcgettext(domain: *const c_char, msg: *const c_char, category: c_int) -> *mut c_char;
    fn textdomain(domain: *const c_char) -> *mut c_char;
    fn bindtextdomain(domain: *const c_char, dir: *const c_char) -> *mut c_char;
    fn bind_textdomain_codeset(domain: *const c_char, codeset: *const c_char) -> *mut c_char;
}

/// The constants of the system's `langinfo.h` and `locale.h`.
const CONSTANTS: &[(&str, i64)] = &[
    ("ABDAY_1", 131072),
    ("ABDAY_2", 131073),
    ("ABDAY_3", 131074),
    ("ABDAY_4", 131075),
    ("ABDAY_5", 131076),
    ("ABDAY_6", 131077),
    ("ABDAY_7", 131078),
    ("ABMON_1", 131086),
    ("ABMON_10", 131095),
    ("ABMON_11", 131096),
    ("ABMON_12", 131097),
    ("ABMON_2", 131087),
    ("ABMON_3", 131088),
    ("ABMON_4", 131089),
    ("ABMON_5", 131090),
    ("ABMON_6", 131091),
    ("ABMON_7", 131092),
    ("ABMON_8", 131093),
    ("ABMON_9", 131094),
    ("ALT_DIGITS", 131119),
    ("AM_STR", 131110),
    ("CHAR_MAX", 127),
    ("CODESET", 14),
    ("CRNCYSTR", 262159),
    ("DAY_1", 131079),
    ("DAY_2", 131080),
    ("DAY_3", 131081),
    ("DAY_4", 131082),
    ("DAY_5", 131083),
    ("DAY_6", 131084),
    ("DAY_7", 131085),
    ("D_FMT", 131113),
    ("D_T_FMT", 131112),
    ("ERA", 131116),
    ("ERA_D_FMT", 131118),
    ("ERA_D_T_FMT", 131120),
    ("ERA_T_FMT", 131121),
    ("LC_ALL", 6),
    ("LC_COLLATE", 3),
    ("LC_CTYPE", 0),
    ("LC_MESSAGES", 5),
    ("LC_MONETARY", 4),
    ("LC_NUMERIC", 1),
    ("LC_TIME", 2),
    ("MON_1", 131098),
    ("MON_10", 131107),
    ("MON_11", 131108),
    ("MON_12", 131109),
    ("MON_2", 131099),
    ("MON_3", 131100),
    ("MON_4", 131101),
    ("MON_5", 131102),
    ("MON_6", 131103),
    ("MON_7", 131104),
    ("MON_8", 131105),
    ("MON_9", 131106),
    ("NOEXPR", 327681),
    ("PM_STR", 131111),
    ("RADIXCHAR", 65536),
    ("THOUSEP", 65537),
    ("T_FMT", 131114),
    ("T_FMT_AMPM", 131115),
    ("YESEXPR", 327680),
    ("_DATE_FMT", 131180),
];

/// The constants that `nl_langinfo` takes, without those of `localeconv`'s kind.
fn is_langinfo(key: i32) -> bool {
    CONSTANTS
        .iter()
        .any(|&(name, value)| value == key as i64 && !name.starts_with("LC_") && name != "CHAR_MAX")
}

fn error_class(vm: &Vm) -> PyResult<Ref<Type>> {
    common::exception(vm, "locale.Error", &vm.types.exception)
}

fn error(vm: &Vm, message: &str) -> Raised {
    match error_class(vm) {
        Ok(class) => vm.raise(&class, message),
        Err(raised) => raised,
    }
}

/// A C string of a text. Raises ValueError "embedded null character", UnicodeEncodeError.
fn c_text(vm: &Vm, text: &Ref<Str>) -> PyResult<CString> {
    CString::new(fs_encode(vm, text)?).map_err(|_| vm.value_error("embedded null character"))
}

/// A wide C string of a text. Raises ValueError.
fn wide(vm: &Vm, text: &Ref<Str>) -> PyResult<Vec<wchar_t>> {
    if text.as_bytes().contains(&0) {
        return Err(vm.value_error("embedded null character"));
    }
    Ok(text
        .code_points()
        .map(|c| c as wchar_t)
        .chain([0])
        .collect())
}

/// A copy of a C string; None for a null pointer.
fn copied(text: *const c_char) -> Option<Vec<u8>> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the C library's functions give null or a string that ends with a zero byte.
    Some(unsafe { CStr::from_ptr(text) }.to_bytes().to_vec())
}

/// The pointer of an optional C string.
fn pointer(text: &Option<CString>) -> *const c_char {
    text.as_ref().map_or(std::ptr::null(), |t| t.as_ptr())
}

/// A list of the sizes of groups of digits, which ends with 0 (the last again and again) or CHAR_MAX (no more).
fn grouping(vm: &Vm, text: *const c_char) -> PyResult {
    let sizes = copied(text).unwrap_or_default();
    let mut items = Vec::new();
    for &size in &sizes {
        items.push(vm.new_int(size as i64)?);
        if size == c_char::MAX as u8 {
            break;
        }
    }
    if !sizes.is_empty() && sizes.last() != Some(&(c_char::MAX as u8)) {
        items.push(Value::small_int(0))
    }
    Ok(vm.new_list(items)?.into_value())
}

/// The result of one of the catalogue's functions. Raises OSError.
fn answer(vm: &Vm, text: *const c_char) -> PyResult {
    match copied(text) {
        Some(text) => fs_decode(vm, &text),
        None => Err(vm.last_os_error(None)),
    }
}

#[pymodule(name = "_locale", doc = "Support for POSIX locales.")]
pub mod module {
    use super::*;

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        module.set(vm, "Error", error_class(vm)?.into_value())?;
        add_ints(vm, module, CONSTANTS)
    }

    /// Activates/queries locale processing.
    #[pyfunction(sig = "($module, category, locale=None, /)")]
    fn setlocale(vm: &Vm, category: i32, locale: OrNone<Ref<Str>>) -> PyResult {
        let name = match &locale.0 {
            Some(locale) => Some(c_text(vm, locale)?),
            None => None,
        };
        // SAFETY: the name is null or a C string.
        let result = unsafe { libc::setlocale(category, pointer(&name)) };
        match copied(result) {
            Some(text) => fs_decode(vm, &text),
            None if name.is_some() => Err(error(vm, "unsupported locale setting")),
            None => Err(error(vm, "locale query failed")),
        }
    }

    /// Returns numeric and monetary locale-specific parameters.
    #[pyfunction(sig = "($module, /)")]
    fn localeconv(vm: &Vm) -> PyResult {
        // SAFETY: gives a pointer to the C library's own structure, read before anything else is called.
        let lc = unsafe { *libc::localeconv() };
        let dict = vm.new_dict()?;
        let texts = [
            ("int_curr_symbol", lc.int_curr_symbol),
            ("currency_symbol", lc.currency_symbol),
            ("mon_decimal_point", lc.mon_decimal_point),
            ("mon_thousands_sep", lc.mon_thousands_sep),
        ];
        let set_text = |(name, text): (&str, *mut c_char)| -> PyResult<()> {
            let text = fs_decode(vm, &copied(text).unwrap_or_default())?;
            dict.set_str(vm, &vm.intern(name), text)
        };
        texts.into_iter().try_for_each(set_text)?;
        dict.set_str(
            vm,
            &vm.intern("mon_grouping"),
            grouping(vm, lc.mon_grouping)?,
        )?;
        set_text(("positive_sign", lc.positive_sign))?;
        set_text(("negative_sign", lc.negative_sign))?;
        let numbers = [
            ("int_frac_digits", lc.int_frac_digits),
            ("frac_digits", lc.frac_digits),
            ("p_cs_precedes", lc.p_cs_precedes),
            ("p_sep_by_space", lc.p_sep_by_space),
            ("n_cs_precedes", lc.n_cs_precedes),
            ("n_sep_by_space", lc.n_sep_by_space),
            ("p_sign_posn", lc.p_sign_posn),
            ("n_sign_posn", lc.n_sign_posn),
        ];
        for (name, number) in numbers {
            dict.set_str(vm, &vm.intern(name), vm.new_int(number as i64)?)?;
        }
        set_text(("decimal_point", lc.decimal_point))?;
        set_text(("thousands_sep", lc.thousands_sep))?;
        dict.set_str(vm, &vm.intern("grouping"), grouping(vm, lc.grouping)?)?;
        Ok(dict.into_value())
    }

    /// Compares two strings according to the locale.
    #[pyfunction(sig = "($module, os1, os2, /)")]
    fn strcoll(vm: &Vm, os1: &Ref<Str>, os2: &Ref<Str>) -> PyResult<i32> {
        let (a, b) = (wide(vm, os1)?, wide(vm, os2)?);
        // SAFETY: both end with a zero.
        Ok(unsafe { wcscoll(a.as_ptr(), b.as_ptr()) })
    }

    /// Return a string that can be used as a key for locale-aware comparisons.
    #[pyfunction(sig = "($module, string, /)")]
    fn strxfrm(vm: &Vm, string: &Ref<Str>) -> PyResult {
        let text = wide(vm, string)?;
        // SAFETY: `text` ends with a zero; nothing is written into no room.
        let len = unsafe { wcsxfrm(std::ptr::null_mut(), text.as_ptr(), 0) };
        let room = vm.check_size(len.checked_add(1))?;
        let mut out = vec![0 as wchar_t; room];
        // SAFETY: `out` has the room that is told.
        let len = unsafe { wcsxfrm(out.as_mut_ptr(), text.as_ptr(), out.len()) };
        let mut key = Vec::with_capacity(len);
        for &c in out.iter().take(len) {
            // Collation keys may have units beyond Unicode; their order is what counts.
            naja_vm::str_::push_code_point(&mut key, (c as u32).min(0x10ffff))
        }
        Ok(vm.new_str_wtf8(&key)?.into_value())
    }

    /// Return the value for the locale information associated with key.
    #[pyfunction(sig = "($module, key, /)")]
    fn nl_langinfo(vm: &Vm, key: i32) -> PyResult {
        if !is_langinfo(key) {
            return Err(vm.value_error("unsupported langinfo constant"));
        }
        // SAFETY: gives a pointer to the C library's own text for any key.
        let text = copied(unsafe { libc::nl_langinfo(key) }).unwrap_or_default();
        fs_decode(vm, &text)
    }

    /// gettext(msg) -> string
    ///
    /// Return translation of msg.
    #[pyfunction(name = "gettext", sig = "($module, msg, /)")]
    fn py_gettext(vm: &Vm, msg: &Ref<Str>) -> PyResult {
        let msg = c_text(vm, msg)?;
        // SAFETY: a C string.
        answer(vm, unsafe { gettext(msg.as_ptr()) })
    }

    /// dgettext(domain, msg) -> string
    ///
    /// Return translation of msg in domain.
    #[pyfunction(name = "dgettext", sig = "($module, domain, msg, /)")]
    fn py_dgettext(vm: &Vm, domain: OrNone<Ref<Str>>, msg: &Ref<Str>) -> PyResult {
        let domain = domain.0.map(|d| c_text(vm, &d)).transpose()?;
        let msg = c_text(vm, msg)?;
        // SAFETY: C strings; the domain may be null.
        answer(vm, unsafe { dgettext(pointer(&domain), msg.as_ptr()) })
    }

    /// Return translation of msg in domain and category.
    #[pyfunction(name = "dcgettext", sig = "($module, domain, msg, category, /)")]
    fn py_dcgettext(vm: &Vm, domain: OrNone<Ref<Str>>, msg: &Ref<Str>, category: i32) -> PyResult {
        let domain = domain.0.map(|d| c_text(vm, &d)).transpose()?;
        let msg = c_text(vm, msg)?;
        // SAFETY: C strings; the domain may be null.
        answer(vm, unsafe {
            dcgettext(pointer(&domain), msg.as_ptr(), category)
        })
    }

    /// Set the C library's textdmain to domain, returning the new domain.
    #[pyfunction(name = "textdomain", sig = "($module, domain, /)")]
    fn py_textdomain(vm: &Vm, domain: OrNone<Ref<Str>>) -> PyResult {
        let domain = domain.0.map(|d| c_text(vm, &d)).transpose()?;
        // SAFETY: null or a C string.
        answer(vm, unsafe { textdomain(pointer(&domain)) })
    }

    /// Bind the C library's domain to dir.
    #[pyfunction(name = "bindtextdomain", sig = "($module, domain, dir, /)")]
    fn py_bindtextdomain(vm: &Vm, domain: &Ref<Str>, dir: &Value) -> PyResult {
        if domain.byte_len() == 0 {
            return Err(error(vm, "domain must be a non-empty string"));
        }
        let domain = c_text(vm, domain)?;
        let dir = match dir.is_none() {
            true => None,
            false => {
                let path = naja_vm::builtins::compile::path_text(vm, dir)?;
                Some(c_string(vm, path.into_bytes())?)
            }
        };
        // SAFETY: C strings; the directory may be null.
        answer(vm, unsafe {
            bindtextdomain(domain.as_ptr(), pointer(&dir))
        })
    }

    /// Bind the C library's domain to codeset.
    #[pyfunction(
        name = "bind_textdomain_codeset",
        sig = "($module, domain, codeset, /)"
    )]
    fn py_bind_textdomain_codeset(
        vm: &Vm,
        domain: &Ref<Str>,
        codeset: OrNone<Ref<Str>>,
    ) -> PyResult {
        let domain = c_text(vm, domain)?;
        let codeset = codeset.0.map(|c| c_text(vm, &c)).transpose()?;
        // SAFETY: C strings; the codeset may be null.
        let text = unsafe { bind_textdomain_codeset(domain.as_ptr(), pointer(&codeset)) };
        match copied(text) {
            Some(text) => fs_decode(vm, &text),
            None => Ok(Value::NONE),
        }
    }

    /// Get the current locale encoding.
    #[pyfunction(sig = "($module, /)")]
    fn getencoding(vm: &Vm) -> PyResult {
        // SAFETY: gives a pointer to the C library's own text.
        let text = copied(unsafe { libc::nl_langinfo(libc::CODESET) }).unwrap_or_default();
        // The "C" locale's ASCII is read as UTF-8 (PEP 540).
        match text.as_slice() {
            b"" | b"ANSI_X3.4-1968" => Ok(vm.new_str("UTF-8")?.into_value()),
            name => fs_decode(vm, name),
        }
    }
}
