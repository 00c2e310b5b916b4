//! Searches for one byte, eight bytes at a time.
//!
//! Most text that programs look through is short: there setting up a vector search costs more than the search. Longer text goes to
//! the crate `memchr` from a certain length on. Everything here works on plain slices and runs nothing else.

const ONES: u64 = 0x0101_0101_0101_0101;
const LOW: u64 = 0x7f * ONES;
const HIGH: u64 = 0x80 * ONES;

/// The high bit of each byte of `word` that is `byte`, exactly.
#[inline(always)]
fn matches(word: u64, byte: u8) -> u64 {
    let x = word ^ (ONES * u64::from(byte));
    !(((x & LOW) + LOW) | x) & HIGH
}

/// Where `byte` stands first.
#[inline]
pub(crate) fn find_byte(byte: u8, bytes: &[u8]) -> Option<usize> {
    let Some(first) = bytes.first_chunk::<8>() else {
        return bytes.iter().position(|b| *b == byte);
    };
    let found = matches(u64::from_le_bytes(*first), byte);
    if found != 0 {
        return Some(found.trailing_zeros() as usize / 8);
    }
    match bytes.last_chunk::<8>() {
        // The two words are all there is.
        Some(last) if bytes.len() <= 16 => {
            let found = matches(u64::from_le_bytes(*last), byte);
            (found != 0).then(|| bytes.len() - 8 + found.trailing_zeros() as usize / 8)
        }
        _ => memchr::memchr(byte, &bytes[8..]).map(|at| at + 8),
    }
}

/// Where `byte` stands last.
#[inline]
pub(crate) fn rfind_byte(byte: u8, bytes: &[u8]) -> Option<usize> {
    let Some(last) = bytes.last_chunk::<8>() else {
        return bytes.iter().rposition(|b| *b == byte);
    };
    let end = bytes.len() - 8;
    let found = matches(u64::from_le_bytes(*last), byte);
    if found != 0 {
        return Some(end + 7 - found.leading_zeros() as usize / 8);
    }
    match bytes.first_chunk::<8>() {
        Some(first) if bytes.len() <= 16 => {
            let found = matches(u64::from_le_bytes(*first), byte);
            (found != 0).then(|| 7 - found.leading_zeros() as usize / 8)
        }
        _ => memchr::memrchr(byte, &bytes[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_found_wherever_they_stand() {
        for length in 0..70usize {
            for step in 1..9 {
                let bytes: Vec<u8> = (0..length)
                    .map(|i| [b'x', b'y', 0x80, 0xff, b'w'][i * step % 7 % 5])
                    .collect();
                for byte in [b'x', b'y', b'w', 0x80, 0xff, 0, b'z'] {
                    assert_eq!(
                        find_byte(byte, &bytes),
                        bytes.iter().position(|&b| b == byte)
                    );
                    assert_eq!(
                        rfind_byte(byte, &bytes),
                        bytes.iter().rposition(|&b| b == byte)
                    );
                }
            }
            for at in 0..length {
                let mut bytes = vec![b'.'; length];
                bytes[at] = b'/';
                assert_eq!(find_byte(b'/', &bytes), Some(at));
                assert_eq!(rfind_byte(b'/', &bytes), Some(at));
            }
        }
    }
}
