//! The same in code: lines of Rust, with this crate, and of Python, with PyTorch.

use featuremap::{Geometry, Padding, PaddingMode};
use serde::Serialize;

use crate::chain::Chain;
use crate::operation::{Convolution, Kind, Operation, Pooling};
use crate::planes::Planes;

#[derive(Debug, Serialize)]
pub(crate) struct Code {
    pub(crate) rust: String,
    pub(crate) pytorch: String,
}

/// A number as both languages write it: `1.`, or `1. / 9.`.
fn float(text: &str) -> String {
    let float = |text: &str| if text.contains(['.', 'e', 'E']) { text.to_owned() } else { format!("{text}.") };
    text.replace('−', "-").split(':').map(float).collect::<Vec<_>>().join(" / ")
}

impl Chain {
    pub(crate) fn code(&self) -> Code {
        let (mut rust, mut pytorch) = (Vec::new(), Vec::new());
        let mut name = "image";
        for (number, operation) in self.operations.iter().enumerate() {
            let (_, result) = operation.result();
            let windows = self.maps.get(number).and_then(|map| map.windows.as_ref());
            let has_indices = matches!(self.operations.get(number + 1), Some(Operation::Unpooling(_)));
            let (left, module) = match has_indices {
                true => (format!("({result}, indices)"), rust_module(operation)),
                false => (result.to_owned(), rust_module(operation)),
            };
            rust.push(match operation {
                Operation::Unpooling(_) => {
                    let [_, rows, columns] = self.maps.get(number - 1).map_or([0; 3], crate::chain::Map::shape);
                    format!("let {left} = {module}.output_size([{rows}, {columns}]).forward(&{name}, &indices)?;")
                }
                _ if has_indices => format!("let {left} = {module}.forward_with_indices(&{name})?;"),
                _ => format!("let {left} = {module}.forward(&{name})?;"),
            });
            let size = self.maps.get(number.wrapping_sub(1)).map_or([0; 3], crate::chain::Map::shape);
            pytorch.push(pytorch_line(operation, &left, name, windows, has_indices, size));
            name = result;
        }
        let [channels, rows, columns] = self.maps[0].shape();
        rust.insert(0, format!("// image: [{channels}, {rows}, {columns}], of f32"));
        pytorch.insert(0, format!("# image: [1, {channels}, {rows}, {columns}]; F is torch.nn.functional"));
        Code { rust: rust.join("\n"), pytorch: pytorch.join("\n") }
    }
}

/// Filters as both languages write them: with all four axes, or as one plane where there is one.
fn nested(planes: &Planes, all_axes: bool) -> String {
    let [filters, channels, rows, columns] = planes.shape;
    let list = |parts: Vec<String>| format!("[{}]", parts.join(", "));
    let plane = |filter: usize, channel: usize| {
        list(
            (0..rows)
                .map(|row| {
                    let cell = |column| float(planes.text([filter, channel, row, column]));
                    list((0..columns).map(cell).collect())
                })
                .collect(),
        )
    };
    if !all_axes && filters == 1 && channels == 1 {
        return plane(0, 0);
    }
    let filter = |filter| list((0..channels).map(|channel| plane(filter, channel)).collect());
    list((0..filters).map(filter).collect())
}

/// One number where both are alike.
fn rust_pair([rows, columns]: [usize; 2]) -> String {
    if rows == columns { rows.to_string() } else { format!("[{rows}, {columns}]") }
}

fn python_pair([rows, columns]: [usize; 2]) -> String {
    if rows == columns { rows.to_string() } else { format!("({rows}, {columns})") }
}

fn rust_padding(padding: Padding<2>) -> String {
    match padding {
        Padding::Same => ".padding(Padding::Same)".into(),
        Padding::SameLower => ".padding(Padding::SameLower)".into(),
        Padding::Explicit([(0, _), (0, _)]) => String::new(),
        Padding::Explicit([(rows, _), (columns, _)]) => format!(".padding({})", rust_pair([rows, columns])),
        _ => String::new(),
    }
}

