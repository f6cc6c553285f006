//! Headers of a batch that lack nothing but the numbers of a consumer.

/// Where a header ends, and where in it the transport-wide number stands, 0 for nowhere.
#[derive(Clone, Copy, Debug)]
pub struct Template {
    pub end: usize,
    pub number_at: usize,
}

/// A header that lacks the consumer's numbers.
#[derive(Clone, Copy, Debug)]
pub struct Rendered<'a> {
    header: &'a [u8],
    number_at: usize,
}

/// Headers of a batch, one behind the other.
#[derive(Debug, Default)]
pub struct Rendering {
    pub bytes: Vec<u8>,
    pub templates: Vec<Template>,
}

impl Rendering {
    /// Forget what was rendered, but keep the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.templates.clear();
    }

    /// What was rendered, in order.
    pub fn headers(&self) -> impl Iterator<Item = Rendered<'_>> + '_ {
        let mut start = 0;
        self.templates.iter().map(move |template| {
            let header = &self.bytes[start..template.end];
            start = template.end;
            Rendered {
                header,
                number_at: template.number_at,
            }
        })
    }

    /// What was rendered last.
    pub fn last(&self) -> Option<Rendered<'_>> {
        self.headers().last()
    }
}

/// The numbers that a consumer writes into a header; `number` is the transport-wide one.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    pub ssrc: u32,
    pub index: i64,
    pub timestamp: u32,
    pub number: i64,
}

impl Rendered<'_> {
    /// The whole header; `extra` bits are set in the second octet.
    pub fn stamp(&self, written: &Written, extra: u8, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(self.header);
        let header = &mut out[start..];
        header[1] |= extra;
        header[2..4].copy_from_slice(&(written.index as u16).to_be_bytes());
        header[4..8].copy_from_slice(&written.timestamp.to_be_bytes());
        header[8..12].copy_from_slice(&written.ssrc.to_be_bytes());
        if self.number_at > 0 {
            let number = (written.number as u16).to_be_bytes();
            header[self.number_at..self.number_at + 2].copy_from_slice(&number);
        }
    }
}
