//! Items 9 to 11, 13 and 14: the poolings themselves.

use featuremap::{Conv2d, GlobalAvgPool, GlobalMaxPool, MaxPool2d, MaxUnpool2d, Module, Relu, Tensor, Window};
use ndarray::{Array2, Array3, Array4, Axis, array, stack};

use crate::Result;
use crate::check::Checks;
use crate::notes;
use crate::print::{in_brackets, lines, matrix, pair, say, show, sign, sizes, with_digits};

pub(crate) fn convolve_relu_pool(checks: &mut Checks) -> Result {
    let image = Tensor::from(Array2::from_shape_fn((6, 6), |(row, _)| if row < 3 { 0 } else { 255 }));
    let as_printed = Tensor::from(array![[1, 1, 1], [0, 0, 0], [1, 1, 1]]);
    let with_signs = Tensor::from(array![[-1, -1, -1], [0, 0, 0], [1, 1, 1]]);

    say("Dark above, bright below, and the filter as the notes print it:");
    let stages = three_stages(&image, &as_printed)?;
    show_stages(&image, &as_printed, &stages);
    check_stages(checks, "as printed", &stages, [[0, 765, 765, 1530]; 2], [[765, 765], [1530, 1530]])?;
    say(
        "This filter adds what it finds above and below, so it answers most strongly on the plain bright part: no edge \
         detector. Surely its upper row has lost its minus signs. With them it subtracts, and finds horizontal edges:",
    );

    let stages = three_stages(&image, &with_signs)?;
    show_stages(&image, &with_signs, &stages);
    check_stages(checks, "with signs", &stages, [[0, 765, 765, 0]; 2], [[765, 765], [765, 765]])?;
    say(
        "Now it is 0 on both plain parts, and 3·255 = 765 where a window has dark above and bright below. ReLU, \"for \
         non-linearity\", finds nothing to do, for no answer is negative. Turn the picture upside down, and it does:",
    );

    let upside_down = Tensor::from(image.as_array().slice(ndarray::s![..;-1, ..]));
    let stages = three_stages(&upside_down, &with_signs)?;
    show_stages(&upside_down, &with_signs, &stages);
    check_stages(checks, "upside down", &stages, [[0, -765, -765, 0], [0; 4]], [[0, 0], [0, 0]])?;
    say(
        "A convolution is linear, so the opposite picture gives the opposite map. ReLU breaks that: this filter now answers to \
         dark above bright, and not at all to bright above dark.",
    );
    Ok(())
}

/// The feature map, the map after ReLU, and the map after max pooling.
fn three_stages(image: &Tensor<i32>, filter: &Tensor<i32>) -> Result<[Tensor<i32>; 3]> {
    let map = image.conv2d(filter, 1, 0)?;
    let rectified = Relu.forward(&map)?;
    let pooled = rectified.max_pool2d(2, 2)?;
    Ok([map, rectified, pooled])
}

fn show_stages(image: &Tensor<i32>, filter: &Tensor<i32>, [map, rectified, pooled]: &[Tensor<i32>; 3]) {
    show(&[matrix("image", image), sign("⋆"), matrix("filter", filter), sign("="), matrix("map", map)]);
    show(&[sign("→"), matrix("ReLU", rectified), sign("→"), matrix("max pool", pooled)]);
}

/// Each map here is the same in all its columns: `rows` has one number a row, for the map and after ReLU.
fn check_stages(
    checks: &mut Checks,
    filter: &str,
    [map, rectified, pooled]: &[Tensor<i32>; 3],
    rows: [[i32; 4]; 2],
    expected: [[i32; 2]; 2],
) -> Result {
    let same_in_all_columns = |rows: [i32; 4]| Tensor::from(Array2::from_shape_fn((4, 4), |(row, _)| rows[row]));
    checks.equal(&format!("the map, filter {filter}"), map, &same_in_all_columns(rows[0]))?;
    checks.equal(&format!("ReLU, filter {filter}"), rectified, &same_in_all_columns(rows[1]))?;
    checks.equal(&format!("max pooling, filter {filter}"), pooled, &Tensor::from(ndarray::arr2(&expected)))
}

