"""A price for each diamond from its weight, by a power law that is fitted in load() to the public training data."""

import numpy
import pandas

law = None


def load():
    global law
    train = pandas.read_csv("/kaggle/input/diamonds/train.csv")
    law = numpy.polynomial.Polynomial.fit(numpy.log(train["carat"]), numpy.log(train["price"]), 1)


def predict(batch: pandas.DataFrame) -> pandas.DataFrame:
    print("rows:", len(batch))
    assert batch.columns.tolist() == "id carat cut color clarity depth table x y z".split()
    assert batch["cut"].isin(["Fair", "Good", "Very Good", "Premium", "Ideal"]).all()
    return pandas.DataFrame({"id": batch["id"], "price": numpy.exp(law(numpy.log(batch["carat"])))})
