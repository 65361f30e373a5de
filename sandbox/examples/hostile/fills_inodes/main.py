"""Makes empty files in the output folder until there can be no more."""

for number in range(1 << 20):
    open(f"{number}", "w").close()
