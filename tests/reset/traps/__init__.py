"""One test for each way in which a reset of migrations has gone wrong for somebody before us."""
