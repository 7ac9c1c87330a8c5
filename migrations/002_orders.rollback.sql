DROP TABLE shop.order_lines;
DROP TABLE shop.orders;
DROP TYPE shop.order_state;
