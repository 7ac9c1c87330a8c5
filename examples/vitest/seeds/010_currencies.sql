INSERT INTO currencies (code, digits) VALUES ('EUR', 2), ('JPY', 0) ON CONFLICT DO NOTHING;
