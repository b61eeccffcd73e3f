"""From the words of a person, on the command line or in an address, to what is asked for."""
