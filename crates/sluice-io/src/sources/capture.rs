//! Live traffic.

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_capture::fanout::{self, Group};
use sluice_capture::xdp;
use sluice_core::quantity::{Duration, Size};
use sluice_core::{Error, Key, OptionError, PortType, Ports, Prepared, Shard, Stage};
use sluice_expr::bpf::Filter;
use sluice_wire::link::LinkType;

use crate::live::open::{self, ANY, Common, Method, Wanted};
use crate::live::{KERNEL_FULL, Live, Rules};

sluice_core::register! {
    /// Captures packets from network interfaces.
    ///
    /// Packets come as the interface receives and sends them, from the moment at which the run begins. A VLAN tag that the
    /// kernel or the device took off is put back with its own type. What is sent before the device has put in its checksums
    /// is marked, so that nobody takes them for wrong, and so is what the kernel has verified. Times are those of the kernel,
    /// in nanoseconds. Of several interfaces, packets come in the order in which they came from each; the interface is told
    /// with every packet, and kept by pcapng files.
    ///
    /// `any` means all interfaces there are and will be, with cooked headers (`LINUX_SLL2`) in place of those of the links.
    /// So do interfaces whose own header no file can hold. On a loopback interface, where every packet would be seen twice,
    /// it is seen as it is received.
    ///
    /// Packets stay in the memory that the kernel wrote them to, until the last stage is done with them; only when more than
    /// half of it is held by later stages are they copied. What comes when all of it is full is dropped by the kernel and
    /// counted here, and the user is told when that begins. With the defaults there is room for 64 MiB for each interface.
    ///
    /// It ends when it is stopped by a signal, and then gives what the kernel had taken in already; or after `count` packets.
    /// An interface that goes down is waited for. When one is gone the user is told, which counts as a loss (exit code 65),
    /// and the others go on. It takes the capability `CAP_NET_RAW`.
    ///
    /// With `fanout` and `mode: sharded`, each shard has a socket of its own, among which the kernel divides the packets.
    ///
    /// **`method: xdp` takes packets away from the host.** What it captures, the host itself never gets: its connections over
    /// that interface stop while the run lasts. So it is used only where it is asked for, for interfaces that serve nothing
    /// but the capture. It is for Ethernet interfaces and for packets that they receive, and takes all queues: with
    /// `fanout: {mode: queue}` each shard has its part of them, which is right for flows only where the device is set up to
    /// put both directions of a flow into one queue. The program on the interface goes with the run, however that ends.
    /// Packets found together have the time at which they were found. Checksums that the sender left to the hardware are as
    /// they were left, without a mark; tags that the device takes off are lost, and the user is told how to keep them.
    /// It takes the capabilities `CAP_NET_RAW`, `CAP_NET_ADMIN` and `CAP_BPF`.
    ///
    /// ## Ports and drop reasons
    ///
    /// Gives packets.
    ///
    /// - `kernel_full`: the kernel had no room for the packet, as those before it were not yet taken
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - source: capture
    ///   interface: lo
    ///   bpf: tcp port 443 or udp port 53
    /// ```
    ///
    /// ```yaml
    /// - source: capture
    ///   interfaces: [eth0, eth1]
    ///   snaplen: 128
    ///   fanout: {mode: hash}
    /// ```
    ///
    /// ```yaml
    /// - source: capture
    ///   interface: eth1
    ///   method: xdp
    ///   xdp: {program: native}
    /// ```
    ///
    /// ## See also
    ///
    /// The source `pcap_file`; the command `sluice interfaces`; docs/live.md.
    source capture(prepare), Serial, drops [KERNEL_FULL]
}

