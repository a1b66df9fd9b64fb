//! `sluice interfaces`.

use serde_json::{Value, json};
use sluice_capture::facts::{HardwareTimes, Xdp};
use sluice_capture::rights::{self, Use};
use sluice_capture::{Facts, Interface};
use sluice_wire::link::LinkType;

use super::args;
use super::out::{Failed, said};
use super::text::{self, count, table};

/// A table of all interfaces, or a page about one, and below it what this process may do.
pub fn interfaces(args: &args::Interfaces) -> anyhow::Result<String> {
    let with_facts = |one: Interface| (Facts::of(&one), one);
    let mut found: Vec<(Facts, Interface)> = Interface::all().into_iter().map(with_facts).collect();
    if let Some(name) = &args.name {
        let names = found.iter().map(|(_, one)| one.name.as_str());
        let help = text::nearest(name, names).map(|near| format!(": did you mean `{near}`?"));
        found.retain(|(_, one)| one.name == *name);
        if found.is_empty() {
            let help = help.unwrap_or_default();
            return Err(Failed::usage(format!("there is no interface `{name}`{help}")).into());
        }
    }
    let rights = Rights::of_process();
    if args.json {
        let interfaces: Vec<Value> = found.iter().map(|(facts, one)| object(one, facts)).collect();
        let all = json!({ "interfaces": interfaces, "rights": rights.object() });
        return Ok(format!("{}\n", serde_json::to_string_pretty(&all)?));
    }
    let told = match found.as_slice() {
        [(facts, one)] if args.name.is_some() => page(one, facts),
        _ => overview(&found),
    };
    Ok(format!("{told}\n{}", rights.text()))
}

fn state(one: &Interface) -> &'static str {
    match (one.is_up(), one.is_running()) {
        (false, _) => "down",
        (true, false) => "no carrier",
        (true, true) => "up",
    }
}

/// What its packets begin with in a capture.
fn link(one: &Interface) -> String {
    let link = one.link().unwrap_or(LinkType::LINUX_SLL2);
    link.name().map_or_else(|| link.0.to_string(), str::to_owned)
}

fn xdp(facts: &Facts) -> Option<&'static str> {
    facts.xdp.map(|xdp| match xdp {
        Xdp::Generic => "generic",
        Xdp::Native => "native",
        Xdp::ZeroCopy => "zero copy",
    })
}

fn mac(one: &Interface) -> Option<String> {
    one.address.map(|bytes| bytes.map(|byte| format!("{byte:02x}")).join(":"))
}

fn addresses(facts: &Facts) -> Vec<String> {
    facts.addresses.iter().map(|(address, prefix)| format!("{address}/{prefix}")).collect()
}

fn driver(facts: &Facts) -> Option<&str> {
    facts.driver.as_ref().map(|driver| driver.name.as_str()).filter(|name| !name.is_empty())
}

/// `2 rx, 1 tx`, or `4` where each does both.
fn queues(facts: &Facts) -> Option<String> {
    let queues = facts.queues?;
    let kinds = [(queues.combined, ""), (queues.rx, " rx"), (queues.tx, " tx")];
    let there = kinds.iter().filter(|(number, _)| *number > 0);
    Some(there.map(|(number, kind)| format!("{number}{kind}")).collect::<Vec<_>>().join(", "))
}

/// One row for each interface.
fn overview(found: &[(Facts, Interface)]) -> String {
    let head = ["name", "index", "state", "link type", "mtu", "driver", "queues", "xdp", "addresses"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let or_none = |text: Option<&str>| text.unwrap_or("-").to_owned();
    for (facts, one) in found {
        let of = [
            one.name.clone(),
            one.index.to_string(),
            state(one).to_owned(),
            link(one),
            one.mtu.to_string(),
            or_none(driver(facts)),
            or_none(queues(facts).as_deref()),
            or_none(xdp(facts)),
        ];
        // An address on each line: there may be many, and they are long.
        let mut addresses = mac(one).into_iter().chain(addresses(facts));
        rows.push([&of[..], &[addresses.next().unwrap_or_default()]].concat());
        rows.extend(addresses.map(|address| [vec![String::new(); of.len()], vec![address]].concat()));
    }
    table(&rows, &[1, 4])
}

/// All that is known of one.
fn page(one: &Interface, facts: &Facts) -> String {
    let mut rows = Vec::new();
    let mut row = |name: &str, value: Option<String>| {
        rows.extend(value.filter(|value| !value.is_empty()).map(|value| vec![name.to_owned(), value]));
    };
    row("name", Some(one.name.clone()));
    row("index", Some(one.index.to_string()));
    row("state", Some(state(one).to_owned()));
    row("link type", Some(link(one)));
    row("mtu", Some(one.mtu.to_string()));
    row("mac", mac(one));
    addresses(facts).into_iter().for_each(|address| row("address", Some(address)));
    row("driver", driver(facts).map(str::to_owned));
    if let Some(driver) = &facts.driver {
        row("version", Some(driver.version.clone()));
        row("firmware", Some(driver.firmware.clone()));
        row("bus", Some(driver.bus.clone()));
    }
    row("queues", queues(facts));
    row(
        "rings",
        facts.rings.map(|rings| {
            let of = |size: u32, most: u32| format!("{} of {}", count(size.into()), count(most.into()));
            format!("{} packets rx, {} tx", of(rings.rx, rings.most_rx), of(rings.tx, rings.most_tx))
        }),
    );
    for (name, is) in [("offloads on", true), ("offloads off", false)] {
        let those = facts.offloads.named().into_iter().filter(|(_, known)| *known == Some(is));
        row(name, Some(those.map(|(name, _)| name).collect::<Vec<_>>().join(", ")));
    }
    row("hardware time", Some(hardware_times(facts).to_owned()));
    row("xdp", xdp(facts).map(str::to_owned));
    table(&rows, &[])
}

fn hardware_times(facts: &Facts) -> &'static str {
    match facts.hardware_times {
        HardwareTimes::None => "none",
        HardwareTimes::Some => "some",
        HardwareTimes::All => "all",
    }
}

