"""Files up and down, one and many, with names that are hard."""

import os
import tempfile

from daytona import Daytona, FileDownloadRequest, FileUpload

daytona = Daytona()
sandbox = daytona.create()
try:
    fs = sandbox.fs
    fs.create_folder("work/deep", "755")
    hard = "work/名前 with 'quotes' & spaces %41.txt"
    fs.upload_file("äöü".encode(), hard)
    assert fs.download_file(hard).decode() == "äöü"

    with tempfile.TemporaryDirectory() as temporary:
        local = os.path.join(temporary, "local.bin")
        content = os.urandom(3 << 20)
        with open(local, "wb") as file:
            file.write(content)
        fs.upload_files([FileUpload(source=local, destination="work/a.bin"), FileUpload(source=b"", destination="work/empty")])
        back = os.path.join(temporary, "back.bin")
        fs.download_file("work/a.bin", back)
        with open(back, "rb") as file:
            assert file.read() == content

    answers = fs.download_files([FileDownloadRequest(source="work/a.bin"), FileDownloadRequest(source="work/missing"), FileDownloadRequest(source="work/empty")])
    assert answers[0].result == content
    assert answers[1].error and "not found" in answers[1].error.lower(), answers[1]
    assert answers[2].error is None

    names = [info.name for info in fs.list_files("work")]
    assert names == sorted(names) and "a.bin" in names and "deep" in names, names
    info = fs.get_file_info("work/a.bin")
    assert (info.size, info.is_dir, info.permissions) == (3 << 20, False, "0644"), info
    fs.set_file_permissions("work/a.bin", mode="600")
    assert fs.get_file_info("work/a.bin").permissions == "0600"
    fs.move_files("work/a.bin", "work/deep/b.bin")
    assert [info.name for info in fs.list_files("work/deep")] == ["b.bin"]
    fs.delete_file("work/deep/b.bin")
    fs.delete_file("work", recursive=True)
    assert "work" not in [info.name for info in fs.list_files("/home/daytona")]
finally:
    sandbox.delete()
