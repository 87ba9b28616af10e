"""Git: all operations, with a remote that asks for a password."""

from daytona import (
    Daytona,
    DaytonaConflictError,
    DaytonaGitAuthFailedError,
    DaytonaGitBranchExistsError,
    DaytonaGitBranchNotFoundError,
    DaytonaGitPushRejectedError,
    DaytonaGitRepoNotFoundError,
    DaytonaGitTransportFailedError,
    DaytonaNotFoundError,
)

# A server of the sandbox's own: git's program for HTTP behind a password.
SERVER = r"""
import base64, os, subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "Basic " + base64.b64encode(b"ada:s3cret-token").decode()

class Handler(BaseHTTPRequestHandler):
    def answer(self):
        if self.headers.get("Authorization") != KEY:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        env = dict(os.environ, GIT_PROJECT_ROOT="/tmp/remotes", GIT_HTTP_EXPORT_ALL="1", REMOTE_USER="ada",
                   PATH_INFO=path, QUERY_STRING=query, REQUEST_METHOD=self.command, CONTENT_LENGTH=str(len(body)),
                   CONTENT_TYPE=self.headers.get("Content-Type", ""), HTTP_CONTENT_ENCODING=self.headers.get("Content-Encoding", ""))
        output = subprocess.run(["git", "http-backend"], input=body, stdout=subprocess.PIPE, env=env).stdout
        head, _, content = output.partition(b"\r\n\r\n")
        lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(lines.pop("Status", "200").split()[0]))
        for name, value in lines.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = answer
    def log_message(self, *_): pass

ThreadingHTTPServer(("127.0.0.1", 3999), Handler).serve_forever()
"""

sandbox = Daytona().create()
git = sandbox.git
ADA = {"username": "ada", "password": "s3cret-token"}
URL = "http://127.0.0.1:3999/flock.git"


def refused(error, what, *arguments, **more):
    try:
        what(*arguments, **more)
    except error as raised:
        assert "s3cret" not in str(raised), raised
        return
    raise AssertionError(f"{what.__name__} did not raise {error.__name__}")


