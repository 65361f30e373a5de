"""Makes the demo competition `diamonds`: splits plotnine's prices of diamonds, and trains the starter entries.

Everything is seeded, so that running it again with the pinned packages on the same kind of processor writes the same
files. `competition.toml` and the texts are written by hand.
"""

import csv
import json
import os
import warnings
import zipfile
from importlib.util import find_spec
from pathlib import Path

# Sums are taken in the same order whatever the number of cores.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"

import numpy  # noqa: E402
import pandas  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from skl2onnx import convert_sklearn  # noqa: E402
from skl2onnx.common.data_types import FloatTensorType, StringTensorType  # noqa: E402
from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor  # noqa: E402
from sklearn.exceptions import ConvergenceWarning  # noqa: E402
from sklearn.linear_model import Ridge  # noqa: E402
from sklearn.neural_network import MLPRegressor  # noqa: E402
from sklearn.pipeline import Pipeline  # noqa: E402
from sklearn.preprocessing import OrdinalEncoder  # noqa: E402

BUILD = Path(__file__).resolve().parent
BUNDLE = BUILD.parent / "diamonds"
STARTER = BUNDLE / "starter"

SEED = 2026
TRAIN_ROWS = 40_000
TEST_ROWS = 13_794
PUBLIC_SHARE = 0.4
SAMPLE_ROWS = 200
OPSET = {"": 17, "ai.onnx.ml": 3}
IR_VERSION = 8

TARGET = "price"
COLUMNS = ["carat", "cut", "color", "clarity", "depth", "table", "x", "y", "z"]
# From the worst to the best.
GRADES = {
    "cut": ["Fair", "Good", "Very Good", "Premium", "Ideal"],
    "color": ["J", "I", "H", "G", "F", "E", "D"],
    "clarity": ["I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"],
}
NUMBERS = [name for name in COLUMNS if name not in GRADES]
# Some lengths were never measured and are 0, and some are ten times too long.
LENGTHS_MIN = [3, 3, 2]
LENGTHS_MAX = [11, 11, 7]
# Standard deviations from the mean at which the smooth models cut a value off.
OUTLIER = 4


def main():
    for folder in ("data", "hidden", "starter"):
        (BUNDLE / folder).mkdir(parents=True, exist_ok=True)
    train, test = split(read_rows())
    write_data(train, test)
    write_starters(train)


def read_rows():
    """The diamonds in the file's order without exact duplicates, each a list of the cells as they were written."""
    # Importing plotnine would take its plots along.
    [folder] = find_spec("plotnine").submodule_search_locations
    with open(Path(folder) / "data/diamonds.csv", encoding="utf-8", newline="") as file:
        unique = dict.fromkeys(tuple(line[name] for name in [*COLUMNS, TARGET]) for line in csv.DictReader(file))
    assert len(unique) == TRAIN_ROWS + TEST_ROWS
    return list(unique)


def split(rows):
    """Train and test rows in the order of their ids, which are dealt out at random and tell nothing."""
    random = numpy.random.default_rng(SEED)
    numbers = random.permutation(len(rows)) + 1
    named = [[f"diamond_{number:05}", *row] for number, row in zip(numbers, rows)]
    order = random.permutation(len(named))
    return sorted(named[i] for i in order[:TRAIN_ROWS]), sorted(named[i] for i in order[TRAIN_ROWS:])


def write_data(train, test):
    data, hidden = BUNDLE / "data", BUNDLE / "hidden"
    random = numpy.random.default_rng(SEED)
    sample = sorted(random.choice(TRAIN_ROWS, SAMPLE_ROWS, replace=False))
    public = set(random.choice(TEST_ROWS, round(PUBLIC_SHARE * TEST_ROWS), replace=False))
    # The one price that is the least wrong for all of them.
    price = round(numpy.expm1(numpy.log1p([int(row[-1]) for row in train]).mean()))

    write_csv(data / "train.csv", ["id", *COLUMNS, TARGET], train)
    write_csv(data / "sample_test.csv", ["id", *COLUMNS], (train[i][:-1] for i in sample))
    write_csv(data / "sample_submission.csv", ["id", TARGET], ([row[0], price] for row in test))
    write_csv(hidden / "test.csv", ["id", *COLUMNS], (row[:-1] for row in test))
    write_csv(
        hidden / "solution.csv",
        ["id", TARGET, "Usage"],
        ([row[0], row[-1], "Public" if i in public else "Private"] for i, row in enumerate(test)),
    )


def write_csv(path, header, lines):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)


