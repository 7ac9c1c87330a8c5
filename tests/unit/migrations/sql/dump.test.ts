import { expect, test } from 'vitest'
import { parseMigrations } from '../../../../src/migrations/files/parse.ts'
import { programText } from '../../../support/program-text.ts'

const dump = `--
-- PostgreSQL database dump
--

\\restrict 5bWqK3eP0aF

-- Dumped from database version 17.6

SET statement_timeout = 0;
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);

CREATE FUNCTION public.f() RETURNS trigger
    LANGUAGE plpgsql
    AS $_$
BEGIN
  -- not the end;
  RETURN NEW;
END;
$_$;

CREATE TABLE public.t (
    a integer NOT NULL,
    b text DEFAULT 'it''s; "x"'::text
);

--
-- Data for Name: t; Type: TABLE DATA
--

COPY public.t (a, b) FROM stdin;
1\tit's; $$ -- /*
2\t\\N
3\t\\\\.\\tx
\\.

COPY public.u (a) FROM stdin;
\\.

SELECT pg_catalog.setval('public.t_a_seq', 3, true);

ALTER TABLE ONLY public.t
    ADD CONSTRAINT t_pkey PRIMARY KEY (a);

\\unrestrict 5bWqK3eP0aF

`

test('a dump by pg_dump must compile to one group, with its rows as data', async () => {
  expect(await programText(dump)).toMatchInlineSnapshot(
    `"group 0-8: @96 "SET statement_timeout = 0;\\nSET standard_conforming_strings = on;\\nSELECT pg_catalog.set_config('search_path', '', false);\\n\\nCREATE FUNCTION public.f() RETURNS trigger\\n    LANGUAGE plpgsql\\n    AS $_$\\nBEGIN\\n  -- not the end;\\n  RETURN NEW;\\nEND;\\n$_$;\\n\\nCREATE TABLE public.t (\\n    a integer NOT NULL,\\n    b text DEFAULT 'it''s; \\"x\\"'::text\\n);\\n\\n--\\n-- Data for Name: t; Type: TABLE DATA\\n--\\n\\nCOPY public.t (a, b) FROM stdin;" <- "1\\tit's; $$ -- /*\\n2\\t\\\\N\\n3\\t\\\\\\\\.\\\\tx\\n" | @545 "COPY public.u (a) FROM stdin;" <- "" | @579 "SELECT pg_catalog.setval('public.t_a_seq', 3, true);\\n\\nALTER TABLE ONLY public.t\\n    ADD CONSTRAINT t_pkey PRIMARY KEY (a);""`,
  )
})

test.each([
  ['no bytes at all', '', 'nothing'],
  ['a byte order mark and no more', '\uFEFF', 'nothing'],
  ['CR LF', '\uFEFFselect 1;\r\nvacuum;\r\n', 'group 0: @0 "select 1;"\nalone 1: VACUUM (repeatable) @10 "vacuum"'],
  ['CR LF around data', 'copy t from stdin;\r\n1\r\n\\.\r\n', 'group 0: @0 "copy t from stdin;" <- "1\\n"'],
  ['two byte order marks', '\uFEFF\uFEFFselect 1', 'group 0: @0 " select 1"'],
  ['files joined with their marks', 'select 1;\n\uFEFFselect 2;', 'group 0-1: @0 "select 1;\\n select 2;"'],
  ['a no-break space behind a semicolon', 'select 1;\u00a0\nselect 2', 'group 0-1: @0 "select 1; \\nselect 2"'],
])('%s', async (_name, text, expected) => {
  const [migration] = parseMigrations([{ file: '1_a.sql', bytes: Buffer.from(text) }])
  expect(await programText(migration?.sql ?? '?')).toBe(expected)
})
