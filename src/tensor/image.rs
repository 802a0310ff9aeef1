//! Pictures of the `image` crate as tensors, and back.
//!
//! Values stay as they are: a `u8` of 255 becomes 255, not 1. A picture lies in memory pixel by pixel, a tensor channel
//! by channel; with one channel the two are the same, and an owned one moves.

use std::ops::Deref;

use ::image::{ColorType, DynamicImage, GrayImage, ImageBuffer, Pixel, Primitive};
use ndarray::{ArrayBase, ArrayD, ArrayView3, Axis, Ix3, IxDyn, RawData};
use num_traits::FromPrimitive;

use num_traits::Zero;

use super::{Tensor, TensorView};
use crate::{Error, Result};

impl<'a, P: Pixel, C: Deref<Target = [P::Subpixel]>> From<&'a ImageBuffer<P, C>> for TensorView<'a, P::Subpixel> {
    /// A picture seen as a tensor, without a copy: `[height, width]` where its pixels have one channel (`Luma`), else
    /// `[channels, height, width]` (three channels for `Rgb`, four for `Rgba`).
    ///
    /// So a picture can be given to any operation on its element type. With more than one channel its values lie
    /// interleaved, and an operation may copy them first; for several operations, make a [`Tensor`].
    ///
    /// ```
    /// use featuremap::{MaxPool2d, Module, Tensor};
    /// use image::RgbImage;
    /// use ndarray::array;
    ///
    /// let picture = RgbImage::from_raw(2, 1, vec![1, 2, 3, 40, 50, 60]).unwrap();
    /// let brightest = MaxPool2d::new([1, 2]).forward(&picture)?;
    /// assert_eq!(brightest, Tensor::from(array![[[40]], [[50]], [[60]]]));
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    fn from(picture: &'a ImageBuffer<P, C>) -> Self {
        let shape = interleaved_shape(picture);
        let samples = &picture.as_raw()[..shape.iter().product()];
        let interleaved = ArrayView3::from_shape(shape, samples).expect("the samples of a picture fill its sides");
        Self::new(planes(interleaved))
    }
}

impl<P: Pixel, C: Deref<Target = [P::Subpixel]>> From<&ImageBuffer<P, C>> for Tensor<P::Subpixel> {
    /// A copy of a picture: `[height, width]` where its pixels have one channel (`Luma`), else
    /// `[channels, height, width]` (three channels for `Rgb`, four for `Rgba`).
    ///
    /// ```
    /// use featuremap::Tensor;
    /// use image::{GrayImage, RgbImage};
    /// use ndarray::array;
    ///
    /// let gray = GrayImage::from_raw(3, 1, vec![0, 127, 255]).unwrap();
    /// assert_eq!(Tensor::from(&gray), Tensor::from(array![[0, 127, 255]]));
    ///
    /// let colors = RgbImage::from_raw(2, 1, vec![1, 2, 3, 40, 50, 60]).unwrap();
    /// assert_eq!(Tensor::from(&colors), Tensor::from(array![[[1, 40]], [[2, 50]], [[3, 60]]]));
    /// ```
    ///
    /// Values are not rescaled. Filters with fractions need floats, and those of a network mostly want them from 0 to 1:
    ///
    /// ```
    /// # use featuremap::Tensor;
    /// # let gray = image::GrayImage::from_raw(3, 1, vec![0, 127, 255]).unwrap();
    /// let brightness = Tensor::from(&gray).map(|&value| f32::from(value) / 255.0);
    /// assert_eq!(brightness.get(&[0, 2]), Some(&1.0));
    /// ```
    fn from(picture: &ImageBuffer<P, C>) -> Self {
        TensorView::from(picture).to_tensor()
    }
}

impl<P: Pixel> From<ImageBuffer<P, Vec<P::Subpixel>>> for Tensor<P::Subpixel> {
    /// As from a reference; a picture whose pixels have one channel moves, without a copy.
    ///
    /// ```
    /// use featuremap::Tensor;
    ///
    /// let picture = image::GrayImage::new(640, 480);
    /// assert_eq!(Tensor::from(picture).shape(), [480, 640]);
    /// ```
    fn from(picture: ImageBuffer<P, Vec<P::Subpixel>>) -> Self {
        let [height, width, channels] = interleaved_shape(&picture);
        if channels != 1 {
            return Self::from(&picture);
        }
        let mut samples = picture.into_raw();
        samples.truncate(height * width);
        let array = ArrayD::from_shape_vec(IxDyn(&[height, width]), samples);
        Self { array: array.expect("the samples of a picture fill its sides") }
    }
}

