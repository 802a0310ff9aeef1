//! The operations between one map and the next, each a module of the crate.

use featuremap::{
    AvgPool2d, Conv2d, Geometry, GlobalAvgPool2d, GlobalL2Pool2d, GlobalMaxPool2d, GlobalMinPool2d, L2Pool2d,
    MaxPool2d, MaxUnpool2d, MinPool2d, Module, Padding, PaddingMode, Relu, Tensor, Window,
};

use crate::planes::Planes;
use crate::settings::Settings;

/// What a pooling makes of the pixels under a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Max,
    Min,
    Average,
    L2,
}

impl Kind {
    pub(crate) fn parse(word: &str) -> Result<Self, String> {
        match word {
            "max" => Ok(Self::Max),
            "min" => Ok(Self::Min),
            "average" => Ok(Self::Average),
            "l2" => Ok(Self::L2),
            other => Err(format!("there is no pooling “{other}”")),
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Max => "max",
            Self::Min => "min",
            Self::Average => "average",
            Self::L2 => "l2",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Convolution {
    pub(crate) filters: Planes,
    pub(crate) stride: [usize; 2],
    pub(crate) padding: Padding<2>,
    pub(crate) mode: PaddingMode,
    pub(crate) dilation: [usize; 2],
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Pooling {
    pub(crate) kind: Kind,
    pub(crate) size: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) padding: Padding<2>,
    pub(crate) dilation: [usize; 2],
    pub(crate) ceil: bool,
    pub(crate) count_padding: bool,
}

/// What makes a map of the map before it.
#[derive(Debug, Clone)]
pub(crate) enum Operation {
    Convolution(Convolution),
    Relu,
    Pooling(Pooling),
    Global(Kind),
    /// Undoes the pooling before it.
    Unpooling(Pooling),
}

/// The operations that are set, in order.
pub(crate) fn operations(settings: &Settings) -> Result<Vec<Operation>, String> {
    let mut operations = Vec::new();
    if settings.is_on("conv") {
        operations.push(Operation::Convolution(Convolution {
            filters: Planes::parse("filters", settings.word("filters"))?,
            stride: settings.pair("conv-stride")?,
            padding: settings.padding("conv-padding")?,
            mode: settings.padding_mode("conv-mode")?,
            dilation: settings.pair("conv-dilation")?,
        }));
    }
    if settings.is_on("relu") {
        operations.push(Operation::Relu);
    }
    match settings.word("pool") {
        "off" => {}
        word => match word.strip_prefix("global-") {
            Some(kind) => operations.push(Operation::Global(Kind::parse(kind)?)),
            None => {
                let pooling = Pooling {
                    kind: Kind::parse(word)?,
                    size: settings.pair("pool-size")?,
                    stride: settings.pair("pool-stride")?,
                    padding: settings.padding("pool-padding")?,
                    dilation: settings.pair("pool-dilation")?,
                    ceil: settings.is_on("pool-ceil"),
                    count_padding: settings.is_on("pool-count-padding"),
                };
                operations.push(Operation::Pooling(pooling));
                if settings.is_on("unpool") && pooling.selects() {
                    operations.push(Operation::Unpooling(pooling));
                }
            }
        },
    }
    Ok(operations)
}

impl Convolution {
    pub(crate) fn module(&self) -> featuremap::Result<Conv2d> {
        let conv = Conv2d::new(self.filters.tensor()?).stride(self.stride).dilation(self.dilation);
        Ok(conv.padding(self.padding).padding_mode(self.mode))
    }

    fn window(&self) -> Window<2> {
        let [_, _, rows, columns] = self.filters.shape;
        Window::new([rows, columns]).stride(self.stride).dilation(self.dilation).padding(self.padding)
    }
}

macro_rules! pool {
    ($pool:ident, $pooling:expr) => {
        $pool::new($pooling.size)
            .stride($pooling.stride)
            .dilation($pooling.dilation)
            .padding($pooling.padding)
            .ceil_mode($pooling.ceil)
    };
}

impl Pooling {
    /// Whether every output is one of the pixels, which has an index.
    pub(crate) fn selects(&self) -> bool {
        matches!(self.kind, Kind::Max | Kind::Min)
    }

    fn module(&self) -> Box<dyn Module<f32>> {
        match self.kind {
            Kind::Max => Box::new(pool!(MaxPool2d, self)),
            Kind::Min => Box::new(pool!(MinPool2d, self)),
            Kind::Average => Box::new(pool!(AvgPool2d, self).count_include_pad(self.count_padding)),
            Kind::L2 => Box::new(pool!(L2Pool2d, self)),
        }
    }

    /// The outputs with the places of the pixels that they are, counted row by row in their plane.
    pub(crate) fn forward_with_indices(&self, input: &Tensor) -> featuremap::Result<(Tensor, Tensor<i64>)> {
        match self.kind {
            Kind::Min => pool!(MinPool2d, self).forward_with_indices(input),
            _ => pool!(MaxPool2d, self).forward_with_indices(input),
        }
    }

    /// Puts outputs back to where they came from, in a plane as large as it was.
    pub(crate) fn undo(&self, pooled: &Tensor, indices: &Tensor<i64>, size: [usize; 2]) -> featuremap::Result<Tensor> {
        let unpool = MaxUnpool2d::new(self.size).stride(self.stride).padding(self.padding).output_size(size);
        unpool.forward(pooled, indices)
    }
}

impl Operation {
    /// The crate's module that computes it; none for an unpooling, which needs indices beside its input.
    pub(crate) fn module(&self) -> featuremap::Result<Option<Box<dyn Module<f32>>>> {
        Ok(match self {
            Self::Convolution(convolution) => Some(Box::new(convolution.module()?)),
            Self::Relu => Some(Box::new(Relu)),
            Self::Pooling(pooling) => Some(pooling.module()),
            Self::Global(Kind::Max) => Some(Box::new(GlobalMaxPool2d::default())),
            Self::Global(Kind::Min) => Some(Box::new(GlobalMinPool2d::default())),
            Self::Global(Kind::Average) => Some(Box::new(GlobalAvgPool2d::default())),
            Self::Global(Kind::L2) => Some(Box::new(GlobalL2Pool2d::default())),
            Self::Unpooling(_) => None,
        })
    }

    /// Its windows over an input of this size; none for an unpooling, which has none.
    pub(crate) fn geometry(&self, input: [usize; 2]) -> featuremap::Result<Option<Geometry<2>>> {
        match self {
            Self::Convolution(convolution) => convolution.window().geometry(input).map(Some),
            Self::Relu => Window::new([1, 1]).geometry(input).map(Some),
            Self::Pooling(pooling) => pool!(MaxPool2d, pooling).window().geometry(input).map(Some),
            Self::Global(_) => Window::new(input).geometry(input).map(Some),
            Self::Unpooling(_) => Ok(None),
        }
    }

    /// A word for what it is, by which the page knows what to write.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Convolution(_) => "convolution",
            Self::Relu => "relu",
            Self::Pooling(pooling) => pooling.kind.word(),
            Self::Global(kind) => kind.word(),
            Self::Unpooling(_) => "unpooling",
        }
    }

    /// What the map that it makes is called, and what a variable that holds it.
    pub(crate) fn result(&self) -> (&'static str, &'static str) {
        match self {
            Self::Convolution(_) => ("Feature map", "map"),
            Self::Relu => ("After ReLU", "active"),
            Self::Pooling(_) | Self::Global(_) => ("Pooled", "pooled"),
            Self::Unpooling(_) => ("Unpooled", "unpooled"),
        }
    }
}
