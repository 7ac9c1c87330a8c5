<?php
// Notes each visit and lists all of them, as JSON.
$pdo = new PDO(
    sprintf('pgsql:host=%s;port=%s;dbname=%s', getenv('DB_HOST'), getenv('DB_PORT'), getenv('DB_NAME')),
    getenv('DB_USER'),
    getenv('DB_PASS'),
    [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION],
);
if (isset($_GET['name'])) {
    $pdo->prepare('INSERT INTO visitors (name) VALUES (?)')->execute([$_GET['name']]);
}
header('Content-Type: application/json');
echo json_encode([
    'title' => getenv('SITE_TITLE'),
    'visitors' => $pdo->query('SELECT name FROM visitors ORDER BY id')->fetchAll(PDO::FETCH_COLUMN),
]);
