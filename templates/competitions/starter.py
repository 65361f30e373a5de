"""Makes a first model for "{{ spec.slug }}" and saves it as model.onnx, ready to upload.

    pip install pandas scikit-learn skl2onnx onnxruntime
    python starter.py

It reads train.csv and {{ self.sample().trim_matches('"') }} from this folder:
both are on the competition's data page.
"""

{% if !self.is_label_task() %}import numpy
{% endif %}import onnxruntime
import pandas
{% if self.has_texts() %}from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
{% endif %}{% if self.is_label_task() %}from sklearn.linear_model import LogisticRegression
{% endif %}from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import {% if self.has_texts() %}OneHotEncoder{% if self.has_numbers() %}, {% endif %}{% endif %}{% if self.has_numbers() %}StandardScaler{% endif %}
{% if !self.is_label_task() %}from sklearn.tree import DecisionTreeRegressor
{% endif %}from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import {% if self.has_numbers() %}{{ self.tensor_type() }}{% if self.has_texts() %}, {% endif %}{% endif %}{% if self.has_texts() %}StringTensorType{% endif %}

# The columns that the model is fed, in the order of the hidden test inputs.
NUMBERS = {{ self.numbers() }}
{% if self.has_texts() %}TEXTS = {{ self.texts() }}
{% endif %}TARGET = {{ self.target() }}


def read(path):
    """A table whose texts stay as they are written."""
    table = pandas.read_csv(path, dtype=str, keep_default_na=False)
    table[NUMBERS] = table[NUMBERS].apply(pandas.to_numeric, errors="coerce")
    return table.dropna().astype({name: "{{ self.number_type() }}" for name in NUMBERS})


# 1. Read the training data, and hold a fifth of it back.
table = read("train.csv")
{% if self.is_label_task() && self.has_whole_classes() %}target = table[TARGET].astype("int64")
{% else if self.is_label_task() %}target = table[TARGET]
{% else %}target = table[TARGET].astype("float64")
{% endif %}{% if self.has_texts() %}inputs = table[NUMBERS + TEXTS]
{% else %}inputs = table[NUMBERS].to_numpy()
{% endif %}train_inputs, test_inputs, train_target, test_target = train_test_split(
    inputs, target, test_size=0.2, random_state=0
)

# 2. Train. Change this part.
{% if self.has_texts() %}# A text of few different values is a category; of any other its words count.
CATEGORIES = [name for name in TEXTS if table[name].nunique() <= 100]
WORDS = [name for name in TEXTS if name not in CATEGORIES]
# A word, as scikit-learn and ONNX both read it. Lower case is not asked for: it takes an operator
# that needs a locale of its own.
TOKEN = "[a-zA-Z0-9]+"
{% endif %}model = make_pipeline(
{% if self.has_texts() %}    make_column_transformer(
{% if self.has_numbers() %}        (StandardScaler(), NUMBERS),
{% endif %}        *[
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False), [name])
            for name in CATEGORIES
        ],
        *[
            (TfidfVectorizer(lowercase=False, token_pattern=TOKEN, max_features=3000), name)
            for name in WORDS
        ],
    ),
{% else %}    StandardScaler(),
{% endif %}{% if self.is_label_task() %}    LogisticRegression(max_iter=1000),
{% else %}    DecisionTreeRegressor(min_samples_leaf=10, random_state=0),
{% endif %})
model.fit(train_inputs, train_target)
{% if self.is_label_task() %}print("accuracy on the rows held back:", model.score(test_inputs, test_target))
{% else if spec.metric.name == Metric::Rmsle %}error = numpy.log1p(model.predict(test_inputs)) - numpy.log1p(test_target)
print("RMSLE on the rows held back:", numpy.sqrt((error**2).mean()))
{% else %}error = model.predict(test_inputs) - test_target
print("RMSE on the rows held back:", numpy.sqrt((error**2).mean()))
{% endif %}
# 3. Convert it to ONNX. The first axis is the row, and stays free: it is fed {% if self.is_single_stream() %}one row after the other{% else %}{{ spec.entries.batch_size }} rows at once{% endif %}.
{% if self.has_texts() %}# One input for each column, under its own name.
input_types = {% if self.has_numbers() %}[(name, {{ self.tensor_type() }}([None, 1])) for name in NUMBERS]
input_types += {% endif %}[(name, StringTensorType([None, 1])) for name in TEXTS]
{% else %}# One input, named `features`, takes all columns.
input_types = [("features", {{ self.tensor_type() }}([None, len(NUMBERS)]))]
{% endif %}onnx_model = convert_sklearn(
    model,
    initial_types=input_types,
    target_opset={"": 18, "ai.onnx.ml": 3},
{% if self.has_texts() %}    options={TfidfVectorizer: {"tokenexp": TOKEN}{% if self.is_label_task() %}, id(model): {"zipmap": False}{% endif %}},
{% else if self.is_label_task() %}    options={id(model): {"zipmap": False}},
{% endif %})
with open("model.onnx", "wb") as file:
    file.write(onnx_model.SerializeToString())

# 4. Try the file on the public sample, as the server will.
sample = read({{ self.sample() }})
{% if self.has_texts() %}feed = {name: sample[[name]].to_numpy() for name in NUMBERS + TEXTS}
{% else %}feed = {"features": sample[NUMBERS].to_numpy()}
{% endif %}session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
predictions = session.run([session.get_outputs()[0].name], feed)[0]
print("the first predictions for the sample:", predictions.ravel()[:8].tolist())
print("model.onnx is ready: upload it")
