//! What is good to know of an interface before capturing on it.

use std::net::IpAddr;
use std::os::fd::AsFd;

use crate::interface::{Interface, any_socket};
use crate::netdev;
use crate::sys::ethtool;

/// `SOF_TIMESTAMPING_RX_HARDWARE` and `SOF_TIMESTAMPING_RAW_HARDWARE` of net_tstamp.h.
const HARDWARE_TIMES: u32 = 1 << 2 | 1 << 6;
/// `HWTSTAMP_FILTER_ALL` as a bit.
const ALL_PACKETS: u32 = 1 << 1;

/// `NETDEV_XDP_ACT_REDIRECT` of netdev.h, which a socket of AF_XDP needs of a driver.
const XDP_REDIRECT: u64 = 1 << 1;
/// `NETDEV_XDP_ACT_XSK_ZEROCOPY`.
const XDP_ZERO_COPY: u64 = 1 << 3;

/// What the kernel and the driver tell of an interface; what they do not tell is absent.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Its addresses, each with the length of its prefix.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Its driver.
    pub driver: Option<Driver>,
    /// Its queues.
    pub queues: Option<Queues>,
    /// The rings of the device.
    pub rings: Option<Rings>,
    /// What it does to packets before a capture sees them.
    pub offloads: Offloads,
    /// Which packets the device itself tells the time of.
    pub hardware_times: HardwareTimes,
    /// How XDP programs run on it.
    pub xdp: Option<Xdp>,
}

/// The driver of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Driver {
    /// Its name, such as `ixgbe`, `virtio_net` or `veth`.
    pub name: String,
    /// Its version, which is mostly that of the kernel.
    pub version: String,
    /// That of the firmware of the device.
    pub firmware: String,
    /// Where the device is, such as `0000:01:00.0`.
    pub bus: String,
}

/// How many queues an interface uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queues {
    /// Those that receive.
    pub rx: u32,
    /// Those that send.
    pub tx: u32,
    /// Those that do both.
    pub combined: u32,
}

/// For how many packets the rings of a device have room, and how many they could have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rings {
    /// That of received packets.
    pub rx: u32,
    /// The largest that one could be.
    pub most_rx: u32,
    /// That of packets to be sent.
    pub tx: u32,
    /// The largest that one could be.
    pub most_tx: u32,
}

/// What is done to packets before a capture sees them, or after. Each is on, off, or not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offloads {
    /// The kernel joins received packets of a connection to one that is longer than the MTU.
    pub gro: Option<bool>,
    /// The device does so.
    pub hardware_gro: Option<bool>,
    /// The device does so, and what it made cannot be taken apart again.
    pub lro: Option<bool>,
    /// Sent packets are cut to the MTU by the device, so that a capture sees them whole.
    pub tso: Option<bool>,
    /// Sent packets are cut to the MTU just before the device, behind the capture.
    pub gso: Option<bool>,
    /// The device takes VLAN tags off what it receives.
    pub rx_vlan: Option<bool>,
    /// The device checks the checksums of what it receives.
    pub rx_checksum: Option<bool>,
    /// The device makes the checksums of what is sent, so that a capture sees none that is right.
    pub tx_checksum: Option<bool>,
}

/// Which received packets a device tells the time of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HardwareTimes {
    /// None.
    None,
    /// Those of a protocol for setting clocks.
    Some,
    /// All.
    All,
}

/// How XDP programs run on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Xdp {
    /// In the kernel, behind the driver.
    Generic,
    /// In the driver.
    Native,
    /// In the driver, which can put packets where a program wants them.
    ZeroCopy,
}

