//! Filters that have names.

use crate::planes::Planes;

/// A filter of one plane.
pub(crate) struct Filter {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    plane: &'static str,
}

const fn filter(id: &'static str, name: &'static str, plane: &'static str) -> Filter {
    Filter { id, name, plane }
}

pub(crate) const FILTERS: [Filter; 13] = [
    filter("vertical-edges", "Vertical edges (notes)", "1,0,-1/1,0,-1/1,0,-1"),
    filter("horizontal-edges", "Horizontal edges (notes)", "-1,-1,-1/0,0,0/1,1,1"),
    filter("without-signs", "… as the notes print it", "1,1,1/0,0,0/1,1,1"),
    filter("lower-edges", "Lower edges (notes)", "0,0,0/1,1,1/-1,-1,-1"),
    filter("sharpen", "Sharpen (notes)", "0,-1,0/-1,5,-1/0,-1,0"),
    filter("sobel-vertical", "Sobel, vertical edges", "1,0,-1/2,0,-2/1,0,-1"),
    filter("sobel-horizontal", "Sobel, horizontal edges", "1,2,1/0,0,0/-1,-2,-1"),
    filter("outline", "All edges", "-1,-1,-1/-1,8,-1/-1,-1,-1"),
    filter("box-blur", "Blur, all alike", "1:9,1:9,1:9/1:9,1:9,1:9/1:9,1:9,1:9"),
    filter("gaussian-blur", "Blur, Gaussian", "1:16,2:16,1:16/2:16,4:16,2:16/1:16,2:16,1:16"),
    filter(
        "gaussian-blur-5",
        "Blur, Gaussian 5×5",
        "1:256,4:256,6:256,4:256,1:256/4:256,16:256,24:256,16:256,4:256/6:256,24:256,36:256,24:256,6:256/\
         4:256,16:256,24:256,16:256,4:256/1:256,4:256,6:256,4:256,1:256",
    ),
    filter("emboss", "Emboss", "-2,-1,0/-1,1,1/0,1,2"),
    filter("nothing", "As it is", "0,0,0/0,1,0/0,0,0"),
];

/// What the filters are called if they have no name.
pub(crate) const OWN: &str = "own";

impl Filter {
    /// So many filters of so many planes, all alike.
    pub(crate) fn repeated(&self, filters: usize, channels: usize) -> String {
        let filter = vec![self.plane; channels.max(1)].join(";");
        vec![filter; filters.max(1)].join("!")
    }
}

pub(crate) fn find(id: &str) -> Option<&'static Filter> {
    FILTERS.iter().find(|filter| filter.id == id)
}

/// The name of filters all of whose planes are those of one that has a name.
pub(crate) fn name_of(planes: &Planes) -> &'static str {
    let [filters, channels, ..] = planes.shape;
    let named = FILTERS.iter().find(|filter| filter.repeated(filters, channels) == planes.resized(planes.shape));
    named.map_or(OWN, |filter| filter.id)
}
