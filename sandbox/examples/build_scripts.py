"""Makes the example script bundles that must be refused, must fail or must pass: one small zip per reason.

Those of `REFUSED` are refused at the door, by what the zip lists or by what comes out of it; those of `FAILING` pass it
and fail when they run; those of `PASSING` look odd and are right. The scripts fit every competition that predicts
numbers: they find the sample submission wherever it is mounted, and what they leave is made from it.

Needs nothing but Python; running it again writes the same bytes, given the same version of zlib.
"""

import io
import stat
import struct
import zipfile
from pathlib import Path

BUNDLES = Path(__file__).resolve().parent / "scripts"

MIB, GIB = 2**20, 2**30

# What most scripts begin with: `ids` and `name`, the column of predictions, as the sample submission has them.
SAMPLE = """\
import csv
import glob
[path] = glob.glob("/kaggle/input/*/sample_submission.csv")
with open(path, encoding="utf-8", newline="") as file:
    (id_name, name), *rows = csv.reader(file)
ids = [row[0] for row in rows]
"""

# What they end with: a submission of `header` and `lines`.
WRITE = """\
with open("submission.csv", "w", encoding="utf-8", newline="") as file:
    csv.writer(file).writerows([header, *lines])
"""

HEADER = "header = [id_name, name]\n"
LINES = "lines = [[id, 1000] for id in ids]\n"
GOOD = SAMPLE + HEADER + LINES + WRITE


# At the door


def main_missing():
    """A script of another name."""
    return packed(("script.py", GOOD))


def empty():
    """A zip without entries."""
    return packed()


def parent_path():
    """Climbs out of the folder it is unpacked in."""
    return packed(("main.py", GOOD), ("../outside.py", ""))


def parent_path_within():
    """Climbs out further on in a path."""
    return packed(("main.py", GOOD), ("models/../../outside.py", ""))


def backslash_path():
    """Climbs out where backslashes divide a path."""
    return packed(("main.py", GOOD), ("..\\outside.py", ""))


def absolute_path():
    """Names a place from the root."""
    return packed(("main.py", GOOD), ("/tmp/outside.py", ""))


def symlink():
    """Has a link to a file of the system."""
    return packed(("main.py", GOOD), ("weights.bin", "/etc/passwd", stat.S_IFLNK | 0o777))


def main_symlink():
    """`main.py` is a link itself."""
    return packed(("script.py", GOOD), ("main.py", "script.py", stat.S_IFLNK | 0o777))


def device():
    """Has a device."""
    return packed(("main.py", GOOD), ("memory", "", stat.S_IFCHR | 0o666))


def encrypted():
    """Says that its files are encrypted."""
    return patched(packed(("main.py", GOOD)), FLAGS, struct.pack("<H", 1))


def strange_compression():
    """Says that its files are compressed with a method that nobody has."""
    return patched(packed(("main.py", GOOD)), METHOD, struct.pack("<H", 250))


def many_entries():
    """12,000 empty files."""
    return packed(("main.py", GOOD), *((f"{number:x}", "") for number in range(11_999)))


