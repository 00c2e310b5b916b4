//! Products of large numbers by number-theoretic transforms.
//!
//! Numbers are cut into digits of 80 bits, the digits transformed modulo three primes below 2^61, multiplied, and put
//! together again by the Chinese remainder theorem. A transform of `m * 2^k` points, 4 <= m <= 7, makes `k` steps and
//! leaves polynomials of `m` coefficients, which are multiplied directly: lengths lie close together, and the twiddle
//! factors, the same table for all lengths, stay few. Factors are stored with what Montgomery's reduction needs of them
//! (`Twiddle`), and values are reduced late: a step takes values below 8p and gives such. A product is cyclic, modulo
//! 2^(80n)-1; for a whole product n is chosen large enough.
//! CPython has Karatsuba's method only (`k_mul` in Objects/longobject.c), and transforms in libmpdec.

use dashu_int::UBig;
use dashu_int::ops::BitTest;

/// Words of the shorter operand from which on transforms are the quicker way.
pub(super) const LEAST_WORDS: usize = 1000;
/// The most points: the sums of products stay below the product of the primes.
const MOST_POINTS: usize = 7 << 20;
/// Bits of a digit.
const DIGIT: usize = 80;
/// Values of a block that is transformed step by step; a longer one is first divided, for the sake of the caches.
const BLOCK: usize = 1 << 12;

/// A factor times 2^64, and that times the inverse of the prime modulo 2^64.
type Twiddle = (u64, u64);

struct Prime {
    p: u64,
    /// The inverse of `p` modulo 2^64.
    inverse: u64,
    /// Roots of unity of the orders 4, 8, 16, ...
    roots: [Twiddle; 31],
}

const fn power_mod(base: u64, mut exponent: u64, p: u64) -> u64 {
    let (mut result, mut square) = (1u128, base as u128);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result * square % p as u128;
        }
        square = square * square % p as u128;
        exponent >>= 1;
    }
    result as u64
}

impl Prime {
    /// The prime with its root of unity of order 2^32.
    const fn new(p: u64, root: u64) -> Prime {
        let mut inverse = p;
        let mut i = 0;
        while i < 6 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(p.wrapping_mul(inverse)));
            i += 1;
        }
        let mut prime = Prime {
            p,
            inverse,
            roots: [(0, 0); 31],
        };
        let mut root = root;
        let mut i = 31;
        while i > 0 {
            i -= 1;
            prime.roots[i] = prime.twiddle(root);
            root = (root as u128 * root as u128 % p as u128) as u64;
        }
        prime
    }

    /// The factor `value` (reduced).
    const fn twiddle(&self, value: u64) -> Twiddle {
        self.prepared((((value as u128) << 64) % self.p as u128) as u64)
    }

    const fn prepared(&self, w: u64) -> Twiddle {
        (w, w.wrapping_mul(self.inverse))
    }

    /// The factors of the steps: `table[j]` has the bits of j, reversed, in its angle. `count` is a power of two.
    fn table(&self, count: usize) -> Vec<Twiddle> {
        let mut table = Vec::with_capacity(count.max(1));
        table.push(self.twiddle(1));
        for root in &self.roots {
            for t in 0..table.len() {
                if table.len() >= count {
                    return table;
                }
                let w = reduce(times(table[t].0, *root, self.p), self.p);
                table.push(self.prepared(w));
            }
        }
        table
    }
}

const PRIMES: [Prime; 3] = [
    Prime::new(2305842979148922881, 1861299213724964929),
    Prime::new(2305842949084151809, 40332530907409920),
    Prime::new(2305842811645198337, 1979780988756614283),
];
static P: [Prime; 3] = PRIMES;

#[inline(always)]
const fn high(a: u64, b: u64) -> u64 {
    ((a as u128 * b as u128) >> 64) as u64
}

/// `a * w` modulo p for any `a`, above 0 and below 2p.
#[inline(always)]
fn times(a: u64, w: Twiddle, p: u64) -> u64 {
    high(a, w.0) + p - high(a.wrapping_mul(w.1), p)
}

/// `a` less `bound` if it is not below.
#[inline(always)]
fn below(a: u64, bound: u64) -> u64 {
    a.min(a.wrapping_sub(bound))
}

/// A value below 2p, reduced.
#[inline(always)]
fn reduce(a: u64, p: u64) -> u64 {
    below(a, p)
}

