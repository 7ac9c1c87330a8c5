-- Description: the total of each order, and no change to a shipped one
CREATE VIEW shop.order_totals AS
SELECT o.id, o.customer, o.state, sum(l.quantity * p.price_cents)::bigint AS total_cents
FROM shop.orders o
JOIN shop.order_lines l ON l.order_id = o.id
JOIN shop.products p ON p.id = l.product_id
GROUP BY o.id;

CREATE FUNCTION shop.refuse_shipped() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state = 'shipped' THEN
        RAISE EXCEPTION 'order % is shipped and cannot change', OLD.id;
    END IF;
    RETURN NEW;
END;
$$;

CREATE TRIGGER orders_refuse_shipped
BEFORE UPDATE ON shop.orders
FOR EACH ROW EXECUTE FUNCTION shop.refuse_shipped();
