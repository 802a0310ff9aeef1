//! The window core: what lies where.

use featuremap::Axis;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::arguments::{Frame, over_axes};
use crate::array;
use crate::error::Raise;

/// A window over an input of a given size.
#[pyclass(frozen, module = "featuremap._core")]
pub(crate) struct Geometry {
    axes: Vec<Axis>,
    frame: Frame,
    size: Vec<usize>,
}

#[pymethods]
impl Geometry {
    #[new]
    fn new(
        size: Vec<usize>,
        kernel_size: &Bound<'_, PyAny>,
        stride: &Bound<'_, PyAny>,
        padding: &Bound<'_, PyAny>,
        dilation: &Bound<'_, PyAny>,
        ceil_mode: bool,
    ) -> PyResult<Self> {
        let over = size.len();
        if over == 0 || over > 3 {
            return Err(PyValueError::new_err(format!("a window is over 1, 2 or 3 axes; found {over}")));
        }
        let frame = Frame::read(over, kernel_size, Some(stride), padding, dilation, ceil_mode)?;
        let axes = over_axes!(over, N => {
            let sizes: [usize; N] = std::array::from_fn(|axis| size[axis]);
            frame.window::<N>().geometry(sizes).raise()?.axes().to_vec()
        });
        Ok(Self { axes, frame, size })
    }

    /// The number of windows along each axis.
    fn output_size(&self) -> Vec<usize> {
        self.axes.iter().map(Axis::outputs).collect()
    }

    /// Of each axis the length, size, stride, dilation, padding before and after, and outputs.
    #[allow(clippy::type_complexity, reason = "a tuple of Python")]
    fn axes(&self) -> Vec<(usize, usize, usize, usize, usize, usize, usize)> {
        let numbers = |axis: &Axis| {
            let (before, after) = (axis.before(), axis.after());
            (axis.length(), axis.size(), axis.stride(), axis.dilation(), before, after, axis.outputs())
        };
        self.axes.iter().map(numbers).collect()
    }

    /// What lies under each window of an axis: the first pixel that exists, and how many there are, a dilation apart.
    fn spans(&self, axis: usize) -> PyResult<Vec<(usize, usize)>> {
        let axis = self.axes.get(axis).ok_or_else(|| PyValueError::new_err("there is no such axis"))?;
        let runs = (0..axis.outputs()).map(|output| axis.by_output(output));
        Ok(runs.map(|run| (run.input, run.range.len())).collect())
    }

    /// In how many windows each pixel takes part.
    fn coverage<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let counts = over_axes!(self.size.len(), N => {
            let sizes: [usize; N] = std::array::from_fn(|axis| self.size[axis]);
            self.frame.window::<N>().geometry(sizes).and_then(|geometry| geometry.coverage())
        });
        Ok(array::into_array(py, counts.raise()?.map(|&count| i64::try_from(count).unwrap_or(i64::MAX))))
    }
}
