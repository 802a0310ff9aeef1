//! Items 1 to 3: why an image is padded.

use featuremap::{Tensor, Window, WindowView};
use ndarray::array;

use crate::Result;
use crate::check::Checks;
use crate::notes;
use crate::print::{in_brackets, lines, matrix, pair, say, show, sign, signed, sizes};

pub(crate) fn convolution_shrinks(checks: &mut Checks) -> Result {
    let (image, filter) = (notes::image(), notes::vertical_edges());
    let map = image.conv2d(&filter, 1, 0)?;

    say(
        "A 3×3 filter for vertical edges slides over a 5×5 image, with stride 1 and no padding. Each cell of the map is \
         the sum of nine products: the pixels under the filter, each times its weight.",
    );
    show(&[matrix("image", &image), sign("⋆"), matrix("filter", &filter), sign("="), matrix("map", &map)]);
    checks.equal("the 3×3 map", &map, &Tensor::from(array![[6, -9, -8], [-3, -2, -3], [-3, 0, -2]]))?;

    let window = Window::new([3, 3])
        .over(&image)?
        .find(|window| window.position() == [0, 1])
        .ok_or("no window gives cell (0, 1)")?;
    let (products, sum) = products_by_column(&window, &filter);
    say(&format!("Cell {} of the map, term by term, down one column after the other as in the notes:", pair([0, 1])));
    lines([format!("{products} = {}", signed(sum))]);
    say("(The notes' own line miscopies some of the factors. These are the pixels under the filter.)");
    let nine_products = "2·1 + 5·1 + 3·1 + 3·0 + 3·0 + 2·0 + 3·(−1) + 8·(−1) + 8·(−1)";
    checks.equal("the nine products of cell (0, 1)", products.as_str(), nine_products)?;
    checks.equal("the sum of the nine products", &sum, &-9)?;
    checks.equal("cell (0, 1) of the map", &map.get(&[0, 1]).copied().unwrap_or_default(), &sum)?;

    say("The size of the map, for an image of n and a filter of f:");
    lines(["n − f + 1  =  5 − 3 + 1  =  3      so the map is 3×3"]);
    checks.equal("n − f + 1", &sizes(&Window::new([3, 3]).output_size([5, 5])?), &sizes(&[5 - 3 + 1; 2]))
}

/// The products of pixels and weights, written out down one column after the other, and their sum.
fn products_by_column(window: &WindowView<'_, i32, 2>, filter: &Tensor<i32>) -> (String, i32) {
    let mut factors: Vec<_> = window.indexed().zip(filter).collect();
    // Windows are read row by row; a stable sort by column keeps the rows of each column in order.
    factors.sort_by_key(|&(([_, column], _), _)| column);
    let products: Vec<String> = factors
        .iter()
        .map(|((_, pixel), weight)| match **weight < 0 {
            true => format!("{pixel}·({})", signed(weight)),
            false => format!("{pixel}·{weight}"),
        })
        .collect();
    (products.join(" + "), factors.iter().map(|((_, pixel), weight)| **pixel * **weight).sum())
}

pub(crate) fn two_problems(checks: &mut Checks) -> Result {
    say("(a) Each layer's map is smaller than the one before. The filter of item 1, applied again and again:");
    let (mut map, filter) = (notes::image(), notes::vertical_edges());
    let mut layers = vec![sizes(map.shape())];
    let refusal = loop {
        match map.conv2d(&filter, 1, 0) {
            Ok(smaller) => map = smaller,
            Err(error) => break error,
        }
        layers.push(sizes(map.shape()));
    };
    lines([layers.join("  →  "), format!("then no more: {refusal}")]);
    checks.equal("the sizes of layer after layer", layers.join(" ").as_str(), "5×5 3×3 1×1")?;

    say(
        "(b) A pixel at the border takes part in fewer windows than one in the middle, so it counts for less. How many \
         3×3 windows lie over each pixel of the 5×5 image:",
    );
    let coverage = Window::new([3, 3]).geometry([5, 5])?.coverage()?;
    show(&[matrix("image", &notes::image()), sign(" "), in_brackets("windows over each pixel", &coverage)]);

    let image = notes::image();
    let mut remarks = Vec::new();
    for (place, pixel, windows, remark) in
        [([0, 0], 7, 1, ", a corner"), ([3, 3], 2, 4, ""), ([2, 2], 2, 9, ", the middle")]
    {
        let (found_pixel, found_windows) = (pixel_at(&image, place)?, pixel_at(&coverage, place)?);
        checks.equal(&format!("pixel {}", pair(place)), &found_pixel, &pixel)?;
        checks.equal(&format!("the windows over pixel {}", pair(place)), &found_windows, &windows)?;
        remarks.push(format!("pixel {} = {found_pixel}   in {found_windows} of 9 windows{remark}", pair(place)));
    }
    lines(remarks);
    say("Of pixel (3, 3) the notes say that it is in several windows: it is in 4.");
    Ok(())
}

