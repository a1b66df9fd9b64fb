use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::testing::{PACKINGS, Packing};

/// What comes of packed bytes that arrive in pieces, with the damage.
fn unpacked<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, slab: usize) -> (Vec<u8>, Option<String>) {
    let mut pieces = pieces.into_iter().filter(|piece| !piece.is_empty()).peekable();
    let mut first = Vec::new();
    let magic = loop {
        match (tell(&first), pieces.next()) {
            (Told::Is(magic), back) => break (magic, back),
            (_, Some(piece)) => first.extend(piece),
            (told, None) => panic!("{told:?} of {} bytes", first.len()),
        }
    };
    let (mut unpacker, mut rest) = (Unpacker::new(magic.0, &first), magic.1.unwrap_or_default());
    let (mut all, mut idle) = (Vec::new(), false);
    loop {
        let mut slab = PoolBuf::detached(slab);
        let fill = unpacker.fill(&mut slab, |room| {
            idle = !idle;
            if idle {
                // A pipe pauses wherever it likes.
                return Ok(Err(Fill::Idle));
            }
            if rest.is_empty() {
                rest = pieces.next().unwrap_or_default();
            }
            let here = rest.len().min(room.len());
            room[..here].copy_from_slice(&rest[..here]);
            rest = &rest[here..];
            Ok(if here > 0 { Ok(here) } else { Err(Fill::End) })
        });
        all.extend(slab.filled());
        match fill.unwrap() {
            Fill::Full => assert_eq!(slab.filled().len(), slab.capacity()),
            Fill::Idle => {}
            Fill::End => return (all, unpacker.damage().map(str::to_owned)),
        }
    }
}

fn whole(packed: &[u8]) -> (Vec<u8>, Option<String>) {
    unpacked([packed], 4096)
}

/// Bytes that can be packed, of any length.
fn text(len: usize) -> Vec<u8> {
    (0..len).map(|i| b"sluice"[(i * i / 100 + i / 7) % 6]).collect()
}

#[test]
fn all_frames_are_read_one_after_the_other() {
    for packing in PACKINGS {
        let mut packed = packing.pack(&text(300_000));
        packed.extend(packing.pack(b""));
        packed.extend(packing.pack(b"the end"));
        let (content, damage) = whole(&packed);
        assert_eq!(damage, None, "{packing:?}");
        assert!(content == [&text(300_000)[..], b"the end"].concat(), "{packing:?}");
    }
}

#[test]
fn frames_to_be_skipped_are_skipped() {
    for packing in [Packing::Zstd, Packing::Lz4 { linked: true }] {
        let skip = [&[0x5a, 0x2a, 0x4d, 0x18, 9, 0, 0, 0][..], b"note this"].concat();
        let packed = [&skip[..], &packing.pack(b"one "), &skip, &skip, &packing.pack(b"two"), &skip].concat();
        assert_eq!(whole(&packed), (b"one two".to_vec(), None));
        let (content, damage) = whole(&packed[..packed.len() - 1]);
        assert_eq!((&content[..], damage.is_some()), (&b"one two"[..], true));
    }
}

#[test]
fn zeros_behind_gzip_are_padding_and_anything_else_is_told() {
    let gzip = Packing::Gzip.pack(b"content");
    assert_eq!(whole(&[&gzip[..], &[0; 512]].concat()), (b"content".to_vec(), None));
    let told = format!("is corrupt: in its gzip data at byte {}, what follows is not compressed", gzip.len());
    assert_eq!(whole(&[&gzip[..], b"rest"].concat()), (b"content".to_vec(), Some(told)));
}

#[test]
fn what_is_cut_off_gives_all_that_was_there() {
    let content = text(400_000);
    for packing in PACKINGS {
        let packed = packing.pack(&content);
        for cut in [packed.len() - 1, packed.len() - 5, packed.len() / 2] {
            let (part, damage) = whole(&packed[..cut]);
            assert!(content.starts_with(&part), "{packing:?}");
            assert!(part.len() >= 50_000, "{packing:?}: {}", part.len());
            let damage = damage.unwrap();
            assert!(damage.starts_with("ends in the middle of its "), "{damage}");
            assert!(damage.ends_with(&format!("data, at byte {cut}")), "{damage}");
        }
    }
}

