//! Where batches come from.

mod file;
mod generate;
mod pcap_file;
mod stdin;
