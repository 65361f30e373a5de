//! Walks through a model's messages once, from the first byte to the last.
//!
//! The numbers of fields are those of `onnx-ml.proto` of ONNX 1.23, named beside them.

use std::collections::{BTreeSet, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Seek};

use super::state::{Switch, Traits};
use super::verdict;
use super::{DEFAULT_DOMAIN, OPSETS_MAX, OnnxModel, Opset, TensorSpec};
use crate::entries::protobuf::{Field, Malformed, Message, Value, Wire, WireError};
use crate::entries::rejection::{NAME_BYTES_MAX, Rejection, RejectionCode, clean};

/// Graphs inside graphs. Each takes three messages, and the runtime's parser ends at 100.
const GRAPH_DEPTH_MAX: u32 = 32;
/// Tensors that a model is fed with, or returns.
const TENSORS_MAX: usize = 1_024;
const OPSETS_SHOWN_MAX: usize = 64;
/// Names that are remembered to be looked up later, of each kind; it bounds the memory.
const NAMES_MAX: usize = 262_144;
/// More operators than all domains of the runtime have.
const OPERATORS_SHOWN_MAX: usize = 1_024;
/// Nodes of all graphs and functions; language models of a thousand layers have fewer.
const NODES_MAX: u64 = 200_000;
/// Fields that are looked at, other than the numbers and texts in lists; it bounds the time.
const FIELDS_MAX: u64 = 4_000_000;
/// Operators of domains that only the model itself can explain, with functions.
const FOREIGN_MAX: usize = 4_096;

/// Why a walk ended early.
pub enum Stop {
    Malformed(Malformed),
    Rejected(Rejection),
    Io(io::Error),
}

pub struct Walk<R> {
    pub(super) wire: Wire<R>,
    pub(super) model: OnnxModel,
    fields: u64,
    has_graph: bool,
    operators: BTreeSet<String>,
    /// Domains and names of the operators that were met, as they stand in the file.
    met: HashSet<NameHash>,
    inputs: Vec<(NameHash, TensorSpec)>,
    initialized: HashSet<NameHash>,
    input_count: usize,
    /// Operators of domains that the runtime does not have, and the model's own functions.
    foreign: BTreeSet<(Vec<u8>, Vec<u8>)>,
    functions: HashSet<NameHash>,
    pub(super) hasher: RandomState,
}

/// Stands for a name of any length. It is seeded by chance, so that no file can aim at a collision.
pub type NameHash = u64;

pub const NAMELESS: NameHash = 0;

impl From<WireError> for Stop {
    fn from(error: WireError) -> Stop {
        match error {
            WireError::Malformed(malformed) => Stop::Malformed(malformed),
            WireError::Io(error) => Stop::Io(error),
        }
    }
}

impl From<Rejection> for Stop {
    fn from(rejection: Rejection) -> Stop {
        Stop::Rejected(rejection)
    }
}

impl<R: Read + Seek> Walk<R> {
    pub fn new(wire: Wire<R>) -> Walk<R> {
        Walk {
            wire,
            model: OnnxModel::default(),
            fields: 0,
            has_graph: false,
            operators: BTreeSet::new(),
            met: HashSet::new(),
            inputs: Vec::new(),
            initialized: HashSet::new(),
            input_count: 0,
            foreign: BTreeSet::new(),
            functions: HashSet::new(),
            hasher: RandomState::new(),
        }
    }

    /// How many fields were found so far.
    pub fn fields_read(&self) -> u64 {
        self.fields
    }

    pub fn into_wire(self) -> Wire<R> {
        self.wire
    }

    /// ModelProto
    pub fn model(&mut self, mut message: Message) -> Result<OnnxModel, Stop> {
        let (mut producer, mut producer_version) = (Vec::new(), Vec::new());
        while let Some(field) = self.next(&mut message)? {
            match (field.number, field.value) {
                (1, Value::Varint(version)) => self.model.ir_version = version,
                (2, Value::Bytes(name)) => producer = self.name(name)?,
                (3, Value::Bytes(version)) => producer_version = self.name(version)?,
                (7, Value::Bytes(graph)) => {
                    once(&mut self.has_graph, "graph")?;
                    self.graph(graph, 0)?;
                }
                (8, Value::Bytes(opset)) => self.opset(opset)?,
                (25, Value::Bytes(function)) => self.function(function)?,
                (_, _) => {}
            }
        }
        let (producer, version) = (clean(&producer), clean(&producer_version));
        self.model.producer = format!("{producer} {version}").trim().to_owned();
        self.drop_initialized_inputs();
        self.model.operators = std::mem::take(&mut self.operators).into_iter().collect();
        verdict::check(&self.model, self.has_graph, self.unexplained_operator())?;
        Ok(std::mem::take(&mut self.model))
    }

