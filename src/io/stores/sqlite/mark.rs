//! Marks of objects as they are stored: asked for nothing but whether they are the same.

/// What marks are made of that are packed: sizes, times and numbers of files; ETags.
const ALPHABETS: [&[u8; 16]; 2] = [b"0123456789-.\0\0\0\0", b"0123456789abcdef"];
/// Stands behind the last digit of an odd number of them; in the first alphabet it is no digit.
const FILL: u8 = 15;

/// Writes a mark so that different marks are written differently: two digits a byte where all are of one alphabet.
pub(super) fn pack(mark: &str, out: &mut Vec<u8>) {
    let start = out.len();
    for (number, alphabet) in (1..).zip(ALPHABETS) {
        out.push(number);
        if packed(mark.as_bytes(), &VALUES[usize::from(number) - 1], out, alphabet[usize::from(FILL)] == 0) {
            return;
        }
        out.truncate(start);
    }
    out.push(0);
    out.extend_from_slice(mark.as_bytes());
}

/// Of each alphabet and byte its place in it; [`NONE`] where it is none of it.
const VALUES: [[u8; 256]; 2] = [values(ALPHABETS[0]), values(ALPHABETS[1])];
const NONE: u8 = 0xff;

const fn values(alphabet: &[u8; 16]) -> [u8; 256] {
    let (mut values, mut at) = ([NONE; 256], 0);
    while at < 16 && alphabet[at] != 0 {
        values[alphabet[at] as usize] = at.to_le_bytes()[0];
        at += 1;
    }
    values
}

/// False where the mark is not of this alphabet, or has an odd length and nothing fills it.
fn packed(mark: &[u8], values: &[u8; 256], out: &mut Vec<u8>, fills: bool) -> bool {
    let (pairs, odd) = mark.as_chunks::<2>();
    let mut worst = 0;
    out.extend(pairs.iter().map(|pair| {
        let [high, low] = pair.map(|byte| values[usize::from(byte)]);
        worst |= high | low;
        high << 4 | low
    }));
    if worst == NONE {
        return false;
    }
    match odd {
        [last] if fills && values[usize::from(*last)] != NONE => out.push(values[usize::from(*last)] << 4 | FILL),
        [] => {}
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(mark: &str) -> Vec<u8> {
        let mut out = Vec::new();
        pack(mark, &mut out);
        out
    }

    #[track_caller]
    fn check(mark: &str, expect: &[u8]) {
        assert_eq!(of(mark), expect, "{mark}");
    }

    #[test]
    fn digits_are_packed_and_all_else_stays() {
        check("", &[1]);
        check("17-5.", &[1, 0x17, 0xa5, 0xbf]);
        check("90ab", &[2, 0x90, 0xab]);
        check("90abc", b"\x0090abc");
        check("90AB", b"\x0090AB");
        check("17-5 in part", b"\x0017-5 in part");
        check("1-a", b"\x001-a");
        check("é\0", "\0é\0".as_bytes());
    }

    proptest! {
        #[test]
        fn different_marks_stay_different(one in "[0-9a-f.]{0,5}|[-0-9.]{0,4}|.{0,3}", other in "[0-9a-f.]{0,5}|[-0-9.]{0,4}|.{0,3}") {
            prop_assert_eq!(of(&one) == of(&other), one == other);
        }
    }
}