/// A sum of products below 2^64 * p, divided by 2^64: above 0, below 2p.
#[inline(always)]
fn montgomery(sum: u128, prime: &Prime) -> u64 {
    let q = (sum as u64).wrapping_mul(prime.inverse);
    (sum >> 64) as u64 + prime.p - high(q, prime.p)
}

fn quarters(x: &mut [u64]) -> [&mut [u64]; 4] {
    let quarter = x.len() / 4;
    let (a, rest) = x.split_at_mut(quarter);
    let (b, rest) = rest.split_at_mut(quarter);
    let (c, d) = rest.split_at_mut(quarter);
    [a, b, c, d]
}

/// Two steps over a block, the `j`th of its size.
fn two_steps(x: &mut [u64], j: usize, table: &[Twiddle], p: u64) {
    let (w, u, v) = (table[j], table[2 * j], table[2 * j + 1]);
    let [a, b, c, d] = quarters(x);
    for (((a, b), c), d) in a.iter_mut().zip(b).zip(c).zip(d) {
        let (x0, x1) = (below(*a, 4 * p), below(*b, 4 * p));
        let (t2, t3) = (times(*c, w, p), times(*d, w, p));
        let (y0, y2) = (x0 + t2, x0 + 2 * p - t2);
        let (y1, y3) = (x1 + t3, x1 + 2 * p - t3);
        let (t1, t3) = (times(y1, u, p), times(y3, v, p));
        *a = y0 + t1;
        *b = y0 + 2 * p - t1;
        *c = y2 + t3;
        *d = y2 + 2 * p - t3;
    }
}

fn one_step(x: &mut [u64], j: usize, table: &[Twiddle], p: u64) {
    let w = table[j];
    let half = x.len() / 2;
    let (a, b) = x.split_at_mut(half);
    for (a, b) in a.iter_mut().zip(b) {
        let x0 = below(*a, 4 * p);
        let t = times(*b, w, p);
        *a = x0 + t;
        *b = x0 + 2 * p - t;
    }
}

/// `steps` steps over the block `j`: values below 8p, and so the results.
fn forward(x: &mut [u64], mut j: usize, mut steps: u32, table: &[Twiddle], p: u64) {
    if x.len() > BLOCK && steps >= 2 {
        two_steps(x, j, table, p);
        for (i, part) in quarters(x).into_iter().enumerate() {
            forward(part, 4 * j + i, steps - 2, table, p);
        }
        return;
    }
    let mut size = x.len();
    while steps >= 2 {
        for (i, block) in x.chunks_exact_mut(size).enumerate() {
            two_steps(block, j + i, table, p);
        }
        (size, j, steps) = (size / 4, j * 4, steps - 2);
    }
    if steps == 1 {
        for (i, block) in x.chunks_exact_mut(size).enumerate() {
            one_step(block, j + i, table, p);
        }
    }
}

/// The place of the inverse, negated, of factor `j` > 0.
fn mirror(j: usize) -> usize {
    j ^ ((1 << j.ilog2()) - 1)
}

/// `(a - b)` divided by a factor, from that factor's mirror image; the first factor is one.
#[inline(always)]
fn divided<const FIRST: bool>(a: u64, b: u64, w: Twiddle, bound: u64, p: u64) -> u64 {
    if FIRST {
        times(a + bound - b, w, p)
    } else {
        times(b + bound - a, w, p)
    }
}

fn two_steps_back<const FIRST: bool>(x: &mut [u64], w: [Twiddle; 3], p: u64) {
    let [w, u, v] = w;
    let [a, b, c, d] = quarters(x);
    for (((a, b), c), d) in a.iter_mut().zip(b).zip(c).zip(d) {
        let (y0, y1) = (*a + *b, divided::<FIRST>(*a, *b, u, 2 * p, p));
        let (y2, y3) = (*c + *d, times(*d + 2 * p - *c, v, p));
        *a = below(below(y0 + y2, 4 * p), 2 * p);
        *b = below(y1 + y3, 2 * p);
        *c = divided::<FIRST>(y0, y2, w, 4 * p, p);
        *d = divided::<FIRST>(y1, y3, w, 2 * p, p);
    }
}

fn one_step_back<const FIRST: bool>(x: &mut [u64], w: Twiddle, p: u64) {
    let half = x.len() / 2;
    let (a, b) = x.split_at_mut(half);
    for (a, b) in a.iter_mut().zip(b) {
        let (x0, x1) = (*a, *b);
        *a = below(x0 + x1, 2 * p);
        *b = divided::<FIRST>(x0, x1, w, 2 * p, p);
    }
}