    /// OperatorSetIdProto
    fn opset(&mut self, mut message: Message) -> Result<(), Stop> {
        let (mut domain, mut version) = (Vec::new(), 0);
        while let Some(field) = self.next(&mut message)? {
            match (field.number, field.value) {
                (1, Value::Bytes(name)) => domain = self.name(name)?,
                (2, Value::Varint(number)) => version = number,
                (_, _) => {}
            }
        }
        if let Some((name, newest)) = known_domain(&domain)
            && version > newest
        {
            return Err(RejectionCode::OnnxUnsupported
                .because(format!(
                    "The model needs version {version} of the operators {name}; the runtime goes \
                     up to {newest}. Export it with a lower opset."
                ))
                .into());
        }
        let domain =
            known_domain(&domain).map_or_else(|| clean(&domain), |(name, _)| name.to_owned());
        let opset = Opset { domain, version };
        // Functions repeat those of the model.
        let is_new = !self.model.opsets.contains(&opset);
        if is_new && self.model.opsets.len() < OPSETS_SHOWN_MAX {
            self.model.opsets.push(opset);
        }
        Ok(())
    }

    /// FunctionProto
    fn function(&mut self, mut message: Message) -> Result<(), Stop> {
        let (mut domain, mut name) = (Vec::new(), Vec::new());
        while let Some(field) = self.next(&mut message)? {
            match (field.number, field.value) {
                (1, Value::Bytes(bytes)) => name = self.name(bytes)?,
                (7, Value::Bytes(node)) => self.node(node, 0)?,
                (9, Value::Bytes(opset)) => self.opset(opset)?,
                (10, Value::Bytes(bytes)) => domain = self.name(bytes)?,
                (11, Value::Bytes(attribute)) => {
                    // A default; the node that refers to the attribute is refused.
                    self.attribute(attribute, 0)?;
                }
                (_, _) => {}
            }
        }
        let hash = self.hasher.hash_one((domain, name));
        Ok(remember(&mut self.functions, hash, "functions")?)
    }

    /// GraphProto. Only the outermost, at depth 0, is fed from outside.
    fn graph(&mut self, mut message: Message, depth: u32) -> Result<(), Stop> {
        if depth > GRAPH_DEPTH_MAX {
            return Err(RejectionCode::OnnxUnsupported
                .because(format!(
                    "The model has more than {GRAPH_DEPTH_MAX} graphs inside each other. Flatten \
                     its loops and branches."
                ))
                .into());
        }
        while let Some(field) = self.next(&mut message)? {
            match (field.number, field.value) {
                (1, Value::Bytes(node)) => self.node(node, depth)?,
                (5, Value::Bytes(tensor)) => {
                    let name = self.tensor(tensor)?;
                    self.initialize(name, depth)?;
                }
                (15, Value::Bytes(sparse)) => {
                    let name = self.sparse_tensor(sparse)?;
                    self.initialize(name, depth)?;
                }
                (11, Value::Bytes(info)) if depth == 0 => {
                    self.count_input()?;
                    let (name, tensor) = self.value_info(info)?;
                    // Older exporters list every initializer as an input, after the initializers.
                    if !self.initialized.contains(&name) {
                        check_count(self.inputs.len(), "inputs")?;
                        self.inputs.push((name, tensor));
                    }
                }
                (12, Value::Bytes(info)) if depth == 0 => {
                    check_count(self.model.outputs.len(), "outputs")?;
                    let (_, tensor) = self.value_info(info)?;
                    self.model.outputs.push(tensor);
                }
                (_, _) => {}
            }
        }
        Ok(())
    }

    /// Counts those too that are initializers.
    fn count_input(&mut self) -> Result<(), Rejection> {
        if self.input_count == NAMES_MAX {
            return Err(RejectionCode::OnnxUnsupported.because(format!(
                "The model lists more than {NAMES_MAX} inputs and initializers. Join them into \
                 fewer."
            )));
        }
        self.input_count += 1;
        Ok(())
    }

