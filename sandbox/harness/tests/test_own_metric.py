import contextlib
import io
import tempfile
import textwrap
import unittest
from pathlib import Path

import support  # noqa: F401  (puts the harness on the path)
from own_metric import load, refusal, scores, table

FRAMES = {
    "row_id": "id",
    "params": {},
    "ids": {"type": "str", "values": ["a", "b", "c", "d"]},
    "solution": [
        {"name": "kind", "type": "int64", "values": [0, 1, 1, 0]},
        {"name": "weight", "type": "csv", "values": ["1", "2", "", "4"]},
        {"name": "group", "type": "csv", "values": ["x, y", "NA", "z", "\n"]},
    ],
    "submission": [{"name": "kind", "type": "float64", "values": [0.25, 1.0, 0.5, 0.0]}],
    "splits": {"public": [0, 2], "private": [1, 3]},
}


def metric(code, **params):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "metric.py"
        path.write_text(textwrap.dedent(code))
        return load(path, params)


def said(code, **params):
    try:
        return {"scores": scores(metric(code, **params), FRAMES)}
    except BaseException as error:
        with contextlib.redirect_stderr(io.StringIO()):
            return refusal(error)


class Tables(unittest.TestCase):
    def test_columns_have_the_types_that_pandas_would_read(self):
        solution = table(FRAMES, "solution")
        self.assertEqual([str(kind) for kind in solution.dtypes], ["str", "int64", "float64", "str"])
        self.assertEqual(solution["weight"].isna().tolist(), [False, False, True, False])
        self.assertEqual(solution["group"].isna().tolist(), [False, True, False, False])
        self.assertEqual(solution["group"][0], "x, y")
        numbered = {**FRAMES, "ids": {"type": "int64", "values": [3, 1, 2, 4]}}
        self.assertEqual(str(table(numbered, "submission").dtypes["id"]), "int64")


class Calls(unittest.TestCase):
    def test_each_part_of_the_rows_is_a_table_of_its_own(self):
        # It spoils what it is given, as many of Kaggle's do.
        code = """
        def score(solution, submission, row_id_column_name, power=1.0):
            assert list(solution.index) == list(range(len(solution)))
            assert list(solution.pop(row_id_column_name)) == list(submission.pop(row_id_column_name))
            error = (solution["kind"] - submission["kind"]).abs() ** power
            submission["kind"] = 0
            return error.sum()
        """
        self.assertEqual(said(code), {"scores": {"public": 0.75, "private": 0.0, "all": 0.75}})
        self.assertEqual(said(code, power=2)["scores"]["all"], 0.25**2 + 0.25)

    def test_what_is_no_finite_number_is_no_score(self):
        for value, fault, words in [
            ("'0.5'", "failed", "no number for the public rows but a str"),
            ("None", "failed", "a NoneType"),
            ("True", "failed", "a bool"),
            ("[0.5]", "failed", "a list"),
            ("float('nan')", "not_finite", "nan for the public rows"),
            ("-float('inf')", "not_finite", "-inf for the public rows"),
            ("1.0 if len(solution) == 2 else float('nan')", "not_finite", "nan for all rows"),
        ]:
            answer = said(f"def score(solution, submission, row_id_column_name): return {value}")
            self.assertIn(words, answer[fault], value)
        whole = said("import numpy\ndef score(solution, submission, row_id_column_name): return numpy.array(2)")
        self.assertEqual(whole["scores"]["all"], 2.0)

    def test_only_one_exception_is_for_participants(self):
        head = "class ParticipantVisibleError(Exception): pass\nclass Worse(ParticipantVisibleError): pass\n"
        body = "def score(solution, submission, row_id_column_name): "
        self.assertEqual(said(head + body + "raise ParticipantVisibleError('two\\nlines')"), {"visible": "two lines"})
        self.assertEqual(said(head + body + "raise Worse('yes')"), {"visible": "yes"})
        self.assertEqual(said(head + body + "raise ValueError('a secret')"), {"failed": "ValueError: a secret"})
        self.assertEqual(said(head + body + "raise SystemExit(1)"), {"failed": "SystemExit: 1"})
        self.assertEqual(said(head + body + "return missing")["failed"][:9], "NameError")

    def test_a_traceback_begins_in_the_metric(self):
        log = io.StringIO()
        try:
            scores(metric("def score(solution, submission, row_id_column_name): return 1 / 0"), FRAMES)
        except ZeroDivisionError as error:
            with contextlib.redirect_stderr(log):
                refusal(error)
        self.assertIn("metric.py", log.getvalue())
        self.assertIn("ZeroDivisionError", log.getvalue())
        self.assertNotIn("in scores", log.getvalue())

    def test_a_file_that_cannot_be_called_says_why(self):
        self.assertIn("no function `score`", said("points = 1")["failed"])
        self.assertIn("SyntaxError", said("def score(:")["failed"])
        self.assertIn("unexpected keyword argument 'k'", said("def score(a, b, c): return 1", k=2)["failed"])
        self.assertIn("missing a required argument: 'k'", said("def score(a, b, c, k): return 1")["failed"])

    def test_errors_of_libraries_are_participants_where_they_hold_no_number(self):
        code = """
        import kaggle_metric_utilities

        def fails(solution, submission, words):
            raise ValueError(words)

        def score(solution, submission, row_id_column_name, words):
            return kaggle_metric_utilities.safe_call_score(
                fails, solution[["kind"]], submission[["kind"]], words=words
            )
        """
        self.assertEqual(said(code, words="y has the wrong shape"), {"visible": "y has the wrong shape"})
        self.assertEqual(said(code, words="found 3"), {"failed": "ValueError: found 3"})


if __name__ == "__main__":
    unittest.main()
