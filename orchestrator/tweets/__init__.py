"""Real tweets with labels: fetched, cleaned, freed of duplicates and split; and the model they beat first."""
