import unittest
from dataclasses import dataclass

import numpy

import support  # noqa: F401  (puts the harness on the path)
from binding import bind
from plan import Array
from protocol import Refused
from tensors import Tensor

INTEGERS = numpy.arange(70 * 4).reshape(70, 4)


@dataclass(frozen=True)
class InMemory(Array):
    held: numpy.ndarray

    def values(self):
        return self.held


def array(name, values, significant_digits=None):
    return InMemory(name, None, values.shape, values.dtype, significant_digits, values)


def bound(tensor, values=INTEGERS, name="features", significant_digits=None, batch_size=32):
    return bind([tensor], [array(name, values, significant_digits)], len(values), batch_size)


class Binding(unittest.TestCase):
    def refuses(self, code, *arguments, **keywords):
        with self.assertRaises(Refused) as caught:
            bound(*arguments, **keywords)
        self.assertEqual(caught.exception.code, code)
        return caught.exception.message

    def test_the_only_input_takes_the_features_whatever_it_is_called(self):
        arrays = [array("width", INTEGERS[:, [0]]), array("features", INTEGERS)]
        binding = bind([Tensor("X", "float32", (None, 4))], arrays, 70, 32)
        self.assertEqual(binding.sources, ["features"])

    def test_an_equal_name_goes_before_the_features(self):
        arrays = [array("width", INTEGERS[:, [0]]), array("features", INTEGERS)]
        binding = bind([Tensor("width", "int64", (None, 1))], arrays, 70, 32)
        self.assertEqual(binding.sources, ["width"])

    def test_columns_are_bound_by_name_in_any_order(self):
        arrays = [array("width", INTEGERS[:, [0]]), array("depth", INTEGERS[:, [1]])]
        inputs = [Tensor(name, "int64", ("N", 1)) for name in ("depth", "width")]
        feed = bind(inputs, arrays, 70, 32).feeds[0]
        self.assertEqual(feed["depth"][0, 0], INTEGERS[0, 1])

    def test_an_input_without_an_array_is_told_what_there_is(self):
        arrays = [array("width", INTEGERS[:, [0]]), array("depth", INTEGERS[:, [1]])]
        inputs = [Tensor(name, "int64", ("N", 1)) for name in ("depth", "height")]
        with self.assertRaises(Refused) as caught:
            bind(inputs, arrays, 70, 32)
        self.assertEqual(caught.exception.code, "input_unbound")
        self.assertIn("'width' (int64 [N, 1])", caught.exception.message)

    def test_a_model_without_inputs_is_refused(self):
        with self.assertRaises(Refused) as caught:
            bind([], [array("features", INTEGERS)], 70, 32)
        self.assertEqual(caught.exception.code, "input_unbound")

    def test_a_free_axis_gets_a_short_last_batch(self):
        binding = bound(Tensor("X", "int64", ("N", 4)))
        self.assertEqual(binding.rows_fed, [32, 32, 6])

    def test_a_fixed_axis_gets_a_last_batch_filled_up_with_its_last_row(self):
        binding = bound(Tensor("X", "int64", (40, 4)))
        self.assertEqual(binding.batch_size, 40)
        self.assertEqual(binding.rows_fed, [40, 40])
        last = binding.feeds[-1]["X"]
        self.assertTrue((last[30:] == INTEGERS[-1]).all())

    def test_inputs_that_fix_different_numbers_of_rows_are_refused(self):
        arrays = [array("width", INTEGERS[:, [0]]), array("depth", INTEGERS[:, [1]])]
        inputs = [Tensor("width", "int64", (8, 1)), Tensor("depth", "int64", (16, 1))]
        with self.assertRaises(Refused) as caught:
            bind(inputs, arrays, 70, 32)
        self.assertEqual(caught.exception.code, "batch_axis")

    def test_a_fixed_axis_cannot_ask_for_more_rows_than_anyone_has(self):
        for rows in (0, 2**62):
            self.refuses("batch_axis", Tensor("X", "int64", (rows, 4)))

    def test_a_row_is_reshaped_where_it_has_as_many_values(self):
        feed = bound(Tensor("X", "int64", ("N", 1, 2, 2))).feeds[0]
        self.assertEqual(feed["X"].shape, (32, 1, 2, 2))

    def test_one_free_axis_takes_what_is_left(self):
        feed = bound(Tensor("X", "int64", ("N", 2, "rest"))).feeds[0]
        self.assertEqual(feed["X"].shape, (32, 2, 2))

    def test_an_input_of_unknown_shape_takes_the_rows_as_they_are(self):
        self.assertEqual(bound(Tensor("X", "int64", ())).feeds[0]["X"].shape, (32, 4))

    def test_a_wrong_shape_is_refused_with_both_shapes(self):
        message = self.refuses("input_shape", Tensor("X", "int64", ("N", 5)))
        self.assertIn("[N, 5]", message)
        self.assertIn("[N, 4]", message)

    def test_integers_that_a_float_holds_are_cast(self):
        feed = bound(Tensor("X", "float32", ("N", 4))).feeds[0]
        self.assertEqual(feed["X"].dtype, numpy.float32)

    def test_integers_that_a_type_cannot_hold_are_refused_without_showing_them(self):
        for dtype, value in [("int8", 128), ("float32", 2**24 + 1), ("uint8", -1), ("float64", 2**63 - 1)]:
            message = self.refuses("input_dtype", Tensor("X", dtype, ("N", 1)), numpy.full((5, 1), value))
            self.assertIn(dtype, message)
            self.assertIn("int64", message)
            self.assertNotIn(str(value), message)

    def test_a_decimal_survives_float32_if_it_was_written_with_six_digits(self):
        decimals = numpy.full((5, 1), 0.1)
        tensor = Tensor("X", "float32", ("N", 1))
        self.assertEqual(bound(tensor, decimals, significant_digits=6).rows_fed, [5])
        self.refuses("input_dtype", tensor, decimals, significant_digits=7)
        self.refuses("input_dtype", tensor, decimals)

    def test_few_digits_do_not_help_a_decimal_out_of_range(self):
        for value in (1e39, 1e-50):
            self.refuses(
                "input_dtype", Tensor("X", "float32", ("N", 1)), numpy.full((5, 1), value), significant_digits=1
            )

    def test_missing_values_survive_a_cast(self):
        holes = numpy.array([[numpy.nan], [0.5]])
        self.assertTrue(numpy.isnan(bound(Tensor("X", "float32", ("N", 1)), holes).feeds[0]["X"][0, 0]))

    def test_text_is_fed_as_text_and_never_as_a_number(self):
        words = numpy.array([["one"], ["two"]])
        self.assertEqual(bound(Tensor("X", "string", ("N", 1)), words).feeds[0]["X"][1, 0], "two")
        self.refuses("input_dtype", Tensor("X", "float32", ("N", 1)), words)
        self.refuses("input_dtype", Tensor("X", "string", ("N", 4)))

    def test_a_type_that_only_the_runtime_knows_is_refused_by_name(self):
        self.assertIn("bfloat16", self.refuses("input_dtype", Tensor("X", "bfloat16", ("N", 4))))
        self.refuses("input_dtype", Tensor("X", "seq(map(string,tensor(float)))", ()))


if __name__ == "__main__":
    unittest.main()
