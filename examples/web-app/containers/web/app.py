"""A guest book over HTTP: GET / lists the entries as JSON, GET /health says whether the database answers."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg


def entries():
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        rows = connection.execute("SELECT author, message FROM entries ORDER BY id").fetchall()
    return [{"author": author, "message": message} for author, message in rows]


class GuestBook(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/health":
            entries()
            self.answer({"status": "ok"})
        elif self.path == "/":
            self.answer({"greeting": os.environ["GREETING"], "entries": entries()})
        else:
            self.send_error(404)

    def answer(self, document):
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("", 8000), GuestBook).serve_forever()