pub(crate) fn max_pooling_and_its_sisters(checks: &mut Checks) -> Result {
    let map = notes::map_to_pool();
    let (max, min) = (map.max_pool2d(2, 2)?, map.min_pool2d(2, 2)?);
    let (average, l2) = (map.avg_pool2d(2, 2)?, map.l2_pool2d(2, 2)?);

    say("Windows of (2, 2) with stride 2 do not overlap: each gives one number of its four.");
    show(&[matrix("map", &map), sign("→"), matrix("max", &max)]);
    checks.equal("max pooling", &max, &Tensor::from(array![[5., 3.], [7., 4.]]))?;
    say(
        "The low-level detail goes, the high-level detail stays. The same four windows, pooled in each of the notes' ways; \
         L2 is the square root of the sum of the squares:",
    );

    let mut table =
        vec![format!("{:<8}  {:<10}  {:>5}  {:>5}  {:>7}  {:>7}", "window", "pixels", "max", "min", "average", "L2")];
    let windows = Window::new([2, 2]).stride(2).over(&map)?;
    for ((((window, max), min), average), l2) in windows.zip(&max).zip(&min).zip(&average).zip(&l2) {
        let pixels: Vec<String> = window.iter().map(ToString::to_string).collect();
        let squares: f64 = window.iter().map(|pixel| pixel * pixel).sum();
        table.push(format!(
            "{:<8}  {:<10}  {max:>5}  {min:>5}  {average:>7.3}  {l2:>7.3} = √{squares}",
            pair(window.position()),
            pixels.join("  "),
        ));
    }
    let [global_max, global_min] = [map.global_max_pool()?, map.global_min_pool()?];
    let [global_average, global_l2] = [map.global_avg_pool()?, map.global_l2_pool()?];
    let [max_of_all, min_of_all] = [only_number(&global_max)?, only_number(&global_min)?];
    let [average_of_all, l2_of_all] = [only_number(&global_average)?, only_number(&global_l2)?];
    table.push(format!(
        "{:<8}  {:<10}  {max_of_all:>5}  {min_of_all:>5}  {average_of_all:>7.3}  {l2_of_all:>7.3} = √{}",
        "global",
        "all 16",
        map.iter().map(|pixel| pixel * pixel).sum::<f64>(),
    ));
    lines(table);
    show(&[
        matrix("min", &min),
        sign(" "),
        matrix("average", &with_digits(&average, 2)),
        sign(" "),
        matrix("L2", &with_digits(&l2, 3)),
    ]);

    let roots = |squares: [[f64; 2]; 2]| Tensor::from(ndarray::arr2(&squares).mapv(f64::sqrt));
    checks.equal("min pooling", &min, &Tensor::from(array![[1., 0.], [1., 1.]]))?;
    checks.equal("average pooling", &average, &Tensor::from(array![[2.75, 1.5], [4., 2.25]]))?;
    checks.equal("L2 pooling", &l2, &roots([[39., 14.], [82., 25.]]))?;
    checks.equal("global max pooling", &global_max, &Tensor::from(array![[7.]]))?;
    checks.equal("global min pooling", &global_min, &Tensor::from(array![[0.]]))?;
    checks.equal("global average pooling", &global_average, &Tensor::from(array![[42. / 16.]]))?;
    checks.equal("global L2 pooling", &global_l2, &Tensor::from(array![[160_f64.sqrt()]]))
}

/// The number of a map that global pooling has made.
fn only_number(map: &Tensor<f64>) -> Result<f64> {
    Ok(*map.get(&[0, 0]).ok_or("a global pooling gave no number")?)
}

pub(crate) fn volumes(checks: &mut Checks) -> Result {
    let plane = array![
        [4, 9, 2, 5, 8, 3],
        [5, 6, 2, 4, 0, 3],
        [2, 4, 5, 4, 5, 2],
        [5, 6, 5, 4, 7, 8],
        [5, 7, 7, 9, 2, 1],
        [5, 8, 5, 3, 8, 4],
    ];
    let planes_of_filters = [array![[1, 0, -1], [1, 0, -1], [1, 0, -1]], array![[0, 0, 0], [1, 1, 1], [-1, -1, -1]]];
    let volume = three_times(&plane)?;
    let filters =
        stack(Axis(0), &[three_times(&planes_of_filters[0])?.view(), three_times(&planes_of_filters[1])?.view()])?;

    let maps = Conv2d::new(filters.view()).forward(&volume)?;
    let pooled = MaxPool2d::new(2).forward(&maps)?;
    say(
        "A volume of 6×6×3 and two filters of 3×3×3. The notes give one plane; here it stands for all three. A filter over a \
         volume adds up the answers of its three planes, so each filter gives one map.",
    );
    for (number, plane_of_filter) in planes_of_filters.iter().enumerate() {
        show(&[
            matrix("each plane", &Tensor::from(plane.view())),
            sign("⋆"),
            in_brackets(&format!("filter {}, each plane", number + 1), &Tensor::from(plane_of_filter.view())),
            sign("="),
            matrix("map", &channel(&maps, number)),
            sign("→"),
            matrix("pooled", &channel(&pooled, number)),
        ]);
    }
    lines([
        "cell (0, 0) of map 1:  3 · (4 + 5 + 2 − 2 − 2 − 5)  =  3 · 2  =  6",
        "cell (0, 0) of map 2:  3 · (5 + 6 + 2 − 2 − 4 − 5)  =  3 · 2  =  6",
    ]);
    say("(The factor 3 is there because the three planes are alike.) Each map is then pooled by itself:");
    let as_written = |shape: &[usize]| sizes(&[shape[1], shape[2], shape[0]]);
    lines([format!(
        "6×6×3  →  two filters of 3×3×3  →  {}  →  max pooling 2×2  →  {}",
        as_written(maps.shape()),
        as_written(pooled.shape())
    )]);

    checks.equal("the size of the maps", as_written(maps.shape()).as_str(), "4×4×2")?;
    checks.equal("the size of the pooled maps", as_written(pooled.shape()).as_str(), "2×2×2")?;
    let worked_out = array![
        [[6, 18, -12, 15], [0, 12, 0, -3], [-15, 0, 9, 18], [-6, 15, 0, 9]],
        [[6, -3, -24, -12], [-15, -6, -6, -24], [-9, -24, -6, 21], [3, 21, 6, -9]],
    ];
    checks.equal("the maps", &maps, &Tensor::from(worked_out))?;
    checks.equal("the maps, in plain loops", &maps, &Tensor::from(maps_in_plain_loops(&volume, &filters)))?;
    checks.equal("the pooled maps", &pooled, &Tensor::from(array![[[18, 15], [15, 18]], [[6, -6], [21, 21]]]))
}