    fn initialize(&mut self, name: NameHash, depth: u32) -> Result<(), Rejection> {
        if depth == 0 {
            remember(&mut self.initialized, name, "initializers")?;
        }
        Ok(())
    }

    /// NodeProto
    fn node(&mut self, mut message: Message, depth: u32) -> Result<(), Stop> {
        if self.model.node_count == NODES_MAX {
            return Err(RejectionCode::OnnxUnsupported
                .because(format!(
                    "The model has more than {NODES_MAX} nodes. Export it with its loops kept as \
                     loops."
                ))
                .into());
        }
        self.model.node_count += 1;
        // On the stack: a known operator costs no allocation.
        let (mut operator, mut domain) = ([0; NAME_BYTES_MAX], [0; NAME_BYTES_MAX]);
        let (mut operator_length, mut domain_length) = (0, 0);
        let mut traits = Traits::default();
        while let Some(field) = self.next(&mut message)? {
            match (field.number, field.value) {
                (1, Value::Bytes(name)) => traits.input(name.len()),
                (2, Value::Bytes(name)) => traits.output(name.len()),
                (4, Value::Bytes(name)) => {
                    operator_length = self.wire.bytes_into(name, &mut operator)?.len();
                }
                (5, Value::Bytes(attribute)) => {
                    if let Some(switch) = self.attribute(attribute, depth)? {
                        traits.switched_on(switch);
                    }
                }
                (7, Value::Bytes(name)) => {
                    domain_length = self.wire.bytes_into(name, &mut domain)?.len();
                }
                (_, _) => {}
            }
        }
        self.operator(
            &domain[..domain_length],
            &operator[..operator_length],
            &traits,
        )
    }

    fn operator(&mut self, domain: &[u8], operator: &[u8], traits: &Traits) -> Result<(), Stop> {
        let known = known_domain(domain);
        if let Some((name, _)) = known {
            traits.check(name, operator)?;
        }
        // There are no more of them than nodes.
        if !self.met.insert(self.hasher.hash_one((domain, operator))) {
            return Ok(());
        }
        if self.operators.len() < OPERATORS_SHOWN_MAX {
            self.operators.insert(match known {
                Some((DEFAULT_DOMAIN, _)) => clean(operator),
                Some((name, _)) => format!("{name}::{}", clean(operator)),
                None => format!("{}::{}", clean(domain), clean(operator)),
            });
        }
        if known.is_none() {
            if self.foreign.len() == FOREIGN_MAX {
                return Err(RejectionCode::OnnxUnsupported
                    .because(format!(
                        "The model uses more than {FOREIGN_MAX} operators of its own. Export it \
                         with its functions inlined."
                    ))
                    .into());
            }
            self.foreign.insert((domain.to_vec(), operator.to_vec()));
        }
        Ok(())
    }

    /// AttributeProto; the switch that it turns on, or that a caller of the function could.
    fn attribute(&mut self, mut message: Message, depth: u32) -> Result<Option<Switch>, Stop> {
        let (mut switch, mut is_on) = (None, false);
        let (mut has_tensor, mut has_graph, mut has_sparse) = (false, false, false);
        while let Some(field) = self.wire.next(&mut message)? {
            // `floats`, `ints` and `strings`: forests have millions.
            if !matches!(field.number, 7..=9) {
                self.count_field()?;
            }
            match (field.number, field.value) {
                (1, Value::Bytes(name)) => {
                    // One byte more, so that a longer name is not taken for its beginning.
                    let mut buffer = [0; Switch::NAME_BYTES_MAX + 1];
                    switch = Switch::named(self.wire.bytes_into(name, &mut buffer)?);
                }
                // `i`
                (3, Value::Varint(value)) => is_on |= value != 0,
                // `ref_attr_name`
                (21, Value::Bytes(name)) => is_on |= name.len() > 0,
                // `t` and `tensors`
                (field @ (5 | 10), Value::Bytes(tensor)) => {
                    if field == 5 {
                        once(&mut has_tensor, "attribute's tensor")?;
                    }
                    self.tensor(tensor)?;
                }
                // `g` and `graphs`
                (field @ (6 | 11), Value::Bytes(graph)) => {
                    if field == 6 {
                        once(&mut has_graph, "attribute's graph")?;
                    }
                    self.graph(graph, depth + 1)?;
                }
                // `sparse_tensor` and `sparse_tensors`
                (field @ (22 | 23), Value::Bytes(sparse)) => {
                    if field == 22 {
                        once(&mut has_sparse, "attribute's sparse tensor")?;
                    }
                    self.sparse_tensor(sparse)?;
                }
                // `floats`, one by one or packed
                (7, Value::Fixed32) => self.count_parameters(1),
                (7, Value::Bytes(packed)) => self.count_parameters(packed.len() / 4),
                (_, _) => {}
            }
        }
        Ok(switch.filter(|_| is_on))
    }

