"""Work with torch in it, in a process of its own: an order as JSON goes in, steps as JSON lines come out."""
