"""Fills the guest book with a first visitor. Runs once: Poststack runs a job again only when it changes."""

import os

import psycopg

with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    connection.execute(
        "INSERT INTO entries (author, message) VALUES (%s, %s)",
        ("seed", "written by the job that ran before the web server started"),
    )
print("one entry written")
