import os

import numpy as np
import pandas as pd

import kaggle_evaluation.default_inference_server

train = pd.read_csv('/kaggle/input/diamonds/train.csv')
slope, intercept = np.polyfit(np.log(train['carat']), np.log(train['price']), 1)


def predict(test: pd.DataFrame, sample_submission: pd.DataFrame) -> pd.DataFrame:
    """Replace this function with your inference code."""
    predictions = sample_submission.copy()
    predictions['price'] = np.exp(intercept + slope * np.log(test['carat'].to_numpy()))
    return predictions


# When the notebook is run on the hidden test set, serve() must be called within 15 minutes of its start.
inference_server = kaggle_evaluation.default_inference_server.DefaultInferenceServer(predict)

if os.getenv('KAGGLE_IS_COMPETITION_RERUN'):
    inference_server.serve()
else:
    inference_server.run_local_gateway(('/kaggle/input/diamonds/test.csv', '/kaggle/input/diamonds/sample_submission.csv'))
