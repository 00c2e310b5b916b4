//! `unicodedata`: properties of characters, names and normal forms, now and as of Unicode 3.2.
//!
//! The data is `naja_unicode`'s. `ucd_3_2_0` is an object of the class `UCD` with the same methods over the old data.
//! CPython: Modules/unicodedata.c.

use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_unicode as p;
use naja_unicode::{Form, Named, Version};
use naja_vm::str_::{Str, push_code_point};
use naja_vm::{FromArg, PyResult, Raised, Vm};

/// An argument that is a string of one character.
struct Char(u32);

impl FromArg<'_> for Char {
    fn from_arg(
        vm: &Vm,
        value: &Value,
        sig: &naja_vm::function::signature::Signature,
        index: usize,
    ) -> PyResult<Self> {
        let wrong = |got: String| {
            let place = match sig.params.len() {
                0..=2 if sig.params.iter().filter(|p| p.name != "self").count() == 1 => {
                    "argument".to_string()
                }
                _ => sig.describe(index),
            };
            vm.type_error(format!(
                "{}(): {place} must be a unicode character, not {got}",
                sig.name
            ))
        };
        match value.downcast::<Str>() {
            Some(text) if text.char_len() == 1 => Ok(Char(text.char_at(0))),
            Some(text) => Err(wrong(format!("a string of length {}", text.char_len()))),
            None => Err(wrong(vm.type_of(value).full_name())),
        }
    }
}

/// A property's value, or the default, or ValueError.
fn or_default(vm: &Vm, value: Option<Value>, default: Option<Value>, message: &str) -> PyResult {
    value.or(default).ok_or_else(|| vm.value_error(message))
}

fn digit(vm: &Vm, value: Option<u8>) -> PyResult<Option<Value>> {
    value.map(|n| vm.new_int(n.into())).transpose()
}

fn form(vm: &Vm, name: &Ref<Str>) -> PyResult<Form> {
    name.as_str()
        .and_then(Form::from_name)
        .ok_or_else(|| invalid_form(vm))
}

fn invalid_form(vm: &Vm) -> Raised {
    vm.value_error("invalid normalization form")
}

fn normalized(vm: &Vm, name: &Ref<Str>, text: &Ref<Str>, version: Version) -> PyResult {
    if text.char_len() == 0 {
        return Ok(text.to_value());
    }
    let form = form(vm, name)?;
    if text.is_ascii() || p::is_normalized(form, text.code_points(), version) {
        return match vm.type_of(text.as_value()).is(&vm.types.str) {
            true => Ok(text.to_value()),
            false => Ok(vm.new_str_wtf8(text.as_bytes())?.into_value()),
        };
    }
    let mut out = Vec::with_capacity(text.byte_len());
    for code in p::normalize(form, text.code_points(), version) {
        push_code_point(&mut out, code);
    }
    Ok(vm.new_str_wtf8(&out)?.into_value())
}

fn lookup(vm: &Vm, name: &Ref<Str>, old: bool) -> PyResult {
    let undefined = || {
        let text = format!("undefined character name '{}'", name.to_string_lossy());
        match vm.new_str(text) {
            Ok(text) => vm.key_error(text.as_value()),
            Err(raised) => raised,
        }
    };
    if name.byte_len() > 256 {
        return Err(match vm.new_str("name too long") {
            Ok(text) => vm.key_error(text.as_value()),
            Err(raised) => raised,
        });
    }
    match name.as_str().and_then(p::lookup_name) {
        Some(Named::Character(code)) if !old || p::old_is_assigned(code) => {
            Ok(vm.new_char(code)?.into_value())
        }
        Some(Named::Sequence(codes)) if !old => {
            let mut out = Vec::new();
            codes.iter().for_each(|c| push_code_point(&mut out, *c));
            Ok(vm.new_str_wtf8(&out)?.into_value())
        }
        _ => Err(undefined()),
    }
}

/// The database of another version of Unicode.
#[pyclass(name = "UCD", module = "unicodedata", doc = "", flags(NO_NEW))]
pub struct Ucd;

#[pymethods]
impl Ucd {
    /// Converts a Unicode character into its equivalent decimal value.
    ///
    /// Returns the decimal value assigned to the character chr as integer.
    /// If no such value is defined, default is returned, or, if not given,
    /// ValueError is raised.
    #[pymethod(sig = "($self, chr, default=<unrepresentable>, /)")]
    fn decimal(&self, vm: &Vm, chr: Char, default: Option<Value>) -> PyResult {
        let value = self::digit(vm, p::old_decimal_value(chr.0))?;
        or_default(vm, value, default, "not a decimal")
    }

    /// Converts a Unicode character into its equivalent digit value.
    ///
    /// Returns the digit value assigned to the character chr as integer.
    /// If no such value is defined, default is returned, or, if not given,
    /// ValueError is raised.
    #[pymethod(sig = "($self, chr, default=<unrepresentable>, /)")]
    fn digit(&self, vm: &Vm, chr: Char, default: Option<Value>) -> PyResult {
        let value = self::digit(vm, p::old_digit_value(chr.0))?;
        or_default(vm, value, default, "not a digit")
    }

