//! Items 7, 8 and 12: what pooling is for.

use featuremap::{Conv2d, MaxPool2d, Operator, Tensor};

use crate::Result;
use crate::check::Checks;
use crate::notes;
use crate::print::{grouped, lines, matrix, picture, say, show, sign, sizes};

const MEBIBYTE: f64 = 1024.0 * 1024.0;
const GIBIBYTE: f64 = 1024.0 * MEBIBYTE;

fn hundred_filters() -> Result<Conv2d> {
    Ok(Conv2d::new(Tensor::zeros(&[100, 3, 3, 3])?))
}

/// Bytes of a shape in 32-bit floats.
fn bytes(shape: &[usize]) -> usize {
    shape.iter().product::<usize>() * size_of::<f32>()
}

pub(crate) fn memory(checks: &mut Checks) -> Result {
    let (one_image, batch) = ([1, 3, 228, 228], [100, 3, 228, 228]);
    let conv = hundred_filters()?;
    let (map, map_of_batch) = (conv.output_shape(&one_image)?, conv.output_shape(&batch)?);
    let mebibytes = format!("{:.2} MiB", bytes(&map) as f64 / MEBIBYTE);
    let gibibytes = format!("{:.2} GiB", bytes(&map_of_batch) as f64 / GIBIBYTE);

    say(
        "An image of 228×228×3 through 100 filters of 3×3 gives 226×226×100, for 228 − 3 + 1 = 226. The shape rule of the \
         convolution tells what that takes in 32-bit floats, 4 bytes each; nothing is computed.",
    );
    let row = |what: &str, product: &str, bytes: usize, readable: &str| {
        format!("{what:<12}   {product:<20}  =  {:>13} bytes  =  {readable:>9}", grouped(bytes))
    };
    lines([
        row("one image", "226·226·100·4 bytes", bytes(&map), &mebibytes),
        row("batch of 100", &format!("100·{} bytes", grouped(bytes(&map))), bytes(&map_of_batch), &gibibytes),
    ]);
    checks.equal("the shape of the map", sizes(&map).as_str(), "1×100×226×226")?;
    checks.equal("the bytes of one image", &bytes(&map), &20_430_400)?;
    checks.equal("the bytes of the batch", &bytes(&map_of_batch), &2_043_040_000)?;
    checks.equal("one image", mebibytes.as_str(), "19.48 MiB")?;
    checks.equal("the batch", gibibytes.as_str(), "1.90 GiB")?;
    say(
        "The notes have about 19 MB for one image, which is right, and 1.59 GB for the batch of 100, which is not: it takes \
         1.9 GiB. That is too much to store for every layer, so the map must shrink:",
    );
    lines(ways_to_shrink(checks, &conv)?);
    say(
        "Pooling 2×2 and stride 2 both bring it to a quarter. With stride 2 only a quarter of the cells are computed; max \
         pooling looks at all of them and keeps the strongest, which brings what items 8 and 12 show.",
    );
    Ok(())
}

/// A table of maps and the memory they take.
fn ways_to_shrink(checks: &mut Checks, conv: &Conv2d) -> Result<Vec<String>> {
    let (pool, strided) = (MaxPool2d::new(2), conv.clone().stride(2));
    let mut table =
        vec![format!("{:<21}   {:^11}   {:>16}   {:>9}   {:>12}", "", "map", "one image", "", "batch of 100")];
    for (way, layers, expected) in [
        ("as it is", vec![conv as &dyn Operator], 20_430_400),
        ("then pooled 2×2", vec![conv, &pool], 5_107_600),
        ("with stride 2 instead", vec![&strided], 5_107_600),
    ] {
        let through =
            |input: [usize; 4]| layers.iter().try_fold(input.to_vec(), |shape, layer| layer.output_shape(&shape));
        let (map, map_of_batch) = (through([1, 3, 228, 228])?, through([100, 3, 228, 228])?);
        table.push(format!(
            "{way:<21}   {:^11}   {:>10} bytes   {:>5.2} MiB   {:>8.2} GiB",
            sizes(&[map[2], map[3], map[1]]),
            grouped(bytes(&map)),
            bytes(&map) as f64 / MEBIBYTE,
            bytes(&map_of_batch) as f64 / GIBIBYTE,
        ));
        checks.equal(&format!("the bytes of the map {way}"), &bytes(&map), &expected)?;
    }
    Ok(table)
}

