//! Tensors from and to the pictures of the `image` crate.
#![cfg(feature = "image")]

use std::fmt::Debug;

use featuremap::{AvgPool2d, Conv2d, Error, MaxPool2d, Module, Relu, Tensor, TensorView};
use image::{
    GrayAlphaImage, GrayImage, ImageBuffer, Luma, Pixel, Rgb, Rgb32FImage, RgbImage, Rgba, RgbaImage,
    buffer::ConvertBuffer,
};
use ndarray::{Array2, Array3, Axis, array};
use proptest::prelude::*;

/// Every sample tells where it is: its row, column and channel.
fn numbered<P: Pixel<Subpixel = u16>>(width: u32, height: u32) -> ImageBuffer<P, Vec<u16>> {
    ImageBuffer::from_fn(width, height, |x, y| {
        let samples: Vec<u16> = (0..P::CHANNEL_COUNT)
            .map(|channel| u16::try_from(y * 1000 + x * 10).unwrap() + u16::from(channel))
            .collect();
        *P::from_slice(&samples)
    })
}

fn check_places<P: Pixel<Subpixel = u16> + Debug + PartialEq>(width: u32, height: u32) {
    let picture = numbered::<P>(width, height);
    let tensor = Tensor::from(&picture);
    for (x, y, pixel) in picture.enumerate_pixels() {
        for (channel, sample) in pixel.channels().iter().enumerate() {
            let index = [channel, y as usize, x as usize];
            let index = if P::CHANNEL_COUNT == 1 { &index[1..] } else { &index[..] };
            assert_eq!(tensor.get(index), Some(sample));
        }
    }
    assert!(tensor.as_array().is_standard_layout());
    assert_eq!(TensorView::from(&picture).to_tensor(), tensor);
    assert_eq!(Tensor::from(picture.clone()), tensor);
    assert_eq!(ImageBuffer::<P, _>::try_from(&tensor).unwrap(), picture);
    assert_eq!(ImageBuffer::<P, _>::try_from(tensor.view()).unwrap(), picture);
    assert_eq!(ImageBuffer::<P, _>::try_from(tensor).unwrap(), picture);
}

proptest! {
    #[test]
    fn a_picture_keeps_its_pixels_there_and_back(width in 0..9_u32, height in 0..9_u32) {
        check_places::<Luma<u16>>(width, height);
        check_places::<Rgb<u16>>(width, height);
        check_places::<Rgba<u16>>(width, height);
    }
}

#[test]
fn shapes_have_the_channels_first_and_none_for_luma() {
    assert_eq!(Tensor::from(&GrayImage::new(5, 3)).shape(), [3, 5]);
    assert_eq!(Tensor::from(&GrayAlphaImage::new(5, 3)).shape(), [2, 3, 5]);
    assert_eq!(Tensor::from(&RgbImage::new(5, 3)).shape(), [3, 3, 5]);
    assert_eq!(Tensor::from(RgbaImage::new(5, 3)).shape(), [4, 3, 5]);
}

#[test]
fn values_are_not_rescaled() {
    let picture = RgbImage::from_pixel(2, 2, Rgb([255, 0, 7]));
    assert_eq!(Tensor::from(&picture).get(&[0, 1, 1]), Some(&255));
    let floats: Rgb32FImage = picture.convert();
    assert_eq!(Tensor::from(&floats).get(&[0, 1, 1]), Some(&1.0));
}

#[test]
fn a_picture_may_borrow_its_samples_and_have_more_than_it_shows() {
    let samples = [1, 2, 3, 4, 5, 6, 99];
    let borrowed = ImageBuffer::<Luma<i32>, &[i32]>::from_raw(3, 2, &samples).unwrap();
    assert_eq!(Tensor::from(&borrowed), Tensor::from(array![[1, 2, 3], [4, 5, 6]]));
    let owned = ImageBuffer::<Luma<i32>, _>::from_raw(3, 2, samples.to_vec()).unwrap();
    assert_eq!(Tensor::from(owned), Tensor::from(array![[1, 2, 3], [4, 5, 6]]));
    let colors = ImageBuffer::<Rgb<i32>, _>::from_raw(2, 1, samples.to_vec()).unwrap();
    assert_eq!(Tensor::from(colors), Tensor::from(array![[[1, 4]], [[2, 5]], [[3, 6]]]));
}