fn three_times(plane: &Array2<i32>) -> Result<Array3<i32>> {
    Ok(stack(Axis(0), &[plane.view(), plane.view(), plane.view()])?)
}

fn channel(maps: &Tensor<i32>, number: usize) -> Tensor<i32> {
    Tensor::from(maps.as_array().index_axis(Axis(0), number))
}

/// The definition of a convolution over a volume, with nothing of the crate in it.
fn maps_in_plain_loops(volume: &Array3<i32>, filters: &Array4<i32>) -> Array3<i32> {
    Array3::from_shape_fn((2, 4, 4), |(filter, row, column)| {
        let mut sum = 0;
        for ((channel, down, right), weight) in filters.index_axis(Axis(0), filter).indexed_iter() {
            sum += volume[[channel, row + down, column + right]] * weight;
        }
        sum
    })
}

pub(crate) fn global_pooling(checks: &mut Checks) -> Result {
    let map = array![[2., 1., 1., 3.], [2., 5., 0., 2.], [1., 4., 2., 1.], [4., 7., 2., 4.]];
    let (max, average) = (GlobalMaxPool::default().forward(&map)?, GlobalAvgPool::default().forward(&map)?);
    say(
        "Global pooling makes one number of a whole map. (The map of item 10, but for its first cell: 2 instead of 3.)",
    );
    show(&[
        matrix("map", &Tensor::from(map.view())),
        sign("→"),
        matrix("global max", &max),
        sign("or"),
        matrix("global average", &average),
    ]);
    lines([format!("the average: {}/16 = {average}", map.sum())]);
    checks.equal("the sum of the map", &map.sum(), &41.0)?;
    checks.equal("global max", &max, &Tensor::from(array![[7.]]))?;
    checks.equal("global average", &average, &Tensor::from(array![[2.5625]]))
}

pub(crate) fn places_given_back(checks: &mut Checks) -> Result {
    let map = notes::map_to_pool();
    let (values, indices) = MaxPool2d::new(2).forward_with_indices(&map)?;
    let unpooled = MaxUnpool2d::new(2).forward(&values, &indices)?;

    say(
        "Segmentation needs to know where things are, and pooling throws the places away: each maximum may have stood at any \
         of 4 pixels, so the four of them in 4·4·4·4 = 256 ways. But max pooling can return the index of each \
         maximum in the map, counted row by row, and unpooling with the indices puts the values back:",
    );
    show(&[
        matrix("map", &map),
        sign("→"),
        matrix("values", &values),
        sign("and"),
        matrix("indices", &indices),
        sign("→"),
        matrix("unpooled", &unpooled),
    ]);
    let mut places = Vec::new();
    for (value, &index) in values.iter().zip(&indices) {
        let index = usize::try_from(index)?;
        let place = [index / 4, index % 4];
        let found = map.get(&place).ok_or("an index lies in the map")?;
        places.push(format!("index {index:>2}  =  4·{} + {}   row and column {}", place[0], place[1], pair(place)));
        checks.equal(&format!("the pixel at index {index}"), found, value)?;
    }
    lines(places);
    say("The other twelve pixels are gone for good; they are 0.");
    checks.equal("the indices", &indices, &Tensor::from(array![[5_i64, 3], [13, 15]]))?;
    let places = array![[0., 0., 0., 3.], [0., 5., 0., 0.], [0., 0., 0., 0.], [0., 7., 0., 4.]];
    checks.equal("the unpooled map", &unpooled, &Tensor::from(places))
}
