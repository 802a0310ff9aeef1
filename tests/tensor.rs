//! Tensors and views: how they come from `ndarray`, go back, compare, and are written for people.
//!
//! Edge cases, in the order of the tests:
//!
//! - **From and to arrays** of rank 0 to 7, owned, shared and viewed, in memory of every order, empty too; fixed ranks that
//!   do not fit; an owned array is moved, not copied.
//! - **From slices and vectors**, empty ones too.
//! - **`from_vec`, `from_slice`, `zeros`, `reshape`**: too few and too many elements, rank 0, shapes whose product
//!   overflows, reshaping what does not lie in row-major order.
//! - **Elements**: `get` inside, outside and with another rank; iteration, `map`, slices of what lies dense.
//! - **`Display`**, word for word: rank 0 and 1, matrices, higher ranks, precision, long axes cut, numbers of many
//!   widths, empty.
//! - **`approx`**: within and beyond tolerance, NaN, other shapes.
//! - **Everyday methods** do what the modules do.
//! - **serde**: there and back; windows with axes missing.

mod common;

use common::{Memory, Stored, numbers, odometer};
use featuremap::{Conv2d, Error, L2Pool2d, MaxPool2d, Module, Padding, Tensor, TensorView, TensorViewMut};
use ndarray::{
    Array, Array0, Array1, Array2, Array3, ArrayD, ArrayView2, ArrayView3, ArrayViewMut2, arr0, array, aview1,
};
use proptest::prelude::*;

/// Shapes of rank 0 to 7; a view keeps the first six ranks differently from all above.
fn shapes() -> impl Strategy<Value = Vec<usize>> {
    (0..8_usize).prop_flat_map(|rank| proptest::collection::vec(prop_oneof![1 => Just(0_usize), 9 => 1..4_usize], rank))
}

proptest! {
    #[test]
    fn arrays_of_any_rank_there_and_back(
        shape in shapes(),
        memory in proptest::sample::select(Memory::ALL.as_slice()),
        seed in any::<u64>(),
    ) {
        let array = numbers::<i32>(seed, &shape);
        let mut stored = Stored::new(&array, memory, i32::MAX);

        let view = TensorView::from(stored.view());
        prop_assert_eq!(view.shape(), &shape);
        prop_assert_eq!((view.rank(), view.len(), view.is_empty()), (shape.len(), array.len(), array.is_empty()));
        for place in odometer(&shape) {
            prop_assert_eq!(view.get(&place), Some(&array[place.as_slice()]));
        }
        prop_assert_eq!(view.to_slice().is_some(), stored.view().to_slice().is_some());
        prop_assert_eq!(view.to_tensor(), Tensor::from(array.clone()));
        prop_assert_eq!(Tensor::from(&view.to_tensor()), Tensor::from(array.clone()));
        prop_assert_eq!(TensorView::from(&view).into_array_view(), array.view());
        prop_assert_eq!(Tensor::from(view.clone()), Tensor::from(stored.view()));
        prop_assert_eq!(view.into_array_view(), array.view());

        let tensor = Tensor::from(array.clone());
        prop_assert_eq!(tensor.shape(), &shape);
        prop_assert_eq!((tensor.rank(), tensor.len(), tensor.is_empty()), (shape.len(), array.len(), array.is_empty()));
        prop_assert!(tensor.iter().eq(array.iter()) && (&tensor).into_iter().eq(array.iter()));
        prop_assert_eq!(tensor.as_array(), &array);
        prop_assert_eq!(tensor.map(|&element| i64::from(element)).into_array(), array.mapv(i64::from));

        let mut view = TensorViewMut::from(stored.view_mut());
        prop_assert_eq!((view.shape(), view.rank()), (&shape[..], shape.len()));
        prop_assert_eq!((view.len(), view.is_empty()), (array.len(), array.is_empty()));
        view.view_mut().map_in_place(|element| *element ^= 1);
        prop_assert_eq!(view.view().into_array_view(), array.mapv(|element| element ^ 1));
        prop_assert_eq!(view.as_slice_mut().is_some(), stored.view().to_slice().is_some());
        TensorViewMut::from(stored.view_mut()).into_array_view_mut().fill(3);
        prop_assert!(stored.view().iter().all(|&element| element == 3));
        prop_assert_eq!(tensor.into_array(), array);
    }

    #[test]
    fn places_outside_have_no_element(shape in shapes(), place in proptest::collection::vec(0..4_usize, 0..9)) {
        let tensor = Tensor::from(numbers::<u8>(0, &shape));
        let inside = place.len() == shape.len() && place.iter().zip(&shape).all(|(at, length)| at < length);
        prop_assert_eq!(tensor.get(&place).is_some(), inside);
        prop_assert_eq!(tensor.view().get(&place).is_some(), inside);
        let giant = vec![usize::MAX; shape.len()];
        prop_assert!(shape.is_empty() || tensor.get(&giant).is_none());
    }

    #[test]
    fn reshaping_keeps_the_order(
        memory in proptest::sample::select(Memory::ALL.as_slice()),
        lengths in (1..4_usize, 1..4_usize, 1..4_usize),
    ) {
        let (a, b, c) = lengths;
        let array = numbers::<i32>(1, &[a, b, c]);
        let tensor = Tensor::from(Stored::new(&array, memory, 0).view().to_owned());
        for shape in [&[a * b * c][..], &[c, b * a], &[1, c, 1, b, a, 1, 1]] {
            let reshaped = tensor.clone().reshape(shape).unwrap();
            prop_assert_eq!(reshaped.shape(), shape);
            prop_assert!(reshaped.iter().eq(array.iter()));
        }
        let error = tensor.reshape(&[a * b * c + 1]).unwrap_err();
        prop_assert_eq!(
            error.to_string(),
            format!("the elements of a reshaped tensor must have shape [{}]; found [{a}, {b}, {c}]", a * b * c + 1)
        );
    }
}

