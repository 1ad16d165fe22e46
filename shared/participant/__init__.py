"""The other side of a call: the host of activities, the fence, faults, and what a person closes by hand."""
