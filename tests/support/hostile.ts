/** Operators and types that somebody put where a role's search_path may find them before those of PostgreSQL. */

/** Every binary operator that a question to the catalogs may use, for every pair of types; each fails when it is called. */
export const hostile = `
CREATE SCHEMA evil;
DO $$ DECLARE o record; n int := 0; BEGIN
  FOR o IN SELECT oprname AS name, oprleft::regtype AS l, oprright::regtype AS r, oprresult::regtype AS result FROM pg_operator
    WHERE oprkind = 'b' AND oprname IN ('=', '<>', '<', '>', '<=', '>=', '||', '~', '!~', '~~', '!~~', '+', '-', '*', '/', '&') LOOP
    n := n + 1;
    BEGIN
      EXECUTE format('CREATE FUNCTION evil.f%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS $f$ BEGIN RAISE ''hostile operator %s''; END $f$',
        n, o.l, o.r, o.result, o.name);
      EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = evil.f%s)', o.name, o.l, o.r, n);
    EXCEPTION WHEN OTHERS THEN NULL; -- pseudo-types
    END;
  END LOOP;
END $$;
CREATE DOMAIN evil.text AS int4;
CREATE DOMAIN evil.name AS int4;`
