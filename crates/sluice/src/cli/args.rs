//! What the command line may say.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use sluice_config::Pipeline;
use sluice_core::Kind;

/// Moves packets and log events through pipelines of filters.
///
/// A pipeline is a YAML file, or one of those that are built in: `sluice list` shows them. It is checked before anything
/// runs.
#[derive(Parser)]
#[command(version, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  sluice list                                          see what there is
  sluice show pcap-rewrite                             see what a built-in pipeline does
  sluice run pcap-rewrite input=a.pcap output=b.pcap   run it
  sluice show pcap-rewrite --yaml > mine.yaml          begin one of your own
  sluice check mine.yaml && sluice run mine.yaml       check and run it
  sluice show rewrite                                  read the page of a component

Exit codes: 0 done, 1 failed, 2 wrong command line, 65 done but data was lost, 78 wrong pipeline.";

#[derive(Subcommand)]
pub enum Command {
    Run(Run),
    Check(Check),
    /// List components and built-in pipelines.
    #[command(after_help = LIST)]
    List {
        /// Only those of this kind.
        #[arg(long)]
        kind: Option<Listed>,
    },
    Eval(Eval),
    /// Show the page of a component or pipeline, or the fields and functions of expressions.
    #[command(after_help = SHOW)]
    Show {
        /// The name of a component or of a built-in pipeline; `source:NAME` says which, where a name has two pages. Or
        /// `fields` or `functions`.
        name: String,
        /// Of fields or functions, only those that begin so.
        prefix: Option<String>,
        /// Of a pipeline, only its YAML, as a start for one's own.
        #[arg(long)]
        yaml: bool,
    },
    /// Print the JSON schema of pipeline files, for editors.
    #[command(after_help = SCHEMA)]
    Schema,
    Graph(Graph),
    Test(Test),
    Bench(Bench),
    Bpf(Bpf),
    Interfaces(Interfaces),
    /// Show the counters of a run that is going on.
    #[command(after_help = STATUS)]
    Status {
        /// The control socket of the run: what it was given as `--control`.
        #[arg(long, value_name = "PATH")]
        control: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    View(View),
    /// Print a completion script for a shell.
    #[command(after_help = COMPLETIONS)]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the reference of all components as Markdown.
    #[command(hide = true)]
    Reference {
        /// Print that of fields and functions instead.
        #[arg(long)]
        fields: bool,
    },
}

/// Run a pipeline.
///
/// When the run has ended, a summary on standard error says what went through each stage, where time was spent, and
/// whether every item is accounted for. Ctrl-C stops the sources and finishes what is in flight; a second one stops at
/// once.
#[derive(clap::Args)]
#[command(after_help = RUN)]
pub struct Run {
    /// A YAML file, the name of a built-in pipeline, or `-` for YAML on standard input.
    pub pipeline: String,
    /// Values for the params of the pipeline.
    #[arg(value_name = "NAME=VALUE")]
    pub params: Vec<String>,
    /// How to tell what was done, `text` by default: it goes to standard error, and `json` to standard output unless the
    /// pipeline writes there.
    #[arg(long, value_name = "FORMAT")]
    pub summary: Option<SummaryFormat>,
    /// Listen on a Unix socket at this path for `sluice status` and `sluice view`.
    #[arg(long, value_name = "PATH")]
    pub control: Option<PathBuf>,
    /// Show what stages such as `flows` see: as `text`, drawn anew every second on a terminal, or else once at the end; as
    /// `json`, an object on a line every second and at the end. Text goes to standard error, JSON to standard output unless
    /// the pipeline writes there.
    #[arg(long, value_name = "FORMAT", num_args = 0..=1, require_equals = true, default_missing_value = "text")]
    pub view: Option<ViewFormat>,
    /// With `--view`: what each worker or shard sees, too.
    #[arg(long, requires = "view")]
    pub per_shard: bool,
    /// Show no progress, and no summary unless `--summary` asks for one; warnings and errors are still shown.
    #[arg(long, short)]
    pub quiet: bool,
    #[command(flatten)]
    pub division: Division,
}

/// How a pipeline is divided into threads, in place of what its file says.
#[derive(Clone, Copy, Default, clap::Args)]
pub struct Division {
    /// How to divide the pipeline into threads, in place of what its file says.
    #[arg(long)]
    pub mode: Option<Mode>,
    /// How many workers or shards there are in the modes that have them; by default as many as there are CPUs.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,
}

impl Division {
    /// Divides a pipeline so.
    pub fn apply(self, pipeline: &mut Pipeline) {
        let execution = &mut pipeline.execution;
        execution.mode = self.mode.map_or(execution.mode, Mode::meant);
        execution.workers = self.workers.and_then(|n| NonZeroUsize::new(n.into())).or(execution.workers);
    }
}

const RUN: &str = "\
Examples:
  sluice run pcap-rewrite                              rewrite the example capture
  sluice run pcap-rewrite input=a.pcap output=b.pcap addresses=10.0.0.0/8=192.168.0.0/16
  sluice run pcap-to-json input=- output=- < a.pcap    from standard input to standard output
  sluice run mine.yaml --summary json > summary.json   counters for a program to read
  sluice run mine.yaml --control /tmp/mine.sock        be asked by `sluice status` meanwhile
  sluice run mine.yaml --mode workers --workers 4      run each batch through all filters on one of four threads

A list is written with commas (ports=80,443), a map with = and commas (addresses=FROM=TO,FROM=TO).";

/// Check pipelines without running them.
///
/// Everything that is wrong is shown at once, each with its place in the file. Nothing is opened or started.
#[derive(clap::Args)]
#[command(after_help = CHECK)]
pub struct Check {
    /// YAML files or names of built-in pipelines, and values for params as NAME=VALUE.
    #[arg(required = true, value_name = "PIPELINE")]
    pub pipelines: Vec<String>,
}

const CHECK: &str = "\
Examples:
  sluice check mine.yaml              check one file
  sluice check pipelines/*.yaml       check many
  sluice check mine.yaml input=a.pcap check with a value for a param that has no default";

const LIST: &str = "\
Examples:
  sluice list                  everything
  sluice list --kind filter    only filters";

const SHOW: &str = "\
Examples:
  sluice show rewrite             what the filter does, its options, ports and drop reasons
  sluice show source:pcap_file    the source, where there is a sink of the same name
  sluice show pcap-rewrite        a built-in pipeline: its params and its YAML
  sluice show pcap-rewrite --yaml > mine.yaml
  sluice show fields tcp.         the fields of TCP, for expressions
  sluice show functions           the functions";

const SCHEMA: &str = "\
Examples:
  sluice schema > sluice.schema.json

Editors with a YAML language server complete and check a file that begins with:
  # yaml-language-server: $schema=sluice.schema.json";

const STATUS: &str = "\
Examples:
  sluice run mine.yaml --control /tmp/mine.sock &
  sluice status --control /tmp/mine.sock
  sluice status --control /tmp/mine.sock --json | jq .stages";

/// Show what the stages of a run that is going on see, such as connections and top talkers.
#[derive(clap::Args)]
#[command(after_help = VIEW)]
pub struct View {
    /// The control socket of the run: what it was given as `--control`.
    #[arg(long, value_name = "PATH")]
    pub control: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// What each worker or shard sees, too; in JSON it is always there.
    #[arg(long)]
    pub per_shard: bool,
    /// Look again every second until the run ends.
    #[arg(long)]
    pub watch: bool,
}

const VIEW: &str = "\
Examples:
  sluice run connections input=- --control /tmp/mine.sock < a.pcap &
  sluice view --control /tmp/mine.sock --watch
  sluice view --control /tmp/mine.sock --json | jq .stages[].merged";

const COMPLETIONS: &str = "\
Examples:
  sluice completions bash > ~/.local/share/bash-completion/completions/sluice
  sluice completions zsh  > ~/.zfunc/_sluice
  sluice completions fish > ~/.config/fish/completions/sluice.fish";

/// Draw the stages of a pipeline and what flows between them.
#[derive(clap::Args)]
#[command(after_help = GRAPH)]
pub struct Graph {
    /// A YAML file, the name of a built-in pipeline, or `-` for YAML on standard input.
    pub pipeline: String,
    /// Values for the params of the pipeline.
    #[arg(value_name = "NAME=VALUE")]
    pub params: Vec<String>,
    /// The language of the drawing.
    #[arg(long, default_value = "mermaid")]
    pub format: GraphFormat,
}

const GRAPH: &str = "\
Examples:
  sluice graph pcap-rewrite                           for Markdown that knows mermaid
  sluice graph mine.yaml --format dot | dot -Tsvg > mine.svg";

/// Run the tests that pipelines carry.
///
/// Each test runs its pipeline on files of its own in a temporary directory and compares what was written.
#[derive(clap::Args)]
#[command(after_help = TEST)]
pub struct Test {
    /// YAML files or names of built-in pipelines; by default all built-in ones.
    #[arg(value_name = "PIPELINE")]
    pub pipelines: Vec<String>,
    #[command(flatten)]
    pub division: Division,
}

const TEST: &str = "\
Examples:
  sluice test                 the tests of all built-in pipelines
  sluice test mine.yaml       those of one file
  sluice test --mode sharded  in another mode than the pipelines say

A test in a pipeline:
  tests:
    - name: copies every line
      params: {input: in.log, output: out.log}
      files: {in.log: {lines: [one, two]}}
      expect: {out.log: {lines: [one, two]}}";

/// Run a pipeline in every mode and compare.
///
/// Each mode is run with each number of workers or shards, several times, in turns, each time in a process of its own; the run
/// with the middle time counts. Sinks that write to a path write to a temporary directory instead (see TMPDIR), and others
/// take what comes and do nothing; nothing of the user's is overwritten. The input has to end, and fits into memory at best, so
/// that it is not the disk that is compared.
#[derive(clap::Args)]
#[command(after_help = BENCH)]
pub struct Bench {
    /// A YAML file or the name of a built-in pipeline.
    pub pipeline: String,
    /// Values for the params of the pipeline.
    #[arg(value_name = "NAME=VALUE")]
    pub params: Vec<String>,
    /// The numbers of workers and shards to try, as A,B,C; by default 1, 2, 4 and so on up to the number of CPUs.
    #[arg(long, value_name = "COUNTS", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Vec<u16>,
    /// How often each is run.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub runs: u16,
    /// Let no sink write anything.
    #[arg(long)]
    pub discard: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Run once, as MODE:WORKERS, and tell what it took.
    #[arg(long, hide = true)]
    pub one: Option<String>,
}

const BENCH: &str = "\
Examples:
  sluice bench pcap-rewrite input=big.pcap
  sluice bench mine.yaml --workers 2,4,8 --runs 5
  sluice bench mine.yaml --discard --json | jq .best";

/// Show the program that a tcpdump filter expression becomes.
///
/// An instruction that jumps names the one that it jumps to when its condition holds (jt) and when it does not (jf).
#[derive(clap::Args)]
#[command(after_help = BPF)]
pub struct Bpf {
    /// The filter expression, in one word or several; without one every packet passes.
    #[arg(value_name = "EXPRESSION", trailing_var_arg = true, allow_hyphen_values = true)]
    pub expression: Vec<String>,
    /// The form: `-d` for people, which is also what is printed without it, `-dd` for C, `-ddd` as numbers.
    #[arg(short = 'd', action = clap::ArgAction::Count)]
    pub form: u8,
    /// What packets begin with: the name or number of a link type.
    #[arg(long, value_name = "TYPE", default_value = "ETHERNET")]
    pub link: String,
    /// How many bytes of each packet are wanted.
    #[arg(long, value_name = "BYTES", default_value_t = 262_144)]
    pub snaplen: u32,
    /// Compile for a Linux socket, where the kernel has taken VLAN tags off the packets and knows their direction.
    #[arg(long)]
    pub live: bool,
}

const BPF: &str = "\
Examples:
  sluice bpf 'tcp port 443'
  sluice bpf -d --link LINUX_SLL2 'outbound and not port 22'
  sluice bpf -ddd --live 'vlan 100 and ip' > program.txt";

/// Show the network interfaces and what this process may do with them.
///
/// `up` is an interface that is up and has a carrier. The link type is what its packets begin with in a capture. A driver in
/// which XDP programs run is shown as `native`, and as `zero copy` when it can put packets where a capture wants them.
///
/// Frames in a capture that are longer than the MTU come from offloads: `gro` and `lro` join what is received, `tso` and
/// `gso` cut what is sent only behind the capture. VLAN tags that `rx_vlan` takes off are put back by a capture. With
/// `tx_checksum`, what this machine sends has no right checksums yet when it is captured.
#[derive(clap::Args)]
#[command(after_help = INTERFACES)]
pub struct Interfaces {
    /// The name of one, to see all that is known of it.
    pub name: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

const INTERFACES: &str = "\
Examples:
  sluice interfaces          all, and whether this process may capture
  sluice interfaces eth0     one, with its queues, rings and offloads
  sluice interfaces --json | jq '.interfaces[] | select(.running).name'
  sudo ethtool -K eth0 gro off lro off   capture what was on the wire, not what was made of it";

/// Try an expression on a capture.
///
/// Of a condition, the packets of which it is true are printed, one a line after their numbers, and how many there were.
/// Of anything else its values are printed: the number of the packet, a tab, and the values with commas between.
#[derive(clap::Args)]
#[command(after_help = EVAL)]
pub struct Eval {
    /// An expression, such as `tcp.port == 443 and ip.ttl < 5`.
    pub expression: String,
    /// The capture; `-` is standard input.
    pub capture: PathBuf,
    /// Print only how many packets there were.
    #[arg(long, short)]
    pub count: bool,
}

const EVAL: &str = "\
Examples:
  sluice eval 'tcp.port == 443 and ip.ttl < 65' a.pcap
  sluice eval 'ip.src' a.pcap                      the values of a field
  sluice eval 'entropy(payload) > 7.5' -c a.pcap   how many packets look encrypted";

/// What `list` may be restricted to.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Listed {
    Source,
    Filter,
    Sink,
    Pipeline,
}

impl Listed {
    /// The kind of component, if it is one.
    pub fn kind(self) -> Option<Kind> {
        match self {
            Listed::Source => Some(Kind::Source),
            Listed::Filter => Some(Kind::Filter),
            Listed::Sink => Some(Kind::Sink),
            Listed::Pipeline => None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum SummaryFormat {
    /// A table for people.
    Text,
    /// One JSON object.
    Json,
    /// Nothing.
    None,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum ViewFormat {
    /// Tables for people.
    Text,
    /// One JSON object on a line.
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum Mode {
    /// Every stage on its own threads.
    Staged,
    /// One queue, from which each worker takes a batch through all stateless filters.
    Workers,
    /// The input is divided by a key, and each shard takes its part through all filters.
    Sharded,
}

impl Mode {
    /// The mode that a pipeline knows.
    pub fn meant(self) -> sluice_config::Mode {
        match self {
            Mode::Staged => sluice_config::Mode::Staged,
            Mode::Workers => sluice_config::Mode::Workers,
            Mode::Sharded => sluice_config::Mode::Sharded,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub enum GraphFormat {
    Mermaid,
    Dot,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound_and_every_command_shows_examples() {
        let mut command = Args::command();
        command.clone().debug_assert();
        command.build();
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
            assert!(
                sub.get_after_help().is_some_and(|help| help.to_string().contains("Examples:")),
                "{}",
                sub.get_name()
            );
        }
    }
}
