//! GF(2^8) modulo 0x11D with generator 2, as tables that the compiler computes.

/// x^8+x^4+x^3+x^2+1 without its top term: what a carry out of bit 7 turns into.
const REDUCTION: u8 = 0x1d;

/// Powers of the generator. Twice the period, so that a sum of two logarithms needs no remainder.
static EXP: [u8; 510] = make_exp();

/// Logarithms to the generator; entry 0 means nothing.
static LOG: [u8; 256] = make_log();

/// Every product: `PRODUCTS[a][b] = a * b`. One row is the portable kernel's table.
pub(crate) static PRODUCTS: [[u8; 256]; 256] = make_products();

/// Products by nibble: entry `c` holds `c * 0..16` and then `c * (0..16 << 4)`, so that a byte's
/// product is two 16-entry look-ups, which is what the byte-shuffle kernels have.
#[cfg(any(test, target_arch = "x86_64", target_arch = "aarch64"))]
pub(crate) static NIBBLES: [Nibbles; 256] = make_nibbles();

/// Multiplication by each element as an 8x8 bit matrix in the layout that the instruction
/// GF2P8AFFINEQB takes: row for result bit `i` in byte `7 - i`.
pub(crate) static BIT_MATRICES: [u64; 256] = make_bit_matrices();

#[cfg(any(test, target_arch = "x86_64", target_arch = "aarch64"))]
/// One element's products with the low and the high nibbles.
#[derive(Clone, Copy)]
#[repr(C, align(32))]
pub(crate) struct Nibbles {
    pub(crate) low: [u8; 16],
    pub(crate) high: [u8; 16],
}

/// The product of two elements.
pub(crate) fn multiply(a: u8, b: u8) -> u8 {
    PRODUCTS[usize::from(a)][usize::from(b)]
}

/// The inverse of an element other than zero.
pub(crate) fn invert(a: u8) -> u8 {
    debug_assert_ne!(a, 0, "zero has no inverse");
    EXP[255 - usize::from(LOG[usize::from(a)])]
}

/// The point at which a share is the polynomial's value: 0, then the powers of the generator.
pub(crate) fn share_point(share: usize) -> u8 {
    if share == 0 { 0 } else { EXP[share - 1] }
}

const fn double(a: u8) -> u8 {
    (a << 1) ^ (if a & 0x80 == 0 { 0 } else { REDUCTION })
}

const fn make_exp() -> [u8; 510] {
    let mut exp = [0; 510];
    let mut power = 1;
    let mut i = 0;
    while i < exp.len() {
        exp[i] = power;
        power = double(power);
        i += 1;
    }
    exp
}

const fn make_log() -> [u8; 256] {
    let exp = make_exp();
    let mut log = [0; 256];
    let mut i = 0u8;
    while i < 255 {
        log[exp[i as usize] as usize] = i;
        i += 1;
    }
    log
}

const fn make_products() -> [[u8; 256]; 256] {
    let (exp, log) = (make_exp(), make_log());
    let mut products = [[0; 256]; 256];
    let mut a = 1;
    while a < 256 {
        let mut b = 1;
        while b < 256 {
            products[a][b] = exp[log[a] as usize + log[b] as usize];
            b += 1;
        }
        a += 1;
    }
    products
}

#[cfg(any(test, target_arch = "x86_64", target_arch = "aarch64"))]
const fn make_nibbles() -> [Nibbles; 256] {
    let mut nibbles = [Nibbles { low: [0; 16], high: [0; 16] }; 256];
    let mut c = 0;
    while c < 256 {
        let mut i = 0;
        while i < 16 {
            nibbles[c].low[i] = PRODUCTS[c][i];
            nibbles[c].high[i] = PRODUCTS[c][i << 4];
            i += 1;
        }
        c += 1;
    }
    nibbles
}

const fn make_bit_matrices() -> [u64; 256] {
    let mut matrices = [0; 256];
    let mut c = 0;
    while c < 256 {
        // Column j of the map is what becomes of bit j.
        let mut j = 0;
        while j < 8 {
            let image = PRODUCTS[c][1 << j];
            let mut i = 0;
            while i < 8 {
                matrices[c] |= ((image >> i & 1) as u64) << (8 * (7 - i) + j);
                i += 1;
            }
            j += 1;
        }
        c += 1;
    }
    matrices
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Multiplication from its definition: shift, add, reduce.
    fn multiply_slowly(mut a: u8, mut b: u8) -> u8 {
        let mut product = 0;
        while b != 0 {
            if b & 1 == 1 {
                product ^= a;
            }
            a = double(a);
            b >>= 1;
        }
        product
    }

    #[test]
    fn tables_agree_with_the_definition() {
        for a in 0..=255 {
            for b in 0..=255 {
                assert_eq!(multiply(a, b), multiply_slowly(a, b));
            }
        }
    }

    #[test]
    fn nibbles_and_bit_matrices_multiply() {
        for a in 0..=255u8 {
            let nibbles = NIBBLES[usize::from(a)];
            let rows = BIT_MATRICES[usize::from(a)].to_be_bytes();
            for b in 0..=255u8 {
                let by_nibble =
                    nibbles.low[usize::from(b & 15)] ^ nibbles.high[usize::from(b >> 4)];
                assert_eq!(by_nibble, multiply(a, b));
                let by_bits = (0..8).fold(0, |sum, i| {
                    let parity = (rows[i] & b).count_ones() % 2;
                    sum | u32::from(parity == 1) << i
                });
                assert_eq!(by_bits, u32::from(multiply(a, b)));
            }
        }
    }

    #[test]
    fn every_element_but_zero_has_its_inverse() {
        for a in 1..=255 {
            assert_eq!(multiply(a, invert(a)), 1);
        }
    }

    #[test]
    fn all_256_shares_have_points_of_their_own() {
        let mut points: Vec<u8> = (0..256).map(share_point).collect();
        points.sort_unstable();
        assert!(points.into_iter().eq(0..=255));
    }
}
