//! Tags in the bytes of a frame.

use std::ops::Range;

use sluice_core::{Edit, Layers};
use sluice_wire::decode::{ethernet, sll, sll2, vlan};
use sluice_wire::layers::Proto;
use sluice_wire::link::LinkType;

/// The protocol of LLC in a cooked capture, where a length would stand in a frame.
const LINUX_LLC: u16 = 4;

/// Where the outermost header of a frame says what follows, and where that begins.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// The offset of the EtherType.
    field: usize,
    /// The offset of what it announces: right after the field, or not.
    payload: usize,
    /// Whether the header is that of a cooked capture.
    cooked: bool,
}

impl Place {
    const ETHERNET: Self = Self { field: 12, payload: ethernet::LEN, cooked: false };
    const SLL: Self = Self { field: 14, payload: sll::LEN, cooked: true };
    const SLL2: Self = Self { field: 0, payload: sll2::LEN, cooked: true };

    /// Whether frames of this link type have tags at all.
    pub(super) fn is_in(link: LinkType) -> bool {
        matches!(link, LinkType::ETHERNET | LinkType::LINUX_SLL | LinkType::LINUX_SLL2)
    }

    /// The place for tags in this frame, if it has one.
    pub(super) fn of(data: &[u8], layers: &Layers) -> Option<Self> {
        let (place, arphrd) = match layers.headers().next()? {
            (Proto::Ethernet, 0) => return Some(Self::ETHERNET),
            (Proto::Sll, 0) => (Self::SLL, sll::view(data, 0)?.get_link_layer_address_type()),
            (Proto::Sll2, 0) => (Self::SLL2, sll2::view(data, 0)?.get_arphrd_type()),
            _ => return None,
        };
        // Other protocols of cooked captures are numbers of Linux that cannot stand after a tag.
        let is_ethertype = word(data, place.field)? >= ethernet::MIN_ETHERTYPE;
        (is_ethertype && arphrd != sll::ARPHRD_NETLINK).then_some(place)
    }

    /// The tags there are, outermost first: identifier and control information.
    pub(super) fn tags(self, data: &[u8]) -> impl Iterator<Item = (u16, u16)> + '_ {
        let mut next = (self.field, self.payload);
        std::iter::from_fn(move || {
            let (field, control) = next;
            let tpid = word(data, field).filter(|tpid| vlan::is_tag(*tpid))?;
            // A tag counts once the type that follows it is there too.
            word(data, control + 2)?;
            next = (control + 2, control + 4);
            Some((tpid, word(data, control)?))
        })
    }

    /// Whether tags stand between the field and what it announces, rather than apart from the field.
    fn is_contiguous(self) -> bool {
        self.payload == self.field + 2
    }

    /// Takes the outermost `count` tags off, which must be there.
    pub(super) fn pop(self, edit: &mut Edit<'_>, at: usize, count: usize) {
        let length = count * vlan::LEN;
        let innermost = edit.peek(at).and_then(|(_, data, _)| word(data, self.payload + length - 2));
        let Some(mut ethertype) = innermost else { return };
        let start = if self.is_contiguous() { self.field } else { self.payload };
        if !edit.remove(at, start..start + length) || !self.cooked {
            return;
        }
        if ethertype < ethernet::MIN_ETHERTYPE {
            // A length after a tag is how LLC stands there.
            ethertype = LINUX_LLC;
        }
        if let Some((_, data, _)) = edit.packet(at) {
            put(data, self.field, ethertype);
        }
        edit.decode(at);
    }

    /// Changes the tags with these numbers.
    pub(super) fn change(
        self,
        edit: &mut Edit<'_>,
        at: usize,
        which: Range<usize>,
        change: impl Fn(u16, u16) -> (u16, u16),
    ) {
        let stays = edit.peek(at).is_none_or(|(_, data, _)| {
            let mut tags = self.tags(data).skip(which.start).take(which.len());
            tags.all(|(tpid, control)| change(tpid, control) == (tpid, control))
        });
        if stays {
            return;
        }
        let Some((_, data, layers)) = edit.packet(at) else { return };
        let mut field = self.field;
        for number in 0..which.end {
            let after = self.payload + number * vlan::LEN;
            if let (true, Some(tpid), Some(control)) =
                (number >= which.start, word(data, field), word(data, after))
            {
                let (tpid, control) = change(tpid, control);
                put(data, field, tpid);
                put(data, after, control);
            }
            field = after + 2;
        }
        layers.rehash(data);
    }

    /// Puts tags on, given as they stand in a frame: identifier, control information, and so on.
    pub(super) fn push(self, edit: &mut Edit<'_>, at: usize, tags: &[u8]) {
        if self.is_contiguous() {
            edit.insert(at, self.field, tags);
            return;
        }
        // The first identifier goes into the header, and what was there goes behind the last tag.
        let Some(old) = edit.peek(at).and_then(|(_, data, _)| word(data, self.field)) else { return };
        if !edit.insert(at, self.payload, tags) {
            return;
        }
        if let Some((_, data, _)) = edit.packet(at)
            && let Some(tpid) = word(data, self.payload)
        {
            let end = self.payload + tags.len();
            data.copy_within(self.payload + 2..end, self.payload);
            put(data, end - 2, old);
            put(data, self.field, tpid);
        }
        edit.decode(at);
    }
}

fn word(data: &[u8], at: usize) -> Option<u16> {
    data.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

fn put(data: &mut [u8], at: usize, word: u16) {
    if let Some(place) = data.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *place = word.to_be_bytes();
    }
}