fn undo_two(x: &mut [u64], j: usize, table: &[Twiddle], p: u64) {
    if j == 0 {
        two_steps_back::<true>(x, [table[0], table[0], table[mirror(1)]], p);
    } else {
        let factors = [mirror(j), mirror(2 * j), mirror(2 * j + 1)].map(|i| table[i]);
        two_steps_back::<false>(x, factors, p);
    }
}

/// What undoes [`forward`], but for a factor of 2^steps: values below 2p, and so the results.
fn backward(x: &mut [u64], j: usize, steps: u32, table: &[Twiddle], p: u64) {
    if x.len() > BLOCK && steps >= 2 {
        for (i, part) in quarters(x).into_iter().enumerate() {
            backward(part, 4 * j + i, steps - 2, table, p);
        }
        undo_two(x, j, table, p);
        return;
    }
    let mut left = steps;
    if steps % 2 == 1 {
        left -= 1;
        for (i, block) in x.chunks_exact_mut(x.len() >> left).enumerate() {
            match (j << left) + i {
                0 => one_step_back::<true>(block, table[0], p),
                j => one_step_back::<false>(block, table[mirror(j)], p),
            }
        }
    }
    while left > 0 {
        left -= 2;
        for (i, block) in x.chunks_exact_mut(x.len() >> left).enumerate() {
            undo_two(block, (j << left) + i, table, p);
        }
    }
}

/// Multiplies the polynomials of M coefficients that the steps leave, modulo `X^M - c` with the two signs of each
/// factor in turn for c. The results are divided by 2^64.
fn products<const M: usize>(x: &mut [u64], y: Option<&[u64]>, table: &[Twiddle], prime: &Prime) {
    let p = prime.p;
    let full = |v: u64| below(below(below(v, 4 * p), 2 * p), p);
    for (j, block) in x.chunks_exact_mut(M).enumerate() {
        let mut a = [0u64; M];
        a.iter_mut().zip(&*block).for_each(|(a, v)| *a = full(*v));
        let mut b = a;
        if let Some(y) = y {
            let other = &y[j * M..(j + 1) * M];
            b.iter_mut().zip(other).for_each(|(b, v)| *b = full(*v));
        }
        let factor = table[j / 2];
        for (k, out) in block.iter_mut().enumerate() {
            let (mut low, mut wrapped) = (0u128, 0u128);
            for i in 0..M {
                if i <= k {
                    low += u128::from(a[i]) * u128::from(b[k - i]);
                } else {
                    wrapped += u128::from(a[i]) * u128::from(b[k + M - i]);
                }
            }
            let wrapped = times(montgomery(wrapped, prime), factor, p);
            let low = montgomery(low, prime);
            *out = below(
                if j % 2 == 0 {
                    low + wrapped
                } else {
                    low + 2 * p - wrapped
                },
                2 * p,
            );
        }
    }
}

/// A length of transforms: `m << steps` points.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Length {
    m: usize,
    steps: u32,
}

impl Length {
    /// The shortest one whose products are modulo at least `2^bits - 1`; `None` if there is none.
    pub(super) fn of_bits(bits: usize) -> Option<Length> {
        let points = bits.div_ceil(DIGIT).max(16);
        let steps = (points.ilog2() - 2).max(2);
        let m = points.div_ceil(1 << steps);
        let length = if m == 8 {
            Length {
                m: 4,
                steps: steps + 1,
            }
        } else {
            Length { m, steps }
        };
        (length.points() <= MOST_POINTS).then_some(length)
    }

    fn points(self) -> usize {
        self.m << self.steps
    }

    /// Words of a product.
    fn words(self) -> usize {
        self.points() / 4 * 5
    }

    fn table(self, prime: &Prime) -> Vec<Twiddle> {
        prime.table(1 << (self.steps - 1))
    }

    /// The digits of a number, which has no more words than the product, modulo the prime and transformed.
    fn transform(self, words: &[u64], table: &[Twiddle], prime: &Prime) -> Vec<u64> {
        let p = prime.p;
        let beyond = ((1u128 << 64) % u128::from(p)) as u64;
        // The primes are so close to 2^61 that the last product is below 2^58.
        let digit = |low: u64, rest: u64| below(low, 4 * p) + rest * beyond;
        let mut x = Vec::with_capacity(self.points());
        let mut put = |w: [u64; 5]| {
            x.push(digit(w[0], w[1] & 0xffff));
            x.push(digit(w[1] >> 16 | w[2] << 48, w[2] >> 16 & 0xffff));
            x.push(digit(w[2] >> 32 | w[3] << 32, w[3] >> 32 & 0xffff));
            x.push(digit(w[3] >> 48 | w[4] << 16, w[4] >> 48));
        };
        let (fives, rest) = words.as_chunks::<5>();
        fives.iter().for_each(|five| put(*five));
        if !rest.is_empty() {
            let mut last = [0; 5];
            last[..rest.len()].copy_from_slice(rest);
            put(last);
        }
        x.resize(self.points(), 0);
        forward(&mut x, 0, self.steps, table, p);
        x
    }