/// Options of the source `capture`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// The interface to capture on, or `any`.
    interface: Option<String>,
    /// Several interfaces, instead of `interface`.
    interfaces: Option<Vec<String>>,
    /// By what means packets are received.
    #[serde(default)]
    method: Means,
    /// How `method: xdp` takes packets.
    xdp: Option<Xdp>,
    /// A filter in the syntax of tcpdump; packets that do not pass it are not taken in.
    #[serde(default)]
    bpf: String,
    /// How many bytes of each packet are captured, up to 262144, which is the default.
    #[serde(default = "snaplen")]
    snaplen: u32,
    /// Whether the interface receives what is meant for others, too; it does unless this says `false`.
    #[serde(default = "yes")]
    promiscuous: bool,
    /// Which way packets go; both ways by default, and with `method: xdp` those that are received.
    direction: Option<Direction>,
    /// After how many packets it ends.
    count: Option<NonZeroU64>,
    /// The bytes of a block of the ring, a multiple of 4 KiB; `1MiB` by default. A packet has to fit into one, or else is cut.
    #[serde(default = "block_size")]
    block_size: Size,
    /// How many blocks there are for each interface and shard; 64 by default.
    #[serde(default = "blocks")]
    blocks: u32,
    /// After which time a block comes that is not full, in whole milliseconds; `10ms` by default.
    #[serde(default = "retire")]
    retire: Duration,
    /// Whether each packet comes as soon as it can, at the price of more work for each: it is copied, and is waited for by
    /// itself.
    #[serde(default)]
    immediate: bool,
    /// Which clock tells the times of packets.
    #[serde(default)]
    timestamps: Timestamps,
    /// What the loss of a packet in the kernel means.
    #[serde(default)]
    loss: Loss,
    /// The sockets that packets are divided among: those of the shards, and of other programs.
    fanout: Option<Fanout>,
}

/// By what means packets are received.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Means {
    /// `ring`, or `portable` where there can be no ring; the user is told why.
    #[default]
    Auto,
    /// A ring in memory shared with the kernel (`TPACKET_V3`).
    Ring,
    /// A socket of AF_XDP for each queue. It TAKES PACKETS AWAY FROM THE HOST: see above.
    Xdp,
    /// pnet, which copies packets one by one with a system call each, or two.
    Portable,
}

/// How `method: xdp` takes packets.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Xdp {
    /// Where the program runs that takes them.
    #[serde(default)]
    program: Program,
    /// How they get into the memory that they are read from.
    #[serde(default)]
    transfer: Transfer,
}

/// Where an XDP program runs.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Program {
    /// `native` where the driver can, and else `generic`.
    #[default]
    Auto,
    /// In the driver.
    Native,
    /// In the kernel behind the driver, on any interface.
    Generic,
}

/// How packets get into the memory that they are read from.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Transfer {
    /// `zero_copy` where the driver can, and else `copy`.
    #[default]
    Auto,
    /// The kernel copies them there.
    Copy,
    /// The device puts them there.
    ZeroCopy,
}

impl Xdp {
    fn choice(self) -> xdp::Choice {
        xdp::Choice {
            place: match self.program {
                Program::Auto => xdp::Place::Any,
                Program::Native => xdp::Place::Driver,
                Program::Generic => xdp::Place::Kernel,
            },
            transfer: match self.transfer {
                Transfer::Auto => xdp::Transfer::Any,
                Transfer::Copy => xdp::Transfer::Copy,
                Transfer::ZeroCopy => xdp::Transfer::Device,
            },
        }
    }
}

/// Which way packets go.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Direction {
    /// Both ways.
    Both,
    /// Received.
    In,
    /// Sent.
    Out,
}

/// Which clock tells the times of packets.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Timestamps {
    /// That of the system, when the kernel gets the packet.
    #[default]
    Software,
    /// That of the interface. It takes the capability `CAP_NET_ADMIN`.
    Hardware,
}

/// What the loss of a packet in the kernel means.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Loss {
    /// It is counted and told.
    #[default]
    Report,
    /// The run ends with exit code 65, too.
    Forbid,
}

/// How packets are divided among sockets.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Fanout {
    /// By what.
    mode: By,
    /// The number of the group, shared with other programs that give the same number and mode; of further interfaces, the
    /// numbers behind it. A group of its own when absent.
    group: Option<u16>,
}

/// By what packets are divided among sockets.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum By {
    /// Flow, both directions alike. Fragments without ports, and ICMP errors, may go elsewhere than their flow.
    Hash,
    /// The same, with IPv4 fragments put together by the kernel.
    HashDefrag,
    /// Pair of addresses, so that fragments of both families stay with the flow.
    HostPair,
    /// In turn.
    LoadBalance,
    /// The processor that received them.
    Cpu,
    /// The queue of the interface that they came by.
    Queue,
}

