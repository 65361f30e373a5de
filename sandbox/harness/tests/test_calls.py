import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy
import pandas

from support import HARNESS
from frames import predictions_frame, read_frame
from function import Function
from protocol import Refused

CALLS = HARNESS.with_name("calls.py")
COLUMNS = [{"name": "id", "type": "int64"}, {"name": "x", "type": "float64"}, {"name": "t", "type": "text"}]
OPENING = {"columns": COLUMNS, "id": "id", "predicted": ["y"], "placeholders": ["0.5"]}
MISSING = 0xFFFF_FFFF


def body(ids, numbers, texts):
    """A batch as the runner writes it."""

    def padded(data):
        return data + bytes(-len(data) % 8)

    count = len(ids)
    lengths = [MISSING if text is None else len(text) for text in texts]
    encoded = "".join(text or "" for text in texts).encode()
    return (
        struct.pack(f"<{count}q", *ids)
        + struct.pack(f"<{count}d", *numbers)
        + padded(struct.pack(f"<{count}I", *lengths))
        + padded(struct.pack("<Q", len(encoded)) + encoded)
    )


class Frames(unittest.TestCase):
    def test_a_batch_becomes_a_frame_with_what_is_missing(self):
        batch = read_frame(COLUMNS, 3, bytearray(body([7, 8, 9], [0.5, float("nan"), 2], ["é", None, "NA"])))
        self.assertEqual(batch.columns.tolist(), ["id", "x", "t"])
        self.assertEqual([str(dtype) for dtype in batch.dtypes], ["int64", "float64", "str"])
        self.assertEqual(batch["t"].tolist()[::2], ["é", "NA"])
        self.assertEqual(batch.isna().sum().tolist(), [0, 1, 1])
        batch.loc[0, "x"] = 3.0

    def test_columns_of_one_type_become_one_block_that_may_be_written_to(self):
        columns = [{"name": name, "type": "float64"} for name in "ab"]
        batch = read_frame(columns, 2, bytearray(struct.pack("<4d", 1, 2, 3, 4)))
        batch["b"] *= 2
        self.assertEqual(batch.to_numpy().tolist(), [[1, 6], [2, 8]])

    def test_a_column_of_arrays_has_one_for_each_row(self):
        columns = [{"name": "x", "type": "array", "array": ["|u1", [1, 3]]}, {"name": "n", "type": "int64"}]
        # The arrays are filled up to a multiple of eight bytes.
        batch = read_frame(columns, 2, bytearray(bytes(range(6)) + bytes(2) + struct.pack("<2q", 7, 8)))
        self.assertEqual([array.tolist() for array in batch["x"]], [[[0, 1, 2]], [[3, 4, 5]]])
        self.assertEqual(batch["n"].tolist(), [7, 8])

    def test_texts_that_are_all_missing_stay_texts(self):
        batch = read_frame(COLUMNS[2:], 2, bytearray(struct.pack("<IIQ", MISSING, MISSING, 0)))
        self.assertEqual(str(batch["t"].dtype), "str")

    def test_predictions_keep_their_type(self):
        for values, kind in [
            (numpy.array([1.5], "float32"), "float64"),
            (numpy.array([1], "uint8"), "int64"),
            (numpy.array([True]), "text"),
            (numpy.array(["a", 1], object), "text"),
            (numpy.array([2**63], "uint64"), "text"),
        ]:
            self.assertEqual(predictions_frame(values)[0], kind)
        self.assertEqual(predictions_frame(numpy.array(["é", "b"]))[1], struct.pack("<II", 2, 1) + "éb".encode())
        for values in [numpy.array([1j]), numpy.array(["2026-01-01"], "M8[D]")]:
            self.assertIsNone(predictions_frame(values))


