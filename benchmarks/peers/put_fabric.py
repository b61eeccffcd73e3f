"""fabric's `put` of one file, the connection already open; repeated. Arguments: boards, file, times."""

import json
import sys
import time
from pathlib import Path

from fabric import Connection

place = json.loads(Path(sys.argv[1]).read_text())[0]
connect = {"key_filename": place["key_file"]}
with Connection(place["host"], place["user"], place["port"], connect_kwargs=connect) as connection:
    connection.open()
    connection.sftp()
    for _turn in range(int(sys.argv[3])):
        began = time.perf_counter()
        connection.put(sys.argv[2], str(Path(place["work_dir"]).parent / "put"))
        sys.stdout.write(f"{time.perf_counter() - began}\n")
