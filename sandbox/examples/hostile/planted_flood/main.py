"""Leaves a submission without end."""

with open("submission.csv", "w") as file:
    file.write("id,price\n")
    file.truncate(20 << 20)