    fn drop_initialized_inputs(&mut self) {
        self.model.inputs = (std::mem::take(&mut self.inputs).into_iter())
            .filter(|(name, _)| !self.initialized.contains(name))
            .map(|(_, tensor)| tensor)
            .collect();
    }

    /// Domain and name of an operator that neither the runtime nor the model itself has.
    fn unexplained_operator(&self) -> Option<(&[u8], &[u8])> {
        (self.foreign.iter())
            .find(|(domain, name)| {
                !self
                    .functions
                    .contains(&self.hasher.hash_one((domain, name)))
            })
            .map(|(domain, name)| (domain.as_slice(), name.as_slice()))
    }

    pub(super) fn next(&mut self, message: &mut Message) -> Result<Option<Field>, Stop> {
        let field = self.wire.next(message)?;
        if field.is_some() {
            self.count_field()?;
        }
        Ok(field)
    }

    pub(super) fn count_field(&mut self) -> Result<(), Rejection> {
        if self.fields == FIELDS_MAX {
            return Err(RejectionCode::OnnxUnsupported.because(format!(
                "The model has more than {FIELDS_MAX} parts besides its numbers. Simplify it, with \
                 onnxsim for example."
            )));
        }
        self.fields += 1;
        Ok(())
    }

    pub(super) fn name(&mut self, field: Message) -> Result<Vec<u8>, Stop> {
        Ok(self.wire.bytes(field, NAME_BYTES_MAX)?)
    }

    /// Names that are equal in their first bytes and their lengths are taken for equal.
    pub(super) fn hash(&self, field: Message, name: &[u8]) -> NameHash {
        self.hasher.hash_one((field.len(), name))
    }

    pub(super) fn count_parameters(&mut self, elements: u64) {
        self.model.parameter_count = self.model.parameter_count.saturating_add(elements);
    }
}

/// Refuses a second message where there can be one. Readers of protobuf join the two, part by part,
/// so that they would see another than we do, and no writer makes them.
pub(super) fn once(is_there: &mut bool, what: &str) -> Result<(), Rejection> {
    if *is_there {
        return Err(RejectionCode::OnnxInvalid.because(format!(
            "The model gives a {what} twice, in two parts. Export it again, as one."
        )));
    }
    *is_there = true;
    Ok(())
}

/// What readers make of a number that stands for one of several kinds: they drop all but 32 bits.
pub(super) fn kind_number(number: u64) -> u64 {
    number & u64::from(u32::MAX)
}

fn remember(names: &mut HashSet<NameHash>, name: NameHash, what: &str) -> Result<(), Rejection> {
    if names.len() == NAMES_MAX {
        return Err(RejectionCode::OnnxUnsupported.because(format!(
            "The model has more than {NAMES_MAX} {what}. Join them into fewer."
        )));
    }
    names.insert(name);
    Ok(())
}

fn check_count(count: usize, what: &str) -> Result<(), Rejection> {
    if count < TENSORS_MAX {
        return Ok(());
    }
    Err(RejectionCode::OnnxUnsupported.because(format!(
        "The model has more than {TENSORS_MAX} {what}. Join them into a few tensors."
    )))
}

/// The name and the newest version of a domain that the runtime has.
fn known_domain(domain: &[u8]) -> Option<(&'static str, u64)> {
    let name = if domain.is_empty() {
        DEFAULT_DOMAIN.as_bytes()
    } else {
        domain
    };
    (OPSETS_MAX.into_iter()).find(|(known, _)| known.as_bytes() == name)
}
