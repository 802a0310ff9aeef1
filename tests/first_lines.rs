//! What people type first, who know PyTorch, Keras, NumPy or other crates: it compiles, and gives what it says.
//!
//! Lines that cannot compile are in `tests/diagnostics`: there what the compiler says is to name the remedy.

#![allow(clippy::float_cmp, reason = "the results are exact")]

use featuremap::prelude::*;
use featuremap::{Error, ndarray};
use ndarray::{Array4, array, s};

type Result<T = (), E = Error> = std::result::Result<T, E>;

/// Elements are numbered in row-major order.
fn numbered<const H: usize, const W: usize>() -> [[f64; W]; H] {
    std::array::from_fn(|row| std::array::from_fn(|column| (row * W + column) as f64))
}

#[test]
fn nested_arrays_are_tensors_of_up_to_four_axes() {
    assert_eq!(Tensor::from([7, 2]), Tensor::from(array![7, 2]));
    assert_eq!(Tensor::from([[7., 2.], [4., 5.]]), Tensor::from(array![[7., 2.], [4., 5.]]));
    assert_eq!(Tensor::from([[[1_u8], [2]]]), Tensor::from(array![[[1_u8], [2]]]));
    assert_eq!(Tensor::from([[[[1.], [2.]]]]), Tensor::from(array![[[1.], [2.]]]).reshape(&[1, 1, 2, 1]).unwrap());
    assert_eq!(Tensor::from([[0_i64; 3]; 2]).shape(), [2, 3]);
    assert_eq!(Tensor::<f32>::from([[[0.; 0]; 3]; 2]).shape(), [2, 3, 0]);
    assert_eq!(TensorView::from(&[[7., 2.], [4., 5.]]), Tensor::from([[7., 2.], [4., 5.]]).view());
    assert_eq!(TensorView::from(&[[[[1_i8; 2]; 3]; 4]; 5]).shape(), [5, 4, 3, 2]);
}

#[test]
fn elements_are_read_and_written_by_their_index() {
    let mut image = Tensor::from([[7., 2.], [4., 5.]]);
    assert_eq!(image[[0, 1]], 2.);
    image[[1, 0]] = 9.;
    assert_eq!(image, Tensor::from([[7., 2.], [9., 5.]]));
    *image.get_mut(&[0, 0]).unwrap() = 1.;
    assert_eq!(image.get_mut(&[0, 2]), None);
    assert_eq!(image.get_mut(&[0]), None);
    assert_eq!(image.view()[[0, 0]], 1.);
    image.view_mut()[[0, 0]] = 3.;
    assert_eq!((image.view_mut()[[0, 0]], image.view_mut().get_mut(&[2, 0])), (3., None));

    // Where the view goes another way through memory, and where its shape is too long to be kept inline.
    let mut array = array![[1, 2, 3], [4, 5, 6]];
    TensorViewMut::from(array.slice_mut(s![..;-1, ..])).reborrow()[[0, 2]] = 60;
    assert_eq!(TensorView::from(&array.t())[[2, 1]], 60);
    let mut deep = Tensor::from_vec(&[1, 1, 1, 1, 1, 1, 2], vec![1, 2]).unwrap();
    deep.view_mut()[[0, 0, 0, 0, 0, 0, 1]] = 20;
    deep[[0, 0, 0, 0, 0, 0, 0]] = 10;
    assert_eq!(deep.view()[[0, 0, 0, 0, 0, 0, 1]] + deep[[0, 0, 0, 0, 0, 0, 0]], 30);
}

#[test]
#[should_panic(expected = "index [0, 2] lies outside a tensor of shape [2, 2]")]
fn an_index_outside_panics() {
    let _ = Tensor::from([[7., 2.], [4., 5.]])[[0, 2]];
}

#[test]
#[should_panic(expected = "index [0] has 1 axes; the tensor, of shape [2, 2], has 2")]
fn an_index_of_another_rank_panics() {
    Tensor::from([[7., 2.], [4., 5.]])[[0]] = 1.;
}

