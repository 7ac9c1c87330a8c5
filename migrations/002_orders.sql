-- Description: who ordered what
CREATE TYPE shop.order_state AS ENUM ('open', 'paid', 'shipped', 'cancelled');

CREATE TABLE shop.orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer text NOT NULL,
    state shop.order_state NOT NULL DEFAULT 'open',
    placed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE shop.order_lines (
    order_id bigint NOT NULL REFERENCES shop.orders ON DELETE CASCADE,
    product_id bigint NOT NULL REFERENCES shop.products,
    quantity integer NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (order_id, product_id)
);

CREATE INDEX order_lines_product_id_idx ON shop.order_lines (product_id);
