"""One gibibyte up and down again; the checksum of what came back is that of what went."""

import hashlib
import os
import tempfile

from daytona import Daytona

SIZE = 1 << 30
CHUNK = 1 << 20


def checksum(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


daytona = Daytona()
sandbox = daytona.create()
try:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as temporary:
        local = os.path.join(temporary, "big")
        block = os.urandom(CHUNK)
        with open(local, "wb") as file:
            for number in range(SIZE // CHUNK):
                file.write(number.to_bytes(8, "big") + block[8:])
        expected = checksum(local)
        sandbox.fs.upload_file(local, "big", 600)
        inside = sandbox.process.exec("sha256sum big | cut -d' ' -f1; stat -c %s big").result.split()
        assert inside == [expected, str(SIZE)], inside
        back = os.path.join(temporary, "back")
        sandbox.fs.download_file("big", back, 600)
        assert checksum(back) == expected
finally:
    sandbox.delete()
