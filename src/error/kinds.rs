//! The ways to fail, with their words.

/// Why an operation could not be done: what was asked, what was found, and on which axis.
///
/// Spatial axes are counted from 0 without the batch and channel axes: of `[batch, channel, height, width]`, 0 is the height.
///
/// ```
/// use featuremap::{Error, Window};
///
/// let error = Window::new([3, 0]).output_size([5, 5]).unwrap_err();
/// assert_eq!(error.to_string(), "window size is 0 on spatial axis 1: it must be at least 1");
/// assert!(matches!(error, Error::Zero { axis: 1, .. }));
/// ```
#[derive(Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A window, stride, dilation or output size of zero.
    #[error("{what} is 0 on spatial axis {axis}: it must be at least 1")]
    Zero {
        /// The parameter that is zero: "window size", "stride", ….
        what: &'static str,
        /// The spatial axis.
        axis: usize,
    },

    /// A spatial axis without pixels.
    #[error("spatial axis {axis} of the input is empty")]
    EmptyAxis {
        /// The spatial axis.
        axis: usize,
    },

    /// The window does not fit into the padded input.
    #[error(
        "window of {extent} (size {size}, dilation {dilation}) is larger than spatial axis {axis}: \
         {length} + {before} + {after} padding"
    )]
    WindowTooLarge {
        /// The spatial axis.
        axis: usize,
        /// What the window covers: `dilation · (size − 1) + 1`.
        extent: usize,
        /// Taps of the window.
        size: usize,
        /// Distance between two taps.
        dilation: usize,
        /// Pixels of the input.
        length: usize,
        /// Padding before the first pixel.
        before: usize,
        /// Padding after the last pixel.
        after: usize,
    },

    /// A pooling window that lies wholly on padding, where there is nothing to reduce.
    #[error(
        "window {output} on spatial axis {axis} covers no pixel: its {size} taps (dilation {dilation}) \
         start at {start} on an input of {length}; use less padding"
    )]
    EmptyWindow {
        /// The spatial axis.
        axis: usize,
        /// The first output whose window is empty.
        output: usize,
        /// Where its first tap lies; negative in the padding before the input.
        start: isize,
        /// Taps of the window.
        size: usize,
        /// Distance between two taps.
        dilation: usize,
        /// Pixels of the input.
        length: usize,
    },

    /// A size, or a product of sizes, that no memory could hold.
    #[error("{what} is too large: {sizes:?}")]
    TooLarge {
        /// What has this size.
        what: &'static str,
        /// The sizes asked for.
        sizes: Vec<usize>,
    },

    /// The allocator refused the memory.
    #[error("out of memory: {bytes} bytes for shape {shape:?}")]
    OutOfMemory {
        /// Bytes asked for.
        bytes: usize,
        /// The shape they were to hold.
        shape: Vec<usize>,
    },

    /// An array whose number of axes does not fit the operation.
    #[error("{what} must be {expected}; found rank {} with shape {found:?}", found.len())]
    Rank {
        /// What has the wrong rank: "input of a 2-D convolution", "filters", ….
        what: String,
        /// The ranks that would fit.
        expected: String,
        /// The shape found.
        found: Vec<usize>,
    },

    /// Input channels that do not fit the filters.
    #[error("the input has {found} channels, but filters {filters:?} with groups {groups} take {expected}{hint}")]
    Channels {
        /// Channels that the filters take in all.
        expected: usize,
        /// Channels of the input.
        found: usize,
        /// Shape of the filters as given.
        filters: Vec<usize>,
        /// Number of groups.
        groups: usize,
        /// What would fit, where it can be said.
        hint: String,
    },

    /// Features that do not fit the weights of a linear layer.
    #[error("the input has {found} features on its last axis, but weights {weights:?} take {expected}")]
    Features {
        /// Features that the weights take.
        expected: usize,
        /// Features of the input.
        found: usize,
        /// Shape of the weights.
        weights: Vec<usize>,
    },

    /// Channels or filters that cannot be divided into the groups.
    #[error("{count} {what} cannot be divided into {groups} groups")]
    Groups {
        /// "filters" or "input channels".
        what: &'static str,
        /// How many of them there are.
        count: usize,
        /// Number of groups.
        groups: usize,
    },

    /// Numbers for each channel that are not as many as there are channels.
    #[error("{what} has numbers for {expected} channels; found {found} on axis {axis} of {shape:?}")]
    ChannelCount {
        /// What has them: "a batch norm", ….
        what: &'static str,
        /// How many channels it has numbers for.
        expected: usize,
        /// How many there are.
        found: usize,
        /// The axis of the channels.
        axis: usize,
        /// The shape that was found.
        shape: Vec<usize>,
    },

    /// A value of a [`Graph`](crate::Graph) that was not made before it is used, as one of another graph.
    #[error("value {value} is none of the {values} that were made before it")]
    Value {
        /// Its number.
        value: usize,
        /// How many there are.
        values: usize,
    },

    /// An axis that a tensor does not have.
    #[error("axis {axis} is none of a tensor of rank {} with shape {shape:?}", shape.len())]
    Axis {
        /// The axis asked for; negative ones count from the end.
        axis: isize,
        /// The shape of the tensor.
        shape: Vec<usize>,
    },

    /// A parameter that is out of its range.
    #[error("{what} must be {expected}; found {found}")]
    Number {
        /// Which parameter.
        what: &'static str,
        /// Its range.
        expected: &'static str,
        /// What it is.
        found: f64,
    },

    /// A bias that is not one number an output channel.
    #[error("the bias must be one number for each of {expected} output channels; found shape {found:?}")]
    Bias {
        /// Output channels.
        expected: usize,
        /// Shape of the bias.
        found: Vec<usize>,
    },

    /// A band of rows that a module does not have, or not of the rows that it would be computed from.
    #[error("rows {rows:?} on axis {axis} of the {what}, whose shape is {shape:?}, are no band of this module")]
    Band {
        /// "input" or "output".
        what: &'static str,
        /// The rows.
        rows: std::ops::Range<usize>,
        /// The axis that they lie along.
        axis: usize,
        /// The shape of the whole input or output.
        shape: Vec<usize>,
    },

    /// A plan of a module whose parameters have been written to since.
    #[error(
        "the parameters of this plan's module have been loaded, or taken to be written to, since it was made: \
         make another plan"
    )]
    Outdated,

    /// Two shapes that must be equal and are not.
    #[error("{what} must have shape {expected:?}; found {found:?}")]
    Shape {
        /// What has the wrong shape.
        what: &'static str,
        /// The shape it must have.
        expected: Vec<usize>,
        /// The shape it has.
        found: Vec<usize>,
    },

    /// More padding than a padding mode can fill from the input.
    #[error(
        "{mode} padding of {before} before and {after} after does not fit spatial axis {axis} of {length}: \
         at most {most} on each side"
    )]
    PaddingMode {
        /// The padding mode.
        mode: crate::terms::PaddingMode,
        /// The spatial axis.
        axis: usize,
        /// Padding before the first pixel.
        before: usize,
        /// Padding after the last pixel.
        after: usize,
        /// Pixels of the input.
        length: usize,
        /// The most that the mode can fill on one side.
        most: usize,
    },

    /// An output of a transposed operation that would have no pixel.
    #[error(
        "transposed output on spatial axis {axis} would have {size} pixels: ({length} − 1) · stride {stride} \
         + window of {extent} + output padding {output_padding} − padding {before} − padding {after}"
    )]
    TransposedSize {
        /// The spatial axis.
        axis: usize,
        /// The size that comes out.
        size: isize,
        /// Pixels of the input.
        length: usize,
        /// The stride.
        stride: usize,
        /// What the window covers.
        extent: usize,
        /// Pixels added at the end.
        output_padding: usize,
        /// Padding taken off at the start.
        before: usize,
        /// Padding taken off at the end.
        after: usize,
    },

    /// Output padding that no stride or dilation could have left over.
    #[error(
        "output padding {output_padding} on spatial axis {axis} must be smaller than the stride {stride} \
         or the dilation {dilation}"
    )]
    OutputPadding {
        /// The spatial axis.
        axis: usize,
        /// Pixels added at the end.
        output_padding: usize,
        /// The stride.
        stride: usize,
        /// The dilation.
        dilation: usize,
    },

    /// The order of an Lp norm that is not a positive finite number.
    #[error("the order of an Lp norm must be positive and finite; found {found}")]
    NormOrder {
        /// The order asked for.
        found: f64,
    },

    /// An index that lies outside the plane it points into.
    #[error("index {index} at flat position {position} lies outside the output plane of {pixels} pixels")]
    IndexOutOfRange {
        /// The index found.
        index: i64,
        /// Its place in the tensor of indices, counted flat.
        position: usize,
        /// Pixels of the plane it points into.
        pixels: usize,
    },

    /// What went wrong in a layer of a [`Sequential`](crate::Sequential), in a part of any other network, or in a node of an ONNX model.
    #[error("layer {layer}: {source}")]
    Layer {
        /// Its name and what it is: "0 (Conv2d)".
        layer: String,
        /// What went wrong.
        source: Box<Error>,
    },

    /// An operator of a file in the ONNX format that is not supported, or not as it is used there.
    #[error("node {node}: {operator} {reason}")]
    Operator {
        /// The name of the node.
        node: String,
        /// The operator.
        operator: String,
        /// What is wrong, or what is supported.
        reason: String,
    },

    /// A shape that is not that of an input of a file in the ONNX format, or a size that is open.
    #[error("input{} {reason}", if name.is_empty() { String::from("s:") } else { format!(" {name}") })]
    Input {
        /// The name of the input; empty where it is not about one.
        name: String,
        /// What is wrong.
        reason: String,
    },

    /// A file of parameters that cannot be read or written, or is none.
    #[error("{file}: {reason}")]
    File {
        /// Which file; for bytes in memory, "safetensors" or "ONNX".
        file: String,
        /// Why not, in the words of who has tried.
        reason: String,
    },

    /// What is wrong with what a file holds.
    #[error("{file}: {source}")]
    InFile {
        /// Which file.
        file: String,
        /// What is wrong.
        source: Box<Error>,
    },

    /// A parameter that a file does not hold.
    #[error("there is no parameter {name}; there are {}", super::list_some(found))]
    MissingParameter {
        /// Its name.
        name: String,
        /// The names that are there.
        found: Vec<String>,
    },

    /// Parameters whose names are not those of the network.
    #[error("the parameters do not fit the network: {}", super::list_names(missing, unexpected))]
    ParameterNames {
        /// Parameters of the network that are not there.
        missing: Vec<String>,
        /// Those that are there, and that the network does not have.
        unexpected: Vec<String>,
    },

    /// A parameter of another shape than that of the network.
    #[error("parameter {name} must have shape {expected:?}; found {found:?}")]
    ParameterShape {
        /// Its name.
        name: String,
        /// The shape it must have.
        expected: Vec<usize>,
        /// The shape it has.
        found: Vec<usize>,
    },

    /// A parameter of another type than the network.
    #[error("parameter {name} must be of type {expected}; found {found}")]
    ParameterType {
        /// Its name.
        name: String,
        /// The type it must have, as the format calls it: "F32".
        expected: String,
        /// The type it has.
        found: String,
    },

    /// A parameter that cannot be written to, as others hold its module, or that has the name of another.
    #[error("parameter {name} {reason}")]
    Parameter {
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}
