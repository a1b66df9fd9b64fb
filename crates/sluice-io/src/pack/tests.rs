use std::io::Read;

use proptest::prelude::*;

use super::*;

/// The whole file that is made of `content`.
fn packed(how: Compress, content: &[u8]) -> Vec<u8> {
    let mut packer = Packer::new(how).unwrap();
    let mut file = Vec::new();
    let mut pieces = content.chunks_exact(PIECE);
    pieces.by_ref().for_each(|piece| file.extend(packer.pack(piece, false)));
    file.extend(packer.pack(pieces.remainder(), true));
    file
}

fn unpacked(how: Compress, mut file: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    match how {
        Compress::Gzip => drop(flate2::read::MultiGzDecoder::new(file).read_to_end(&mut content).unwrap()),
        _ => {
            let mut frame = ruzstd::decoding::StreamingDecoder::new(&mut file).unwrap();
            frame.read_to_end(&mut content).unwrap();
            let frame = frame.into_frame_decoder();
            assert_eq!(frame.get_checksum_from_data(), frame.get_calculated_checksum());
            assert!(file.is_empty(), "there is one frame only");
        }
    }
    content
}

#[test]
fn the_ending_of_the_name_tells_unless_the_user_does() {
    let choose = |asked, path: &str| Compress::choose(asked, Path::new(path));
    assert_eq!(choose(None, "a/x.pcap").unwrap(), Compress::None);
    assert_eq!(choose(None, "a/x.pcap.gz").unwrap(), Compress::Gzip);
    assert_eq!(choose(None, "x.zst").unwrap(), Compress::Zstd);
    assert_eq!(choose(None, ".gz").unwrap(), Compress::None);
    assert_eq!(choose(Some(Compress::None), "x.gz").unwrap(), Compress::None);
    assert_eq!(choose(Some(Compress::Zstd), "x.xz").unwrap(), Compress::Zstd);
    assert_eq!(
        choose(None, "x.pcap.xz").unwrap_err().to_string(),
        "path: `.xz` is the ending of a compression that is not written"
    );
}

#[test]
fn a_file_without_content_is_whole_too() {
    for how in [Compress::Gzip, Compress::Zstd] {
        assert!(!packed(how, b"").is_empty());
        assert_eq!(unpacked(how, &packed(how, b"")), b"");
        assert_eq!(unpacked(how, &packed(how, &[7; PIECE])), [7; PIECE]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn what_was_packed_is_unpacked(
        zstd in any::<bool>(),
        runs in prop::collection::vec((any::<u8>(), 1..20_000_usize, any::<bool>()), 0..80),
    ) {
        let how = if zstd { Compress::Zstd } else { Compress::Gzip };
        let mut state = 1_u32;
        let content: Vec<u8> = runs.into_iter().flat_map(|(byte, len, noise)| {
            state = state.wrapping_mul(0x9e37_79b1) | 1;
            let mut x = state;
            (0..len).map(move |_| {
                x ^= x << 13; x ^= x >> 17; x ^= x << 5;
                if noise { x as u8 } else { byte.wrapping_add((x % 3) as u8) }
            })
        }).collect();
        prop_assert!(unpacked(how, &packed(how, &content)) == content);
    }
}
