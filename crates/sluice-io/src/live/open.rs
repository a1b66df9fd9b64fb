//! Opening what a capture receives by.

use std::io;
use std::sync::Arc;

use sluice_capture::fanout::{Group, Join};
use sluice_capture::rights::Use;
use sluice_capture::xdp::{Choice, Together, Way};
use sluice_capture::{Direction, Facts, Interface, Portable, Receive, Ring, Settings, Slots, kernel_filter};
use sluice_core::{Error, Interface as Described, Shard};
use sluice_expr::bpf::{self, Filter, Machine, Program};
use sluice_wire::link::LinkType;

use super::{AllOpened, Opened};

/// By what means packets are received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// A ring, or pnet where there can be none.
    Auto,
    /// A ring in memory shared with the kernel.
    Ring,
    /// Sockets of AF_XDP.
    Xdp(Choice),
    /// pnet.
    Portable,
}

/// What is wanted, of each interface alike.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub method: Method,
    pub snaplen: u32,
    pub promiscuous: bool,
    pub direction: Direction,
    pub filter: Filter,
    pub hardware_time: bool,
    pub block_size: u32,
    pub blocks: u32,
    pub retire: u32,
    pub immediate: bool,
}

/// The name that means all interfaces.
pub(crate) const ANY: &str = "any";

/// What frames of an interface begin with in the capture.
fn link_of(interface: Option<&Interface>) -> LinkType {
    interface.and_then(Interface::link).unwrap_or(LinkType::LINUX_SLL2)
}

/// Compiles the filter for a link type: for the kernel, and for what it cannot do.
pub(crate) fn compile(
    wanted: &Wanted,
    link: LinkType,
) -> Result<(Program, Option<Program>), sluice_expr::Error> {
    let options = bpf::Options { link, snaplen: wanted.snaplen, live: true };
    let program = wanted.filter.compile(options)?;
    let for_kernel = match link {
        // Nothing filters before a program for XDP.
        _ if matches!(wanted.method, Method::Xdp(_)) => None,
        _ if !program.is_attachable() => None,
        LinkType::LINUX_SLL2 => kernel_filter::uncooked(&program),
        _ => Some(program),
    };
    if let Some(program) = for_kernel {
        return Ok((program, None));
    }
    let all = "".parse::<Filter>()?.compile(options)?;
    let here = wanted.filter.compile(bpf::Options { live: false, ..options })?;
    Ok((all, Some(here)))
}

/// What the shards of a capture have in common, for each interface at its place.
pub(crate) struct Common {
    groups: Vec<Arc<Group>>,
    ways: Vec<Arc<Way>>,
    /// How many shards are still to be opened.
    missing: u32,
}

impl Common {
    /// What it is before the first of so many shards, with a group of sockets for each interface where packets are divided.
    pub(crate) fn new(groups: Vec<Arc<Group>>, shards: u32) -> Self {
        Self { groups, ways: Vec::new(), missing: shards }
    }

    /// Whether all shards are open.
    pub(crate) fn is_complete(&self) -> bool {
        self.missing == 0
    }
}

/// Opens what a shard captures of interfaces of these names: all of them, or none.
pub(crate) fn open(
    names: &[String],
    wanted: &Wanted,
    shard: Shard,
    common: &mut Common,
) -> Result<AllOpened, Error> {
    let needs = match wanted.method {
        Method::Xdp(_) => Use::Xdp,
        _ if wanted.hardware_time => Use::HardwareTimes,
        _ => Use::Capture,
    };
    let mut all = AllOpened::default();
    common.missing = common.missing.saturating_sub(1);
    for (name, at) in names.iter().zip(0u16..) {
        let interface = if name == ANY { None } else { Some(find(name)?) };
        let link = link_of(interface.as_ref());
        let (filter, here) = compile(wanted, link)
            .map_err(|e| Error::input(format!("the filter does not fit `{name}`: {}", e.message())))?;
        let index = interface.as_ref().map_or(0, |interface| interface.index);
        let fanout = common.groups.get(usize::from(at)).map(|group| Join(Arc::clone(group)));
        let settings = Settings {
            interface,
            number: at,
            snaplen: wanted.snaplen,
            promiscuous: wanted.promiscuous,
            direction: wanted.direction,
            filter,
            hardware_time: wanted.hardware_time,
            fanout,
            block_size: wanted.block_size,
            blocks: wanted.blocks,
            retire: wanted.retire,
        };
        let receiver: Result<Box<dyn Receive>, Error> = match wanted.method {
            Method::Ring => ring(&settings, wanted.immediate),
            Method::Auto => ring_or_portable(&settings, wanted.immediate, &mut all.notices),
            Method::Portable => Portable::open(&settings).map(|portable| Box::new(portable) as _),
            Method::Xdp(choice) => queues(&settings, choice, shard, common, &mut all.notices),
        };
        let described =
            Described { snaplen: wanted.snaplen, name: Some(name.clone()), ..Described::of(link) };
        all.info.interfaces.push(described);
        all.lines.push(Opened {
            name: name.clone(),
            index,
            receiver: receiver.map_err(|e| explained(e, needs))?,
            filter: here.as_ref().map(Machine::new),
            own_clock: wanted.hardware_time,
        });
    }
    Ok(all)
}

