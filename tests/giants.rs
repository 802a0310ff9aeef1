//! Memory that is not there, however it is asked for: giant outputs, and giant copies of broadcast views, are errors; giant paddings,
//! empty batches and filters without channels need none however large their other axes are.
//!
//! What else nobody should ask for is in `tests/hostile`.

use featuremap::{
    AdaptiveMaxPool2d, Average, AvgPool1d, Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, Error, GlobalPool, Linear,
    Max, MaxPool1d, MaxUnpool1d, Module, Padding, PaddingMode, Relu, Result, Tensor, Window,
};
use ndarray::{Array2, Array4, ArrayD, IxDyn, arr0, array};

/// Larger than any address space.
const GIANT: usize = 1 << 60;
/// More than memory holds, in the padded axis of an image: so much is still a length that can be counted with.
const VAST: usize = 1 << 50;

#[track_caller]
fn assert_out_of_memory<T: std::fmt::Debug>(result: &Result<T>) {
    assert!(matches!(result, Err(Error::OutOfMemory { .. })), "{result:?}");
}

#[track_caller]
fn assert_too_large<T: std::fmt::Debug>(result: &Result<T>) {
    assert!(matches!(result, Err(Error::TooLarge { .. })), "{result:?}");
}

#[test]
fn giant_outputs_are_errors() {
    let (signal, one) = (array![1_f32, 2.0], arr0(1_f32));
    assert_out_of_memory(&Conv1d::new(array![1_f32]).padding(VAST).forward(&signal));
    assert_out_of_memory(&ConvTranspose1d::new(array![1_f32]).stride(VAST).forward(&signal));
    assert_out_of_memory(&Window::new([1]).geometry([VAST]).unwrap().coverage());
    assert_out_of_memory(&Tensor::<u8>::zeros(&[VAST]));
    assert_out_of_memory(&MaxUnpool1d::new(1).output_size(VAST).forward(&signal, &array![0_i64, 1]));
    assert_out_of_memory(&AdaptiveMaxPool2d::new([2, VAST]).forward(&array![[1_f32]]));

    // Rows of a dense layer, for each of which nothing is listed.
    for (size, rows) in [(1, VAST), (32, 1 << 55)] {
        let layer = Linear::new(Array2::<f32>::zeros((size, size)));
        assert!(layer.plan(&[rows, size]).is_ok_and(|plan| plan.workspace_bytes() < 1 << 20));
        assert_out_of_memory(&layer.forward(one.broadcast((rows, size)).unwrap()));
    }

    assert_too_large(&Conv1d::new(array![1_f32]).padding(GIANT).forward(&signal));
    assert_too_large(&ConvTranspose1d::new(array![1_f32]).stride(GIANT).forward(&signal));
    assert_too_large(&Window::new([1, 1]).geometry([GIANT / 2, GIANT / 2]));
    assert_too_large(&Tensor::<i64>::zeros(&[GIANT]));
    assert_too_large(&Tensor::<i64>::zeros(&[0, GIANT]));
    assert_too_large(&AdaptiveMaxPool2d::new([GIANT, GIANT]).forward(&array![[1_f32]]));
}

#[test]
fn giant_copies_are_errors() {
    // One number, seen as an image of any size.
    let one = arr0(1_f32);
    let (signal, batch) = (one.broadcast(VAST).unwrap(), one.broadcast((1, 1, VAST)).unwrap());
    assert_out_of_memory(&Conv1d::new(array![1_f32]).stride(VAST).forward(signal));
    assert_out_of_memory(&MaxPool1d::new(1).stride(VAST).forward(batch));
    assert_out_of_memory(&MaxPool1d::new(1).stride(VAST).forward_with_indices(batch));
    assert_out_of_memory(&GlobalPool::<Max, 1>::default().forward(batch));
    // A window looks at what lies under it alone, and needs no copy.
    let mut windows = Window::new([2]).stride(VAST / 2).over(signal).unwrap();
    assert_eq!(windows.len(), 2);
    assert_eq!(windows.next_back().unwrap().iter().collect::<Vec<_>>(), [&1.0, &1.0]);
}

#[test]
fn giant_paddings_need_no_memory_where_windows_hardly_meet_them() {
    let signal = array![1_f32, 2.0];
    // Output 1 alone lies on a pixel; those at the ends lie on padding.
    let far_apart = Conv1d::new(array![1_f32]).padding(VAST).stride(VAST);
    assert_eq!(far_apart.forward(&signal).unwrap(), Tensor::from(array![0_f32, 1.0, 0.0]));
    let replicated = far_apart.padding_mode(PaddingMode::Replicate).forward(&signal).unwrap();
    assert_eq!(replicated, Tensor::from(array![1_f32, 1.0, 2.0]));
    let infinite = Conv1d::new(array![f32::INFINITY]).padding(VAST).stride(VAST).forward(&signal).unwrap();
    assert_eq!(infinite.get(&[1]), Some(&f32::INFINITY));
    assert!([0, 2].map(|end| infinite.get(&[end]).is_some_and(|zero| zero.is_nan())).iter().all(|&nan| nan));
}

