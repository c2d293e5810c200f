"""What happens to an acquisition, in the order of the steps, and how the steps are run.

`discover`, `acquire`, `screen`, `segment`, `vectorize`, `record`, `history`. Each step reads,
computes and writes, and knows the acquisition by its id alone. A step whose product is complete
and made from the same inputs by the same model does nothing. `cli` imports this package.
"""