impl From<&DynamicImage> for Tensor<f32> {
    /// Brightness from 0 to 1, whatever a file holds: one that `image::open` has read may have any type of pixels, which is not known
    /// when compiling. `[height, width]` for a picture in gray, else `[channels, height, width]`, with as many channels as it has: 2
    /// for gray with alpha, 3 for colours, 4 for those with alpha.
    ///
    /// To have three channels in any case, or bytes or 16 bits as they are, say which: `Tensor::from(picture.to_rgb8())`, `to_luma16()`.
    ///
    /// ```
    /// use featuremap::Tensor;
    /// use image::{DynamicImage, GrayImage, RgbaImage};
    ///
    /// let picture = DynamicImage::from(GrayImage::from_raw(2, 1, vec![0, 255]).unwrap());
    /// assert_eq!(Tensor::from(&picture), Tensor::from([[0., 1.]]));
    ///
    /// let picture = DynamicImage::from(RgbaImage::new(640, 480));
    /// assert_eq!(Tensor::from(&picture).shape(), [4, 480, 640]);
    /// assert_eq!(Tensor::from(picture.to_rgb8()).shape(), [3, 480, 640]);
    /// ```
    fn from(picture: &DynamicImage) -> Self {
        match picture.color() {
            ColorType::L8 | ColorType::L16 => picture.to_luma32f().into(),
            ColorType::La8 | ColorType::La16 => picture.to_luma_alpha32f().into(),
            ColorType::Rgb8 | ColorType::Rgb16 | ColorType::Rgb32F => picture.to_rgb32f().into(),
            _ => picture.to_rgba32f().into(),
        }
    }
}

impl From<DynamicImage> for Tensor<f32> {
    /// As from a reference.
    fn from(picture: DynamicImage) -> Self {
        Self::from(&picture)
    }
}

impl<P: Pixel> TryFrom<TensorView<'_, P::Subpixel>> for ImageBuffer<P, Vec<P::Subpixel>> {
    type Error = Error;

    /// A picture with a copy of the values: from `[channels, height, width]`, or for pixels of one channel (`Luma`)
    /// also from `[height, width]`.
    ///
    /// ```
    /// use featuremap::{Tensor, TensorView};
    /// use image::GrayImage;
    /// use ndarray::{Axis, array};
    ///
    /// let maps = array![[[1_u8, 2]], [[30, 40]]]; // two maps of 1×2
    /// let second = GrayImage::try_from(TensorView::from(maps.index_axis(Axis(0), 1)))?;
    /// assert_eq!((second.dimensions(), second.into_raw()), ((2, 1), vec![30, 40]));
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Rank`] for another rank, [`Error::Shape`] for another number of channels, [`Error::TooLarge`] for a side
    /// that does not fit 32 bits, [`Error::OutOfMemory`] where there is no room for the copy.
    fn try_from(tensor: TensorView<'_, P::Subpixel>) -> Result<Self> {
        let (interleaved, sides) = interleave::<P, _>(tensor.into_array_view())?;
        picture(sides, TensorView::from(&interleaved).copied(Zero::zero())?)
    }
}

impl<P: Pixel> TryFrom<&Tensor<P::Subpixel>> for ImageBuffer<P, Vec<P::Subpixel>> {
    type Error = Error;

    /// As from a [`TensorView`].
    ///
    /// ```
    /// use featuremap::Tensor;
    /// use image::RgbImage;
    /// use ndarray::array;
    ///
    /// let planes = Tensor::from(array![[[1, 40]], [[2, 50]], [[3, 60]]]);
    /// let picture = RgbImage::try_from(&planes)?;
    /// assert_eq!(picture.into_raw(), [1, 2, 3, 40, 50, 60]);
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As from a [`TensorView`].
    fn try_from(tensor: &Tensor<P::Subpixel>) -> Result<Self> {
        tensor.view().try_into()
    }
}

impl<P: Pixel> TryFrom<Tensor<P::Subpixel>> for ImageBuffer<P, Vec<P::Subpixel>> {
    type Error = Error;

    /// As from a [`TensorView`], but a tensor with one channel moves, without a copy.
    ///
    /// ```
    /// use featuremap::Tensor;
    /// use image::{GrayImage, RgbImage};
    /// use ndarray::array;
    ///
    /// let plane = Tensor::from(array![[0, 127, 255]]);
    /// let picture: GrayImage = plane.try_into()?;
    /// assert_eq!(picture.dimensions(), (3, 1));
    ///
    /// let error = RgbImage::try_from(Tensor::from(array![[0, 127, 255]])).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "a tensor turned into a picture must be [3, height, width]; found rank 2 with shape [1, 3]"
    /// );
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As from a [`TensorView`].
    fn try_from(tensor: Tensor<P::Subpixel>) -> Result<Self> {
        let (interleaved, sides) = interleave::<P, _>(tensor.array)?;
        if !interleaved.is_standard_layout() {
            return picture(sides, TensorView::from(&interleaved).copied(Zero::zero())?);
        }
        let count = interleaved.len();
        // An array that was sliced keeps all the memory it had before.
        let (mut samples, start) = interleaved.into_raw_vec_and_offset();
        let start = start.unwrap_or(0);
        samples.truncate(start + count);
        samples.drain(..start);
        picture(sides, samples)
    }
}