/// A ring: of blocks, or of slots for who wants each packet at once.
fn ring(settings: &Settings, immediate: bool) -> Result<Box<dyn Receive>, Error> {
    Ok(if immediate { Box::new(Slots::open(settings)?) } else { Box::new(Ring::open(settings)?) })
}

/// A ring; where there can be none, and nothing is wanted that pnet cannot do, pnet.
fn ring_or_portable(
    settings: &Settings,
    immediate: bool,
    notices: &mut Vec<String>,
) -> Result<Box<dyn Receive>, Error> {
    let error = match ring(settings, immediate) {
        Ok(ring) => return Ok(ring),
        Err(error) => error,
    };
    if settings.hardware_time || settings.fanout.is_some() {
        return Err(error);
    }
    // Where this cannot be opened either, the ring is not what is wrong.
    let Ok(portable) = Portable::open(settings) else { return Err(error) };
    notices.push(format!("{error}; the slower `method: portable` is used instead"));
    Ok(Box::new(portable))
}

/// The queues of an interface that are this shard's. Packets are let in when the last shard is ready.
fn queues(
    settings: &Settings,
    choice: Choice,
    shard: Shard,
    common: &mut Common,
    notices: &mut Vec<String>,
) -> Result<Box<dyn Receive>, Error> {
    let Some(interface) = &settings.interface else {
        return Err(Error::input("XDP is for one interface, and not for all"));
    };
    let at = usize::from(settings.number);
    let way = match common.ways.get(at).map(Arc::clone) {
        Some(way) => way,
        None => {
            let facts = Facts::of(interface);
            if facts.offloads.rx_vlan == Some(true) {
                let name = &interface.name;
                notices.push(format!(
                    "XDP does not see VLAN tags that were taken off packets; `ethtool -K {name} rxvlan off` keeps those on that `{name}` takes off, and `txvlan off` at the other end those of a veth pair"
                ));
            }
            let count = facts.queues.map_or(1, |queues| queues.rx + queues.combined).max(1);
            let way = Way::new(interface, count, choice)?;
            common.ways.truncate(at);
            common.ways.push(Arc::clone(&way));
            way
        }
    };
    let mine = (shard.index..way.queues()).step_by(shard.of as usize);
    let queues = mine.map(|queue| way.queue(queue, settings)).collect::<Result<_, _>>()?;
    if common.is_complete() {
        way.open(settings.promiscuous)?;
    }
    let doing = format!("watch the queues of `{}`", interface.name);
    Ok(Box::new(Together::new(queues).map_err(Error::io(doing))?))
}

/// The interface of this name, which has to be up.
pub(crate) fn find(name: &str) -> Result<Interface, Error> {
    let interface = Interface::named(name).map_err(|_| {
        let all = Interface::all();
        let names: Vec<_> = all.iter().map(|interface| format!("`{}`", interface.name)).collect();
        Error::input(format!("there is no interface `{name}`; there are {}", names.join(", ")))
    })?;
    if !interface.is_up() {
        let help = format!("`ip link set {name} up` brings it up");
        return Err(Error::input(format!("the interface `{name}` is down; {help}")));
    }
    Ok(interface)
}

/// Says what to do where a right is missing that this takes.
pub(crate) fn explained(error: Error, needs: Use) -> Error {
    let Error::Io { source, .. } = &error else { return error };
    if source.kind() != io::ErrorKind::PermissionDenied {
        return error;
    }
    let missing = needs.missing();
    let program = std::env::current_exe().map_or("sluice".into(), |path| path.display().to_string());
    Error::input(format!(
        "{error}: this takes {}; run it as root, or once `sudo setcap {}+ep {program}`",
        if missing.is_empty() { needs.capabilities() } else { missing }.join(" and ").to_uppercase(),
        needs.capabilities().join(","),
    ))
}
