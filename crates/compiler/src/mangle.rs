//! Private names: `__spam` in class `Ham` is `_Ham__spam`.
//!
//! CPython: `_Py_Mangle` in `Python/symtable.c`.

/// The mangled form of a name in a class, or `None` if the name stays as it is.
pub fn mangle(class: &str, name: &str) -> Option<String> {
    if !name.starts_with("__") || name.ends_with("__") || name.contains('.') {
        return None;
    }
    let class = class.trim_start_matches('_');
    if class.is_empty() {
        return None;
    }
    Some(format!("_{class}{name}"))
}

#[cfg(test)]
mod tests {
    use super::mangle;

    #[test]
    fn only_private_names_change() {
        assert_eq!(mangle("__Ham", "__spam").as_deref(), Some("_Ham__spam"));
        for (class, name) in [
            ("Ham", "__init__"),
            ("___", "__spam"),
            ("Ham", "_spam"),
            ("Ham", "__a.b"),
            ("H", "__"),
        ] {
            assert_eq!(mangle(class, name), None);
        }
    }
}
