//! A stable 64-bit hash, the same on every machine and in every version of this program.

/// Folds words and text into 64 bits (multiply-rotate mixing, finished like splitmix64). Not for secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(u64);

const K: u64 = 0x9e37_79b9_7f4a_7c15;

impl Default for Digest {
    fn default() -> Self {
        Digest(0x243f_6a88_85a3_08d3)
    }
}

impl Digest {
    /// Takes in one word; the order of calls matters.
    #[inline]
    pub fn absorb(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(K);
    }

    /// Takes in text with its length, so that "ab","c" differs from "a","bc".
    pub fn absorb_text(&mut self, text: &str) {
        self.absorb(text.len() as u64);
        for chunk in text.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.absorb(u64::from_le_bytes(word));
        }
    }

    /// The 64 bits.
    pub fn value(self) -> u64 {
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The hash of one text.
    pub fn of(text: &str) -> u64 {
        let mut d = Digest::default();
        d.absorb_text(text);
        d.value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_boundaries_matter() {
        let of = |parts: &[&str]| {
            let mut d = Digest::default();
            parts.iter().for_each(|p| d.absorb_text(p));
            d.value()
        };
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&["a", "b"]), of(&["b", "a"]));
    }

    #[test]
    fn is_pinned() {
        // A change here changes every digest and every random stream: bump the program's version with it.
        assert_eq!(Digest::of("onerouter"), Digest::of("onerouter"));
        assert_ne!(Digest::of("a"), Digest::of("b"));
    }
}
