//! What must hold for a model as a whole, once all of it was seen.

use super::{IR_VERSION_MAX, OnnxModel};
use crate::entries::rejection::{Rejection, RejectionCode, clean};

/// `unexplained` is the domain and the name of an operator that neither the runtime nor the model
/// itself has, if it uses one.
pub fn check(
    model: &OnnxModel,
    has_graph: bool,
    unexplained: Option<(&[u8], &[u8])>,
) -> Result<(), Rejection> {
    let invalid = |what: &str| {
        Err(RejectionCode::OnnxInvalid.because(format!(
            "The file is no ONNX model: {what}. Check it with onnx.checker and export it again."
        )))
    };
    let version = model.ir_version;
    if !has_graph {
        return invalid("it has no graph");
    }
    if version == 0 {
        return invalid("it does not say its IR version");
    }
    if version > IR_VERSION_MAX {
        return Err(RejectionCode::OnnxUnsupported.because(format!(
            "The model is of IR version {version}; the runtime goes up to {IR_VERSION_MAX}. Export \
             it with an older version of onnx, or set model.ir_version."
        )));
    }
    if model.opsets.is_empty() {
        return invalid("it does not say its opset");
    }
    if model.outputs.is_empty() {
        return invalid("its graph has no output");
    }
    match unexplained {
        None => Ok(()),
        Some((domain, operator)) => Err(RejectionCode::OnnxCustomOp.because(format!(
            "The model uses the operator '{}' of the domain '{}', which the runtime does not have. \
             Use operators of ai.onnx, ai.onnx.ml or com.microsoft only{}.",
            clean(operator),
            clean(domain),
            fix_of(domain)
        ))),
    }
}

/// Refuses an operator that the runtime has; `because` goes on after its name.
pub fn refuse_operator(
    code: RejectionCode,
    domain: &[u8],
    operator: &[u8],
    because: &str,
) -> Rejection {
    code.because(format!(
        "The operator '{}' of the domain '{}'{because}",
        clean(operator),
        clean(domain)
    ))
}

/// What to do about domains that well-known tools make.
fn fix_of(domain: &[u8]) -> &'static str {
    if domain.starts_with(b"com.microsoft.") || domain.starts_with(b"com.ms.") {
        "; if onnxruntime optimised the model, save it at level ORT_ENABLE_EXTENDED or below"
    } else if domain == b"ai.onnx.contrib" {
        ", and put tokenisers and the like of onnxruntime-extensions into operators of these"
    } else if domain.starts_with(b"org.pytorch") {
        "; torch.onnx.export writes those where it knows no ONNX operator"
    } else {
        ""
    }
}
