//! What a file holds, before it is known what its inputs are.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use prost::Message;
use prost::bytes::Bytes;

use super::external;
use super::node::Node;
use super::proto::{GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorName, ValueInfoProto};
use super::value_info::{Size, ValueInfo};

/// The newest set of operators whose rules are known.
const NEWEST: i64 = 28;

/// What a file holds.
#[derive(Debug, Clone)]
pub(super) struct Contents {
    pub(super) opset: i64,
    pub(super) nodes: Vec<Node>,
    /// Messages of tensors by their names.
    pub(super) initializers: HashMap<String, Bytes>,
    /// Numbers of tensors that lie in other files, by the names of the tensors.
    pub(super) external: HashMap<String, Bytes>,
    pub(super) inputs: Vec<ValueInfo>,
    /// Inputs that have an initializer, which is their value unless they are given another.
    pub(super) defaulted: Vec<ValueInfo>,
    pub(super) outputs: Vec<ValueInfo>,
}

impl Contents {
    /// Reads a file, and those in its folder that it names; or says why it is none in the ONNX format.
    pub(super) fn read(bytes: Bytes, folder: Option<&Path>) -> Result<Self, String> {
        let model = ModelProto::decode(bytes).map_err(|error| format!("not a file in the ONNX format: {error}"))?;
        let Some(graph) = model.graph else {
            return Err("not a file in the ONNX format: there is no graph in it".into());
        };
        let opset = opset(&model.opset_import)?;
        let graph: GraphProto = decoded("the graph", graph)?;
        let mut nodes = Vec::new();
        for node in graph.node {
            let node: NodeProto = decoded("a node", node)?;
            // Nothing in the file takes more memory than a few times its bytes.
            if node.op_type.is_empty() || node.output.is_empty() {
                return Err("there is a node without operator or output in it".into());
            }
            nodes.push(Node::new(node));
        }
        let mut initializers = HashMap::new();
        for tensor in graph.initializer {
            let TensorName { name } = decoded("a tensor", tensor.clone())?;
            if name.is_empty() || initializers.insert(name.clone(), tensor).is_some() {
                return Err(format!("there are two tensors called {name:?} in it, or one without a name"));
            }
        }
        // Until the fourth version of the format, tensors were inputs, too; and some files name what their nodes give.
        let made: HashSet<&str> = nodes.iter().flat_map(|node| &node.outputs).map(String::as_str).collect();
        let all = ports(graph.input)?.into_iter();
        let (defaulted, mut inputs): (Vec<_>, Vec<_>) = all.partition(|input| initializers.contains_key(&input.name));
        inputs.retain(|input| !made.contains(&input.name[..]));
        let outputs = ports(graph.output)?;
        if outputs.is_empty() {
            return Err("there are no outputs in it".into());
        }
        let external = folder.map_or_else(|| Ok(HashMap::new()), |folder| external::read(folder, &initializers))?;
        Ok(Self { opset, nodes, initializers, external, inputs, defaulted, outputs })
    }
}

fn decoded<M: Message + Default>(what: &str, bytes: Bytes) -> Result<M, String> {
    M::decode(bytes).map_err(|error| format!("not a file in the ONNX format: {what} cannot be read: {error}"))
}

/// The version of ONNX's own operators. Of operators of others, none is read.
fn opset(imports: &[Bytes]) -> Result<i64, String> {
    let mut found = None;
    for import in imports {
        let OperatorSetIdProto { domain, version } = decoded("a set of operators", import.clone())?;
        if domain.is_empty() || domain == "ai.onnx" {
            found = Some(version);
        }
    }
    match found {
        Some(version @ 1..=NEWEST) => Ok(version),
        Some(version) => Err(format!("its set of operators is {version}: those up to {NEWEST} are known")),
        None => Err("it does not say which set of operators it has".into()),
    }
}

/// Inputs or outputs.
fn ports(messages: Vec<Bytes>) -> Result<Vec<ValueInfo>, String> {
    let port = |message| {
        let ValueInfoProto { name, kind } = decoded("an input or output", message)?;
        if name.is_empty() {
            return Err("there is an input or output without a name in it".into());
        }
        let tensor = kind.and_then(|kind| kind.tensor_type);
        let element_type = tensor.as_ref().map(|tensor| tensor.elem_type);
        let sizes = tensor.and_then(|tensor| tensor.shape).map(|shape| {
            let size = |dim: super::proto::DimensionProto| match (dim.dim_value, dim.dim_param) {
                (Some(size), _) if size >= 0 => usize::try_from(size).map_or(Size::Open, Size::Fixed),
                // Some exporters write a question mark for what they do not know.
                (None, Some(name)) if !name.is_empty() && name != "?" => Size::Named(name),
                _ => Size::Open,
            };
            shape.dim.into_iter().map(size).collect()
        });
        Ok(ValueInfo { name, shape: sizes, element_type })
    };
    messages.into_iter().map(port).collect()
}
