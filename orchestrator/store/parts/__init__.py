"""What a store can be asked, by its subject. `store.py` makes one thing of the parts."""