class Functions(unittest.TestCase):
    batch = pandas.DataFrame({"id": [7, 8], "x": [1.0, 2.0], "t": ["a", "b"]})

    def predictions(self, returned, opening=OPENING):
        kind, data = Function(lambda batch: returned, opening).predictions(returned, self.batch, 2)
        return list(struct.unpack(f"<{len(data) // 8}d", data)) if kind == "float64" else data

    def refusal(self, returned, opening=OPENING):
        with self.assertRaises(Refused) as refused:
            self.predictions(returned, opening)
        return refused.exception.code

    def test_frames_series_arrays_and_lists_are_read(self):
        for returned in [
            self.batch["x"],
            self.batch[["x"]].to_numpy(),
            [1.0, 2.0],
            pandas.DataFrame({"y": [1.0, 2.0]}),
            pandas.DataFrame({"y": [1.0, 2.0], "other": 3}),
            pandas.DataFrame({"other": [1.0, 2.0], "id": [7, 8]}),
        ]:
            self.assertEqual(self.predictions(returned), [1.0, 2.0])

    def test_what_is_no_prediction_for_each_row_is_refused(self):
        for returned, code in [
            (None, "predict_kind"),
            ({7: 1.0}, "predict_kind"),
            ([[1.0], [2.0, 3.0]], "predict_kind"),
            ([1.0, None], "predict_kind"),
            (numpy.float64(1), "predict_kind"),
            (self.batch[["x", "id", "t"]], "predict_kind"),
            ([1.0], "predict_rows"),
            (pandas.DataFrame({"id": [8, 7], "y": 1.0}), "predict_rows"),
        ]:
            self.assertEqual(self.refusal(returned), code, returned)

    def test_several_columns_come_row_by_row(self):
        opening = OPENING | {"predicted": ["a", "b"], "placeholders": ["0", "0"]}
        frame = pandas.DataFrame({"b": [2.0, 4.0], "id": [7, 8], "a": [1.0, 3.0]})
        self.assertEqual(self.predictions(frame, opening), [1, 2, 3, 4])
        self.assertEqual(self.predictions(numpy.array([[1.0, 2], [3, 4]]), opening), [1, 2, 3, 4])
        for returned in [[1.0, 2.0], frame[["a"]], numpy.zeros((2, 3))]:
            self.assertEqual(self.refusal(returned, opening), "predict_kind")

    def test_a_server_s_function_may_want_the_sample_submission(self):
        function = Function.served([lambda test, sample: sample["y"] + test["x"]], OPENING)
        self.assertEqual(function.call(self.batch).tolist(), [1.5, 2.5])
        with self.assertRaises(Refused):
            Function.served([lambda a, b, c: a], OPENING)
        with self.assertRaises(Refused):
            Function.served([], OPENING)


class Program(unittest.TestCase):
    def test_modules_of_the_entry_are_not_hidden_by_the_harness_s(self):
        entry = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for module in ["protocol", "function", "frames", "tensors"]:
            (entry / f"{module}.py").write_text("ours = True\n")
        (entry / "predict.py").write_text(
            "import protocol, function, frames, tensors\n"
            "assert all(m.ours for m in [protocol, function, frames, tensors])\n"
            "print('{\"event\": \"finished\"}')\n"
            "def predict(batch):\n"
            "    return batch['x'] * 2\n"
        )
        commands_read, commands = os.pipe()
        events, events_write = os.pipe()
        arguments = ["--entry", entry, "--commands-fd", str(commands_read), "--events-fd", str(events_write)]
        process = subprocess.Popen(
            [sys.executable, "-I", "-B", CALLS, *arguments],
            pass_fds=[commands_read, events_write],
            stdout=subprocess.DEVNULL,
        )
        os.close(commands_read)
        os.close(events_write)
        data = body([7, 8], [1, 2], ["a", "b"])
        with os.fdopen(commands, "wb") as commands, os.fdopen(events, "rb") as events:
            commands.write(json.dumps(OPENING).encode() + b"\n")
            commands.flush()
            self.assertEqual(json.loads(events.readline())["event"], "ready")
            commands.write(json.dumps({"call": 2, "bytes": len(data)}).encode() + b"\n" + data)
            commands.flush()
            predicted = json.loads(events.readline())
            self.assertEqual(predicted, {"event": "predicted", "rows": 2, "type": "float64", "bytes": 16})
            self.assertEqual(struct.unpack("<2d", events.read(16)), (2.0, 4.0))
            commands.write(b'{"finish": true}\n')
            commands.flush()
            self.assertEqual(json.loads(events.readline()), {"event": "finished"})
        self.assertEqual(process.wait(), 0)


if __name__ == "__main__":
    unittest.main()