#[test]
fn tensors_of_one_shape_are_added_element_by_element() {
    let (a, b) = (Tensor::from([[1., 2.]]), Tensor::from([[4., 8.]]));
    assert_eq!(&a + &b, Tensor::from([[5., 10.]]));
    assert_eq!(&b - &a, Tensor::from([[3., 6.]]));
    assert_eq!(&a * &b, Tensor::from([[4., 16.]]));
    assert_eq!(&a / &b, Tensor::from([[0.25, 0.25]]));
    assert_eq!(a.clone() - &b, Tensor::from([[-3., -6.]]));
    assert_eq!(&a - b.clone(), Tensor::from([[-3., -6.]]));
    assert_eq!(&a / b.clone(), Tensor::from([[0.25, 0.25]]));
    assert_eq!(a.clone() - b.clone(), -(&b - &a));
    assert_eq!(-&a, Tensor::from([[-1., -2.]]));
    assert_eq!((&a * 2. + 1., a.clone() / 2. - 1.), (Tensor::from([[3., 5.]]), Tensor::from([[-0.5, 0.]])));
    assert_eq!((1. - &a, 2. * a.clone(), 1. / &a), (Tensor::from([[0., -1.]]), &a + &a, Tensor::from([[1., 0.5]])));

    let mut sum = a.clone();
    sum += &b;
    sum *= 2.;
    sum -= &a;
    sum /= 3.;
    assert_eq!(sum, Tensor::from([[3., 6.]]));

    // As everywhere in the crate integers wrap.
    let bytes = Tensor::from([250_u8, 3]);
    assert_eq!(
        (&bytes + &bytes, &bytes * 2, 1 - &bytes),
        (Tensor::from([244, 6]), Tensor::from([244, 6]), Tensor::from([7, 254]))
    );
    assert_eq!(-Tensor::from([i32::MIN, 1]), Tensor::from([i32::MIN, -1]));
    // A tensor that lies column by column is added by places.
    let columns = Tensor::from(array![[1., 2.], [3., 4.]].reversed_axes());
    assert_eq!(&columns + &Tensor::from([[0., 0.], [10., 10.]]), Tensor::from([[1., 3.], [12., 14.]]));
    assert_eq!(&Tensor::from([[0., 0.], [10., 10.]]) - columns, Tensor::from([[-1., -3.], [8., 6.]]));
}

#[test]
#[should_panic(expected = "`+` is for tensors of one shape; found [1, 2] + [2, 1]")]
fn tensors_of_two_shapes_are_not_stretched() {
    let _ = &Tensor::from([[1., 2.]]) + &Tensor::from([[1.], [2.]]);
}

#[test]
#[should_panic(expected = "`−` is for tensors of one shape; found [2] − [1]")]
fn nor_where_the_second_is_given_away() {
    let _ = &Tensor::from([1., 2.]) - Tensor::from([1.]);
}

#[test]
fn shapes_that_differ_can_be_an_error() {
    let (a, b) = (Tensor::from([1, 2]), Tensor::from([0.5, 0.25]));
    assert_eq!(a.zip_map(&b, |&a, &b| f64::from(a) * b).unwrap(), Tensor::from([0.5, 0.5]));
    let error = a.zip_map(&Tensor::from([[1, 2]]), |a, b| a + b).unwrap_err();
    assert!(matches!(error, Error::Shape { .. }), "{error}");
}

#[test]
fn images_are_given_by_reference_or_by_value() -> Result {
    let expected = Tensor::from([[1., 0.]]);
    assert_eq!(Relu.forward(Tensor::from([[1., -1.]]))?, expected);
    assert_eq!(Relu.forward(&Tensor::from([[1., -1.]]))?, expected);
    assert_eq!(Relu.forward(&&Tensor::from([[1., -1.]]))?, expected);
    assert_eq!(Relu.forward(array![[1., -1.]])?, expected);
    assert_eq!(Relu.forward(array![[1., -1.]].view())?, expected);
    assert_eq!(Relu.forward(TensorView::from(&array![[1., -1.]]))?, expected);
    assert_eq!(Relu.forward([[1., -1.]])?, expected);
    assert_eq!(Relu.forward(vec![1., -1.])?, Tensor::from([1., 0.]));
    assert_eq!(Relu.forward(&[1., -1.][..])?, Tensor::from([1., 0.]));
    let image = Array4::<f32>::zeros((1, 1, 4, 4));
    assert_eq!(MaxPool2d::new(2).forward(image)?.shape(), [1, 1, 2, 2]);
    assert_eq!(Tensor::from([[1., -1.]]).apply(&Relu)?, expected);
    let relu: &dyn Module<f64> = &Relu;
    assert_eq!(Tensor::from([[1., -1.]]).apply(relu)?, expected);
    Ok(())
}

#[test]
fn literals_take_the_type_of_the_image() -> Result {
    let image: Tensor = Tensor::zeros(&[5, 5])?;
    let edges = image.conv2d([[1., 0., -1.], [1., 0., -1.], [1., 0., -1.]], 1, 0)?;
    assert_eq!(edges, Tensor::<f32>::zeros(&[3, 3])?);
    let conv = Conv2d::new(Array4::<f32>::zeros((2, 1, 3, 3))).bias([0.5, 0.25]);
    assert_eq!(conv.forward(&image)?[[1, 2, 2]], 0.25);
    let linear = Linear::new([[1_f32, 2.], [3., 4.]]).bias(array![0.5, 0.]);
    assert_eq!(linear.forward([1., 1.])?, Tensor::from([3.5, 7.]));
    Ok(())
}

