use watchfire_model::Tick;

use super::chain::Chain;
use super::link::TickLink;
use crate::coder::Reader;
use crate::error::CodecError;
use crate::frame::RawFrame;
use crate::schema::Known;

/// Reads ticks.
#[derive(Debug, Default)]
pub(crate) struct TickDecoder {
    chain: Chain,
    link: TickLink,
    pub(crate) tick: Tick,
}

impl TickDecoder {
    /// The chain is broken; only a key tick can be read next.
    pub(crate) fn forget(&mut self) {
        self.link.forget();
    }

    /// Reads the frame into `self.tick`.
    pub(crate) fn read(&mut self, frame: RawFrame<'_>, known: &Known) -> Result<(), CodecError> {
        let head = self.link.follow(frame, known)?;
        self.tick.at = head.at;
        if frame.starts_chain {
            self.tick.generation = known.generation;
            self.tick.values.clear();
            self.chain.begin();
        }
        let mut reader = Reader::new(head.body);
        self.chain.code(&mut reader, &mut self.tick.values, head.count, |_| 0.0, |_, unit| unit);
        if reader.overrun() {
            self.link.forget();
            // Those of the tick before are gone, and what is there now nobody wrote.
            self.tick.values.clear();
            return Err(CodecError::Truncated { what: "the values" });
        }
        Ok(())
    }
}
