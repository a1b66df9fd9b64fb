//! gzip (RFC 1952).

use flate2::{Decompress, FlushDecompress, Status};

use super::{Codec, Corrupt, Next, Step};

/// The largest window that deflate knows, as a power of two.
const WINDOW: u8 = 15;

/// Unpacks one member; its header and its checksum are the library's business.
pub(super) struct Gzip(Decompress);

impl Gzip {
    pub(super) fn new() -> Self {
        Self(Decompress::new_gzip(WINDOW))
    }
}

impl Codec for Gzip {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Corrupt> {
        let (before_in, before_out) = (self.0.total_in(), self.0.total_out());
        let result = self.0.decompress(input, output, FlushDecompress::None);
        let taken = (self.0.total_in() - before_in) as usize;
        let given = (self.0.total_out() - before_out) as usize;
        let next = match result {
            Ok(Status::StreamEnd) => Next::Frame,
            Ok(_) if taken == 0 && given == 0 => Next::Bytes(input.len() + 1),
            Ok(_) => Next::Step,
            Err(_) => return Err(Corrupt { given, why: "the data or its checksum is wrong" }),
        };
        Ok(Step { taken, given, next })
    }

    fn restart(&mut self) {
        self.0.reset(true);
    }
}
