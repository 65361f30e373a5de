import unittest

import numpy

import support  # noqa: F401  (puts the harness on the path)
from binding import bind
from manifest import Constant, Manifest, read_manifest
from plan import Task
from predictions import prediction_reader
from protocol import Refused
from support import EXAMPLES, Harness, digits
from tensors import Quantization, Tensor
from test_binding import INTEGERS, array

ARRAYS = [array("width", INTEGERS[:, [0]]), array("features", INTEGERS)]
PIXELS = Tensor("X", "float32", ("N", 4))
TWO = ["no", "yes"]


def read(manifest, kind, shape, values, classes=TWO):
    values = numpy.array(values, dtype=numpy.float32)
    columns = classes if kind == "probability" and len(classes) > 2 else ["prediction"]
    reader = prediction_reader(Tensor("y", "float32", shape), Task(kind, classes, columns), manifest)
    return reader.predictions([(values, len(values))], len(values))


class Refusals(unittest.TestCase):
    def refuses(self, code, call, *arguments, **keywords):
        with self.assertRaises(Refused) as caught:
            call(*arguments, **keywords)
        self.assertEqual(caught.exception.code, code)
        return caught.exception.message


class Sources(Refusals):
    def bound(self, sources, *inputs, batch_size=32, **keywords):
        return bind(list(inputs), ARRAYS, 70, batch_size, sources=sources, **keywords)

    def test_a_manifest_says_what_an_input_is_fed_from(self):
        other = Tensor("Y", "int64", ("N", 1))
        binding = self.bound({"X": "features", "Y": "width"}, PIXELS, other)
        self.assertEqual(binding.sources, ["features", "width"])
        # It goes before an equal name.
        binding = self.bound({"width": "features"}, Tensor("width", "int64", ("N", 4)))
        self.assertEqual(binding.sources, ["features"])

    def test_a_constant_is_the_same_for_each_batch(self):
        switch = Tensor("switch", "bool", (1,))
        binding = self.bound({"switch": Constant(0, (1,))}, switch, PIXELS)
        self.assertEqual(binding.rows_fed, [32, 32, 6])
        self.assertEqual(binding.sources, ["a constant", "features"])
        for feed in binding.feeds:
            self.assertEqual(feed["switch"].dtype, numpy.bool_)
            self.assertEqual(feed["switch"].tolist(), [False])

    def test_a_constant_by_the_row_is_as_long_as_its_batch(self):
        noise = Tensor("noise", "float32", ("N", 2))
        sources = {"noise": Constant(0.5, ("batch", 2))}
        shapes = [feed["noise"].shape for feed in self.bound(sources, noise, PIXELS).feeds]
        self.assertEqual(shapes, [(32, 2), (32, 2), (6, 2)])
        padded = self.bound(sources, noise, PIXELS, needs_whole_batches=True)
        self.assertEqual(padded.feeds[-1]["noise"].shape, (32, 2))
        fixed = self.bound(sources, Tensor("noise", "float32", (40, 2)), PIXELS)
        self.assertEqual((fixed.batch_size, fixed.rows_fed), (40, [40, 40]))

    def test_a_constant_without_a_shape_is_a_scalar(self):
        feed = self.bound({"k": Constant(3)}, Tensor("k", "int64", ()), PIXELS).feeds[0]
        self.assertEqual((feed["k"].shape, feed["k"].dtype, int(feed["k"])), ((), numpy.int64, 3))
        words = self.bound({"k": Constant("en", (1,))}, Tensor("k", "string", (1,)), PIXELS)
        self.assertEqual(words.feeds[0]["k"].tolist(), ["en"])
        whole = Tensor("k", "int8", (), Quantization(0.5, 10))
        self.assertEqual(int(self.bound({"k": Constant(2)}, whole, PIXELS).feeds[0]["k"]), 14)

    def test_a_constant_must_fit_its_input(self):
        def constant(tensor, *value):
            self.bound({"k": Constant(*value)}, tensor, PIXELS)

        for dtype, value in [("int64", 0.5), ("int8", 300), ("uint8", -1), ("string", 1), ("float32", "one"), ("bool", 2)]:
            self.refuses("input_dtype", constant, Tensor("k", dtype, ()), value)
        self.refuses("input_shape", constant, Tensor("k", "int64", (2,)), 1, (3,))
        self.refuses("input_shape", constant, Tensor("k", "int64", (2,)), 1)
        constant(Tensor("k", "float32", ()), 0.1)

    def test_what_a_manifest_names_must_be_there(self):
        message = self.refuses("input_unknown", self.bound, {"Z": "features"}, PIXELS)
        self.assertIn("'X'", message)
        message = self.refuses("input_unbound", self.bound, {"X": "height"}, PIXELS)
        self.assertIn("'width'", message)
        self.refuses("input_unbound", self.bound, {"X": Constant(1, ("batch", 4))}, PIXELS)


