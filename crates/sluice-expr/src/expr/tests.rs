mod blocks;
mod errors;
mod laws;
mod packets;
mod records;
