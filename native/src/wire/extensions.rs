//! RTP header extensions: where the elements of a packet lie (RFC 8285).
//!
//! `spans` copies nothing, because a forwarder keeps most elements as they are.  A
//! malformed element ends the reading and what stood before it counts, as section 4.2
//! asks for ids 15 and 0 with a length.

pub const ONE_BYTE_PROFILE: u16 = 0xBEDE;
pub const TWO_BYTE_PROFILE: u16 = 0x1000;

/// One element: its id, and where its value starts in the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub id: u8,
    pub start: usize,
    pub length: usize,
}

/// Whether `profile` names the two-byte form; its low four bits are free.
pub fn is_two_byte(profile: u16) -> bool {
    profile & 0xFFF0 == TWO_BYTE_PROFILE
}

/// Every element of the body at `offset`, in order; the numbers are an `RtpView`'s.
pub fn spans(packet: &[u8], profile: u16, offset: usize, length: usize) -> Spans<'_> {
    let known = profile == ONE_BYTE_PROFILE || is_two_byte(profile);
    let end = if known { offset + length } else { offset };
    Spans {
        body: &packet[..end.min(packet.len())],
        at: offset,
        one_byte: profile == ONE_BYTE_PROFILE,
    }
}

/// The walk over the elements.
#[derive(Clone, Debug)]
pub struct Spans<'a> {
    body: &'a [u8],
    at: usize,
    one_byte: bool,
}

impl Spans<'_> {
    /// Id, start and length of the element whose first octet is `head`, at `at`.
    fn element(&self, head: u8) -> Option<Span> {
        let (id, start, length) = if self.one_byte {
            (head >> 4, self.at + 1, usize::from(head & 15) + 1)
        } else {
            let length = usize::from(*self.body.get(self.at + 1)?);
            (head, self.at + 2, length)
        };
        let refused = self.one_byte && matches!(id, 0 | 15);
        let fits = start + length <= self.body.len();
        (!refused && fits).then_some(Span { id, start, length })
    }
}

impl Iterator for Spans<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        while self.body.get(self.at) == Some(&0) {
            self.at += 1;
        }
        let found = self.body.get(self.at).and_then(|&head| self.element(head));
        self.at = found.map_or(self.body.len(), |span| span.start + span.length);
        found
    }
}