impl Means {
    /// Refuses what this method cannot do.
    fn check(self, options: &Options, names: &[String]) -> Result<(), OptionError> {
        let refused = |key: &str, what: String| {
            let method = if self == Means::Xdp { "xdp" } else { "portable" };
            Err(OptionError::at(key, format!("`method: {method}` {what}")))
        };
        if options.xdp.is_some() && self != Means::Xdp {
            return Err(OptionError::at("xdp", "it is for `method: xdp` alone"));
        }
        if !matches!(self, Means::Xdp | Means::Portable) {
            return Ok(());
        }
        if options.timestamps == Timestamps::Hardware {
            return refused("timestamps", "tells no times of the hardware".into());
        }
        match options.fanout {
            Some(_) if self == Means::Portable => {
                return refused("fanout", "has one socket for each interface".into());
            }
            Some(Fanout { mode, .. }) if mode != By::Queue => {
                return refused(
                    "fanout",
                    "has sockets for queues, and divides by `mode: queue` alone".into(),
                );
            }
            Some(Fanout { group: Some(_), .. }) => {
                return refused("fanout", "shares queues with no other program, and has no `group`".into());
            }
            _ => {}
        }
        if self == Means::Xdp && options.direction.is_some_and(|direction| direction != Direction::In) {
            return refused("direction", "sees received packets alone: `in`".into());
        }
        if self == Means::Xdp && names.iter().any(|name| name == ANY) {
            let key = if options.interface.is_some() { "interface" } else { "interfaces" };
            return refused(key, format!("needs the names of interfaces; `{ANY}` is none"));
        }
        Ok(())
    }
}

impl By {
    fn mode(self) -> fanout::Mode {
        match self {
            By::Hash => fanout::Mode::Hash,
            By::HashDefrag => fanout::Mode::HashDefrag,
            By::HostPair => fanout::Mode::HostPair,
            By::LoadBalance => fanout::Mode::LoadBalance,
            By::Cpu => fanout::Mode::Cpu,
            By::Queue => fanout::Mode::Queue,
        }
    }

    /// Whether what agrees in this key meets; with the processor or the queue, the device is trusted with flows.
    fn keeps(self, key: &Key) -> bool {
        match self {
            By::LoadBalance => false,
            By::HostPair => matches!(key, Key::Flow | Key::Datagram | Key::Host),
            By::Hash | By::HashDefrag | By::Cpu | By::Queue => *key == Key::Flow,
        }
    }
}

fn yes() -> bool {
    true
}

fn snaplen() -> u32 {
    262_144
}

fn block_size() -> Size {
    Size(1 << 20)
}

fn blocks() -> u32 {
    64
}

fn retire() -> Duration {
    Duration(10_000_000)
}

/// The pages that blocks consist of, on any machine.
const PAGE: u64 = 4096;

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let names = names(&options.interface, &options.interfaces)?;
    within("snaplen", options.snaplen.into(), 1, snaplen().into())?;
    within("blocks", options.blocks.into(), 2, 65_536)?;
    let Size(block_size) = options.block_size;
    if block_size == 0 || block_size % PAGE != 0 || block_size > 1 << 28 {
        let message = "a block has whole pages of 4 KiB, and at most 256 MiB";
        return Err(OptionError::at("block_size", message));
    }
    if block_size.saturating_mul(options.blocks.into()) > 1 << 31 {
        return Err(OptionError::at("blocks", "all blocks together have more than 2 GiB"));
    }
    let Duration(retire) = options.retire;
    if retire % 1_000_000 != 0 || !(1_000_000..=60_000_000_000).contains(&retire) {
        let message = "it is no whole number of milliseconds from `1ms` to `1m`";
        return Err(OptionError::at("retire", message));
    }
    options.method.check(&options, &names)?;
    let refused = |e: sluice_expr::Error| OptionError::at("bpf", e.message()).offset(e.span().start);
    let filter: Filter = options.bpf.parse().map_err(refused)?;
    let wanted = Wanted {
        method: match options.method {
            Means::Auto => Method::Auto,
            Means::Ring => Method::Ring,
            Means::Xdp => Method::Xdp(options.xdp.unwrap_or_default().choice()),
            Means::Portable => Method::Portable,
        },
        snaplen: options.snaplen,
        promiscuous: options.promiscuous,
        direction: match options.direction {
            None | Some(Direction::Both) => sluice_capture::Direction::Both,
            Some(Direction::In) => sluice_capture::Direction::In,
            Some(Direction::Out) => sluice_capture::Direction::Out,
        },
        filter,
        hardware_time: options.timestamps == Timestamps::Hardware,
        block_size: block_size as u32,
        blocks: options.blocks,
        retire: (retire / 1_000_000) as u32,
        immediate: options.immediate,
    };
    if names.iter().any(|name| name == ANY) {
        open::compile(&wanted, LinkType::LINUX_SLL2).map_err(refused)?;
    }
    let count = options.count.map(NonZeroU64::get);
    if count.is_some() && options.fanout.is_some() {
        return Err(OptionError::at("count", "sockets that divide packets do not count them together"));
    }
    let rules = Rules { count, forbids_loss: options.loss == Loss::Forbid };
    Ok(Arc::new(Capture { names, wanted, rules, fanout: options.fanout, common: Mutex::default() }))
}

