//! [`Plan`]: a module made ready for inputs of one shape.

use std::fmt;

use crate::module::{Module, Seen, Version, check_shape};
use crate::tensor::{TensorView, TensorViewMut, filled};
use crate::{AsView, AsViewMut, Element, Error, Result};

/// A module made ready for inputs of one shape: everything is checked, the algorithm chosen, weights are prepared and all
/// memory is taken, so that [`run`](Self::run) only computes.
///
/// [`Module::plan`] makes one. Convolutions of `f32` and `f64` and poolings over one to three spatial axes have something to
/// prepare, and take no memory when they run, nor do the modules for tensors of any rank and networks of all these, but for a few bytes
/// where several threads are given a share from outside their pool, and for a copy where a layer meets an output, or one around convolution
/// an input, that does not lie in row-major order the first time. The plans of convolutions of integers, and of convolutions and poolings
/// over more axes, do what `forward_into` does. (`ndarray` takes memory for the shape of a view with more than eight axes, and of a view
/// of a dynamic array with five to eight that does not lie in row-major order.)
///
/// ```
/// use featuremap::{Conv2d, Module, Tensor};
/// use ndarray::Array4;
///
/// let conv = Conv2d::new(Array4::<f32>::ones((8, 3, 3, 3))).padding(1);
/// let mut plan = conv.plan(&[1, 3, 32, 32])?;
/// let mut maps = Array4::zeros((1, 8, 32, 32));
/// for _ in 0..3 {
///     plan.run(&Array4::ones((1, 3, 32, 32)), &mut maps)?; // no memory is taken here
///     assert!((maps[[0, 0, 1, 1]] - 27.0_f32).abs() < 1e-4);
/// }
/// println!("{plan}");
///
/// let error = plan.run(&Array4::ones((2, 3, 32, 32)), &mut maps).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "the input of this plan must have shape [1, 3, 32, 32]; found [2, 3, 32, 32]"
/// );
/// # Ok::<(), featuremap::Error>(())
/// ```
///
/// A plan is `Send`, and [`Clone`] gives another thread one of its own: the weights are shared, the workspace is not. Its
/// share of work for each thread is fixed when it is made, from the size of the thread pool that it is made in. Results are
/// the same to the bit for any number of threads.
///
/// **A plan keeps the weights that its module had when it was made.** Load parameters first, then plan. A plan whose module has
/// been loaded since, or has given out its parameters by [`Module::parameters_mut`], does not compute with the old ones: it returns
/// [`Error::Outdated`]. A clone of the module has weights of its own, and loading them changes no plan of the other.
///
/// ```
/// use featuremap::{Error, Linear, Module, Tensor};
/// use ndarray::array;
///
/// let mut layer = Linear::new(array![[1.0, 2.0]]);
/// let mut plan = layer.plan(&[2])?;
/// layer.parameters_mut()[0].1.map_in_place(|weight| *weight = 5.0);
///
/// let mut output = Tensor::zeros(&[1])?;
/// assert_eq!(plan.run(&array![1.0, 1.0], &mut output), Err(Error::Outdated));
/// layer.plan(&[2])?.run(&array![1.0, 1.0], &mut output)?;
/// assert_eq!(output, Tensor::from(array![10.0]));
/// # Ok::<(), featuremap::Error>(())
/// ```
pub struct Plan<T: Element = f32, U: Element = T> {
    input_shape: Vec<usize>,
    output_shape: Vec<usize>,
    run: Box<dyn CloneRun<T, U>>,
    /// Empty where it runs in that of another.
    scratch: Vec<U>,
    /// Of the parameters that it was made of, where the module gives them out to be written to.
    seen: Vec<Seen>,
}

/// What a [`Plan`] does when it runs: for modules of your own that have something to prepare.
///
/// [`Plan::of`] serves those that have not.
pub trait RunPlan<T: Element, U: Element = T>: Send + Sync {
    /// Computes the output, every element of it. The plan has checked both shapes.
    ///
    /// # Errors
    ///
    /// Those of the module.
    fn run(&mut self, input: TensorView<'_, T>, output: TensorViewMut<'_, U>) -> Result<()>;