/// One interface for a program to read. What is not known is null.
fn object(one: &Interface, facts: &Facts) -> Value {
    let text = |of: fn(&sluice_capture::facts::Driver) -> &String| {
        facts.driver.as_ref().map(of).filter(|text| !text.is_empty())
    };
    let offloads = facts.offloads.named().into_iter().map(|(name, on)| (name.to_owned(), json!(on)));
    json!({
        "name": one.name,
        "index": one.index,
        "up": one.is_up(),
        "running": one.is_running(),
        "loopback": one.is_loopback(),
        "link_type": link(one),
        "mtu": one.mtu,
        "mac": mac(one),
        "addresses": addresses(facts),
        "driver": {
            "name": text(|driver| &driver.name),
            "version": text(|driver| &driver.version),
            "firmware": text(|driver| &driver.firmware),
            "bus": text(|driver| &driver.bus),
        },
        "queues": facts.queues.map(|q| json!({ "rx": q.rx, "tx": q.tx, "combined": q.combined })),
        "rings": facts.rings.map(|r| {
            json!({ "rx": r.rx, "most_rx": r.most_rx, "tx": r.tx, "most_tx": r.most_tx })
        }),
        "offloads": offloads.collect::<serde_json::Map<_, _>>(),
        "hardware_times": hardware_times(facts),
        "xdp": xdp(facts).map(|xdp| xdp.replace(' ', "_")),
    })
}

/// What this process may do, and how it would be allowed the rest.
struct Rights {
    /// Why it may not capture, where it may not.
    refused: Option<String>,
    /// The path of this program, as a shell reads it.
    program: String,
}

impl Rights {
    fn of_process() -> Self {
        let program = std::env::current_exe().ok().map(|path| path.to_string_lossy().into_owned());
        Self {
            refused: rights::try_to_capture().err().map(|error| said(&error)),
            program: quoted(&program.unwrap_or_else(|| "sluice".to_owned())),
        }
    }

    /// The command that grants what a use takes.
    fn grant(&self, what: Use) -> String {
        format!("sudo setcap {}+ep {}", what.capabilities().join(","), self.program)
    }

    fn text(&self) -> String {
        let mut rows = Vec::new();
        for (what, name) in [
            (Use::Capture, "may capture"),
            (Use::HardwareTimes, "may use hardware time"),
            (Use::Xdp, "may use xdp"),
        ] {
            let missing: Vec<String> = what.missing().into_iter().map(str::to_uppercase).collect();
            let verdict = match &self.refused {
                _ if !missing.is_empty() => format!("no, without {}", missing.join(" and ")),
                Some(why) => format!("no: {why}"),
                None => "yes".to_owned(),
            };
            rows.push(vec![name.to_owned(), verdict]);
        }
        for (what, name) in [(Use::Capture, "to allow it"), (Use::Xdp, "to allow all")] {
            if !what.missing().is_empty() {
                rows.push(vec![name.to_owned(), self.grant(what)]);
            }
        }
        table(&rows, &[])
    }

    fn object(&self) -> Value {
        let of = |what: Use| {
            let missing = what.missing();
            let grant = (!missing.is_empty()).then(|| self.grant(what));
            json!({ "may": self.refused.is_none() && missing.is_empty(), "missing": missing, "grant": grant })
        };
        json!({
            "capture": of(Use::Capture),
            "hardware_times": of(Use::HardwareTimes),
            "xdp": of(Use::Xdp),
        })
    }
}

/// A path as a shell reads it.
fn quoted(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+@%:=,".contains(&byte);
    if path.bytes().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', "'\\''")) }
}