/// The interfaces that are meant, each once.
fn names(one: &Option<String>, several: &Option<Vec<String>>) -> Result<Vec<String>, OptionError> {
    let (key, names) = match (one, several) {
        (Some(name), None) => ("interface", vec![name.clone()]),
        (None, Some(names)) => ("interfaces", names.clone()),
        (None, None) => {
            let help = "give an `interface`, several `interfaces`, or `any`; `sluice interfaces` lists them";
            return Err(OptionError::new("it does not say where to capture").help(help));
        }
        (Some(_), Some(_)) => {
            return Err(OptionError::at("interfaces", "`interface` and `interfaces` exclude each other"));
        }
    };
    if names.is_empty() {
        return Err(OptionError::at(key, "there is no interface in the list"));
    }
    for (at, name) in names.iter().enumerate() {
        let wrong = match name {
            _ if name.is_empty() => "the name is empty".to_owned(),
            _ if names.iter().take(at).any(|other| other == name) => format!("`{name}` is there twice"),
            _ if name == ANY && names.len() > 1 => "`any` means all the others, too".to_owned(),
            _ => continue,
        };
        let error = OptionError::at(key, wrong);
        return Err(if key == "interfaces" { error.index(at) } else { error });
    }
    Ok(names)
}

fn within(key: &str, value: u64, least: u64, most: u64) -> Result<(), OptionError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(OptionError::at(key, format!("`{value}` is not between {least} and {most}")))
}

struct Capture {
    names: Vec<String>,
    wanted: Wanted,
    rules: Rules,
    fanout: Option<Fanout>,
    /// What the shards of a run have in common, while some are made and others are not, in whatever order.
    common: Mutex<Option<Common>>,
}

impl Capture {
    /// A group of sockets for each interface, where a method has those.
    fn groups(&self) -> Vec<Arc<Group>> {
        let Some(Fanout { mode, group }) = self.fanout else { return Vec::new() };
        if matches!(self.wanted.method, Method::Xdp(_)) {
            return Vec::new();
        }
        let number = |at: u16| group.map(|first| first.wrapping_add(at));
        let numbers = (0u16..).take(self.names.len()).map(number);
        numbers.map(|number| Arc::new(Group::new(mode.mode(), number))).collect()
    }
}

impl Prepared for Capture {
    fn ports(&self) -> Ports {
        Ports::source(PortType::Packets)
    }

    fn instance(&self, shard: Shard) -> Result<Stage, Error> {
        let mut kept = self.common.lock().unwrap_or_else(PoisonError::into_inner);
        // After an error the run ends, and another one may begin.
        let mut common = kept.take().unwrap_or_else(|| Common::new(self.groups(), shard.of));
        let opened = open::open(&self.names, &self.wanted, shard, &mut common)?;
        *kept = Some(common).filter(|common| !common.is_complete());
        Ok(Stage::Source(Box::new(Live::new(opened, self.rules)?)))
    }

    fn split(&self, key: &Key, _: u32) -> bool {
        self.fanout.is_some_and(|fanout| fanout.mode.keeps(key))
    }
}

#[cfg(test)]
mod tests;