    /// What it computes by, in a word or two, for people to read.
    fn algorithm(&self) -> String;

    /// Bytes of memory that it holds to compute in, weights apart.
    fn workspace_bytes(&self) -> usize {
        0
    }
}

/// [`RunPlan`], for what computes in memory of which it keeps nothing from one run to the next: steps of a network, which run one after
/// the other, share one.
pub(crate) trait RunInScratch<T: Element, U: Element = T>: Send + Sync {
    /// How many numbers of it there must be.
    fn scratch_length(&self) -> usize;

    /// [`RunPlan::run`] in so many numbers, whose values are arbitrary.
    fn run_in(&mut self, input: TensorView<'_, T>, output: TensorViewMut<'_, U>, scratch: &mut [U]) -> Result<()>;

    /// [`RunPlan::algorithm`]
    fn algorithm(&self) -> String;

    /// Bytes of memory that it holds itself, weights apart.
    fn own_bytes(&self) -> usize {
        0
    }
}

/// What takes no scratch memory from its caller.
#[derive(Clone)]
struct WithoutScratch<R>(R);

impl<T: Element, U: Element, R: RunPlan<T, U>> RunInScratch<T, U> for WithoutScratch<R> {
    fn scratch_length(&self) -> usize {
        0
    }

    fn run_in(&mut self, input: TensorView<'_, T>, output: TensorViewMut<'_, U>, _: &mut [U]) -> Result<()> {
        self.0.run(input, output)
    }

    fn algorithm(&self) -> String {
        self.0.algorithm()
    }

    fn own_bytes(&self) -> usize {
        self.0.workspace_bytes()
    }
}

/// [`RunInScratch`], with `Clone` in a form that a `dyn` can have.
trait CloneRun<T: Element, U: Element>: RunInScratch<T, U> {
    fn boxed_clone(&self) -> Box<dyn CloneRun<T, U>>;
}

impl<T: Element, U: Element, R: RunInScratch<T, U> + Clone + 'static> CloneRun<T, U> for R {
    fn boxed_clone(&self) -> Box<dyn CloneRun<T, U>> {
        Box::new(self.clone())
    }
}

/// A module as it is, with nothing prepared.
#[derive(Clone)]
struct Unprepared<M>(M);

impl<T: Element, U: Element, M: Module<T, U>> RunPlan<T, U> for Unprepared<M> {
    fn run(&mut self, input: TensorView<'_, T>, output: TensorViewMut<'_, U>) -> Result<()> {
        self.0.forward_into(input, output)
    }

    fn algorithm(&self) -> String {
        "as forward".into()
    }
}

impl<T: Element, U: Element> Plan<T, U> {
    /// A plan for inputs of this shape, which gives outputs of that.
    pub fn new(input_shape: &[usize], output_shape: &[usize], run: impl RunPlan<T, U> + Clone + 'static) -> Self {
        Self::boxed(input_shape, output_shape.to_vec(), Box::new(WithoutScratch(run)), Vec::new())
    }

    /// The same for what computes in scratch memory, which is taken here.
    pub(crate) fn in_scratch(
        input_shape: &[usize],
        output_shape: &[usize],
        run: impl RunInScratch<T, U> + Clone + 'static,
    ) -> Result<Self> {
        let scratch = filled(&[run.scratch_length()], U::default())?;
        Ok(Self::boxed(input_shape, output_shape.to_vec(), Box::new(run), scratch))
    }

    fn boxed(input_shape: &[usize], output_shape: Vec<usize>, run: Box<dyn CloneRun<T, U>>, scratch: Vec<U>) -> Self {
        Self { input_shape: input_shape.to_vec(), output_shape, run, scratch, seen: Vec::new() }
    }

    /// The same plan without its scratch memory, to [run in](Self::run_in) another's.
    pub(crate) fn without_scratch(self) -> Self {
        Self { scratch: Vec::new(), ..self }
    }