#[test]
fn a_wrong_checksum_is_told() {
    for (packing, from_end) in [
        (Packing::Gzip, 8),
        (Packing::Zstd, 4),
        (Packing::Lz4 { linked: true }, 4),
        (Packing::Lz4 { linked: true }, 12),
    ] {
        let mut packed = packing.pack(b"some content, some content, some content");
        let at = packed.len() - from_end;
        packed[at] ^= 1;
        let (_, damage) = whole(&packed);
        assert!(damage.unwrap().contains("checksum"), "{packing:?}");
    }
}

#[test]
fn a_bomb_takes_no_memory() {
    // One block that repeats a byte 128 Ki times takes four bytes; 60,000 of them are nearly 8 GB.
    let mut bomb = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x38];
    (0..60_000).for_each(|_| bomb.extend([2, 0, 0x10, b'x']));
    let mut unpacker = Unpacker::new(Magic::Zstd, &bomb);
    let mut rest = &bomb[bomb.len().min(ROOM)..];
    let mut slab = PoolBuf::detached(1 << 20);
    for _ in 0..20 {
        slab.truncate(0);
        let fill = unpacker.fill(&mut slab, |room| {
            let here = rest.len().min(room.len());
            room[..here].copy_from_slice(&rest[..here]);
            rest = &rest[here..];
            Ok(if here > 0 { Ok(here) } else { Err(Fill::End) })
        });
        assert_eq!(fill.unwrap(), Fill::Full);
        assert!(slab.filled().iter().all(|byte| *byte == b'x'));
    }
    assert!(unpacker.packed.offset < 2000, "{} bytes were unpacked ahead", unpacker.packed.offset);
}

#[test]
fn windows_beyond_the_limit_and_dictionaries_are_refused() {
    let (content, damage) = whole(&[0x28, 0xb5, 0x2f, 0xfd, 0, 0xa0, 1, 0, 0]);
    assert_eq!(
        (content, damage.unwrap().as_str()),
        (vec![], "is corrupt: in its zstd data at byte 0, it needs a window of more than 128MiB")
    );
    let (_, damage) = whole(&[0x28, 0xb5, 0x2f, 0xfd, 1, 0x38, 7, 1, 0, 0]);
    assert!(damage.unwrap().ends_with("it needs a dictionary, which cannot be given"));
}

fn any_packing() -> impl Strategy<Value = Packing> {
    (0..PACKINGS.len()).prop_map(|i| PACKINGS[i])
}

/// Content with runs in it, so that there is something to pack.
fn any_content() -> impl Strategy<Value = Vec<u8>> {
    vec((any::<u8>(), 1..2000_usize), 0..120).prop_map(|runs| {
        runs.into_iter()
            .flat_map(|(byte, len)| (0..len).map(move |i| byte.wrapping_add((i % 5) as u8)))
            .collect()
    })
}

proptest! {
    #[test]
    fn any_cut_into_reads_gives_the_same(
        packing in any_packing(), content in any_content(), sizes in vec(1..9000_usize, 1..20), slab in 1..9000_usize,
    ) {
        let packed = [packing.pack(&content), packing.pack(&content)].concat();
        let mut rest = &packed[..];
        let mut pieces = Vec::new();
        for size in sizes.iter().cycle() {
            if rest.is_empty() { break }
            let (piece, after) = rest.split_at((*size).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        let (unpacked, damage) = unpacked(pieces, slab);
        prop_assert_eq!(damage, None);
        prop_assert!(unpacked == [&content[..], &content].concat());
    }

    #[test]
    fn damaged_bytes_neither_panic_nor_hang(
        packing in any_packing(), content in any_content(), changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut packed = packing.pack(&content);
        for (at, byte) in changes {
            let at = at.index(packed.len());
            packed[at] = byte;
        }
        packed.truncate(cut.index(packed.len()) + 1);
        if let Told::Is(_) = tell(&packed) {
            let _ = whole(&packed);
        }
    }

    #[test]
    fn random_bytes_behind_a_magic_number_neither_panic_nor_hang(magic in 0..4_usize, bytes in vec(any::<u8>(), 0..3000)) {
        let magic: &[u8] = [&[0x1f, 0x8b, 8][..], &[0x28, 0xb5, 0x2f, 0xfd], &[4, 0x22, 0x4d, 0x18], &[0x50, 0x2a, 0x4d, 0x18]][magic];
        let _ = whole(&[magic, &bytes].concat());
    }
}