class Readers(Refusals):
    def test_from_the_threshold_on_it_is_the_second_class(self):
        manifest = Manifest(threshold=0.7)
        self.assertEqual(read(manifest, "label", ("N", 1), [[0.69], [0.7], [2.0]]), [["no"], ["yes"], ["yes"]])
        self.assertEqual(read(manifest, "label", ("N",), [0.5]), [["no"]])
        self.refuses("output_shape", read, manifest, "label", ("N", 2), [[0.1, 0.9]])
        self.refuses("output_nonfinite", read, manifest, "label", ("N",), [numpy.nan])

    def test_a_softmax_makes_probabilities_of_scores(self):
        manifest = Manifest(activation="softmax")
        rows = read(manifest, "probability", ("N", 3), [[0, 0, 0], [1000, 0, -1000]], ["a", "b", "c"])
        self.assertEqual([float(cell) for cell in rows[0]], [1 / 3] * 3)
        self.assertEqual([float(cell) for cell in rows[1]], [1, 0, 0])
        second = read(manifest, "probability", ("N", 2), [[0, numpy.log(3)]])
        self.assertAlmostEqual(float(second[0][0]), 0.75, places=6)
        self.refuses("output_shape", read, manifest, "probability", ("N", 1), [[0.5]])

    def test_a_sigmoid_makes_a_probability_of_a_number(self):
        manifest = Manifest(activation="sigmoid")
        rows = read(manifest, "probability", ("N", 1), [[0], [numpy.log(3)], [-1000], [1000]])
        for (cell,), expected in zip(rows, [0.5, 0.75, 0, 1]):
            self.assertAlmostEqual(float(cell), expected, places=6)
        self.refuses("output_shape", read, manifest, "probability", ("N", 2), [[0.5, 0.5]])

    def test_without_a_text_a_manifest_says_nothing(self):
        self.assertEqual(read_manifest(None), Manifest())


class Runs(unittest.TestCase):
    def test_a_model_of_odd_inputs_predicts_as_it_was_trained_to(self):
        arrays, labels = digits(rows=100)
        manifest = {
            "inputs": {
                "X:0": {"from": "features"},
                "is training": {"const": False, "shape": [1]},
                "weights": {"const": 0.5, "shape": ["batch", 2]},
            }
        }
        with Harness(EXAMPLES / "manifest/odd_inputs.onnx", arrays, manifest=manifest) as harness:
            ready = harness.event()
            self.assertEqual(ready["event"], "ready", ready)
            self.assertEqual([tensor["from"] for tensor in ready["inputs"]], ["features", "a constant", "a constant"])
            harness.send(run=1)
            self.assertEqual(harness.send(finish=True)["event"], "finished")
            right = sum(a == b for a, b in zip(harness.predictions(), labels))
        self.assertGreater(right, 90)

    def test_a_constant_reaches_a_tflite_model_in_each_batch(self):
        arrays, _ = digits(rows=50)
        predictions = []
        for sign in (1, -1.0):
            manifest = {"inputs": {"sign": {"const": sign, "shape": [1]}}}
            with Harness(EXAMPLES / "manifest/with_sign.tflite", arrays, manifest=manifest) as harness:
                ready = harness.event()
                self.assertEqual((ready["event"], ready["batch_size"]), ("ready", 32), ready)
                harness.send(run=1)
                self.assertEqual(harness.send(finish=True)["event"], "finished")
                predictions.append(harness.predictions())
        self.assertEqual(len(predictions[0]), 50)
        self.assertTrue(all(one != other for one, other in zip(*predictions)))


if __name__ == "__main__":
    unittest.main()