fn rust_module(operation: &Operation) -> String {
    match operation {
        Operation::Convolution(convolution) => rust_convolution(convolution),
        Operation::Relu => "Relu".into(),
        Operation::Pooling(pooling) => {
            let name = match pooling.kind {
                Kind::Max => "MaxPool2d",
                Kind::Min => "MinPool2d",
                Kind::Average => "AvgPool2d",
                Kind::L2 => "L2Pool2d",
            };
            let mut text = rust_pool(name, pooling);
            if pooling.dilation != [1, 1] {
                text += &format!(".dilation({})", rust_pair(pooling.dilation));
            }
            if pooling.ceil {
                text += ".ceil_mode(true)";
            }
            if pooling.count_padding && pooling.kind == Kind::Average {
                text += ".count_include_pad(true)";
            }
            text
        }
        Operation::Global(kind) => match kind {
            Kind::Max => "GlobalMaxPool2d::default()".into(),
            Kind::Min => "GlobalMinPool2d::default()".into(),
            Kind::Average => "GlobalAvgPool2d::default()".into(),
            Kind::L2 => "GlobalL2Pool2d::default()".into(),
        },
        Operation::Unpooling(pooling) => rust_pool("MaxUnpool2d", pooling),
    }
}

/// What pooling and unpooling have in common.
fn rust_pool(name: &str, pooling: &Pooling) -> String {
    let mut text = format!("{name}::new({})", rust_pair(pooling.size));
    if pooling.stride != pooling.size {
        text += &format!(".stride({})", rust_pair(pooling.stride));
    }
    text + &rust_padding(pooling.padding)
}

fn rust_convolution(convolution: &Convolution) -> String {
    let mut text = format!("Conv2d::new({})", nested(&convolution.filters, false));
    if convolution.stride != [1, 1] {
        text += &format!(".stride({})", rust_pair(convolution.stride));
    }
    text += &rust_padding(convolution.padding);
    match convolution.mode {
        PaddingMode::Reflect => text += ".padding_mode(PaddingMode::Reflect)",
        PaddingMode::Replicate => text += ".padding_mode(PaddingMode::Replicate)",
        PaddingMode::Circular => text += ".padding_mode(PaddingMode::Circular)",
        _ => {}
    }
    if convolution.dilation != [1, 1] {
        text += &format!(".dilation({})", rust_pair(convolution.dilation));
    }
    text
}

/// `F.pad` of what is to be padded by so much.
fn padded(name: &str, windows: Option<&Geometry<2>>, how: &str) -> String {
    let sides = windows.map_or([(0, 0); 2], |windows| windows.axes().map(|axis| (axis.before(), axis.after())));
    let [(top, bottom), (left, right)] = sides;
    match sides == [(0, 0); 2] {
        true => name.to_owned(),
        false => format!("F.pad({name}, ({left}, {right}, {top}, {bottom}){how})"),
    }
}

/// Padding that PyTorch takes as a number: as much before as after, and, of a pooling, no more than half the window.
fn python_padding(windows: Option<&Geometry<2>>, most: Option<[usize; 2]>) -> Option<[usize; 2]> {
    let axes = windows?.axes();
    let fits = |axis: usize| {
        let (before, after) = (axes[axis].before(), axes[axis].after());
        before == after && most.is_none_or(|size| before <= size[axis] / 2)
    };
    (fits(0) && fits(1)).then(|| axes.map(|axis| axis.before()))
}

fn pytorch_line(
    operation: &Operation,
    left: &str,
    name: &str,
    windows: Option<&Geometry<2>>,
    has_indices: bool,
    before: [usize; 3],
) -> String {
    match operation {
        Operation::Convolution(convolution) => format!("{left} = {}", pytorch_convolution(convolution, name, windows)),
        Operation::Relu => format!("{left} = F.relu({name})"),
        Operation::Pooling(pooling) => pytorch_pooling(pooling, left, name, windows, has_indices),
        Operation::Global(kind) => {
            let function = match kind {
                Kind::Max => format!("{name}.amax((-2, -1), keepdim=True)"),
                Kind::Min => format!("{name}.amin((-2, -1), keepdim=True)"),
                Kind::Average => format!("{name}.mean((-2, -1), keepdim=True)"),
                Kind::L2 => format!("{name}.square().sum((-2, -1), keepdim=True).sqrt()"),
            };
            format!("{left} = {function}")
        }
        Operation::Unpooling(pooling) => {
            let (size, stride) = (python_pair(pooling.size), python_pair(pooling.stride));
            let [_, rows, columns] = before;
            format!("{left} = F.max_unpool2d({name}, indices, {size}, {stride}, output_size=({rows}, {columns}))")
        }
    }
}

