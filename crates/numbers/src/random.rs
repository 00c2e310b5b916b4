//! The generator behind `random.Random`: the Mersenne Twister MT19937 of Matsumoto and Nishimura, as CPython seeds and
//! reads it, so that a seed gives the same numbers here as there.
//!
//! CPython: Modules/_randommodule.c.

use crate::error::{NumError, Result};
use dashu_int::ops::UnsignedAbs;
use dashu_int::{IBig, UBig};

const N: usize = 624;
const M: usize = 397;

/// The state of a generator.
#[derive(Clone)]
pub struct MersenneTwister {
    state: [u32; N],
    /// The next word of the state to hand out; `N` when all are used.
    index: usize,
}

impl MersenneTwister {
    /// A generator seeded with an int, of which the sign does not count.
    pub fn from_int(seed: &IBig) -> MersenneTwister {
        let magnitude = seed.unsigned_abs();
        let mut key: Vec<u32> = magnitude
            .as_words()
            .iter()
            .flat_map(|w| [*w as u32, (*w >> 32) as u32])
            .collect();
        while key.last() == Some(&0) {
            key.pop();
        }
        if key.is_empty() {
            key.push(0);
        }
        MersenneTwister::from_key(&key)
    }

    /// A generator seeded with words (at least one), as from the system's entropy.
    pub fn from_key(key: &[u32]) -> MersenneTwister {
        let mut state = [0u32; N];
        state[0] = 19_650_218;
        for i in 1..N {
            let previous = state[i - 1];
            state[i] = 1_812_433_253u32
                .wrapping_mul(previous ^ previous >> 30)
                .wrapping_add(i as u32);
        }
        let (mut i, mut j) = (1, 0);
        for _ in 0..N.max(key.len()) {
            let mixed = state[i - 1] ^ state[i - 1] >> 30;
            let word = key.get(j).copied().unwrap_or(0);
            state[i] = (state[i] ^ mixed.wrapping_mul(1_664_525))
                .wrapping_add(word)
                .wrapping_add(j as u32);
            i += 1;
            j = (j + 1) % key.len().max(1);
            if i == N {
                state[0] = state[N - 1];
                i = 1;
            }
        }
        for _ in 1..N {
            let mixed = state[i - 1] ^ state[i - 1] >> 30;
            state[i] = (state[i] ^ mixed.wrapping_mul(1_566_083_941)).wrapping_sub(i as u32);
            i += 1;
            if i == N {
                state[0] = state[N - 1];
                i = 1;
            }
        }
        state[0] = 0x8000_0000;
        MersenneTwister { state, index: N }
    }

    fn refill(&mut self) {
        let twist = |high: u32, low: u32| {
            let y = high & 0x8000_0000 | low & 0x7fff_ffff;
            y >> 1 ^ if y & 1 == 1 { 0x9908_b0df } else { 0 }
        };
        for k in 0..N {
            self.state[k] = self.state[(k + M) % N] ^ twist(self.state[k], self.state[(k + 1) % N]);
        }
        self.index = 0;
    }

    /// The next 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.index >= N {
            self.refill();
        }
        let mut y = self.state[self.index];
        self.index += 1;
        y ^= y >> 11;
        y ^= y << 7 & 0x9d2c_5680;
        y ^= y << 15 & 0xefc6_0000;
        y ^ y >> 18
    }

    /// `random()`: 53 bits in [0, 1).
    pub fn random(&mut self) -> f64 {
        let a = f64::from(self.next_u32() >> 5);
        let b = f64::from(self.next_u32() >> 6);
        (a * 67_108_864.0 + b) * (1.0 / 9_007_199_254_740_992.0)
    }

    /// `getrandbits(k)` for up to 64 bits.
    pub fn small_bits(&mut self, k: u32) -> u64 {
        match k {
            0 => 0,
            1..=32 => u64::from(self.next_u32() >> (32 - k)),
            _ => {
                let low = u64::from(self.next_u32());
                low | u64::from(self.next_u32() >> (64 - k.min(64))) << 32
            }
        }
    }

    /// `getrandbits(k)`
    pub fn bits(&mut self, k: usize) -> Result<IBig> {
        if k <= 64 {
            return Ok(IBig::from(self.small_bits(k as u32)));
        }
        let mut bytes: Vec<u8> = Vec::new();
        let words = k.div_ceil(32);
        bytes
            .try_reserve_exact(words.checked_mul(4).ok_or(NumError::Memory)?)
            .map_err(|_| NumError::Memory)?;
        for i in 0..words {
            let left = k - i * 32;
            let word = self.next_u32();
            bytes.extend((if left < 32 { word >> (32 - left) } else { word }).to_le_bytes());
        }
        Ok(IBig::from(UBig::from_le_bytes(&bytes)))
    }

    /// The 625 numbers of `getstate`: the words and the index.
    pub fn state(&self) -> impl Iterator<Item = u32> + '_ {
        self.state.iter().copied().chain([self.index as u32])
    }

    /// `setstate`: `None` unless there are 624 words and the index is at most 624.
    pub fn from_state(words: &[u32], index: i64) -> Option<MersenneTwister> {
        let state: [u32; N] = words.try_into().ok()?;
        let index = usize::try_from(index).ok().filter(|i| *i <= N)?;
        Some(MersenneTwister { state, index })
    }
}

#[cfg(test)]
mod tests {
    //! Expected values are CPython 3.14's.
    use super::*;

    #[test]
    fn sequences() {
        let mut r = MersenneTwister::from_int(&IBig::from(42));
        assert_eq!(
            (r.random(), r.random()),
            (0.6394267984578837, 0.025010755222666936)
        );
        let mut r = MersenneTwister::from_int(&-(IBig::from(10).pow(50)));
        let first = r.bits(100);
        let words: Vec<u32> = r.state().collect();
        let mut copy = MersenneTwister::from_state(&words[..624], i64::from(words[624])).unwrap();
        let mut again = MersenneTwister::from_int(&IBig::from(10).pow(50));
        assert_eq!(again.bits(100), first);
        let next = again.next_u32();
        assert_eq!((r.next_u32(), copy.next_u32()), (next, next));
        assert!(MersenneTwister::from_state(&words[..624], 625).is_none());
    }
}
