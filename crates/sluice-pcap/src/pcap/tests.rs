use proptest::prelude::*;

use super::*;

fn file_header() -> impl Strategy<Value = PcapHeader> {
    let resolution = prop_oneof![Just(Resolution::Micro), Just(Resolution::Nano)];
    let minor = 3..9_u16;
    (any::<bool>(), resolution, minor, any::<[u32; 2]>(), any::<u32>(), any::<u16>()).prop_map(
        |(big_endian, resolution, minor, reserved, snaplen, extra)| PcapHeader {
            big_endian,
            resolution,
            version: (2, minor),
            reserved,
            snaplen,
            link_extra: u32::from(extra) << 16,
        },
    )
}

fn layout() -> impl Strategy<Value = Layout> {
    file_header().prop_map(|s| Layout::new(s.big_endian, s.resolution))
}

/// One record with `data`, written by `layout`.
fn record(layout: Layout, time: i64, data: &[u8], wire: u32) -> Vec<u8> {
    let mut header = [0; RECORD_HEADER];
    layout.write(&mut header, time, data.len() as u32, wire);
    [&header, data].concat()
}

proptest! {
    #[test]
    fn a_header_written_is_the_header_read(told in file_header(), link: u16) {
        let info = CaptureInfo { section: Some(Section::Pcap(told)), ..CaptureInfo::of(LinkType(link)) };
        let header = Header::of(&info, 0, None);
        let bytes = header.to_bytes();
        prop_assert_eq!(Header::parse(&bytes), Ok(header));
        prop_assert_eq!(header.header, told);
        prop_assert_eq!(header.link, LinkType(link));
        prop_assert_eq!(header.info().section, Some(Section::Pcap(told)));
    }

    #[test]
    fn records_written_are_the_records_read(
        layout in layout(),
        packets in prop::collection::vec((0..=u32::MAX, 0..1_000_000_i64, prop::collection::vec(any::<u8>(), 0..40), any::<u32>()), 0..20),
    ) {
        let packets: Vec<_> = packets.into_iter().map(|(s, us, data, wire)| (i64::from(s) * 1_000_000_000 + us * 1000, data, wire)).collect();
        let file: Vec<u8> = packets.iter().flat_map(|(time, data, wire)| record(layout, *time, data, *wire)).collect();
        let mut walker = Walker::new(layout, &file);
        for (time, data, wire) in &packets {
            let Step::Record(found) = walker.step() else { panic!("a record is missing") };
            prop_assert_eq!((found.time, found.wire), (*time, *wire));
            prop_assert_eq!(&file[found.start..][..found.captured as usize], &data[..]);
        }
        prop_assert_eq!(walker.step(), Step::NeedMore(RECORD_HEADER));
        prop_assert_eq!(walker.at(), file.len());
    }

    #[test]
    fn a_header_that_is_read_is_written_back_unchanged(layout in layout(), header: [u8; RECORD_HEADER]) {
        let (time, captured, wire) = layout.read(&header);
        let mut copy = header;
        layout.write(&mut copy, time, captured, wire);
        prop_assert_eq!(copy, header);
    }

    #[test]
    fn a_walk_over_random_bytes_ends(header: [u8; HEADER], magic in 0..6_usize, rest in prop::collection::vec(any::<u8>(), 0..300)) {
        let magics = [0xa1b2c3d4_u32, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1, 0xa1b2cd34, 0x34cdb2a1];
        let mut header = header;
        header[..4].copy_from_slice(&magics[magic].to_be_bytes());
        let layout = Header::parse(&header).map_or(Layout::new(false, Resolution::Micro), |h| h.layout);
        let mut walker = Walker::new(layout, &rest);
        let mut at = 0;
        while let Step::Record(found) = walker.step() {
            prop_assert!(found.start >= at + RECORD_HEADER && found.start + found.captured as usize <= rest.len());
            at = walker.at();
        }
        prop_assert!(walker.at() <= rest.len());
    }

    #[test]
    fn a_file_in_two_pieces_gives_the_records_of_the_whole(layout in layout(), lens in prop::collection::vec(0..30_usize, 1..8), cut: prop::sample::Index) {
        let file: Vec<u8> = lens.iter().enumerate().flat_map(|(i, len)| record(layout, i as i64 * 1000, &vec![i as u8; *len], 99)).collect();
        let cut = cut.index(file.len() + 1);
        let mut first = Walker::new(layout, &file[..cut]);
        let mut count = 0;
        let wanted = loop {
            match first.step() {
                Step::Record(_) => count += 1,
                Step::NeedMore(wanted) => break wanted,
                Step::Invalid(_) => panic!("every length is fine"),
            }
        };
        prop_assert!(wanted > cut - first.at());
        let mut second = Walker::new(layout, &file[first.at()..]);
        while let Step::Record(_) = second.step() {
            count += 1;
        }
        prop_assert_eq!(count, lens.len());
    }
}