def write_starters(train):
    """The entries that the demo's board opens with."""
    table = pandas.DataFrame(train, columns=["id", *COLUMNS, TARGET])
    table[NUMBERS] = table[NUMBERS].astype("float32")
    log_price = numpy.log1p(table[TARGET].astype(int).to_numpy())

    write_script("linear", {"coefficients.json": linear_coefficients(table, log_price)})
    write_script("boosting", {})

    write_smooth("ridge", quadratic, table, log_price)
    write_smooth("small_mlp", perceptron, table, log_price)

    model = boosting(max_iter=60, learning_rate=0.2, max_leaf_nodes=31)
    write_trees("small_boosting", model.fit(tree_features(table), log_price))
    model = boosting(max_iter=400, learning_rate=0.04, max_leaf_nodes=63, max_features=0.3, min_samples_leaf=10)
    write_trees("big_boosting", model.fit(tree_features(table), log_price))

    write_forest(table, log_price)


def boosting(**settings):
    return HistGradientBoostingRegressor(l2_regularization=1, early_stopping=False, random_state=SEED, **settings)


# Scripts


def linear_coefficients(table, log_price):
    """Fits the model that the script computes: see there."""
    weight = numpy.log(table.carat.to_numpy(float))
    grades = one_hot(table)
    powers = numpy.column_stack([weight**power for power in range(1, 5)])
    model = Ridge(alpha=1e-3).fit(numpy.column_stack([powers, grades, grades * weight[:, None]]), log_price)
    by_power, level, slope = numpy.split(model.coef_, [4, 4 + grades.shape[1]])
    coefficients = {"carat": rounded([model.intercept_, *by_power])}
    pairs = iter(zip(level, slope))
    for column, names in GRADES.items():
        coefficients[column] = {name: rounded(next(pairs)) for name in names}
    return json.dumps(coefficients, indent=1) + "\n"


def rounded(values):
    return [round(float(value), 6) for value in values]


def write_script(name, files):
    """Packs a script's folder and more files; uncompressed, so that the bytes hang on no version of zlib."""
    files["main.py"] = (BUILD / "diamonds_scripts" / name / "main.py").read_text(encoding="utf-8")
    with zipfile.ZipFile(STARTER / f"{name}.zip", "w") as bundle:
        for path, text in sorted(files.items()):
            file = zipfile.ZipInfo(path)
            file.create_system = 3
            file.external_attr = 0o100644 << 16
            bundle.writestr(file, text)


# What models see of a row: computed here to train them, and by the nodes beside it when they run


def one_hot(table):
    return numpy.column_stack(
        [(table[column] == name).to_numpy(float) for column, names in GRADES.items() for name in names]
    )


def smooth_features(table):
    """For smooth models: logarithms of the weight, of what is heavier or longer than it should be, and proportions."""
    lengths = numpy.clip(table[["x", "y", "z"]].to_numpy(float), LENGTHS_MIN, LENGTHS_MAX)
    x, y, z = lengths.T
    carat = table.carat.to_numpy(float)
    return numpy.column_stack(
        [numpy.log(carat), numpy.log(x * y * z / carat), numpy.log(x / y), table.depth, table.table]
    )


def smooth_nodes():
    """From the inputs to `smooth` [N, 5] and `grades` [N, 20]."""
    node = helper.make_node
    nodes = [
        node("Concat", ["x", "y", "z"], ["lengths"], axis=1),
        node("Max", ["lengths", "lengths_min"], ["not_too_short"]),
        node("Min", ["not_too_short", "lengths_max"], ["likely_lengths"]),
        node("Split", ["likely_lengths", "one_each"], ["x_likely", "y_likely", "z_likely"], axis=1),
        node("Mul", ["x_likely", "y_likely"], ["face"]),
        node("Mul", ["face", "z_likely"], ["volume"]),
        node("Div", ["volume", "carat"], ["lightness"]),
        node("Div", ["x_likely", "y_likely"], ["elongation"]),
        node("Concat", ["carat", "lightness", "elongation"], ["sizes"], axis=1),
        node("Log", ["sizes"], ["log_sizes"]),
        node("Concat", ["log_sizes", "depth", "table"], ["smooth"], axis=1),
    ]
    initializers = [
        constant("lengths_min", [LENGTHS_MIN]),
        constant("lengths_max", [LENGTHS_MAX]),
        constant("one_each", [1, 1, 1], numpy.int64),
    ]
    for column, names in GRADES.items():
        nodes += [
            node("OneHotEncoder", [column], [f"{column}_is"], domain="ai.onnx.ml", cats_strings=names, zeros=1),
            node("Reshape", [f"{column}_is", f"{column}_shape"], [f"{column}_flags"]),
        ]
        initializers.append(constant(f"{column}_shape", [-1, len(names)], numpy.int64))
    nodes.append(node("Concat", [f"{column}_flags" for column in GRADES], ["grades"], axis=1))
    return nodes, initializers