    /// The product of the transformed `x` and `y` (none: of `x` with itself), transformed back.
    fn product(self, x: &mut [u64], y: Option<&[u64]>, table: &[Twiddle], prime: &Prime) {
        match self.m {
            4 => products::<4>(x, y, table, prime),
            5 => products::<5>(x, y, table, prime),
            6 => products::<6>(x, y, table, prime),
            _ => products::<7>(x, y, table, prime),
        }
        backward(x, 0, self.steps, table, prime.p);
    }

    /// The number whose digits' residues are given, modulo 2^(80n)-1.
    fn join(self, residues: &[Vec<u64>; 3]) -> Vec<u64> {
        let [p1, p2, p3] = [P[0].p, P[1].p, P[2].p];
        // Undoes the steps' factor and the products' division by 2^64.
        let scale = [0, 1, 2].map(|i: usize| {
            let p = P[i].p;
            let half = p.div_ceil(2);
            let by_steps = power_mod(half, u64::from(self.steps), p);
            let shift = ((1u128 << 64) % u128::from(p)) as u64;
            P[i].twiddle((u128::from(by_steps) * u128::from(shift) % u128::from(p)) as u64)
        });
        let inverse =
            |i: usize, value: u64| P[i].twiddle(power_mod(value % P[i].p, P[i].p - 2, P[i].p));
        let (p1_mod_2, p1_mod_3, p2_mod_3) = (inverse(1, p1), inverse(2, p1), inverse(2, p2));
        let both = u128::from(p1) * u128::from(p2);
        let (both_low, both_high) = (u128::from(both as u64), both >> 64);
        let mut words = Vec::with_capacity(self.words());
        // Always below 2^112: what the digits before carry.
        let mut carry = 0u128;
        let mut digit = |r1: u64, r2: u64, r3: u64| {
            let v1 = reduce(times(r1, scale[0], p1), p1);
            let r2 = times(r2, scale[1], p2);
            let v2 = reduce(times(r2 + 2 * p2 - v1, p1_mod_2, p2), p2);
            let r3 = times(r3, scale[2], p3);
            let v3 = times(r3 + 2 * p3 - v1, p1_mod_3, p3);
            let v3 = reduce(times(v3 + 2 * p3 - v2, p2_mod_3, p3), p3);
            let first = u128::from(v1) + u128::from(v2) * u128::from(p1) + carry;
            let low = u128::from(v3) * both_low;
            let middle = u128::from(v3) * both_high + (low >> 64) + (first >> 64);
            let (sum, over) = (low as u64).overflowing_add(first as u64);
            let middle = middle + u128::from(over);
            carry = middle >> 16;
            (sum, middle as u64 & 0xffff)
        };
        let [x, y, z] = residues;
        for ((x, y), z) in x
            .chunks_exact(4)
            .zip(y.chunks_exact(4))
            .zip(z.chunks_exact(4))
        {
            let d = [0, 1, 2, 3].map(|i: usize| digit(x[i], y[i], z[i]));
            words.extend([
                d[0].0,
                d[0].1 | d[1].0 << 16,
                d[1].0 >> 48 | d[1].1 << 16 | d[2].0 << 32,
                d[2].0 >> 32 | d[2].1 << 32 | d[3].0 << 48,
                d[3].0 >> 16 | d[3].1 << 48,
            ]);
        }
        // 2^(80n) is one.
        while carry > 0 {
            for word in &mut words {
                let sum = u128::from(*word) + u128::from(carry as u64);
                *word = sum as u64;
                carry = (carry >> 64) + (sum >> 64);
                if carry == 0 {
                    break;
                }
            }
        }
        words
    }
}

/// A number transformed once for several products.
pub(super) struct Transformed {
    pub(super) length: Length,
    residues: [Vec<u64>; 3],
}

impl Transformed {
    /// `words` must not be longer than the products of this length.
    pub(super) fn new(words: &[u64], length: Length) -> Transformed {
        let residues = [0, 1, 2].map(|i: usize| {
            let table = length.table(&P[i]);
            length.transform(words, &table, &P[i])
        });
        Transformed { length, residues }
    }