    /// Converts a Unicode character into its equivalent numeric value.
    ///
    /// Returns the numeric value assigned to the character chr as float.
    /// If no such value is defined, default is returned, or, if not given,
    /// ValueError is raised.
    #[pymethod(sig = "($self, chr, default=<unrepresentable>, /)")]
    fn numeric(&self, vm: &Vm, chr: Char, default: Option<Value>) -> PyResult {
        let value = p::old_numeric_value(chr.0);
        let value = value.map(|n| vm.new_float(n)).transpose()?;
        or_default(vm, value, default, "not a numeric character")
    }

    /// Returns the general category assigned to the character chr as string.
    #[pymethod(sig = "($self, chr, /)")]
    fn category(&self, chr: Char) -> &'static str {
        p::old_category(chr.0)
    }

    /// Returns the bidirectional class assigned to the character chr as string.
    ///
    /// If no such value is defined, an empty string is returned.
    #[pymethod(sig = "($self, chr, /)")]
    fn bidirectional(&self, chr: Char) -> &'static str {
        p::old_bidirectional(chr.0)
    }

    /// Returns the east asian width assigned to the character chr as string.
    #[pymethod(sig = "($self, chr, /)")]
    fn east_asian_width(&self, chr: Char) -> &'static str {
        p::old_east_asian_width(chr.0)
    }

    /// Returns the canonical combining class assigned to the character chr as integer.
    ///
    /// Returns 0 if no combining class is defined.
    #[pymethod(sig = "($self, chr, /)")]
    fn combining(&self, chr: Char) -> u8 {
        p::old_combining(chr.0)
    }

    /// Returns the mirrored property assigned to the character chr as integer.
    ///
    /// Returns 1 if the character has been identified as a "mirrored"
    /// character in bidirectional text, 0 otherwise.
    #[pymethod(sig = "($self, chr, /)")]
    fn mirrored(&self, chr: Char) -> u8 {
        p::old_mirrored(chr.0).into()
    }

    /// Returns the character decomposition mapping assigned to the character chr as string.
    ///
    /// An empty string is returned in case no such mapping is defined.
    #[pymethod(sig = "($self, chr, /)")]
    fn decomposition(&self, chr: Char) -> String {
        p::old_decomposition(chr.0)
    }

    /// Returns the name assigned to the character chr as a string.
    ///
    /// If no name is defined, default is returned, or, if not given,
    /// ValueError is raised.
    #[pymethod(sig = "($self, chr, default=<unrepresentable>, /)")]
    fn name(&self, vm: &Vm, chr: Char, default: Option<Value>) -> PyResult {
        let value = match p::old_name(chr.0) {
            Some(name) => Some(vm.new_str(name)?.into_value()),
            None => None,
        };
        or_default(vm, value, default, "no such name")
    }

    /// Look up character by name.
    ///
    /// If a character with the given name is found, return the
    /// corresponding character.  If not found, KeyError is raised.
    #[pymethod(sig = "($self, name, /)")]
    fn lookup(&self, vm: &Vm, name: &Ref<Str>) -> PyResult {
        self::lookup(vm, name, true)
    }

    /// Return whether the Unicode string unistr is in the normal form 'form'.
    ///
    /// Valid values for form are 'NFC', 'NFKC', 'NFD', and 'NFKD'.
    #[pymethod(sig = "($self, form, unistr, /)")]
    fn is_normalized(&self, vm: &Vm, form: &Ref<Str>, unistr: &Ref<Str>) -> PyResult<bool> {
        if unistr.char_len() == 0 {
            return Ok(true);
        }
        let form = self::form(vm, form)?;
        Ok(p::is_normalized(form, unistr.code_points(), Version::Old))
    }

    /// Return the normal form 'form' for the Unicode string unistr.
    ///
    /// Valid values for form are 'NFC', 'NFKC', 'NFD', and 'NFKD'.
    #[pymethod(name = "normalize", sig = "($self, form, unistr, /)")]
    fn normal_form(&self, vm: &Vm, form: &Ref<Str>, unistr: &Ref<Str>) -> PyResult {
        normalized(vm, form, unistr, Version::Old)
    }

    #[pymember]
    fn unidata_version(&self) -> &'static str {
        "3.2.0"
    }
}

#[pymodule(
    name = "unicodedata",
    doc = "This module provides access to the Unicode Character Database which\ndefines character properties for all Unicode characters. The data in\nthis database is based on the UnicodeData.txt file version\n16.0.0 which is publicly available from the Unicode Consortium\nat https://www.unicode.org/Public/16.0.0/ucd/UnicodeData.txt.\n\nThe module uses the same names and symbols as defined by the\nUnicodeData File Format 16.0.0.",
    classes(Ucd)
)]
pub mod module {
    use super::*;

    #[pyattr]
    fn unidata_version(vm: &Vm) -> PyResult {
        Ok(vm.new_str("16.0.0")?.into_value())
    }

    #[pyattr]
    fn ucd_3_2_0(vm: &Vm) -> PyResult {
        Ok(vm.new_object(Ucd)?.into_value())
    }