#[test]
fn tensors_become_arrays_of_their_rank_alone() {
    let number: Array0<f64> = Tensor::from(arr0(1.5)).try_into().unwrap();
    assert_eq!(number, arr0(1.5));
    let plane: Array2<i8> = Tensor::from(array![[1_i8, 2], [3, 4]]).try_into().unwrap();
    assert_eq!(plane, array![[1, 2], [3, 4]]);
    let any: ArrayD<i8> = Tensor::from(plane.clone()).try_into().unwrap();
    assert_eq!(any, plane.clone().into_dyn());

    let error = Array3::try_from(Tensor::from(plane)).unwrap_err();
    assert_eq!(error.to_string(), "a tensor turned into an array must be of rank 3; found rank 2 with shape [2, 2]");
    let error = Array1::try_from(Tensor::from(arr0(0))).unwrap_err();
    assert_eq!(error.to_string(), "a tensor turned into an array must be of rank 1; found rank 0 with shape []");
}

#[test]
fn owned_memory_is_moved() {
    let array = Array::from_elem((2, 3, 4), 1_u8);
    let memory = array.as_ptr();
    let tensor = Tensor::from(array);
    assert_eq!(tensor.view().to_slice().unwrap().as_ptr(), memory);
    let array: Array3<u8> = tensor.try_into().unwrap();
    assert_eq!(array.as_ptr(), memory);
    let vector = vec![1, 2, 3];
    let memory = vector.as_ptr();
    assert_eq!(Tensor::from(vector).into_array().as_ptr(), memory);
}

#[test]
fn shared_arrays_slices_and_vectors() {
    let shared = array![[1, 2], [3, 4]].into_shared();
    assert_eq!(TensorView::from(&shared).get(&[1, 0]), Some(&3));
    assert_eq!(Tensor::from(shared.clone()), Tensor::from(array![[1, 2], [3, 4]]));
    assert_eq!(Tensor::from(vec![1, 2]), Tensor::from(aview1(&[1, 2])));
    assert_eq!(TensorView::from(&[1, 2, 3][..]).shape(), [3]);
    assert_eq!(TensorView::<i32>::from(&[][..]).shape(), [0]);
    assert_eq!(Tensor::<i32>::from(vec![]).shape(), [0]);

    let mut elements = [1, -2];
    TensorViewMut::from(&mut elements[..]).map_in_place(|element| *element = -*element);
    assert_eq!(elements, [-1, 2]);
    let mut tensor = Tensor::from(array![[1, 2], [3, 4]]);
    tensor.view_mut().map_in_place(|element| *element *= 10);
    tensor.as_array_mut()[[0, 1]] = 7;
    assert_eq!(tensor, Tensor::from(array![[10, 7], [30, 40]]));
}

