//! The pure-Python standard library, packed at build time: sources compressed, modules compiled (see `build/main.rs`).
//!
//! Paths are relative to the library, with `/`: `os.py`, `json/__init__.py`. Invariant: [`FILES`] is sorted by path.

use std::ops::Range;

/// One file of the library.
pub struct File {
    pub path: &'static str,
    /// Bytes of the source.
    pub size: u32,
    source: Range<u32>,
    /// Where its packed code starts.
    code: Option<u32>,
}

include!(concat!(env!("OUT_DIR"), "/index.rs"));

static BLOB: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/library.bin"));

impl File {
    /// The packed code object (`naja_bytecode::packed`), for modules.
    pub fn code(&self) -> Option<&'static [u8]> {
        self.code.map(|start| &BLOB[start as usize..CODE_END])
    }

    /// The contents as they were before packing.
    pub fn source(&self) -> Vec<u8> {
        let packed = &BLOB[self.source.start as usize..self.source.end as usize];
        // What the build has packed unpacks; an empty file stands for the impossible.
        miniz_oxide::inflate::decompress_to_vec_with_limit(packed, self.size as usize)
            .unwrap_or_default()
    }
}

/// The file at a path.
pub fn file(path: &str) -> Option<&'static File> {
    let at = FILES.binary_search_by(|file| file.path.cmp(path));
    at.ok().map(|at| &FILES[at])
}

/// The files under a folder, at any depth; all of them for the empty path.
pub fn files_under(folder: &str) -> &'static [File] {
    if folder.is_empty() {
        return FILES;
    }
    let prefix = format!("{folder}/");
    let start = FILES.partition_point(|file| file.path < prefix.as_str());
    let count = FILES[start..].partition_point(|file| file.path.starts_with(&prefix));
    &FILES[start..start + count]
}

/// The names in a folder, files and folders, sorted; none if there is no such folder.
pub fn list(folder: &str) -> Option<Vec<&'static str>> {
    let skip = if folder.is_empty() {
        0
    } else {
        folder.len() + 1
    };
    let mut names: Vec<&'static str> = files_under(folder)
        .iter()
        .filter_map(|file| file.path.get(skip..)?.split('/').next())
        .collect();
    names.sort_unstable();
    names.dedup();
    (!names.is_empty()).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_unpacks_to_its_size() {
        for file in FILES {
            assert_eq!(file.source().len(), file.size as usize, "{}", file.path);
        }
    }

    #[test]
    fn modules_have_code_and_folders_have_names() {
        assert!(file("os.py").and_then(File::code).is_some());
        assert!(file("nothing.py").is_none());
        let json = list("json").unwrap_or_default();
        assert!(json.contains(&"decoder.py") && json.contains(&"__init__.py"));
        assert!(list("").unwrap_or_default().contains(&"json"));
        assert!(list("jso").is_none());
    }
}
