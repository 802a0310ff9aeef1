//! As much of protobuf's encoding as an ONNX model needs. By hand, because generated code packs repeated integers, as
//! proto3 does, and rten reads them only as onnx.proto, which is proto2, declares them: one by one.

/// A message that is being written, field by field.
#[derive(Default)]
pub struct Message(Vec<u8>);

/// How the value of a field is written.
enum Wire {
    Varint = 0,
    LengthDelimited = 2,
}

impl Message {
    pub fn int(mut self, field: usize, value: usize) -> Self {
        self.key(field, Wire::Varint);
        self.varint(value);
        self
    }

    pub fn bytes(mut self, field: usize, bytes: &[u8]) -> Self {
        self.key(field, Wire::LengthDelimited);
        self.varint(bytes.len());
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn text(self, field: usize, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    pub fn message(self, field: usize, message: Self) -> Self {
        self.bytes(field, &message.into_bytes())
    }

    pub fn messages(self, field: usize, messages: impl IntoIterator<Item = Self>) -> Self {
        messages.into_iter().fold(self, |whole, message| whole.message(field, message))
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn key(&mut self, field: usize, wire: Wire) {
        self.varint(field << 3 | wire as usize);
    }

    /// Seven bits a byte, the lowest first; the highest bit of a byte says that more follow.
    fn varint(&mut self, mut value: usize) {
        while value >= 0x80 {
            self.0.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.0.push(value.to_le_bytes()[0]);
    }
}