impl<T: Primitive> Tensor<T> {
    /// A gray picture for people to look at: the smallest value is black, the largest white, and the others lie evenly
    /// between. It shows what a feature map responds to, but no longer by how much; to keep the values, use `try_into`.
    ///
    /// The tensor is one map, `[height, width]` or `[1, height, width]`. Only finite values count for the smallest and
    /// largest; −∞ is black then, ∞ white, and NaN black. A map of one value is black.
    ///
    /// ```
    /// use featuremap::Tensor;
    /// use ndarray::array;
    ///
    /// let edges = Tensor::from(array![[-4.0, -2.0, 0.0], [0.0, 2.0, 4.0]]);
    /// assert_eq!(edges.to_gray_picture()?.into_raw(), [0, 64, 128, 128, 191, 255]);
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Rank`], [`Error::Shape`] or [`Error::TooLarge`] for a tensor that is not one map, or not one that a
    /// picture can hold.
    pub fn to_gray_picture(&self) -> Result<GrayImage> {
        // Halved, so that the distance between the least and the largest float does not overflow.
        let halves = self.map(|value| value.to_f64().map_or(f64::NAN, |value| value / 2.0));
        let finite = || halves.iter().copied().filter(|value| value.is_finite());
        let (low, high) = (finite().reduce(f64::min).unwrap_or(0.0), finite().reduce(f64::max).unwrap_or(0.0));
        // Not zero, so that a map of one value is not 0 / 0.
        let span = (high - low).max(f64::MIN_POSITIVE);
        let gray = |value: &f64| u8::from_f64(((value - low) / span * 255.0).round().clamp(0.0, 255.0)).unwrap_or(0);
        halves.map(gray).try_into()
    }
}

fn interleaved_shape<P: Pixel, C: Deref<Target = [P::Subpixel]>>(picture: &ImageBuffer<P, C>) -> [usize; 3] {
    [picture.height() as usize, picture.width() as usize, usize::from(P::CHANNEL_COUNT)]
}

/// The channels of a picture one after the other, seen through its interleaved samples.
fn planes<S: RawData>(interleaved: ArrayBase<S, Ix3>) -> ArrayBase<S, IxDyn> {
    let planes = interleaved.permuted_axes([2, 0, 1]);
    match planes.shape()[0] {
        1 => planes.index_axis_move(Axis(0), 0).into_dyn(),
        _ => planes.into_dyn(),
    }
}

/// A tensor seen as the samples of a picture, `[height, width, channels]`, and the picture's width and height.
fn interleave<P: Pixel, S: RawData>(tensor: ArrayBase<S, IxDyn>) -> Result<(ArrayBase<S, Ix3>, [u32; 2])> {
    const WHAT: &str = "a tensor turned into a picture";
    let channels = usize::from(P::CHANNEL_COUNT);
    let found = tensor.shape().to_vec();
    let planes = match found.len() {
        2 if channels == 1 => tensor.insert_axis(Axis(0)),
        _ => tensor,
    };
    let Ok(planes) = planes.into_dimensionality::<Ix3>() else {
        let expected = match channels {
            1 => "[height, width] or [1, height, width]".into(),
            _ => format!("[{channels}, height, width]"),
        };
        return Err(Error::Rank { what: WHAT.into(), expected, found });
    };
    let (found_channels, height, width) = planes.dim();
    if found_channels != channels {
        return Err(Error::Shape { what: WHAT, expected: vec![channels, height, width], found });
    }
    let (Ok(width), Ok(height)) = (u32::try_from(width), u32::try_from(height)) else {
        return Err(Error::TooLarge { what: WHAT, sizes: found });
    };
    Ok((planes.permuted_axes([1, 2, 0]), [width, height]))
}

fn picture<P: Pixel>([width, height]: [u32; 2], samples: Vec<P::Subpixel>) -> Result<ImageBuffer<P, Vec<P::Subpixel>>> {
    let sizes = vec![height as usize, width as usize];
    ImageBuffer::from_raw(width, height, samples).ok_or(Error::TooLarge { what: "a picture", sizes })
}
