"""How the harness and the runner talk: commands come in and events go out as lines of JSON, on two pipes."""

import json
import os
import sys
import unicodedata

# A pipe delivers a write of up to PIPE_BUF bytes whole.
EVENT_BYTES_MAX = 4095
# A character takes at most four bytes, and quotation marks two.
MESSAGE_CHARS_MAX = 900
NAME_CHARS_MAX = 60


class Refused(Exception):
    """The entry breaks its contract: a code, and a sentence for the participant with the fix in it.

    The sentence never holds a value of the data.
    """

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code
        self.message = clean(message, MESSAGE_CHARS_MAX)


class Commands:
    """The runner's orders, one after the other, until it hangs up."""

    def __init__(self, fd):
        self._lines = os.fdopen(fd, encoding="utf-8")

    def __iter__(self):
        return map(json.loads, self._lines)


class Events:
    """What the harness reports; each event is one write."""

    def __init__(self, fd):
        self._fd = fd

    def ready(self, **facts):
        """Reports the bound tensors; `inputs` is cut, and `inputs_omitted` says by how many, where they do not fit."""
        facts["inputs_omitted"] = 0
        while len(line := _line("ready", facts)) > EVENT_BYTES_MAX:
            facts["inputs"] = facts["inputs"][:-1]
            facts["inputs_omitted"] += 1
        os.write(self._fd, line)

    def done(self, passes):
        os.write(self._fd, _line("done", {"passes": passes}))

    def finished(self, latency=None):
        os.write(self._fd, _line("finished", {"latency": latency} if latency else {}))

    def failed(self, refused):
        os.write(
            self._fd,
            _line("failed", {"code": refused.code, "message": refused.message}),
        )


def clean(text, chars_max):
    """A stranger's text, fit to be shown: on one line, without control or invisible characters, and not too long."""
    visible = "".join(
        " " if character.isspace() else character
        for character in text
        if character.isspace() or unicodedata.category(character)[0] != "C"
    )
    line = " ".join(visible.split())
    return line if len(line) <= chars_max else line[: chars_max - 1] + "…"


def quote(name):
    """A tensor's name in a sentence."""
    return f"'{clean(name, NAME_CHARS_MAX)}'"


def log(text):
    """Adds to the log, which participants see of runs on public data only."""
    print(text, file=sys.stderr, flush=True)


def _line(event, facts):
    line = json.dumps({"event": event, **facts}, ensure_ascii=False) + "\n"
    return line.encode("utf-8")