fn pytorch_convolution(convolution: &Convolution, name: &str, windows: Option<&Geometry<2>>) -> String {
    let weight = format!("torch.tensor({})", nested(&convolution.filters, true));
    let mut options = String::new();
    if convolution.stride != [1, 1] {
        options += &format!(", stride={}", python_pair(convolution.stride));
    }
    let zeros = convolution.mode == PaddingMode::Zeros;
    let input = match (zeros, python_padding(windows, None)) {
        (true, Some([0, 0])) => name.to_owned(),
        (true, Some(both)) => {
            options += &format!(", padding={}", python_pair(both));
            name.to_owned()
        }
        (true, None) => padded(name, windows, ""),
        (false, _) => padded(name, windows, &format!(", mode=\"{}\"", convolution.mode)),
    };
    if convolution.dilation != [1, 1] {
        options += &format!(", dilation={}", python_pair(convolution.dilation));
    }
    format!("F.conv2d({input}, {weight}{options})")
}

fn pytorch_pooling(
    pooling: &Pooling,
    left: &str,
    name: &str,
    windows: Option<&Geometry<2>>,
    has_indices: bool,
) -> String {
    let mut options = python_pair(pooling.size);
    if pooling.stride != pooling.size {
        options += &format!(", {}", python_pair(pooling.stride));
    }
    let as_number = python_padding(windows, Some(pooling.size));
    let padding = match as_number {
        Some([0, 0]) | None => String::new(),
        Some(both) => format!(", padding={}", python_pair(both)),
    };
    let dilation = match pooling.dilation {
        [1, 1] => String::new(),
        dilation => format!(", dilation={}", python_pair(dilation)),
    };
    let ceil = if pooling.ceil { ", ceil_mode=True" } else { "" };
    let returns = if has_indices { ", return_indices=True" } else { "" };
    match pooling.kind {
        Kind::Max | Kind::Min if has_indices && as_number.is_none() => {
            format!("# PyTorch would count the padding in the indices: {left}")
        }
        Kind::Max | Kind::Min => {
            // An infinite number never wins; that of the minimum is turned around with all others.
            let input = match (as_number, pooling.kind) {
                (Some(_), Kind::Min) => format!("-{name}"),
                (Some(_), _) => name.to_owned(),
                (None, Kind::Min) => padded(&format!("-{name}"), windows, ", value=-torch.inf"),
                (None, _) => padded(name, windows, ", value=-torch.inf"),
            };
            let call = format!("F.max_pool2d({input}, {options}{padding}{dilation}{ceil}{returns})");
            let negated = left.split([',', '(', ')']).find(|word| !word.is_empty()).unwrap_or(left);
            match (pooling.kind, has_indices) {
                (Kind::Min, true) => format!("{left} = {call}; {negated} = -{negated}"),
                (Kind::Min, false) => format!("{left} = -{call}"),
                _ => format!("{left} = {call}"),
            }
        }
        _ if pooling.dilation != [1, 1] => format!("# PyTorch has no dilation for this pooling: {left}"),
        Kind::Average => {
            let count = match (pooling.count_padding, as_number) {
                (_, Some([0, 0])) => "",
                (true, Some(_)) => ", count_include_pad=True",
                (false, Some(_)) => ", count_include_pad=False",
                (true, None) => {
                    let input = padded(name, windows, "");
                    return format!("{left} = F.avg_pool2d({input}, {options}{ceil})");
                }
                (false, None) => {
                    let input = padded(name, windows, "");
                    let ones = padded(&format!("torch.ones_like({name})"), windows, "");
                    return format!(
                        "{left} = F.avg_pool2d({input}, {options}{ceil}) / F.avg_pool2d({ones}, {options}{ceil})"
                    );
                }
            };
            format!("{left} = F.avg_pool2d({name}, {options}{padding}{ceil}{count})")
        }
        Kind::L2 if pooling.ceil => format!("# PyTorch scales the norm of windows that are cut off: {left}"),
        Kind::L2 => {
            let input = padded(name, windows, "");
            format!("{left} = F.lp_pool2d({input}, 2, {options})")
        }
    }
}