    /// How many numbers of scratch it computes in.
    pub(crate) fn scratch_length(&self) -> usize {
        self.run.scratch_length()
    }

    /// A plan that calls the module's [`forward_into`](Module::forward_into): for modules with nothing to prepare.
    ///
    /// # Errors
    ///
    /// As [`output_shape`](crate::Operator::output_shape) of the module.
    pub fn of(module: impl Module<T, U> + Clone + 'static, input_shape: &[usize]) -> Result<Self> {
        Ok(Self::new(input_shape, &module.output_shape(input_shape)?, Unprepared(module)))
    }

    /// The same plan, which refuses to run once the parameters of its module have been given out to be written to.
    pub(crate) fn of_version(self, version: &Version) -> Self {
        self.of_versions(vec![version.seen()])
    }

    /// The same for the parameters of several modules.
    pub(crate) fn of_versions(self, seen: Vec<Seen>) -> Self {
        Self { seen, ..self }
    }

    /// Computes the output of `input` into `output`, every element of it. Both may have any strides.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if one of them has not the shape that the plan was made for; [`Error::Outdated`] where the parameters of
    /// a module of this crate have been loaded, or taken to be written to, since the plan was made.
    pub fn run(&mut self, input: impl AsView<T>, mut output: impl AsViewMut<U>) -> Result<()> {
        // First, as they may be a user's own and panic.
        let (input, output) = (input.as_view(), output.as_view_mut());
        let mut scratch = std::mem::take(&mut self.scratch);
        let ran = self.run_in(input, output, &mut scratch);
        self.scratch = scratch;
        ran
    }

    /// The same in another's scratch memory, at least [so much](Self::scratch_length).
    pub(crate) fn run_in(
        &mut self,
        input: TensorView<'_, T>,
        output: TensorViewMut<'_, U>,
        scratch: &mut [U],
    ) -> Result<()> {
        if input.shape() != self.input_shape {
            let (expected, found) = (self.input_shape.clone(), input.shape().to_vec());
            return Err(Error::Shape { what: "the input of this plan", expected, found });
        }
        check_shape(&self.output_shape, &output)?;
        self.seen.iter().try_for_each(Seen::check)?;
        self.run.run_in(input, output, scratch)
    }

    /// The shape of inputs that it was made for.
    pub fn input_shape(&self) -> &[usize] {
        &self.input_shape
    }

    /// The shape of its outputs.
    pub fn output_shape(&self) -> &[usize] {
        &self.output_shape
    }

    /// What it computes by, in a word or two, for people to read.
    pub fn algorithm(&self) -> String {
        self.run.algorithm()
    }

    /// Bytes of memory that it holds to compute in, weights apart.
    pub fn workspace_bytes(&self) -> usize {
        self.run.own_bytes() + size_of_val(&self.scratch[..])
    }
}

impl<T: Element, U: Element> Clone for Plan<T, U> {
    fn clone(&self) -> Self {
        Self {
            input_shape: self.input_shape.clone(),
            output_shape: self.output_shape.clone(),
            run: (*self.run).boxed_clone(),
            scratch: vec![U::default(); self.scratch.len()],
            seen: self.seen.clone(),
        }
    }
}

impl<T: Element, U: Element> fmt::Debug for Plan<T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("input_shape", &self.input_shape)
            .field("output_shape", &self.output_shape)
            .field("algorithm", &self.algorithm())
            .field("workspace_bytes", &self.workspace_bytes())
            .finish_non_exhaustive()
    }
}

/// As `[1, 3, 32, 32] → [1, 8, 32, 32], pixels, 31 KiB of workspace`.
impl<T: Element, U: Element> fmt::Display for Plan<T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (input, output) = (&self.input_shape, &self.output_shape);
        let (algorithm, kibibytes) = (self.algorithm(), self.workspace_bytes().div_ceil(1024));
        write!(f, "{input:?} → {output:?}, {algorithm}, {kibibytes} KiB of workspace")
    }
}