#[test]
fn shapes_that_do_not_fit_their_elements() {
    let error = Tensor::from_vec(&[2, 3], vec![1, 2]).unwrap_err();
    assert_eq!(error.to_string(), "a tensor made of its elements must have shape [2, 3]; found [2]");
    assert!(matches!(Tensor::from_vec(&[2], vec![1, 2, 3]), Err(Error::Shape { .. })));
    assert!(matches!(Tensor::from_vec(&[], vec![1, 2, 3]), Err(Error::Shape { .. })));
    let mut elements = [1, 2, 3];
    let error = TensorView::from_slice(&[2], &elements).unwrap_err();
    assert_eq!(error.to_string(), "a view made of its elements must have shape [2]; found [3]");
    let error = TensorViewMut::from_slice(&[4], &mut elements).unwrap_err();
    assert_eq!(error.to_string(), "a view made of its elements must have shape [4]; found [3]");
    for giant in [&[usize::MAX, 2][..], &[usize::MAX, 0, 2], &[1 << 62, 1 << 62]] {
        assert!(matches!(Tensor::<u8>::from_vec(giant, vec![]), Err(Error::Shape { .. })));
        assert!(matches!(TensorView::<u8>::from_slice(giant, &[]), Err(Error::Shape { .. })));
        assert!(matches!(Tensor::<u8>::zeros(giant), Err(Error::TooLarge { .. })));
        assert!(matches!(Tensor::from(vec![0_u8; 0]).reshape(giant), Err(Error::Shape { .. })));
    }
}

#[test]
fn shapes_that_fit_their_elements() {
    assert_eq!(Tensor::from_vec(&[], vec![5]).unwrap(), Tensor::from(arr0(5)));
    assert_eq!(Tensor::from_vec(&[0, 3], Vec::<i32>::new()).unwrap().shape(), [0, 3]);
    assert_eq!(Tensor::<f32>::zeros(&[2, 0]).unwrap().len(), 0);
    assert_eq!(Tensor::<f32>::zeros(&[2, 1]).unwrap(), Tensor::from(array![[0_f32], [0.0]]));
    let elements = [1, 2, 3, 4, 5, 6];
    let view = TensorView::from_slice(&[3, 2], &elements).unwrap();
    assert_eq!(view.to_slice(), Some(&elements[..]));
    assert_eq!(view.into_array_view(), array![[1, 2], [3, 4], [5, 6]].into_dyn());
    let mut elements = elements;
    TensorViewMut::from_slice(&[2, 3], &mut elements).unwrap().into_array_view_mut()[[1, 0]] = 0;
    assert_eq!(elements, [1, 2, 3, 0, 5, 6]);
}

#[test]
fn display_of_numbers_vectors_and_matrices() {
    assert_eq!(Tensor::from(arr0(2.5)).to_string(), "2.5");
    assert_eq!(Tensor::from(array![1, -20, 3]).to_string(), "1  -20  3");
    assert_eq!(Tensor::from(array![[1, -20], [300, 4]]).to_string(), "  1  -20\n300    4");
    assert_eq!(Tensor::from(array![[0.5, f64::NAN], [f64::NEG_INFINITY, 1e3]]).to_string(), " 0.5   NaN\n-inf  1000");
    let transposed = Tensor::from(array![[1, 2], [3, 4]].reversed_axes());
    assert_eq!(transposed.to_string(), "1  3\n2  4");
}

#[test]
fn display_with_precision() {
    let map = Tensor::from(array![[1.0, 0.125], [-10.0, 2.0]]);
    assert_eq!(format!("{map:.2}"), "  1.00  0.12\n-10.00  2.00");
    assert_eq!(format!("{map:.0}"), "  1  0\n-10  2");
    assert_eq!(format!("{:.2}", Tensor::from(array![1, 2])), "1  2", "integers have no digits to cut");
}

#[test]
fn display_of_higher_ranks() {
    let maps = Tensor::from_vec(&[2, 2, 1, 2], (0..8).collect()).unwrap();
    assert_eq!(maps.to_string(), "[0, 0]:\n0  1\n[0, 1]:\n2  3\n[1, 0]:\n4  5\n[1, 1]:\n6  7");
    let volume = Tensor::from_vec(&[1, 2, 1], vec![10, 1]).unwrap();
    assert_eq!(volume.to_string(), "[0]:\n10\n 1");
}