def tree_features(table):
    """For trees: the numbers, grades as places from the worst to the best, and products; float32 as in the model."""
    numbers = [table[name].to_numpy() for name in NUMBERS]
    places = [
        table[column].map({name: place for place, name in enumerate(names)}).to_numpy("float32")
        for column, names in GRADES.items()
    ]
    carat, x, y, z = (table[name].to_numpy() for name in ("carat", "x", "y", "z"))
    face = x * y
    volume = face * z
    density = carat / numpy.maximum(volume, numpy.float32(1))
    elongation = x / numpy.maximum(y, numpy.float32(1))
    return numpy.column_stack([*numbers, *places, face, volume, density, elongation])


def tree_nodes():
    """From the inputs to `features` [N, 13]."""
    node = helper.make_node
    nodes = [
        node(
            "LabelEncoder",
            [column],
            [f"{column}_place"],
            domain="ai.onnx.ml",
            keys_strings=names,
            values_floats=[float(place) for place in range(len(names))],
        )
        for column, names in GRADES.items()
    ] + [
        node("Mul", ["x", "y"], ["face"]),
        node("Mul", ["face", "z"], ["volume"]),
        node("Max", ["volume", "one"], ["volume_not_zero"]),
        node("Div", ["carat", "volume_not_zero"], ["density"]),
        node("Max", ["y", "one"], ["y_not_zero"]),
        node("Div", ["x", "y_not_zero"], ["elongation"]),
    ]
    columns = [*NUMBERS, *(f"{column}_place" for column in GRADES), "face", "volume", "density", "elongation"]
    return [*nodes, node("Concat", columns, ["features"], axis=1)]


# ONNX entries


def quadratic(inputs, log_price):
    """A ridge regression on the features and all their products, as nodes from `inputs` to `log_price`."""
    upper = numpy.triu_indices(inputs.shape[1])
    products = (inputs[:, :, None] * inputs[:, None, :])[:, *upper]
    model = Ridge(alpha=0.1).fit(numpy.column_stack([inputs, products]), log_price)
    single, double = numpy.split(model.coef_, [inputs.shape[1]])
    matrix = numpy.zeros((inputs.shape[1],) * 2)
    matrix[upper] = double
    nodes = [
        helper.make_node("MatMul", ["inputs", "matrix"], ["halfway"]),
        helper.make_node("Add", ["halfway", "single"], ["slopes"]),
        helper.make_node("Mul", ["inputs", "slopes"], ["terms"]),
        helper.make_node("ReduceSum", ["terms", "columns"], ["sum"], keepdims=1),
        helper.make_node("Add", ["sum", "intercept"], ["log_price"]),
    ]
    return nodes, [
        constant("matrix", matrix),
        constant("single", single),
        constant("columns", [1], numpy.int64),
        constant("intercept", [model.intercept_]),
    ]


def perceptron(inputs, log_price):
    """Two hidden layers of 24, as nodes from `inputs` to `log_price`."""
    mean = log_price.mean()
    model = MLPRegressor(
        hidden_layer_sizes=(24, 24),
        alpha=1e-5,
        batch_size=128,
        # It never stops by itself.
        tol=0,
        n_iter_no_change=1000,
        warm_start=True,
        random_state=SEED,
    )
    for learning_rate, epochs in ((5e-3, 40), (1.5e-3, 20), (5e-4, 15), (1e-4, 10)):
        model.set_params(learning_rate_init=learning_rate, max_iter=epochs)
        with warnings.catch_warnings():
            # The number of epochs is what we want; that it could go on is no news.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(inputs, log_price - mean)
    model.intercepts_[-1] += mean

    nodes, initializers, last = [], [], "inputs"
    for layer, (weights, bias) in enumerate(zip(model.coefs_, model.intercepts_)):
        initializers += [constant(f"weights_{layer}", weights), constant(f"bias_{layer}", bias)]
        is_output = layer == len(model.coefs_) - 1
        linear = "log_price" if is_output else f"linear_{layer}"
        nodes.append(helper.make_node("Gemm", [last, f"weights_{layer}", f"bias_{layer}"], [linear]))
        if not is_output:
            last = f"hidden_{layer}"
            nodes.append(helper.make_node("Relu", [linear], [last]))
    return nodes, initializers


