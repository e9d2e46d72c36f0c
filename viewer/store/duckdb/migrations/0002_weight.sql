-- Tail sampling keeps some traces for many.
ALTER TABLE spans ADD COLUMN weight REAL DEFAULT 1;
