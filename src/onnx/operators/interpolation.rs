//! From a place of a resized axis to the places that it is made of, as the operator `Resize` of ONNX defines it.

use crate::onnx::layers::Sample;

/// How places are made of others.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    pub(super) kind: FilterKind,
    pub(super) coordinates: Coordinates,
    /// Whether an axis that becomes shorter is smoothed, so that every place of it counts.
    pub(super) antialias: bool,
    /// Whether places outside count nothing; they count as the place at the end otherwise.
    pub(super) exclude_outside: bool,
    /// What is given outside the region, for [`Coordinates::Crop`].
    pub(super) outside: f32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum FilterKind {
    Nearest(Nearest),
    Linear,
    /// By the kernel of R. Keys, with its coefficient a: the attribute `cubic_coeff_a`.
    Cubic(f64),
}

/// To which of its two neighbours a position between them is rounded: the attribute `nearest_mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nearest {
    /// The nearer; of two that are equally near, the lower.
    PreferFloor,
    PreferCeil,
    Floor,
    Ceil,
}

/// Where an index of the output lies on the axis of the input: the attribute `coordinate_transformation_mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coordinates {
    HalfPixel,
    HalfPixelSymmetric,
    /// `pytorch_half_pixel`
    PyTorch,
    AlignCorners,
    Asymmetric,
    /// `tf_crop_and_resize`
    Crop,
}

impl Filter {
    pub(super) fn plain(kind: FilterKind, coordinates: Coordinates) -> Self {
        Self { kind, coordinates, antialias: false, exclude_outside: false, outside: 0.0 }
    }

    /// How many elements of the input one of the output is made of, at most: of whole numbers, `2h + 1` lie within `h` of a position. The scale
    /// is that of output to input.
    pub(super) fn most_taps(&self, scale: f64) -> usize {
        let half = self.half_width() / self.stretch(scale);
        num_traits::cast(2.0 * half.ceil() + 1.0).unwrap_or(usize::MAX)
    }

    fn half_width(&self) -> f64 {
        match self.kind {
            FilterKind::Nearest(_) => 0.5,
            FilterKind::Linear => 1.0,
            FilterKind::Cubic(_) => 2.0,
        }
    }

    /// Distances are multiplied by this: by less than 1 where an axis that becomes shorter is smoothed, over as many more elements.
    fn stretch(&self, scale: f64) -> f64 {
        match self.kind {
            FilterKind::Nearest(_) => 1.0,
            FilterKind::Linear | FilterKind::Cubic(_) => {
                if self.antialias {
                    scale.min(1.0)
                } else {
                    1.0
                }
            }
        }
    }

    /// What a place is made of, on an axis that has places, and is brought to a size.
    #[allow(clippy::cast_possible_truncation, reason = "weights are rounded to f32")]
    pub(super) fn taps(&self, at: usize, length: usize, size: usize, scale: f64, region: (f64, f64)) -> Sample {
        let place = self.place(at as f64, length as f64, size as f64, scale, region);
        let last = (length - 1) as f64;
        if self.coordinates == Coordinates::Crop && !(0.0..=last).contains(&place) {
            return Sample::Outside(self.outside);
        }
        let index = |place: f64| num_traits::cast::<f64, usize>(place.clamp(0.0, last)).unwrap_or(0);
        if let FilterKind::Nearest(nearest) = self.kind {
            return Sample::Of(vec![(index(nearest.of(place)), 1.0)]);
        }
        let stretch = self.stretch(scale);
        let reach = self.half_width() / stretch;
        let (first, end) = ((place - reach).floor(), (place + reach).ceil());
        let mut weights: Vec<(usize, f64)> = Vec::new();
        // As many steps as there are, whatever the numbers: of the largest, the next is the same.
        for step in 0..=num_traits::cast::<f64, usize>(end - first).unwrap_or(0) {
            let neighbour = first + step as f64;
            let weight = self.weight((neighbour - place).abs() * stretch);
            let is_outside = neighbour < 0.0 || neighbour > last;
            if weight != 0.0 && !(is_outside && self.exclude_outside) {
                let index = index(neighbour);
                match weights.last_mut() {
                    Some((same, sum)) if *same == index => *sum += weight,
                    _ => weights.push((index, weight)),
                }
            }
        }
        let sum: f64 = weights.iter().map(|(_, weight)| weight).sum();
        // Without smoothing and with all places they add up to 1 already.
        let sum = if sum == 0.0 { 1.0 } else { sum };
        Sample::Of(weights.into_iter().map(|(index, weight)| (index, (weight / sum) as f32)).collect())
    }

    /// Where a place lies on the axis that is given.
    fn place(&self, at: f64, length: f64, size: f64, scale: f64, (start, end): (f64, f64)) -> f64 {
        let half_pixel = (at + 0.5) / scale - 0.5;
        match self.coordinates {
            Coordinates::HalfPixel => half_pixel,
            Coordinates::PyTorch => {
                if size > 1.0 {
                    half_pixel
                } else {
                    0.0
                }
            }
            Coordinates::HalfPixelSymmetric => {
                let adjustment = size / (scale * length);
                length / 2.0 * (1.0 - adjustment) + half_pixel
            }
            // Of a size that is not whole, ONNX's own tests take it as it is.
            Coordinates::AlignCorners => match length * scale {
                size if size > 1.0 => at * (length - 1.0) / (size - 1.0),
                _ => 0.0,
            },
            Coordinates::Asymmetric => at / scale,
            Coordinates::Crop if size > 1.0 => {
                start * (length - 1.0) + at * (end - start) * (length - 1.0) / (size - 1.0)
            }
            Coordinates::Crop => 0.5 * (start + end) * (length - 1.0),
        }
    }

    /// The weight of a place at a distance.
    fn weight(&self, distance: f64) -> f64 {
        match self.kind {
            FilterKind::Nearest(_) => 1.0,
            FilterKind::Linear => (1.0 - distance).max(0.0),
            FilterKind::Cubic(a) => match distance {
                ..1.0 => ((a + 2.0) * distance - (a + 3.0)) * distance * distance + 1.0,
                ..2.0 => ((distance - 5.0) * distance + 8.0) * distance * a - 4.0 * a,
                _ => 0.0,
            },
        }
    }
}

impl Nearest {
    fn of(self, place: f64) -> f64 {
        match self {
            Self::PreferFloor => (place - 0.5).ceil(),
            Self::PreferCeil => (place + 0.5).floor(),
            Self::Floor => place.floor(),
            Self::Ceil => place.ceil(),
        }
    }
}
