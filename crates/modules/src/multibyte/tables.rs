//! The tables of the multi-byte character sets, read from `tables.bin` when a codec is first used.
//!
//! The file holds for each set a trie over bytes (entries as differences, by byte planes, deflated), pairs of code
//! points that one sequence stands for, and the code points whose encoding is not the first sequence that decodes to
//! them. The map from code points to bytes is derived from the trie. CPython: Modules/cjkcodecs/mappings_*.h.

use libz_rs_sys as z;
use rustc_hash::FxHashMap;
use std::sync::OnceLock;

static DATA: &[u8] = include_bytes!("tables.bin");
const SETS: usize = 16;

/// What a node of the trie says of a byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entry {
    Illegal,
    Char(u32),
    Pair(u32, u32),
    /// More bytes follow: the node for the next one.
    Node(usize),
    /// A sequence that is computed: GB 18030's four bytes, KS X 1001's composed syllables.
    Special,
}

/// One character set.
pub struct Table {
    nodes: Vec<u32>,
    pairs: Vec<(u32, u32)>,
    /// Bytes by code point: length in the highest byte's place, see [`Table::encode`].
    encoding: FxHashMap<u32, ([u8; 4], u8)>,
    pair_encoding: FxHashMap<(u32, u32), ([u8; 4], u8)>,
    /// Code points that begin a pair.
    pair_starts: Vec<u32>,
}

fn word(data: &[u8], at: usize) -> u32 {
    data.get(at..at + 4)
        .and_then(|b| b.try_into().ok())
        .map_or(0, u32::from_le_bytes)
}

/// Inflates `data` to `len` bytes; shorter for damaged data.
fn inflate(data: &[u8], len: usize) -> Vec<u8> {
    let mut out = vec![0u8; len];
    let mut written = len as z::uLongf;
    // SAFETY: both buffers are live and of the lengths given.
    let result = unsafe {
        z::uncompress(
            out.as_mut_ptr(),
            &mut written,
            data.as_ptr(),
            data.len() as z::uLong,
        )
    };
    if result != z::Z_OK {
        out.clear();
    }
    out
}

impl Table {
    fn read(raw: &[u8]) -> Table {
        let (nodes, pairs, exceptions) = (word(raw, 0), word(raw, 4), word(raw, 8));
        let count = nodes as usize * 256;
        let plane =
            |k: usize, i: usize| u32::from(raw.get(12 + k * count + i).copied().unwrap_or(0));
        let mut value = 0u32;
        let flat: Vec<u32> = (0..count)
            .map(|i| {
                let delta = (0..4).fold(0, |d, k| d | plane(k, i) << (8 * k));
                value = value.wrapping_add(delta);
                value
            })
            .collect();
        let mut at = 12 + 4 * count;
        let mut table = Table {
            nodes: flat,
            pairs: Vec::new(),
            encoding: FxHashMap::default(),
            pair_encoding: FxHashMap::default(),
            pair_starts: Vec::new(),
        };
        for _ in 0..pairs {
            table.pairs.push((word(raw, at), word(raw, at + 4)));
            at += 8;
        }
        table.derive(0, &mut Vec::new());
        table.pair_starts = table.pairs.iter().map(|(first, _)| *first).collect();
        for _ in 0..exceptions {
            let code = word(raw, at);
            let len = raw.get(at + 4).copied().unwrap_or(0);
            let bytes = word(raw, at + 5).to_le_bytes();
            at += 9;
            if len == 0 {
                table.encoding.remove(&code);
            } else {
                table.encoding.insert(code, (bytes, len));
            }
        }
        table
    }

    /// Enters what decodes below a node into the maps; of several sequences the first one counts.
    fn derive(&mut self, node: usize, prefix: &mut Vec<u8>) {
        if prefix.len() >= 4 {
            return;
        }
        for byte in 0..=255u8 {
            prefix.push(byte);
            let mut bytes = [0; 4];
            for (to, from) in bytes.iter_mut().zip(prefix.iter()) {
                *to = *from;
            }
            let packed = (bytes, prefix.len() as u8);
            match self.entry(node, byte) {
                Entry::Char(c) => {
                    let known = self.encoding.entry(c).or_insert(packed);
                    if *known > packed {
                        *known = packed;
                    }
                }
                Entry::Pair(a, b) => {
                    self.pair_encoding.insert((a, b), packed);
                }
                Entry::Node(next) if next > node => self.derive(next, prefix),
                _ => {}
            }
            prefix.pop();
        }
    }

