"""Steers the passage between this script and the API: see `tests/src/passage.rs`."""

import json
import os
import time
import urllib.request


def steer(order):
    url = os.environ["DAYTONA_API_URL"].removesuffix("/api") + "/passage/" + order
    with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=30) as answer:
        return json.load(answer)


def is_listening():
    return steer("report")["sockets"] > 0


def deadline():
    return time.monotonic() + 60
