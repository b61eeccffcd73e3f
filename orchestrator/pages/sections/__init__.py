"""What stands on the page of a sweep or a run: from facts to words, tables and charts. Pure, a subject a file."""
