use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use sluice_core::{
    Batch, Edit, Error, Filter, OptionError, Output, PortType, Ports, Prepared, Renewal, prepared,
};

mod options;
mod tags;

use options::{IdMap, Pop, Tpid};
use tags::Place;

sluice_core::register! {
    /// Adds, removes and changes the VLAN tags of packets.
    ///
    /// Tags stand in front of the EtherType, outermost first; there may be any number of them. One stage takes tags off
    /// (`pop`), then changes those that are left (`change`), then puts tags on (`push`), whatever of that it is told.
    /// Captured and wire length of a packet change by four bytes for each tag. Padding stays as it is, so a frame of the
    /// least size that loses a tag is four bytes below it; see `fix`.
    ///
    /// Tagged are frames of Ethernet and of Linux cooked captures, where a frame's protocol is an EtherType. The tags of
    /// Ethernet frames inside of tunnels are left alone. Frames of other link types and frames cut off before their
    /// EtherType pass as they are; of a link type without tags a notice tells once.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes packets with layers and gives the same. Drops nothing.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - filter: vlan
    ///   push: [{id: 100, tpid: 0x88a8}, {id: 7, priority: 5}]
    /// - filter: vlan
    ///   pop: 1
    ///   change: {ids: {7: 8, 100-199: 20}, priority: 0, tags: all}
    /// ```
    ///
    /// ## See also
    ///
    /// `decode`, `fix`, `rewrite`
    filter vlan(prepare), Stateless, drops []
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// How many tags are taken off, the outermost first, or `all`. A frame with fewer loses those that it has.
    pop: Option<Pop>,
    /// What becomes of the tags that are there.
    change: Option<Change>,
    /// The tags to put on, outermost first, in front of those that are there.
    #[serde(default)]
    #[schemars(length(max = 16))]
    push: Vec<Tag>,
}

/// A tag to put on.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Tag {
    /// The VLAN id; 0 makes a tag that carries a priority alone.
    #[schemars(range(max = 4095))]
    id: u16,
    /// The priority code point.
    #[serde(default)]
    #[schemars(range(max = 7))]
    priority: u8,
    /// Whether the frame may be dropped first (DEI, formerly CFI).
    #[serde(default)]
    dei: bool,
    /// The tag protocol identifier: 0x8100 (802.1Q), 0x88a8 (802.1ad), 0x9100, 0x9200 or 0x9300.
    #[serde(default)]
    tpid: Tpid,
}

impl Tag {
    fn bytes(&self) -> [u8; 4] {
        let [a, b] = self.tpid.0.to_be_bytes();
        let [c, d] = (u16::from(self.priority & 7) << 13 | u16::from(self.dei) << 12 | (self.id & 0xFFF))
            .to_be_bytes();
        [a, b, c, d]
    }
}

/// What becomes of tags.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Change {
    /// Which of a frame's tags.
    #[serde(default)]
    tags: Which,
    /// What ids become: `{100: 200, 10-19: 20}`; ids that are not named stay.
    #[serde(default)]
    #[schemars(schema_with = "ids")]
    ids: BTreeMap<String, u16>,
    /// The priority code point that they get.
    #[schemars(range(max = 7))]
    priority: Option<u8>,
    /// The drop eligibility that they get.
    dei: Option<bool>,
    /// The tag protocol identifier that they get.
    tpid: Option<Tpid>,
}

/// Which of a frame's tags.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Which {
    /// The outermost one.
    #[default]
    Outer,
    /// The innermost one, which may be the only one.
    Inner,
    /// All of them.
    All,
}

impl Which {
    /// Which of `count` tags, of which there is at least one.
    fn of(self, count: usize) -> Range<usize> {
        match self {
            Which::Outer => 0..1,
            Which::Inner => count - 1..count,
            Which::All => 0..count,
        }
    }
}

fn ids(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 4095}})
}

/// What is done to every tag that is changed.
struct Rule {
    which: Which,
    ids: IdMap,
    priority: Option<u8>,
    dei: Option<bool>,
    tpid: Option<u16>,
}

impl Rule {
    fn compile(change: Change) -> Result<Self, OptionError> {
        let ids = IdMap::compile(&change.ids)?;
        let Change { tags: which, priority, dei, tpid, .. } = change;
        if change.ids.is_empty() && priority.is_none() && dei.is_none() && tpid.is_none() {
            return Err(OptionError::at("change", "nothing to change")
                .help("give at least one of `ids`, `priority`, `dei` and `tpid`"));
        }
        Ok(Self { which, ids, priority, dei, tpid: tpid.map(|tpid| tpid.0) })
    }

    /// What a tag becomes: its identifier and its control information.
    fn apply(&self, tpid: u16, control: u16) -> (u16, u16) {
        let id = self.ids.get(control & 0xFFF);
        let priority = self.priority.map_or(control & 0xE000, |priority| u16::from(priority & 7) << 13);
        let dei = self.dei.map_or(control & 0x1000, |dei| u16::from(dei) << 12);
        (self.tpid.unwrap_or(tpid), priority | dei | id)
    }
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let Options { pop, change, push } = options;
    if pop.is_none() && change.is_none() && push.is_empty() {
        return Err(OptionError::new("nothing to do").help("give at least one of `pop`, `change` and `push`"));
    }
    let pop = pop.map_or(0, Pop::most);
    let rule = change.map(Rule::compile).transpose()?;
    let push = push.iter().flat_map(Tag::bytes).collect();
    let rules = Arc::new(Rules { pop, rule, push });
    let ports = Ports::filter(PortType::Layers, PortType::Layers);
    Ok(prepared::filter(ports, move |_| {
        let growth = Renewal::growth(rules.push.len() as u32);
        Ok(Vlan { rules: Arc::clone(&rules), growth, told: false })
    }))
}

struct Rules {
    pop: usize,
    rule: Option<Rule>,
    /// The tags to put on, each with its identifier.
    push: Vec<u8>,
}

struct Vlan {
    rules: Arc<Rules>,
    growth: Renewal,
    /// Whether the notice was given.
    told: bool,
}

impl Vlan {
    fn apply(&mut self, edit: &mut Edit<'_>, at: usize, out: &Output) {
        let Some((frame, data, layers)) = edit.peek(at) else { return };
        let Some(place) = Place::of(data, layers) else {
            let link = edit.info().link(frame.interface);
            if !Place::is_in(link) && !std::mem::replace(&mut self.told, true) {
                out.notice(format!("packets of link type {link} have no VLAN tags and pass as they are"));
            }
            return;
        };
        let count = place.tags(data).count();
        let taken = count.min(self.rules.pop);
        if taken > 0 {
            place.pop(edit, at, taken);
        }
        if let Some(rule) = self.rules.rule.as_ref().filter(|_| count > taken) {
            place.change(edit, at, rule.which.of(count - taken), |tpid, control| rule.apply(tpid, control));
        }
        if !self.rules.push.is_empty() {
            place.push(edit, at, &self.rules.push);
        }
    }
}

impl Filter for Vlan {
    fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
        let mut batch = batch.into_packets()?;
        if !self.rules.push.is_empty() {
            self.growth.apply(&mut batch);
        }
        let mut edit = batch.edit(out.pools());
        if !self.rules.push.is_empty() {
            edit.reserve(self.rules.push.len());
        }
        for at in 0..edit.len() {
            self.apply(&mut edit, at, out);
        }
        out.emit(batch);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