#[test]
fn display_cuts_long_axes() {
    let sixteen = Tensor::from((0..16).collect::<Vec<_>>());
    assert_eq!(sixteen.to_string().split("  ").count(), 16, "this many are shown whole");
    let seventeen = Tensor::from((0..17).collect::<Vec<_>>());
    assert_eq!(seventeen.to_string(), "0  1  2  3  4  5  …  11  12  13  14  15  16");
    let tall = Tensor::from_vec(&[17, 2], (0..34).collect()).unwrap();
    assert_eq!(
        tall.to_string(),
        " 0   1\n 2   3\n 4   5\n 6   7\n 8   9\n10  11\n ⋮   ⋮\n22  23\n24  25\n26  27\n28  29\n30  31\n32  33"
    );
    let large = Tensor::from(Array2::<u8>::zeros((100, 100))).to_string();
    let lines: Vec<_> = large.lines().collect();
    assert_eq!((lines.len(), lines[0]), (13, "0  0  0  0  0  0  …  0  0  0  0  0  0"));
    assert_eq!(lines[6], ["⋮"; 13].join("  "));
    let planes = Tensor::from_vec(&[17, 1, 1], (0..17).collect()).unwrap().to_string();
    assert!(planes.starts_with("[0]:\n0\n[1]:\n1\n"), "{planes}");
    assert!(planes.contains("[5]:\n5\n⋮\n[11]:\n11\n"), "{planes}");
}

#[test]
fn display_of_numbers_wider_than_format_strings_allow() {
    let text = format!("{:.65535}", Tensor::from(vec![1.0, 22.0]));
    assert_eq!(text.len(), 2 * 65_536 + 2 + 3);
}

#[test]
fn display_of_nothing() {
    assert_eq!(Tensor::<f32>::from(vec![]).to_string(), "(empty, shape [0])");
    assert_eq!(Tensor::<f32>::zeros(&[2, 0, 3]).unwrap().to_string(), "(empty, shape [2, 0, 3])");
}

#[test]
fn views_become_arrays_views_of_fixed_rank() {
    let mut plane = array![[1, 2], [3, 4]];
    let view: ArrayView2<i32> = TensorView::from(&plane).try_into().unwrap();
    assert_eq!(view, plane);
    let error = ArrayView3::<i32>::try_from(TensorView::from(&plane)).unwrap_err();
    assert_eq!(error.to_string(), "a tensor turned into an array must be of rank 3; found rank 2 with shape [2, 2]");
    let mut view: ArrayViewMut2<i32> = TensorViewMut::from(&mut plane).try_into().unwrap();
    view[[1, 1]] = 9;
    assert_eq!(plane[[1, 1]], 9);
    assert_eq!(TensorView::from(&vec![1, 2]).shape(), [2]);
    assert_eq!(TensorView::from(&[1, 2, 3]).shape(), [3]);
}

#[test]
fn debug_shows_elements_of_views() {
    let mut plane = array![[1, 23], [4, 5]];
    assert!(format!("{:?}", TensorView::from(&plane)).starts_with("TensorView([[1, 23]"));
    assert!(format!("{:?}", TensorViewMut::from(&mut plane)).starts_with("TensorViewMut([[1, 23]"));
}

#[test]
fn comparison_within_a_tolerance() {
    use approx::{abs_diff_eq, abs_diff_ne, relative_eq, relative_ne, ulps_eq, ulps_ne};

    let left = Tensor::from(array![1.0_f64, 1000.0]);
    let right = Tensor::from(array![1.0, 1000.5]);
    assert!(abs_diff_eq!(left, right, epsilon = 0.6) && abs_diff_ne!(left, right, epsilon = 0.4));
    assert!(relative_eq!(left, right, max_relative = 1e-3) && relative_ne!(left, right, max_relative = 1e-4));
    let next = left.map(|element| f64::from_bits(element.to_bits() + 2));
    assert!(ulps_eq!(left, next, max_ulps = 2, epsilon = 0.0) && ulps_ne!(left, next, max_ulps = 1, epsilon = 0.0));

    // The same elements under another shape are not equal, nor is a part equal to the whole.
    for other in [array![[1.0, 1000.0]].into_dyn(), array![[1.0], [1000.0]].into_dyn(), array![1.0].into_dyn()] {
        let other = Tensor::from(other);
        assert!(abs_diff_ne!(left, other) && relative_ne!(left, other) && ulps_ne!(left, other));
        assert_ne!(left, other);
    }
    let not_a_number = Tensor::from(array![1.0, f64::NAN]);
    assert!(abs_diff_ne!(not_a_number, not_a_number) && relative_ne!(not_a_number, not_a_number));
    let transposed = Tensor::from(array![[1.0, 2.0], [3.0, 4.0]].reversed_axes());
    assert!(abs_diff_eq!(transposed, Tensor::from(array![[1.0, 3.0], [2.0, 4.0]])));
}

