//! The lesson shows the figures of the notes.

use featuremap_lesson::Lesson;
use serde_json::Value;

fn at(address: &str) -> Lesson {
    let mut lesson = Lesson::new();
    lesson.open(address);
    lesson
}

fn view(lesson: &Lesson) -> Value {
    serde_json::from_str(&lesson.view()).expect("the view is JSON")
}

fn look(lesson: &Lesson) -> Value {
    serde_json::from_str(&lesson.look()).expect("the look is JSON")
}

#[test]
fn maps_are_those_of_the_notes() {
    assert_eq!(at("convolution-shrinks").values(1), [6., -9., -8., -3., -2., -3., -3., 0., -2.]);
    assert_eq!(at("padding").values(1)[..5], [114., 328., -26., 470., 158.]);
    assert_eq!(at("max-pooling").values(1), [5., 3., 7., 4.]);
    assert_eq!(at("volumes").values(2), [18., 15., 15., 18., 6., -6., 21., 21.]);
    assert_eq!(at("global-pooling").values(1), [2.5625]);
    assert_eq!(at("global-pooling&pool=global-max").values(1), [7.]);
    let back = at("places-given-back");
    assert_eq!(back.indices(1), [5, 3, 13, 15]);
    assert_eq!(back.values(2), [0., 0., 0., 3., 0., 5., 0., 0., 0., 0., 0., 0., 0., 7., 0., 4.]);
}

#[test]
fn a_cell_is_worked_out_term_by_term() {
    let mut lesson = at("convolution-shrinks");
    lesson.point(1, 0, 0, 1);
    let output = look(&lesson)["output"].clone();
    assert_eq!(output["value"], -9.0);
    let pixels: Vec<f64> =
        output["terms"].as_array().expect("terms").iter().filter_map(|term| term["pixel"].as_f64()).collect();
    assert_eq!(pixels, [2., 3., 3., 5., 3., 8., 3., 2., 8.]);
    assert_eq!(output["rows"], serde_json::json!([0, 1, 2]));
    assert_eq!(output["columns"], serde_json::json!([1, 2, 3]));
}

#[test]
fn the_terms_of_every_cell_of_every_small_preset_make_its_value() {
    let mut cells = 0;
    for address in Lesson::presets().iter().filter(|address| !address.contains("photo") && !address.contains("digit")) {
        let mut lesson = at(address);
        let maps = view(&lesson)["maps"].as_array().expect("maps").clone();
        for (map, shape) in maps.iter().map(|map| map["shape"].clone()).enumerate().skip(1) {
            let shape: [usize; 3] = serde_json::from_value(shape).expect("a shape");
            for flat in 0..shape.iter().product() {
                lesson.point(map, flat / (shape[1] * shape[2]), flat / shape[2] % shape[1], flat % shape[2]);
                let look = look(&lesson);
                let output = &look["output"];
                let (value, made) = (output["value"].as_f64().expect("a value"), made_of(output));
                assert!(
                    (value - made).abs() <= 1e-5 * value.abs().max(1.0),
                    "{address}: {made} is not {value}: {output}"
                );
                cells += 1;
            }
        }
    }
    assert!(cells > 500, "only {cells} cells were held against their terms");
}

/// What the terms of an output give, by plain arithmetic.
fn made_of(output: &Value) -> f64 {
    let terms = output["terms"].as_array().expect("terms");
    let pixels = || terms.iter().filter_map(|term| term["pixel"].as_f64());
    let weight = |term: &Value| {
        let text = term["weight"].as_str().expect("a weight");
        let (above, below) = text.split_once(':').unwrap_or((text, "1"));
        above.parse::<f64>().expect("a number") / below.parse::<f64>().expect("a number")
    };
    match output["operation"].as_str().expect("an operation") {
        "convolution" => terms.iter().zip(pixels()).map(|(term, pixel)| pixel * weight(term)).sum(),
        "relu" => pixels().next().expect("a pixel").max(0.0),
        "max" => pixels().fold(f64::NEG_INFINITY, f64::max),
        "min" => pixels().fold(f64::INFINITY, f64::min),
        "average" => pixels().sum::<f64>() / terms.len() as f64,
        "l2" => pixels().map(|pixel| pixel * pixel).sum::<f64>().sqrt(),
        "unpooling" => pixels().next().unwrap_or(0.0),
        other => panic!("there is no operation {other}"),
    }
}

#[test]
fn pixels_are_in_as_many_windows_as_the_notes_count() {
    let mut lesson = at("border-counts-less");
    for (row, column, count) in [(0, 0, 1), (3, 3, 4), (2, 2, 9)] {
        lesson.point(0, 0, row, column);
        assert_eq!(look(&lesson)["covering"]["count"], count, "pixel ({row}, {column})");
    }
    assert_eq!(lesson.coverage(0)[..6], [1, 2, 3, 2, 1, 2]);
}

