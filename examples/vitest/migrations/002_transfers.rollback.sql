DROP FUNCTION transfer(bigint, bigint, numeric);
DROP TABLE transfers;
