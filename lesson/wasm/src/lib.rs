//! What the JavaScript of the page calls: a [`Lesson`](featuremap_lesson::Lesson), and nothing else.

use wasm_bindgen::prelude::*;

/// The state of the lesson, and what follows from it.
#[wasm_bindgen]
#[derive(Debug, Default)]
pub struct Lesson(featuremap_lesson::Lesson);

#[wasm_bindgen]
impl Lesson {
    /// The first step.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// What can be chosen, as JSON.
    pub fn choices(&self) -> String {
        self.0.choices()
    }

    /// Goes to an address, that is what stands behind the `#`.
    pub fn open(&mut self, address: &str) {
        self.0.open(address);
    }

    /// The address of what is shown now.
    pub fn address(&self) -> String {
        self.0.address()
    }

    /// Takes the photo of the lesson or one's own, of bytes red, green, blue and opacity.
    ///
    /// # Errors
    ///
    /// A text, where the bytes are not as many as the pixels take.
    #[wasm_bindgen(js_name = givePicture)]
    pub fn give_picture(&mut self, own: bool, rows: usize, columns: usize, bytes: &[u8]) -> Result<(), String> {
        self.0.give_picture(own, rows, columns, bytes)
    }

    /// Sets the word under a key.
    ///
    /// # Errors
    ///
    /// A text, where the word cannot be read.
    pub fn set(&mut self, key: &str, word: &str) -> Result<(), String> {
        self.0.set(key, word)
    }

    /// All that is shown but the cell that is looked at and the numbers of maps, as JSON.
    pub fn view(&self) -> String {
        self.0.view()
    }

    /// The cell that is looked at, as JSON.
    pub fn look(&self) -> String {
        self.0.look()
    }

    /// The numbers of a map, with those on its padding.
    pub fn values(&self, map: usize) -> Vec<f32> {
        self.0.values(map)
    }

    /// The places that the numbers of a map were picked from.
    pub fn indices(&self, map: usize) -> Vec<i32> {
        self.0.indices(map)
    }

    /// How many windows lie over each pixel of a map.
    pub fn coverage(&self, map: usize) -> Vec<u32> {
        self.0.coverage(map)
    }

    /// Looks at a cell.
    pub fn point(&mut self, map: usize, channel: usize, row: usize, column: usize) {
        self.0.point(map, channel, row, column);
    }

    /// Looks at a neighbour of the cell.
    pub fn walk(&mut self, down: i32, right: i32) {
        self.0.walk(down as isize, right as isize);
    }

    /// Looks at the output so many windows further on.
    pub fn stride(&mut self, by: i32) {
        self.0.stride(by as isize);
    }
}
