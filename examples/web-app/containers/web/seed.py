"""Fills the guest book with a first visitor. Poststack runs a job again when it changes, so it looks first."""

import os

import psycopg

with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    connection.execute(
        "INSERT INTO entries (author, message) SELECT %s, %s WHERE NOT EXISTS (SELECT FROM entries WHERE author = %s)",
        ("seed", "written by the job that ran before the web server started", "seed"),
    )
print("the entry is there")