#[test]
fn everyday_methods_are_the_modules() {
    let image = Tensor::from(numbers::<f64>(5, &[2, 3, 6, 7]));
    let filters = Tensor::from(numbers::<f64>(6, &[4, 3, 3, 2]));
    let conv = Conv2d::new(&filters).stride([2, 1]).padding([(1, 0), (0, 1)]);
    assert_eq!(image.conv2d(&filters, [2, 1], [(1, 0), (0, 1)]).unwrap(), conv.forward(&image).unwrap());
    assert_eq!(image.conv2d(&filters, 1, Padding::Same).unwrap().shape(), [2, 4, 6, 7]);
    let pool = MaxPool2d::new([2, 3]).stride(1);
    assert_eq!(image.max_pool2d([2, 3], 1).unwrap(), pool.forward(&image).unwrap());
    assert_eq!(image.l2_pool2d(2, 2).unwrap(), L2Pool2d::new(2).forward(&image).unwrap());
    let averages = image.avg_pool2d([6, 7], 1).unwrap();
    approx::assert_relative_eq!(image.global_avg_pool().unwrap(), averages, max_relative = 1e-12, epsilon = 1e-12);
    assert_eq!(image.global_max_pool().unwrap(), image.max_pool2d([6, 7], 1).unwrap());
    assert_eq!(image.global_min_pool().unwrap(), image.min_pool2d([6, 7], 1).unwrap());
    assert_eq!(image.clone().relu(), image.map(|element| element.max(0.0)));
    assert_eq!(Tensor::from(array![1, 2, 3]).conv1d(array![1, 1].view(), 1, 0).unwrap(), Tensor::from(array![3, 5]));
    assert!(matches!(image.max_pool3d(9, 1), Err(Error::WindowTooLarge { axis: 0, .. })));
}

#[cfg(feature = "serde")]
mod serde {
    use featuremap::{Padding, PaddingMode, Relu, Tensor, Window};
    use proptest::prelude::*;

    use crate::common::{self, Memory, Stored, WindowCase, numbers};

    #[track_caller]
    fn there_and_back<T: ::serde::Serialize + ::serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
        let text = serde_json::to_string(value).unwrap();
        assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value, "{text}");
    }

    fn check_window<const N: usize>(case: &WindowCase<N>) {
        there_and_back(&case.window());
        there_and_back(&case.padding);
    }

    common::on_each_rank! {
        windows_and_paddings: check_window(case in windows);
    }

    use common::any_windows as windows;

    proptest! {
        #[test]
        fn tensors(
            shape in super::shapes(),
            memory in proptest::sample::select(Memory::ALL.as_slice()),
            seed in any::<u64>(),
        ) {
            let array = numbers::<i64>(seed, &shape);
            // An array keeps its order in memory; the text is the same for all orders.
            let tensor = Tensor::from(Stored::new(&array, memory, 0).view().to_owned());
            there_and_back(&tensor);
            let (text, plain) = (serde_json::to_string(&tensor).unwrap(), serde_json::to_string(&array).unwrap());
            prop_assert_eq!(text, plain, "as ndarray writes it");
        }
    }

    #[test]
    fn the_text_of_windows_and_modes() {
        use PaddingMode::{Circular, Reflect, Replicate, Symmetric, Zeros};

        let window = Window::new([3, 2]).stride(2).padding([(1, 0), (2, 2)]).ceil_mode(true);
        assert_eq!(
            serde_json::to_string(&window).unwrap(),
            r#"{"size":[3,2],"stride":[2,2],"dilation":[1,1],"padding":{"explicit":[[1,0],[2,2]]},"ceil_mode":true}"#
        );
        assert_eq!(serde_json::to_string(&Padding::<2>::SameLower).unwrap(), r#""same_lower""#);
        for mode in [Zeros, Reflect, Symmetric, Replicate, Circular] {
            there_and_back(&mode);
        }
        there_and_back(&Relu);
    }

    #[test]
    fn axes_must_be_as_many_as_the_type_has() {
        let text = serde_json::to_string(&Window::new([3, 2])).unwrap();
        let error = serde_json::from_str::<Window<1>>(&text).unwrap_err();
        assert_eq!(error.to_string(), "size has 2 axes instead of 1");
        let error = serde_json::from_str::<Padding<3>>(r#"{"explicit":[[1,0]]}"#).unwrap_err();
        assert_eq!(error.to_string(), "padding has 1 axes instead of 3");
    }
}
