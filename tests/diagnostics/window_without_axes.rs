//! A window over how many axes?
//~ cannot infer the value of the const parameter `N` declared on the struct `Window`
//~ Window::<N>::new(3)
//~ `Window2d::new(3)`
use featuremap::Window;

fn main() -> Result<(), featuremap::Error> {
    for window in Window::new(3).over(&[[1, 2, 3], [4, 5, 6], [7, 8, 9]])? {
        println!("{}", window.len());
    }
    Ok(())
}
