"""Starts 300 threads."""

import threading
import time

for _ in range(300):
    threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
