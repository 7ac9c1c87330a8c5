CREATE TABLE transfers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source bigint NOT NULL REFERENCES accounts,
    target bigint NOT NULL REFERENCES accounts,
    amount numeric(12, 2) NOT NULL CHECK (amount > 0)
);

CREATE FUNCTION transfer(source_id bigint, target_id bigint, sum numeric) RETURNS void LANGUAGE sql
BEGIN ATOMIC
    UPDATE accounts SET balance = balance - sum WHERE id = source_id;
    UPDATE accounts SET balance = balance + sum WHERE id = target_id;
    INSERT INTO transfers (source, target, amount) VALUES (source_id, target_id, sum);
END;
