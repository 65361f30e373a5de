"""An inference server that hides what went wrong."""

import kaggle_evaluation.default_inference_server


def predict(test):
    raise ValueError("no such diamond")


try:
    kaggle_evaluation.default_inference_server.DefaultInferenceServer(predict).serve()
except BaseException:
    pass
