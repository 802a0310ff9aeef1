//! Whether an error says what is wrong: every number that it names is held against the case, and must be at fault.

use featuremap::Error;

use super::layout::{Spec, are_too_large};

/// What a case was made of, as far as errors speak of it.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// Spatial axes.
    pub(crate) axes: usize,
    pub(crate) spec: Spec,
    pub(crate) input: Vec<usize>,
    pub(crate) filters: Vec<usize>,
    pub(crate) groups: usize,
    pub(crate) bias: Option<Vec<usize>>,
    pub(crate) output_padding: Vec<usize>,
    pub(crate) output_size: Vec<usize>,
    pub(crate) order: f64,
    /// Ranks that the input may have, and filters.
    pub(crate) ranks: (Vec<usize>, Vec<usize>),
}

/// More memory than a case may ask for, unless its output has so much.
const REFUSED: usize = 1 << 28;

impl Facts {
    pub(crate) fn new(axes: usize, spec: &Spec, input: &[usize]) -> Self {
        let ranks: Vec<usize> = (axes..axes + 3).collect();
        Self {
            axes,
            spec: spec.clone(),
            input: input.to_vec(),
            filters: Vec::new(),
            groups: 1,
            bias: None,
            output_padding: vec![0; axes],
            output_size: vec![1; axes],
            order: 2.0,
            ranks: (ranks.clone(), ranks),
        }
    }

    fn length(&self, axis: usize) -> usize {
        self.input[self.input.len() - self.axes + axis]
    }

    fn channels(&self) -> usize {
        if self.input.len() > self.axes { self.input[self.input.len() - self.axes - 1] } else { 1 }
    }

    #[track_caller]
    pub(crate) fn check(&self, error: &Error) {
        assert!(self.admit(error), "not so: {error} ({error:?}) of {self:?}");
        assert!(error.to_string().len() > 20, "{error}");
    }

    /// Whether it is as the error says.
    fn admit(&self, error: &Error) -> bool {
        let spec = &self.spec;
        match error {
            Error::Zero { what, axis } => match *what {
                "window size" => spec.size[*axis] == 0,
                "stride" => spec.stride[*axis] == 0,
                "dilation" => spec.dilation[*axis] == 0,
                "output size" => self.output_size[*axis] == 0,
                _ => false,
            },
            Error::EmptyAxis { axis } => self.length(*axis) == 0,
            Error::WindowTooLarge { axis, extent, size, dilation, length, before, after } => {
                let said = (*size, *dilation, *length, (*before, *after));
                let sides = spec.padding.sides(*axis);
                said == (spec.size[*axis], spec.dilation[*axis], self.length(*axis), sides)
                    && *extent as i128 == spec.extent(*axis)
                    && *extent as i128 > *length as i128 + *before as i128 + *after as i128
            }
            Error::EmptyWindow { axis, output, start, size, dilation, length } => {
                let along = spec.lay_out(&self.input[self.input.len() - self.axes..]).map(|axes| axes[*axis]);
                (*size, *dilation, *length) == (spec.size[*axis], spec.dilation[*axis], self.length(*axis))
                    && along
                        .is_some_and(|along| !along.has_pixel(*output) && along.position(*output, 0) == *start as i128)
            }
            Error::TooLarge { sizes, .. } => are_too_large(sizes),
            Error::OutOfMemory { bytes, .. } => *bytes > REFUSED,
            Error::Rank { found, .. } => {
                let wrong = |shape: &[usize], ranks: &[usize]| found == shape && !ranks.contains(&found.len());
                wrong(&self.input, &self.ranks.0) || wrong(&self.filters, &self.ranks.1)
            }
            _ => self.admit_filters(error),
        }
    }

    /// The same of errors of filters, padding modes and transposed windows.
    fn admit_filters(&self, error: &Error) -> bool {
        match error {
            Error::Channels { expected, found, filters, groups, .. } => {
                (filters, *groups, *found) == (&self.filters, self.groups, self.channels()) && found != expected
            }
            Error::Features { expected, found, weights } => {
                weights == &self.filters && Some(found) == self.input.last() && found != expected
            }
            Error::Groups { count, groups, .. } => {
                *groups == self.groups
                    && (*groups == 0 || count % groups != 0)
                    && self.filters.first().is_none_or(|first| first == count || *count == 1)
            }
            Error::Bias { expected, found } => Some(found) == self.bias.as_ref() && *found != [*expected],
            Error::PaddingMode { axis, before, after, length, most, .. } => {
                *length == self.length(*axis) && before.max(after) > most && (*most == *length || *most + 1 == *length)
            }
            Error::TransposedSize { size, axis, length, stride, .. } => {
                *size <= 0 && (*length, *stride) == (self.length(*axis), self.spec.stride[*axis])
            }
            Error::OutputPadding { axis, output_padding, stride, dilation } => {
                *output_padding == self.output_padding[*axis]
                    && (*stride, *dilation) == (self.spec.stride[*axis], self.spec.dilation[*axis])
                    && output_padding >= stride.max(dilation)
            }
            Error::NormOrder { found } => {
                found.to_bits() == self.order.to_bits()
                    && !(*found > 0.0 && found.is_finite() && found.recip().is_finite() && *found < 1e30)
            }
            _ => false,
        }
    }
}
