CREATE TABLE currencies (
    code text PRIMARY KEY,
    digits integer NOT NULL
);

CREATE TABLE accounts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner text NOT NULL UNIQUE,
    currency text NOT NULL DEFAULT 'EUR' REFERENCES currencies,
    balance numeric(12, 2) NOT NULL DEFAULT 0 CHECK (balance >= 0)
);
