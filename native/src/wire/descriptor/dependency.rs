//! The dependency descriptor header extension (AV1 RTP specification 1.0, appendix A).
//!
//! It tells frame borders, layers and dependencies outside the payload, hence also for
//! encrypted payloads and for codecs whose payload says nothing.  Three octets stand on
//! every packet (start, end, template id, frame number).  The templates they point to
//! arrive once, with a key frame: the *structure*, which the caller keeps per stream and
//! hands in again.
//!
//! Only what a relay needs is kept of the structure: per template the layer ids, the
//! decode target indications and the frame differences, and what protects each target.
//! Everything is bounded by the format: at most 64 templates, 32 decode targets.
//! Structure and templates are shared, so that the packets which only point to a
//! template allocate nothing.

use std::sync::Arc;

use super::bits::{Bits, CUT};
use super::frame::FrameFacts;
use crate::errors::DecodeError;

pub const TEMPLATES_MAX: usize = 64;
const SPATIAL_MAX: u8 = 3;
const TEMPORAL_MAX: u8 = 7;

/// What a frame is to a decode target (appendix A.8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indication {
    NotPresent,
    Discardable,
    Switch,
    Required,
}

/// A kind of frame: its layer, indications per target, and frame differences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    pub spatial: u8,
    pub temporal: u8,
    pub indications: Vec<Indication>,
    pub frame_differences: Vec<u16>,
    pub chain_differences: Vec<u8>,
}

/// The templates of a stream.
///
/// `target_layers` gives the highest (spatial, temporal) of each decode target,
/// `protected_by` the chain that protects it, `resolutions` (width, height) per
/// spatial layer or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure {
    pub id_offset: u8,
    pub templates: Vec<Arc<Template>>,
    pub decode_targets: u8,
    pub chains: u8,
    pub protected_by: Vec<u8>,
    pub target_layers: Vec<(u8, u8)>,
    pub resolutions: Vec<(u32, u32)>,
}

/// One packet's descriptor.
///
/// `structure` is the one it carries, none if it carries none.  `frame` is none when no
/// structure is known that explains the template id.  `active_targets` is a bit mask
/// over decode targets, none where the packet does not change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    pub start: bool,
    pub end: bool,
    pub template_id: u8,
    pub frame_number: u16,
    pub structure: Option<Arc<Structure>>,
    pub frame: Option<Arc<Template>>,
    pub active_targets: Option<u32>,
}

impl Descriptor {
    /// What forwarding needs of it.
    ///
    /// A key frame is the frame that brings the structure without referring to any
    /// other one.
    pub fn facts(&self) -> FrameFacts {
        let plain = FrameFacts {
            start: self.start,
            end: Some(self.end),
            ..FrameFacts::default()
        };
        let Some(frame) = self.frame.as_deref() else {
            return plain;
        };
        let key = self.structure.is_some() && frame.frame_differences.is_empty();
        // frames of one picture are numbered in a row, one per spatial layer
        let own = u16::from(frame.spatial);
        let alone = frame.frame_differences.iter().all(|&back| back <= own);
        let told = frame.indications.iter();
        let mut present = told.filter(|&&told| told != Indication::NotPresent);
        let switch = present.clone().any(|&told| told == Indication::Switch);
        // the first target that has the frame is the one of its own layer
        let ends_here = present.next() == Some(&Indication::Discardable);
        FrameFacts {
            keyframe: self.start && key && frame.spatial == 0,
            spatial: frame.spatial,
            temporal: frame.temporal,
            switch_up: key || ends_here || switch,
            spatial_switch: alone,
            discardable: ends_here && present.all(|&told| told == Indication::Discardable),
            ..plain
        }
    }
}

/// Read one extension value; `known` is the stream's latest structure.
pub fn parse(data: &[u8], known: Option<&Structure>) -> Result<Descriptor, DecodeError> {
    let &[first, high, low, ref rest @ ..] = data else {
        return Err(CUT);
    };
    let mut found = Descriptor {
        start: first & 0x80 != 0,
        end: first & 0x40 != 0,
        template_id: first & 0x3F,
        frame_number: u16::from_be_bytes([high, low]),
        structure: None,
        frame: None,
        active_targets: None,
    };
    if rest.is_empty() {
        found.frame = known
            .and_then(|known| template(known, found.template_id))
            .cloned();
    } else {
        extended(&mut Bits::new(rest), known, &mut found)?;
    }
    Ok(found)
}