#[test]
fn one_channel_moves_without_a_copy() {
    let picture = GrayImage::from_fn(64, 48, |x, y| Luma([u8::try_from(x + y).unwrap()]));
    let memory = picture.as_raw().as_ptr();
    let tensor = Tensor::from(picture);
    assert_eq!(tensor.as_array().as_ptr(), memory);
    let picture = GrayImage::try_from(tensor).unwrap();
    assert_eq!(picture.as_raw().as_ptr(), memory);
}

#[test]
fn one_channel_may_have_an_axis_of_its_own() {
    let volume = Tensor::from(array![[[1_u8, 2, 3], [4, 5, 6]]]);
    let picture = GrayImage::try_from(&volume).unwrap();
    assert_eq!(picture.dimensions(), (3, 2));
    assert_eq!(picture.into_raw(), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn strides_do_not_matter() {
    let square = Array2::from_shape_fn((4, 4), |(row, column)| u8::try_from(row * 4 + column).unwrap());
    let part = |array: Array2<u8>| GrayImage::try_from(Tensor::from(array)).unwrap().into_raw();
    assert_eq!(part(square.clone().slice_move(ndarray::s![1..3, ..])), [4, 5, 6, 7, 8, 9, 10, 11]);
    assert_eq!(part(square.clone().slice_move(ndarray::s![1..3, 1..3])), [5, 6, 9, 10]);
    assert_eq!(part(square.clone().slice_move(ndarray::s![..1, ..;-1])), [3, 2, 1, 0]);
    assert_eq!(part(square.slice_move(ndarray::s![2..2, ..])), [0_u8; 0]);

    let channels_last = array![[[1_u8, 2, 3], [4, 5, 6]]];
    let channels_first = Tensor::from(channels_last.permuted_axes([2, 0, 1]));
    assert_eq!(RgbImage::try_from(&channels_first).unwrap().into_raw(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(RgbImage::try_from(channels_first).unwrap().into_raw(), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn an_empty_picture_is_an_empty_tensor() {
    for (width, height) in [(0, 0), (0, 7), (7, 0), (0, u32::MAX >> 1), (u32::MAX >> 1, 0)] {
        let shape = [height as usize, width as usize];
        let gray = Tensor::from(GrayImage::new(width, height));
        assert_eq!(gray.shape(), shape);
        assert_eq!(GrayImage::try_from(gray).unwrap().dimensions(), (width, height));
    }
    let colors = Tensor::from(&RgbImage::new(0, 7));
    assert_eq!(colors.shape(), [3, 7, 0]);
    assert_eq!(RgbImage::try_from(colors).unwrap().dimensions(), (0, 7));
}

#[test]
fn a_picture_is_an_input() {
    let picture = numbered::<Rgb<u16>>(4, 4);
    let floats = Tensor::from(&picture).map(|&value| f32::from(value));
    let filters = Array3::<f32>::ones((3, 2, 2));
    let expected = Conv2d::new(filters.clone()).forward(&floats).unwrap();
    let picture = Rgb32FImage::try_from(floats).unwrap();
    assert_eq!(Conv2d::new(filters).forward(&picture).unwrap(), expected);
}

#[test]
fn a_picture_of_16_bits_is_an_input_as_it_is() {
    let samples = vec![65_535_u16, 65_535, 0, 1, 65_534, 65_535, 2, 3];
    let picture = ImageBuffer::<Luma<u16>, _>::from_raw(4, 2, samples).unwrap();
    let of_two = |op: Tensor<u16>| ImageBuffer::<Luma<u16>, _>::try_from(op).unwrap().into_raw();
    let pool = MaxPool2d::new(2);
    assert_eq!(of_two(pool.forward(&picture).unwrap()), [65_535, 3]);
    let (largest, indices) = pool.forward_with_indices(&picture).unwrap();
    assert_eq!((of_two(largest), indices), (vec![65_535, 3], Tensor::from(array![[0_i64, 7]])));
    // The mean of the first window is 65 534.75; that of the second lies in the middle between 1 and 2.
    assert_eq!(of_two(AvgPool2d::new(2).forward(&picture).unwrap()), [65_535, 2]);
    assert_eq!(Relu.forward(&picture).unwrap(), Tensor::from(&picture));
    // The first sum is beyond 32 bits.
    let sums = Conv2d::new(array![[65_535_u16, 1], [0, 65_535]]).stride(2).forward(&picture).unwrap();
    assert_eq!(sums, Tensor::from(array![[2 * 65_535 * 65_535_i64 + 65_535, 1 + 3 * 65_535]]));
}

#[test]
fn a_wrong_rank_is_an_error() {
    for shape in [&[][..], &[4], &[1, 1, 2, 2], &[1, 1, 1, 2, 2], &[1; 7]] {
        let tensor = Tensor::<u8>::zeros(shape).unwrap();
        let error = GrayImage::try_from(&tensor).unwrap_err();
        assert!(matches!(&error, Error::Rank { found, .. } if found == shape), "{error}");
        assert_eq!(RgbImage::try_from(tensor).map_err(|error| matches!(error, Error::Rank { .. })), Err(true));
    }
    let error = RgbImage::try_from(Tensor::zeros(&[2, 2]).unwrap()).unwrap_err();
    assert!(error.to_string().contains("must be [3, height, width]; found rank 2"), "{error}");
    let error = GrayImage::try_from(Tensor::zeros(&[4]).unwrap()).unwrap_err();
    assert!(error.to_string().contains("must be [height, width] or [1, height, width]"), "{error}");
}

#[test]
fn wrong_channels_are_an_error() {
    let tensor = Tensor::<u8>::zeros(&[4, 2, 5]).unwrap();
    let error = RgbImage::try_from(&tensor).unwrap_err();
    assert!(matches!(&error, Error::Shape { expected, found, .. } if expected == &[3, 2, 5] && found == &[4, 2, 5]));
    assert!(matches!(GrayImage::try_from(&tensor), Err(Error::Shape { .. })));
    assert!(RgbaImage::try_from(tensor).is_ok());
}

#[cfg(target_pointer_width = "64")]
#[test]
fn a_side_over_32_bits_is_an_error() {
    let long = u32::MAX as usize + 1;
    for shape in [[0, long], [long, 0]] {
        let tensor = Tensor::<u8>::zeros(&shape).unwrap();
        let error = GrayImage::try_from(tensor).unwrap_err();
        assert!(matches!(&error, Error::TooLarge { sizes, .. } if sizes == &shape), "{error}");
    }
    // A view repeats one value without memory for more.
    let one = array![[[1_u8]], [[2]], [[3]]];
    let wide = one.broadcast((3, 1, long)).unwrap();
    assert!(matches!(RgbImage::try_from(TensorView::from(wide)), Err(Error::TooLarge { .. })));
    let vast = one.broadcast((3, 1 << 30, 1 << 30)).unwrap();
    assert!(matches!(RgbImage::try_from(TensorView::from(vast)), Err(Error::OutOfMemory { .. })));
}

#[test]
fn one_map_of_several_becomes_a_picture() {
    let maps =
        Array3::from_shape_fn((2, 2, 3), |(map, row, column)| u8::try_from(map * 100 + row * 10 + column).unwrap());
    let second = GrayImage::try_from(TensorView::from(maps.index_axis(Axis(0), 1))).unwrap();
    assert_eq!(second.into_raw(), [100, 101, 102, 110, 111, 112]);
}

#[test]
fn a_gray_picture_uses_the_whole_range() {
    let gray = |values: Vec<f64>| {
        let map = Tensor::from_vec(&[1, values.len()], values).unwrap();
        map.to_gray_picture().unwrap().into_raw()
    };
    assert_eq!(gray(vec![-3.0, 0.0, 3.0]), [0, 128, 255]);
    assert_eq!(gray(vec![5.0; 3]), [0, 0, 0]);
    assert_eq!(gray(vec![f64::MIN, 0.0, f64::MAX]), [0, 128, 255]);
    assert_eq!(gray(vec![f64::NEG_INFINITY, 1.0, f64::NAN, 2.0, f64::INFINITY]), [0, 0, 0, 255, 255]);
    assert_eq!(gray(vec![f64::NAN, f64::INFINITY]), [0, 255]);
    assert_eq!(gray(vec![]), [0_u8; 0]);
}

#[test]
fn a_gray_picture_is_of_one_map() {
    let integers = Tensor::from(array![[[-10, 0], [10, 245]]]);
    assert_eq!(integers.to_gray_picture().unwrap().into_raw(), [0, 10, 20, 255]);
    assert!(matches!(Tensor::<f32>::zeros(&[2, 2, 2]).unwrap().to_gray_picture(), Err(Error::Shape { .. })));
    assert!(matches!(Tensor::<f32>::zeros(&[4]).unwrap().to_gray_picture(), Err(Error::Rank { .. })));
}