    /// What `byte` means at a node; 0 is the root.
    pub fn entry(&self, node: usize, byte: u8) -> Entry {
        let value = self
            .nodes
            .get(node * 256 + usize::from(byte))
            .copied()
            .unwrap_or(0);
        let content = value & 0xff_ffff;
        match value >> 24 {
            1 => Entry::Char(content),
            2 => match self.pairs.get(content as usize) {
                Some((a, b)) => Entry::Pair(*a, *b),
                None => Entry::Illegal,
            },
            3 => Entry::Node(content as usize),
            4 => Entry::Special,
            _ => Entry::Illegal,
        }
    }

    /// The code point of a whole sequence.
    pub fn char_of(&self, bytes: &[u8]) -> Entry {
        let mut node = 0;
        for byte in bytes {
            match self.entry(node, *byte) {
                Entry::Node(next) => node = next,
                other => return other,
            }
        }
        Entry::Illegal
    }

    /// The bytes of a code point.
    pub fn encode(&self, c: u32) -> Option<&[u8]> {
        let (bytes, len) = self.encoding.get(&c)?;
        bytes.get(..usize::from(*len))
    }

    pub fn encode_pair(&self, a: u32, b: u32) -> Option<&[u8]> {
        let (bytes, len) = self.pair_encoding.get(&(a, b))?;
        bytes.get(..usize::from(*len))
    }

    /// Whether another code point may join this one.
    pub fn starts_pair(&self, c: u32) -> bool {
        self.pair_starts.contains(&c)
    }
}

/// The table of a character set by name.
pub fn table(name: &str) -> Option<&'static Table> {
    static TABLES: [OnceLock<Table>; SETS] = [const { OnceLock::new() }; SETS];
    let record = |i: usize| DATA.get(4 + i * 28..4 + (i + 1) * 28);
    let index = (0..SETS).find(|i| {
        let stored = record(*i).and_then(|r| r.get(..16)).unwrap_or(&[]);
        stored
            .strip_prefix(name.as_bytes())
            .is_some_and(|rest| rest.iter().all(|b| *b == 0))
    })?;
    let slot = TABLES.get(index)?;
    Some(slot.get_or_init(|| {
        let record = record(index).unwrap_or(&[]);
        let (offset, len, raw) = (word(record, 16), word(record, 20), word(record, 24));
        let body = 4 + SETS * 28 + 4 + ranges_count() * 8;
        let start = body + offset as usize;
        let packed = DATA.get(start..start + len as usize).unwrap_or(&[]);
        Table::read(&inflate(packed, raw as usize))
    }))
}

fn ranges_count() -> usize {
    word(DATA, 4 + SETS * 28) as usize
}

/// The runs of GB 18030's four-byte sequences: first index, first code point, length.
fn ranges() -> impl Iterator<Item = (u32, u32, u32)> {
    (0..ranges_count()).map(|i| {
        let at = 4 + SETS * 28 + 4 + i * 8;
        let second = word(DATA, at + 4);
        (word(DATA, at), second & 0xffff, second >> 16)
    })
}

/// The code point of an index of GB 18030's four-byte sequences.
pub fn gb18030_char(index: u32) -> Option<u32> {
    if index >= 189_000 {
        return Some(index - 189_000 + 0x10000).filter(|c| *c <= 0x10_ffff);
    }
    let (start, code, _) =
        ranges().find(|(start, _, len)| (*start..start + len).contains(&index))?;
    Some(code + index - start)
}

/// The index of a code point among GB 18030's four-byte sequences.
pub fn gb18030_index(c: u32) -> Option<u32> {
    if c >= 0x10000 {
        return Some(c - 0x10000 + 189_000);
    }
    let (start, code, _) = ranges().find(|(_, code, len)| (*code..code + len).contains(&c))?;
    Some(start + c - code)
}