fn extended(
    bits: &mut Bits<'_>,
    known: Option<&Structure>,
    found: &mut Descriptor,
) -> Result<(), DecodeError> {
    let (has_structure, has_active) = (bits.flag()?, bits.flag()?);
    let own = [bits.flag()?, bits.flag()?, bits.flag()?];
    if has_structure {
        let told = structure(bits)?;
        found.active_targets = Some(u32::MAX >> (32 - u32::from(told.decode_targets)));
        found.structure = Some(Arc::new(told));
    }
    let Some(current) = found.structure.as_deref().or(known) else {
        return Ok(());
    };
    if has_active {
        found.active_targets = Some(bits.read(current.decode_targets)?);
    }
    let kept = template(current, found.template_id);
    let kept = kept.ok_or(DecodeError::new("dependency_template"))?;
    found.frame = Some(if own.contains(&true) {
        Arc::new(own_frame(bits, current, kept, own)?)
    } else {
        kept.clone()
    });
    Ok(())
}

/// The template with what the packet says itself: indications, differences, chains.
fn own_frame(
    bits: &mut Bits<'_>,
    structure: &Structure,
    template: &Template,
    [indications, differences, chains]: [bool; 3],
) -> Result<Template, DecodeError> {
    let mut frame = template.clone();
    if indications {
        frame.indications = bits.indications(structure.decode_targets)?;
    }
    if differences {
        frame.frame_differences = bits.frame_differences()?;
    }
    if chains {
        frame.chain_differences = bits.chains(structure.chains, 8)?;
    }
    Ok(frame)
}

fn template(structure: &Structure, template_id: u8) -> Option<&Arc<Template>> {
    let index = template_id.wrapping_sub(structure.id_offset);
    structure.templates.get(usize::from(index) % TEMPLATES_MAX)
}

fn structure(bits: &mut Bits<'_>) -> Result<Structure, DecodeError> {
    let (id_offset, targets) = (bits.small(6)?, bits.small(5)? + 1);
    let mut templates = template_layers(bits)?;
    for template in &mut templates {
        template.indications = bits.indications(targets)?;
    }
    for template in &mut templates {
        template.frame_differences = bits.template_differences()?;
    }
    let chains = bits.non_symmetric(targets + 1)?;
    let mut protected_by = Vec::new();
    if chains > 0 {
        let chain = |_| bits.non_symmetric(chains);
        protected_by = (0..targets).map(chain).collect::<Result<_, _>>()?;
        for template in &mut templates {
            template.chain_differences = bits.chains(chains, 4)?;
        }
    }
    let target_layers = target_layers(&templates, targets);
    Ok(Structure {
        id_offset,
        decode_targets: targets,
        chains,
        protected_by,
        target_layers,
        resolutions: resolutions(bits, &templates)?,
        templates: templates.into_iter().map(Arc::new).collect(),
    })
}

/// Layer ids of each template: same, next temporal, next spatial, end.
fn template_layers(bits: &mut Bits<'_>) -> Result<Vec<Template>, DecodeError> {
    let mut layers = Vec::new();
    let (mut spatial, mut temporal) = (0, 0);
    loop {
        if layers.len() == TEMPLATES_MAX {
            return Err(DecodeError::new("dependency_templates"));
        }
        layers.push(Template {
            spatial,
            temporal,
            ..Template::default()
        });
        match bits.read(2)? {
            0 => (),
            1 => temporal += 1,
            2 => (spatial, temporal) = (spatial + 1, 0),
            _ => return Ok(layers),
        }
        if spatial > SPATIAL_MAX || temporal > TEMPORAL_MAX {
            return Err(DecodeError::new("dependency_layers"));
        }
    }
}

/// Width and height per spatial layer, when they are told.
fn resolutions(
    bits: &mut Bits<'_>,
    templates: &[Template],
) -> Result<Vec<(u32, u32)>, DecodeError> {
    if !bits.flag()? {
        return Ok(Vec::new());
    }
    let highest = templates.iter().map(|template| template.spatial).max();
    let one = |_| Ok((bits.read(16)? + 1, bits.read(16)? + 1));
    (0..=highest.unwrap_or(0)).map(one).collect()
}

fn target_layers(templates: &[Template], targets: u8) -> Vec<(u8, u8)> {
    let highest = |target: usize| {
        let present = templates
            .iter()
            .filter(|frame| frame.indications[target] != Indication::NotPresent);
        present.fold((0, 0), |(spatial, temporal), frame| {
            (spatial.max(frame.spatial), temporal.max(frame.temporal))
        })
    };
    (0..usize::from(targets)).map(highest).collect()
}
