DROP TABLE shop.products;
DROP SCHEMA shop;
