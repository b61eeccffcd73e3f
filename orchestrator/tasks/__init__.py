"""Work on data sets in sweeps: files for the boards beforehand, figures from their answers afterwards."""