impl Facts {
    /// Those of this interface, as they are now. Takes no rights.
    pub fn of(interface: &Interface) -> Self {
        let named = pnet_datalink::interfaces().into_iter().filter(|found| found.index == interface.index);
        let addresses = named.flat_map(|found| found.ips).map(|net| (net.ip(), net.prefix())).collect();
        let Ok(socket) = any_socket() else { return Self::unknown(addresses) };
        let (socket, name) = (socket.as_fd(), interface.name.as_bytes());
        let features = ethtool::features(socket, name).unwrap_or_default();
        let times = ethtool::timestamps(socket, name).ok();
        Self {
            driver: ethtool::driver(socket, name).ok().map(|told| Driver {
                name: ethtool::text(&told.name),
                version: ethtool::text(&told.version),
                firmware: ethtool::text(&told.firmware),
                bus: ethtool::text(&told.bus),
            }),
            queues: ethtool::channels(socket, name).ok().map(|told| Queues {
                rx: told.rx,
                tx: told.tx,
                combined: told.combined,
            }),
            rings: ethtool::rings(socket, name).ok().filter(|told| told.most_rx > 0).map(|told| Rings {
                rx: told.rx,
                most_rx: told.most_rx,
                tx: told.tx,
                most_tx: told.most_tx,
            }),
            offloads: Offloads::of(&features),
            hardware_times: times.map_or(HardwareTimes::None, |told| match told.flags & HARDWARE_TIMES {
                HARDWARE_TIMES if told.rx_filters & ALL_PACKETS != 0 => HardwareTimes::All,
                HARDWARE_TIMES if told.rx_filters > 1 => HardwareTimes::Some,
                _ => HardwareTimes::None,
            }),
            xdp: Xdp::of(interface),
            ..Self::unknown(addresses)
        }
    }

    fn unknown(addresses: Vec<(IpAddr, u8)>) -> Self {
        Self {
            addresses,
            driver: None,
            queues: None,
            rings: None,
            offloads: Offloads::default(),
            hardware_times: HardwareTimes::None,
            xdp: None,
        }
    }
}

impl Offloads {
    /// From the names of the kernel; of several that mean one thing, one that is on says that it is.
    fn of(features: &[(String, bool)]) -> Self {
        let any = |names: &[&str]| {
            let named = features.iter().filter(|(name, _)| names.contains(&name.as_str()));
            named.map(|(_, is_on)| *is_on).reduce(|one, other| one | other)
        };
        Self {
            gro: any(&["rx-gro", "rx-gro-list"]),
            hardware_gro: any(&["rx-gro-hw"]),
            lro: any(&["rx-lro"]),
            tso: any(&["tx-tcp-segmentation", "tx-tcp6-segmentation", "tx-udp-segmentation"]),
            gso: any(&["tx-generic-segmentation"]),
            rx_vlan: any(&["rx-vlan-hw-parse", "rx-vlan-stag-hw-parse"]),
            rx_checksum: any(&["rx-checksum"]),
            tx_checksum: any(&["tx-checksum-ip-generic", "tx-checksum-ipv4", "tx-checksum-ipv6"]),
        }
    }

    /// Each by its name.
    pub fn named(&self) -> [(&'static str, Option<bool>); 8] {
        let Self { gro, hardware_gro, lro, tso, gso, rx_vlan, rx_checksum, tx_checksum } = *self;
        [
            ("gro", gro),
            ("hardware_gro", hardware_gro),
            ("lro", lro),
            ("tso", tso),
            ("gso", gso),
            ("rx_vlan", rx_vlan),
            ("rx_checksum", rx_checksum),
            ("tx_checksum", tx_checksum),
        ]
    }
}

impl Xdp {
    /// Packets without the header of Ethernet are not for it. Before Linux 6.3 nobody tells what a driver can do.
    fn of(interface: &Interface) -> Option<Self> {
        if !interface.link().is_some_and(|link| link.is_ethernet()) {
            return None;
        }
        let features = netdev::xdp_features(interface.index).ok()?;
        Some(match features {
            all if all & XDP_ZERO_COPY != 0 => Self::ZeroCopy,
            all if all & XDP_REDIRECT != 0 => Self::Native,
            _ => Self::Generic,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_has_facts() {
        let loopback =
            Interface::all().into_iter().find(Interface::is_loopback).expect("a loopback interface");
        let facts = Facts::of(&loopback);
        // Without these a capture on the loopback interface would look different.
        assert_eq!(facts.offloads.tx_checksum, Some(true));
        assert!(facts.offloads.gro.is_some() && facts.offloads.tso.is_some(), "{facts:?}");
        assert_eq!((facts.hardware_times, facts.rings), (HardwareTimes::None, None));
    }

    #[test]
    fn of_an_interface_that_is_gone_nothing_is_known() {
        let gone = Interface {
            name: "no-such-one".into(),
            index: 0,
            flags: 0,
            hardware: libc::ARPHRD_ETHER,
            mtu: 0,
            address: None,
        };
        assert_eq!(Facts::of(&gone), Facts::unknown(Vec::new()));
    }
}
