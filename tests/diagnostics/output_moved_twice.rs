//! A view that is given away twice.
//~ use of moved value: `output`
use featuremap::{Plan, Result, TensorView, TensorViewMut};

fn run(plan: &mut Plan, input: TensorView<'_, f32>, output: TensorViewMut<'_, f32>) -> Result<()> {
    plan.run(&input, output)?;
    plan.run(&input, output)
}

fn main() {
    let _ = run;
}