try:
    sandbox.fs.upload_file(SERVER.encode(), "/tmp/server.py")
    made = sandbox.process.exec(
        "git init -q --bare -b main /tmp/remotes/flock.git && (python3 /tmp/server.py > /tmp/server.log 2>&1 &)"
        " && for i in $(seq 100); do nc -z 127.0.0.1 3999 && break; sleep 0.1; done"
    )
    assert made.exit_code == 0, made

    # --- a repository of one's own
    git.init("repo", initial_branch="main")
    refused(DaytonaConflictError, git.init, "repo")
    assert git.status("repo").current_branch == "main"
    sandbox.fs.upload_file(b"one\n", "repo/a file.txt")
    sandbox.fs.upload_file("日本\n".encode(), "repo/deep/日本.txt")
    status = {one.name: (one.staging, one.worktree) for one in git.status("repo").file_status}
    assert status == {"a file.txt": ("Untracked", "Untracked"), "deep/日本.txt": ("Untracked", "Untracked")}, status
    git.add("repo", ["."])
    assert {one.staging for one in git.status("repo").file_status} == {"Added"}
    first = git.commit("repo", "first", "Ada", "ada@example.com").sha
    assert len(first) == 40
    assert git.status("repo").file_status == []
    refused(DaytonaConflictError, git.commit, "repo", "nothing", "Ada", "ada@example.com")
    git.commit("repo", "empty", "Ada", "ada@example.com", allow_empty=True)

    # --- branches
    git.create_branch("repo", "side")
    branches = git.branches("repo")
    assert (sorted(branches.branches), branches.current) == (["main", "side"], "side"), branches
    refused(DaytonaGitBranchExistsError, git.create_branch, "repo", "side")
    refused(DaytonaGitBranchNotFoundError, git.checkout_branch, "repo", "nowhere")
    git.checkout_branch("repo", "main")
    git.delete_branch("repo", "side")
    assert git.branches("repo").branches == ["main"]

    # --- reset and restore
    sandbox.fs.upload_file(b"two\n", "repo/a file.txt")
    git.add("repo", ["a file.txt"])
    git.restore("repo", ["a file.txt"], staged=True)
    assert [(one.staging, one.worktree) for one in git.status("repo").file_status] == [("Unmodified", "Modified")]
    git.restore("repo", ["a file.txt"])
    assert sandbox.fs.download_file("repo/a file.txt") == b"one\n"
    git.reset("repo", mode="hard", target=first)
    refused(DaytonaNotFoundError, git.reset, "repo", target="nowhere")

    # --- a remote with a password
    git.remote_add("repo", "origin", URL)
    refused(DaytonaConflictError, git.remote_add, "repo", "origin", URL)
    assert [(one.name, one.url) for one in git.remotes("repo").remotes] == [("origin", URL)]
    assert git.remote_get("repo", "origin") == URL and git.remote_get("repo", "none") is None
    refused(DaytonaGitAuthFailedError, git.push, "repo")
    refused(DaytonaGitAuthFailedError, git.push, "repo", username="ada", password="s3cret-wrong")
    git.push("repo", **ADA, set_upstream=True)
    status = git.status("repo")
    assert (status.branch_published, status.ahead, status.behind, status.upstream) == (True, 0, 0, "origin/main"), status

    git.clone(URL, "copy", **ADA)
    assert sandbox.fs.download_file("copy/deep/日本.txt") == "日本\n".encode()
    refused(DaytonaConflictError, git.clone, URL, "copy", **ADA)
    refused(DaytonaGitAuthFailedError, git.clone, URL, "other", username="ada", password="s3cret-wrong")
    refused(DaytonaGitBranchNotFoundError, git.clone, URL, "other", branch="nowhere", **ADA)
    refused(DaytonaGitRepoNotFoundError, git.clone, "http://127.0.0.1:3999/none.git", "other", **ADA)
    refused(DaytonaGitTransportFailedError, git.clone, "http://127.0.0.1:1/flock.git", "other")
    refused(DaytonaGitTransportFailedError, git.clone, "http://no-such-host.invalid/flock.git", "other")
    assert sandbox.process.exec("ls -d other").exit_code != 0, "a failed clone left something"

    # --- both change it
    sandbox.fs.upload_file(b"copy\n", "copy/a file.txt")
    git.add("copy", ["."])
    git.commit("copy", "of the copy", "Bob", "bob@example.com")
    assert git.status("copy").ahead == 1
    git.push("copy", **ADA)
    sandbox.fs.upload_file(b"new\n", "repo/new.txt")
    git.add("repo", ["new.txt"])
    git.commit("repo", "of the first", "Ada", "ada@example.com")
    refused(DaytonaGitPushRejectedError, git.push, "repo", **ADA)
    refused(DaytonaConflictError, git.pull, "repo", **ADA)
    git.reset("repo", mode="hard", target=first)
    git.pull("repo", **ADA)
    assert sandbox.fs.download_file("repo/a file.txt") == b"copy\n"

    # --- settings, and a credential that is kept because it was asked for
    git.configure_user("Ada", "ada@example.com")
    assert git.get_config("user.email") == "ada@example.com"
    git.set_config("core.editor", "vi", scope="local", path="repo")
    assert git.get_config("core.editor", scope="local", path="repo") == "vi"
    assert git.get_config("no.such") is None
    kept = sandbox.process.exec("cat ~/.git-credentials ~/.gitconfig repo/.git/config copy/.git/config; env; ps axww").result
    assert "s3cret" not in kept, kept
    git.dangerously_authenticate("ada", "s3cret-token", host="127.0.0.1:3999", protocol="http")
    git.clone(URL, "third")
    assert sandbox.process.exec("git -C third log --format=%an -1").result == "Bob\n"
    git.clone(URL, "shallow", depth=1)
    assert sandbox.process.exec("git -C shallow rev-list --count HEAD").result == "1\n"
    git.clone(URL, "at", commit_id=first)
    at = git.status("at")
    assert (at.current_branch, at.detached) == ("HEAD", True), at
finally:
    sandbox.delete()
