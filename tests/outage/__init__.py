"""The outage exercise: the product as processes, with one part after the other taken away. `make outage`."""
