"""Model families: weights, text tokens, latent shape, schedule. One file each."""
