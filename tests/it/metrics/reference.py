"""Makes up competitions with submissions, and writes what each must score according to scikit-learn and SciPy, or to
a definition that is written down here where neither has the metric.

    reference.py FOLDER FAMILY...

FOLDER/NAME/ is a bundle's rules and solution with a submission.csv; cases.json beside them has, for each NAME, the
scores of the public rows, the private ones and all, or null where there is none. Everything follows from one seed.
"""

import csv
import json
import math
import sys
import warnings
from pathlib import Path

import numpy
import scipy.stats
from sklearn import metrics as sk

warnings.simplefilter("ignore")
random = numpy.random.default_rng(20261124)
folder = Path(sys.argv[1])
cases = {}


def write_table(path, header, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def toml(value):
    return json.dumps(value, ensure_ascii=False)


def case(name, task, metric, targets, predicted, reference, absolute=0.0, public=None):
    """One case. `targets` and `predicted` map column names to lists of cells; `reference` takes the numbers of the
    rows that count. `absolute` is the error that is allowed where scores near 0 are differences of larger numbers."""
    rows = len(next(iter(targets.values())))
    # Both splits have rows, and where it matters those that the case names.
    is_public = numpy.asarray(public) if public is not None else random.permutation(rows) % 2 == 0
    name = f"{len(cases):03}_{metric['name']}_{name}"
    bundle = folder / name
    kind = task["kind"]
    rules = f'slug = "case"\ntitle = "T"\nsummary = "S"\nopens_at = 2026-01-01\n\n[task]\n'
    rules += "".join(f"{key} = {toml(value)}\n" for key, value in task.items())
    rules += "\n[metric]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in metric.items())
    rules += f"benchmark = {0.5 if metric['name'] not in LOSSES else 1e9}\n"
    rules += '\n[entries]\nkinds = ["script"]\n\n[measuring]\nwindow = "total"\n'
    rules += '\n[[starter]]\nfile = "starter/a.zip"\nteam = "Host"\nreference = true\n'
    ids = [f"row {number:04}" for number in range(rows)]
    usages = ["Public" if public else "Private" for public in is_public]
    write_table(
        bundle / "hidden/solution.csv", ["id", *targets, "Usage"], zip(ids, *targets.values(), usages)
    )
    (bundle / "competition.toml").write_text(rules, encoding="utf-8")
    # Rows and columns come in any order.
    columns = list(predicted)
    if kind == "probability":
        random.shuffle(columns)
    order = random.permutation(rows) if random.random() < 0.5 else range(rows)
    write_table(
        bundle / "submission.csv",
        [*columns, "id"],
        ([*(predicted[column][row] for column in columns), ids[row]] for row in order),
    )
    every = numpy.arange(rows)
    scores = {}
    for split, chosen in [("public", every[is_public]), ("private", every[~is_public]), ("all", every)]:
        score = reference(chosen)
        scores[split] = None if score is None or not math.isfinite(score) else float(score)
    cases[name] = {"metric": metric["name"], "absolute": absolute, "scores": scores}


LOSSES = {"log_loss", "brier", "rmse", "mae", "rmsle", "mape", "mcrmse", "pinball", "levenshtein"}

# Labels

NAMES = ["no", "yes", "NA", "07", "7", "ä b", "a,b", "x", "nan", "1e3", *(f"class {at}" for at in range(60))]


def averaged(function, average, **more):
    def of(actual, predicted, positive):
        chosen = {"pos_label": positive} if average == "binary" else {}
        return function(actual, predicted, average=average, zero_division=0, **chosen, **more)

    return of


def jaccard(average):
    def of(actual, predicted, positive):
        chosen = {"pos_label": positive} if average == "binary" else {}
        return sk.jaccard_score(actual, predicted, average=average, zero_division=0, **chosen)

    return of


def label_metrics(classes):
    yield {"name": "accuracy"}, lambda a, p, _: sk.accuracy_score(a, p), 0
    yield {"name": "balanced_accuracy"}, lambda a, p, _: sk.balanced_accuracy_score(a, p), 0
    yield {"name": "mcc"}, lambda a, p, _: None if len(set(a)) < 2 else sk.matthews_corrcoef(a, p), 1e-15
    for name, weights, more in [
        ("cohen_kappa", None, {}),
        ("cohen_kappa", "linear", {"weights": "linear"}),
        ("quadratic_weighted_kappa", "quadratic", {}),
    ]:

        def kappa(a, p, _, weights=weights):
            if len(set(a)) < 2:
                return None
            return sk.cohen_kappa_score(a, p, labels=range(classes), weights=weights)

        yield {"name": name, **more}, kappa, 1e-14
    averages = ["macro", "micro", "weighted"] + (["binary"] if classes == 2 else [])
    for average in averages:
        more = {"average": average}
        yield {"name": "f1", **more}, averaged(sk.f1_score, average), 0
        yield {"name": "fbeta", "beta": 0.5, **more}, averaged(sk.fbeta_score, average, beta=0.5), 0
        yield {"name": "fbeta", "beta": 2, **more}, averaged(sk.fbeta_score, average, beta=2), 0
        yield {"name": "precision", **more}, averaged(sk.precision_score, average), 0
        yield {"name": "recall", **more}, averaged(sk.recall_score, average), 0
        yield {"name": "jaccard", **more}, jaccard(average), 0


def label_cases():
    for classes, rows in [(2, 40), (3, 60), (10, 300), (50, 500)]:
        weights = random.dirichlet(numpy.full(classes, 0.8))
        actual = random.choice(classes, rows, p=weights)
        actual[:4] = [0, 1, 0, 1]
        public = random.permutation(rows) % 3 > 0
        public[:4] = [True, True, False, False]
        noisy = numpy.where(random.random(rows) < 0.6, actual, random.integers(classes, size=rows))
        for kind, predicted in [
            ("noisy", noisy),
            ("constant", numpy.full(rows, 1)),
            ("right", actual),
            ("wrong", (actual + 1) % classes),
        ][: 4 if classes < 10 else 2]:
            yield kind, classes, actual, predicted, public
    # A class that is only in one split, one that is only predicted, and one that nobody names.
    actual = numpy.array([0, 1, 2, 0, 1, 0, 1, 0])
    predicted = numpy.array([0, 3, 2, 1, 1, 3, 1, 0])
    yield "partly", 6, actual, predicted, numpy.arange(8) < 4
    # Of two classes only one in one of the splits, and as few rows as there can be.
    yield "one_class", 2, numpy.array([0, 1, 1, 1]), numpy.array([0, 1, 0, 1]), numpy.arange(4) < 2
    yield "one_class", 2, numpy.array([0, 1, 0, 0]), numpy.array([0, 1, 0, 1]), numpy.arange(4) < 2
    yield "two_rows", 2, numpy.array([1, 0]), numpy.array([1, 1]), numpy.arange(2) < 1


def labels():
    for kind, classes, actual, predicted, public in label_cases():
        names = NAMES[:classes]
        for metric, score, absolute in label_metrics(classes):
            # The one looked for is the second, unless the rules say otherwise.
            positive, more = 1, {}
            if metric.get("average") == "binary" and random.random() < 0.5:
                positive, more = 0, {"positive": names[0]}

            def reference(rows, score=score, positive=positive, metric=metric):
                if metric.get("average") == "binary" and positive not in actual[rows]:
                    return None
                return score(actual[rows], predicted[rows], positive)

            case(
                f"{kind}_{classes}",
                {"kind": "label", "target": "y", "classes": names},
                metric | more,
                {"y": [names[at] for at in actual]},
                {"y": [names[at] for at in predicted]},
                reference,
                absolute,
                public,
            )


# Probabilities


def probabilities():
    for classes, rows in [(2, 50), (2, 400), (3, 90), (10, 300), (50, 300)]:
        actual = numpy.concatenate([numpy.arange(2 * classes) % classes, random.integers(classes, size=rows)])
        rows = len(actual)
        public = random.random(rows) < 0.4
        public[:classes], public[classes : 2 * classes] = True, False
        scores = random.normal(size=(rows, classes)) + 1.5 * (actual[:, None] == numpy.arange(classes))
        soft = numpy.exp(scores) / numpy.exp(scores).sum(axis=1, keepdims=True)
        hard = (numpy.arange(classes) == random.integers(classes, size=rows)[:, None]).astype(float)
        for kind, predicted in [
            ("soft", soft),
            ("float32", soft.astype("float32").astype("float64")),
            ("ties", numpy.round(soft, 1)),
            ("hard", hard),
            ("right", (numpy.arange(classes) == actual[:, None]).astype(float)),
            ("constant", numpy.full((rows, classes), 1 / classes)),
            ("tiny", numpy.where(hard > 0, 1.0, 1e-300)),
            ("slightly_off", soft * 1.0005),
        ]:
            if kind == "ties":
                # The last one makes up for what rounding did.
                predicted[:, -1] = numpy.clip(1 - predicted[:, :-1].sum(axis=1), 0, 1)
                off = numpy.abs(predicted.sum(axis=1) - 1) > 5e-4
                predicted[off] = 1 / classes
            predicted = numpy.minimum(predicted, 1.0)
            one_case(kind, classes, actual, predicted, public)
    # A class that is not in one of the splits.
    actual = numpy.array([0, 0, 1, 0, 0, 0])
    predicted = numpy.full((6, 2), 0.5)
    one_case("one_class", 2, actual, predicted, numpy.arange(6) < 3)
    actual = numpy.array([0, 1, 2, 0, 1, 1])
    one_case("class_missing", 3, actual, numpy.full((6, 3), 1 / 3), numpy.arange(6) < 3)


def one_case(kind, classes, actual, predicted, public):
    names = NAMES[:classes]
    is_binary = classes == 2
    columns = {"y": predicted[:, 1]} if is_binary else dict(zip(names, predicted.T))
    cells = {name: [repr(float(value)) for value in column] for name, column in columns.items()}
    given = numpy.column_stack([1 - predicted[:, 1], predicted[:, 1]]) if is_binary else predicted
    is_of = actual[:, None] == numpy.arange(classes)

    def curve(function, average):
        def score(rows):
            if average != "micro" and len(set(actual[rows])) < classes:
                return None
            if is_binary:
                return function(is_of[rows, 1], given[rows, 1])
            return function(is_of[rows], given[rows], average=average)

        return score

    metrics = [
        ({"name": "log_loss"}, lambda rows: sk.log_loss(actual[rows], given[rows], labels=range(classes))),
        ({"name": "brier"}, lambda rows: sk.brier_score_loss(actual[rows], given[rows], labels=range(classes))),
    ]
    for average in [None] if is_binary else [None, "macro", "micro", "weighted"]:
        more = {} if average is None else {"average": average}
        for name, function in [("roc_auc", sk.roc_auc_score), ("average_precision", sk.average_precision_score)]:
            metrics.append(({"name": name, **more}, curve(function, average or "macro")))
    task = {"kind": "probability", "target": "y", "classes": names}
    for metric, reference in metrics:
        # An error of one in the last digit of a probability near 1 is that of its logarithm, near 0.
        absolute = 1e-15 if metric["name"] == "log_loss" else 0
        case(f"{kind}_{classes}", task, metric, {"y": [names[at] for at in actual]}, cells, reference, absolute, public)


# Values


def value_metrics():
    yield {"name": "rmse"}, sk.root_mean_squared_error, 0
    yield {"name": "mae"}, sk.mean_absolute_error, 0
    yield {"name": "mape"}, sk.mean_absolute_percentage_error, 0
    yield {"name": "r2"}, lambda a, p: None if len(set(a)) < 2 else sk.r2_score(a, p), 1e-15
    yield {"name": "pinball", "alpha": 0.9}, lambda a, p: sk.mean_pinball_loss(a, p, alpha=0.9), 0
    yield {"name": "pinball", "alpha": 0.05}, lambda a, p: sk.mean_pinball_loss(a, p, alpha=0.05), 0
    for name, function in [("pearson", scipy.stats.pearsonr), ("spearman", scipy.stats.spearmanr)]:

        def correlation(a, p, function=function):
            return None if len(set(a)) < 2 or len(set(p)) < 2 else function(a, p)[0]

        yield {"name": name}, correlation, 1e-15
    # Far from 0 logarithms that are nearly the same are subtracted.
    yield {"name": "rmsle"}, sk.root_mean_squared_log_error, 4e-15


def value_cases():
    for rows in [2, 9, 400]:
        actual = random.normal(size=rows) * 100
        yield "normal", actual, actual + random.normal(size=rows) * 30
        yield "unrelated", actual, random.normal(size=rows)
        counts = random.poisson(3, size=rows).astype(float)
        counts[:2] = [1, 2]
        yield "counts", counts, random.poisson(3, size=rows).astype(float)
        prices = random.lognormal(8, 2, size=rows)
        yield "prices", prices, prices * random.lognormal(0, 0.3, size=rows)
        for unit in [1e-90, 1e90]:
            yield "unit", actual * unit, (actual + random.normal(size=rows)) * unit
        far = actual + 1e6
        yield "far_from_zero", far, far + random.normal(size=rows)
        yield "right", actual, actual.copy()
        yield "constant", actual, numpy.full(rows, 7.5)
    yield "same", numpy.array([3.0, 3.0, 1.0, 2.0]), numpy.array([3.0, 3.5, 1.0, 2.0])


def texts_of(numbers):
    return [repr(float(number)) for number in numbers]


def values():
    for kind, actual, predicted in value_cases():
        for metric, score, absolute in value_metrics():
            a, p = actual, predicted
            if metric["name"] == "rmsle":
                a, p = numpy.abs(a), numpy.abs(p)
            public = numpy.arange(len(a)) < 2 if kind == "same" else None
            case(
                f"{kind}_{len(a)}",
                {"kind": "value", "target": "y"},
                metric,
                {"y": texts_of(a)},
                {"y": texts_of(p)},
                lambda rows, a=a, p=p, score=score: score(a[rows], p[rows]),
                absolute,
                public,
            )
    # Squares that float64 cannot hold: the reference has a wider exponent.
    for unit in [1e-200, 1e200, 1e-310]:
        actual = random.normal(size=50) * unit
        predicted = actual + random.normal(size=50) * unit

        def wide(rows, a=actual, p=predicted):
            difference = p[rows].astype(numpy.longdouble) - a[rows].astype(numpy.longdouble)
            return float(numpy.sqrt((difference**2).mean()))

        case("squares", {"kind": "value", "target": "y"}, {"name": "rmse"},
             {"y": texts_of(actual)}, {"y": texts_of(predicted)}, wide)  # fmt: skip


def several_targets():
    names = ["reactivity", "deg, mg", "deg 50C"]
    for rows in [6, 200]:
        actual = random.normal(size=(rows, 3)) * [1, 100, 1e-3]
        predicted = actual + random.normal(size=(rows, 3)) * [0.1, 50, 1e-3]
        a, p = numpy.abs(actual), numpy.abs(predicted)

        def mcrmse(rows, a=a, p=p):
            return numpy.sqrt(((a[rows] - p[rows]) ** 2).mean(axis=0)).mean()

        references = [({"name": "mcrmse"}, mcrmse)]
        for name, function in [
            ("rmse", sk.root_mean_squared_error),
            ("mae", sk.mean_absolute_error),
            ("mape", sk.mean_absolute_percentage_error),
            ("r2", sk.r2_score),
            ("rmsle", sk.root_mean_squared_log_error),
        ]:
            references.append(({"name": name}, lambda rows, f=function, a=a, p=p: f(a[rows], p[rows])))
        for metric, reference in references:
            case("several", {"kind": "value", "targets": names}, metric,
                 dict(zip(names, map(texts_of, a.T))), dict(zip(names, map(texts_of, p.T))), reference)  # fmt: skip


# Lists


def average_precision_at_k(actual, predicted, k):
    """`apk` of ml_metrics by Ben Hamner."""
    predicted = predicted[:k]
    score = hits = 0.0
    for i, p in enumerate(predicted):
        if p in actual and p not in predicted[:i]:
            hits += 1.0
            score += hits / (i + 1.0)
    return score / min(len(actual), k)


def ndcg_at_k(actual, predicted, k):
    gains = [1.0 if p in actual and p not in predicted[:i] else 0.0 for i, p in enumerate(predicted[:k])]
    dcg = sum(gain / math.log2(i + 2) for i, gain in enumerate(gains))
    return dcg / sum(1 / math.log2(i + 2) for i in range(min(len(actual), k)))


def lists():
    items = [f"item-{number}" for number in range(40)] + ["ä", "007", "7"]
    for k in [1, 3, 5, 20, 100]:
        for rows in [2, 150]:
            actual = [
                list(random.choice(items, size=random.integers(1, 12), replace=False)) for _ in range(rows)
            ]
            # Repeated ids among them, lists that are too long, and empty ones.
            predicted = [list(random.choice(items, size=random.integers(0, 30))) for _ in range(rows)]
            for name, function in [("map_at_k", average_precision_at_k), ("ndcg_at_k", ndcg_at_k)]:

                def reference(chosen, f=function, a=actual, p=predicted, k=k):
                    return math.fsum(f(a[row], p[row], k) for row in chosen) / len(chosen)

                case(f"{k}_{rows}", {"kind": "list", "target": "items"}, {"name": name, "k": k},
                     {"items": map_lists(actual)}, {"items": map_lists(predicted)}, reference)  # fmt: skip
    # A whole order of all items, which scikit-learn's ndcg_score takes as scores.
    rows, k = 60, 10
    relevant = random.random((rows, 30)) < 0.2
    relevant[:, 0] |= ~relevant.any(axis=1)
    scores = random.random((rows, 30))
    orders = numpy.argsort(-scores, axis=1)
    case("whole_order", {"kind": "list", "target": "items"}, {"name": "ndcg_at_k", "k": k},
         {"items": map_lists([[items[at] for at in numpy.flatnonzero(row)] for row in relevant])},
         {"items": map_lists([[items[at] for at in row] for row in orders])},
         lambda rows: sk.ndcg_score(relevant[rows].astype(float), scores[rows], k=k))  # fmt: skip


def map_lists(lists):
    return [" ".join(items) for items in lists]


# Texts


def levenshtein(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a):
        before, row = row, [i + 1]
        for j, y in enumerate(b):
            row.append(min(before[j] + (x != y), before[j + 1] + 1, row[j] + 1))
    return row[-1]


def word_jaccard(a, b):
    """`jaccard` of Tweet Sentiment Extraction, for texts that have words."""
    a, b = set(a.lower().split()), set(b.lower().split())
    both = a & b
    return len(both) / (len(a) + len(b) - len(both)) if a or b else 1.0


def texts():
    words = ["the", "The", "cat", "sat", "Straße", "e\u0301", "😀", "on", "a", "mat,", "\"no\""]
    for rows, longest in [(2, 3), (80, 30), (12, 90)]:
        actual = [" ".join(random.choice(words, size=random.integers(0, longest))) for _ in range(rows)]
        predicted = [" ".join(random.choice(words, size=random.integers(0, longest))) for _ in range(rows)]
        predicted[0] = actual[0]
        for name, function in [("levenshtein", levenshtein), ("word_jaccard", word_jaccard)]:

            def reference(chosen, f=function, a=actual, p=predicted):
                return math.fsum(f(a[row], p[row]) for row in chosen) / len(chosen)

            case(f"{rows}", {"kind": "text", "target": "text"}, {"name": name},
                 {"text": actual}, {"text": predicted}, reference)  # fmt: skip


for family in sys.argv[2:]:
    globals()[family]()
(folder / "cases.json").write_text(json.dumps(cases), encoding="utf-8")
