//! The serialised forms: serde has no arrays of generic length, so sizes travel as sequences.

use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(rename = "Padding", rename_all = "snake_case")]
pub(super) enum PaddingForm {
    Valid,
    Same,
    SameLower,
    Explicit(Vec<(usize, usize)>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "Window")]
pub(super) struct WindowForm {
    size: Vec<usize>,
    stride: Vec<usize>,
    dilation: Vec<usize>,
    padding: PaddingForm,
    ceil_mode: bool,
}

/// `N` values, or a message that says how many there were.
fn array<A, const N: usize>(what: &str, values: Vec<A>) -> Result<[A; N], String> {
    let found = values.len();
    values.try_into().map_err(|_| format!("{what} has {found} axes instead of {N}"))
}

impl<const N: usize> From<super::Padding<N>> for PaddingForm {
    fn from(padding: super::Padding<N>) -> Self {
        match padding {
            super::Padding::Valid => Self::Valid,
            super::Padding::Same => Self::Same,
            super::Padding::SameLower => Self::SameLower,
            super::Padding::Explicit(sides) => Self::Explicit(sides.to_vec()),
        }
    }
}

impl<const N: usize> TryFrom<PaddingForm> for super::Padding<N> {
    type Error = String;

    fn try_from(padding: PaddingForm) -> Result<Self, String> {
        Ok(match padding {
            PaddingForm::Valid => Self::Valid,
            PaddingForm::Same => Self::Same,
            PaddingForm::SameLower => Self::SameLower,
            PaddingForm::Explicit(sides) => Self::Explicit(array("padding", sides)?),
        })
    }
}

impl<const N: usize> From<super::Window<N>> for WindowForm {
    fn from(window: super::Window<N>) -> Self {
        Self {
            size: window.size.to_vec(),
            stride: window.stride.to_vec(),
            dilation: window.dilation.to_vec(),
            padding: window.padding.into(),
            ceil_mode: window.ceil_mode,
        }
    }
}

impl<const N: usize> TryFrom<WindowForm> for super::Window<N> {
    type Error = String;

    fn try_from(window: WindowForm) -> Result<Self, String> {
        const { super::assert_rank(N) }
        Ok(Self {
            size: array("size", window.size)?,
            stride: array("stride", window.stride)?,
            dilation: array("dilation", window.dilation)?,
            padding: window.padding.try_into()?,
            ceil_mode: window.ceil_mode,
        })
    }
}
