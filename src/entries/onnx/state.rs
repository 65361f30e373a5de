//! Which operators an entry may not use, because its passes would not be alike: those that keep
//! state from one run of the model to the next, or draw random numbers.
//!
//! What onnxruntime writes in place, such as the running mean of a batch normalisation in training
//! mode, can lie in an initializer and outlives the run: a model could remember its answers and
//! only repeat them while the clock runs. Seeded random operators advance from run to run as well.

use super::verdict::refuse_operator;
use super::{DEFAULT_DOMAIN, MICROSOFT_DOMAIN};
use crate::entries::rejection::{Rejection, RejectionCode};

/// Operators of ai.onnx that draw random numbers whatever their attributes.
const RANDOM: [&[u8]; 6] = [
    b"Bernoulli",
    b"Multinomial",
    b"RandomNormal",
    b"RandomNormalLike",
    b"RandomUniform",
    b"RandomUniformLike",
];

/// Parts of the names of com.microsoft's operators that sample, search or train.
const STATEFUL_PARTS: [&[u8]; 7] = [
    b"Dropout",
    b"Sampling",
    b"Search",
    b"Random",
    b"Gradient",
    b"Optimizer",
    b"Training",
];

/// Operators of com.microsoft that onnxruntime 1.32 runs on the CPU, that depend on nothing but
/// their inputs, and that tools for conversion, quantisation and optimisation write. Sorted.
const MICROSOFT_ALLOWED: [&[u8]; 56] = [
    b"Attention",
    b"AttnLSTM",
    b"BiasGelu",
    b"CDist",
    b"ConvTransposeWithDynamicPads",
    b"CropAndResize",
    b"DequantizeLinear",
    b"DynamicQuantizeLSTM",
    b"DynamicQuantizeMatMul",
    b"EmbedLayerNormalization",
    b"ExpandDims",
    b"FastGelu",
    b"FusedConv",
    b"FusedGemm",
    b"FusedMatMul",
    b"GatherBlockQuantized",
    b"GatherND",
    b"Gelu",
    b"GridSample",
    b"Inverse",
    b"MatMulBnb4",
    b"MatMulFpQ4",
    b"MatMulInteger16",
    b"MatMulIntegerToFloat",
    b"MatMulNBits",
    b"MaxpoolWithMask",
    b"MultiHeadAttention",
    b"MurmurHash3",
    b"NhwcFusedConv",
    b"NhwcMaxPool",
    b"Pad",
    b"QAttention",
    b"QEmbedLayerNormalization",
    b"QGemm",
    b"QLinearAdd",
    b"QLinearAveragePool",
    b"QLinearConcat",
    b"QLinearConv",
    b"QLinearGlobalAveragePool",
    b"QLinearLeakyRelu",
    b"QLinearMul",
    b"QLinearSigmoid",
    b"QLinearSoftmax",
    b"QLinearWhere",
    b"QuantizeLinear",
    b"QuickGelu",
    b"Range",
    b"RotaryEmbedding",
    b"SkipLayerNormalization",
    b"SkipSimplifiedLayerNormalization",
    b"SparseToDenseMatMul",
    b"Tokenizer",
    b"TransposeMatMul",
    b"Trilu",
    b"Unique",
    b"WordConvEmbedding",
];

/// What a node is given, as far as it decides whether its operator keeps state.
#[derive(Debug, Default)]
pub struct Traits {
    inputs: u64,
    outputs: u64,
    has_third_input: bool,
    has_second_output: bool,
    has_training_mode: bool,
    has_shared_buffer: bool,
}

/// An attribute that can make an operator keep state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    TrainingMode,
    PastPresentShareBuffer,
}

impl Switch {
    /// No attribute with a longer name is a switch.
    pub const NAME_BYTES_MAX: usize = "past_present_share_buffer".len();

    pub fn named(name: &[u8]) -> Option<Switch> {
        match name {
            b"training_mode" => Some(Switch::TrainingMode),
            b"past_present_share_buffer" => Some(Switch::PastPresentShareBuffer),
            _ => None,
        }
    }
}

impl Traits {
    /// The next input, whose name is as long as this; one that is left out has none.
    pub fn input(&mut self, name_length: u64) {
        self.inputs += 1;
        self.has_third_input |= self.inputs == 3 && name_length > 0;
    }

    /// The next output, in the same way.
    pub fn output(&mut self, name_length: u64) {
        self.outputs += 1;
        self.has_second_output |= self.outputs > 1 && name_length > 0;
    }

    pub fn switched_on(&mut self, switch: Switch) {
        match switch {
            Switch::TrainingMode => self.has_training_mode = true,
            Switch::PastPresentShareBuffer => self.has_shared_buffer = true,
        }
    }

    /// `domain` is one that the runtime has.
    pub fn check(&self, domain: &str, operator: &[u8]) -> Result<(), Rejection> {
        let refusal = match (domain, operator) {
            (DEFAULT_DOMAIN, b"BatchNormalization") => {
                // Before opset 14, the outputs past the first are those of training.
                let trains = self.has_training_mode || self.has_second_output;
                trains.then_some(" in training mode")
            }
            (DEFAULT_DOMAIN, b"Dropout") => {
                (self.has_training_mode || self.has_third_input).then_some(" with training_mode")
            }
            (DEFAULT_DOMAIN, _) => RANDOM.contains(&operator).then_some(""),
            (MICROSOFT_DOMAIN, _) if MICROSOFT_ALLOWED.binary_search(&operator).is_ok() => {
                (self.has_shared_buffer).then_some(" with past_present_share_buffer")
            }
            (MICROSOFT_DOMAIN, _) if is_stateful_by_name(operator) => Some(""),
            (MICROSOFT_DOMAIN, _) => return Err(refuse_unlisted(operator)),
            (_, _) => None,
        };
        refusal.map_or(Ok(()), |how| Err(refuse(domain, operator, how)))
    }
}

fn is_stateful_by_name(operator: &[u8]) -> bool {
    (STATEFUL_PARTS.into_iter()).any(|part| operator.windows(part.len()).any(|at| at == part))
}

fn refuse(domain: &str, operator: &[u8], how: &str) -> Rejection {
    let because = format!(
        "{how} keeps state or draws random numbers, so that passes would not be alike. Export the \
         model in inference mode: model.eval(), training=False."
    );
    refuse_operator(
        RejectionCode::OnnxStateful,
        domain.as_bytes(),
        operator,
        &because,
    )
}

fn refuse_unlisted(operator: &[u8]) -> Rejection {
    refuse_operator(
        RejectionCode::OnnxCustomOp,
        MICROSOFT_DOMAIN.as_bytes(),
        operator,
        " is not one that entries may use. Of com.microsoft, only what tools for conversion, \
         quantisation and optimisation write is taken, such as QLinearConv, MatMulNBits or \
         FusedMatMul. Export the model with operators of ai.onnx and ai.onnx.ml.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_operators_is_sorted() {
        assert!(MICROSOFT_ALLOWED.is_sorted());
    }
}