#[test]
fn tuples_and_arrays_give_one_number_an_axis() -> Result {
    let image = Tensor::from(numbered::<4, 6>());
    let filter = Tensor::from([[1., 0.], [0., 1.]]);
    let expected = image.conv2d(&filter, [1, 2], [1, 0])?;
    assert_eq!(image.conv2d(&filter, (1, 2), (1, 0))?, expected);
    assert_eq!(Conv2d::new(filter).stride((1, 2)).padding((1, 0)).dilation((1, 1)).forward(&image)?, expected);
    assert_eq!(expected.shape(), [5, 3]);
    assert_eq!(MaxPool1d::new((2,)).stride((1,)).padding((1,)).forward([1., 3.])?, Tensor::from([1., 3., 3.]));
    assert_eq!(MaxPool3d::new((1, 2, 2)).output_shape(&[2, 4, 6])?, [2, 2, 3]);
    assert_eq!(MinPool3d::new(1).padding((0, 0, 0)).output_shape(&[2, 4, 6])?, [2, 4, 6]);
    Ok(())
}

#[test]
fn windows_have_names_for_their_axes() -> Result {
    let image = array![[1, 2, 3], [4, 5, 6], [7, 8, 9]];
    let sums =
        |windows: featuremap::Windows<'_, i32, 2>| windows.map(|window| window.iter().sum()).collect::<Vec<i32>>();
    assert_eq!(sums(Window2d::new(3).over(&image)?), [45]);
    assert_eq!(sums(Window::new((2, 2)).over(&image)?), [12, 16, 24, 28]);
    assert_eq!((Window1d::new(2).output_size([5])?, Window3d::new(2).output_size([5, 4, 3])?), ([4], [4, 3, 2]));
    Ok(())
}

#[cfg(feature = "rayon")]
#[test]
fn windows_are_shared_among_threads() -> Result {
    use rayon::prelude::*;
    let image = array![[1, 2, 3], [4, 5, 6], [7, 8, 9]];
    let counts: Vec<usize> = Window::new([2, 2]).over(&image)?.into_par_iter().map(|window| window.len()).collect();
    assert_eq!(counts, [4; 4]);
    let plane = ndarray::Array2::from_shape_fn((57, 83), |(row, column)| row * 83 + column);
    let windows = Window::new([3, 3]).padding(1).stride(2).over(&plane)?;
    let sums: Vec<usize> = windows.clone().into_par_iter().map(|window| window.iter().sum()).collect();
    assert_eq!(sums, windows.map(|window| window.iter().sum()).collect::<Vec<usize>>());
    Ok(())
}

#[test]
fn global_pools_are_modules_by_name_alone() -> Result {
    let model = Sequential::<f32>::new().push(GlobalAvgPool);
    assert_eq!(model.forward([[1., 2.], [3., 6.]])?, Tensor::from([[3.]]));
    let models = [
        Sequential::<f32>::new().push(GlobalAvgPool::new()),
        Sequential::new().push(GlobalAvgPool2d::new()),
        Sequential::new().push(GlobalAvgPool2d::default()),
    ];
    for model in models {
        assert_eq!(model.forward([[1., 2.], [3., 6.]])?, Tensor::from([[3.]]));
    }
    assert_eq!(GlobalMaxPool.forward([[1, 2]])?, Tensor::from([[2]]));
    assert_eq!(
        (GlobalMaxPool, GlobalMaxPool1d::new().forward([[1, 2]])?),
        (GlobalMaxPool2d::new(), Tensor::from([[2]]))
    );
    Ok(())
}

#[test]
fn a_plan_writes_to_whatever_can_be_written_to() -> Result {
    #[derive(Clone)]
    struct Twice(Plan<f64>, Plan<f64>);

    impl featuremap::RunPlan<f64> for Twice {
        fn run(&mut self, input: TensorView<'_, f64>, mut output: TensorViewMut<'_, f64>) -> Result {
            self.0.run(&input, output.reborrow())?;
            self.1.run(input, &mut output)
        }

        fn algorithm(&self) -> String {
            "twice".into()
        }
    }

    let plan = Relu.plan(&[1, 2])?;
    let mut plan = Plan::new(&[1, 2], &[1, 2], Twice(plan.clone(), plan));
    let (mut array, mut tensor) = (array![[0., 0.]], Tensor::zeros(&[1, 2])?);
    plan.run([[1., -1.]], &mut array)?;
    plan.run([[1., -1.]], &mut tensor)?;
    assert_eq!((array.view(), tensor.view()), (array![[1., 0.]].view(), Tensor::from([[1., 0.]]).view()));
    let mut wide = array![[7., 7.], [7., 7.]];
    plan.run(array![[2., -1.]], wide.slice_mut(s![..1, ..]))?;
    plan.run(array![[3., -1.]], &mut wide.slice_mut(s![1.., ..]))?;
    assert_eq!(wide, array![[2., 0.], [3., 0.]]);
    let mut list = vec![0.];
    Relu.plan(&[1])?.run([2.], &mut list)?;
    Relu.plan(&[1])?.run(list.clone(), &mut list[..])?;
    assert_eq!(list, [2.]);
    Ok(())
}

