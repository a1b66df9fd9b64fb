use super::*;
use crate::{Filter, Ports, prepared};

#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// How many.
    #[serde(default)]
    list: Vec<crate::quantity::Size>,
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    struct Nothing;
    impl Filter for Nothing {
        fn process(&mut self, _: crate::Batch, _: &mut crate::Output) -> Result<(), crate::Error> {
            Ok(())
        }
    }
    if options.list.len() > 9 {
        return Err(OptionError::at("list", "more than nine"));
    }
    Ok(prepared::filter(Ports::any(), |_| Ok(Nothing)))
}

const fn component(kind: Kind, name: &'static str, krate: &'static str) -> Component {
    Component {
        kind,
        name,
        docs: " Does one\n thing.\n\n More.\n\n ```yaml\n - filter: x\n   list: [1]\n ```\n\n ```yaml\n - other\n ```\n",
        parallelism: Parallelism::Serial,
        drops: &[],
        schema: || schema_of(prepare),
        prepare: |options| prepare_with(prepare, options),
        krate,
        file: "x.rs",
    }
}

static B: Component = component(Kind::Filter, "b", "one");
static A: Component = component(Kind::Filter, "a", "one");
static SINK_A: Component = component(Kind::Sink, "a", "one");
static AGAIN: Component = component(Kind::Filter, "a", "another");

#[test]
fn a_registry_is_sorted_and_finds_by_kind_and_name() {
    let registry = Registry::from_components([&B, &SINK_A, &A]).unwrap();
    let names: Vec<_> = registry.iter().map(|c| (c.kind, c.name)).collect();
    assert_eq!(names, [(Kind::Filter, "a"), (Kind::Filter, "b"), (Kind::Sink, "a")]);
    assert_eq!(registry.get(Kind::Sink, "a").unwrap().kind, Kind::Sink);
    assert!(registry.get(Kind::Source, "a").is_none());
}

#[test]
fn a_duplicate_names_both_crates() {
    let duplicate = Registry::from_components([&A, &B, &AGAIN]).unwrap_err();
    assert_eq!(
        duplicate.to_string(),
        "filter `a` is registered twice, by crate `another` and by crate `one`"
    );
}

#[test]
fn the_page_gives_summary_and_example() {
    assert_eq!(A.summary(), "Does one thing.");
    assert_eq!(A.example().unwrap(), "- filter: x\n  list: [1]\n");
}

#[test]
fn wrong_options_are_told_with_the_way_to_them() {
    let Err(error) = (A.prepare)(serde_json::json!({"list": [1, "2 parsecs"]})) else { panic!("accepted") };
    assert_eq!(error.path, [Step::Key("list".into()), Step::Index(1)]);
    assert!(error.to_string().starts_with("list[1]: `2 parsecs` is not a size"), "{error}");
    let Err(error) = (A.prepare)(serde_json::json!({"list": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]})) else {
        panic!("accepted")
    };
    assert_eq!(error.to_string(), "list: more than nine");
}
