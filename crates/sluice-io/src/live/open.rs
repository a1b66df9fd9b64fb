//! Opening what a capture receives by.

use std::io;
use std::sync::Arc;

use sluice_capture::fanout::{Group, Join};
use sluice_capture::rights::Use;
use sluice_capture::{Direction, Interface, Receive, Ring, Settings, kernel_filter};
use sluice_core::{CaptureInfo, Error, Interface as Described};
use sluice_expr::bpf::{self, Filter, Machine, Program};
use sluice_wire::link::LinkType;

use super::Opened;

/// By what means packets are received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Ring,
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
        LinkType::LINUX_SLL2 => kernel_filter::uncooked(&program),
        _ => Some(program),
    };
    if let Some(program) = for_kernel.filter(Program::is_attachable) {
        return Ok((program, None));
    }
    let all = "".parse::<Filter>()?.compile(options)?;
    let here = wanted.filter.compile(bpf::Options { live: false, ..options })?;
    Ok((all, Some(here)))
}

/// Opens interfaces of these names, each in the group of sockets at its place; all of them, or none.
pub(crate) fn open(
    names: &[String],
    wanted: &Wanted,
    groups: &[Arc<Group>],
) -> Result<(Vec<Opened>, CaptureInfo), Error> {
    let needs = if wanted.hardware_time { Use::HardwareTimes } else { Use::Capture };
    let mut opened = Vec::new();
    let mut info = CaptureInfo::default();
    for (name, at) in names.iter().zip(0u16..) {
        let interface = if name == ANY { None } else { Some(find(name)?) };
        let link = link_of(interface.as_ref());
        let (filter, here) = compile(wanted, link)
            .map_err(|e| Error::input(format!("the filter does not fit `{name}`: {}", e.message())))?;
        let index = interface.as_ref().map_or(0, |interface| interface.index);
        let fanout = groups.get(usize::from(at)).map(|group| Join(Arc::clone(group)));
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
        let receiver: Box<dyn Receive> = match wanted.method {
            Method::Ring => Box::new(Ring::open(&settings).map_err(|e| explained(e, needs))?),
        };
        let described =
            Described { snaplen: wanted.snaplen, name: Some(name.clone()), ..Described::of(link) };
        info.interfaces.push(described);
        opened.push(Opened {
            name: name.clone(),
            index,
            receiver,
            filter: here.as_ref().map(Machine::new),
            own_clock: wanted.hardware_time,
        });
    }
    Ok((opened, info))
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
