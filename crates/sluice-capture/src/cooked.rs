//! The header of cooked captures, `LINKTYPE_LINUX_SLL2`: for packets that come without the header of their link.

/// Its length.
pub(crate) const HEADER: usize = 20;

/// How long the Ethernet header of a packet is, and which protocol is behind it; nothing where it has another one. Where
/// the kernel says that the network header begins, tags are left out in what this machine sends.
pub(crate) fn link(packet: &[u8], address: &[u8; 20]) -> Option<(usize, [u8; 2])> {
    const LENGTH: usize = 14;
    /// The least number that is a type; what is less is a length, behind which comes LLC.
    const LEAST: u16 = 0x600;
    const LLC: [u8; 2] = [0, 4];
    let hardware = u16::from_ne_bytes([address[8], address[9]]);
    if hardware != libc::ARPHRD_ETHER && hardware != libc::ARPHRD_LOOPBACK {
        return None;
    }
    let kind: [u8; 2] = *packet.get(12..LENGTH)?.first_chunk()?;
    Some((LENGTH, if u16::from_be_bytes(kind) < LEAST { LLC } else { kind }))
}

/// Puts a header in front of the packet that begins `start` bytes into `bytes`, with the tag that the kernel took off; by how
/// many bytes it begins earlier then. The protocol is that of what is behind the tag; `address` is the `sockaddr_ll` that the kernel tells of it.
pub(crate) fn put_header(
    bytes: &mut [u8],
    start: usize,
    protocol: [u8; 2],
    address: &[u8; 20],
    tag: Option<(u16, u16)>,
) -> Option<usize> {
    let [_, _, _, _, i, j, k, l, h, w, kind, length, hardware @ ..] = address;
    let number = u32::from_ne_bytes([*i, *j, *k, *l]).to_be_bytes();
    let hardware_kind = u16::from_ne_bytes([*h, *w]).to_be_bytes();
    let grown = HEADER + if tag.is_some() { 4 } else { 0 };
    let room = bytes.get_mut(start.checked_sub(grown)?..start)?;
    // The tag stands where it does behind addresses: the type before it is its own, and that of the packet behind it.
    let protocol = match tag {
        Some((tpid, tci)) => {
            let [a, b] = tci.to_be_bytes();
            room.get_mut(HEADER..)?.copy_from_slice(&[a, b, protocol[0], protocol[1]]);
            tpid.to_be_bytes()
        }
        None => protocol,
    };
    let header: &mut [u8; HEADER] = room.first_chunk_mut()?;
    header[0..2].copy_from_slice(&protocol);
    header[2..4].fill(0);
    header[4..8].copy_from_slice(&number);
    header[8..10].copy_from_slice(&hardware_kind);
    header[10] = *kind;
    header[11] = *length;
    header[12..20].copy_from_slice(hardware);
    Some(grown)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: [u8; 20] = {
        let mut address = [0; 20];
        let index = 7u32.to_ne_bytes();
        (address[2], address[3]) = (0x08, 0x00);
        (address[4], address[5], address[6], address[7]) = (index[0], index[1], index[2], index[3]);
        address[8] = 1u16.to_ne_bytes()[0];
        address[9] = 1u16.to_ne_bytes()[1];
        (address[10], address[11]) = (4, 6);
        (address[12], address[17]) = (2, 9);
        address
    };

    #[test]
    fn the_header_says_what_the_kernel_told() {
        let mut bytes = [0xEE; 30];
        assert_eq!(put_header(&mut bytes, 26, [8, 0], &ADDRESS, None), Some(20));
        let header = [8, 0, 0, 0, 0, 0, 0, 7, 0, 1, 4, 6, 2, 0, 0, 0, 0, 9, 0, 0];
        assert_eq!((&bytes[..6], &bytes[6..26], &bytes[26..]), (&[0xEE; 6][..], &header[..], &[0xEE; 4][..]));
    }

    #[test]
    fn a_tag_stands_between_the_type_of_it_and_that_of_the_packet() {
        let mut bytes = [0xEE; 30];
        assert_eq!(put_header(&mut bytes, 26, [8, 0], &ADDRESS, Some((0x88A8, 0x0064))), Some(24));
        assert_eq!((&bytes[2..4], &bytes[22..26]), (&[0x88, 0xA8][..], &[0, 0x64, 8, 0][..]));
    }

    #[test]
    fn where_there_is_no_room_there_is_no_header() {
        assert_eq!(put_header(&mut [0; 30], 19, [8, 0], &ADDRESS, None), None);
        assert_eq!(put_header(&mut [0; 30], 23, [8, 0], &ADDRESS, Some((0, 0))), None);
    }
}