const CAT: [&str; 5] = ["#...#", "##.##", "#####", "#.#.#", ".###."];

/// A square picture with the cat's upper left corner at this place.
fn cat_at([top, left]: [usize; 2], side: usize) -> Tensor<i32> {
    let mut picture = Tensor::from(ndarray::Array2::zeros((side, side)));
    for (row, pixels) in CAT.iter().enumerate() {
        for (column, pixel) in pixels.chars().enumerate() {
            picture.as_array_mut()[[top + row, left + column]] = i32::from(pixel == '#');
        }
    }
    picture
}

fn edges_of(image: &Tensor<i32>) -> Result<Tensor<i32>> {
    Ok(image.conv2d(&notes::vertical_edges(), 1, 0)?.relu())
}

/// The map as it is, pooled 2×2, and pooled 2×2 again.
fn pooled_twice(map: Tensor<i32>) -> Result<[Tensor<i32>; 3]> {
    let once = map.max_pool2d(2, 2)?;
    let twice = once.max_pool2d(2, 2)?;
    Ok([map, once, twice])
}

fn differing_cells(left: &Tensor<i32>, right: &Tensor<i32>) -> usize {
    left.iter().zip(right).filter(|(left, right)| left != right).count()
}

/// How unlike two maps are: 0 if they are equal, 1 if no cell has an answer in both.
fn unlikeness(left: &Tensor<i32>, right: &Tensor<i32>) -> f64 {
    let differences: i32 = left.iter().zip(right).map(|(left, right)| (left - right).abs()).sum();
    f64::from(differences) / f64::from(left.iter().chain(right).sum::<i32>())
}

pub(crate) fn translation_variance(checks: &mut Checks) -> Result {
    say(
        "Two pictures of the same cat, in the second one pixel further right. Each is convolved with the filter for vertical \
         edges, followed by ReLU; then the map is max-pooled, and pooled again.",
    );
    let mut maps = Vec::new();
    for (title, place) in [("a cat", [2, 2]), ("moved right", [2, 3])] {
        let image = cat_at(place, 10);
        let [map, once, twice] = pooled_twice(edges_of(&image)?)?;
        show(&[
            picture(title, &image.map(|&pixel| if pixel == 1 { '■' } else { '·' })),
            sign("→"),
            matrix("map", &map),
            sign("→"),
            matrix("pooled", &once),
            sign("→"),
            matrix("again", &twice),
        ]);
        maps.push([map, once, twice]);
    }

    let differing: [usize; 3] = std::array::from_fn(|stage| differing_cells(&maps[0][stage], &maps[1][stage]));
    lines((0..3).map(|stage| {
        let what = ["of the map", "of the pooled map", "of the map pooled again"][stage];
        format!("{:>2} of {:>2} cells {what} differ", differing[stage], maps[0][stage].len())
    }));
    say(
        "The convolution's answer is tied to the place: it moves with the cat, so most of the cells that answer differ, \
         though the cat is the same. Pooled, the maps are more alike, and pooled again they are equal. How far it helps \
         depends on how a move falls on the windows of the pooling: item 12 takes the mean over many moves.",
    );
    checks.equal("cells of the map that differ", &differing[0], &26)?;
    checks.equal("cells of the pooled map that differ", &differing[1], &4)?;
    checks.equal("cells of the map pooled again that differ", &differing[2], &0)
}

pub(crate) fn advantages(checks: &mut Checks) -> Result {
    reduced_size(checks)?;
    translation_invariance(checks)?;
    enhanced_features(checks)?;
    no_training(checks)
}

fn reduced_size(checks: &mut Checks) -> Result {
    let map = hundred_filters()?.output_shape(&[1, 3, 228, 228])?;
    let pooled = MaxPool2d::new(2).output_shape(&map)?;
    let (before, after): (usize, usize) = (map.iter().product(), pooled.iter().product());
    say(&format!(
        "(1) Reduced size. Pooling 2×2 keeps one number of four. Of the map of item 7 there remain {} of {} numbers.",
        grouped(after),
        grouped(before)
    ));
    checks.equal("a quarter of the numbers", &(4 * after), &before)
}

