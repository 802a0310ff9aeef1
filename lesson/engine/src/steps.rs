//! The steps of the lesson: those of the notes, in their order, and a few beyond.

use serde::Serialize;

/// What a step shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Part {
    /// Maps and the window between them.
    Maps,
    /// What changes when the input is moved.
    Shift,
    /// What a network costs.
    Cost,
}

/// A step: settings, and what to see.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Step {
    pub(crate) id: &'static str,
    pub(crate) group: &'static str,
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
    pub(crate) part: Part,
    #[serde(skip)]
    pub(crate) settings: &'static str,
}

const fn step(
    group: &'static str,
    id: &'static str,
    title: &'static str,
    part: Part,
    settings: &'static str,
    text: &'static str,
) -> Step {
    Step { id, group, title, text, part, settings }
}

const PADDING: &str = "Padding";
const STRIDES: &str = "Strides";
const POOLING: &str = "Pooling";
const BEYOND: &str = "Beyond the notes";
const TRY: &str = "Try it on pictures";

pub(crate) const STEPS: [Step; 20] = [
    step(
        PADDING,
        "convolution-shrinks",
        "A convolution",
        Part::Maps,
        "at=1,0,0,0",
        "A filter slides over the image. Wherever it lies, each pixel under it is multiplied by the weight on it, and the products \
         are added up: that is one cell of the feature map. A 3×3 filter fits a 5×5 image in 3 places across and 3 down, so the \
         map is 3×3: smaller than the image. Go to cell (0, 1): the notes work it out term by term.",
    ),
    step(
        PADDING,
        "border-counts-less",
        "The border counts for less",
        Part::Maps,
        "coverage=on&at=0,0,0,0",
        "A map that is smaller than the image is one problem. Here is the other: point at pixels of the image to see which windows \
         cover them. Pixel (0, 0) lies in one window alone, pixel (3, 3) in four, the middle in all nine. What stands at \
         the border is hardly seen.",
    ),
    step(
        PADDING,
        "padding",
        "Padding solves both",
        Part::Maps,
        "input=notes-gray&filters=0,-1,0/-1,5,-1/0,-1,0&conv-padding=1,1&coverage=on&at=1,0,0,0",
        "Zeros are added around the image, so the filter may reach beyond it. The map is as large as the image again, and border \
         pixels lie in more windows than before. This filter sharpens: it makes a pixel stand out against its neighbours. \
         The notes leave this map blank; its first cell is 5·60 − 113 − 73.",
    ),
    step(
        STRIDES,
        "strides",
        "Strides",
        Part::Maps,
        "conv-stride=2,1&at=1,0,0,0",
        "With stride 2 the window moves two pixels at a time. Rows and columns may differ: here it moves two pixels down, but only \
         one to the right. Step through the cells and watch the window jump. Then set both strides to 2.",
    ),
    step(
        STRIDES,
        "floor-rule",
        "The floor rule",
        Part::Maps,
        "input=notes-6x7&conv-stride=2,2&coverage=on&at=1,0,0,0",
        "(6 − 3)/2 + 1 is 2.5 for the rows: after two windows there are not enough pixels for a third, so the size is rounded down. \
         The last row of the image lies in no window at all. For the columns, (7 − 3)/2 + 1 is 3, and nothing is left over.",
    ),
    step(
        STRIDES,
        "larger-strides",
        "Larger strides cost less",
        Part::Maps,
        "input=digit-3&conv-stride=2,2&at=1,0,5,6",
        "A stride of 2 leaves a quarter of the cells, for a quarter of the multiplications; a stride of 3 leaves a ninth. Fine \
         detail is lost, the shape stays. Change the stride and compare the map, its size, and the multiply-adds below it.",
    ),
    step(
        POOLING,
        "memory",
        "Why pool? Memory",
        Part::Cost,
        "cost-batch=100",
        "The notes take a picture of 228×228×3 through 100 filters: for one picture the map takes 19.5 MiB, and for a batch of 100 \
         it is 1.9 GiB. So maps must shrink, by strides or by pooling. See what a small network takes without and with pooling.",
    ),
    step(
        POOLING,
        "translation",
        "Why pool? The same cat elsewhere",
        Part::Shift,
        "",
        "A convolution's answer is tied to the place: move the cat by one pixel, and most cells of its edge map change. After pooling \
         fewer do, and pooled again the two maps may well be equal. Move the cat with the arrows and see.",
    ),
    step(
        POOLING,
        "convolve-relu-pool",
        "Convolve, ReLU, pool",
        Part::Maps,
        "input=notes-halves&filters=-1,-1,-1/0,0,0/1,1,1&relu=on&pool=max&at=3,0,0,0",
        "The usual block of a network. The filter answers where black turns to white, ReLU sets what is negative to 0, and max pooling \
         keeps the largest of each 2×2 cells. The notes print this filter without its minus signs: choose that one, too, \
         and see that it does not find the edge.",
    ),
    step(
        POOLING,
        "max-pooling",
        "Max pooling and its sisters",
        Part::Maps,
        "input=notes-4x4&conv=off&pool=max&at=1,0,0,0",
        "A 2×2 window with stride 2 keeps the largest of four numbers: low-level detail goes, high-level detail stays. Choose the \
         smallest (min), the average, or the L2 norm, which is the root of the sum of squares.",
    ),
    step(
        POOLING,
        "volumes",
        "Volumes",
        Part::Maps,
        "input=notes-volume&filters=1,0,-1/1,0,-1/1,0,-1;1,0,-1/1,0,-1/1,0,-1;1,0,-1/1,0,-1/1,0,-1!0,0,0/1,1,1/-1,-1,-1;\
         0,0,0/1,1,1/-1,-1,-1;0,0,0/1,1,1/-1,-1,-1&pool=max&at=1,0,0,0",
        "An image with three channels needs filters with three planes: a filter adds up the answers of all its planes, so each \
         filter gives one map, whatever the number of channels. Two filters give two maps, 4×4×2. Pooling acts on each map alone.",
    ),
    step(
        POOLING,
        "advantages",
        "Nearly the same, wherever it is",
        Part::Shift,
        "shift-input=digit-3&shift=1,1",
        "Pooling makes the map smaller, it needs no training, for it only aggregates, and, max pooling alone, makes edges \
         stronger. And a moved digit gives nearly the same map. Nearly: compare windows of 2, 3 and 4, and the four poolings.",
    ),
    step(
        POOLING,
        "global-pooling",
        "Global pooling",
        Part::Maps,
        "input=notes-4x4-global&conv=off&pool=global-average&at=1,0,0,0",
        "One number of a whole map: its average, 41/16 = 2.5625, or its maximum, 7. Where the pixels stand no longer matters at all. \
         Networks end so: one number for each map.",
    ),
    step(
        POOLING,
        "places-given-back",
        "What comes back on the way down",
        Part::Maps,
        "input=notes-4x4&conv=off&pool=max&unpool=on&at=2,0,1,1",
        "Pooling throws away where things are, and whoever marks an object pixel by pixel needs it. But max pooling can \
         remember the index of each maximum, and unpooling puts the values back there. The other twelve pixels are gone for \
         good: they are 0.",
    ),
    step(
        BEYOND,
        "padding-modes",
        "What stands on the padding",
        Part::Maps,
        "conv-padding=2,2&conv-mode=reflect&at=1,0,0,0",
        "Zeros make a dark frame, and filters find an edge there that is none. So the image may be mirrored at its border pixels \
         (reflect), its border repeated (replicate), or the whole image repeated (circular). Try them, and then \
         a padding of 5: there is no more to mirror.",
    ),
    step(
        BEYOND,
        "dilation",
        "Dilation",
        Part::Maps,
        "input=notes-6x7&conv-dilation=2,2&at=1,0,0,0",
        "A window with holes: with dilation 2 there is a pixel between two taps. Nine weights now see a field of 5×5, at no more \
         cost. With dilation 3 they would need 7×7, and the image has only 6 rows: the library says so.",
    ),
    step(
        BEYOND,
        "rounding-up",
        "Rounding up",
        Part::Maps,
        "input=notes-6x7&conv=off&pool=average&pool-padding=1,1&pool-size=3,3&pool-stride=2,2&pool-ceil=on&at=1,0,3,3",
        "A pooling may round its size up (ceil mode): the last windows then reach beyond the image. Padding has no pixels for a \
         pooling: an average is over those that exist. PyTorch counts padding as zeros unless told otherwise: tick “count \
         padding” to get its numbers.",
    ),
    step(
        TRY,
        "digit",
        "A digit",
        Part::Maps,
        "input=digit-5&filters=1,2,1/0,0,0/-1,-2,-1&relu=on&pool=max&at=1,0,6,12",
        "Handwriting, 28×28 pixels. Point at the picture: below it the neighbourhood of the window is shown with its numbers. \
         Compare filters, and what ReLU and pooling leave of the strokes.",
    ),
    step(
        TRY,
        "photo",
        "A photo",
        Part::Maps,
        "input=photo&filters=1,0,-1/2,0,-2/1,0,-1&relu=on&pool=max&at=1,0,109,131",
        "300 rows of 451 pixels. Blue cells answer with a positive number, orange ones with a negative number, those like the page not at all. Look for \
         edges that run down: whiskers, the iris. ReLU keeps only those that go from light to dark.",
    ),
    step(
        TRY,
        "own-picture",
        "Your own picture",
        Part::Maps,
        "input=own&filters=-1,-1,-1/-1,8,-1/-1,-1,-1&at=1,0,0,0",
        "Choose a picture from a file. It stays on this device: the page has no network to send it to.",
    ),
];