/// A little-endian microsecond header with this version and link-type word.
fn header(version: [u16; 2], link: u32) -> Vec<u8> {
    let mut bytes = vec![0xd4, 0xc3, 0xb2, 0xa1];
    version.iter().for_each(|v| bytes.extend(v.to_le_bytes()));
    [0, 0, 65_535, link].iter().for_each(|word: &u32| bytes.extend(word.to_le_bytes()));
    bytes
}

#[test]
fn link_type_and_fcs_length_share_a_word() {
    let read = Header::parse(&header([2, 4], 0x2400_0001)).unwrap();
    assert_eq!(read.link, LinkType::ETHERNET);
    assert_eq!(read.info().interfaces[0].fcs_len, Some(4));
    assert_eq!(read.to_bytes(), header([2, 4], 0x2400_0001)[..]);
    // Without the flag the length says nothing.
    assert_eq!(Header::parse(&header([2, 4], 0x2000_0001)).unwrap().info().interfaces[0].fcs_len, None);
}

#[test]
fn what_is_no_header_is_refused() {
    assert_eq!(Header::parse(&header([2, 4], 1)[..23]), Err(Invalid::Short));
    assert_eq!(Header::parse(&[0; HEADER]), Err(Invalid::Magic));
    for version in [[1, 4], [3, 0], [2, 2], [543, 0]] {
        let error = Header::parse(&header(version, 1)).unwrap_err();
        assert_eq!(error, Invalid::Version(version[0], version[1]));
    }
    assert_eq!(Invalid::Version(3, 0).to_string(), "version `3.0` of the pcap format is not known");
}

#[test]
fn longer_record_headers_are_stepped_over() {
    for magic in [0xa1b2_cd34_u32.to_be_bytes(), 0xa1b2_cd34_u32.to_le_bytes()] {
        let layout = Layout::of_magic(magic).unwrap();
        let mut file = Vec::new();
        for word in [7, 5, 3, 60, 1, 2] {
            file.extend(layout.bytes(word));
        }
        file.extend(b"abc");
        let mut walker = Walker::new(layout, &file);
        let expected = Record { start: 24, time: 7_000_005_000, captured: 3, wire: 60 };
        assert_eq!(walker.step(), Step::Record(expected));
        assert_eq!(Walker::new(layout, &file[..20]).step(), Step::NeedMore(27));
    }
}

#[test]
fn an_absurd_length_ends_the_walk() {
    let layout = Layout::new(false, Resolution::Micro);
    let mut bytes = record(layout, 0, b"", 0);
    bytes[8..12].copy_from_slice(&(MAX_CAPTURED + 1).to_le_bytes());
    assert_eq!(Walker::new(layout, &bytes).step(), Step::Invalid(MAX_CAPTURED + 1));
    bytes[8..12].copy_from_slice(&MAX_CAPTURED.to_le_bytes());
    assert_eq!(Walker::new(layout, &bytes).step(), Step::NeedMore(RECORD_HEADER + MAX_CAPTURED as usize));
}

#[test]
fn time_stamps_last_until_2106() {
    let layout = Layout::new(false, Resolution::Nano);
    let last = i64::from(u32::MAX) * 1_000_000_000 + 999_999_999;
    assert!(layout.tells(0) && layout.tells(last));
    assert!(!layout.tells(-1) && !layout.tells(last + 1));
    let bytes = record(layout, last, b"x", 1);
    let Step::Record(found) = Walker::new(layout, &bytes).step() else { panic!("no record") };
    assert_eq!(found.time, last);
}

#[test]
fn a_changed_packet_gets_a_new_header() {
    let layout = Layout::new(true, Resolution::Micro);
    let mut header = [0xff; RECORD_HEADER];
    layout.write(&mut header, 1_000_001_999, 60, 61);
    assert_eq!(header, [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 60, 0, 0, 0, 61]);
}
