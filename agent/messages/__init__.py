"""The types on the wire, by who says them. `agent.protocol` puts them all into one language; a worker, which starts for
every job, imports only what it needs of them."""
