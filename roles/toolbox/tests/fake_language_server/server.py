#!/usr/bin/env python3
# A language server that knows one thing: a line that begins with "class" defines a class.
#
# It asks its client before it answers, answers in the nested form, and ends when it is asked for
# completions in a document that says "crash". As `typescript-language-server` it knows workspaces.

import json
import os
import sys

documents = {}
knows_workspaces = os.path.basename(sys.argv[0]) != "pylsp"


def read():
    length = 0
    while True:
        line = sys.stdin.buffer.readline()
        if not line:
            sys.exit(0)
        if line == b"\r\n":
            return json.loads(sys.stdin.buffer.read(length))
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])


def write(message):
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    # In two pieces, and with another line.
    sys.stdout.buffer.write(b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: %d\r\n" % len(body))
    sys.stdout.buffer.flush()
    sys.stdout.buffer.write(b"\r\n" + body)
    sys.stdout.buffer.flush()


def symbols(text):
    for number, line in enumerate(text.splitlines()):
        if line.startswith("class "):
            place = {"start": {"line": number, "character": 0}, "end": {"line": number, "character": len(line)}}
            method = {"name": "method", "kind": 6, "range": place, "selectionRange": place}
            name = line.split()[1].rstrip(":")
            yield {"name": name, "kind": 5, "range": place, "selectionRange": place, "children": [method]}


def text_of(uri):
    from urllib.parse import unquote

    if uri in documents:
        return documents[uri]
    with open(unquote(uri[len("file://") :])) as file:
        return file.read()


while True:
    message = read()
    method, number, parameters = message.get("method"), message.get("id"), message.get("params") or {}
    if method == "initialize":
        write({"id": "ours", "method": "workspace/configuration", "params": {"items": [{}, {}]}})
        assert read()["result"] == [None, None]
        write({"method": "window/logMessage", "params": {"message": parameters["rootUri"]}})
        write({"id": number, "result": {"capabilities": {"workspaceSymbolProvider": knows_workspaces}}})
    elif method == "textDocument/didOpen":
        document = parameters["textDocument"]
        assert document["uri"].startswith("file:///"), document
        documents[document["uri"]] = document["text"]
        print("opened", document["uri"], document["version"], document["languageId"], file=sys.stderr, flush=True)
    elif method == "textDocument/didClose":
        del documents[parameters["textDocument"]["uri"]]
    elif method == "textDocument/completion":
        text = documents.get(parameters["textDocument"]["uri"], "")
        if "crash" in text:
            print("going down", file=sys.stderr, flush=True)
            os._exit(7)
        items = [{"label": word, "documentation": "a word"} for word in text.split()]
        write({"id": number, "result": items or None})
    elif method == "textDocument/documentSymbol":
        write({"id": number, "result": list(symbols(text_of(parameters["textDocument"]["uri"])))})
    elif method == "workspace/symbol":
        if not documents:
            write({"id": number, "error": {"code": -32603, "message": "No Project."}})
            continue
        found = [
            {"name": one["name"], "kind": 5, "location": {"uri": uri, "range": one["range"]}}
            for uri, text in documents.items()
            for one in symbols(text)
        ]
        write({"id": number, "result": found})
    elif method == "shutdown":
        write({"id": number, "result": None})
    elif method == "exit":
        sys.exit(0)