def write_smooth(name, fit, table, log_price):
    """Scales the features, cuts outliers off, adds the flags of the grades, and lets `fit` do the rest."""
    features = smooth_features(table)
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    scaled = numpy.clip((features - mean) / deviation, -OUTLIER, OUTLIER)
    nodes, initializers = smooth_nodes()
    nodes += [
        helper.make_node("Sub", ["smooth", "mean"], ["centered"]),
        helper.make_node("Div", ["centered", "deviation"], ["scaled"]),
        helper.make_node("Clip", ["scaled", "outlier_min", "outlier_max"], ["clipped"]),
        helper.make_node("Concat", ["clipped", "grades"], ["inputs"], axis=1),
    ]
    initializers += [
        constant("mean", mean),
        constant("deviation", deviation),
        constant("outlier_min", -OUTLIER),
        constant("outlier_max", OUTLIER),
    ]
    model_nodes, model_initializers = fit(numpy.column_stack([scaled, one_hot(table)]), log_price)
    save(name, nodes + model_nodes, initializers + model_initializers)


def write_trees(name, model):
    """Writes boosted trees behind the nodes that make their features."""
    save(name, [*tree_nodes(), tree_ensemble(model)], [constant("one", [[1]])])


def tree_ensemble(model):
    """Boosted trees as one node from `features` to `log_price`.

    skl2onnx 1.20 cannot convert those of scikit-learn 1.9: it hands numpy's numbers to ONNX, which wants Python's. We
    read the trees where it does.
    """
    nodes = {key: [] for key in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids")}
    leaves = {key: [] for key in ("treeids", "nodeids", "ids", "weights")}
    for tree, [predictor] in enumerate(model._predictors):
        for number, node in enumerate(predictor.nodes):
            is_leaf = bool(node["is_leaf"])
            nodes["treeids"].append(tree)
            nodes["nodeids"].append(number)
            nodes["featureids"].append(int(node["feature_idx"]))
            nodes["values"].append(0.0 if is_leaf else rounded_down(node["num_threshold"]))
            nodes["modes"].append("LEAF" if is_leaf else "BRANCH_LEQ")
            nodes["truenodeids"].append(int(node["left"]))
            nodes["falsenodeids"].append(int(node["right"]))
            if is_leaf:
                leaves["treeids"].append(tree)
                leaves["nodeids"].append(number)
                leaves["ids"].append(0)
                leaves["weights"].append(float(node["value"]))
    return helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        ["log_price"],
        domain="ai.onnx.ml",
        n_targets=1,
        base_values=[float(model._baseline_prediction.item())],
        **{f"nodes_{key}": values for key, values in nodes.items()},
        **{f"target_{key}": values for key, values in leaves.items()},
    )


def rounded_down(threshold):
    """The largest float32 that is not above: float32 values then fall on the same side of both."""
    nearest = numpy.float32(threshold)
    return float(nearest if nearest <= threshold else numpy.nextafter(nearest, numpy.float32(-numpy.inf)))


def write_forest(table, log_price):
    """A pipeline from the raw columns, all of it converted by skl2onnx."""
    model = Pipeline(
        [
            (
                "columns",
                ColumnTransformer(
                    [
                        ("grades", OrdinalEncoder(categories=list(GRADES.values())), list(GRADES)),
                        ("numbers", "passthrough", NUMBERS),
                    ]
                ),
            ),
            ("forest", RandomForestRegressor(20, max_leaf_nodes=500, max_features=0.6, random_state=SEED)),
        ]
    )
    model.fit(table[COLUMNS], log_price)
    types = [(name, StringTensorType([None, 1]) if name in GRADES else FloatTensorType([None, 1])) for name in COLUMNS]
    converted = convert_sklearn(model, initial_types=types, target_opset=OPSET)
    save("random_forest", log_price_nodes(converted), converted.graph.initializer)


def log_price_nodes(converted):
    """A converted model's nodes, with `log_price` for the name of its output."""
    nodes = list(converted.graph.node)
    for node in nodes:
        node.output[:] = ["log_price" if name == converted.graph.output[0].name else name for name in node.output]
    return nodes


def constant(name, values, dtype=numpy.float32):
    return numpy_helper.from_array(numpy.array(values, dtype=dtype), name)


def save(name, nodes, initializers):
    """Writes a model from the raw columns to the price: `nodes` lead to `log_price`, the logarithm of 1 + price."""
    graph = helper.make_graph(
        [
            *nodes,
            helper.make_node("Exp", ["log_price"], ["price_plus_one"]),
            helper.make_node("Sub", ["price_plus_one", "minus_this"], [TARGET]),
        ],
        name,
        [
            helper.make_tensor_value_info(
                column, TensorProto.STRING if column in GRADES else TensorProto.FLOAT, ["N", 1]
            )
            for column in COLUMNS
        ],
        [helper.make_tensor_value_info(TARGET, TensorProto.FLOAT, ["N", 1])],
        [*initializers, constant("minus_this", 1)],
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in OPSET.items()],
        ir_version=IR_VERSION,
        producer_name="leanboard-demo",
    )
    (STARTER / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
