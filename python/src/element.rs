//! The types of elements that arrays may have, and what differs between them.

use std::sync::Arc;

use featuremap::{Element, Float, Module, Sequential};
use numpy::{PyArrayDescrMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::kind::Plain;

/// Shows parameters with their names, as arrays of their own.
pub(crate) type Shown = Arc<dyn Fn(Python<'_>) -> Vec<(String, Py<PyAny>)> + Send + Sync>;

/// A module with parameters, which are of one type of elements.
#[derive(Clone)]
pub(crate) enum Typed<T: Element> {
    /// Takes and gives one type.
    Same(Arc<dyn Module<T>>),
    /// Gives sums of another type: convolutions of small integers.
    Summed(Arc<dyn Module<T, T::Sum>>),
}

/// Adds a copy of a module to a network, which can then write to its parameters.
type Push<T> = Arc<dyn Fn(Sequential<T>, &str) -> Sequential<T> + Send + Sync>;

/// A module with parameters, what shows these, and how it becomes part of a network that is to be loaded.
#[derive(Clone)]
pub(crate) struct Weighted<T: Element> {
    pub(crate) module: Typed<T>,
    pub(crate) push: Option<Push<T>>,
    pub(crate) shown: Shown,
}

/// An element of an array.
pub(crate) trait Pixel: Element + numpy::Element {
    const TYPE: ElementType;

    /// A module whose parameters are of this type.
    fn weighted<M: Module<Self, Self::Sum> + Clone + 'static>(module: Arc<M>, shown: Shown) -> AnyWeighted;

    /// The module, if its parameters are of this type.
    fn of(weighted: &AnyWeighted) -> Option<&Weighted<Self>>;

    /// A module that only floats have.
    fn of_floats(plain: &Plain) -> Option<Arc<dyn Module<Self>>>;
}

macro_rules! elements {
    ($($type:ident $variant:ident $numpy:literal $sums:ident $floats:ident,)*) => {
        /// The type of the elements of an array.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum ElementType {
            $($variant,)*
        }

        impl ElementType {
            const ALL: &[Self] = &[$(Self::$variant,)*];

            /// How many bytes it has.
            fn bytes(self) -> usize {
                match self {
                    $(Self::$variant => size_of::<$type>(),)*
                }
            }

            /// What NumPy calls it.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $numpy,)*
                }
            }
        }

        /// A module with parameters of some type.
        #[derive(Clone)]
        pub(crate) enum AnyWeighted {
            $($variant(Weighted<$type>),)*
        }

        impl AnyWeighted {
            pub(crate) fn element(&self) -> ElementType {
                match self {
                    $(Self::$variant(_) => ElementType::$variant,)*
                }
            }

            pub(crate) fn shown(&self) -> &Shown {
                match self {
                    $(Self::$variant(weighted) => &weighted.shown,)*
                }
            }
        }

        $(impl Pixel for $type {
            const TYPE: ElementType = ElementType::$variant;

            fn weighted<M: Module<Self, Self::Sum> + Clone + 'static>(module: Arc<M>, shown: Shown) -> AnyWeighted {
                AnyWeighted::$variant($sums(module, shown))
            }

            fn of(weighted: &AnyWeighted) -> Option<&Weighted<Self>> {
                match weighted {
                    AnyWeighted::$variant(weighted) => Some(weighted),
                    _ => None,
                }
            }

            fn of_floats(plain: &Plain) -> Option<Arc<dyn Module<Self>>> {
                $floats(plain)
            }
        })*

        /// Calls with the type of these elements under a name.
        macro_rules! of_element {
            ($element:expr, $name:ident => $body:expr) => {
                match $element {
                    $($crate::element::ElementType::$variant => { type $name = $type; $body })*
                }
            };
        }
        pub(crate) use of_element;
    };
}

elements! {
    f32 F32 "float32" same float,
    f64 F64 "float64" same float,
    i8 I8 "int8" summed integer,
    u8 U8 "uint8" summed integer,
    i16 I16 "int16" summed integer,
    u16 U16 "uint16" summed integer,
    i32 I32 "int32" same integer,
    i64 I64 "int64" same integer,
}

fn same<T: Element<Sum = T>, M: Module<T> + Clone + 'static>(module: Arc<M>, shown: Shown) -> Weighted<T> {
    let copied = module.clone();
    let push = move |network: Sequential<T>, name: &str| network.push_named(name, (*copied).clone());
    Weighted { module: Typed::Same(module), push: Some(Arc::new(push)), shown }
}

fn summed<T: Element, M: Module<T, T::Sum> + 'static>(module: Arc<M>, shown: Shown) -> Weighted<T> {
    Weighted { module: Typed::Summed(module), push: None, shown }
}

fn float<T: Float + Pixel>(plain: &Plain) -> Option<Arc<dyn Module<T>>> {
    plain.of_float()
}

fn integer<T: Pixel>(_: &Plain) -> Option<Arc<dyn Module<T>>> {
    None
}

impl ElementType {
    /// That of an array; `what` it is, for the error.
    pub(crate) fn of(what: &str, array: &Bound<'_, PyUntypedArray>) -> PyResult<Self> {
        let dtype = array.dtype();
        let swapped = dtype.is_native_byteorder() == Some(false);
        // The first letter of a name is NumPy's letter for the kind.
        let is_it = |element: &&Self| {
            element.name().as_bytes()[0] == dtype.kind() && element.bytes() == dtype.itemsize() && !swapped
        };
        let known = Self::ALL.iter().find(is_it).copied();
        let order = if swapped { ", in another order of bytes than this machine's" } else { "" };
        known.ok_or_else(|| Self::unknown(what, &format!("{dtype}{order}")))
    }

    /// By NumPy's name.
    pub(crate) fn by_name(what: &str, name: &str) -> PyResult<Self> {
        Self::ALL.iter().find(|element| element.name() == name).copied().ok_or_else(|| Self::unknown(what, name))
    }

    fn unknown(what: &str, found: &str) -> PyErr {
        let names: Vec<_> = Self::ALL.iter().map(|element| element.name()).collect();
        PyTypeError::new_err(format!("{what} must be an array of {}; found {found}", names.join(", ")))
    }
}