/// All places of the cat, and all moves by one pixel from there, that keep it two pixels away from the border: so that no
/// window of the filter is missing.
fn moves_by_one_pixel(side: usize) -> impl Iterator<Item = ([usize; 2], [usize; 2])> {
    let places = move || (2..=side - 7).flat_map(move |row| (2..=side - 7).map(move |column| [row, column]));
    places()
        .flat_map(move |from| places().map(move |to| (from, to)))
        .filter(|(from, to)| from != to && from.iter().zip(to).all(|(from, to)| from.abs_diff(*to) <= 1))
}

fn translation_invariance(checks: &mut Checks) -> Result {
    const SIDE: usize = 14;
    let mut sums = [0.0; 4];
    let mut moves = 0;
    for (from, to) in moves_by_one_pixel(SIDE) {
        let (before, after) =
            (pooled_twice(edges_of(&cat_at(from, SIDE))?)?, pooled_twice(edges_of(&cat_at(to, SIDE))?)?);
        for stage in 0..3 {
            sums[stage] += unlikeness(&before[stage], &after[stage]);
        }
        sums[3] += unlikeness(&before[0].global_max_pool()?, &after[0].global_max_pool()?);
        moves += 1;
    }
    let percent = sums.map(|sum| 100.0 * sum / f64::from(moves));
    say(&format!(
        "(2) Translation invariance. The cat of item 8 at every place in a picture of {SIDE}×{SIDE}, moved by one pixel in \
         every direction: how unlike the maps before and after are, on average over {moves} moves. Equal maps \
         have 0 %, and maps that share no answering cell 100 %."
    ));
    let stages = ["the map, 12×12", "max-pooled 2×2 to 6×6", "and again to 3×3", "global max pooling"];
    lines(stages.iter().zip(percent).map(|(stage, percent)| format!("{stage:<22}  {percent:>5.1} %")));
    say("The notes' \"nearly\" is the right word: the more pixels are pooled into one, the less the place matters.");
    checks.holds("each pooling makes the maps more alike", percent.is_sorted_by(|before, after| before > after))?;
    checks.holds("global max pooling does not see the place at all", percent[3] == 0.0)
}

fn enhanced_features(checks: &mut Checks) -> Result {
    let map = edges_of(&cat_at([2, 2], 10))?.map(|&answer| f64::from(answer));
    let mean = |map: &Tensor<f64>| map.iter().sum::<f64>() / map.len() as f64;
    let (before, max) = (mean(&map), mean(&map.max_pool2d(2, 2)?));
    let (average, min) = (mean(&map.avg_pool2d(2, 2)?), mean(&map.min_pool2d(2, 2)?));
    say("(3) Enhanced features, for max pooling only. The mean answer of the cat's edge map, item 8:");
    lines([
        format!("before pooling         {before:.2}"),
        format!("after max pooling      {max:.2}   edges get stronger, {:.1} times", max / before),
        format!("after average pooling  {average:.2}   the mean stays what it is"),
        format!("after min pooling      {min:.2}   edges get weaker"),
    ]);
    checks.holds("max pooling makes edges stronger", max > before)?;
    checks.equal("the mean after average pooling", &average, &before)?;
    checks.holds("min pooling makes edges weaker", min < before)
}

fn no_training(checks: &mut Checks) -> Result {
    let hundred_to_hundred = Conv2d::<f32>::new(Tensor::zeros(&[100, 100, 3, 3])?).stride(2).padding(1);
    let map = [1, 100, 226, 226];
    let (strided, pooled) = (hundred_to_hundred.output_shape(&map)?, MaxPool2d::new(2).output_shape(&map)?);
    let weights = hundred_to_hundred.filters().len();
    say(&format!(
        "(4) No training. A strided 3×3 convolution that takes the map of item 7 to {} learns {} weights. Pooling takes it \
         to {} and learns 0: it only aggregates.",
        sizes(&[strided[2], strided[3], strided[1]]),
        grouped(weights),
        sizes(&[pooled[2], pooled[3], pooled[1]]),
    ));
    checks.equal("the shape after stride 2", &sizes(&strided), &sizes(&pooled))?;
    checks.equal("the weights of the strided convolution", &weights, &90_000)
}