#[test]
fn what_makes_no_sense_is_an_error_in_the_words_of_the_crate() {
    let failure = |address: &str| view(&at(address))["failure"].clone();
    assert_eq!(
        failure("convolution-shrinks&conv-stride=0,1"),
        serde_json::json!([0, "stride is 0 on spatial axis 0: it must be at least 1"])
    );
    assert_eq!(
        failure("dilation&conv-dilation=3,3"),
        serde_json::json!([0, "window of 7 (size 3, dilation 3) is larger than spatial axis 0: 6 + 0 + 0 padding"])
    );
    assert_eq!(failure("max-pooling&pool-size=5,5")[0], 0);
    assert_eq!(failure("convolve-relu-pool&pool-size=5,5")[0], 2);
    // What cannot even be read is no operation's fault.
    assert_eq!(
        failure("convolution-shrinks&conv-stride=x,1"),
        serde_json::json!([null, "conv-stride: “x” is not a whole number from 0 up"])
    );
}

#[test]
fn an_address_says_all_that_is_set() {
    let mut lesson = at("convolution-shrinks");
    assert_eq!(lesson.address(), "convolution-shrinks");
    for (key, word) in
        [("filter", "box-blur"), ("conv-padding", "same"), ("pool", "max"), ("pool-size", "3,3"), ("relu", "on")]
    {
        lesson.set(key, word).expect("it can be set");
    }
    lesson.point(1, 0, 2, 3);
    let again = at(&lesson.address());
    assert_eq!(again.address(), lesson.address());
    assert_eq!(
        (0..4).map(|map| again.values(map)).collect::<Vec<_>>(),
        (0..4).map(|map| lesson.values(map)).collect::<Vec<_>>()
    );
    // The stride of a pooling follows its size until it is set.
    assert!(lesson.address().contains("pool-stride=3,3"), "{}", lesson.address());
    assert_eq!(at("no-such-step&no-such-key=1").address(), "convolution-shrinks");
}

#[test]
fn pooling_makes_a_moved_cat_more_alike() {
    let stages = view(&at("translation"))["shift"].clone();
    let changed: Vec<u64> = (0..4).filter_map(|stage| stages[stage]["summary"]["changed"].as_u64()).collect();
    // As the worked examples count them.
    assert_eq!(changed[1..], [26, 4, 0]);
    let means: Vec<f64> = (0..4).filter_map(|stage| stages[stage]["summary"]["mean"].as_f64()).collect();
    assert!(means[1] > means[2] && means[2] > means[3], "{means:?}");
    // Windows of 4×4 leave too little to be pooled again.
    assert_eq!(view(&at("translation&shift-size=4"))["shift"].as_array().map(Vec::len), Some(3));
}

#[test]
fn the_layer_of_the_notes_takes_what_they_say() {
    let cost = view(&at("memory&cost-batch=1"))["cost"].clone();
    assert_eq!(cost["notes"]["layers"][0]["bytes"], 20_430_400);
    assert_eq!(view(&at("memory"))["cost"]["notes"]["layers"][0]["bytes"], 2_043_040_000_u64);
    let count = |network: &str, what: &str| cost[network][what].as_u64().expect("a count");
    assert!(count("without", "parameters") > 10 * count("with", "parameters"));
    assert!(count("without", "multiply_adds") > 3 * count("with", "multiply_adds"));
}

#[test]
fn filters_fit_the_channels_of_the_input() {
    let mut lesson = at("convolution-shrinks");
    lesson.set("input", "notes-volume").expect("it can be chosen");
    let view = view(&lesson);
    assert_eq!(view["filters"]["shape"], serde_json::json!([1, 3, 3, 3]));
    assert_eq!(view["filters"]["name"], "vertical-edges");
    assert_eq!(lesson.values(1)[..4], [6., 18., -12., 15.]);
}

#[test]
fn the_window_steps_through_all_outputs_and_begins_again() {
    let mut lesson = at("convolution-shrinks");
    let place = |lesson: &Lesson| {
        let at = look(lesson)["at"].clone();
        [at["row"].as_u64().expect("a row"), at["column"].as_u64().expect("a column")]
    };
    let mut places = Vec::new();
    for _ in 0..9 {
        places.push(place(&lesson));
        lesson.stride(1);
    }
    assert_eq!(places[..4], [[0, 0], [0, 1], [0, 2], [1, 0]]);
    assert_eq!(place(&lesson), [0, 0]);
    lesson.stride(-1);
    assert_eq!(place(&lesson), [2, 2]);
    lesson.walk(-1, 5);
    assert_eq!(place(&lesson), [1, 2]);
}