    /// Converts a Unicode character into its equivalent decimal value.
    ///
    /// Returns the decimal value assigned to the character chr as integer.
    /// If no such value is defined, default is returned, or, if not given,
    /// ValueError is raised.
    #[pyfunction(sig = "($self, chr, default=<unrepresentable>, /)")]
    fn decimal(vm: &Vm, chr: Char, default: Option<Value>) -> PyResult {
        let value = super::digit(vm, p::decimal_value(chr.0))?;
        or_default(vm, value, default, "not a decimal")
    }

    /// Converts a Unicode character into its equivalent digit value.
    ///
    /// Returns the digit value assigned to the character chr as integer.
    /// If no such value is defined, default is returned, or, if not given,
    /// ValueError is raised.
    #[pyfunction(sig = "($self, chr, default=<unrepresentable>, /)")]
    fn digit(vm: &Vm, chr: Char, default: Option<Value>) -> PyResult {
        let value = super::digit(vm, p::digit_value(chr.0))?;
        or_default(vm, value, default, "not a digit")
    }

    /// Converts a Unicode character into its equivalent numeric value.
    ///
    /// Returns the numeric value assigned to the character chr as float.
    /// If no such value is defined, default is returned, or, if not given,
    /// ValueError is raised.
    #[pyfunction(sig = "($self, chr, default=<unrepresentable>, /)")]
    fn numeric(vm: &Vm, chr: Char, default: Option<Value>) -> PyResult {
        let value = p::numeric_value(chr.0);
        let value = value.map(|n| vm.new_float(n)).transpose()?;
        or_default(vm, value, default, "not a numeric character")
    }

    /// Returns the general category assigned to the character chr as string.
    #[pyfunction(sig = "($self, chr, /)")]
    fn category(chr: Char) -> &'static str {
        p::category(chr.0)
    }

    /// Returns the bidirectional class assigned to the character chr as string.
    ///
    /// If no such value is defined, an empty string is returned.
    #[pyfunction(sig = "($self, chr, /)")]
    fn bidirectional(chr: Char) -> &'static str {
        p::bidirectional(chr.0)
    }

    /// Returns the east asian width assigned to the character chr as string.
    #[pyfunction(sig = "($self, chr, /)")]
    fn east_asian_width(chr: Char) -> &'static str {
        p::east_asian_width(chr.0)
    }

    /// Returns the canonical combining class assigned to the character chr as integer.
    ///
    /// Returns 0 if no combining class is defined.
    #[pyfunction(sig = "($self, chr, /)")]
    fn combining(chr: Char) -> u8 {
        p::combining(chr.0)
    }

    /// Returns the mirrored property assigned to the character chr as integer.
    ///
    /// Returns 1 if the character has been identified as a "mirrored"
    /// character in bidirectional text, 0 otherwise.
    #[pyfunction(sig = "($self, chr, /)")]
    fn mirrored(chr: Char) -> u8 {
        p::mirrored(chr.0).into()
    }

    /// Returns the character decomposition mapping assigned to the character chr as string.
    ///
    /// An empty string is returned in case no such mapping is defined.
    #[pyfunction(sig = "($self, chr, /)")]
    fn decomposition(chr: Char) -> String {
        p::decomposition(chr.0)
    }

    /// Returns the name assigned to the character chr as a string.
    ///
    /// If no name is defined, default is returned, or, if not given,
    /// ValueError is raised.
    #[pyfunction(sig = "($self, chr, default=<unrepresentable>, /)")]
    fn name(vm: &Vm, chr: Char, default: Option<Value>) -> PyResult {
        let value = match p::name(chr.0) {
            Some(name) => Some(vm.new_str(name)?.into_value()),
            None => None,
        };
        or_default(vm, value, default, "no such name")
    }

    /// Look up character by name.
    ///
    /// If a character with the given name is found, return the
    /// corresponding character.  If not found, KeyError is raised.
    #[pyfunction(sig = "($self, name, /)")]
    fn lookup(vm: &Vm, name: &Ref<Str>) -> PyResult {
        super::lookup(vm, name, false)
    }

    /// Return whether the Unicode string unistr is in the normal form 'form'.
    ///
    /// Valid values for form are 'NFC', 'NFKC', 'NFD', and 'NFKD'.
    #[pyfunction(sig = "($self, form, unistr, /)")]
    fn is_normalized(vm: &Vm, form: &Ref<Str>, unistr: &Ref<Str>) -> PyResult<bool> {
        if unistr.char_len() == 0 {
            return Ok(true);
        }
        let form = super::form(vm, form)?;
        Ok(p::is_normalized(
            form,
            unistr.code_points(),
            Version::Current,
        ))
    }

    /// Return the normal form 'form' for the Unicode string unistr.
    ///
    /// Valid values for form are 'NFC', 'NFKC', 'NFD', and 'NFKD'.
    #[pyfunction(name = "normalize", sig = "($self, form, unistr, /)")]
    fn normal_form(vm: &Vm, form: &Ref<Str>, unistr: &Ref<Str>) -> PyResult {
        normalized(vm, form, unistr, Version::Current)
    }
}
