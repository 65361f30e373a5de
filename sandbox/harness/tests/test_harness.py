import resource
import unittest
from unittest import mock

import numpy

from support import DIGITS, EXAMPLES, Harness, digits
from protocol import EVENT_BYTES_MAX, Events, Refused, clean

STARTERS = sorted(DIGITS.glob("starter/*.*"))
REFUSED_BEFORE_A_RUN = {
    "broken/unknown_operator": "onnx_unsupported",
    "broken/input_shape": "input_shape",
    "broken/output_classes": "output_classes",
    "external_data": "onnx_external_data",
    "custom_op": "onnx_custom_op",
    "custom_op.tflite": "tflite_custom_op",
    "flex_op.tflite": "tflite_custom_op",
    "broken/sixty_three_inputs.tflite": "input_shape",
}
REFUSED_AT_THE_END = {
    "broken/output_rows": "output_rows",
    "broken/output_nan": "output_nonfinite",
    "broken/nine_classes.tflite": "output_classes",
}


def example(name):
    return EXAMPLES / (name if name.endswith(".tflite") else f"{name}.onnx")


class HarnessRuns(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.arrays, cls.labels = digits()

    def finish(self, *arguments, passes=1, **keywords):
        with Harness(*arguments, **keywords) as harness:
            self.assertEqual(harness.event()["event"], "ready")
            self.assertEqual(harness.send(run=passes), {"event": "done", "passes": passes})
            self.assertEqual(harness.send(finish=True), {"event": "finished"})
            self.assertEqual(harness.exit_code(), 0)
            return harness.predictions()

    def test_every_starter_reads_most_digits(self):
        self.assertEqual(len(STARTERS), 15)
        for path in STARTERS:
            with self.subTest(path.stem):
                predictions = self.finish(path, self.arrays)
                right = sum(map(str.__eq__, predictions, self.labels))
                self.assertGreater(right / len(self.labels), 0.95)

    def test_passes_and_batches_do_not_change_the_predictions(self):
        entry = DIGITS / "starter/small_mlp.onnx"
        once = self.finish(entry, self.arrays)
        self.assertEqual(self.finish(entry, self.arrays, passes=3, batch_size=100), once)

    def test_a_converted_network_predicts_as_the_one_that_it_was_made_from(self):
        original = self.finish(DIGITS / "starter/small_mlp.onnx", self.arrays)
        converted = self.finish(DIGITS / "starter/small_mlp.tflite", self.arrays)
        self.assertEqual(converted, original)
        in_int8 = self.finish(DIGITS / "starter/small_mlp_int8.tflite", self.arrays)
        same = sum(map(str.__eq__, in_int8, original))
        self.assertGreater(same / len(original), 0.98)

    def test_the_big_network_is_recognised_in_its_family(self):
        original = self.finish(DIGITS / "starter/big_mlp.onnx", self.arrays)
        for name in ("big_mlp.tflite", "big_mlp_int8.tflite", "big_mlp_middle_int8.onnx", "big_mlp_low_rank.onnx"):
            with self.subTest(name):
                changed = self.finish(DIGITS / "starter" / name, self.arrays)
                same = sum(map(str.__eq__, changed, original))
                self.assertGreater(same / len(original), 0.99)

    def test_what_a_model_keeps_is_gone_before_the_next_pass(self):
        entry = EXAMPLES / "keeps_in_variable.tflite"
        once = self.finish(entry, self.arrays)
        self.assertEqual(self.finish(entry, self.arrays, passes=3), once)
        turned = {name: values[::-1] for name, values in self.arrays.items()}
        self.assertEqual(self.finish(entry, turned)[::-1], once)

    def test_ready_tells_what_was_bound(self):
        with Harness(DIGITS / "starter/random_forest.onnx", self.arrays) as harness:
            ready = harness.event()
        self.assertEqual((ready["rows"], ready["batch_size"]), (797, 32))
        self.assertEqual(
            ready["inputs"], [{"name": "features", "dtype": "float32", "shape": [None, 64], "from": "features"}]
        )
        self.assertEqual(ready["output"]["name"], "output_label")
        self.assertRegex(ready["runtime"], r"^onnxruntime \d+\.\d+\.\d+$")

    def test_a_harness_whose_runner_hangs_up_goes_away(self):
        with Harness(STARTERS[0], self.arrays) as harness:
            harness.event()
            harness.hang_up()
            self.assertEqual(harness.exit_code(), 0)

    def test_a_broken_entry_is_refused_with_its_code(self):
        for name, code in REFUSED_BEFORE_A_RUN.items():
            with self.subTest(name), Harness(example(name), self.arrays) as harness:
                event = harness.event()
                self.assertEqual((event["event"], event["code"]), ("failed", code))
                self.assertEqual(harness.exit_code(), 3)

    def test_a_broken_prediction_is_refused_with_its_code(self):
        for name, code in REFUSED_AT_THE_END.items():
            with self.subTest(name), Harness(example(name), self.arrays) as harness:
                self.assertEqual(harness.event()["event"], "ready")
                self.assertEqual(harness.send(run=1)["event"], "done")
                event = harness.send(finish=True)
                self.assertEqual((event["event"], event["code"]), ("failed", code))
                self.assertEqual(harness.exit_code(), 3)

    def test_an_unknown_operator_is_named(self):
        with Harness(example("broken/unknown_operator"), self.arrays) as harness:
            self.assertIn("'Teleport'", harness.event()["message"])

    def test_a_file_that_is_no_model_is_invalid(self):
        with Harness(DIGITS / "data/sample_test.csv", self.arrays) as harness:
            self.assertEqual(harness.event()["code"], "onnx_invalid")

    def test_what_an_operator_complains_of_stays_in_the_log(self):
        with Harness(example("broken/run_error"), self.arrays) as harness:
            harness.event()
            event = harness.send(run=1)
        self.assertEqual(event["code"], "run_failed")
        self.assertIn("'Gather' (node 'look_up')", event["message"])
        self.assertNotIn("idx", event["message"])
        self.assertIn("indices element out of data bounds", harness.log)

    def test_a_memory_bomb_that_meets_a_limit_is_told_so(self):
        with Harness(example("broken/memory_bomb"), self.arrays) as harness:
            self.assertEqual(harness.event()["event"], "ready")
            resource.prlimit(harness.process.pid, resource.RLIMIT_AS, (4 << 30, 4 << 30))
            event = harness.send(run=1)
            self.assertEqual((event["event"], event["code"]), ("failed", "memory"))

    def test_an_endless_loop_never_answers(self):
        with Harness(example("broken/endless_loop"), self.arrays) as harness:
            self.assertEqual(harness.event()["event"], "ready")
            resource.prlimit(harness.process.pid, resource.RLIMIT_CPU, (2, 2))
            with self.assertRaises(ValueError):
                harness.send(run=1)
            self.assertLess(harness.exit_code(), 0)

    def test_nothing_is_written_but_the_predictions(self):
        with Harness(STARTERS[0], self.arrays) as harness:
            harness.event()
            before = set(harness.predictions_path.parent.iterdir())
            harness.send(run=1)
            harness.send(finish=True)
            after = set(harness.predictions_path.parent.iterdir())
            self.assertEqual(after - before, {harness.predictions_path})


class Protocol(unittest.TestCase):
    def sent(self, send):
        with mock.patch("os.write") as write:
            send(Events(6))
        return write.call_args.args[1]

    def test_an_event_is_short_enough_to_be_one_write(self):
        refused = Refused("run_failed", "\U0001f9a5" * 5000)
        self.assertLessEqual(len(self.sent(lambda events: events.failed(refused))), EVENT_BYTES_MAX)
        inputs = [{"name": "x" * 60, "shape": [None, 1]}] * 100
        line = self.sent(lambda events: events.ready(inputs=inputs))
        self.assertLessEqual(len(line), EVENT_BYTES_MAX)
        self.assertIn(b'"inputs_omitted": ', line)
        self.assertNotIn(b'"inputs_omitted": 0', line)

    def test_a_strangers_text_cannot_draw_on_the_screen(self):
        self.assertEqual(clean("red \x1b[31m\u202ename\n\tis\x00", 60), "red [31mname is")
        self.assertEqual(clean("x" * 70, 60), "x" * 59 + "…")


if __name__ == "__main__":
    unittest.main()
