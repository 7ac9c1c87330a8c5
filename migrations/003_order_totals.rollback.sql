DROP TRIGGER orders_refuse_shipped ON shop.orders;
DROP FUNCTION shop.refuse_shipped();
DROP VIEW shop.order_totals;
