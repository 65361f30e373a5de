import csv
import tempfile
import unittest
from pathlib import Path

import numpy

import support  # noqa: F401  (puts the harness on the path)
from outputs import choose_output
from plan import Task
from predictions import prediction_reader, write_predictions
from protocol import Refused
from tensors import Tensor

CLASSES = ["cat", "dog", "eel"]
SCORES = Tensor("scores", "float32", (None, 3))
ZIPMAP = Tensor("output_probability", "seq(map(string,tensor(float)))", ())


def reader(tensor, classes=CLASSES):
    return prediction_reader(tensor, Task("value" if classes is None else "label", classes, ["prediction"]))


def read_rows(reader, *batches, rows=None):
    fed = [len(batch) for batch in batches]
    return reader.predictions(list(zip(batches, fed)), rows or sum(fed))


def read(tensor, *batches, classes=CLASSES, rows=None):
    return [cell for (cell,) in read_rows(reader(tensor, classes), *batches, rows=rows)]


class Outputs(unittest.TestCase):
    def refuses(self, code, call, *arguments, **keywords):
        with self.assertRaises(Refused) as caught:
            call(*arguments, **keywords)
        self.assertEqual(caught.exception.code, code)
        return caught.exception.message

    def test_the_only_output_is_the_prediction(self):
        self.assertEqual(choose_output([SCORES], "label"), SCORES)

    def test_the_converters_name_wins_among_several(self):
        label = Tensor("label", "int64", (None,))
        self.assertEqual(choose_output([SCORES, label], "label"), label)

    def test_several_outputs_without_a_usual_name_are_ambiguous(self):
        message = self.refuses("output_ambiguous", choose_output, [SCORES, Tensor("extra", "int64", (None,))], "label")
        self.assertIn("'extra'", message)

    def test_the_manifest_can_choose_only_what_is_there(self):
        self.assertEqual(choose_output([SCORES, ZIPMAP], "label", "scores"), SCORES)
        self.assertIn("'scores'", self.refuses("output_unknown", choose_output, [SCORES], "label", "score"))

    def test_the_largest_score_is_the_label(self):
        self.assertEqual(read(SCORES, numpy.array([[0.1, 0.7, 0.2]]), numpy.array([[3.0, 1.0, 2.0]])), ["dog", "cat"])

    def test_rows_that_filled_up_a_batch_are_dropped(self):
        batch = numpy.eye(3, dtype=numpy.float32)
        self.assertEqual(read(SCORES, batch, batch, rows=4), ["cat", "dog", "eel", "cat"])

    def test_a_zipmap_is_read_by_its_keys(self):
        self.assertEqual(read(ZIPMAP, [{"dog": 0.9, "cat": 0.1}, {"dog": 0.2, "eel": 0.8}]), ["dog", "eel"])

    def test_a_zipmap_with_a_nan_is_refused(self):
        self.refuses("output_nonfinite", read, ZIPMAP, [{"dog": numpy.nan, "cat": 0.1}])

    def test_labels_come_as_text_or_integers_and_one_per_row(self):
        words = Tensor("label", "string", (None, 1))
        self.assertEqual(read(words, numpy.array([["eel"], ["cat"]], dtype=object)), ["eel", "cat"])
        numbers = Tensor("label", "int64", (None,))
        self.assertEqual(read(numbers, numpy.array([7, 3]), classes=["3", "7"]), ["7", "3"])

    def test_an_unknown_label_is_counted_but_not_shown(self):
        words = Tensor("label", "string", (None,))
        message = self.refuses("output_classes", read, words, numpy.array(["cat", "secret"], dtype=object))
        self.assertIn("1 of 2", message)
        self.assertNotIn("secret", message)

    def test_a_declared_shape_is_refused_before_any_run(self):
        for code, dtype, shape in [
            ("output_classes", "float32", (None, 7)),
            ("output_kind", "float32", (None, 1)),
            ("output_shape", "float32", (None, 3, 3)),
            ("output_shape", "int64", (None, 3)),
            ("output_kind", "bool", (None,)),
        ]:
            self.refuses(code, reader, Tensor("out", dtype, shape))

    def test_a_model_that_declares_nothing_is_judged_by_what_it_returns(self):
        self.refuses("output_classes", read, Tensor("out", "float32", ()), numpy.zeros((4, 7)))
        self.refuses("output_shape", read, Tensor("out", "float32", (None, None)), numpy.zeros((4, 3, 3)))

    def test_rows_may_not_get_lost(self):
        scores = reader(SCORES)
        message = self.refuses("output_rows", scores.predictions, [(numpy.zeros((1, 3)), 4)], 4)
        self.assertIn("1 rows, where 4 were fed", message)
        self.refuses("output_rows", scores.predictions, [(numpy.float32(1), 4)], 4)

    def test_values_keep_the_digits_that_tell_them_apart(self):
        values = Tensor("variable", "float32", (None, 1))
        batch = numpy.array([[0.1], [16777216.0], [3e-8]], dtype=numpy.float32)
        predictions = read(values, batch, classes=None)
        self.assertEqual(predictions[0], "0.1")
        self.assertEqual([numpy.float32(text) for text in predictions], batch.ravel().tolist())

    def test_values_must_be_finite_numbers_one_per_row(self):
        values = Tensor("variable", "float64", (None,))
        message = self.refuses("output_nonfinite", read, values, numpy.array([1, numpy.nan, numpy.inf]), classes=None)
        self.assertIn("2 values", message)
        self.refuses("output_kind", reader, Tensor("y", "string", (None,)), None)
        self.refuses("output_shape", reader, Tensor("y", "float32", (None, 2)), None)

    def test_several_values_of_a_row_are_its_columns(self):
        task = Task("value", [], ["low", "high"])
        two = prediction_reader(Tensor("y", "float32", (None, 2)), task)
        rows = read_rows(two, numpy.array([[1, 2], [3, 4.5]], numpy.float32))
        self.assertEqual(rows, [["1.0", "2.0"], ["3.0", "4.5"]])
        self.refuses("output_shape", prediction_reader, Tensor("y", "float32", (None,)), task)

    def test_probabilities_are_one_for_each_class_or_that_of_the_second(self):
        proba = prediction_reader(SCORES, Task("probability", CLASSES, CLASSES))
        batch = numpy.array([[0.25, 0.5, 0.25]], numpy.float32)
        self.assertEqual(read_rows(proba, batch), [["0.25", "0.5", "0.25"]])
        binary = Task("probability", ["no", "yes"], ["prediction"])
        for tensor, values in [
            (Tensor("p", "float32", (None, 2)), [[0.75, 0.25]]),
            (Tensor("p", "float32", (None, 1)), [[0.25]]),
            (Tensor("p", "float32", (None,)), [0.25]),
        ]:
            with self.subTest(tensor):
                read = prediction_reader(tensor, binary)
                self.assertEqual(read_rows(read, numpy.array(values, numpy.float32)), [["0.25"]])
        zipmap = prediction_reader(ZIPMAP, binary)
        self.assertEqual(read_rows(zipmap, [{"yes": 0.25, "no": 0.75}]), [["0.25"]])
        self.refuses("output_classes", read_rows, zipmap, [{"yes": 0.25, "maybe": 0.75}])

    def test_what_is_no_probability_is_refused_with_the_number_of_rows(self):
        proba = prediction_reader(SCORES, Task("probability", CLASSES, CLASSES))
        message = self.refuses("output_not_proba", read_rows, proba, numpy.array([[3.0, -1, 2]]))
        self.assertIn("3 values", message)
        message = self.refuses("output_not_proba", read_rows, proba, numpy.array([[0.2, 0.2, 0.2], [0.2, 0.3, 0.5]]))
        self.assertIn("1 rows", message)
        self.refuses("output_nonfinite", read_rows, proba, numpy.array([[numpy.nan, 0.5, 0.5]]))
        self.refuses("output_kind", prediction_reader, Tensor("label", "int64", (None,)), Task("probability", CLASSES, []))

    def test_probabilities_are_taken_where_labels_stand_beside_them(self):
        label, proba = Tensor("label", "int64", (None,)), Tensor("probabilities", "float32", (None, 3))
        self.assertEqual(choose_output([label, proba], "probability"), proba)
        self.assertEqual(choose_output([label, proba], "label"), label)

    def test_any_label_survives_the_file(self):
        labels = ["plain", 'with "quotes", a comma', "two\nlines", ""]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "predictions.csv"
            write_predictions(path, ["prediction"], [[label] for label in labels])
            with open(path, newline="") as file:
                self.assertEqual(list(csv.reader(file)), [["prediction"], *([label] for label in labels)])


if __name__ == "__main__":
    unittest.main()