#[test]
fn what_has_no_elements_needs_no_memory() {
    let nothing = |shape: &[usize]| ArrayD::<f32>::zeros(IxDyn(shape));
    let (empty, vast) = (nothing(&[0, 1, 2]), nothing(&[0, 1, VAST]));
    let conv = Conv1d::new(array![1_f32]).padding(VAST);
    for mode in [PaddingMode::Zeros, PaddingMode::Replicate] {
        assert_eq!(conv.clone().padding_mode(mode).forward(&empty).unwrap().shape(), [0, 1, 2 * VAST + 2]);
    }
    let infinite = Conv1d::new(array![f32::INFINITY]).padding(VAST);
    assert_eq!(infinite.forward(&empty).unwrap().shape(), [0, 1, 2 * VAST + 2]);
    let transposed = ConvTranspose1d::new(array![1_f32]).stride(2);
    assert_eq!(transposed.forward(&vast).unwrap().shape(), [0, 1, 2 * VAST - 1]);
    assert_eq!(MaxPool1d::new(1).forward(&vast).unwrap().shape(), [0, 1, VAST]);
    assert_eq!(AvgPool1d::new(2).forward(&vast).unwrap().shape(), [0, 1, VAST / 2]);
    assert_eq!(MaxPool1d::new(1).forward_with_indices(&vast).unwrap().1.shape(), [0, 1, VAST]);
    assert_eq!(GlobalPool::<Average, 1>::default().forward(&vast).unwrap().shape(), [0, 1, 1]);
    assert_eq!(Relu.forward(&vast).unwrap().shape(), [0, 1, VAST]);
}

#[test]
fn filters_without_channels_give_the_bias_however_large_they_are() {
    let nothing = |shape: &[usize]| ArrayD::<f32>::zeros(IxDyn(shape));
    for mode in [PaddingMode::Zeros, PaddingMode::Replicate] {
        let conv = Conv1d::new(nothing(&[2, 0, VAST])).bias(array![3_f32, 4.0]).padding_mode(mode);
        let bias = Tensor::from(array![[3_f32], [4.0]]);
        assert_eq!(conv.forward(&nothing(&[0, VAST])).unwrap(), bias);
        assert_eq!(conv.padding(VAST / 2).forward(&nothing(&[0, 1])).unwrap().shape(), [2, 2]);
    }
}

#[test]
fn a_window_mostly_on_padding_takes_no_longer_than_its_pixels() {
    let window = 1_usize << 40;
    let pool = MaxPool1d::new(window).stride(window).padding(window / 2);
    assert_eq!(pool.forward(&array![3, 1, 2]).unwrap(), Tensor::from(array![3]));
    // All rows of pixels lie under the window, and no tap of it on their only column.
    let between = Window::new([window, 2]).dilation([1, 2]).padding([0, 1]).geometry([window, 1]).unwrap();
    assert_eq!(between.row_taps(0).next(), None);
}

/// Found by the generator of `tests/hostile`, seed 3289: a row of the padded input was laid down, of 4 GB, for an output of 2^61 bytes.
#[test]
#[cfg(target_pointer_width = "64")]
fn a_plan_for_an_output_that_cannot_exist_takes_no_memory() {
    let conv = Conv2d::new(Array4::<f64>::ones((1, 1, 2, 2))).stride([1, 2]).padding(Padding::SameLower);
    let plan = conv.plan(&[1, 1, (1 << 32) + 1, (1 << 28) - 1]).unwrap();
    assert!(plan.workspace_bytes() < 1 << 20, "{plan}");
}

/// Found by the generator of `tests/hostile`, seeds 27070 and 113501: a copy of all that lies between two taps, and maps of which next to
/// nothing is stored.
#[test]
#[cfg(target_pointer_width = "64")]
fn a_plan_takes_no_memory_for_what_no_tap_meets() {
    let far = 1 << 31;
    let conv = Conv2d::new(Array4::<f32>::ones((1, 1, 1, 2))).dilation([1, far]);
    let plan = conv.plan(&[1, 1, 8, far + 40]).expect("its output is small");
    assert_eq!(plan.output_shape(), [1, 1, 8, 40]);
    assert!(plan.workspace_bytes() < 1 << 20, "{plan}");

    let transposed = ConvTranspose2d::new(Array4::<f32>::ones((4, 5, 2, 3)))
        .stride([3, 7])
        .dilation([1, 2 * far + 1])
        .padding(Padding::Same);
    let plan = transposed.plan(&[2, 4, 1, 27]).expect("its output is small");
    assert_eq!(plan.output_shape(), [2, 5, 3, 189]);
    assert!(plan.workspace_bytes() < 1 << 20, "{plan}");
}
