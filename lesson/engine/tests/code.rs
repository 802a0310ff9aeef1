//! The lines of Rust that the lesson shows compile, and compute what it shows.

use featuremap::{
    AvgPool2d, Conv2d, GlobalAvgPool2d, MaxPool2d, MaxUnpool2d, Module, Padding, PaddingMode, Relu, Result, Tensor,
};
use featuremap_lesson::Lesson;
use serde_json::Value;

/// Runs lines of code, and returns them with what they compute.
macro_rules! lines {
    ($image:ident => $last:ident: $($line:tt)*) => {{
        let run = |$image: Tensor| -> Result<Tensor> {
            $($line)*
            Ok($last)
        };
        (stringify!($($line)*), run)
    }};
}

fn without_spaces(text: &str) -> String {
    text.lines()
        .filter(|line| !line.starts_with("//"))
        .flat_map(str::chars)
        .filter(|letter| !letter.is_whitespace())
        .collect()
}

/// Whether an address shows these lines, and the numbers that they give.
fn check(address: &str, (text, run): (&str, impl Fn(Tensor) -> Result<Tensor>)) {
    let mut lesson = Lesson::new();
    lesson.open(address);
    let view: Value = serde_json::from_str(&lesson.view()).expect("the view is JSON");
    let shown = view["code"]["rust"].as_str().expect("code");
    assert_eq!(without_spaces(shown), without_spaces(text), "{address}");

    let maps = view["maps"].as_array().expect("maps");
    // Without padding around it, for the input is given as it is.
    lesson.open(&format!("{address}&conv=off&pool=off&relu=off"));
    let shape: Vec<usize> = serde_json::from_value(maps[0]["shape"].clone()).expect("a shape");
    let image = Tensor::from_vec(&shape, lesson.values(0)).expect("as many numbers as the shape has");
    lesson.open(address);
    let result = run(image).expect("the lines can be run");
    assert_eq!(result.iter().copied().collect::<Vec<_>>(), lesson.values(maps.len() - 1), "{address}");
}

#[test]
fn lines_of_rust_compute_what_is_shown() {
    check(
        "convolution-shrinks",
        lines! { image => map: let map = Conv2d::new([[1., 0., -1.], [1., 0., -1.], [1., 0., -1.]]).forward(&image)?; },
    );
    check(
        "strides&conv-padding=2,1&conv-mode=reflect",
        lines! { image => map:
            let map = Conv2d::new([[1., 0., -1.], [1., 0., -1.], [1., 0., -1.]]).stride([2, 1]).padding([2, 1])
                .padding_mode(PaddingMode::Reflect).forward(&image)?;
        },
    );
    check(
        "dilation&conv-padding=same&filters=1:9,2:9,0.5",
        lines! { image => map:
            let map = Conv2d::new([[1. / 9., 2. / 9., 0.5]]).padding(Padding::Same).dilation(2).forward(&image)?;
        },
    );
    check(
        "convolve-relu-pool",
        lines! { image => pooled:
            let map = Conv2d::new([[-1., -1., -1.], [0., 0., 0.], [1., 1., 1.]]).forward(&image)?;
            let active = Relu.forward(&map)?;
            let pooled = MaxPool2d::new(2).forward(&active)?;
        },
    );
    check(
        "volumes&pool=off",
        lines! { image => map:
            let map = Conv2d::new([
                [[[1., 0., -1.], [1., 0., -1.], [1., 0., -1.]], [[1., 0., -1.], [1., 0., -1.], [1., 0., -1.]],
                 [[1., 0., -1.], [1., 0., -1.], [1., 0., -1.]]],
                [[[0., 0., 0.], [1., 1., 1.], [-1., -1., -1.]], [[0., 0., 0.], [1., 1., 1.], [-1., -1., -1.]],
                 [[0., 0., 0.], [1., 1., 1.], [-1., -1., -1.]]]
            ]).forward(&image)?;
        },
    );
    check(
        "rounding-up&pool-count-padding=on",
        lines! { image => pooled:
            let pooled = AvgPool2d::new(3).stride(2).padding(1).ceil_mode(true).count_include_pad(true).forward(&image)?;
        },
    );
    check("global-pooling", lines! { image => pooled: let pooled = GlobalAvgPool2d::default().forward(&image)?; });
    check(
        "places-given-back",
        lines! { image => unpooled:
            let (pooled, indices) = MaxPool2d::new(2).forward_with_indices(&image)?;
            let unpooled = MaxUnpool2d::new(2).output_size([4, 4]).forward(&pooled, &indices)?;
        },
    );
}

#[test]
fn lines_of_python_say_the_same() {
    let python = |address: &str| {
        let mut lesson = Lesson::new();
        lesson.open(address);
        let view: Value = serde_json::from_str(&lesson.view()).expect("the view is JSON");
        let code = view["code"]["pytorch"].as_str().expect("code").to_owned();
        code.lines().skip(1).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(
        python("convolution-shrinks&filters=1,0&conv-stride=2,1&conv-padding=1,1"),
        "map = F.conv2d(image, torch.tensor([[[[1., 0.]]]]), stride=(2, 1), padding=1)"
    );
    assert_eq!(
        python("convolution-shrinks&filters=1,0&conv-padding=same"),
        "map = F.conv2d(F.pad(image, (0, 1, 0, 0)), torch.tensor([[[[1., 0.]]]]))"
    );
    assert_eq!(
        python("convolution-shrinks&filters=1,0&conv-padding=1,1&conv-mode=reflect"),
        "map = F.conv2d(F.pad(image, (1, 1, 1, 1), mode=\"reflect\"), torch.tensor([[[[1., 0.]]]]))"
    );
    assert_eq!(
        python("rounding-up"),
        "pooled = F.avg_pool2d(image, 3, 2, padding=1, ceil_mode=True, count_include_pad=False)"
    );
    assert_eq!(python("max-pooling&pool=min"), "pooled = -F.max_pool2d(-image, 2)");
    assert_eq!(
        python("places-given-back"),
        "(pooled, indices) = F.max_pool2d(image, 2, return_indices=True)\n\
         unpooled = F.max_unpool2d(pooled, indices, 2, 2, output_size=(4, 4))"
    );
}
