-- Description: what the shop sells
CREATE SCHEMA shop;

CREATE TABLE shop.products (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sku text NOT NULL UNIQUE CHECK (sku ~ '^[A-Z0-9-]{3,20}$'),
    name text NOT NULL,
    price_cents integer NOT NULL CHECK (price_cents >= 0),
    created_at timestamptz NOT NULL DEFAULT now()
);

INSERT INTO shop.products (sku, name, price_cents) VALUES
    ('TEA-001', 'Green tea, 100 g', 650),
    ('TEA-002', 'Black tea, 100 g', 590),
    ('CUP-001', 'Cup, white', 1200);
