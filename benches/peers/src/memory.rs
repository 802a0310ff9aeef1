//! How much memory a network takes, from its file to its third run; `memory.py` runs it.

use std::error::Error;
use std::fs;

use featuremap::Tensor;
use featuremap::onnx::Model;

const RUNS: usize = 3;

/// Prints how many bytes this process has resident at most, beyond what it has when it starts.
pub fn measure(model: &str, shape: &[&str]) -> Result<(), Box<dyn Error>> {
    let shape = shape.iter().map(|size| size.parse()).collect::<Result<Vec<usize>, _>>()?;
    let input = Tensor::zeros(&shape)?;
    let before = kibibytes("VmRSS:")?;
    let network = Model::open(model)?.network(&[&shape])?;
    let mut runner = network.runner()?;
    for _ in 0..RUNS {
        runner.run(&[&input])?;
    }
    println!("{}", 1024 * (kibibytes("VmHWM:")? - before));
    Ok(())
}

fn kibibytes(field: &str) -> Result<usize, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).ok_or("Linux says so, and no other")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