fn pixel_at<T: Copy>(image: &Tensor<T>, place: [usize; 2]) -> Result<T> {
    Ok(*image.get(&place).ok_or_else(|| format!("there is no pixel {}", pair(place)))?)
}

pub(crate) fn padding_solves_both(checks: &mut Checks) -> Result {
    let image = Tensor::from(array![
        [60, 113, 56, 139, 85],
        [73, 121, 54, 84, 128],
        [131, 99, 70, 129, 127],
        [80, 57, 115, 69, 134],
        [104, 126, 123, 95, 130],
    ]);
    let sharpen = Tensor::from(array![[0, -1, 0], [-1, 5, -1], [0, -1, 0]]);
    // A single weight of 1 copies every pixel, and the padding with it.
    let padded = image.conv2d(&Tensor::from(array![[1]]), 1, 1)?;
    let sharpened = image.conv2d(&sharpen, 1, 1)?;

    say("Zeros are added all around: padding 1 makes the 5×5 image 7×7, and the filter (it sharpens) gives 5×5 again.");
    show(&[
        matrix("padded image", &padded),
        sign("⋆"),
        matrix("filter", &sharpen),
        sign("="),
        matrix("sharpened image", &sharpened),
    ]);
    checks.equal("the padded image, convolved without padding", &padded.conv2d(&sharpen, 1, 0)?, &sharpened)?;
    let filled_in = array![
        [114, 328, -26, 470, 158],
        [53, 266, -61, -30, 344],
        [403, 116, -47, 295, 244],
        [108, -135, 256, -128, 344],
        [314, 346, 279, 153, 421],
    ];
    checks.equal("the sharpened 5×5", &sharpened, &Tensor::from(filled_in))?;

    say("The notes leave the result blank; here it is filled in. Its first cell, without the products with 0:");
    let [middle, right, below] = [pixel_at(&image, [0, 0])?, pixel_at(&image, [0, 1])?, pixel_at(&image, [1, 0])?];
    let first = 5 * middle - right - below;
    lines([format!("5·{middle} − {right} − {below}  =  {first}")]);
    checks.equal("5·60 − 113 − 73", &first, &114)?;
    checks.equal("the first cell of the sharpened image", &pixel_at(&sharpened, [0, 0])?, &first)?;

    say("The size of the map, with padding p on each side:");
    lines(["n + 2p − f + 1  =  5 + 2·1 − 3 + 1  =  5"]);
    checks.equal("the size with padding 1", sizes(sharpened.shape()).as_str(), "5×5")?;
    coverage_with_padding(checks)
}

fn coverage_with_padding(checks: &mut Checks) -> Result {
    let window = Window::new([3, 3]);
    let none = window.geometry([5, 5])?.coverage()?;
    let one = window.padding(1).geometry([5, 5])?.coverage()?;
    let two = window.padding(2).geometry([5, 5])?.coverage()?;

    say("The windows over each pixel again, now that the border lies inside the padded image:");
    show(&[
        in_brackets("padding 0", &none),
        sign(" "),
        in_brackets("padding 1", &one),
        sign(" "),
        in_brackets("padding 2", &two),
    ]);
    say(
        "With padding 1 a corner is in 4 windows instead of 1, and any other border pixel in 6, where the middle has 9. So \
         the border counts for more than before, though still for less than the middle: a window centred on an edge \
         spends 3 of its 9 products on zeros, in a corner 5. All pixels are in 9 windows from p = f − 1 = 2 on; but then the map grows, to \
         5 + 2·2 − 3 + 1 = 7.",
    );
    checks.equal("the windows over a corner, without padding", &pixel_at(&none, [0, 0])?, &1)?;
    checks.equal("the windows over a corner, with padding 1", &pixel_at(&one, [0, 0])?, &4)?;
    checks.equal("the windows over the middle, with padding 1", &pixel_at(&one, [2, 2])?, &9)?;
    checks.holds("padding 2 puts every pixel into 9 windows", two.iter().all(|&windows| windows == 9))?;
    checks.equal("the size with padding 2", &sizes(&window.padding(2).output_size([5, 5])?), &sizes(&[7, 7]))
}
