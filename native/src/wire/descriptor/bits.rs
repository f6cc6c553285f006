//! The bit fields of a dependency descriptor (AV1 RTP specification 1.0, appendix A.8).
//!
//! Lists in it have no count in front: each is as long as the structure says or ends by
//! a mark, so what bounds them is the extension, of 255 octets at most.

use super::dependency::Indication;
use crate::errors::DecodeError;

pub(super) const CUT: DecodeError = DecodeError::new("dependency_cut");

/// Reads big-endian bit fields; past the end the descriptor is cut.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }

    /// The next `count` bits, 32 at most.
    pub(super) fn read(&mut self, count: u8) -> Result<u32, DecodeError> {
        let mut value = 0;
        for _ in 0..count {
            let octet = self.data.get(self.at / 8).ok_or(CUT)?;
            value = value << 1 | u32::from(octet >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Ok(value)
    }

    /// The next `count` bits, 8 at most.
    pub(super) fn small(&mut self, count: u8) -> Result<u8, DecodeError> {
        Ok(self.read(count)? as u8)
    }

    pub(super) fn flag(&mut self) -> Result<bool, DecodeError> {
        Ok(self.read(1)? != 0)
    }

    /// A value below `size` in the fewest bits (appendix A.8.2, `ns`).
    pub(super) fn non_symmetric(&mut self, size: u8) -> Result<u8, DecodeError> {
        let width = u8::BITS as u8 - size.leading_zeros() as u8;
        let short = (1 << width) - size;
        let value = self.small(width - 1)?;
        if value < short {
            return Ok(value);
        }
        Ok((value << 1 | self.small(1)?) - short)
    }

    pub(super) fn indications(&mut self, targets: u8) -> Result<Vec<Indication>, DecodeError> {
        let one = |_| {
            Ok(match self.read(2)? {
                0 => Indication::NotPresent,
                1 => Indication::Discardable,
                2 => Indication::Switch,
                _ => Indication::Required,
            })
        };
        (0..targets).map(one).collect()
    }

    /// As many values of `width` bits as there are chains.
    pub(super) fn chains(&mut self, count: u8, width: u8) -> Result<Vec<u8>, DecodeError> {
        (0..count).map(|_| self.small(width)).collect()
    }

    /// Differences of 4, 8 or 12 bits, until a size of zero.
    pub(super) fn frame_differences(&mut self) -> Result<Vec<u16>, DecodeError> {
        let mut found = Vec::new();
        loop {
            let size = self.small(2)?;
            if size == 0 {
                return Ok(found);
            }
            found.push(self.read(4 * size)? as u16 + 1);
        }
    }

    /// Differences of 4 bits, each behind a 1.
    pub(super) fn template_differences(&mut self) -> Result<Vec<u16>, DecodeError> {
        let mut found = Vec::new();
        while self.flag()? {
            found.push(self.read(4)? as u16 + 1);
        }
        Ok(found)
    }
}