    /// The words of the cyclic product with a number not longer than the products.
    pub(super) fn times(&self, words: &[u64]) -> Vec<u64> {
        let residues = [0, 1, 2].map(|i: usize| {
            let table = self.length.table(&P[i]);
            let mut x = self.length.transform(words, &table, &P[i]);
            self.length
                .product(&mut x, Some(&self.residues[i]), &table, &P[i]);
            x
        });
        self.length.join(&residues)
    }
}

/// The words of the cyclic product of two numbers, or the square of one.
fn cyclic(a: &[u64], b: Option<&[u64]>, length: Length) -> Vec<u64> {
    let residues = [0, 1, 2].map(|i: usize| {
        let table = length.table(&P[i]);
        let mut x = length.transform(a, &table, &P[i]);
        let y = b.map(|b| length.transform(b, &table, &P[i]));
        length.product(&mut x, y.as_deref(), &table, &P[i]);
        x
    });
    length.join(&residues)
}

/// The product.
pub(crate) fn mul(a: &UBig, b: &UBig) -> UBig {
    mul_words(a.as_words(), b.as_words()).unwrap_or_else(|| a * b)
}

/// The product, if this is the way to compute it.
pub(super) fn mul_words(a: &[u64], b: &[u64]) -> Option<UBig> {
    let (long, short) = if a.len() < b.len() { (b, a) } else { (a, b) };
    if short.len() < LEAST_WORDS {
        return None;
    }
    if long.len() > 3 * short.len() {
        return mul_pieces(long, short);
    }
    let length = Length::of_bits(64 * (long.len() + short.len()))?;
    let other = (long != short).then_some(short);
    Some(UBig::from_words(&cyclic(long, other, length)))
}

/// The product of a long number, piece by piece, and a short one.
fn mul_pieces(x: &[u64], y: &[u64]) -> Option<UBig> {
    let pieces = x.len().div_ceil(2 * y.len());
    let piece = x.len().div_ceil(pieces);
    let y_transformed = Transformed::new(y, Length::of_bits(64 * (piece + y.len()))?);
    let mut words = vec![0u64; x.len() + y.len()];
    for (i, part) in x.chunks(piece).enumerate() {
        let product = y_transformed.times(part);
        let mut carry = 0u64;
        let mut given = product.iter();
        // What lies beyond the number's end is zero.
        for word in words.iter_mut().skip(i * piece) {
            let next = given.next();
            if next.is_none() && carry == 0 {
                break;
            }
            let sum =
                u128::from(*word) + u128::from(next.copied().unwrap_or(0)) + u128::from(carry);
            (*word, carry) = (sum as u64, (sum >> 64) as u64);
        }
    }
    Some(UBig::from_words(&words))
}

/// The square.
pub(crate) fn sqr(a: &UBig) -> UBig {
    if a.as_words().len() < LEAST_WORDS {
        return a.sqr();
    }
    match Length::of_bits(2 * a.bit_len()) {
        Some(length) => UBig::from_words(&cyclic(a.as_words(), None, length)),
        None => a.sqr(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(words: usize, seed: u64) -> UBig {
        let mut state = seed;
        let words: Vec<u64> = (0..words)
            .map(|_| {
                state = state
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                // Runs of ones and zeros too: the longest carries.
                match state >> 61 {
                    0 => 0,
                    1 | 2 => u64::MAX,
                    _ => state ^ state >> 29,
                }
            })
            .collect();
        UBig::from_words(&words)
    }

    #[test]
    fn products_agree_with_the_library() {
        for (x, y) in [
            (1000, 1000),
            (1023, 1001),
            (1500, 1400),
            (2600, 1100),
            (9000, 1001),
            (4001, 3999),
            (20011, 5003),
        ] {
            for seed in 1..4 {
                let (a, b) = (number(x, seed), number(y, seed + 99));
                assert_eq!(mul(&a, &b), &a * &b, "{x} {y}");
                assert_eq!(sqr(&a), a.sqr(), "{x}");
            }
            let ones = (UBig::ONE << (64 * x)) - UBig::ONE;
            assert_eq!(sqr(&ones), ones.sqr());
        }
    }

    #[test]
    fn every_length() {
        for bits in (64_000..700_000).step_by(9_973) {
            let a = number(bits / 64, bits as u64);
            assert_eq!(sqr(&a), a.sqr(), "{bits}");
        }
    }
}
