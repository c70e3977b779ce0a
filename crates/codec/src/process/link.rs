use watchfire_model::Moment;

use crate::checksum::Sum;
use crate::clock;
use crate::error::CodecError;
use crate::frame::RawFrame;
use crate::varint::Input;

/// What a reader knows of the table before without its rows: enough to tell
/// whether a frame follows it.
#[derive(Debug, Clone, Default)]
pub(crate) struct TableLink {
    before: Option<(Moment, Sum)>,
}

impl TableLink {
    /// The chain is broken; only a key table can be read next.
    pub(crate) fn forget(&mut self) {
        self.before = None;
    }

    /// Checks that the frame is whole and follows the one before it, and gives
    /// its moment and what comes behind that. After an error the chain is forgotten.
    pub(crate) fn follow<'a>(
        &mut self,
        frame: RawFrame<'a>,
    ) -> Result<(Moment, Input<'a>), CodecError> {
        let before = self.before.take();
        let (seed, before) = match (frame.starts_chain, before) {
            (true, _) => (Sum::START, None),
            (false, Some((at, sum))) => (sum, Some(at)),
            (false, None) => return Err(CodecError::ChainBroken),
        };
        let sum = frame.check(seed)?;
        let mut input = Input::new(frame.payload);
        let at = clock::moment(&mut input, before)?;
        self.before = Some((at, sum));
        Ok((at, input))
    }
}