def many_entries_claimed():
    """Claims 100,000 entries in a directory of one, by the record of a zip that has more than 65,535."""
    bundle = packed(("main.py", GOOD))
    start = bundle.index(CENTRAL)
    stop = bundle.index(END)
    end_64 = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 100_000, 100_000, stop - start, start)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, stop, 1)
    end = struct.pack("<4sHHHHIIH", END, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return bundle[:stop] + end_64 + locator + end


def bomb():
    """1 GiB of zeros, deflated to a thousandth."""
    return packed(("main.py", GOOD), ("zeros.bin", GIB))


def bomb_understated():
    """16 MiB of zeros that the directory and the file's own header call 16 bytes."""
    bundle = packed(("zeros.bin", 16 * MIB), ("main.py", GOOD))
    # The first entry comes first in the directory too.
    return patched(bundle, SIZE, struct.pack("<I", 16), entries=1)


def same_name_twice():
    """Two files of one name."""
    return packed(("main.py", GOOD), ("main.py", "raise SystemExit(3)\n"))


def case_duplicates():
    """Two files whose names are one where case does not count."""
    return packed(("main.py", GOOD), ("Main.py", "raise SystemExit(3)\n"))


def file_and_folder():
    """A file that is a folder too."""
    return packed(("main.py", GOOD), ("models", ""), ("models/weights.bin", ""))


def control_character():
    """A name with a line break, which would forge a line of a log."""
    return packed(("main.py", GOOD), ("a\nb.py", ""))


def damaged():
    """One byte of `main.py` is not what its checksum says."""
    return packed(("main.py", GOOD)).replace(b"import csv", b"import csw", 1)


def cut_off():
    """The end of the file is missing, and with it the directory."""
    bundle = packed(("main.py", GOOD))
    return bundle[: len(bundle) // 2]


# When they run


def submission_missing():
    """Ends well and leaves nothing."""
    return script("print('done')\n")


def submission_link():
    """Leaves a link to a file of the system for a submission."""
    return script("import os\nos.symlink('/etc/passwd', 'submission.csv')\n")


def submission_folder():
    """Leaves a folder of that name."""
    return script("import os\nos.mkdir('submission.csv')\n")


def submission_empty():
    """Leaves a file without a byte."""
    return script("open('submission.csv', 'w').close()\n")


def columns():
    """Calls the predictions otherwise."""
    return script(SAMPLE + "header = [id_name, 'prediction']\n" + LINES + WRITE)


def columns_one_more():
    """Leaves the index in, as pandas does unless told."""
    return script(
        SAMPLE + "header = ['', id_name, name]\nlines = [[n, id, 1000] for n, id in enumerate(ids)]\n" + WRITE
    )


def ids_missing():
    """Leaves the last two ids out."""
    return script(SAMPLE + HEADER + "lines = [[id, 1000] for id in ids[:-2]]\n" + WRITE)


def ids_unknown():
    """Has one id that is none."""
    return script(SAMPLE + HEADER + "lines = [[id, 1000] for id in [*ids[:-1], 'nobody']]\n" + WRITE)


def ids_duplicate():
    """Has all ids, and the first of them twice."""
    return script(SAMPLE + HEADER + "lines = [[id, 1000] for id in [*ids, ids[0]]]\n" + WRITE)


def values_nan():
    """Has one price that is NaN."""
    return script(SAMPLE + HEADER + LINES + "lines[0][1] = 'nan'\n" + WRITE)


def values_infinite():
    """Has one price without end."""
    return script(SAMPLE + HEADER + LINES + "lines[0][1] = 'inf'\n" + WRITE)


def values_empty():
    """Has one price that is nothing, as pandas writes what is missing."""
    return script(SAMPLE + HEADER + LINES + "lines[0][1] = ''\n" + WRITE)


def values_text():
    """Has two prices with a word in them."""
    return script(SAMPLE + HEADER + LINES + "lines[0][1] = lines[1][1] = '1000 USD'\n" + WRITE)


def values_negative():
    """Has one price below 0, which RMSLE cannot compare."""
    return script(SAMPLE + HEADER + LINES + "lines[0][1] = -5\n" + WRITE)


def exit_status():
    """Leaves a good submission, but ends with status 3."""
    return script(GOOD + "raise SystemExit(3)\n")


def syntax_error():
    """Is no Python."""
    return script("def main(:\n")


def package_missing():
    """Imports what the runtime does not have."""
    return script("import a_package_that_nobody_has\n" + GOOD)


def endless_loop():
    """Computes for ever."""
    return script("while True:\n    pass\n")


def endless_sleep():
    """Waits for ever, and uses no CPU."""
    return script("import time\nwhile True:\n    time.sleep(3600)\n")


def late_loop():
    """Waits for most of the time, and computes when its time is up."""
    return script("import time\ntime.sleep(3)\nwhile True:\n    pass\n")


def memory_hog():
    """Takes memory until there is none, and writes to all of it."""
    return script("hoard = []\nwhile True:\n    hoard.append(b'x' * 2**24)\n")


def working_folder_full():
    """Leaves a good submission beside 256 MiB of something else."""
    return script(
        "with open('cache.bin', 'wb') as file:\n    for _ in range(256):\n        file.write(b'x' * 2**20)\n" + GOOD
    )


def network():
    """Asks a server at an address kept for examples (RFC 5737), and leaves a good submission if it may."""
    return script(
        "import socket\n"
        "try:\n"
        "    socket.create_connection(('192.0.2.1', 80), timeout=5)\n"
        "except TimeoutError:\n"
        "    print('there is a network, but nobody answers')\n" + GOOD
    )


def writes_outside():
    """Writes where it must not; leaves a good submission if it can anywhere, else the last error."""
    return script(
        "import glob\n"
        "import sys\n"
        "folders = ['/etc', '/usr', '/kaggle/src', '/kaggle/input', *glob.glob('/kaggle/input/*')]\n"
        "for folder in folders:\n"
        "    try:\n"
        "        open(f'{folder}/leanboard-example', 'w').close()\n"
        "        print('wrote to', folder)\n"
        "        break\n"
        "    except OSError as error:\n"
        "        print(error, file=sys.stderr)\n"
        "else:\n"
        "    raise PermissionError('nothing outside can be written')\n" + GOOD
    )


def prints_a_lot():
    """Leaves a good submission, after 64 MiB on standard output and on standard error."""
    return script(
        "import sys\n"
        "line = 'x' * 1023 + '\\n'\n"
        "for _ in range(64):\n"
        "    sys.stdout.write(line * 1024)\n"
        "    sys.stderr.write(line * 1024)\n" + GOOD
    )


# Odd, and right


def wrapped():
    """All in one folder, as file managers zip it; `main.py` imports what lies beside it."""
    return packed(
        ("entry/", ""),
        (
            "entry/main.py",
            GOOD.replace("1000", "PRICE").replace("import csv", "import csv\nfrom price import PRICE", 1),
        ),
        ("entry/price.py", "PRICE = 1000\n"),
    )


def deflated():
    """Compressed, as zips mostly are."""
    return packed(("main.py", GOOD), ("notes.txt", "On weights. " * 100), compression=zipfile.ZIP_DEFLATED)


def fails_where_marked():
    """Good unless there is a mark in the environment, by which a test has it fail later."""
    return script('import os\nif os.path.exists("/runtime/mark"):\n    raise SystemExit(3)\n' + GOOD)


def predicts_worse_where_marked():
    """Scored for one thing, it does another where there is that mark."""
    mark = "import os\nif os.path.exists('/runtime/mark'):\n    lines = [[id, 1] for id in ids]\n"
    return script(SAMPLE + HEADER + LINES + mark + WRITE)


def reads_its_bundle():
    """Finds a file of its own in `/kaggle/src`."""
    return packed(
        (
            "main.py",
            SAMPLE + HEADER + "price = open('/kaggle/src/price.txt').read()\n" + LINES.replace("1000", "price") + WRITE,
        ),
        ("price.txt", "1000"),
    )


def columns_turned():
    """The columns and the rows in another order."""
    return script(SAMPLE + "header = [name, id_name]\nlines = [[1000, id] for id in reversed(ids)]\n" + WRITE)


def rerun_variable():
    """Asks the environment whether this is the real run, as Kaggle's notebooks do, and goes wrong if it is told no."""
    return script("import os\nassert os.environ['KAGGLE_IS_COMPETITION_RERUN'] == '1'\n" + GOOD)


REFUSED = [
    main_missing,
    empty,
    parent_path,
    parent_path_within,
    backslash_path,
    absolute_path,
    symlink,
    main_symlink,
    device,
    encrypted,
    strange_compression,
    many_entries,
    many_entries_claimed,
    bomb,
    bomb_understated,
    same_name_twice,
    case_duplicates,
    file_and_folder,
    control_character,
    damaged,
    cut_off,
]
FAILING = [
    submission_missing,
    submission_link,
    submission_folder,
    submission_empty,
    columns,
    columns_one_more,
    ids_missing,
    ids_unknown,
    ids_duplicate,
    values_nan,
    values_infinite,
    values_empty,
    values_text,
    values_negative,
    exit_status,
    syntax_error,
    package_missing,
    endless_loop,
    endless_sleep,
    late_loop,
    memory_hog,
    working_folder_full,
    network,
    writes_outside,
    prints_a_lot,
]
PASSING = [
    wrapped,
    deflated,
    fails_where_marked,
    predicts_worse_where_marked,
    reads_its_bundle,
    columns_turned,
    rerun_variable,
]

# Where a zip's records begin, and where their fields lie in a file's own header and in the directory (APPNOTE 4.3).
LOCAL, CENTRAL, END = b"PK\3\4", b"PK\1\2", b"PK\5\6"
FLAGS, METHOD, SIZE = (6, 8), (8, 10), (22, 24)


def script(main):
    return packed(("main.py", main))


def packed(*entries, compression=zipfile.ZIP_STORED):
    """A zip of entries: a path, the text or a number of zeros, and the mode where it is no ordinary file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        names = set()
        for path, content, *mode in entries:
            # zipfile only warns of a second file of the same name; both are written.
            file = zipfile.ZipInfo("main.p?" if path in names else path)
            file.create_system = 3
            file.compress_type = compression
            file.external_attr = (mode[0] if mode else stat.S_IFREG | 0o644) << 16
            if path.endswith("/"):
                file.external_attr = (stat.S_IFDIR | 0o755) << 16 | 0x10
            names.add(path)
            if isinstance(content, int):
                write_zeros(bundle, file, content)
            else:
                bundle.writestr(file, content)
    return buffer.getvalue().replace(b"main.p?", b"main.py")


def write_zeros(bundle, file, size):
    file.compress_type = zipfile.ZIP_DEFLATED
    file.file_size = size
    with bundle.open(file, "w") as stream:
        for _ in range(0, size, min(size, MIB)):
            stream.write(bytes(min(size, MIB)))


def patched(bundle, field, value, entries=None):
    """Overwrites a field of every entry, or of the first few, in both of its places."""
    patched = bytearray(bundle)
    for record, at in zip((LOCAL, CENTRAL), field):
        start, left = bundle.find(record), entries
        while start >= 0 and left != 0:
            patched[start + at : start + at + len(value)] = value
            start, left = bundle.find(record, start + 1), left and left - 1
    return bytes(patched)


def main():
    BUNDLES.mkdir(exist_ok=True)
    for make in (*REFUSED, *FAILING, *PASSING):
        (BUNDLES / f"{make.__name__}.zip").write_bytes(make())


if __name__ == "__main__":
    main()