#[test]
fn views_of_equal_elements_are_equal() {
    let (rows, columns) = (array![[1, 2], [3, 4]], array![[1, 3], [2, 4]]);
    assert_eq!(TensorView::from(&rows), TensorView::from(&columns.t()));
    assert_ne!(TensorView::from(&rows), TensorView::from(&columns));
    assert_ne!(TensorView::from(&[1, 2]), TensorView::from(&[[1, 2]]));
    assert_ne!(TensorView::from(&[f32::NAN]), TensorView::from(&[f32::NAN]));
    let deep = |last| Tensor::from_vec(&[1, 1, 1, 1, 1, 1, 2], vec![1, last]).unwrap();
    assert_eq!(deep(2).view(), deep(2).view());
    assert_ne!(deep(2).view(), deep(3).view());
    assert_ne!(deep(2).view(), Tensor::from([1, 2]).view());
}

#[test]
fn what_derives_ask_for_is_there() {
    fn is_error<T: Send + Sync + Clone + PartialEq + std::error::Error + 'static>() {}
    fn is_shared<T: Send + Sync + 'static>() {}
    fn has_default<T: Default>() {}
    is_error::<Error>();
    is_shared::<Sequential>();
    is_shared::<Plan>();
    is_shared::<Tensor>();
    has_default::<Tensor>();
    assert_eq!(Tensor::<f32>::default().shape(), [0]);
}

#[test]
fn generic_code_says_that_sums_are_elements() -> Result {
    fn edges<T: Element<Sum = T>>(image: &Tensor<T>, filter: &Tensor<T>) -> Result<Tensor<T>> {
        image.conv2d(filter, 1, 0)
    }
    assert_eq!(edges(&Tensor::from([[1., 2.]]), &Tensor::from([[1., -1.]]))?, Tensor::from([[-1.]]));
    Ok(())
}

#[cfg(feature = "image")]
mod pictures {
    use super::*;
    use image::{DynamicImage, GrayImage, ImageBuffer, Luma, LumaA, Rgb, RgbImage, Rgba};

    #[test]
    fn pictures_are_tensors() -> Result {
        let gray = GrayImage::from_raw(2, 1, vec![0, 255]).unwrap();
        let colours = RgbImage::from_raw(2, 1, vec![1, 2, 3, 40, 50, 60]).unwrap();
        assert_eq!(MaxPool2d::new([1, 2]).forward(&gray)?, Tensor::from([[255]]));
        assert_eq!(MaxPool2d::new([1, 2]).forward(colours)?, Tensor::from([[[40]], [[50]], [[60]]]));
        // Filters of a volume see all channels.
        let sums = Conv2d::new([[[1_u8]], [[1]], [[1]]]).forward(RgbImage::from_pixel(2, 1, Rgb([100, 100, 55])))?;
        assert_eq!(sums, Tensor::from([[[255, 255]]]));
        assert_eq!(Tensor::from(&DynamicImage::from(gray.clone())), Tensor::from([[0., 1.]]));
        assert_eq!(Tensor::from(DynamicImage::from(gray)), Tensor::from([[0., 1.]]));
        Ok(())
    }

    #[test]
    fn a_picture_of_a_file_has_the_channels_that_it_has() {
        fn shape(picture: impl Into<DynamicImage>) -> Vec<usize> {
            Tensor::from(&picture.into()).shape().to_vec()
        }
        assert_eq!(shape(ImageBuffer::<Luma<u16>, _>::new(3, 2)), [2, 3]);
        assert_eq!(shape(ImageBuffer::<LumaA<u8>, _>::new(3, 2)), [2, 2, 3]);
        assert_eq!(shape(ImageBuffer::<Rgb<f32>, _>::new(3, 2)), [3, 2, 3]);
        assert_eq!(shape(ImageBuffer::<Rgba<u16>, _>::new(3, 2)), [4, 2, 3]);
    }
}
